"""The rules that stand between a decision and its order; the first that speaks against it refuses.

They see facts, never a database: they are asked when the answer has come, again just before the
order with what is known then, and once more when a record is replayed. A fact that is missing
refuses. Whatever is decided, closing what is held needs nothing but that it is held.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec.structs import replace

from engine.deciding.context import Account, Context, Market, Plain
from engine.deciding.decision import Decision, Wanted
from engine.deciding.limits import Limits, exact
from engine.risk import APPROVED, Refused, Verdict
from engine.signal import Direction

BPS = Decimal(10_000)
PERCENT = Decimal(100)


class Facts(Plain, frozen=True):
    """What is known of the account and the markets; a change of it for each approved decision."""

    now_ms: int
    account: Account
    held: dict[str, Direction]
    markets: dict[str, Market]
    closed_at_ms: dict[str, int]
    # By the decisions before this one, in the same answer.
    openings: int = 0


class Judged(Plain, frozen=True):
    """A decision and its verdict: the rules that let it pass, and the one that did not."""

    decision: Decision
    passed: tuple[str, ...]
    refused_by: str = ""
    reason: str = ""

    @property
    def is_approved(self) -> bool:
        return not self.refused_by


def facts_of(context: Context) -> Facts:
    return Facts(
        now_ms=context.now_ms,
        account=context.account,
        held={one.symbol: one.direction for one in context.positions},
        markets={one.symbol: one for one in context.markets},
        closed_at_ms=dict(context.closed_at_ms),
    )


def judge(decision: Decision, facts: Facts, limits: Limits) -> Judged:
    passed: list[str] = []
    for rule in rules_for(decision):
        verdict = rule(decision, facts, limits)
        if isinstance(verdict, Refused):
            return Judged(
                decision=decision,
                passed=tuple(passed),
                refused_by=verdict.code,
                reason=verdict.reason,
            )
        passed.append(rule.__name__)
    return Judged(decision=decision, passed=tuple(passed))


def judge_all(decisions: Iterable[Decision], facts: Facts, limits: Limits) -> list[Judged]:
    """Closes first, then by symbol; each sees what those before it have taken."""
    judged = []
    for decision in sorted(decisions, key=order_of):
        one = judge(decision, facts, limits)
        judged.append(one)
        if one.is_approved:
            facts = after(decision, facts)
    return judged


def order_of(decision: Decision) -> tuple[bool, str]:
    return decision.signal is not Wanted.CLOSE, decision.symbol


def after(decision: Decision, facts: Facts) -> Facts:
    """Once it is done. What a close sets free is not counted on: it may not be done yet."""
    if decision.opens is None:
        return facts
    margin = facts.account.margin_used + margin_of(decision)
    return replace(
        facts,
        account=replace(facts.account, margin_used=margin),
        held={**facts.held, decision.symbol: decision.opens},
        openings=facts.openings + 1,
    )


def margin_of(decision: Decision) -> Decimal:
    return decision.position_size_usd / decision.leverage


def is_major(symbol: str, limits: Limits) -> bool:
    return symbol.partition("/")[0] in limits.majors


def named(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    return APPROVED if decision.symbol in facts.held else known(decision, facts, limits)


def known(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    if decision.symbol not in facts.markets:
        return Refused("symbol", "the symbol is not among those that were shown")
    return APPROVED


def fresh(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    age_ms = facts.now_ms - facts.markets[decision.symbol].seen_at_ms
    if age_ms > limits.stale_seconds * 1000:
        return Refused("stale", f"the price is {age_ms} ms old")
    return APPROVED


def complete(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    for name in ("leverage", "position_size_usd", "entry_price", "stop_loss", "take_profit"):
        if getattr(decision, name) <= 0:
            return Refused("complete", f"{name} is more than zero")
    return APPROVED


def solvent(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    price, account = facts.markets[decision.symbol].price, facts.account
    is_known = all(one.is_finite() for one in (price, account.equity, account.margin_used))
    if not is_known or account.equity <= 0 or price <= 0:
        return Refused("equity", "nothing is left to trade with, or nothing is known of its price")
    return APPROVED


def confident(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    if decision.confidence < limits.min_confidence:
        return Refused("confidence", f"{decision.confidence} of {limits.min_confidence}")
    return APPROVED


def near(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    price = facts.markets[decision.symbol].price
    apart = abs(decision.entry_price - price) / price * BPS
    if apart > exact(limits.entry_bps):
        return Refused("entry", f"{apart:.0f} bps from the price, {limits.entry_bps} at most")
    return APPROVED


def ordered(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    """Stop and target stand on their sides of the entry, and of the price as it is now."""
    price = facts.markets[decision.symbol].price
    low, high = sorted((decision.entry_price, price))
    below, above = decision.stop_loss, decision.take_profit
    if decision.opens is Direction.SHORT:
        below, above = above, below
    if not below < low <= high < above:
        return Refused("order", "stop and target do not stand on their sides of the price")
    return APPROVED


def rewarding(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    """By the entry or by the price as it is now, whichever is worse."""
    entries = (decision.entry_price, facts.markets[decision.symbol].price)
    worst = min(reward_over_risk(decision, entry) for entry in entries)
    if worst < exact(limits.min_risk_reward):
        return Refused("risk_reward", f"{worst:.2f} of {limits.min_risk_reward}")
    return APPROVED


def reward_over_risk(decision: Decision, entry: Decimal) -> Decimal:
    return abs(decision.take_profit - entry) / abs(entry - decision.stop_loss)


def leveraged(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    most = limits.major_leverage if is_major(decision.symbol, limits) else limits.other_leverage
    most = min(most, facts.markets[decision.symbol].max_leverage)
    if decision.leverage > most:
        return Refused("leverage", f"{decision.leverage}, {most} at most")
    return APPROVED


def deep(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    depth = facts.markets[decision.symbol].depth
    least = exact(limits.least_depth)
    if least and (depth is None or not depth.is_finite() or depth < least):
        return Refused("liquidity", f"open interest {depth}, {limits.least_depth} at least")
    return APPROVED


def in_band(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    multiple = decision.position_size_usd / facts.account.equity
    kind = "major" if is_major(decision.symbol, limits) else "other"
    least = exact(getattr(limits, f"{kind}_least_multiple"))
    most = exact(getattr(limits, f"{kind}_most_multiple"))
    if not least <= multiple <= most:
        return Refused("band", f"{multiple:.2f} of the equity, {least} to {most}")
    return APPROVED


def sized(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    if decision.position_size_usd > exact(limits.max_size):
        return Refused("size", f"{decision.position_size_usd}, {limits.max_size} at most")
    return APPROVED


def affordable(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    used = facts.account.margin_used + margin_of(decision)
    percent = PERCENT * used / facts.account.equity
    if percent > exact(limits.max_margin_percent):
        return Refused("margin", f"{percent:.1f} percent, {limits.max_margin_percent} at most")
    return APPROVED


def bearable(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    """What is lost at the stop, counted by us; the model's own count must be near it."""
    entry = decision.entry_price
    risk = abs(entry - decision.stop_loss) / entry * decision.position_size_usd
    percent = PERCENT * risk / facts.account.equity
    if percent > exact(limits.max_risk_percent):
        return Refused("risk", f"{percent:.2f} percent, {limits.max_risk_percent} at most")
    if abs(decision.risk_usd - risk) > risk * exact(limits.risk_apart_percent) / PERCENT:
        return Refused("told_risk", f"told as {decision.risk_usd}, and is {risk:.2f}")
    return APPROVED


def rested(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    closed_at_ms = facts.closed_at_ms.get(decision.symbol)
    if closed_at_ms is not None:
        since = (facts.now_ms - closed_at_ms) // 1000
        if since < limits.cooldown_seconds:
            return Refused("cooldown", f"{since} s of {limits.cooldown_seconds} s since the close")
    return APPROVED


def one_more(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    if decision.symbol in facts.held:
        return Refused("held", "a position in this symbol is open")
    if len(facts.held) >= limits.max_positions:
        return Refused("positions", f"{len(facts.held)} are open, {limits.max_positions} at most")
    if limits.max_openings and facts.openings >= limits.max_openings:
        return Refused("openings", f"{facts.openings} in this decision already")
    return APPROVED


def holding(decision: Decision, facts: Facts, limits: Limits) -> Verdict:
    if decision.symbol not in facts.held:
        return Refused("nothing_held", "there is nothing to close")
    return APPROVED


Rule = Callable[[Decision, Facts, Limits], Verdict]
# In this order: each may rely on those before it.
OPENING: tuple[Rule, ...] = (
    known,
    fresh,
    complete,
    solvent,
    confident,
    near,
    ordered,
    rewarding,
    leveraged,
    deep,
    in_band,
    sized,
    affordable,
    bearable,
    rested,
    one_more,
)


def rules_for(decision: Decision) -> tuple[Rule, ...]:
    if decision.opens is not None:
        return OPENING
    # A position is closed though its market was not shown.
    return (holding,) if decision.signal is Wanted.CLOSE else (named,)


def changed(judged: Judged, facts: Facts, limits: Limits) -> Judged | None:
    """Asked again just before its order: the new verdict where it is no longer approved."""
    again = judge(judged.decision, facts, limits)
    return None if again.is_approved else again
