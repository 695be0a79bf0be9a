"""The second factor: a code of this half minute, made of a secret that the user's device keeps.

A code is good once. Recovery codes stand in for a device that was lost, each once.
"""

import hashlib
import secrets
from datetime import datetime

import pyotp
from django.conf import settings
from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict, DomainError
from apps.tenants.errors import SecondFactorMissing, SecondFactorNeeded, WrongCode
from apps.tenants.models import RecoveryCode, User
from apps.tenants.services.tries import begin_try, fail_try, prove_password, take_back

SECRET = User._meta.get_field("totp_secret")
ISSUER = "IronBull"
STEP_SECONDS = 30
# A clock may be one step off, either way.
DRIFT = (-1, 0, 1)
RECOVERY_CODES = 10
# Who moves money or owns the platform proves it twice.
ENFORCED = {User.Role.OWNER, User.Role.FINANCE}


def has_second_factor(user: User) -> bool:
    return user.totp_since is not None


def needs_second_factor(user: User) -> bool:
    """Whether a user's role asks for one, where the platform insists."""
    return settings.SECOND_FACTOR and (user.role in ENFORCED or user.is_superuser)


@transaction.atomic
def begin_second_factor(*, user: User) -> str:
    """A secret for the user's device, as an address that it reads; it counts once confirmed."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if has_second_factor(row):
        raise Conflict("there is a second factor already", user=row.pk)
    if not row.totp_secret:
        SECRET.seal(row, pyotp.random_base32())
        row.save(update_fields=["totp_secret"])
    totp = pyotp.TOTP(SECRET.unseal(row), name=row.username, issuer=ISSUER)
    return totp.provisioning_uri()


@retried
@transaction.atomic
def confirm_second_factor(*, user: User, code: str, now: datetime) -> list[str]:
    """The device shows the right code: it counts from now on. Recovery codes are told once."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if has_second_factor(row) or not row.totp_secret:
        raise Conflict("there is no second factor to confirm", user=row.pk)
    step = step_of(row, code, now)
    if step is None:
        raise WrongCode("this is not the code of this moment")
    row.totp_since, row.totp_step = now, step
    row.save(update_fields=["totp_since", "totp_step"])
    words = [recovery_code() for _ in range(RECOVERY_CODES)]
    row.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=row, hash=hash_of(w)) for w in words)
    audit.record("second_factor.confirmed", row, tenant=row.tenant)
    user.refresh_from_db()
    return words


def recovery_code() -> str:
    """Eighty bits, in groups that can be copied from paper."""
    word = secrets.token_hex(10)
    return "-".join(word[start : start + 5] for start in range(0, len(word), 5))


def show_second_factor(*, user: User, code: str, source: str, now: datetime) -> None:
    """Check the second factor at a door: wrong codes are counted, until a right one comes."""
    row = begin_try(username=user.username, source=source, now=now)
    try:
        check_second_factor(user=user, code=code, now=now)
    except WrongCode:
        fail_try(row)
        raise
    except DomainError:
        # No code came, or there is none yet: that is no guess.
        take_back(row, forget=False)
        raise
    take_back(row, forget=True)


def check_second_factor(*, user: User, code: str, now: datetime) -> None:
    """Refuse whoever does not show a code of the second factor, where there is or must be one."""
    if not has_second_factor(user):
        if needs_second_factor(user):
            raise SecondFactorMissing("set up a second factor in the admin first")
        return
    if not code.strip():
        raise SecondFactorNeeded("a code of the second factor is needed")
    step = step_of(user, code, now)
    if step is not None:
        # Of two that show one code at once, the first one moves the step.
        later = User.objects.filter(pk=user.pk, totp_step__lt=step)
        if later.update(totp_step=step):
            return
    elif use_recovery_code(user, code, now):
        return
    raise WrongCode("the code is wrong, or was used already")


def use_recovery_code(user: User, code: str, now: datetime) -> bool:
    fresh = RecoveryCode.objects.filter(user=user, hash=hash_of(code), used_at=None)
    if not fresh.update(used_at=now):
        return False
    audit.record("second_factor.recovered", user, tenant=user.tenant)
    return True


def remove_second_factor(
    *, user: User, password: str, code: str, source: str, now: datetime
) -> None:
    """Go without a second factor from now on, for who knows the password and shows a last code."""
    if needs_second_factor(user):
        raise Conflict("this role does not go without a second factor", user=user.pk)
    if not has_second_factor(user):
        raise Conflict("there is no second factor", user=user.pk)
    told = "the password is wrong"
    prove_password(
        user=user, password=password, field="password", told=told, source=source, now=now
    )
    show_second_factor(user=user, code=code, source=source, now=now)
    forget_second_factor(user=user)


@retried
@transaction.atomic
def forget_second_factor(*, user: User) -> None:
    """Forget a user's second factor and recovery codes; where it is a must, it is set up anew."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.totp_secret:
        return
    row.totp_secret, row.totp_since = "", None
    row.save(update_fields=["totp_secret", "totp_since"])
    row.recovery_codes.all().delete()
    audit.record("second_factor.reset", row, tenant=row.tenant)


def step_of(user: User, code: str, now: datetime) -> int | None:
    """The step of time that a code belongs to, if it is near and later than the last one used."""
    totp = pyotp.TOTP(SECRET.unseal(user))
    here = int(now.timestamp()) // STEP_SECONDS
    given = code.strip().replace(" ", "")
    for drift in DRIFT:
        step = here + drift
        if step > user.totp_step and pyotp.utils.strings_equal(totp.generate_otp(step), given):
            return step
    return None


def hash_of(code: str) -> str:
    plain = code.lower().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode()).hexdigest()
