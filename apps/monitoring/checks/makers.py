"""Market makers: which of them wait for a person, and whose node says nothing."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.market_making.models import Session
from apps.monitoring.checks.check import CRITICAL, Check, Measure


def halted(now: datetime) -> Iterator[Measure]:
    waiting = Session.objects.across_tenants().filter(status=Session.Status.HALTED)
    told = [
        f"{session.maker}: {session.reason}"
        for session in waiting.select_related("maker__venue_account").order_by("pk")[:5]
    ]
    yield Measure("makers", waiting.count(), "; ".join(told))


def silence(now: datetime) -> Iterator[Measure]:
    """How long ago each maker that is on a node was heard."""
    live = Session.objects.across_tenants().filter(status__in=Session.LIVE)
    for session in live.select_related("maker").order_by("pk"):
        heard = session.reported_at or session.created_at
        yield Measure(f"maker {session.maker_id}", max((now - heard).total_seconds(), 0.0))


CHECKS = [
    Check(
        name="makers",
        title=_("Makers are halted and wait for a person"),
        unit="",
        measure=halted,
        threshold=0,
        severity=CRITICAL,
    ),
    Check(
        name="maker_silence",
        title=_("A maker that runs is not heard"),
        unit="s",
        measure=silence,
        threshold=30,
        severity=CRITICAL,
    ),
]
