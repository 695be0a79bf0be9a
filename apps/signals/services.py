"""From a closed bar to a published signal."""

import logging
from datetime import UTC, datetime

from django.db import transaction

from apps.core.later import later
from apps.signals.models import Signal
from apps.signals.selectors import published
from apps.strategies.models import Strategy, Watch
from apps.strategies.selectors import active_watches
from apps.venues.feeding import want
from apps.venues.models import Venue
from apps.venues.selectors import awaited, candles
from engine.candle import Candles, last_closed_bar, seconds
from engine.errors import EngineError
from engine.failpoint import failpoint
from engine.risk import SignalFacts, judge_signal
from engine.signal import Action, Intent
from engine.strategies import strategy_named

log = logging.getLogger(__name__)


def scan(*, now: datetime) -> int:
    """Let every watched strategy decide on its latest closed bar; how many decided."""
    decided = 0
    strategies = list(active_watches())
    want(wanted_of(strategies), now=now)
    to_come = awaited(now)
    for strategy in strategies:
        if not strategy.rule:
            continue
        bar_at = datetime.fromtimestamp(last_closed_bar(strategy.timeframe, now.timestamp()), UTC)
        seen = dict(strategy.watches.values_list("symbol", "bar_at"))
        for symbol in strategy.symbols:
            if (strategy.venue, symbol, strategy.timeframe) in to_come:
                continue
            if seen.get(symbol) is None or seen[symbol] < bar_at:
                look(strategy=strategy, symbol=symbol, now=now)
                decided += 1
    return decided


def wanted_of(strategies: list[Strategy]) -> dict[tuple[str, str, str], int]:
    """How many bars of which series of real venues are decided on."""
    wanted: dict[tuple[str, str, str], int] = {}
    for strategy in strategies:
        if strategy.venue == Venue.PAPER:
            continue
        try:
            bars = bars_needed(strategy)
        except EngineError:
            # Told on its watch, as soon as somebody looks.
            continue
        for symbol in strategy.symbols:
            series = (strategy.venue, symbol, strategy.timeframe)
            wanted[series] = max(bars, wanted.get(series, 0))
    return wanted


def bars_needed(strategy: Strategy) -> int:
    """What its rule looks at; one that is told from outside compares prices with the newest bar."""
    if not strategy.rule:
        return 1
    rule = strategy_named(strategy.rule)
    return rule.candles_needed(rule.read_params(strategy.params))


def look(*, strategy: Strategy, symbol: str, now: datetime) -> None:
    """Decide one strategy on one symbol; what stands in the way is told on its watch."""
    try:
        rule = strategy_named(strategy.rule)
        params = rule.read_params(strategy.params)
        series = candles(
            venue=strategy.venue,
            symbol=symbol,
            timeframe=strategy.timeframe,
            bars=rule.candles_needed(params),
            now=now,
        )
        intent = rule.decide(series, params)
    except EngineError as error:
        # One strategy's trouble stays its own; the bar is tried again at the next scan.
        log.warning("%s could not look at %s: %s", strategy, symbol, error.message)
        problem = f"{error.message} {error.context or ''}".strip()[:300]
        Watch.objects.update_or_create(
            strategy=strategy, symbol=symbol, defaults={"problem": problem}
        )
        return
    conclude(strategy=strategy, symbol=symbol, series=series, intent=intent, now=now)


@transaction.atomic
def conclude(
    *, strategy: Strategy, symbol: str, series: Candles, intent: Intent | None, now: datetime
) -> Signal | None:
    """Publish what was decided, and mark the bar as decided, in one transaction."""
    bar_at = datetime.fromtimestamp(int(series.opened_at[-1]), UTC)
    Watch.objects.get_or_create(strategy=strategy, symbol=symbol)
    watch = Watch.objects.select_for_update().get(strategy=strategy, symbol=symbol)
    if watch.bar_at and watch.bar_at >= bar_at:
        return None
    watch.bar_at, watch.problem = bar_at, ""
    watch.save(update_fields=["bar_at", "problem"])
    if intent is None:
        return None
    bars_late = int(now.timestamp() - series.closed_at) // seconds(series.timeframe)
    return publish_signal(
        strategy=strategy, symbol=symbol, bar_at=bar_at, intent=intent, bars_late=bars_late, now=now
    )


@transaction.atomic
def publish_signal(
    *,
    strategy: Strategy,
    symbol: str,
    bar_at: datetime,
    intent: Intent,
    bars_late: int,
    now: datetime,
) -> Signal:
    """Publish an intent once for its cause, or keep it as refused with every reason."""
    last = published(strategy, symbol, intent.action).first()
    refusals = judge_signal(
        SignalFacts(
            action=Action(intent.action),
            confidence=intent.confidence,
            min_confidence=strategy.min_confidence,
            bars_late=bars_late,
            seconds_since_last=(now - last.created_at).total_seconds() if last else None,
            cooldown_seconds=strategy.cooldown_seconds,
        )
    )
    signal, is_new = Signal.objects.get_or_create(
        strategy=strategy,
        symbol=symbol,
        timeframe=strategy.timeframe,
        bar_at=bar_at,
        action=intent.action,
        direction=intent.direction,
        defaults={
            "price": intent.price,
            "stop": intent.stop,
            "target": intent.target,
            "confidence": intent.confidence,
            "reason": intent.reason,
            "status": Signal.Status.REFUSED if refusals else Signal.Status.PUBLISHED,
            "refusals": [{"code": said.code, "reason": said.reason} for said in refusals],
        },
    )
    if is_new and not refusals:
        transaction.on_commit(lambda: failpoint("signals.published"))
        later("orders.plan", signal_id=str(signal.pk))
    return signal
