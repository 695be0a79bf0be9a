"""The frame every real venue stands in, whatever its dialect.

A dialect gives the venue's words and its calls, each one the venue's own endpoint
and every number as the venue wrote it. The frame gives the order of things: what
may fail before an order is sent, that it is sent once, what is asked after, and
what an error means before, while and after (`answers.py`). How a request travels
is the line's (`line.py`).
"""

import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.errors import (
    EngineError,
    OutcomeUnknown,
    TooLate,
    UnknownInstrument,
    VenueError,
    VenueRefused,
)
from engine.instrument import Instrument
from engine.messages import Fill, PositionMode, Style, Ticket
from engine.money import ZERO
from engine.order import OrderStatus
from engine.signal import Action, Direction, Side
from engine.venues import client_ids
from engine.venues.answers import (
    Answered,
    NotOffered,
    Outcome,
    after_sending,
    before_sending,
    change,
    gone_is_as_good,
    of_a_change,
    question,
    reading,
)
from engine.venues.base import (
    AccountCheck,
    Balance,
    Bar,
    Depth,
    Holding,
    Interest,
    Limits,
    OwnedFill,
    Payment,
    VenueOrder,
)
from engine.venues.line import TIMEOUT_SECONDS, Credentials, Line, Words
from engine.venues.streams import Stream, Way

# Market data is asked for again after this long: ticks and minimums do change.
MARKET_SECONDS = 3600
# A market order is done within moments; so often and in such steps we wait for it.
CONFIRM_TRIES = 3
# So often, and with such pauses, a venue has to say again that it has no such order.
ABSENT_TRIES = 2
ABSENT_PAUSE_SECONDS = 0.5
# An order was sent at most so long before the end of its time.
SENT_WITHIN_MS = 600_000
CONFIRM_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol as the venue trades it."""

    instrument: Instrument
    native: str  # the venue's name for it
    contract: Decimal  # coins in one contract; 1 where the venue counts coins
    quote: str
    facts: Words  # the venue's own words, for what only its dialect needs

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    def contracts(self, coins: Decimal) -> Decimal:
        return coins / self.contract

    def coins(self, contracts: Decimal) -> Decimal:
        return contracts * self.contract


@dataclass(frozen=True, slots=True)
class Told:
    """An order as the venue tells it, before its fills are asked for."""

    native: str  # the venue's name for its symbol
    venue_order_id: str
    client_order_id: str  # in the venue's form
    status: OrderStatus
    filled: Decimal
    reason: str = ""
    placed_at_ms: int = 0  # where the venue has fills only by time: never later than the order
    side: Side | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    stamped_at_ms: int = 0  # the venue's own time of it, where it tells


@dataclass(frozen=True, slots=True)
class Placing:
    """A ticket that has passed every check of ours, ready to be put into a venue's words."""

    ticket: Ticket
    market: Market
    client_order_id: str  # in the venue's form
    is_hedged: bool
    is_opening: bool
    quantity: Decimal
    price: Decimal | None
    # The worst price of a market order, where the venue knows none without.
    worst_price: Decimal | None = None
    # A maker's, which a switch for dead men may take away.
    is_quote: bool = False

    @property
    def is_immediate(self) -> bool:
        return self.price is None or self.ticket.style is Style.IOC

    @property
    def milliseconds_left(self) -> int:
        return self.ticket.not_after_ms - now_ms()

    @property
    def seconds_left(self) -> float:
        """How long its answer is waited for: never beyond its time."""
        return min(TIMEOUT_SECONDS, max(1, self.milliseconds_left) / 1000)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def decimal(value: object) -> Decimal:
    """A number as the venue wrote it, as text or as a bare number; never through a float."""
    return Decimal(str(value))


def if_told(value: object) -> Decimal | None:
    """What a venue may leave out, or write as nothing: a market order has no price."""
    return None if value in (None, "") else decimal(value) or None


class CcxtVenue(Line):
    """One account at one venue. A dialect fills in the words and the calls."""

    lookup_lag_seconds: float = 2.0
    # The venue's word for each timeframe it has, and how many bars it tells at once.
    timeframes: Mapping[str, str]
    bars_at_once = 1000
    # Whether stop and target of a position can be set at the venue.
    can_protect = True
    # What an account may ask in a second.
    limits = Limits()
    # How its class of ccxt.pro streams the market.
    way = Way()
    # Where the venue has both modes, an account is brought to the one that its ticket names.
    has_hedged_mode = True

    def __init__(self, credentials: Credentials, *, base_url: str | None = None) -> None:
        super().__init__(credentials, base_url=base_url)
        self._market_words: dict[str, tuple[float, Words]] = {}
        self._is_hedged: bool | None = None
        self._asked_for: PositionMode | None = None

    # What a dialect gives: its market data and its account.

    @abstractmethod
    def ask_markets(self, symbol: str) -> Mapping[str, Words]:
        """The venue's words for the symbol, and for every other one in the same answer."""

    @abstractmethod
    def market_of(self, symbol: str, words: Words) -> Market: ...

    @abstractmethod
    def ask_price(self, market: Market) -> Decimal: ...

    @abstractmethod
    def ask_interest(self, market: Market) -> Interest: ...

    @abstractmethod
    def ask_depth(self, market: Market) -> Depth: ...

    @abstractmethod
    def ask_bars(
        self, market: Market, timeframe: str, since_ms: int, until_ms: int
    ) -> Iterator[Bar]:
        """Those that open in this span, in any order; `timeframe` is the venue's word."""

    @abstractmethod
    def ask_hedged(self) -> bool: ...

    @abstractmethod
    def switch_mode(self, mode: PositionMode) -> None:
        """Ask the venue for the mode; refused while anything is open."""

    @abstractmethod
    def prepare(self, placing: Placing) -> None:
        """Bring leverage and margin to what the ticket says. Only before an opening order."""

    # Its orders.

    def connect(self) -> None:
        """What the venue wants before it takes an order from us: a login, where there is one."""
        return

    def worst_price(self, market: Market, side: Side) -> Decimal | None:
        """What a market order may cost at most; None where the venue has market orders."""
        return None

    @abstractmethod
    def send(self, placing: Placing) -> Told:
        """The one request that places the order."""

    @abstractmethod
    def look_up(self, market: Market, client_order_id: str) -> Told:
        """The order by its id; Answered with ABSENT where there is none."""

    @abstractmethod
    def look_up_number(self, market: Market, venue_order_id: str) -> Told:
        """The order by the venue's own name for it."""

    @abstractmethod
    def send_cancel(self, market: Market, client_order_id: str) -> None: ...

    def send_dead_man(self, market: Market, seconds: int) -> bool:
        """Have the orders of the symbol taken away then; False where the venue cannot."""
        return False

    @abstractmethod
    def fills_of(self, market: Market, told: Told) -> list[Fill]: ...

    @abstractmethod
    def ask_open_orders(self, market: Market | None) -> Iterator[tuple[Market, Told]]: ...

    @abstractmethod
    def ask_fills(self, market: Market, since_ms: int) -> Iterator[OwnedFill]: ...

    @abstractmethod
    def send_protection(
        self, market: Market, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None: ...

    def ask_fired(self, market: Market, since_ms: int) -> Iterator[str]:
        """The numbers of orders that stops and targets became; none where there are none."""
        return iter(())

    def client_id_of(self, market: Market, owned: OwnedFill) -> str:
        """The client id of a fill's order, in the venue's form; "" where it is not ours."""
        told = owned.client_order_id
        return client_ids.at_venue(self.name, told) if told else ""

    # Its books.

    @abstractmethod
    def ask_balance(self) -> Balance: ...

    @abstractmethod
    def ask_holdings(self) -> Iterator[Holding]: ...

    @abstractmethod
    def ask_payments(self, since_ms: int) -> Iterator[Payment]: ...

    @abstractmethod
    def ask_rights(self) -> tuple[bool | None, bool | None]:
        """Whether the key can trade, and whether it can withdraw."""

    @abstractmethod
    def ask_clock(self) -> int: ...

    # The protocol.

    @question
    def instrument(self, symbol: str) -> Instrument:
        return self.market(symbol).instrument

    @question
    def price(self, symbol: str) -> Decimal:
        return self.ask_price(self.market(symbol))

    @question
    def interest(self, symbol: str) -> Interest:
        return self.ask_interest(self.market(symbol))

    @question
    def bars(self, symbol: str, timeframe: str, *, since_ms: int, until_ms: int) -> list[Bar]:
        if timeframe not in self.timeframes:
            raise VenueRefused(f"{self.name} has no bars of {timeframe}", timeframe=timeframe)
        word = self.timeframes[timeframe]
        told = self.ask_bars(self.market(symbol), word, since_ms, until_ms)
        inside = [bar for bar in told if since_ms <= bar.opened_at_ms < until_ms]
        return sorted(inside, key=lambda bar: bar.opened_at_ms)

    def place(self, ticket: Ticket) -> VenueOrder:
        with before_sending():
            self.connect()
            placing = self._checked(ticket)
            if placing.is_opening:
                self._refuse_mode(placing)
                self.prepare(placing)
            if placing.milliseconds_left <= 0:
                raise TooLate("its time was over before it could be sent")
        try:
            told = self._sent_once(placing)
        except VenueRefused:
            # What we believe of the account may be what was wrong with the order.
            self._is_hedged = self._asked_for = None
            raise
        with after_sending():
            order = self._settled(placing, told)
        return self._protected(order, ticket)

    def make_ready(self, ticket: Ticket) -> None:
        with before_sending():
            self.connect()
            placing = self._checked(ticket)
            if placing.is_hedged:
                raise VenueRefused(
                    "the account has two sides, and cannot be brought to one-way mode"
                )
            self.prepare(placing)

    def quote(self, ticket: Ticket) -> VenueOrder:
        with before_sending():
            self.connect()
            placing = replace(self._checked(ticket), is_quote=True)
            if placing.milliseconds_left <= 0:
                raise TooLate("its time was over before it could be sent")
        told = self._sent_once(placing)
        with after_sending():
            return self._settled(placing, told)

    @question
    def depth(self, symbol: str) -> Depth:
        return self.ask_depth(self.market(symbol))

    def stream(self, symbol: str, *, trades: bool) -> Stream:
        market = self.market(symbol)
        name = self.library.__name__
        return Stream(name, self.way, market, base_url=self.client.base_url, trades=trades)

    @question
    def clock_offset_ms(self) -> int:
        before = now_ms()
        return self.ask_clock() - (before + now_ms()) // 2

    @change
    def end_unless_heard(self, symbol: str, seconds: int) -> bool:
        return self.send_dead_man(self.market(symbol), seconds)

    def protected(self, ticket: Ticket, order: VenueOrder) -> VenueOrder:
        if not order.filled or not (ticket.stop or ticket.target):
            return order
        try:
            held = {(holding.symbol, holding.direction) for holding in self.holdings()}
        except VenueError as error:
            return replace(order, unprotected=error.message)
        # What it opened may have been closed since.
        is_held = (ticket.symbol, ticket.direction) in held
        return self._protected(order, ticket) if is_held else order

    @question
    def is_absent(self, ticket: Ticket) -> bool:
        for _ in range(ABSENT_TRIES):
            time.sleep(ABSENT_PAUSE_SECONDS)
            if self.find(symbol=ticket.symbol, client_order_id=ticket.client_order_id):
                return False
        market = self.market(ticket.symbol)
        ours = client_ids.at_venue(self.name, ticket.client_order_id)
        standing = {told.client_order_id for _, told in self.ask_open_orders(market)}
        since_ms = ticket.not_after_ms - SENT_WITHIN_MS
        fills = self._fills_from(ticket.symbol, since_ms)
        of_orders = {owned.venue_order_id: owned for owned in fills if owned.side is ticket.side}
        return ours not in standing | {
            self.client_id_of(market, owned) for owned in of_orders.values()
        }

    @question
    def find(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        with saying_nothing():
            return self._found(self.market(symbol), client_order_id)

    @question
    def find_by_number(self, *, symbol: str, venue_order_id: str) -> VenueOrder | None:
        with saying_nothing(), suppress_absent():
            market = self.market(symbol)
            return self._with_fills(market, self.look_up_number(market, venue_order_id))
        return None

    @change
    def cancel(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        market = self.market(symbol)
        with gone_is_as_good():
            self.send_cancel(market, client_ids.at_venue(self.name, client_order_id))
        with after_sending():
            return self._found(market, client_order_id)

    @change
    def protect(
        self, *, symbol: str, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        market = self.market(symbol)
        for price in (stop, target):
            if price is not None:
                must_be_a_multiple(price, market.instrument.tick, "price")
        self.send_protection(market, direction, stop, target)

    @question
    def balance(self) -> Balance:
        return self.ask_balance()

    @question
    def holdings(self) -> list[Holding]:
        return list(self.ask_holdings())

    @question
    def open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        market = self.market(symbol) if symbol else None
        return [self._with_fills(where, told) for where, told in self.ask_open_orders(market)]

    @question
    def fills_since(self, symbol: str, since_ms: int) -> list[OwnedFill]:
        told = {owned.fill.venue_fill_id: owned for owned in self._fills_from(symbol, since_ms)}
        return sorted(told.values(), key=lambda owned: owned.fill.filled_at_ms)

    @question
    def fired_since(self, symbol: str, since_ms: int) -> set[str]:
        return set(self.ask_fired(self.market(symbol), since_ms))

    @question
    def payments_since(self, since_ms: int) -> list[Payment]:
        told = {payment.venue_payment_id: payment for payment in self.ask_payments(since_ms)}
        recent = [payment for payment in told.values() if payment.paid_at_ms >= since_ms]
        return sorted(recent, key=lambda payment: payment.paid_at_ms)

    @question
    def check(self) -> AccountCheck:
        offset = self.clock_offset_ms()
        can_trade, can_withdraw = self.ask_rights()
        return AccountCheck(can_trade, can_withdraw, self.ask_hedged(), offset)

    # What a dialect may ask of the frame.

    def market(self, symbol: str) -> Market:
        """The symbol's market data, asked for again once an hour."""
        kept = self._market_words.get(symbol)
        if kept is None or time.monotonic() - kept[0] > MARKET_SECONDS:
            asked_at, told = time.monotonic(), self.ask_markets(symbol)
            self._market_words.pop(symbol, None)
            self._market_words |= {name: (asked_at, words) for name, words in told.items()}
        if symbol not in self._market_words:
            raise UnknownInstrument(f"{self.name} has no perpetual {symbol}", symbol=symbol)
        return self.market_of(symbol, self._market_words[symbol][1])

    def hedged(self, *, wanted: PositionMode | None = None) -> bool:
        """Whether long and short are kept apart; the venue is asked once for a wanted mode."""
        if not self.has_hedged_mode:
            return False
        if self._is_hedged is None:
            self._is_hedged = self.ask_hedged()
        is_so = wanted is None or self._is_hedged is (wanted is PositionMode.HEDGE)
        if wanted and not is_so and self._asked_for is not wanted:
            self._asked_for = wanted
            self._is_hedged = self._switched(wanted)
        return self._is_hedged

    def in_quote(self, amount: Decimal, currency: str, market: Market) -> Decimal:
        """A fee in the quote currency; one paid in another coin is counted at its last price."""
        if currency == market.quote or not amount:
            return amount
        return amount * self.ask_price(self.market(f"{currency}/{market.quote}"))

    # Inside.

    def _switched(self, mode: PositionMode) -> bool:
        # Whatever it answers, the mode is asked for again: some refuse what is so already.
        with suppress(Answered):
            self.switch_mode(mode)
        return self.ask_hedged()

    def _checked(self, ticket: Ticket) -> Placing:
        """The ticket against the market data; nothing is rounded here, only refused."""
        market = self.market(ticket.symbol)
        is_opening = ticket.action is Action.OPEN
        quantity = Decimal(ticket.quantity)
        price = None if ticket.price is None else Decimal(ticket.price)
        must_be_a_multiple(quantity, market.instrument.step, "quantity")
        if price is not None:
            must_be_a_multiple(price, market.instrument.tick, "price")
        elif ticket.style is Style.POST_ONLY:
            raise VenueRefused("a market order cannot rest in the book")
        if is_opening and not self.can_protect and (ticket.stop or ticket.target):
            raise NotOffered(f"{self.name} takes no stop and no target from programs")
        return Placing(
            ticket=ticket,
            market=market,
            client_order_id=client_ids.at_venue(self.name, ticket.client_order_id),
            is_hedged=self.hedged(wanted=ticket.position_mode if is_opening else None),
            is_opening=is_opening,
            quantity=quantity,
            price=price,
            worst_price=self.worst_price(market, ticket.side) if price is None else None,
        )

    def _refuse_mode(self, placing: Placing) -> None:
        """Refuse what would do something else in the mode that the account could not leave."""
        if refusal := self._mode_refuses(placing):
            # By the next order it may have nothing open, and can be brought to the other one.
            self._is_hedged = self._asked_for = None
            raise VenueRefused(refusal)

    def _mode_refuses(self, placing: Placing) -> str | None:
        """With one side only, opening one way closes the other.

        Where a venue has one position a symbol by its nature, whoever trades there means it.
        """
        ticket = placing.ticket
        if placing.is_hedged and ticket.position_mode is PositionMode.ONE_WAY:
            return "the account has two sides, and cannot be brought to one-way mode"
        if not self.has_hedged_mode or placing.is_hedged:
            return None
        for held in self.ask_holdings():
            if held.symbol == ticket.symbol and held.direction is not ticket.direction:
                return f"the account has one side only, and holds a {held.direction}"
        return None

    def _sent_once(self, placing: Placing) -> Told:
        try:
            with reading(OutcomeUnknown):
                return self.send(placing)
        except Answered as error:
            if error.outcome is not Outcome.EXISTS:
                raise of_a_change(error) from None
        except EngineError as error:
            raise of_a_change(error) from None
        with after_sending():
            return self.look_up(placing.market, placing.client_order_id)

    def _settled(self, placing: Placing, told: Told) -> VenueOrder:
        """The order with its fills; one that cannot rest is asked for until it is done."""
        order = self._with_fills(placing.market, told)
        for tried in range(CONFIRM_TRIES if placing.is_immediate else 0):
            if order.status is not OrderStatus.OPEN:
                break
            time.sleep(CONFIRM_PAUSE_SECONDS if tried else 0)
            told = self._looked_up(placing.market, placing.client_order_id) or told
            order = self._with_fills(placing.market, told)
        return replace(order, client_order_id=placing.ticket.client_order_id)

    def _protected(self, order: VenueOrder, ticket: Ticket) -> VenueOrder:
        """Stop and target of the ticket, once something is held; a failure is told, not raised."""
        stop, target = (Decimal(price) if price else None for price in (ticket.stop, ticket.target))
        if ticket.action is not Action.OPEN or (stop is None and target is None):
            return order
        if not order.filled:
            return replace(order, reason=order.reason or "stop and target wait for a fill")
        direction = ticket.direction
        try:
            self.protect(symbol=ticket.symbol, direction=direction, stop=stop, target=target)
        except EngineError as error:
            return replace(order, unprotected=error.message)
        return order

    def _looked_up(self, market: Market, client_order_id: str) -> Told | None:
        with suppress_absent():
            return self.look_up(market, client_order_id)
        return None

    def _found(self, market: Market, client_order_id: str) -> VenueOrder | None:
        told = self._looked_up(market, client_ids.at_venue(self.name, client_order_id))
        if told is None:
            return None
        return replace(self._with_fills(market, told), client_order_id=client_order_id)

    def _with_fills(self, market: Market, told: Told) -> VenueOrder:
        """The order is as far as its fills are: each of them is a fact with a fee of its own.

        Where numbers and names are the whole account's, the one asked for may be of another symbol.
        """
        if told.native != market.native:
            raise VenueError(f"{told.venue_order_id} is an order of {told.native}, not of ours")
        found = self.fills_of(market, told) if told.filled else []
        # Pages may overlap.
        by_id = {fill.venue_fill_id: fill for fill in found}
        fills = sorted(by_id.values(), key=lambda fill: (fill.filled_at_ms, fill.venue_fill_id))
        filled = sum((Decimal(fill.quantity) for fill in fills), ZERO)
        is_behind = filled < told.filled
        return VenueOrder(
            client_order_id=client_ids.read_back(self.name, told.client_order_id),
            venue_order_id=told.venue_order_id,
            status=OrderStatus.OPEN if is_behind else told.status,
            filled=filled,
            fills=fills,
            reason="not all of its fills are told yet" if is_behind else told.reason,
            side=told.side,
            price=told.price,
            quantity=told.quantity,
            placed_at_ms=told.stamped_at_ms,
        )

    def _fills_from(self, symbol: str, since_ms: int) -> Iterator[OwnedFill]:
        for owned in self.ask_fills(self.market(symbol), since_ms):
            if owned.fill.filled_at_ms >= since_ms:
                yield owned


def levels_of(
    market: Market, rows: Iterable[Sequence[object]]
) -> tuple[tuple[Decimal, Decimal], ...]:
    """Prices and coins out of the venue's prices and contracts."""
    return tuple((decimal(price), market.coins(decimal(size))) for price, size, *_ in rows)


def bar_of(opened_at_ms: object, *values: object) -> Bar:
    """From open, high, low, close and volume."""
    return Bar(int(str(opened_at_ms)), *map(decimal, values))


@contextmanager
def saying_nothing() -> Iterator[None]:
    """A market that is not known says nothing of an order that may stand."""
    try:
        yield
    except UnknownInstrument as error:
        raise VenueError(error.message) from None


@contextmanager
def suppress_absent() -> Iterator[None]:
    """Nothing comes of a look-up where the venue clearly answers that it has none."""
    try:
        yield
    except Answered as error:
        if error.outcome is not Outcome.ABSENT:
            raise


def must_be_a_multiple(value: Decimal, step: Decimal, what: str) -> None:
    if value <= 0 or value % step:
        raise VenueRefused(f"the {what} {value} is no multiple of {step}")


def described(
    symbol: str, words: Mapping[str, object], *, contract: Decimal = Decimal(1)
) -> Instrument:
    """The instrument out of the venue's words; whatever it does not tell is named, never assumed.

    `words` has tick, step, min_quantity (both in contracts) and min_notional; None is
    "not told". A venue without a smallest notional says so with a zero of its own.
    """
    told = {name: None if value in (None, "") else decimal(value) for name, value in words.items()}
    missing = [name for name, value in told.items() if value is None]
    missing += [name for name in ("tick", "step") if told[name] == 0]
    if missing or contract <= 0:
        named = ", ".join(missing) or "contract size"
        raise UnknownInstrument(f"the venue does not tell {named} of {symbol}", symbol=symbol)
    tick, step, least, notional = (told[name] or ZERO for name in WORDS_OF_AN_INSTRUMENT)
    return Instrument(symbol, tick, step * contract, least * contract, notional)


WORDS_OF_AN_INSTRUMENT: Sequence[str] = ("tick", "step", "min_quantity", "min_notional")
