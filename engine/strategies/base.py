"""What a strategy is: typed parameters, and one pure function from candles to an intent.

Who runs a strategy shows it the last `candles_needed` closed bars, live and in a backtest: what
was before cannot change its answer then. A rule shown more must still be sound, though averages
that remember all they have seen may differ in their last digits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from engine.candle import Candles
from engine.errors import BadParameters
from engine.indicators import mean_range
from engine.parameters import Parameter as Parameter
from engine.parameters import Params as Params
from engine.parameters import parameters_of as parameters_of
from engine.parameters import read_params as read_params
from engine.signal import Action, Direction, Intent
from engine.strategies.wishes import Wishes, price_of

# Prices closer than this share of themselves are the same price: sums of floats differ in
# their last digits, and a market that does not move must not seem to cross itself.
SAME = 1e-9

AtrPeriod = Annotated[
    int, msgspec.Meta(ge=2, le=200, description="bars whose ranges make the usual range")
]
StopRanges = Annotated[
    float, msgspec.Meta(ge=0.1, le=20, description="stop, in usual ranges from the price")
]
TargetRanges = Annotated[
    float, msgspec.Meta(ge=0.1, le=50, description="target, in usual ranges from the price")
]


@dataclass(frozen=True, slots=True)
class Span:
    """Where an optimiser may look for one parameter: between two numbers, or among choices.

    Numbers are sought in steps from the least one, where a step is told; whole ones always are.
    """

    kind: str
    least: float | None = None
    most: float | None = None
    choices: tuple[Any, ...] = ()
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Strategy:
    code: str
    params: type[Params]
    candles_needed: Callable[[Any], int]
    # The rule itself: it may rely on being shown the bars that it needs.
    rule: Callable[[Candles, Any], Intent | None]
    # Named sets of values that differ from the defaults.
    presets: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    # For rules that may hold both directions at once: every leg to be opened on this bar.
    hedge: Callable[[Candles, Any], tuple[Intent, ...]] | None = None
    # The rule on many bars at once, from the first on which enough are shown; see `columns.py`.
    columns: Callable[[Candles, Any], Wishes] | None = None

    def read_params(self, values: Mapping[str, object]) -> Params:
        """The parameters, or BadParameters naming the field and the rule it breaks."""
        return read_params(self.params, values, owner=self.code)

    def preset(self, name: str, **changes: object) -> Params:
        """A preset's parameters, with some of them changed."""
        if name not in self.presets:
            raise BadParameters("unknown preset", preset=name, known=sorted(self.presets))
        return self.read_params({**self.presets[name], **changes})

    def decide(self, candles: Candles, params: Any) -> Intent | None:
        """What is wanted on the last bar; nothing while the series is too short."""
        needed = self.candles_needed(params)
        return self.rule(candles, params) if len(candles) >= needed else None

    def legs(self, candles: Candles, params: Any) -> tuple[Intent, ...]:
        """As `decide`, for who can hold both directions: a hedge answers with two intents."""
        needed = self.candles_needed(params)
        if self.hedge is not None and len(candles) >= needed:
            return self.hedge(candles, params)
        intent = self.decide(candles, params)
        return () if intent is None else (intent,)


def first_bars(candles: Candles, bars: int, *, start: int = 0) -> Candles:
    """The series as it was when it had so many bars, from some bar on."""
    return Candles(
        candles.timeframe,
        candles.opened_at[start:bars],
        candles.open[start:bars],
        candles.high[start:bars],
        candles.low[start:bars],
        candles.close[start:bars],
        candles.volume[start:bars],
    )


def describe(strategy: Strategy) -> list[Parameter]:
    """Every parameter with its type, default, bounds and meaning, as the file declares them."""
    return parameters_of(strategy.params)


def space(strategy: Strategy) -> dict[str, Span]:
    """Where each parameter may be sought; lists and texts are not sought."""
    found = {}
    for one in describe(strategy):
        if one.is_list or one.kind in ("text", "object"):
            continue
        if one.kind == "bool":
            found[one.name] = Span("choice", choices=(False, True))
        elif one.kind == "choice":
            found[one.name] = Span("choice", choices=one.choices)
        elif one.least is not None and one.most is not None:
            found[one.name] = Span(one.kind, one.least, one.most)
    return found


def schema(strategy: Strategy) -> dict[str, Any]:
    """The JSON schema of the parameters."""
    return msgspec.json.schema(strategy.params)


def settled(period: int) -> int:
    """Bars after which an exponential average has all but forgotten how it was started."""
    return 5 * period + 1


def settled_wilder(period: int) -> int:
    """The same for Wilder's smoothing, which forgets half as fast."""
    return 10 * period + 1


def above(one: float, other: float) -> bool:
    """Whether a price is above another by more than the dust of floats; NaN is above nothing."""
    return bool(one - other > SAME * abs(other))


def crossed(one: Any, other: Any) -> Direction | None:
    """Which way the first column went through the second, or left it, on the last bar."""
    if above(one[-1], other[-1]):
        return None if above(one[-2], other[-2]) else Direction.LONG
    if above(other[-1], one[-1]):
        return None if above(other[-2], one[-2]) else Direction.SHORT
    return None


def began(states: list[Direction | None]) -> Direction | None:
    """The state that began on the last bar, where it was another on the bar before."""
    return states[-1] if states[-1] is not states[-2] else None


def sign(direction: Direction) -> int:
    return 1 if direction is Direction.LONG else -1


def confidence_of(value: float) -> int:
    return int(max(0, min(100, value)))


def opening(
    candles: Candles,
    direction: Direction,
    *,
    stop: float | None = None,
    target: float | None = None,
    confidence: float,
    reason: str,
) -> Intent | None:
    """An opening at the last close, or None where stop or target stand on the wrong side."""
    close = float(candles.close[-1])
    way = sign(direction)
    if stop is not None and not (stop > 0 and way * (close - stop) > SAME * close):
        return None
    if target is not None and not (target > 0 and way * (target - close) > SAME * close):
        return None
    return Intent(
        action=Action.OPEN,
        direction=direction,
        price=Decimal(str(close)),
        confidence=confidence_of(confidence),
        reason=reason,
        stop=None if stop is None else price_of(stop),
        target=None if target is None else price_of(target),
    )


def closing(candles: Candles, direction: Direction, *, confidence: float, reason: str) -> Intent:
    """A closing at the last close."""
    return Intent(
        action=Action.CLOSE,
        direction=direction,
        price=Decimal(str(float(candles.close[-1]))),
        confidence=confidence_of(confidence),
        reason=reason,
    )


def opening_by_range(
    candles: Candles,
    direction: Direction,
    *,
    atr_period: int,
    stop_ranges: float,
    target_ranges: float,
    confidence: float,
    reason: str,
) -> Intent | None:
    """An opening whose stop and target stand at some usual ranges from the price."""
    close, way = float(candles.close[-1]), sign(direction)
    usual = usual_range(candles, atr_period)
    return opening(
        candles,
        direction,
        stop=close - way * stop_ranges * usual,
        target=close + way * target_ranges * usual,
        confidence=confidence,
        reason=reason,
    )


def usual_range(candles: Candles, period: int) -> float:
    """The plain mean of the last true ranges, with no floor under it."""
    return float(mean_range(candles.high, candles.low, candles.close, period)[-1])
