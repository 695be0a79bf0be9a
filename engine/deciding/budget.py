"""What a trader's calls may cost in a day: set aside before a call, settled after it.

A call is only made when the most that it can cost fits into what is left. Pure, so that whoever
keeps a row of it, under a lock, holds the budget for several processes at once.
"""

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec.structs import replace

from engine.deciding.context import Plain
from engine.deciding.errors import OverBudget
from engine.deciding.limits import exact
from engine.deciding.models import Model, Usage, most_cost
from engine.money import ZERO
from engine.parameters import Params, read_params

Level = Literal["free", "alert", "spent"]


class Budget(Params, frozen=True, kw_only=True):
    daily_cost: Annotated[
        float, msgspec.Meta(ge=0, le=1e6, description="of all models in a day; 0: no limit")
    ] = 0.0
    daily_tokens: Annotated[
        int, msgspec.Meta(ge=0, le=10**12, description="of all models in a day; 0: no limit")
    ] = 0
    alert_percent: Annotated[
        float, msgspec.Meta(ge=1, le=100, description="of a limit, from which on it is told")
    ] = 80.0


class Spending(Plain, frozen=True):
    """One day's; what is set aside counts as spent until it is settled."""

    day: str
    cost: Decimal = ZERO
    tokens: int = 0
    by_model: Mapping[str, Decimal] = {}


class Reserved(Plain, frozen=True):
    day: str
    model: str
    cost: Decimal
    tokens: int


def read_budget(values: Mapping[str, object]) -> Budget:
    """The budget, or BadParameters naming the field and the rule it breaks."""
    return read_params(Budget, values, owner="budget")


def on(day: str, spending: Spending) -> Spending:
    """Each day begins with nothing spent."""
    return spending if spending.day == day else Spending(day=day)


def reserve(
    spending: Spending, budget: Budget, model: Model, most: Usage
) -> tuple[Spending, Reserved]:
    """Set aside what a call can cost, or OverBudget."""
    aside = Reserved(
        day=spending.day, model=model.name, cost=most_cost(model, most), tokens=most.total
    )
    after = add(spending, model.name, aside.cost, aside.tokens)
    limits = (
        ("daily_cost", after.cost, exact(budget.daily_cost)),
        ("daily_tokens", after.tokens, budget.daily_tokens),
        (f"{model.name}.daily_cost", after.by_model[model.name], exact(model.daily_cost)),
    )
    for name, spent, limit in limits:
        if limit and spent > limit:
            raise OverBudget(f"{name}: {spent} of {limit}", limit=name, model=model.name)
    return after, aside


def settle(spending: Spending, reserved: Reserved, *, cost: Decimal, tokens: int) -> Spending:
    """What was set aside becomes what was spent; what a new day finds open, it pays."""
    if reserved.day == spending.day:
        cost, tokens = cost - reserved.cost, tokens - reserved.tokens
    return add(spending, reserved.model, cost, tokens)


def add(spending: Spending, model: str, cost: Decimal, tokens: int) -> Spending:
    of_model = spending.by_model.get(model, ZERO) + cost
    return replace(
        spending,
        cost=spending.cost + cost,
        tokens=spending.tokens + tokens,
        by_model={**spending.by_model, model: of_model},
    )


def used(spending: Spending, budget: Budget) -> Decimal:
    """The share of the limit that is nearest."""
    return max(
        share(spending.cost, exact(budget.daily_cost)),
        share(Decimal(spending.tokens), Decimal(budget.daily_tokens)),
    )


def level(spending: Spending, budget: Budget) -> Level:
    share_used = used(spending, budget)
    if share_used >= 1:
        return "spent"
    return "alert" if 100 * share_used >= exact(budget.alert_percent) else "free"


def share(spent: Decimal, limit: Decimal) -> Decimal:
    return spent / limit if limit else ZERO


class Purse(Protocol):
    """Who keeps the spending; the answer of `reserve` holds once it is given."""

    def reserve(self, model: Model, most: Usage) -> Reserved:
        """Set aside what a call can cost, or OverBudget."""

    def settle(self, reserved: Reserved, *, cost: Decimal, tokens: int) -> None:
        """What the call did cost."""


class Pocket:
    """A purse of one process; `today` tells the day."""

    def __init__(self, budget: Budget, today: Callable[[], str]) -> None:
        self.budget, self.today = budget, today
        self.spending = Spending(day=today())
        self._lock = threading.Lock()

    def reserve(self, model: Model, most: Usage) -> Reserved:
        with self._lock:
            spending = on(self.today(), self.spending)
            self.spending, reserved = reserve(spending, self.budget, model, most)
            return reserved

    def settle(self, reserved: Reserved, *, cost: Decimal, tokens: int) -> None:
        with self._lock:
            spending = on(self.today(), self.spending)
            self.spending = settle(spending, reserved, cost=cost, tokens=tokens)
