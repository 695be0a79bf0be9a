"""Moving-average cross: in when the fast average rises through the slow one, out when it falls.

Long only: the falling cross closes what the rising one opened.
"""

from dataclasses import replace
from typing import Annotated

import msgspec
import numpy as np

from engine.strategies.base import Params, settled
from engine.strategies.columns import above, closing, of_columns, ways
from engine.strategies.seen import Seen, each
from engine.strategies.wishes import Wishes


class MaCross(Params, frozen=True, kw_only=True):
    fast_ma: Annotated[int, msgspec.Meta(ge=1, le=200, description="bars of the fast average")] = 5
    slow_ma: Annotated[int, msgspec.Meta(ge=2, le=400, description="bars of the slow average")] = 20
    use_ema: Annotated[bool, msgspec.Meta(description="exponential instead of simple")] = False

    def __post_init__(self) -> None:
        if self.fast_ma >= self.slow_ma:
            raise ValueError("fast_ma must be below slow_ma")


def candles_needed(params: MaCross) -> int:
    return (settled(params.slow_ma) if params.use_ema else params.slow_ma) + 1


def wishes(seen: Seen, params: MaCross) -> Wishes:
    average = seen.ema if params.use_ema else seen.sma
    fast, slow = average(params.fast_ma), average(params.slow_ma)
    is_above = each(above, fast, slow)
    turned = is_above.now != is_above.before
    apart = abs(fast.now / slow.now - 1) * 100

    def reason(at: int) -> str:
        return f"fast average {'rose' if is_above.now[at] else 'fell'} through the slow one"

    told = closing(seen, ways(turned), confidence=np.minimum(90, 70 + 10 * apart), reason=reason)
    return replace(told, opens=is_above.now)


STRATEGY = of_columns("ma_cross", MaCross, candles_needed, wishes)
