"""RSI and band: an extreme RSI at the edge of the Bollinger band, back to its middle."""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import SAME, Params, settled_wilder
from engine.strategies.columns import of_columns, opening, ways
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


class RsiBoll(Params, frozen=True, kw_only=True):
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 14
    oversold: Annotated[
        float, Meta(ge=1, le=49, description="RSI below which the market is oversold")
    ] = 30.0
    overbought: Annotated[
        float, Meta(ge=51, le=99, description="RSI above which the market is overbought")
    ] = 70.0
    boll_period: Annotated[int, Meta(ge=2, le=200, description="bars of the band")] = 20
    boll_std: Annotated[
        float, Meta(ge=0.1, le=5, description="half the band, in standard deviations")
    ] = 2.0
    touch_pct: Annotated[
        float, Meta(ge=0, le=5, description="percent from the edge that counts as touching it")
    ] = 1.0
    sl_pct: Annotated[
        float, Meta(ge=0.1, le=20, description="stop beyond the edge, in percent")
    ] = 2.0


def candles_needed(params: RsiBoll) -> int:
    return max(settled_wilder(params.rsi_period), params.boll_period)


def wishes(seen: Seen, params: RsiBoll) -> Wishes:
    strength = seen.rsi(params.rsi_period).now
    upper, middle, lower = (
        column.now for column in seen.bollinger(params.boll_period, params.boll_std)
    )
    close, touch, beyond = seen.close.now, params.touch_pct / 100, params.sl_pct / 100
    is_wide = upper - lower > SAME * middle
    way = ways(
        is_wide & (strength < params.oversold) & (close <= lower * (1 + touch)),
        is_wide & (strength > params.overbought) & (close >= upper * (1 - touch)),
    )
    depth = np.where(way > 0, params.oversold - strength, strength - params.overbought)
    return opening(
        seen,
        way,
        stop=np.where(way > 0, lower * (1 - beyond), upper * (1 + beyond)),
        target=middle,
        confidence=np.minimum(80, 60 + depth),
        reason=lambda at: f"RSI {strength[at]:.1f} at the edge of the band",
    )


STRATEGY = of_columns("rsi_boll", RsiBoll, candles_needed, wishes)
