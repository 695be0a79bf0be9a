"""Smart money: the first return to an order block that the market has left untouched.

A demand block is bought when a bar first reaches down into it and closes above its bottom, unless
the averages fall; a supply block is sold the other way round. A gap left behind, a sweep of the
latest lows, averages that agree and a close beyond the block each add to the confidence.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.candle import Candles
from engine.indicators import gaps, order_blocks, sma
from engine.signal import Direction, Intent
from engine.strategies.base import Params, Strategy, above, opening, sign, usual_range

FAST, SLOW, RANGES = 20, 50, 14


class Smc(Params, frozen=True, kw_only=True):
    lookback: Annotated[int, Meta(ge=5, le=300, description="bars that blocks live")] = 50
    ob_min_body_ratio: Annotated[
        float, Meta(ge=0.1, le=1, description="least body of the bar that makes a block, in ranges")
    ] = 0.5
    fvg_min_gap: Annotated[
        float, Meta(ge=0.0001, le=0.05, description="least gap, as a share of the price")
    ] = 0.001
    liquidity_lookback: Annotated[
        int, Meta(ge=2, le=200, description="bars whose extreme a sweep goes beyond")
    ] = 20
    require_fvg: Annotated[bool, Meta(description="only blocks that left a gap")] = False
    require_sweep: Annotated[
        bool, Meta(description="only bars that swept the latest extreme and came back")
    ] = False
    sl_buffer_atr: Annotated[
        float, Meta(ge=0, le=10, description="stop beyond the block, in usual ranges")
    ] = 0.5
    tp_atr_mult: Annotated[
        float, Meta(ge=0.1, le=50, description="target, in usual ranges from the price")
    ] = 3.0


def candles_needed(params: Smc) -> int:
    return max(params.lookback + 2, params.liquidity_lookback + 1, SLOW, RANGES) + 1


def decide(candles: Candles, params: Smc) -> Intent | None:
    fast, slow = sma(candles.close, FAST)[-1], sma(candles.close, SLOW)[-1]
    blocks = order_blocks(
        candles.open, candles.high, candles.low, candles.close, least_body=params.ob_min_body_ratio
    )
    left = gaps(candles.high, candles.low, least=params.fvg_min_gap)
    last = len(candles) - 1
    for at in range(last - 1, last - 1 - params.lookback, -1):
        if np.isnan(blocks.top[at]):
            continue
        top, bottom = float(blocks.top[at]), float(blocks.bottom[at])
        is_demand = bool(blocks.is_demand[at])
        way = Direction.LONG if is_demand else Direction.SHORT
        between = slice(at + 1, last)
        if is_demand:
            touched = bool((candles.low[between] <= top).any())
            returns = candles.low[-1] <= top and candles.close[-1] > bottom
            against, agrees = above(slow, fast), above(fast, slow)
            extreme = candles.low[-1 - params.liquidity_lookback : -1].min()
            sweeps = candles.low[-1] < extreme < candles.close[-1]
            refuses, edge = candles.close[-1] > top, bottom
        else:
            touched = bool((candles.high[between] >= bottom).any())
            returns = candles.high[-1] >= bottom and candles.close[-1] < top
            against, agrees = above(fast, slow), above(slow, fast)
            extreme = candles.high[-1 - params.liquidity_lookback : -1].max()
            sweeps = candles.high[-1] > extreme > candles.close[-1]
            refuses, edge = candles.close[-1] < bottom, top
        if touched or not returns or against:
            continue
        # The gap opens with the bar that makes the block, or with the one after it.
        around = slice(at, min(at + 2, last))
        has_gap = bool((~np.isnan(left.top[around]) & (left.is_demand[around] == is_demand)).any())
        if (params.require_fvg and not has_gap) or (params.require_sweep and not sweeps):
            continue
        usual = usual_range(candles, RANGES)
        told = 60 + 15 * has_gap + 10 * bool(sweeps) + 15 * agrees + 10 * bool(refuses)
        return opening(
            candles,
            way,
            stop=edge - sign(way) * params.sl_buffer_atr * usual,
            target=float(candles.close[-1]) + sign(way) * params.tp_atr_mult * usual,
            confidence=min(95, told),
            reason=f"first return to {'demand' if is_demand else 'supply'}",
        )
    return None


STRATEGY = Strategy("smc", Smc, candles_needed, decide)
