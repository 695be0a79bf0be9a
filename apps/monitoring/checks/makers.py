"""Market makers whose node says nothing; those that are halted are told with all that trades."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.market_making.models import Session
from apps.monitoring.checks.check import CRITICAL, Check, Measure


def silence(now: datetime) -> Iterator[Measure]:
    """How long ago each maker that is on a node was heard."""
    live = Session.objects.across_tenants().filter(status__in=Session.LIVE)
    for session in live.order_by("pk"):
        heard = session.reported_at or session.created_at
        yield Measure(f"maker {session.maker_id}", max((now - heard).total_seconds(), 0.0))


CHECKS = [
    Check(
        name="maker_silence",
        title=_("A maker that runs is not heard"),
        unit="s",
        measure=silence,
        threshold=30,
        severity=CRITICAL,
    ),
]
