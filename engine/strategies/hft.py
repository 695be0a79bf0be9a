"""Fast trading: a stretched RSI, a bar that turns, and a close beyond the short average."""

from typing import Annotated

from msgspec import Meta

from engine.strategies.base import Params, settled, settled_wilder
from engine.strategies.columns import above, of_columns, opening, ways
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes


class Hft(Params, frozen=True, kw_only=True):
    profit_target: Annotated[
        float, Meta(ge=0.01, le=10, description="target, in percent of the price")
    ] = 0.15
    stop_loss: Annotated[
        float, Meta(ge=0.01, le=10, description="stop, in percent of the price")
    ] = 0.1
    rsi_period: Annotated[int, Meta(ge=2, le=100, description="bars of the RSI")] = 7
    oversold: Annotated[float, Meta(ge=1, le=49, description="RSI below which is bought")] = 35.0
    overbought: Annotated[float, Meta(ge=51, le=99, description="RSI above which is sold")] = 65.0
    ema_period: Annotated[int, Meta(ge=1, le=100, description="bars of the average")] = 5


def candles_needed(params: Hft) -> int:
    return max(settled_wilder(params.rsi_period), settled(params.ema_period)) + 1


def wishes(seen: Seen, params: Hft) -> Wishes:
    """The RSI is that of the bar before, which the turn starts from."""
    close, opened = seen.close.now, seen.open.now
    strength, average = seen.rsi(params.rsi_period).before, seen.ema(params.ema_period).now
    way = ways(
        (strength < params.oversold) & above(close, opened) & above(close, average),
        (strength > params.overbought) & above(opened, close) & above(average, close),
    )
    return opening(
        seen,
        way,
        stop=close * (1 - way * params.stop_loss / 100),
        target=close * (1 + way * params.profit_target / 100),
        confidence=65,
        reason=lambda at: f"the bar turned at RSI {strength[at]:.1f}",
    )


STRATEGY = of_columns("hft", Hft, candles_needed, wishes)
