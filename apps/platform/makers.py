"""Market makers: made from a form, previewed, changed, started, stopped, halted, and read.

A form is `strategy` (gamma, sigma, k, a, drawdown_percent, max_inventory_ratio), `goal` (capital,
hourly_volume, profile) or `full` (any parameters). What `strategy` and `full` leave out is as the
venue's preset has it; a goal says how much is traded at what risk, and all else follows from that.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.utils import timezone
from msgspec import Meta, Struct, field

from apps.market_making.models import Maker
from apps.market_making.selectors import last_session, readings_of, version_of
from apps.market_making.services import (
    change_maker,
    create_maker,
    derive,
    give_up_maker,
    halt_maker,
    release_maker,
    start_maker,
    stop_maker,
)
from apps.platform import lists
from apps.platform.face import Asked, Id, Visitor, face

CHANGE, VIEW = "market_making.change_maker", "market_making.view_maker"
Form = Literal["strategy", "goal", "full"]
Symbol = Annotated[str, Meta(max_length=32)]
Reason = Annotated[str, Meta(max_length=200)]
Seconds = Annotated[int, Meta(ge=1, le=7200)]


class PreviewAsked(Asked, kw_only=True):
    venue: Annotated[str, Meta(max_length=16)]
    symbol: Symbol
    form: Form = "strategy"
    asked: dict[str, Any] = field(default_factory=dict)


class Preview(Struct):
    params: dict[str, Any]
    # In a market of the usual volatility and depth, with nothing held.
    half_spread_bps: float
    shift_an_order_bps: float
    fills_a_minute: float


@face.call("POST", "api/makers/preview", scope="market_making.add_maker")
def preview_a_maker(visitor: Visitor, asked: PreviewAsked) -> Preview:
    """What a form comes to; nothing is changed."""
    derived = derive(venue=asked.venue, symbol=asked.symbol, form=asked.form, asked=asked.asked)
    seen = derived.preview
    return Preview(
        msgspec.to_builtins(derived.params),
        seen.half_spread_bps,
        seen.shift_an_order_bps,
        seen.fills_a_minute,
    )


class NewMaker(Asked, kw_only=True):
    venue_account_id: Id
    symbol: Symbol
    form: Form = "strategy"
    asked: dict[str, Any] = field(default_factory=dict)


@face.call("POST", "api/makers", scope="market_making.add_maker", status=201)
def create_a_maker(visitor: Visitor, asked: NewMaker) -> lists.makers.line:
    """Make a maker for a symbol on a venue account; it quotes nothing before it is started."""
    account = lists.venue_accounts.one(visitor, asked.venue_account_id)
    maker = create_maker(account=account, symbol=asked.symbol, form=asked.form, asked=asked.asked)
    return lists.makers.line_of(maker)


class Change(Asked, kw_only=True):
    id: Id
    form: Form = "strategy"
    asked: dict[str, Any] = field(default_factory=dict)


@face.call("POST", "api/makers/<int:id>/change", scope=CHANGE)
def change_a_maker(visitor: Visitor, asked: Change) -> lists.makers.line:
    """Tell a maker something else, also while it runs: a version of its own. Its symbol and its
    keys stay as they are."""
    maker = lists.makers.one(visitor, asked.id)
    told = change_maker(maker=maker, form=asked.form, asked=asked.asked, now=timezone.now())
    return lists.makers.line_of(told)


class OneMaker(Asked):
    id: Id


class WithReason(Asked):
    id: Id
    reason: Reason = ""


@face.call("POST", "api/makers/<int:id>/start", scope=CHANGE, status=201)
def start_a_maker(visitor: Visitor, asked: OneMaker) -> lists.maker_sessions.line:
    """Lease it to the node of its account, and have it begin."""
    maker = lists.makers.one(visitor, asked.id)
    return lists.maker_sessions.line_of(start_maker(maker=maker, now=timezone.now()))


@face.call("POST", "api/makers/<int:id>/stop", scope=CHANGE)
def stop_a_maker(visitor: Visitor, asked: OneMaker) -> lists.maker_sessions.line:
    """Have it take its orders away and close what it holds; its session tells when that is done."""
    maker = lists.makers.one(visitor, asked.id)
    return lists.maker_sessions.line_of(stop_maker(maker=maker, now=timezone.now()))


@face.call("POST", "api/makers/<int:id>/halt", scope=CHANGE)
def halt_a_maker(visitor: Visitor, asked: WithReason) -> lists.maker_sessions.line:
    """The same, and nobody starts it again before it was released."""
    maker = lists.makers.one(visitor, asked.id)
    session = halt_maker(maker=maker, reason=asked.reason, now=timezone.now())
    return lists.maker_sessions.line_of(session)


@face.call("POST", "api/makers/<int:id>/release", scope=CHANGE)
def release_a_maker(visitor: Visitor, asked: WithReason) -> lists.maker_sessions.line:
    """Let a halted maker be started again, by somebody who has looked."""
    maker = lists.makers.one(visitor, asked.id)
    session = release_maker(maker=maker, reason=asked.reason, now=timezone.now())
    return lists.maker_sessions.line_of(session)


@face.call("POST", "api/makers/<int:id>/give-up", scope=CHANGE)
def give_up_a_maker(visitor: Visitor, asked: WithReason) -> lists.maker_sessions.line:
    """Say that its node is gone: it is halted, and what it left at its venue is a person's to
    look at. Refused while its node could still be at it."""
    maker = lists.makers.one(visitor, asked.id)
    session = give_up_maker(maker=maker, reason=asked.reason, now=timezone.now())
    return lists.maker_sessions.line_of(session)


class State(Struct):
    maker: lists.makers.line
    version: lists.maker_versions.line
    # The last one; its figures are as they were told last.
    session: lists.maker_sessions.line | None


@face.call("GET", "api/makers/<int:id>/state", scope=VIEW)
def maker_state(visitor: Visitor, asked: OneMaker) -> State:
    """A maker with what it is told, and its last session."""
    maker: Maker = lists.makers.one(visitor, asked.id)
    session = last_session(maker)
    return State(
        lists.makers.line_of(maker),
        lists.maker_versions.line_of(version_of(maker)),
        session and lists.maker_sessions.line_of(session),
    )


class ReadingsAsked(Asked):
    id: Id
    seconds: Seconds = 600


class Read(Struct):
    at: datetime
    figures: dict[str, Any]


@face.call("GET", "api/makers/<int:id>/readings", scope=VIEW)
def maker_readings(visitor: Visitor, asked: ReadingsAsked) -> list[Read]:
    """Every figure of its last session, second by second, oldest first."""
    session = last_session(lists.makers.one(visitor, asked.id))
    if session is None:
        return []
    rows = readings_of(session, now=timezone.now(), seconds=asked.seconds)
    return [Read(row.read_at, row.figures) for row in rows]
