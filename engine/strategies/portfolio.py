"""Portfolio: several strategies look at one market, and what enough of them want is done.

Most rules speak on one bar only, so what a member wanted counts for `within_bars` bars, the
newest first. Openings and closings of each direction are counted apart; of two wishes with the
same support neither is done.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike

from engine.candle import bars_of
from engine.errors import BadParameters
from engine.strategies.base import Params, Strategy
from engine.strategies.columns import (
    Flags,
    chosen,
    closing,
    of_columns,
    only,
    opening,
    wishes_of,
)
from engine.strategies.members import MEMBERS
from engine.strategies.seen import Seen
from engine.strategies.wishes import Column, Wishes, part_of

MOST_CONFIDENT = 95


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    weight: Annotated[float, Meta(ge=0.01, le=100)] = 1.0
    config: dict[str, Any] = {}

    def strategy(self) -> tuple[Strategy, Params]:
        try:
            strategy = MEMBERS[self.code]
        except KeyError:
            raise ValueError(f"strategies: unknown strategy {self.code}") from None
        try:
            return strategy, strategy.read_params(self.config)
        except BadParameters as error:
            raise ValueError(f"strategies: {error.message}") from error


class Portfolio(Params, frozen=True, kw_only=True):
    strategies: Annotated[
        tuple[Member, ...],
        Meta(
            min_length=1,
            max_length=10,
            description="members: each a code, a weight and its own parameters",
        ),
    ] = (Member(code="macd"), Member(code="supertrend"), Member(code="ema_cross"))
    fusion_mode: Annotated[
        Literal["voting", "weighted", "unanimous", "any"],
        Meta(description="heads, weights, everybody, or anybody"),
    ] = "weighted"
    min_agreement: Annotated[
        float, Meta(ge=0, le=1, description="share of heads or weights that must agree")
    ] = 0.5
    min_confidence: Annotated[
        int, Meta(ge=0, le=95, description="mean confidence that those who agree must have")
    ] = 60
    within_bars: Annotated[
        int, Meta(ge=1, le=20, description="bars for which a member's wish counts")
    ] = 3

    def __post_init__(self) -> None:
        for member in self.strategies:
            member.strategy()


def candles_needed(params: Portfolio) -> int:
    members = [member.strategy() for member in params.strategies]
    return max(one.candles_needed(told) for one, told in members) + params.within_bars - 1


def newest(seen: Seen, member: Member, within: int) -> Wishes:
    """A member's newest wish of the last bars, on each bar."""
    strategy, params = member.strategy()
    first = seen.shown - strategy.candles_needed(params) - within + 1
    told = wishes_of(strategy, bars_of(seen.candles, first, len(seen.candles)), params)
    count = len(seen.close.now)
    found = part_of(told, 0, count)
    for later in range(1, within):
        last = part_of(told, later, count)
        found = chosen(last.way != 0, last, found)
    return found


def wishes(seen: Seen, params: Portfolio) -> Wishes:
    told = [newest(seen, member, params.within_bars) for member in params.strategies]
    by_heads = params.fusion_mode != "weighted"
    whole = sum(1 if by_heads else member.weight for member in params.strategies)
    least = {"unanimous": 1.0, "any": 0.0}.get(params.fusion_mode, params.min_agreement)
    weights = [member.weight for member in params.strategies]
    shares = [(1 if by_heads else weight) / whole for weight in weights]
    # What may be wanted: to open or to close, long or short.
    keys = [(opens, way) for opens in (True, False) for way in (1, -1)]
    agrees = np.array(
        [[(each.opens == opens) & (each.way == way) for each in told] for opens, way in keys]
    )
    support = added(agrees, shares)
    most = support.max(axis=0)
    leads = support >= most - 1e-9
    # Dust of the division must not undo a unanimous vote.
    is_agreed = (most > 0) & (leads.sum(axis=0) == 1) & (most >= least - 1e-9)
    leader = leads.argmax(axis=0)
    agreeing = np.take_along_axis(agrees, leader[None, None], 0)[0]
    weight = np.where(is_agreed, added(agreeing, weights), 1)
    sure = added(agreeing, weights, [each.confidence for each in told]) / weight
    is_agreed &= sure >= params.min_confidence
    opens, way = (np.array(column)[leader] for column in zip(*keys, strict=True))
    way, close = only(way, is_agreed), seen.close.now
    stop = mean(agreeing, [each.stop for each in told])
    target = mean(agreeing, [each.target for each in told])
    # A level that nobody named is on no wrong side.
    opened = opening(
        seen,
        only(way, opens),
        stop=np.where(np.isnan(stop), close - way * close / 2, stop),
        target=np.where(np.isnan(target), close + way * close / 2, target),
        confidence=np.minimum(MOST_CONFIDENT, sure),
        reason=lambda at: f"{agreeing[:, at].sum()} of {len(told)} agree",
    )
    closed = closing(seen, only(way, ~opens), confidence=opened.confidence, reason=opened.reason)
    opened = replace(
        opened,
        stop=np.where(np.isnan(stop), np.nan, opened.stop),
        target=np.where(np.isnan(target), np.nan, opened.target),
    )
    return chosen(opens, opened, closed)


def added(chosen: Flags, weights: Sequence[float], columns: Sequence[ArrayLike] = ()) -> Column:
    """What those who are chosen weigh together, or their columns by weight."""
    total: Column = np.zeros(chosen[..., 0, :].shape)
    for place, weight in enumerate(weights):
        total += chosen[..., place, :] * (weight * np.asarray(columns[place] if columns else 1))
    return total


def mean(agreeing: Flags, levels: list[Column]) -> Column:
    """The mean of those that name a price."""
    total, count = np.zeros(agreeing.shape[1]), np.zeros(agreeing.shape[1])
    for place, level in enumerate(levels):
        is_named = agreeing[place] & ~np.isnan(level)
        total += np.where(is_named, level, 0.0)
        count += is_named
    told: Column = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return told


STRATEGY = of_columns("portfolio", Portfolio, candles_needed, wishes)
