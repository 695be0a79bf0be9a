"""The rules that stand before every order; each approves, or refuses with a reason.

A rule sees facts, never a database. A fact that is missing refuses: nothing is
approved by accident.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.signal import Action

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Approved:
    pass


APPROVED = Approved()


@dataclass(frozen=True, slots=True)
class Refused:
    code: str
    reason: str


Verdict = Approved | Refused


class SignalFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a signal is judged, before anybody's account is looked at."""

    action: Action
    confidence: int
    min_confidence: int
    bars_late: int
    seconds_since_last: float | None  # since the last published signal of this watch and action
    cooldown_seconds: int


class Trades(msgspec.Struct, frozen=True):
    """How often an account was to open something, in the days and weeks of UTC."""

    today: int
    this_week: int
    seconds_since_last: float | None


class Losses(msgspec.Struct, frozen=True):
    """The last positions that an account closed, as far as each of them lost."""

    in_a_row: int
    seconds_since_last: float


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one subscription's account when its order is planned."""

    action: Action
    symbol: str
    node_alive: bool
    points: Decimal  # point cards, self and gift
    quantity: Decimal
    held: Decimal  # of this symbol and direction
    open_positions: int  # those that are about to be opened, or may have been, among them
    tickets_in_flight: int  # for this account and symbol
    is_clock_off: bool = False  # its node is ahead of us
    is_braked: bool = False  # a person has stopped opening everywhere
    is_spent: bool = False  # it was to open once, and has
    is_drifting: bool = False  # its venue holds other than our books say
    key_refusal: str = ""  # what speaks against its key
    has_parked: bool = False  # nobody knows what one of its orders did
    is_quoted: bool = False  # a maker runs on this symbol there
    leverage: int = 1
    notional: Decimal | None = None
    # What only a limit asks for that somebody has set; None is not known.
    equity: Decimal | None = None
    trades: Trades | None = None
    lost_today: Decimal | None = None
    losses: Losses | None = None


Rule = Callable[[AccountFacts], Verdict]


MAX_BARS_LATE = 2


def confident(facts: SignalFacts) -> Verdict:
    if facts.confidence < facts.min_confidence:
        return Refused("confidence", f"confidence {facts.confidence} of {facts.min_confidence}")
    return APPROVED


def fresh(facts: SignalFacts) -> Verdict:
    if facts.bars_late > MAX_BARS_LATE:
        return Refused("stale", f"the bar closed {facts.bars_late} bars ago")
    return APPROVED


def cooled_down(facts: SignalFacts) -> Verdict:
    since = facts.seconds_since_last
    rests = facts.action is Action.OPEN and facts.cooldown_seconds > 0
    if rests and since is not None and since < facts.cooldown_seconds:
        return Refused("cooldown", f"{since:.0f} s of {facts.cooldown_seconds} s since the last")
    return APPROVED


def node_alive(facts: AccountFacts) -> Verdict:
    return APPROVED if facts.node_alive else Refused("node", "no living node holds this account")


def clock_right(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.is_clock_off:
        return Refused("clock", "the clock of the account's node is off")
    return APPROVED


def not_braked(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.is_braked:
        return Refused("brake", "the brake is on: nothing is opened anywhere")
    return APPROVED


def points_left(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.points <= 0:
        return Refused("points", "the member's point cards are empty")
    return APPROVED


def not_held(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.held > 0:
        return Refused("held", "a position in this symbol and direction is open")
    return APPROVED


def not_spent(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.is_spent:
        return Refused("once", "it trades once, and has")
    return APPROVED


def books_hold(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.is_drifting:
        return Refused("drift", "the venue holds other than the books say")
    return APPROVED


def key_fits(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.key_refusal:
        return Refused("key", facts.key_refusal)
    return APPROVED


def all_known(facts: AccountFacts) -> Verdict:
    if facts.action is Action.OPEN and facts.has_parked:
        return Refused("parked", "a ticket of the account waits for a person")
    return APPROVED


def left_to_its_maker(facts: AccountFacts) -> Verdict:
    """Whatever is held there is one position, and a maker counts all of it as its own."""
    if facts.action is Action.OPEN and facts.is_quoted:
        return Refused("maker", f"a maker quotes {facts.symbol} there")
    return APPROVED


def one_at_a_time(facts: AccountFacts) -> Verdict:
    if facts.tickets_in_flight:
        return Refused("in_flight", "an earlier ticket for this symbol is unanswered")
    return APPROVED


def something_to_close(facts: AccountFacts) -> Verdict:
    if facts.action is not Action.OPEN and facts.held <= 0:
        return Refused("nothing_held", "there is nothing to close")
    return APPROVED


def large_enough(facts: AccountFacts) -> Verdict:
    if facts.quantity <= 0:
        return Refused("minimum", "below the venue's minimum order")
    return APPROVED


SIGNAL_RULES: tuple[Callable[[SignalFacts], Verdict], ...] = (confident, fresh, cooled_down)
ACCOUNT_RULES: tuple[Rule, ...] = (
    not_braked,
    left_to_its_maker,
    something_to_close,
    not_spent,
    books_hold,
    key_fits,
    all_known,
    not_held,
    one_at_a_time,
    node_alive,
    clock_right,
    points_left,
    large_enough,
)


def judge_signal(facts: SignalFacts) -> list[Refused]:
    """Every reason against publishing; none means it may be published."""
    return _refusals(facts, SIGNAL_RULES)


def judge_account(facts: AccountFacts, limits: Sequence[Rule]) -> Verdict:
    """The first reason against trading this account, or approval; what people set comes last."""
    for rule in (*ACCOUNT_RULES, *limits):
        verdict = rule(facts)
        if verdict is not APPROVED:
            return verdict
    return APPROVED


def _refusals(facts: F, rules: Sequence[Callable[[F], Verdict]]) -> list[Refused]:
    verdicts = (rule(facts) for rule in rules)
    return [verdict for verdict in verdicts if isinstance(verdict, Refused)]
