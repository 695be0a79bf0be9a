"""Nothing is opened anywhere: the brake is pulled, and makers, who open with every quote, stop."""

from datetime import datetime

from django.db import transaction

from apps.core.deadlocks import retried
from apps.core.scope import rows
from apps.market_making.models import Command, Maker, Session
from apps.market_making.services.running import stop_maker
from apps.orders.models import Brake
from apps.orders.services import pull_brake

V = Command.Verb


@retried
@transaction.atomic
def stop_opening(*, reason: str, now: datetime) -> tuple[Brake, list[Maker]]:
    """The brake, and the makers that were told to stop: a person starts them again."""
    brake = pull_brake(reason=reason)
    live = rows(Session, None).filter(status__in=Session.LIVE).exclude(verb__in=[V.STOP, V.HALT])
    makers = [session.maker for session in live.select_related("maker").order_by("pk")]
    for maker in makers:
        stop_maker(maker=maker, now=now)
    return brake, makers
