"""The head of a maker: everything that happens passes here, one after the other.

It is told what happens and decides (`engine/making/maker.py`); it waits for nobody. Hands ask the
venue what it wants, eyes look at the book and the fills, and a mouth tells the centre.
"""

import logging
import time
from collections import OrderedDict
from decimal import Decimal
from typing import Any

import msgspec

from engine.errors import EngineError
from engine.failpoint import failpoint
from engine.making.actions import (
    Action,
    Alert,
    AlertKind,
    AlertLevel,
    AskAccount,
    AskOpen,
    Cancel,
    Close,
    LookUp,
    Moved,
    Place,
    Quoted,
    State,
)
from engine.making.desk import Own, keep
from engine.making.events import (
    Event,
    Failed,
    Halt,
    OrderTold,
    Retune,
    Start,
    Stop,
    TimeCame,
    Told,
)
from engine.making.grid import Grid
from engine.making.maker import Maker
from engine.making.metrics import Figures, Metrics
from engine.making.names import Namer
from engine.making.params import MakerParams, read_params
from engine.messages import QUOTES_PER_REPORT, Fill, MakerQuote, MakerVerb, MakerWish, number
from engine.money import ZERO
from engine.signal import Side
from engine.venues.base import Exchange, Request, VenueOrder
from engine.venues.client_ids import takes_numbers
from workers.eyes import Eyes
from workers.hands import Hands
from workers.heard import NOT_PLACED, Answer, Heard, Looked, NotYet, Reader, now_ms
from workers.pace import Pace
from workers.session import REPORT_SECONDS, Session

log = logging.getLogger(__name__)

BLIND_SECONDS = 1.0
DEAD_MAN_EVERY = 10.0
# So long a kill-switch alert may keep what follows it waiting.
ALERT_SECONDS = 0.5
REST = (State.IDLE, State.HALTED)
QUESTIONS = {AskOpen: Request.OPEN_ORDERS, AskAccount: Request.ACCOUNT}


def quote(session: Session, exchange: Exchange, grid: Grid, params: MakerParams) -> None:
    """Until the maker has come to rest."""
    Quoting(session, exchange, grid, params).run()


class Quoting:
    def __init__(
        self, session: Session, exchange: Exchange, grid: Grid, params: MakerParams
    ) -> None:
        wish = session.wish
        self.session, self.grid = session, grid
        target = Decimal(wish.target_hourly) if wish.target_hourly else None
        namer = Namer(wish.maker, session.life, takes_numbers(wish.venue))
        told = session.host.settings.venue_limits.get(wish.venue)
        self.pace = Pace(told.over(exchange.limits) if told else exchange.limits)
        self.maker = Maker(grid, self.pace.slowed(params), namer)
        self.metrics = Metrics(grid, target_hourly_notional=target)
        self.eyes = Eyes(
            exchange,
            wish.symbol,
            self.pace,
            session.put,
            lambda: self.maker.params,
            fills_since_ms=wish.fills_since_ms,
            name=wish.session,
        )
        self.reader = Reader(grid, self.maker.desk, wish.symbol, lambda: self.eyes.clock_offset_ms)
        self.hands = Hands(
            session, exchange, grid, self.pace, self.reader.own, lambda: self.maker.params
        )
        self._asking: set[type] = set()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._blind_at = 0.0
        self._verb = MakerVerb.RUN

    def run(self) -> None:
        self._begin()
        self.obey(self.session.wish)
        self.eyes.open()
        try:
            self._loop()
        finally:
            self.hands.close()
            self.eyes.close()

    def _begin(self) -> None:
        """Another life goes on with what those before it came to, and holds their highest equity
        against itself."""
        wish = self.session.wish
        before = msgspec.convert(wish.figures, Figures, strict=False) if wish.figures else None
        self.tell(Start(now_ms(), before.peak_equity if before else ZERO))
        if before:
            self.metrics.go_on(before, wish.counted)

    def _loop(self) -> None:
        look_at = report_at = alive_at = time.monotonic()
        while self.maker.state not in REST:
            heard = self.session.next_heard(min(look_at, report_at) - time.monotonic())
            if heard is not None:
                self._hear(heard)
            at = time.monotonic()
            if at >= look_at:
                look_at = at + self.maker.params.quote_interval_seconds
                self._look()
            if at >= alive_at:
                alive_at = at + DEAD_MAN_EVERY
                self.hands.say_alive()
            if at >= report_at:
                report_at = at + REPORT_SECONDS
                self.report()
        self.report()

    def _look(self) -> None:
        at_ms = now_ms()
        if not self.session.has_lease and self.maker.state in (State.STARTING, State.RUNNING):
            log.error("session %s: nobody renewed its lease", self.session.wish.session)
            self.tell(Stop(at_ms))
        self.tell(TimeCame(at_ms))
        failpoint("maker.looked")

    # What is heard

    def _hear(self, heard: Heard) -> None:
        if isinstance(heard, MakerWish):
            if self.session.take(heard):
                self.obey(heard)
        elif isinstance(heard, Looked):
            self._saw(heard)
        else:
            self._answered(heard)

    def obey(self, wish: MakerWish) -> None:
        """Come to what is wanted; that it was taken in is told at once."""
        self.session.owed.done, self.session.owed.refused = wish.number, ""
        at_ms = now_ms()
        try:
            if wish.verb is MakerVerb.RUN:
                self._retune(at_ms, read_params(wish.params))
            elif wish.verb is MakerVerb.STOP and self._verb is MakerVerb.RUN:
                self.tell(Stop(at_ms))
            elif wish.verb is MakerVerb.HALT and self._verb is not MakerVerb.HALT:
                self.tell(Halt(at_ms, wish.reason))
        except EngineError as error:
            self.session.owed.refused = error.message
        self._verb = wish.verb
        self.report()

    def _retune(self, at_ms: int, params: MakerParams) -> None:
        slowed = self.pace.slowed(params)
        if slowed != self.maker.params:
            self.tell(Retune(at_ms, slowed))
            self.eyes.retuned()

    def _saw(self, looked: Looked) -> None:
        if looked.error:
            self._cannot_see(looked.error)
        try:
            if looked.depth:
                self.tell(self.reader.book(looked.at_ms, looked.depth))
            for trade in looked.trades:
                self.tell(self.reader.trade(looked.at_ms, trade))
        except EngineError as error:
            self._cannot_see(error.message)
        for owned in looked.fills:
            if self.maker.desk.names.namer.is_ours(owned.client_order_id):
                self._fill(owned.client_order_id, owned.side, owned.fill)

    def _cannot_see(self, reason: str) -> None:
        """A failure, as often as once in a while: looks are many."""
        if time.monotonic() >= self._blind_at:
            self._blind_at = time.monotonic() + BLIND_SECONDS
            self.tell(Failed(now_ms(), "market", reason))

    def _answered(self, answer: Answer) -> None:
        self._asking.discard(type(answer.action))
        at_ms = now_ms()
        try:
            for event in self._events(answer, at_ms):
                self.tell(event)
        except EngineError as error:
            self._tell_failed(answer.action, at_ms, error.message)

    def _events(self, answer: Answer, at_ms: int) -> list[Event]:
        action, error = answer.action, answer.error
        if isinstance(action, AskOpen | AskAccount):
            if error:
                raise error
            return [self.reader.asked_around(answer, at_ms)]
        if not isinstance(action, Place | Close | Cancel | LookUp):
            return []
        if error:
            return self._of_error(action, error, at_ms)
        if answer.told is None:
            return [self.reader.order_told(action.client_id, Told.ABSENT, at_ms)]
        told: VenueOrder = answer.told
        own = self.reader.own(action.client_id)
        for fill in told.fills:
            side = own.side if own else told.side
            if side:
                self._fill(action.client_id, side, fill)
        return [self.reader.order(action.client_id, told, at_ms)]

    def _of_error(
        self, action: Place | Close | Cancel | LookUp, error: EngineError, at_ms: int
    ) -> list[Event]:
        if isinstance(action, Place | Close) and isinstance(error, NOT_PLACED):
            return [self.reader.refused(action.client_id, error, at_ms)]
        if not isinstance(error, NotYet):
            self._tell_failed(action, at_ms, error.message)
        return []

    def _tell_failed(self, action: Any, at_ms: int, reason: str) -> None:
        what = type(action).__name__.lower()
        self.tell(Failed(at_ms, what, reason[:200], getattr(action, "client_id", "")))

    def _fill(self, client_id: str, side: Side, fill: Fill) -> None:
        if fill.venue_fill_id in self._told:
            return
        keep(self._told, fill.venue_fill_id, None)
        own = self.reader.own(client_id)
        quantity = Decimal(fill.quantity)
        whole = self.grid.quantity(own.quantity) if own and own.quantity else quantity
        price = None if own and own.is_closing else self._price_of(own, fill)
        self.session.owed.filled(client_id, side, whole, price, fill)
        self.tell(self.reader.fill(client_id, side, fill))

    def _price_of(self, own: Own | None, fill: Fill) -> Decimal:
        return self.grid.price(own.price) if own and own.price else Decimal(fill.price)

    # What is done

    def tell(self, event: Event) -> None:
        self.metrics.heard(event)
        actions = self.maker.handle(event)
        self.metrics.did(event.at_ms, actions)
        for action in actions:
            self._do(event.at_ms, action)
        if isinstance(event, OrderTold) and event.status is not Told.OPEN:
            self._told_end(event)
        if self.maker.is_at_odds:
            self.eyes.want_fills()

    def _told_end(self, event: OrderTold) -> None:
        own = self.reader.own(event.client_id)
        if own and own.quantity:
            price = None if own.is_closing else self.grid.price(own.price)
            whole = self.grid.quantity(own.quantity)
            self.session.owed.ended(event.client_id, own.side, whole, price)

    def _do(self, at_ms: int, action: Action) -> None:
        if isinstance(action, Quoted):
            return
        if isinstance(action, Alert):
            if action.kind is AlertKind.HEARTBEAT:
                facts = action.facts | self.metrics.summary(at_ms)
                action = msgspec.structs.replace(action, facts=facts)
            self.session.owed.alert(at_ms, action)
            is_urgent = action.level is AlertLevel.CRITICAL
            self.report(wait_seconds=ALERT_SECONDS if is_urgent else 0.0)
        elif isinstance(action, Moved):
            self.session.owed.moved(at_ms, action)
            self.report()
        elif isinstance(action, AskOpen | AskAccount):
            self._ask_around(action)
        else:
            self.hands.ask(action)

    def _ask_around(self, action: AskOpen | AskAccount) -> None:
        """One question of a kind at a time; as often as the venue lets us, while nothing ends."""
        kind = type(action)
        is_in_time = self.maker.closing or self.pace.is_due(QUESTIONS[kind], 0.0)
        if kind not in self._asking and is_in_time:
            self._asking.add(kind)
            self.hands.ask(action)

    # What is told

    def report(self, *, wait_seconds: float = 0.0) -> None:
        at_ms = now_ms()
        figures = msgspec.to_builtins(self.metrics.figures(at_ms))
        figures |= self.eyes.figures(at_ms) | self.pace.figures()
        figures["failures_in_a_row"] = self.maker.guard.failures
        self.session.say(at_ms, self._quotes(), figures, wait_seconds=wait_seconds)

    def _quotes(self) -> list[MakerQuote]:
        return [
            MakerQuote(
                client_order_id=one.client_id,
                side=one.side,
                price=number(self.grid.price(one.price)),
                quantity=number(self.grid.quantity(one.quantity)),
                filled=number(self.grid.quantity(one.filled)),
                is_leaving=one.is_leaving,
                asked_at_ms=one.asked_at_ms,
            )
            for one in list(self.maker.desk.own.values())[:QUOTES_PER_REPORT]
        ]
