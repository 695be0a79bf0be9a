"""Wrong tries to log in. A try is counted before it is known to be wrong, so that guesses which
come at once count one by one; a right one is taken back."""

import ipaddress
from datetime import datetime, timedelta

from apps.core import audit
from apps.core.errors import BadInput
from apps.tenants.errors import LockedOut
from apps.tenants.models import LoginFailure, User

LONGEST_NAME = 150
# So many tries in a span lock a name, or where they come from, until the first of them is older.
LIMITS = {
    "username": ((5, timedelta(minutes=15)), (20, timedelta(days=1))),
    "source": ((30, timedelta(minutes=15)),),
}
LONGEST_SPAN = timedelta(days=1)


def cut(username: str) -> str:
    # A name in another case may be the same user: some databases hold them for equal.
    return username.lower()[:LONGEST_NAME]


def network_of(address: str) -> str:
    """Whom an address belongs to: a host has a whole network of the sixth version's addresses."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if known.version == 4:
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))


def refuse_locked(*, username: str, source: str, now: datetime) -> None:
    """Refuse whoever tried too often, before anything is looked at."""
    refuse_more(LoginFailure(username=cut(username), source=network_of(source)), now, earlier=0)


def begin_try(*, username: str, source: str, now: datetime) -> LoginFailure:
    """Count a try, or refuse it; of many at once no more go on than if they came in a line."""
    row = LoginFailure.objects.create(username=cut(username), source=network_of(source))
    try:
        refuse_more(row, now, earlier=1)
    except LockedOut:
        # It was not looked at, and so says nothing.
        row.delete()
        raise
    return row


def refuse_more(row: LoginFailure, now: datetime, *, earlier: int) -> None:
    """Refuse a try that has as many before it as are allowed; itself, if counted, is one more."""
    counted = LoginFailure.objects.order_by("-pk")
    if row.pk:
        counted = counted.filter(pk__lte=row.pk)
    for name, limits in LIMITS.items():
        told = getattr(row, name)
        for most, span in limits if told else ():
            fresh = counted.filter(**{name: told}, created_at__gt=now - span)
            place = most - 1 + earlier
            first = fresh.values_list("created_at", flat=True)[place : place + 1].first()
            if first is not None:
                seconds = max(1, int((first + span - now).total_seconds()))
                raise LockedOut("too many wrong tries", retry_after=seconds)


def prove_password(
    *, user: User, password: str, field: str, told: str, source: str, now: datetime
) -> None:
    """Refuse, and count, a wrong password of somebody who is in already."""
    row = begin_try(username=user.username, source=source, now=now)
    if not user.check_password(password):
        fail_try(row)
        raise BadInput(told, field=field)
    take_back(row, forget=False)


def fail_try(row: LoginFailure) -> None:
    audit.record("login.failed", f"user:{row.username[:80]}")


def take_back(row: LoginFailure, *, forget: bool) -> None:
    """The try was right; `forget` those before it, too, of the same name."""
    rows = LoginFailure.objects.filter(username=row.username)
    (rows if forget else rows.filter(pk=row.pk)).delete()
