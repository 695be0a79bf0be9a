"""Portfolio: several strategies look at one market, and what enough of them want is done.

Most rules speak on one bar only, so what a member wanted counts for `within_bars` bars, the
newest first. Openings and closings of each direction are counted apart; of two wishes with the
same support neither is done.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.candle import Candles
from engine.errors import BadParameters
from engine.signal import Action, Direction, Intent
from engine.strategies.base import Params, Strategy, closing, first_bars, opening
from engine.strategies.members import MEMBERS

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


def wish(candles: Candles, member: Member, within: int) -> Intent | None:
    """A member's newest wish of the last bars."""
    strategy, params = member.strategy()
    needed = strategy.candles_needed(params)
    for ago in range(within):
        end = len(candles) - ago
        intent = strategy.decide(first_bars(candles, end, start=end - needed), params)
        if intent is not None:
            return intent
    return None


def decide(candles: Candles, params: Portfolio) -> Intent | None:
    wishes = [
        (member, intent)
        for member in params.strategies
        if (intent := wish(candles, member, params.within_bars)) is not None
    ]
    by_heads = params.fusion_mode != "weighted"
    whole = sum(1 if by_heads else member.weight for member in params.strategies)
    least = {"unanimous": 1.0, "any": 0.0}.get(params.fusion_mode, params.min_agreement)
    support: dict[tuple[Action, Direction], float] = {}
    for member, intent in wishes:
        key = intent.action, intent.direction
        support[key] = support.get(key, 0.0) + (1 if by_heads else member.weight) / whole
    if not support:
        return None
    most = max(support.values())
    leaders = [key for key, share in support.items() if share >= most - 1e-9]
    # Dust of the division must not undo a unanimous vote.
    if len(leaders) > 1 or most < least - 1e-9:
        return None
    action, direction = leaders[0]
    agreeing = [
        (member.weight, intent)
        for member, intent in wishes
        if (intent.action, intent.direction) == leaders[0]
    ]
    weight = sum(weight for weight, _ in agreeing)
    confidence = sum(weight * intent.confidence for weight, intent in agreeing) / weight
    if confidence < params.min_confidence:
        return None
    confidence = min(MOST_CONFIDENT, confidence)
    reason = f"{len(agreeing)} of {len(params.strategies)} agree"
    if action is Action.CLOSE:
        return closing(candles, direction, confidence=confidence, reason=reason)
    return opening(
        candles,
        direction,
        stop=mean([intent.stop for _, intent in agreeing]),
        target=mean([intent.target for _, intent in agreeing]),
        confidence=confidence,
        reason=reason,
    )


def mean(prices: list[Decimal | None]) -> float | None:
    """The mean of those that name a price."""
    named = [float(price) for price in prices if price is not None]
    return sum(named) / len(named) if named else None


STRATEGY = Strategy("portfolio", Portfolio, candles_needed, decide)
