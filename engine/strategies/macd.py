"""MACD: the line goes beyond its signal. The bar on which that begins speaks, not each after it."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges, settled
from engine.strategies.columns import always, began, of_columns, opening_by_range, side
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Wishes


class MacdRule(Params, frozen=True, kw_only=True):
    macd_fast: Annotated[int, Meta(ge=2, le=100, description="bars of the fast average")] = 12
    macd_slow: Annotated[int, Meta(ge=3, le=200, description="bars of the slow average")] = 26
    macd_signal: Annotated[int, Meta(ge=2, le=100, description="bars of the signal")] = 9
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.macd_fast >= self.macd_slow:
            raise ValueError("macd_fast must be below macd_slow")


def candles_needed(params: MacdRule) -> int:
    return max(settled(params.macd_slow) + settled(params.macd_signal), params.atr_period) + 1


def wishes(seen: Seen, params: MacdRule) -> Wishes:
    histogram = seen.macd_histogram(params.macd_fast, params.macd_slow, params.macd_signal)
    # Beside the price, so that what only floats see is no state.
    share = each(np.divide, histogram, seen.close)
    return opening_by_range(
        seen,
        began(each(lambda share: side(1 + share, 1), share)),
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=np.minimum(85, 65 + 5 * 100 * abs(share.now)),
        reason=always("the MACD line went beyond its signal"),
    )


STRATEGY = of_columns("macd", MacdRule, candles_needed, wishes)
