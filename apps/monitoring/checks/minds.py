"""AI traders: what their models cost, and which of them wait for a person."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.monitoring.checks.check import CRITICAL, Check, Measure
from apps.traders.models import Trader
from apps.traders.selectors import budget_of, spending_of
from engine.deciding import budget


def budgets(now: datetime) -> Iterator[Measure]:
    """How much of its limits of the day each running trader has used."""
    running = Trader.objects.across_tenants().filter(status=Trader.Status.RUNNING)
    for trader in running.order_by("pk"):
        spending = spending_of(trader, now.date())
        yield Measure(trader.code, float(100 * budget.used(spending, budget_of(trader))))


def stuck(now: datetime) -> Iterator[Measure]:
    waiting = Trader.objects.across_tenants().filter(status=Trader.Status.ERROR)
    codes = list(waiting.order_by("pk").values_list("code", flat=True))
    yield Measure("traders", len(codes), ", ".join(codes[:5]))


CHECKS = [
    Check(
        name="budget",
        title=_("A trader's models have used up their budget of the day"),
        unit="%",
        measure=budgets,
        threshold=80,
    ),
    Check(
        name="traders",
        title=_("Traders wait for a person"),
        unit="",
        measure=stuck,
        threshold=0,
        severity=CRITICAL,
    ),
]
