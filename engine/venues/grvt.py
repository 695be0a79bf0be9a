"""GRVT: perpetuals of one sub-account, orders signed as typed data.

The API key logs in and its secret signs: a key of a chain, good for nothing
else. `passphrase` is the sub-account's number; without it there must be only one.

An order's signature ends at a time, and with it ends the order. There is no other
bound for a late arrival, so an order here never lives longer than its ticket:
who wants it to rest longer gives the ticket more time.

Three things cannot be had by programs and are refused by name: stop and target of
a position, another kind of margin, and what the key may do.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import ccxt

from engine.errors import VenueRefused
from engine.messages import Fill, Margin, PaymentKind, PositionMode, Style, number
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues import client_ids
from engine.venues.answers import Answered, NotOffered, Outcome, Table, rows
from engine.venues.base import (
    Balance,
    Bar,
    Depth,
    Holding,
    Interest,
    Limits,
    OwnedFill,
    Payment,
    Request,
)
from engine.venues.ccxt import (
    CcxtVenue,
    Market,
    Placing,
    Told,
    bar_of,
    decimal,
    described,
    levels_of,
    now_ms,
)
from engine.venues.line import Credentials, Params, Words
from engine.venues.streams import Way

SETTLED_IN = "USDT"
PAGE = 1000
NANOSECONDS = 1_000_000  # in a millisecond
# In what is signed, prices are whole numbers of this.
PRICE_UNIT = Decimal("1e-9")
# The cookie of a login lives for a day.
SESSION_SECONDS = 6 * 3600
CLOCK_MARGIN_MS = 60_000
CHAIN = "325"

STATUSES = {
    "PENDING": OrderStatus.OPEN,
    "OPEN": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "REJECTED": OrderStatus.REJECTED,
    "CANCELLED": OrderStatus.CANCELED,
}
TIME_IN_FORCE = {
    Style.PLAIN: "GOOD_TILL_TIME",
    Style.IOC: "IMMEDIATE_OR_CANCEL",
    Style.POST_ONLY: "GOOD_TILL_TIME",
}
# As they are numbered in what is signed.
SIGNED_TIME_IN_FORCE = {"GOOD_TILL_TIME": 1, "IMMEDIATE_OR_CANCEL": 3}
MARGINS = {"CROSS": Margin.CROSS, "ISOLATED": Margin.ISOLATED}

TIMEFRAMES = {
    **{f"{minutes}m": f"CI_{minutes}_M" for minutes in (1, 3, 5, 15, 30)},
    "1h": "CI_1_H",
    "4h": "CI_4_H",
    "1d": "CI_1_D",
}

ANSWERS: Table = {
    # Also a session that ended: nothing was done, and the next call opens another.
    **rows(Outcome.BUSY, 1000, 1006, 1009, "http 429"),
    # The signature's time, which is the ticket's, was over.
    **rows(Outcome.EXPIRED, 2001),
    **rows(Outcome.EXISTS, 2012, "OVERLAPPING_CLIENT_ORDER_ID"),
    **rows(Outcome.ABSENT, 1004),
    # The login, the key, and the signature.
    **rows(Outcome.REJECTED, 1001, 1003, 1008, 1012, 1400, 2000, *range(2002, 2009)),
    # The order's form.
    **rows(Outcome.REJECTED, 2010, 2011, 2020, 2021, *range(2030, 2033), *range(2040, 2043)),
    **rows(Outcome.REJECTED, 2050, 2051, *range(2060, 2066), 2070),
    # Funds and limits.
    **rows(Outcome.REJECTED, 2080, 2081, 2082, 2083, 2090, 2400, 2401, 2402, 7201),
    # Leverage and margin.
    **rows(Outcome.REJECTED, *range(2100, 2106), 2107, 2108, *range(2110, 2118)),
    **rows(Outcome.REJECTED, 2300, 2301, 3000, 3004, 3005, 3006, 3021),
    # Named although anything unnamed is the same. The last is told of doubled ids and of long ones.
    **rows(Outcome.UNKNOWN, 1002, 1005, 2013, "http 500", "http 502", "http 503", "http 504"),
}
NOT_LOGGED_IN = "1000"


class Grvt(CcxtVenue):
    name = "grvt"
    library = ccxt.grvt
    answers = ANSWERS
    timeframes = TIMEFRAMES
    has_hedged_mode = False
    can_protect = False
    # Left on, the library signs a fee for its own builder into every order.
    options = {"builderFee": False}
    # Changes of the book come without a check of their order: snapshots, then.
    way = Way(
        levels=10,
        options={"builderFee": False},
        params={"channel": "v1.book.s", "interval": 100},
    )
    # Hundredths of a second, by what each call weighs.
    limits = Limits(
        units=100,
        orders=20,
        costs={
            Request.PLACE: 5,
            Request.CANCEL: 5,
            Request.LOOK_UP: 20,
            Request.OPEN_ORDERS: 20,
            Request.ACCOUNT: 60,
            Request.DEPTH: 12,
            Request.FILLS: 20,
            Request.DEAD_MAN: 100,
        },
    )

    def __init__(self, credentials: Credentials, *, base_url: str | None = None) -> None:
        super().__init__(credentials, base_url=base_url)
        self.sub_account = credentials.passphrase
        self._logged_in_at: float | None = None
        self.client.requiredCredentials = {"apiKey": True, "secret": True}

    def keys(self, credentials: Credentials) -> Params:
        return {"apiKey": credentials.api_key, "secret": credentials.api_secret}

    def code_of(self, status: int, response: Any) -> tuple[str, str] | None:
        """A code and a message on every refusal."""
        if not isinstance(response, Mapping) or "code" not in response:
            return None
        return str(response["code"]), str(response.get("message", ""))

    # Market data.

    def ask_markets(self, symbol: str) -> Mapping[str, Words]:
        told = self.call("publicMarketPostFullV1AllInstruments", {"is_active": True})["result"]
        return {
            f"{words['base']}/{words['quote']}": words
            for words in told
            if words["kind"] == "PERPETUAL"
        }

    def market_of(self, symbol: str, words: Words) -> Market:
        told = {
            "tick": words.get("tick_size"),
            # Sizes are multiples of the smallest one; there is no word for a step.
            "step": words.get("min_size"),
            "min_quantity": words.get("min_size"),
            "min_notional": words.get("min_notional"),
        }
        instrument = described(symbol, told)
        return Market(instrument, words["instrument"], Decimal(1), words["quote"], words)

    def ask_price(self, market: Market) -> Decimal:
        asked = {"instrument": market.native}
        return decimal(self.call("publicMarketPostFullV1Ticker", asked)["result"]["last_price"])

    def ask_interest(self, market: Market) -> Interest:
        asked = {"instrument": market.native}
        words = self.call("publicMarketPostFullV1Ticker", asked)["result"]
        # In per cent.
        return Interest(decimal(words["open_interest"]), decimal(words["funding_rate"]) / 100)

    def ask_depth(self, market: Market) -> Depth:
        asked = {"instrument": market.native, "depth": 10}
        told = self.call("publicMarketPostFullV1Book", asked)["result"]
        bids, asks = (
            [(row["price"], row["size"]) for row in told[side]] for side in ("bids", "asks")
        )
        at_ms = milliseconds(told.get("event_time") or 0)
        return Depth(levels_of(market, bids), levels_of(market, asks), at_ms)

    def send_dead_man(self, market: Market, seconds: int) -> bool:
        """Of the whole sub-account; a time of nothing ends it."""
        self.connect()
        asked = {"sub_account_id": self.sub_account, "countdown_time": str(1000 * seconds)}
        self._call("CancelOnDisconnect", asked)
        return True

    def ask_bars(
        self, market: Market, timeframe: str, since_ms: int, until_ms: int
    ) -> Iterator[Bar]:
        span = {"start_time": nanoseconds(since_ms), "end_time": nanoseconds(until_ms - 1)}
        asked = {"instrument": market.native, "interval": timeframe, "type": "TRADE"} | span
        told = self.call("publicMarketPostFullV1Kline", asked | {"limit": self.bars_at_once})
        for words in told["result"]:
            values = (words[name] for name in ("open", "high", "low", "close", "volume_b"))
            yield bar_of(milliseconds(words["open_time"]), *values)

    # The account's modes.

    def ask_hedged(self) -> bool:
        return False

    def switch_mode(self, mode: PositionMode) -> None:
        raise NotOffered("grvt has one position a symbol")

    def prepare(self, placing: Placing) -> None:
        ticket, native = placing.ticket, placing.market.native
        told = self._ask("GetAllInitialLeverage")["results"]
        now = next(words for words in told if words["instrument"] == native)
        if margin_of(now) is not ticket.margin:
            raise NotOffered(
                f"grvt holds {native} in {margin_of(now)} margin; only a person can change it"
            )
        if decimal(now["leverage"]) != ticket.leverage:
            self._ask("SetInitialLeverage", instrument=native, leverage=str(ticket.leverage))

    # Orders.

    def connect(self) -> None:
        """Log in where there is no session, and know the sub-account."""
        is_fresh = (
            self._logged_in_at is not None
            and time.monotonic() - self._logged_in_at < SESSION_SECONDS
        )
        if not is_fresh:
            self.through(log_in)
            self._logged_in_at = time.monotonic()
        if not self.sub_account:
            told = self.call("privateTradingPostFullV1GetSubAccounts")["sub_account_ids"]
            if len(told) != 1:
                raise VenueRefused("name the sub-account: the key is not of exactly one")
            self.sub_account = str(told[0])

    def send(self, placing: Placing) -> Told:
        order = order_words(placing, self.sub_account)
        with self._session():
            answer = self.through(
                lambda client: client.privateTradingPostFullV1CreateOrder(
                    {"order": signed(client, order, placing.market)}
                ),
                seconds=placing.seconds_left,
            )
        told = told_of(answer["result"])
        if ANSWERS.get(told.reason) is Outcome.EXISTS:
            raise Answered(told.reason, "an order of this id is active", Outcome.EXISTS)
        return told

    def look_up(self, market: Market, client_order_id: str) -> Told:
        return told_of(self._ask("Order", client_order_id=client_order_id)["result"])

    def look_up_number(self, market: Market, venue_order_id: str) -> Told:
        return told_of(self._ask("Order", order_id=venue_order_id)["result"])

    def send_cancel(self, market: Market, client_order_id: str) -> None:
        self._ask("CancelOrder", client_order_id=client_order_id)

    def fills_of(self, market: Market, told: Told) -> list[Fill]:
        fills = self._fills(market, told.placed_at_ms)
        return [
            fill_of(words) for words in fills if words["client_order_id"] == told.client_order_id
        ]

    def ask_open_orders(self, market: Market | None) -> Iterator[tuple[Market, Told]]:
        told = self._ask("OpenOrders", kind=["PERPETUAL"], **of_market(market))["result"]
        for words in told:
            native = words["legs"][0]["instrument"]
            if market is None or native == market.native:
                yield market or self.market(symbol_of(native)), told_of(words)

    def ask_fills(self, market: Market, since_ms: int) -> Iterator[OwnedFill]:
        for words in self._fills(market, since_ms):
            yield OwnedFill(
                symbol=market.instrument.symbol,
                client_order_id=client_ids.read_back(self.name, words["client_order_id"]),
                venue_order_id=words["order_id"],
                side=Side.BUY if words["is_buyer"] else Side.SELL,
                fill=fill_of(words),
            )

    def send_protection(
        self, market: Market, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        """Orders linked to a position are only taken from the venue's own pages."""
        raise NotOffered("grvt takes no stop and no target from programs")

    # Books.

    def ask_balance(self) -> Balance:
        words = self._ask("AccountSummary")["result"]
        unrealised = decimal(words["unrealized_pnl"])
        total = decimal(words["total_equity"]) - unrealised
        return Balance(total, decimal(words["available_balance"]), unrealised)

    def ask_holdings(self) -> Iterator[Holding]:
        for words in self._ask("Positions", kind=["PERPETUAL"])["result"]:
            if decimal(words["size"]):
                yield holding_of(words)

    def ask_payments(self, since_ms: int) -> Iterator[Payment]:
        self.connect()
        asked: Params = {"start_time": nanoseconds(since_ms)}
        of_ours = asked | {"sub_account_id": self.sub_account}
        for words in self._pages("FundingPaymentHistory", of_ours):
            yield Payment(
                venue_payment_id=f"{words['tx_id']}-{words['instrument']}",
                kind=PaymentKind.FUNDING,
                symbol=symbol_of(words["instrument"]),
                # The venue tells what was paid.
                amount=-decimal(words["amount"]),
                paid_at_ms=milliseconds(words["event_time"]),
            )
        # These are asked for of the whole account; only what touches the sub-account is told.
        for words in self._pages("TransferHistory", asked | {"currency": [SETTLED_IN]}):
            yield from self._moved(words)

    def ask_rights(self) -> tuple[bool | None, bool | None]:
        """Not told; that the login works is all there is to see."""
        self.connect()
        return None, None

    def ask_clock(self) -> int:
        """The moment of its summary: the venue has no clock of its own to ask."""
        return milliseconds(self._ask("AccountSummary")["result"]["event_time"])

    # Inside.

    def _ask(self, method: str, **asked: Any) -> Any:
        """A question about the sub-account."""
        self.connect()
        return self._call(method, {"sub_account_id": self.sub_account} | asked)

    def _call(self, method: str, asked: Params) -> Any:
        """A private question, after a login where there is none."""
        self.connect()
        with self._session():
            return self.call(f"privateTradingPostFullV1{method}", asked)

    @contextmanager
    def _session(self) -> Iterator[None]:
        """Forget a session that the venue no longer knows."""
        try:
            yield
        except Answered as error:
            if error.raw == NOT_LOGGED_IN:
                self._logged_in_at = None
            raise

    def _pages(self, method: str, asked: Params) -> Iterator[Words]:
        """Newest first; each page names where the next one begins, the last one nothing."""
        told = self._call(method, asked | {"limit": PAGE})
        yield from told["result"]
        while told.get("next"):
            told = self._call(method, asked | {"limit": PAGE, "cursor": told["next"]})
            yield from told["result"]

    def _fills(self, market: Market, since_ms: int) -> Iterator[Words]:
        self.connect()
        asked = {"sub_account_id": self.sub_account, "start_time": nanoseconds(since_ms)}
        asked |= of_market(market)
        for words in self._pages("FillHistory", asked):
            if words["instrument"] == market.native:
                yield words

    def _moved(self, words: Words) -> Iterator[Payment]:
        """Money to or from the sub-account; between two others it is none of ours."""
        amount = decimal(words["num_tokens"])
        into = words["to_sub_account_id"] == self.sub_account
        out_of = words["from_sub_account_id"] == self.sub_account
        if into is not out_of:
            yield Payment(
                venue_payment_id=words["tx_id"],
                kind=PaymentKind.TRANSFER,
                symbol="",
                amount=amount if into else -amount,
                paid_at_ms=milliseconds(words["event_time"]),
            )


def log_in(client: Any) -> None:
    """Its answer has nothing to read; the session is in its headers."""
    client.privateEdgePostAuthApiKeyLogin({"api_key": client.apiKey})
    told = client.last_response_headers
    if not told.get("Set-Cookie") or not told.get("X-Grvt-Account-Id"):
        raise Answered("no session", "the login was not taken", Outcome.REJECTED)
    client.options["AuthCookieValue"] = told["Set-Cookie"].partition(";")[0]
    client.options["AuthAccountId"] = told["X-Grvt-Account-Id"]


def symbol_of(native: str) -> str:
    return "/".join(native.split("_")[:2])


def of_market(market: Market | None) -> Params:
    """The filter for a symbol: by its two currencies."""
    return {"base": [market.facts["base"]], "quote": [market.quote]} if market else {}


def nanoseconds(milliseconds: int) -> str:
    return str(milliseconds * NANOSECONDS)


def milliseconds(nanoseconds: object) -> int:
    return int(str(nanoseconds)) // NANOSECONDS


def margin_of(words: Words) -> Margin:
    """Where it is not told, the venue knows no other than cross."""
    return MARGINS[words.get("margin_type") or "CROSS"]


def order_words(placing: Placing, sub_account: str) -> Params:
    ticket = placing.ticket
    style = Style.IOC if placing.price is None else ticket.style
    leg = {
        "instrument": placing.market.native,
        "size": number(placing.quantity),
        "limit_price": None if placing.price is None else number(placing.price),
        "is_buying_asset": ticket.side is Side.BUY,
    }
    return {
        "sub_account_id": sub_account,
        "is_market": placing.price is None,
        "time_in_force": TIME_IN_FORCE[style],
        "post_only": style is Style.POST_ONLY,
        "reduce_only": not placing.is_opening,
        "legs": [leg],
        "signature": {
            "expiration": nanoseconds(ticket.not_after_ms),
            # The same payload under the same nonce counts once.
            "nonce": nonce_of(placing.client_order_id),
            "chain_id": CHAIN,
        },
        "metadata": {"client_order_id": placing.client_order_id},
    }


def nonce_of(client_order_id: str) -> int:
    return int.from_bytes(hashlib.sha256(client_order_id.encode()).digest()[:4], "big")


def message_of(order: Params, market: Market) -> Params:
    """What is signed: the order with its size and price as whole numbers, exactly."""
    (leg,) = order["legs"]
    size_unit = Decimal(1).scaleb(-int(market.facts["base_decimals"]))
    price = Decimal(leg["limit_price"] or 0)
    return {
        "subAccountID": int(order["sub_account_id"]),
        "isMarket": order["is_market"],
        "timeInForce": SIGNED_TIME_IN_FORCE[order["time_in_force"]],
        "postOnly": order["post_only"],
        "reduceOnly": order["reduce_only"],
        "legs": [
            {
                "assetID": int(market.facts["instrument_hash"], 16),
                "contractSize": int(Decimal(leg["size"]) / size_unit),
                "limitPrice": int(price / PRICE_UNIT),
                "isBuyingContract": leg["is_buying_asset"],
            }
        ],
        "nonce": order["signature"]["nonce"],
        "expiration": int(order["signature"]["expiration"]),
    }


def signed(client: Any, order: Params, market: Market) -> Params:
    """The order with its signature; the library's own way there leads through floats."""
    types = client.eip_definitions()["EIP712_ORDER_TYPE"]
    message = message_of(order, market)
    encoded = client.eth_encode_structured_data(client.eip_domain_data(), types, message)
    key = client.remove0x_prefix(client.secret)
    made = client.ecdsa(client.hash(encoded, "keccak", "hex"), key, "secp256k1", None)
    parts = {
        "signer": client.eth_get_address_from_private_key(f"0x{key}"),
        "r": client.format_signature_rs(made["r"]),
        "s": client.format_signature_rs(made["s"]),
        "v": 27 + int(made["v"]),
    }
    return order | {"signature": order["signature"] | parts}


def told_of(words: Words) -> Told:
    state, metadata = words["state"], words["metadata"]
    reason = state["reject_reason"]
    created = metadata.get("create_time")
    return Told(
        native=words["legs"][0]["instrument"],
        venue_order_id="" if words["order_id"] == "0x00" else words["order_id"],
        client_order_id=str(metadata["client_order_id"]),
        status=STATUSES[state["status"]],
        filled=decimal(state["traded_size"][0]),
        reason="" if reason == "UNSPECIFIED" else reason,
        side=Side.BUY if words["legs"][0]["is_buying_asset"] else Side.SELL,
        placed_at_ms=(milliseconds(created) if created else now_ms()) - CLOCK_MARGIN_MS,
        stamped_at_ms=milliseconds(created or 0),
    )


def fill_of(words: Words) -> Fill:
    """A negative fee is a rebate, here as there."""
    return Fill(
        venue_fill_id=words["trade_id"],
        quantity=number(decimal(words["size"])),
        price=number(decimal(words["price"])),
        fee=number(decimal(words["fee"])),
        filled_at_ms=milliseconds(words["event_time"]),
    )


def holding_of(words: Words) -> Holding:
    size, liquidation = decimal(words["size"]), decimal(words.get("est_liquidation_price") or 0)
    return Holding(
        symbol=symbol_of(words["instrument"]),
        direction=Direction.LONG if size > 0 else Direction.SHORT,
        quantity=abs(size),
        entry_price=decimal(words["entry_price"]),
        leverage=int(decimal(words["leverage"])),
        margin=margin_of(words),
        unrealised=decimal(words["unrealized_pnl"]),
        liquidation_price=liquidation or None,
    )
