"""The paper venue: an account at the paper exchange, with play money.

The exchange is not called over a wire. It stands in this process, over a journal
that every process of the host shares (`engine/paper/shared.py`), and nobody needs
a key. What is done in one visit is done at one moment.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from engine.candle import Candles, seconds
from engine.errors import EngineError, OutcomeUnknown, TooLate, UnknownInstrument, VenueRefused
from engine.instrument import Instrument
from engine.messages import Fill, PaymentKind, PositionMode, Ticket, number
from engine.order import OrderStatus
from engine.paper import margin as carrying
from engine.paper.account import START_CASH, Account, other_direction
from engine.paper.errors import JournalBroken, Reason, Refused
from engine.paper.exchange import Exchange
from engine.paper.generated import GeneratedMarket
from engine.paper.orders import (
    Ask,
    Execution,
    Money,
    Order,
    Status,
    TriggerAsk,
    closing_side,
)
from engine.paper.shared import SharedExchange, Walkable
from engine.paper.truth import Told, account_told
from engine.signal import Action, Direction, Side, side_of
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

STATUSES = {
    Status.OPEN: OrderStatus.OPEN,
    Status.FILLED: OrderStatus.FILLED,
    Status.CANCELED: OrderStatus.CANCELED,
}
KINDS = {
    Money.DEPOSIT: PaymentKind.DEPOSIT,
    Money.FUNDING: PaymentKind.FUNDING,
    Money.INSURANCE: PaymentKind.TRANSFER,
}
LEVELS = 10
NOTHING_TO_CANCEL = {Reason.UNKNOWN_ORDER, Reason.NOT_OPEN}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class PaperBars:
    """The market's bars, which are computed and not asked for."""

    bars_at_once = 1000

    def bars(self, symbol: str, timeframe: str, *, since_ms: int, until_ms: int) -> list[Bar]:
        count = (until_ms - since_ms) // 1000 // seconds(timeframe)
        return bars_of(GeneratedMarket().candles(symbol, timeframe, count, until_ms))


class PaperVenue(PaperBars):
    """One account; its journal is a file of the book, named after it."""

    name = "paper"
    lookup_lag_seconds = 0.0
    limits = Limits()

    def __init__(
        self,
        book: Path,
        account: str,
        *,
        market: Walkable | None = None,
        cash: Decimal = START_CASH,
    ) -> None:
        self.account = account
        self.market = market or GeneratedMarket()
        self._instruments = self.market.instruments()
        journal = book / f"{account}.journal"
        self._shared = SharedExchange(journal, account, self.market, cash=cash)

    def close(self) -> None:
        self._shared.close()

    # Orders.

    def place(self, ticket: Ticket) -> VenueOrder:
        self.instrument(ticket.symbol)
        with self._visit(ticket.symbol) as (exchange, account):
            if ticket.client_order_id in account.order_of:
                return told_of(account, ticket.client_order_id)
            if exchange.now_ms > ticket.not_after_ms:
                raise TooLate("the order came after its time")
            if ticket.side is not side_of(ticket.action, ticket.direction):
                raise VenueRefused(f"a {ticket.side} does not {ticket.action} a {ticket.direction}")
            if ticket.action is Action.OPEN:
                prepare(exchange, account, ticket)
            exchange.place(self.account, ask_of(ticket, is_hedged=account.is_hedged))
            order = told_of(account, ticket.client_order_id)
            return self._protected(exchange, account, ticket, order)

    def make_ready(self, ticket: Ticket) -> None:
        self.instrument(ticket.symbol)
        with self._visit(ticket.symbol) as (exchange, account):
            if account.is_hedged:
                exchange.set_hedge(self.account, False)
            for direction in Direction:
                now = account.leverage(ticket.symbol, ticket.margin, direction)
                if now != ticket.leverage:
                    exchange.set_leverage(
                        self.account,
                        ticket.symbol,
                        ticket.leverage,
                        margin=ticket.margin,
                        direction=direction,
                    )

    def quote(self, ticket: Ticket) -> VenueOrder:
        self.instrument(ticket.symbol)
        with self._visit(ticket.symbol) as (exchange, account):
            if ticket.client_order_id in account.order_of:
                return told_of(account, ticket.client_order_id)
            if exchange.now_ms > ticket.not_after_ms:
                raise TooLate("the order came after its time")
            if account.is_hedged:
                raise VenueRefused("the account holds long and short apart")
            exchange.place(self.account, ask_of(ticket, is_hedged=False))
            return told_of(account, ticket.client_order_id)

    def depth(self, symbol: str) -> Depth:
        self.instrument(symbol)
        with self._visit(symbol) as (exchange, _):
            book = exchange.book(symbol)
            bids, asks = (tuple(book.depth(side, LEVELS)) for side in (Side.BUY, Side.SELL))
            return Depth(bids, asks, exchange.now_ms)

    def stream(self, symbol: str, *, trades: bool) -> None:
        """It stands in this process: asking is as quick as being told."""

    def clock_offset_ms(self) -> int:
        return 0

    def end_unless_heard(self, symbol: str, seconds: int) -> bool:
        with self._visit() as (exchange, _):
            at_ms = exchange.now_ms + 1000 * seconds if seconds else 0
            exchange.cancel_all_at(self.account, symbol, at_ms)
        return True

    def find(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        with self._visit() as (_, account):
            is_there = client_order_id in account.order_of
            return told_of(account, client_order_id) if is_there else None

    def find_by_number(self, *, symbol: str, venue_order_id: str) -> VenueOrder | None:
        with self._visit() as (_, account):
            number = int(venue_order_id) if venue_order_id.isdecimal() else 0
            order = account.orders.get(number)
            return order_of(order) if order and order.ask.symbol == symbol else None

    def is_absent(self, ticket: Ticket) -> bool:
        return self.find(symbol=ticket.symbol, client_order_id=ticket.client_order_id) is None

    def protected(self, ticket: Ticket, order: VenueOrder) -> VenueOrder:
        with self._visit() as (exchange, account):
            # What it opened may have been closed since.
            is_held = account.held(ticket.symbol, ticket.direction)
            return self._protected(exchange, account, ticket, order) if is_held else order

    def cancel(self, *, symbol: str, client_order_id: str) -> VenueOrder | None:
        with self._visit() as (exchange, account):
            if client_order_id not in account.order_of:
                return None
            try:
                exchange.cancel(self.account, account.order_of[client_order_id])
            except Refused as refusal:
                if refusal.reason not in NOTHING_TO_CANCEL:
                    raise
            return told_of(account, client_order_id)

    def protect(
        self, *, symbol: str, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        with self._visit() as (exchange, account):
            protect(exchange, account, symbol, direction, stop, target)

    # The market and the account.

    def instrument(self, symbol: str) -> Instrument:
        if symbol not in self._instruments:
            raise UnknownInstrument("the paper venue does not trade this symbol", symbol=symbol)
        return self._instruments[symbol]

    def price(self, symbol: str) -> Decimal:
        self.instrument(symbol)
        return self.market.prices(now_ms(), [symbol])[symbol]

    def interest(self, symbol: str) -> Interest:
        self.instrument(symbol)
        with self._visit() as (exchange, _account):
            return Interest(exchange.open_interest(symbol), exchange.rates.funding)

    def balance(self) -> Balance:
        with self._visit() as (exchange, account):
            gained = carrying.unrealised(account, exchange.marks)
            return Balance(account.cash, carrying.available(account, exchange.marks), gained)

    def holdings(self) -> list[Holding]:
        with self._visit() as (exchange, account):
            return [
                Holding(
                    symbol=one.symbol,
                    direction=one.direction,
                    quantity=one.quantity,
                    entry_price=one.entry_price,
                    leverage=account.leverage(one.symbol, one.margin, one.direction),
                    margin=one.margin,
                    unrealised=one.unrealised(exchange.marks[one.symbol]),
                    liquidation_price=exchange.liquidation_price(
                        account, one.direction, one.symbol
                    ),
                )
                for one in account.holdings.values()
            ]

    def open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        with self._visit() as (_, account):
            return [
                order_of(order)
                for order in account.open.values()
                if symbol in (None, order.ask.symbol)
            ]

    def fills_since(self, symbol: str, since_ms: int) -> list[OwnedFill]:
        with self._visit() as (_, account):
            return [
                OwnedFill(
                    symbol=symbol,
                    client_order_id=account.orders[one.order].ask.client_id,
                    venue_order_id=str(one.order),
                    side=one.side,
                    fill=fill_of(one),
                )
                for one in account.executions
                if one.symbol == symbol and one.at_ms >= since_ms
            ]

    def fired_since(self, symbol: str, since_ms: int) -> set[str]:
        with self._visit() as (_, account):
            return {
                str(one.order)
                for one in account.triggers.values()
                if one.order
                and one.ask.order.symbol == symbol
                and one.changed_at_ms >= since_ms
                and one.ask.whole
            }

    def payments_since(self, since_ms: int) -> list[Payment]:
        with self._visit() as (_, account):
            return [
                Payment(str(one.number), KINDS[one.kind], one.symbol, one.amount, one.at_ms)
                for one in account.moved
                if one.at_ms >= since_ms
            ]

    def check(self) -> AccountCheck:
        with self._visit() as (_, account):
            return AccountCheck(
                can_trade=True,
                can_withdraw=False,
                is_hedged=account.is_hedged,
                clock_offset_ms=0,
            )

    def truth(self) -> Told:
        """All that ever happened to the account: tests compare with it."""
        with self._visit() as (exchange, account):
            return account_told(exchange, account)

    # Inside.

    @contextmanager
    def _visit(self, *symbols: str) -> Iterator[tuple[Exchange, Account]]:
        try:
            with self._shared.visit(now_ms(), *symbols) as exchange:
                yield exchange, exchange.account(self.account)
        except JournalBroken as error:
            # Perhaps written, and perhaps not: the lines will tell.
            raise OutcomeUnknown(error.message) from None

    def _protected(
        self, exchange: Exchange, account: Account, ticket: Ticket, order: VenueOrder
    ) -> VenueOrder:
        """Stop and target of the ticket, once something is held; a failure is told, not raised."""
        stop, target = (Decimal(price) if price else None for price in (ticket.stop, ticket.target))
        if ticket.action is not Action.OPEN or (stop is None and target is None):
            return order
        if not order.filled:
            return replace(order, reason=order.reason or "stop and target wait for a fill")
        try:
            protect(exchange, account, ticket.symbol, ticket.direction, stop, target)
        except JournalBroken:
            raise
        except EngineError as error:
            return replace(order, unprotected=error.message)
        return order


def prepare(exchange: Exchange, account: Account, ticket: Ticket) -> None:
    """Bring the account to what the ticket asks of it: its modes first, then its leverage."""
    wants_hedge = ticket.position_mode is PositionMode.HEDGE
    if account.is_hedged is not wants_hedge:
        exchange.set_hedge(account.name, wants_hedge)
    other = other_direction(ticket.direction)
    if not account.is_hedged and account.held(ticket.symbol, other):
        raise VenueRefused(f"the account has one side only, and holds a {other}")
    if account.leverage(ticket.symbol, ticket.margin, ticket.direction) != ticket.leverage:
        exchange.set_leverage(
            account.name,
            ticket.symbol,
            ticket.leverage,
            margin=ticket.margin,
            direction=ticket.direction,
        )


def ask_of(ticket: Ticket, *, is_hedged: bool) -> Ask:
    return Ask(
        symbol=ticket.symbol,
        side=ticket.side,
        quantity=Decimal(ticket.quantity),
        price=None if ticket.price is None else Decimal(ticket.price),
        style=ticket.style,
        direction=ticket.direction if is_hedged else None,
        is_reduce_only=not is_hedged and ticket.action is Action.CLOSE,
        client_id=ticket.client_order_id,
        margin=ticket.margin,
    )


def protect(
    exchange: Exchange,
    account: Account,
    symbol: str,
    direction: Direction,
    stop: Decimal | None,
    target: Decimal | None,
) -> None:
    """Have the position closed at either price; what stood there before goes."""
    group = f"{symbol} {direction}"
    standing = [one for one in account.waiting.values() if one.ask.group == group]
    is_long = direction is Direction.LONG
    wanted = [(price, rises) for price, rises in ((stop, not is_long), (target, is_long)) if price]
    if wanted == [(one.ask.level, one.ask.rises) for one in standing]:
        return
    closing = Ask(
        symbol,
        closing_side(direction),
        Decimal(0),
        direction=direction if account.is_hedged else None,
    )
    asks = [
        TriggerAsk(closing, price, rises=rises, whole=True, group=group) for price, rises in wanted
    ]
    # Those before go last: what is refused takes nothing away.
    if asks:
        exchange.arm(account.name, *asks)
    for one in standing:
        exchange.disarm(account.name, one.number)


def told_of(account: Account, client_order_id: str) -> VenueOrder:
    return order_of(account.orders[account.order_of[client_order_id]])


def order_of(order: Order) -> VenueOrder:
    return VenueOrder(
        client_order_id=order.ask.client_id,
        venue_order_id=str(order.number),
        status=STATUSES[order.status],
        filled=order.filled,
        fills=[fill_of(one) for one in order.fills],
        reason=order.why_ended,
        side=order.ask.side,
        price=order.ask.price,
        quantity=order.ask.quantity,
        placed_at_ms=order.placed_at_ms,
    )


def fill_of(one: Execution) -> Fill:
    return Fill(
        venue_fill_id=str(one.number),
        quantity=number(one.quantity),
        price=number(one.price),
        fee=number(one.fee),
        filled_at_ms=one.at_ms,
    )


def bars_of(candles: Candles) -> list[Bar]:
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    told = zip(*(column.tolist() for column in columns), strict=True)
    return [
        Bar(opened_at * 1000, *(Decimal(repr(value)) for value in values))
        for opened_at, values in zip(candles.opened_at.tolist(), told, strict=True)
    ]
