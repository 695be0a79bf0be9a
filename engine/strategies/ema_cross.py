"""EMA cross: the fast average goes through the slow one, and the price stands beyond a third."""

from typing import Annotated

from msgspec import Meta

from engine.strategies.base import AtrPeriod, Params, StopRanges, TargetRanges, settled
from engine.strategies.columns import always, crossed, of_columns, only, opening_by_range, side
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


class EmaCross(Params, frozen=True, kw_only=True):
    fast_ema: Annotated[int, Meta(ge=1, le=200, description="bars of the fast average")] = 9
    slow_ema: Annotated[int, Meta(ge=2, le=400, description="bars of the slow average")] = 21
    signal_ema: Annotated[
        int, Meta(ge=1, le=200, description="bars of the average the price must stand beyond")
    ] = 5
    sl_atr_mult: StopRanges = 2.0
    tp_atr_mult: TargetRanges = 3.0
    atr_period: AtrPeriod = 14

    def __post_init__(self) -> None:
        if self.fast_ema >= self.slow_ema:
            raise ValueError("fast_ema must be below slow_ema")


def candles_needed(params: EmaCross) -> int:
    return max(settled(max(params.slow_ema, params.signal_ema)), params.atr_period) + 1


def wishes(seen: Seen, params: EmaCross) -> Wishes:
    way = crossed(seen.ema(params.fast_ema), seen.ema(params.slow_ema))
    confirmed = side(seen.close.now, seen.ema(params.signal_ema).now)
    return opening_by_range(
        seen,
        only(way, way == confirmed),
        atr_period=params.atr_period,
        stop_ranges=params.sl_atr_mult,
        target_ranges=params.tp_atr_mult,
        confidence=75,
        reason=always("the fast average went through the slow one, and the price confirms"),
    )


STRATEGY = of_columns("ema_cross", EmaCross, candles_needed, wishes)
