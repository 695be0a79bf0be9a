"""Two prompts against each other on one account, until somebody ends it."""

from datetime import datetime

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.traders.models import Duel, Template, Trader
from apps.traders.selectors import books_of, minds_of
from apps.traders.services.keeping import OF_TRADER, create_trader, validated, written
from apps.traders.services.running import start_trader, stop_trader
from engine.money import points


@retried
@transaction.atomic
def begin_duel(
    *, trader: Trader, second: Template, name: str, way: str = Duel.Way.IN_TURN, now: datetime
) -> Duel:
    """Try another prompt beside the trader's own; figures count from now on."""
    trader = Trader.objects.of(trader.tenant_id).select_for_update().get(pk=trader.pk)
    if second.tenant_id != trader.tenant_id:
        raise BadInput("the prompt is another tenant's", field="second")
    if second.digest == trader.template.digest:
        raise BadInput("both prompts are the same", field="second")
    duel = Duel(
        tenant_id=trader.tenant_id,
        name=name,
        way=way,
        trader=trader,
        first=trader.template,
        second=second,
        began_at=now,
        open_key=str(trader.pk),
    )
    validated(duel)
    if Duel.objects.of(trader.tenant_id).filter(open_key=duel.open_key).exists():
        raise Conflict("the trader is in a duel already", field="trader")
    if way == Duel.Way.HALVES:
        duel.other = half_of(trader, second, now=now)
    written(row=duel, conflict="there is a duel of this name", field="name")
    audit.record("duel.began", duel, after={"trader": trader.code, "second": str(second)})
    return duel


def half_of(trader: Trader, second: Template, *, now: datetime) -> Trader:
    """A trader like it, with half of its capital, on the same account."""
    if trader.manager_id:
        raise Conflict("its capital is its manager's to share out", field="trader")
    if books_of([trader], now=now)[trader.pk].directions:
        raise Conflict("the trader holds positions: close them first", field="trader")
    half = points(trader.capital / 2)
    told = {name: getattr(trader, name) for name in OF_TRADER}
    other = create_trader(
        account=trader.venue_account,
        code=f"{trader.code[:62]}-b",
        minds=minds_of(trader),
        capital=half,
        is_shadow=trader.is_shadow,
        now=now,
        **told | {"template": second, "name": f"{trader.name[:98]} B"},
    )
    trader.capital -= half
    # What was given away is not lost.
    if trader.best_equity is not None:
        trader.best_equity -= half
    trader.save(update_fields=["capital", "best_equity"])
    audit.record("trader.halved", trader, after={"capital": trader.capital, "other": other.code})
    return start_trader(trader=other, now=now) if trader.status == Trader.Status.RUNNING else other


@retried
@transaction.atomic
def end_duel(*, duel: Duel, now: datetime) -> Duel:
    """Its figures stay as they are then; the trader goes on by its own prompt, the other stops."""
    duel = Duel.objects.of(duel.tenant_id).select_for_update().get(pk=duel.pk)
    if duel.ended_at:
        raise Conflict("the duel has ended", field="duel")
    duel.ended_at, duel.open_key = now, None
    duel.save(update_fields=["ended_at", "open_key"])
    if duel.other and duel.other.status in (Trader.Status.RUNNING, Trader.Status.PAUSED):
        stop_trader(trader=duel.other, reason=f"the duel {duel.name} has ended", now=now)
    audit.record("duel.ended", duel)
    return duel
