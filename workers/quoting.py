"""One maker on one account, in threads of its own.

The head is told what happens and decides (`engine/making/maker.py`); it waits for nobody. Hands
ask the venue what it wants, eyes look at the book and the fills, and a mouth tells the centre.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from engine.errors import EngineError, UnknownInstrument, VenueBusy, VenueError, VenueRefused
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
    AccountTold,
    BookSeen,
    Event,
    Failed,
    Filled,
    Halt,
    OpenTold,
    OrderTold,
    Retune,
    Start,
    Stop,
    TimeCame,
    Told,
)
from engine.making.grid import Grid, grid_of
from engine.making.maker import Maker
from engine.making.metrics import Metrics
from engine.making.names import Namer
from engine.making.params import MakerParams, read_params
from engine.messages import (
    QUOTES_PER_REPORT,
    Fill,
    MakerQuote,
    MakerVerb,
    MakerWish,
    PositionMode,
    Style,
    Task,
    Ticket,
    number,
)
from engine.order import OrderStatus
from engine.signal import Action as Intent
from engine.signal import Direction, Side
from engine.venues.answers import would_take
from engine.venues.base import Depth, Exchange, OwnedFill, VenueOrder
from engine.venues.client_ids import takes_numbers
from workers import adapters
from workers.app import Node
from workers.lives import Life, Lives
from workers.telling import Mouth, Owed
from workers.vault import open_credentials

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
FILLS_SECONDS = 0.5
BLIND_SECONDS = 1.0
# Fills are asked for again from so long before the last one: they may be told late.
FILLS_OVERLAP_MS = 10_000
# How long an order may take to arrive; at a venue where that ends the order, it may stand longer.
ARRIVES_MS = 5_000
STANDS_MS = {"grvt": 600_000}
# The venue takes all orders away when nobody has said otherwise for so long.
DEAD_MAN_SECONDS, DEAD_MAN_EVERY = 30, 10.0
# So long a kill-switch alert may keep what follows it waiting.
ALERT_SECONDS = 0.5
# Before a venue that did not answer is tried again.
OPEN_AGAIN_SECONDS = 1.0
HANDS = 3
REST = (State.IDLE, State.HALTED)
ENDINGS = {
    OrderStatus.OPEN: Told.OPEN,
    OrderStatus.FILLED: Told.FILLED,
    OrderStatus.CANCELED: Told.CANCELED,
    OrderStatus.REJECTED: Told.REJECTED,
    OrderStatus.EXPIRED: Told.CANCELED,
}


class NotYet(VenueError):
    """The venue has none of that id, and may still have one: it is asked again in a while."""

    code = "not_yet"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue said to what it was asked; an error where it refused, or said nothing."""

    action: Action
    asked_at_ms: int
    told: Any = None
    error: EngineError | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What the eyes saw."""

    at_ms: int
    depth: Depth | None = None
    fills: tuple[OwnedFill, ...] = ()
    error: str = ""


Heard = MakerWish | Answer | Looked


class Session:
    """A maker from its start to its rest."""

    def __init__(self, wish: MakerWish, host: Node, lives: Lives) -> None:
        self.wish, self.host = wish, host
        self._lives = lives
        before = lives.last(wish.maker)
        self.life = max(wish.life, before.number if before else 0) + 1
        # On disk before anything is asked under its names.
        lives.write(wish.maker, Life(wish.session, self.life))
        self._inbox: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._owed, self._mouth = Owed(wish, self.life), Mouth(host)
        self._leased_until = time.monotonic() + wish.lease_seconds
        self._thread = threading.Thread(target=self._run, name=f"maker-{wish.maker}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hear(self, wish: MakerWish) -> None:
        self._inbox.put(wish)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._live()
        except Exception as error:  # noqa: BLE001  (its words may quote what a venue was sent)
            reason = f"the maker failed: {type(error).__name__}"
            log.error("session %s, %s at %s", self.wish.session, reason, adapters.place_of(error))
            self._give_up(reason)
        self._linger()
        self._mouth.close()

    def _live(self) -> None:
        try:
            credentials = open_credentials(self.wish.sealed_credentials, key=self._key)
            params = read_params(self.wish.params)
            lent = self.host.adapters.lend(self.wish, credentials)
        except EngineError as error:
            self._give_up(error.message)
            return
        with lent as exchange:
            grid = self._opened(exchange, params)
            if grid:
                Quoting(self, exchange, grid, params).run()

    @property
    def _key(self) -> Any:
        return self.host.keys.seal_private

    def _opened(self, exchange: Exchange, params: MakerParams) -> Grid | None:
        """What the venue trades there, once the account is ready; None where it never will be."""
        while True:
            try:
                grid = grid_of(exchange.instrument(self.wish.symbol))
                exchange.make_ready(self.readying(params, grid))
            except (VenueRefused, UnknownInstrument) as error:
                self._give_up(error.message)
                return None
            except VenueError as error:
                log.warning("session %s waits for its venue: %s", self.wish.session, error)
            else:
                return grid
            if time.monotonic() > self._leased_until:
                self._give_up("the venue did not answer")
                return None
            self._say()
            time.sleep(OPEN_AGAIN_SECONDS)
            self._take_wishes()

    def _take_wishes(self) -> None:
        with suppress(queue.Empty):
            while True:
                heard = self._inbox.get_nowait()
                if isinstance(heard, MakerWish):
                    self.take(heard)

    def readying(self, params: MakerParams, grid: Grid) -> Ticket:
        return self.ticket("ready", Side.BUY, grid.quantity(grid.least), params, not_after_ms=0)

    def ticket(
        self,
        client_id: str,
        side: Side,
        quantity: Decimal,
        params: MakerParams,
        *,
        not_after_ms: int,
        price: Decimal | None = None,
        is_closing: bool = False,
    ) -> Ticket:
        opened = Direction.LONG if side is Side.BUY else Direction.SHORT
        closed = Direction.SHORT if side is Side.BUY else Direction.LONG
        return Ticket(
            order_id=client_id,
            task=Task.PLACE,
            venue=self.wish.venue,
            account=self.wish.account,
            sealed_credentials="",
            client_order_id=client_id,
            symbol=self.wish.symbol,
            side=side,
            direction=closed if is_closing else opened,
            action=Intent.CLOSE if is_closing else Intent.OPEN,
            quantity=number(quantity),
            leverage=int(params.leverage),
            margin=self.wish.margin,
            position_mode=PositionMode.ONE_WAY,
            price=None if price is None else number(price),
            style=Style.PLAIN if price is None else Style.POST_ONLY,
            not_after_ms=not_after_ms,
        )

    # Wishes

    def take(self, wish: MakerWish) -> bool:
        """Whether it is news."""
        if wish.number < self.wish.number:
            return False
        self._leased_until = time.monotonic() + wish.lease_seconds
        self._owed.heard(wish)
        is_new = wish.number > self.wish.number
        if wish.verb is not MakerVerb.REST:
            self.wish = wish
        return is_new

    @property
    def has_lease(self) -> bool:
        return time.monotonic() < self._leased_until

    def next_heard(self, seconds: float) -> Heard | None:
        try:
            return self._inbox.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None

    def put(self, heard: Heard) -> None:
        self._inbox.put(heard)

    # Telling

    @property
    def owed(self) -> Owed:
        return self._owed

    def _say(self) -> None:
        self.say(now_ms(), [], None)

    def say(
        self,
        at_ms: int,
        quotes: list[MakerQuote],
        figures: dict[str, Any] | None,
        *,
        wait_seconds: float = 0.0,
    ) -> None:
        self._mouth.say(self._owed.report(at_ms, quotes, figures), wait_seconds=wait_seconds)

    def _give_up(self, reason: str) -> None:
        """It cannot be lived: a person has to look."""
        at_ms = now_ms()
        facts = {"reason": reason}
        self._owed.alert(at_ms, Alert(AlertLevel.CRITICAL, AlertKind.GAVE_UP, facts))
        self._owed.moved(at_ms, Moved(State.STOPPING, State.STOPPING, reason))
        self._owed.moved(at_ms, Moved(State.STOPPING, State.HALTED, reason))

    def _linger(self) -> None:
        """Tell it until it is heard, or nobody asks any more."""
        self._lives.write(
            self.wish.maker, Life(self.wish.session, self.life, list(self._owed.moves))
        )
        while not self._owed.is_settled and self.has_lease:
            self._say()
            heard = self.next_heard(REPORT_SECONDS)
            if isinstance(heard, MakerWish):
                self.take(heard)
                self._owed.done = max(self._owed.done, heard.number)


class Quoting:
    """The head: everything that happens passes here, one after the other."""

    def __init__(
        self, session: Session, exchange: Exchange, grid: Grid, params: MakerParams
    ) -> None:
        wish = session.wish
        self.session, self.exchange, self.grid = session, exchange, grid
        target = Decimal(wish.target_hourly) if wish.target_hourly else None
        namer = Namer(wish.maker, session.life, takes_numbers(wish.venue))
        self.maker = Maker(grid, params, namer)
        self.metrics = Metrics(grid, target_hourly_notional=target)
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="hand")
        self._is_over = threading.Event()
        self._asking: set[type] = set()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._blind_at = 0.0
        self._fills_since_ms = wish.fills_since_ms
        self._verb = MakerVerb.RUN

    def run(self) -> None:
        eyes = threading.Thread(target=self._watch, name="eyes", daemon=True)
        self.tell(Start(now_ms()))
        self.obey(self.session.wish)
        eyes.start()
        try:
            self._loop()
        finally:
            self._is_over.set()
            self._hands.shutdown(wait=True, cancel_futures=True)
            eyes.join()
            with suppress(EngineError):
                self.exchange.end_unless_heard(self.session.wish.symbol, 0)

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
                self._submit(self._say_alive)
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
        if params != self.maker.params:
            self.tell(Retune(at_ms, params))

    def _saw(self, looked: Looked) -> None:
        if looked.error:
            self._cannot_see(looked.at_ms, looked.error)
        if looked.depth:
            try:
                levels = [self._levels(side) for side in (looked.depth.bids, looked.depth.asks)]
            except EngineError as error:
                self._cannot_see(looked.at_ms, error.message)
            else:
                self.tell(BookSeen(looked.at_ms, *levels))
        for owned in looked.fills:
            if self.maker.desk.names.namer.is_ours(owned.client_order_id):
                self._fill(owned.client_order_id, owned.side, owned.fill)

    def _cannot_see(self, at_ms: int, reason: str) -> None:
        """A failure, as often as once in a while: looks are many."""
        if time.monotonic() >= self._blind_at:
            self._blind_at = time.monotonic() + BLIND_SECONDS
            self.tell(Failed(at_ms, "market", reason))

    def _levels(self, side: tuple[tuple[Decimal, Decimal], ...]) -> tuple[tuple[int, int], ...]:
        # A step says nothing of what others order: what is less than one counts as one.
        return tuple(
            (self.grid.ticks(price), max(int(size / self.grid.step), 1)) for price, size in side
        )

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
            return [self._of_account(answer, at_ms)]
        if not isinstance(action, Place | Close | Cancel | LookUp):
            return []
        if error:
            return self._of_error(action, error, at_ms)
        if answer.told is None:
            return [self._order_told(action.client_id, Told.ABSENT, at_ms)]
        told: VenueOrder = answer.told
        own = self._own(action.client_id)
        for fill in told.fills:
            side = own.side if own else told.side
            if side:
                self._fill(action.client_id, side, fill)
        return [self._of_order(action.client_id, told, at_ms)]

    def _of_error(self, action: Any, error: EngineError, at_ms: int) -> list[Event]:
        is_sent = isinstance(action, Place | Close)
        if is_sent and isinstance(error, VenueRefused | UnknownInstrument | VenueBusy):
            told = self._order_told(action.client_id, Told.REJECTED, at_ms)
            takes = would_take(error)
            return [msgspec.structs.replace(told, reason=error.message, would_take=takes)]
        if not isinstance(error, NotYet):
            self._tell_failed(action, at_ms, error.message)
        return []

    def _tell_failed(self, action: Any, at_ms: int, reason: str) -> None:
        what = type(action).__name__.lower()
        self.tell(Failed(at_ms, what, reason[:200], getattr(action, "client_id", "")))

    def _of_account(self, answer: Answer, at_ms: int) -> Event:
        if isinstance(answer.action, AskOpen):
            listed = tuple(
                self._of_order(one.client_order_id, one, at_ms)
                for one in answer.told
                if one.client_order_id
            )
            return OpenTold(at_ms, answer.asked_at_ms, listed)
        balance, holdings = answer.told
        held = sum(
            self.grid.steps(one.quantity) * (1 if one.direction is Direction.LONG else -1)
            for one in holdings
            if one.symbol == self.session.wish.symbol
        )
        equity = balance.total + balance.unrealised
        return AccountTold(at_ms, answer.asked_at_ms, held, equity, balance.free)

    def _of_order(self, client_id: str, told: VenueOrder, at_ms: int) -> OrderTold:
        status = ENDINGS.get(told.status, Told.OPEN)
        event = self._order_told(client_id, status, at_ms, told)
        return msgspec.structs.replace(
            event, filled=self.grid.steps(told.filled), reason=told.reason[:200]
        )

    def _order_told(
        self, client_id: str, status: Told, at_ms: int, told: VenueOrder | None = None
    ) -> OrderTold:
        own = self._own(client_id)
        if own:
            side, price, quantity = own.side, own.price, own.quantity
        else:
            side = (told.side if told else None) or Side.BUY
            price = self.grid.ticks(told.price) if told and told.price else 0
            quantity = self.grid.steps(told.quantity) if told and told.quantity else 0
        placed = told.placed_at_ms if told else 0
        return OrderTold(at_ms, client_id, status, side, price, quantity, placed_at_ms=placed)

    def _own(self, client_id: str) -> Own | None:
        desk = self.maker.desk
        return desk.own.get(client_id) or desk.ended.get(client_id)

    def _fill(self, client_id: str, side: Side, fill: Fill) -> None:
        if fill.venue_fill_id in self._told:
            return
        keep(self._told, fill.venue_fill_id, None)
        own = self._own(client_id)
        quantity = Decimal(fill.quantity)
        whole = self.grid.quantity(own.quantity) if own and own.quantity else quantity
        price = None if own and own.is_closing else self._price_of(own, fill)
        self.session.owed.filled(client_id, side, whole, price, fill)
        self.tell(
            Filled(
                now_ms(),
                client_id,
                fill.venue_fill_id,
                side,
                self.grid.ticks(Decimal(fill.price)),
                self.grid.steps(quantity),
                Decimal(fill.fee),
                not (own and own.is_closing),
                fill.filled_at_ms,
            )
        )

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

    def _told_end(self, event: OrderTold) -> None:
        own = self._own(event.client_id)
        if own and own.quantity:
            price = None if own.is_closing else self.grid.price(own.price)
            whole = self.grid.quantity(own.quantity)
            self.session.owed.ended(event.client_id, own.side, whole, price)

    def _do(self, at_ms: int, action: Action) -> None:
        if isinstance(action, Quoted):
            return
        if isinstance(action, Alert):
            self.session.owed.alert(at_ms, action)
            is_urgent = action.level is AlertLevel.CRITICAL
            self.report(wait_seconds=ALERT_SECONDS if is_urgent else 0.0)
        elif isinstance(action, Moved):
            self.session.owed.moved(at_ms, action)
            self.report()
        elif type(action) not in self._asking:
            if isinstance(action, AskOpen | AskAccount):
                self._asking.add(type(action))
            self._submit(lambda: self._ask(action))

    def _submit(self, do: Callable[[], None]) -> None:
        self._hands.submit(do)

    def _ask(self, action: Action) -> None:
        """One request, by one of the hands; whatever happens, it is answered."""
        answer = Answer(action, now_ms())
        try:
            answer = replace(answer, told=self._request(action))
        except EngineError as error:
            answer = replace(answer, error=error)
        except Exception as error:  # noqa: BLE001  (an adapter may fail in any way, after sending too)
            reason = f"the adapter failed: {type(error).__name__}"
            log.error("session %s, %s at %s", *self._named(reason, error))
            answer = replace(answer, error=VenueError(reason))
        self.session.put(answer)

    def _named(self, reason: str, error: Exception) -> tuple[str, str, str]:
        return self.session.wish.session, reason, adapters.place_of(error)

    def _request(self, action: Action) -> Any:
        exchange, symbol = self.exchange, self.session.wish.symbol
        if isinstance(action, Place):
            return exchange.quote(self._ticket(action, price=self.grid.price(action.price)))
        if isinstance(action, Close):
            return exchange.place(self._ticket(action, price=None))
        if isinstance(action, Cancel):
            told = exchange.cancel(symbol=symbol, client_order_id=action.client_id)
            return told or self._looked_up(action.client_id)
        if isinstance(action, LookUp):
            return self._looked_up(action.client_id)
        if isinstance(action, AskOpen):
            return exchange.open_orders(symbol)
        return exchange.balance(), exchange.holdings()

    def _ticket(self, action: Place | Close, *, price: Decimal | None) -> Ticket:
        stands_ms = STANDS_MS.get(self.session.wish.venue, ARRIVES_MS)
        return self.session.ticket(
            action.client_id,
            action.side,
            self.grid.quantity(action.quantity),
            self.maker.params,
            not_after_ms=now_ms() + (ARRIVES_MS if price is None else stands_ms),
            price=price,
            is_closing=price is None,
        )

    def _looked_up(self, client_id: str) -> VenueOrder | None:
        """None only where it is proved that there is none, and that none will be."""
        told = self.exchange.find(symbol=self.session.wish.symbol, client_order_id=client_id)
        if told:
            return told
        own = self._own(client_id)
        wait_ms = STANDS_MS.get(self.session.wish.venue, ARRIVES_MS)
        wait_ms += int(1000 * self.exchange.lookup_lag_seconds)
        if own and now_ms() < own.asked_at_ms + wait_ms:
            raise NotYet("not seen at the venue yet")
        quantity = self.grid.quantity(own.quantity if own else self.grid.least)
        side = own.side if own else Side.BUY
        not_after_ms = own.asked_at_ms + wait_ms if own else now_ms()
        asked = self.session.ticket(
            client_id, side, quantity, self.maker.params, not_after_ms=not_after_ms
        )
        if not self.exchange.is_absent(asked):
            raise VenueError("the venue has none of that id, and shows a trace of it")
        return None

    def _say_alive(self) -> None:
        with suppress(EngineError):
            self.exchange.end_unless_heard(self.session.wish.symbol, DEAD_MAN_SECONDS)

    # The eyes

    def _watch(self) -> None:
        fills_at = 0.0
        while not self._is_over.wait(self.maker.params.quote_interval_seconds / 2):
            wants_fills = time.monotonic() >= fills_at
            if wants_fills:
                fills_at = time.monotonic() + FILLS_SECONDS
            self.session.put(self._seen(wants_fills))

    def _seen(self, wants_fills: bool) -> Looked:
        at_ms, symbol = now_ms(), self.session.wish.symbol
        try:
            depth = self.exchange.depth(symbol)
            fills: tuple[OwnedFill, ...] = ()
            if wants_fills:
                fills = tuple(self.exchange.fills_since(symbol, self._fills_since_ms))
        except EngineError as error:
            return Looked(at_ms, error=error.message[:200])
        except Exception as error:  # noqa: BLE001  (an adapter may fail in any way)
            reason = f"the adapter failed: {type(error).__name__}"
            log.error("session %s, %s at %s", *self._named(reason, error))
            return Looked(at_ms, error=reason)
        if fills:
            last_ms = max(one.fill.filled_at_ms for one in fills)
            self._fills_since_ms = max(self._fills_since_ms, last_ms - FILLS_OVERLAP_MS)
        return Looked(at_ms, depth, fills)

    # What is told

    def report(self, *, wait_seconds: float = 0.0) -> None:
        at_ms = now_ms()
        figures = msgspec.to_builtins(self.metrics.figures(at_ms))
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


def now_ms() -> int:
    return time.time_ns() // 1_000_000
