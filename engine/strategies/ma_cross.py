"""Moving-average cross: in when the fast average rises through the slow one, out when it falls.

Long only: the falling cross closes what the rising one opened.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

from engine.candle import Candles
from engine.indicators import ema, sma
from engine.signal import Action, Direction, Intent
from engine.strategies.base import Params, Strategy, above, settled


class MaCross(Params, frozen=True, kw_only=True):
    fast_ma: Annotated[int, msgspec.Meta(ge=1, le=200, description="bars of the fast average")] = 5
    slow_ma: Annotated[int, msgspec.Meta(ge=2, le=400, description="bars of the slow average")] = 20
    use_ema: Annotated[bool, msgspec.Meta(description="exponential instead of simple")] = False

    def __post_init__(self) -> None:
        if self.fast_ma >= self.slow_ma:
            raise ValueError("fast_ma must be below slow_ma")


def candles_needed(params: MaCross) -> int:
    return (settled(params.slow_ma) if params.use_ema else params.slow_ma) + 1


def decide(candles: Candles, params: MaCross) -> Intent | None:
    average = ema if params.use_ema else sma
    fast, slow = average(candles.close, params.fast_ma), average(candles.close, params.slow_ma)
    was_above, is_above = above(fast[-2], slow[-2]), above(fast[-1], slow[-1])
    if was_above == is_above:
        return None
    apart = abs(fast[-1] / slow[-1] - 1) * 100
    return Intent(
        action=Action.OPEN if is_above else Action.CLOSE,
        direction=Direction.LONG,
        price=Decimal(str(candles.close[-1])),
        confidence=int(min(90, 70 + 10 * apart)),
        reason=f"fast average {'rose' if is_above else 'fell'} through the slow one",
    )


STRATEGY = Strategy("ma_cross", MaCross, candles_needed, decide)
