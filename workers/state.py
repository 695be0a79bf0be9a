"""An account read back from its venue: asked by the centre, answered in one signed message.

Only questions are put to the venue here. What fails is told as a failure: silence of
a venue is no empty account.
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import msgspec
from kombu.exceptions import OperationalError

from engine.errors import MessageRefused, UnknownInstrument, VenueError, VenueRefused
from engine.messages import (
    ROWS_PER_STATE,
    AccountFill,
    AccountState,
    Described,
    Held,
    Money,
    OpenOrder,
    Paid,
    Rights,
    Since,
    StateAsk,
    number,
)
from engine.venues.base import Exchange, Interest
from engine.venues.client_ids import at_venue
from workers import adapters, tasks
from workers.app import Node, app, node
from workers.pace import PATIENT, taking
from workers.vault import open_credentials

log = logging.getLogger(__name__)

# Reading waits for venues: it has threads of its own, so that no ticket waits for it.
_readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="state")
_in_hand: set[str] = set()
# Prices are public, and the same for every account.
PRICE_SECONDS = 10
_prices: dict[tuple[type[Exchange], str], tuple[float, Decimal]] = {}
_lock = threading.Lock()


@app.task(name="node.read_state")
def run(envelope: str) -> None:
    host = node()
    ask = tasks.read_message(envelope, host, StateAsk)
    with _lock:
        if ask.account in _in_hand:
            return
        _in_hand.add(ask.account)
    _readers.submit(answer, ask, host)


def answer(ask: StateAsk, host: Node) -> None:
    try:
        state = state_of(ask, host)
    finally:
        with _lock:
            _in_hand.discard(ask.account)
    try:
        host.tell_centre("orders.record_state", "centre.states", state)
    except OperationalError as error:
        # It will be asked for again.
        log.warning("the state of account %s did not leave: %s", ask.account, error)


def state_of(ask: StateAsk, host: Node) -> AccountState:
    """The state, or why there is none; whatever an adapter does, one of the two."""
    try:
        credentials = open_credentials(ask.sealed_credentials, key=host.keys.seal_private)
        with host.adapters.lend(ask, credentials) as exchange, taking(PATIENT):
            told = read(ask, exchange)
        # What the centre could not read would be no answer.
        return msgspec.json.decode(msgspec.json.encode(told), type=AccountState)
    except (VenueError, UnknownInstrument, MessageRefused) as error:
        return failed(ask, error.message)
    except Exception as error:  # noqa: BLE001  (an adapter may fail in any way; its words may quote a key)
        reason = f"the adapter failed: {type(error).__name__}"
        log.error("account %s, %s at %s", ask.account, reason, adapters.place_of(error))
        return failed(ask, reason)


def failed(ask: StateAsk, reason: str) -> AccountState:
    return AccountState(account=ask.account, asked_at_ms=ask.asked_at_ms, error=reason[:500])


def read(ask: StateAsk, exchange: Exchange) -> AccountState:
    balance = exchange.balance()
    holdings = exchange.holdings()
    if len(holdings) > ROWS_PER_STATE:
        raise VenueRefused(f"{len(holdings)} positions are more than one answer holds")
    symbols = {row.symbol for row in ask.fills} | set(ask.watched)
    instruments = {
        symbol: described(exchange, symbol, is_watched=symbol in ask.watched)
        for symbol in sorted(symbols)
    }
    fills = [
        fill
        for row in ask.fills
        if instruments[row.symbol]
        for fill in fills_of(exchange, ask.venue, row)
    ]
    fills.sort(key=lambda row: row.fill.filled_at_ms)
    payments = exchange.payments_since(ask.payments_since_ms)
    return AccountState(
        account=ask.account,
        asked_at_ms=ask.asked_at_ms,
        money=Money(
            total=exact(balance.total),
            free=exact(balance.free),
            unrealised=exact(balance.unrealised),
        ),
        holdings=[
            Held(
                symbol=row.symbol,
                direction=row.direction,
                quantity=exact(row.quantity),
                entry_price=exact(row.entry_price),
                margin=row.margin,
            )
            for row in holdings
        ],
        open_orders=[
            OpenOrder(
                client_order_id=as_sent(ask.venue, row.client_order_id),
                venue_order_id=row.venue_order_id,
                filled=exact(row.filled),
            )
            for row in exchange.open_orders()[:ROWS_PER_STATE]
        ],
        fills=fills[:ROWS_PER_STATE],
        payments=[
            Paid(
                venue_payment_id=row.venue_payment_id,
                kind=row.kind,
                symbol=row.symbol or None,
                amount=exact(row.amount),
                paid_at_ms=row.paid_at_ms,
            )
            for row in payments[:ROWS_PER_STATE]
        ],
        instruments=[row for row in instruments.values() if row],
        is_cut=len(fills) > ROWS_PER_STATE or len(payments) > ROWS_PER_STATE,
        rights=rights_of(exchange) if ask.with_rights else None,
    )


def fills_of(exchange: Exchange, venue: str, asked: Since) -> list[AccountFill]:
    owned = exchange.fills_since(asked.symbol, asked.since_ms)
    fired = set()
    if owned and asked.held_since_ms is not None:
        fired = exchange.fired_since(asked.symbol, asked.held_since_ms)
    return [
        AccountFill(
            symbol=row.symbol,
            client_order_id=as_sent(venue, row.client_order_id),
            venue_order_id=row.venue_order_id,
            side=row.side,
            fill=row.fill,
            is_protection=row.venue_order_id in fired,
        )
        for row in owned
    ]


def described(exchange: Exchange, symbol: str, *, is_watched: bool = False) -> Described | None:
    """None where the venue does not trade it, or not all of it is told."""
    try:
        instrument = exchange.instrument(symbol)
    except UnknownInstrument:
        return None
    interest = interest_of(exchange, symbol) if is_watched else None
    return Described(
        price=number(price_of(exchange, symbol, seconds=0 if is_watched else PRICE_SECONDS)),
        open_interest=exact(interest.open) if interest else None,
        funding=exact(interest.funding) if interest else None,
        symbol=symbol,
        tick=number(instrument.tick),
        step=number(instrument.step),
        min_quantity=number(instrument.min_quantity),
        min_notional=number(instrument.min_notional),
    )


def interest_of(exchange: Exchange, symbol: str) -> Interest | None:
    """None where the venue does not tell it: the account can be read all the same."""
    try:
        return exchange.interest(symbol)
    except VenueError as error:
        log.warning("no open interest of %s: %s", symbol, error.message)
        return None


def price_of(exchange: Exchange, symbol: str, *, seconds: float) -> Decimal:
    """The last price; asked once in a while for all accounts of a venue."""
    key = (type(exchange), symbol)
    kept = _prices.get(key)
    if kept is None or time.monotonic() - kept[0] >= seconds:
        kept = _prices[key] = (time.monotonic(), exchange.price(symbol))
    return kept[1]


def rights_of(exchange: Exchange) -> Rights:
    try:
        told = exchange.check()
    except VenueError as error:
        # The account can be read all the same.
        return Rights(error=error.message[:500])
    return Rights(
        can_trade=told.can_trade,
        can_withdraw=told.can_withdraw,
        is_hedged=told.is_hedged,
        clock_offset_ms=told.clock_offset_ms,
    )


def as_sent(venue: str, client_order_id: str) -> str:
    """The id as the centre keeps it; empty where the order is not ours."""
    return at_venue(venue, client_order_id) if client_order_id else ""


def exact(value: Decimal) -> str:
    """As many digits as anything a venue tells has; an average price may have no end."""
    return number(round(value, 12))
