"""Users are made, given another role, disabled and enabled; what they lost is reset."""

from collections.abc import Iterable
from zoneinfo import available_timezones

from django.contrib.auth.models import Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.tenants.models import Tenant, User
from apps.tenants.roles import is_owner
from apps.tenants.services.logins import end_all
from apps.tenants.services.second_factor import forget_second_factor


@retried
@transaction.atomic
def create_user(
    *, username: str, password: str, role: str, email: str = "", tenant: Tenant | None = None
) -> User:
    """Let somebody log in, in a role of the platform, or as staff of a tenant."""
    if role not in User.Role.values or role == User.Role.CUSTOM:
        raise BadInput(f"{role[:32]!r} is no role", field="role")
    if (role == User.Role.STAFF) != (tenant is not None):
        raise BadInput("staff belong to a tenant, and nobody else does", field="tenant_id")
    user = User(
        username=username.strip(),
        email=email.strip(),
        role=role,
        tenant=tenant,
        is_staff=True,
        is_superuser=role == User.Role.OWNER,
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), field="password") from error
    user.set_password(password)
    try:
        user.clean_fields()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadInput(f"{field}: {' '.join(reasons)}", field=field) from error
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Conflict("a user of this name exists already", field="username") from error
    audit.record("user.created", user, after=told(user), tenant=tenant)
    return user


@retried
@transaction.atomic
def change_user(*, user: User, email: str, role: str, rights: Iterable[Permission] = ()) -> None:
    """Give somebody another address or role; `rights` are for who has them one by one.

    Whoever gets another role logs in again.
    """
    row = locked(user)
    of_tenant = row.tenant_id is not None
    fits = {User.Role.STAFF} if of_tenant else set(User.Role.values) - {User.Role.STAFF}
    if role != User.Role.CUSTOM and role not in fits:
        raise BadInput("staff belong to a tenant, and nobody else does", field="role")
    before = told(row)
    if role != User.Role.OWNER:
        refuse_without_owner(row)
    row.email, row.role = email.strip(), role
    if not of_tenant:
        row.is_superuser = role == User.Role.OWNER
    try:
        row.clean_fields()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadInput(" ".join(reasons), field=field) from error
    row.save(update_fields=["email", "role", "is_superuser"])
    row.user_permissions.set(rights if role == User.Role.CUSTOM else ())
    if before["role"] != role:
        end_all(user=row, now=timezone.now(), because="another role")
    audit.record("user.changed", row, before=before, after=told(row), tenant=row.tenant)


@retried
@transaction.atomic
def disable_user(*, user: User) -> None:
    """Let somebody in no more; whatever they are logged in with ends."""
    row = locked(user)
    refuse_without_owner(row)
    if not row.is_active:
        return
    User.objects.filter(pk=row.pk).update(is_active=False)
    end_all(user=row, now=timezone.now(), because="user disabled")
    audit.record("user.disabled", row, tenant=row.tenant)


def locked(user: User) -> User:
    """The user as they are now. Owners are locked all together: of two, one stays."""
    rows = User.objects.select_for_update().order_by("pk")
    kept = {row.pk: row for row in rows.filter(Q(pk=user.pk) | Q(is_superuser=True, tenant=None))}
    return kept[user.pk]


def refuse_without_owner(row: User) -> None:
    """Refuse to let go of the last owner."""
    owners = User.objects.filter(is_superuser=True, tenant=None, is_active=True)
    if is_owner(row) and row.is_active and not owners.exclude(pk=row.pk).exists():
        raise Conflict("the last owner stays one", user=row.pk)


def set_time_zone(*, user: User, time_zone: str) -> None:
    """Tell somebody times in another zone; empty is the installation's."""
    if time_zone and time_zone not in available_timezones():
        raise BadInput(f"{time_zone[:64]!r} is no time zone", field="time_zone")
    user.time_zone = time_zone
    user.save(update_fields=["time_zone"])


@transaction.atomic
def reset_second_factor(*, user: User) -> None:
    """Let somebody who lost device and recovery codes set up others; their logins end."""
    forget_second_factor(user=user)
    end_all(user=user, now=timezone.now(), because="second factor reset")


@retried
@transaction.atomic
def enable_user(*, user: User) -> None:
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        audit.record("user.enabled", user, tenant=user.tenant)


def told(user: User) -> dict[str, object]:
    return {"username": user.username, "email": user.email, "role": user.role}
