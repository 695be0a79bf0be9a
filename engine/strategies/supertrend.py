"""Supertrend: the close turns the trailing line; the line is the stop."""

from typing import Annotated

from msgspec import Meta

# The line remembers its last turn; it is followed over this many bars.
from engine.strategies.base import Params, TargetRanges, settled_wilder
from engine.strategies.columns import always, began, of_columns, opening
from engine.strategies.seen import Seen
from engine.strategies.wishes import Wishes

FOLLOWED = 100


class SupertrendRule(Params, frozen=True, kw_only=True):
    period: Annotated[int, Meta(ge=2, le=200, description="bars of the usual range")] = 10
    multiplier: Annotated[
        float, Meta(ge=0.1, le=20, description="line, in usual ranges from the bar's middle")
    ] = 3.0
    tp_atr_mult: TargetRanges = 4.0


def candles_needed(params: SupertrendRule) -> int:
    return settled_wilder(params.period) + FOLLOWED


def wishes(seen: Seen, params: SupertrendRule) -> Wishes:
    told = seen.supertrend(params.period, params.multiplier)
    way = began(told.side)
    return opening(
        seen,
        way,
        stop=told.line,
        target=seen.close.now + way * params.tp_atr_mult * seen.usual_range(params.period),
        confidence=80,
        reason=always("the line turned"),
    )


STRATEGY = of_columns("supertrend", SupertrendRule, candles_needed, wishes)
