"""Moving-average cross: the fast average goes through the slow one, and the rule goes with it.

Where only one side is opened, a cross the other way closes it.
"""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges, settled
from engine.strategies.columns import above, chosen, closing, of_columns, opening_by_range, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Wishes


class MaCross(Params, frozen=True, kw_only=True):
    fast_ma: Annotated[int, Meta(ge=1, le=200, description="bars of the fast average")] = 5
    slow_ma: Annotated[int, Meta(ge=2, le=400, description="bars of the slow average")] = 20
    use_ema: Annotated[bool, Meta(description="exponential instead of simple")] = False
    direction: Annotated[
        Literal["both", "long", "short"],
        Meta(description="sides that are opened; a cross the other way closes a single one"),
    ] = "both"
    atr_sl_mult: StopRanges = 2.0
    atr_tp_mult: TargetRanges = 4.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.fast_ma >= self.slow_ma:
            raise ValueError("fast_ma must be below slow_ma")


def candles_needed(params: MaCross) -> int:
    averages = settled(params.slow_ma) if params.use_ema else params.slow_ma
    return max(averages, params.atr_period) + 1


def wishes(seen: Seen, params: MaCross) -> Wishes:
    average = seen.ema if params.use_ema else seen.sma
    fast, slow = average(params.fast_ma), average(params.slow_ma)
    is_above = each(above, fast, slow)
    turned = is_above.now != is_above.before
    way = ways(turned & is_above.now, turned)
    confidence = np.minimum(90, 70 + 1000 * abs(fast.now / slow.now - 1))

    def reason(at: int) -> str:
        return f"fast average {'rose' if is_above.now[at] else 'fell'} through the slow one"

    opened = opening_by_range(
        seen,
        way,
        atr_period=params.atr_period,
        stop_ranges=params.atr_sl_mult,
        target_ranges=params.atr_tp_mult,
        confidence=confidence,
        reason=reason,
    )
    if params.direction == "both":
        return opened
    closed = closing(seen, -way, confidence=confidence, reason=reason)
    return chosen(way == (1 if params.direction == "long" else -1), opened, closed)


STRATEGY = of_columns("ma_cross", MaCross, candles_needed, wishes)
