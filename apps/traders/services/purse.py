"""What a trader may spend in a day, kept in a row: whoever is about to call locks it.

Nobody holds the lock while a model is asked: what a call can cost at the most is set aside first.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import transaction

from apps.core.deadlocks import retried
from apps.tenants.services import tell
from apps.traders.models import Spending, Trader
from apps.traders.selectors import as_spending, budget_of
from engine.deciding import budget
from engine.deciding.budget import Reserved
from engine.deciding.models import Model, Usage


class DaysPurse:
    """The purse of one trader's calls, over the row of each day."""

    def __init__(self, trader: Trader, clock: Callable[[], datetime]) -> None:
        self.trader, self.clock = trader, clock
        self.budget = budget_of(trader)

    def reserve(self, model: Model, most: Usage) -> Reserved:
        return set_aside(trader=self.trader, limits=self.budget, model=model, most=most, at=self.at)

    def settle(self, reserved: Reserved, *, cost: Decimal, tokens: int) -> None:
        settle(
            trader=self.trader,
            limits=self.budget,
            reserved=reserved,
            cost=cost,
            tokens=tokens,
            at=self.at,
        )

    @property
    def at(self) -> datetime:
        return self.clock()


@retried
@transaction.atomic
def set_aside(
    *, trader: Trader, limits: budget.Budget, model: Model, most: Usage, at: datetime
) -> Reserved:
    """Set aside the most that a call can cost, or OverBudget."""
    row = locked(trader, day_of(at))
    spending, reserved = budget.reserve(as_spending(row), limits, model, most)
    keep(row, spending)
    return reserved


@retried
@transaction.atomic
def settle(
    *,
    trader: Trader,
    limits: budget.Budget,
    reserved: Reserved,
    cost: Decimal,
    tokens: int,
    at: datetime,
) -> None:
    """What was set aside becomes what was spent, on the day on which it was set aside."""
    row = locked(trader, date.fromisoformat(reserved.day))
    spending = budget.settle(as_spending(row), reserved, cost=cost, tokens=tokens)
    keep(row, spending)
    level = budget.level(spending, limits)
    if level != "free" and row.alerted_at is None:
        row.alerted_at = at
        tell_of(trader, row, "trader.budget_near")
    if level == "spent" and row.spent_at is None:
        row.spent_at = at
        tell_of(trader, row, "trader.budget_spent")
    row.save(update_fields=["alerted_at", "spent_at"])


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def locked(trader: Trader, day: date) -> Spending:
    rows = Spending.objects.of(trader.tenant_id)
    rows.get_or_create(trader=trader, day=day, defaults={"tenant_id": trader.tenant_id})
    return rows.select_for_update().get(trader=trader, day=day)


def keep(row: Spending, spending: budget.Spending) -> None:
    row.cost, row.tokens = spending.cost, spending.tokens
    row.by_mind = {name: str(cost) for name, cost in spending.by_model.items()}
    row.save(update_fields=["cost", "tokens", "by_mind"])


def tell_of(trader: Trader, row: Spending, name: str) -> None:
    about = {"trader": trader.code, "day": row.day.isoformat(), "cost": str(row.cost)}
    tell(tenant_id=trader.tenant_id, name=name, about={**about, "tokens": row.tokens})
