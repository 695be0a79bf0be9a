"""The limits that people set: of the platform, and of each tenant beside them.

Each has figures with bounds, and a judge that says why not, or nothing. They stand behind the
rules of `engine/risk.py`, for opening orders only: whatever forbids more risk never forbids
getting out. Of two that are set, by the platform and by a tenant, both hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from engine.parameters import Params, read_params
from engine.risk import APPROVED, AccountFacts, Refused, Rule, Verdict
from engine.signal import Action

# How many closed positions a streak of losses is looked for in.
LONGEST_STREAK = 100
Count = Annotated[int, Meta(ge=1, le=100_000)]
Usdt = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Symbol = Annotated[str, Meta(min_length=3, max_length=32, pattern="^[A-Z0-9]+/[A-Z0-9]+$")]
Symbols = Annotated[tuple[Symbol, ...], Meta(min_length=1, max_length=500)]


class Positions(Params, frozen=True, kw_only=True):
    most: Count = 10


class Equity(Params, frozen=True, kw_only=True):
    least_usdt: Usdt = 100


class Notional(Params, frozen=True, kw_only=True):
    most_usdt: Usdt = 10_000


class Leverage(Params, frozen=True, kw_only=True):
    most: Annotated[int, Meta(ge=1, le=125)] = 20


class DayTrades(Params, frozen=True, kw_only=True):
    most: Count = 100


class WeekTrades(Params, frozen=True, kw_only=True):
    most: Count = 500


class DayLoss(Params, frozen=True, kw_only=True):
    most_usdt: Usdt = 1000


class LosingStreak(Params, frozen=True, kw_only=True):
    most: Annotated[int, Meta(ge=1, le=LONGEST_STREAK)] = 5
    rest_minutes: Annotated[int, Meta(ge=1, le=43_200)] = 30


class Pause(Params, frozen=True, kw_only=True):
    least_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 60


class Listed(Params, frozen=True, kw_only=True):
    symbols: Symbols = ("BTC/USDT",)


def positions(facts: AccountFacts, set_to: Positions) -> str:
    is_full = facts.open_positions >= set_to.most
    return f"{facts.open_positions} positions are open, {set_to.most} at most" if is_full else ""


def equity(facts: AccountFacts, set_to: Equity) -> str:
    if facts.equity is None:
        return "what the account is worth is not known"
    is_poor = facts.equity < set_to.least_usdt
    return f"the account is worth {facts.equity:f} of {set_to.least_usdt} USDT" if is_poor else ""


def notional(facts: AccountFacts, set_to: Notional) -> str:
    if facts.notional is None:
        return "no price of it is known"
    is_large = facts.notional > set_to.most_usdt
    return f"it is worth {facts.notional:f} USDT, {set_to.most_usdt} at most" if is_large else ""


def leverage(facts: AccountFacts, set_to: Leverage) -> str:
    return f"{facts.leverage} times, {set_to.most} at most" if facts.leverage > set_to.most else ""


def day_trades(facts: AccountFacts, set_to: DayTrades) -> str:
    if facts.trades is None:
        return "what was opened today is not known"
    opened = facts.trades.today
    return f"{opened} were opened today, {set_to.most} at most" if opened >= set_to.most else ""


def week_trades(facts: AccountFacts, set_to: WeekTrades) -> str:
    if facts.trades is None:
        return "what was opened this week is not known"
    opened = facts.trades.this_week
    return f"{opened} were opened this week, {set_to.most} at most" if opened >= set_to.most else ""


def day_loss(facts: AccountFacts, set_to: DayLoss) -> str:
    if facts.lost_today is None:
        return "what was lost today is not known"
    lost, most = facts.lost_today, set_to.most_usdt
    return f"{lost:f} USDT were lost today of {most}" if lost >= most else ""


def losing_streak(facts: AccountFacts, set_to: LosingStreak) -> str:
    if facts.losses is None:
        return "what was lost lately is not known"
    in_a_row, since = facts.losses.in_a_row, facts.losses.seconds_since_last
    if in_a_row >= set_to.most and since < set_to.rest_minutes * 60:
        return f"{in_a_row} losses in a row: it rests for {set_to.rest_minutes} minutes"
    return ""


def pause(facts: AccountFacts, set_to: Pause) -> str:
    if facts.trades is None:
        return "when it opened last is not known"
    since = facts.trades.seconds_since_last
    is_early = since is not None and since < set_to.least_seconds
    return f"{since:.0f} s of {set_to.least_seconds} s since it opened last" if is_early else ""


def allowed_symbols(facts: AccountFacts, set_to: Listed) -> str:
    is_listed = facts.symbol in set_to.symbols
    return "" if is_listed else f"{facts.symbol} is not among those that are allowed"


def blocked_symbols(facts: AccountFacts, set_to: Listed) -> str:
    return f"{facts.symbol} is blocked" if facts.symbol in set_to.symbols else ""


@dataclass(frozen=True, slots=True)
class Limit:
    figures: type[Params]
    judge: Callable[[AccountFacts, Any], str]
    # Which of the facts it looks at that have to be asked for.
    looks_at: str = ""
    # Whether the platform holds it as long as nobody says otherwise.
    is_on: bool = False


LIMITS: dict[str, Limit] = {
    "positions": Limit(Positions, positions, is_on=True),
    "equity": Limit(Equity, equity, "equity"),
    "notional": Limit(Notional, notional),
    "leverage": Limit(Leverage, leverage),
    "day_trades": Limit(DayTrades, day_trades, "trades"),
    "week_trades": Limit(WeekTrades, week_trades, "trades"),
    "day_loss": Limit(DayLoss, day_loss, "lost_today"),
    "losing_streak": Limit(LosingStreak, losing_streak, "losses"),
    "pause": Limit(Pause, pause, "trades"),
    "allowed_symbols": Limit(Listed, allowed_symbols),
    "blocked_symbols": Limit(Listed, blocked_symbols),
}


def figures_of(code: str, values: Mapping[str, object]) -> Params:
    """A limit's figures, or BadParameters naming the figure and its bound."""
    return read_params(LIMITS[code].figures, values, owner=code)


def rule_of(code: str, figures: Params) -> Rule:
    """The limit as a rule like any other."""
    judge = LIMITS[code].judge

    def rule(facts: AccountFacts) -> Verdict:
        why_not = judge(facts, figures) if facts.action is Action.OPEN else ""
        return Refused(code, why_not) if why_not else APPROVED

    return rule
