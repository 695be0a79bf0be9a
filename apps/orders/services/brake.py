"""The brake of the whole house: while it is on, nothing is opened anywhere, and closing goes on."""

from datetime import datetime

from django.db import IntegrityError, transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.orders.models import Brake
from apps.orders.selectors import brake_on


@retried
@transaction.atomic
def pull_brake(*, reason: str) -> Brake:
    """Refuse whatever would open, from now on; what a node has in hand is not called back."""
    if not 1 <= len(reason.strip()) <= 200:
        raise BadInput("a reason is 1 to 200 characters", field="reason")
    try:
        with transaction.atomic():
            brake = Brake.objects.create(reason=reason.strip(), pulled_by=audit.who()[:100])
    except IntegrityError as error:
        raise Conflict("the brake is on already") from error
    audit.record("brake.pulled", brake, after={"reason": brake.reason})
    return brake


@retried
@transaction.atomic
def release_brake(*, now: datetime) -> Brake:
    brake = brake_on()
    released = {"on_key": None, "released_at": now, "released_by": audit.who()[:100]}
    if brake is None or not Brake.objects.filter(pk=brake.pk, on_key=True).update(**released):
        raise Conflict("the brake is not on")
    brake.refresh_from_db()
    audit.record("brake.released", brake, before={"reason": brake.reason})
    return brake
