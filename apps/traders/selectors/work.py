"""What a trader works with: its models, limits, prompt and journal; and who is due."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db.models import Q

from apps.core.fields import SealedField
from apps.traders.models import Decision, Duel, Mind, Seat, Spending, Template, Trader
from engine.deciding import budget
from engine.deciding.journal import Head
from engine.deciding.limits import Limits, read_limits
from engine.deciding.models import Model, read_model
from engine.deciding.standing import Patience, Standing, Standings
from engine.errors import BadParameters
from engine.parameters import read_params


def due(now: datetime) -> list[int]:
    """Running traders whose turn has come, and those whose last worker did not finish."""
    is_free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    rows = Trader.objects.across_tenants().filter(is_free, status=Trader.Status.RUNNING)
    unfinished = Q(decisions__status=Decision.Status.DECIDED)
    its_turn = Q(next_at__isnull=True) | Q(next_at__lte=now)
    rows = rows.filter(its_turn | unfinished).order_by("next_at", "pk").distinct()
    return list(rows.values_list("pk", flat=True))


def minds_of(trader: Trader) -> list[Mind]:
    """In the order in which they are asked."""
    seats = Seat.objects.of(trader.tenant_id).filter(trader=trader).select_related("mind")
    return [seat.mind for seat in seats.order_by("place")]


def model_of(mind: Mind) -> Model:
    """The engine's view of it; BadParameters names what it does not take."""
    told = {
        "name": mind.name,
        "protocol": mind.protocol,
        "base_url": mind.base_url,
        "model": mind.model,
    }
    return read_model({**mind.params, **told})


def template_of(trader: Trader) -> Template:
    """The prompt of its next decision: in a duel that goes by turns, one and then the other."""
    rows = Duel.objects.of(trader.tenant_id).filter(trader=trader, way=Duel.Way.IN_TURN)
    duel = rows.filter(ended_at__isnull=True).select_related("first", "second").first()
    if duel is None:
        return trader.template
    return duel.second if trader.decided % 2 else duel.first


def answered_before(
    trader: Trader, template: Template, question: str, *, since: datetime
) -> Decision | None:
    """The newest decision whose answer to the same question is not older than that."""
    rows = Decision.objects.of(trader.tenant_id).filter(trader=trader, question=question)
    rows = rows.filter(template__digest=template.digest, at__gt=since, reused__isnull=True)
    known = rows.exclude(mind="").order_by("-number").first()
    is_whole = known and all(len(one["raw"]) < Decision.MOST_KEPT for one in known.answers)
    return known if is_whole else None


def key_of(mind: Mind) -> str:
    """Its key in the clear; "" of a model that wants none."""
    field: SealedField = Mind._meta.get_field("key")
    return field.unseal(mind) if mind.key else ""


def limits_of(trader: Trader) -> Limits:
    return read_limits(trader.limits)


def budget_of(trader: Trader) -> budget.Budget:
    return budget.read_budget(trader.budget)


def patience_of(trader: Trader) -> Patience:
    return read_params(Patience, trader.patience, owner="patience")


def standings_of(trader: Trader) -> Standings:
    try:
        return msgspec.convert(trader.standings, dict[str, Standing])
    except msgspec.ValidationError as error:
        raise BadParameters(f"standings: {error}") from error


def spending_of(trader: Trader, day: date) -> budget.Spending:
    """What its calls have cost on a day."""
    row = Spending.objects.of(trader.tenant_id).filter(trader=trader, day=day).first()
    return as_spending(row) if row else budget.Spending(day=day.isoformat())


def as_spending(row: Spending) -> budget.Spending:
    told: Mapping[str, object] = {
        "day": row.day.isoformat(),
        "cost": row.cost,
        "tokens": row.tokens,
        "by_model": row.by_mind,
    }
    return msgspec.convert(told, budget.Spending, strict=False)


def head_of(trader: Trader) -> Head:
    return Head(trader.head_number, trader.head_hash)


def journal_of(trader: Trader) -> Path:
    return settings.TRADER_JOURNALS / trader.code
