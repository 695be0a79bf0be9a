"""Runs are asked for, stopped, and asked for again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from apps.backtests.models import Run
from apps.backtests.selectors import waiting_of
from apps.backtests.terms import Search, read_search, read_terms
from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, LimitReached
from apps.core.later import later
from apps.core.states import move
from apps.strategies.services import check_fields, check_params, check_symbols, refuse_suspended
from apps.tenants.models import Tenant
from engine.backtest.metrics import DAY
from engine.candle import seconds
from engine.errors import BadParameters
from engine.optimise import check_days, space_of
from engine.strategies import strategy_named

# What one run may be given, so that nobody's run is everybody's wait.
MOST_SYMBOLS = 10
MOST_BARS = 2_000_000
# Nobody traded before.
FIRST_YEAR = 1970
# Runs of a tenant that wait or are worked on.
MOST_WAITING = 20


@retried
@transaction.atomic
def start_run(
    *,
    tenant: Tenant | None,
    asked_by: str,
    now: datetime,
    kind: str,
    rule: str,
    params: Mapping[str, object],
    venue: str,
    symbols: Sequence[str],
    timeframe: str,
    from_at: datetime,
    until_at: datetime,
    terms: Mapping[str, object] | None = None,
    space: Mapping[str, object] | None = None,
    search: Mapping[str, object] | None = None,
    is_announced: bool = True,
) -> Run:
    """Put a run in the queue; without a tenant it is the platform's own.

    Whoever works on it at once themselves does not announce it to the workers.
    """
    run = Run(
        tenant=tenant,
        asked_by=asked_by,
        kind=kind,
        rule=rule,
        params=params,
        venue=venue,
        symbols=symbols,
        timeframe=timeframe,
        from_at=from_at,
        until_at=until_at,
        terms=terms or {},
        space=space or {},
        search=search or {},
        alive_at=now,
    )
    check(run, now=now)
    refuse_full(tenant)
    run.save(force_insert=True)
    audit.record("run.started", run, after=told(run))
    if is_announced:
        later("backtests.work", run_id=str(run.pk))
    return run


def check(run: Run, *, now: datetime) -> None:
    """Refuse what could not be run, naming the field and its rule."""
    if not run.rule:
        raise BadInput("a run is of a strategy", field="rule")
    check_params(rule=run.rule, params=run.params)
    check_symbols(run.symbols)
    if len(run.symbols) > MOST_SYMBOLS:
        raise BadInput(f"a run has at most {MOST_SYMBOLS} symbols", field="symbols")
    check_fields(run, without=["tenant"])
    check_span(run, now=now)
    try:
        read_terms(run.terms)
        if run.kind == Run.Kind.BACKTEST:
            check_needed(run)
        else:
            check_search(run)
    except BadParameters as error:
        raise BadInput(error.message, **{"field": "space", **error.context}) from error


def check_needed(run: Run) -> None:
    """That nothing is sought, and the strategy is shown enough bars to say anything."""
    for name in ("space", "search"):
        if getattr(run, name):
            raise BadInput(f"{name}: a backtest seeks nothing", field=name)
    strategy = strategy_named(run.rule)
    needed, bars = strategy.candles_needed(strategy.read_params(run.params)), bars_of(run)
    if bars < needed:
        raise BadInput(f"{run.rule} needs {needed:,} bars, and these are {bars:,}", field="from_at")


def check_search(run: Run) -> None:
    """That what is sought can be sought in so many bars, and that windows fit into them."""
    space_of(strategy_named(run.rule), run.space or None, run.params)
    search = read_search(run.search)
    if run.kind == Run.Kind.WALK_FORWARD and search.train_bars + search.test_bars > bars_of(run):
        raise BadInput(f"a window is longer than the {bars_of(run)} bars", field="train_bars")
    check_days(search.objective, days=searched(run, search) * seconds(run.timeframe) // DAY)


def searched(run: Run, search: Search) -> int:
    """How many bars a search sees at once."""
    if run.kind == Run.Kind.WALK_FORWARD:
        return search.train_bars
    return bars_of(run) - round(bars_of(run) * search.held_back)


def check_span(run: Run, *, now: datetime) -> None:
    if not run.from_at < run.until_at <= now:
        raise BadInput("a run ends after it begins, and not after now", field="until_at")
    if run.from_at.year < FIRST_YEAR:
        raise BadInput(f"a run begins in {FIRST_YEAR} or later", field="from_at")
    bars = bars_of(run) * len(run.symbols)
    if not 1 <= bars <= MOST_BARS:
        raise BadInput(f"a run has 1 to {MOST_BARS:,} bars, not {bars:,}", field="from_at")


def bars_of(run: Run) -> int:
    return int((run.until_at - run.from_at).total_seconds()) // seconds(run.timeframe)


def refuse_full(tenant: Tenant | None) -> None:
    if tenant is None:
        return
    refuse_suspended(tenant)
    # The row is the lock: of two at once the second one counts what the first one made.
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    if waiting_of(tenant).count() >= MOST_WAITING:
        raise LimitReached(f"a tenant has at most {MOST_WAITING} runs that are not over")


def told(run: Run) -> dict[str, object]:
    names = ("kind", "rule", "params", "venue", "symbols", "timeframe", "from_at", "until_at")
    return {name: getattr(run, name) for name in names}


@retried
@transaction.atomic
def stop_run(*, run: Run, now: datetime) -> None:
    """End it; whoever works on it notices within a second. What was tried is kept."""
    before = run.status
    move(run, to=Run.Status.STOPPED, allowed=Run.MOVES, worker="", finished_at=now)
    audit.record("run.stopped", run, before={"status": before}, after={"status": run.status})


@retried
@transaction.atomic
def retry_run(*, run: Run, now: datetime, is_announced: bool = True) -> None:
    """Take it up again where it was stopped or failed; what was tried is not tried again."""
    before = run.status
    refuse_full(run.tenant)
    fresh = {"problem": "", "tries": 0, "alive_at": now, "finished_at": None}
    move(run, to=Run.Status.QUEUED, allowed=Run.MOVES, **fresh)
    audit.record("run.retried", run, before={"status": before}, after={"status": run.status})
    if is_announced:
        later("backtests.work", run_id=str(run.pk))
