"""Gate: perpetuals settled in USDT, counted in whole contracts; a sale has a negative size.

A client id here is a label and no key: it is not unique, may be invisible for
moments and is forgotten soon after the end of its order. So a look-up that
finds nothing goes on through the open orders, the finished ones and the trades.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import ccxt

from engine.errors import VenueRefused
from engine.messages import Fill, Margin, PaymentKind, PositionMode, Style, number
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues import client_ids
from engine.venues.answers import Answered, Outcome, Table, gone_is_as_good, rows
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
    if_told,
    levels_of,
    now_ms,
)
from engine.venues.line import Credentials, Params, Words
from engine.venues.streams import Way

SETTLED_IN = "USDT"
SETTLE = {"settle": "usdt"}
PAGE = 100
LONG_PAGE = 1000

TIME_IN_FORCE = {Style.PLAIN: "gtc", Style.IOC: "ioc", Style.POST_ONLY: "poc"}
# A trigger's rule: 1 fires at or above its price, 2 at or below. (stop, target) by side.
AT_OR_ABOVE, AT_OR_BELOW = 1, 2
RULES = {
    Direction.LONG: (AT_OR_BELOW, AT_OR_ABOVE),
    Direction.SHORT: (AT_OR_ABOVE, AT_OR_BELOW),
}
LAST_PRICE = 0
PAYMENTS = {"fund": PaymentKind.FUNDING, "dnw": PaymentKind.TRANSFER}

TIMEFRAMES = {name: name for name in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")}

ANSWERS: Table = {
    **rows(Outcome.BUSY, "TOO_MANY_REQUESTS", "TOO_FAST", "http 429"),
    # The timestamp was old, or the time in `x-gate-exptime` was over.
    **rows(Outcome.EXPIRED, "REQUEST_EXPIRED"),
    **rows(Outcome.ABSENT, "ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_FINISHED"),
    **rows(Outcome.ABSENT, "ORDER_CLOSED", "ORDER_CANCELLED"),
    **rows(Outcome.ACCEPTED, "NO_CHANGE"),
    # The request's form.
    **rows(Outcome.REJECTED, "INVALID_PARAM_VALUE", "INVALID_PROTOCOL", "INVALID_ARGUMENT"),
    **rows(Outcome.REJECTED, "INVALID_REQUEST_BODY", "MISSING_REQUIRED_PARAM", "BAD_REQUEST"),
    **rows(Outcome.REJECTED, "INVALID_CONTENT_TYPE", "NOT_ACCEPTABLE", "METHOD_NOT_ALLOWED"),
    **rows(Outcome.REJECTED, "INVALID_PRECISION", "INVALID_CURRENCY", "INVALID_CURRENCY_PAIR"),
    # The key, its rights, and the signature.
    **rows(Outcome.REJECTED, "AUTHENTICATION_FAILED", "INVALID_CREDENTIALS", "INVALID_KEY"),
    **rows(Outcome.REJECTED, "IP_FORBIDDEN", "READ_ONLY", "INVALID_SIGNATURE", "FORBIDDEN"),
    **rows(Outcome.REJECTED, "MISSING_REQUIRED_HEADER", "ACCOUNT_LOCKED", "SUB_ACCOUNT_LOCKED"),
    **rows(Outcome.REJECTED, "SUB_ACCOUNT_NOT_FOUND", "USER_NOT_FOUND", "TRADE_RESTRICTED"),
    # Funds, limits, and the state of the contract.
    **rows(Outcome.REJECTED, "BALANCE_NOT_ENOUGH", "MARGIN_BALANCE_NOT_ENOUGH"),
    **rows(Outcome.REJECTED, "FUTURES_BALANCE_NOT_ENOUGH", "INSUFFICIENT_AVAILABLE"),
    **rows(Outcome.REJECTED, "QUANTITY_NOT_ENOUGH", "AMOUNT_TOO_LITTLE", "AMOUNT_TOO_MUCH"),
    **rows(Outcome.REJECTED, "CONTRACT_NOT_FOUND", "CONTRACT_NO_COUNTER", "CONTRACT_IN_DELISTING"),
    **rows(Outcome.REJECTED, "RISK_LIMIT_EXCEEDED", "RISK_LIMIT_TOO_HIGH", "RISK_LIMIT_TOO_LOW"),
    **rows(Outcome.REJECTED, "RISK_LIMIT_NOT_MULTIPLE", "LIQUIDATE_IMMEDIATELY"),
    **rows(Outcome.REJECTED, "LEVERAGE_TOO_HIGH", "LEVERAGE_TOO_LOW", "TOO_MANY_ORDERS"),
    **rows(Outcome.REJECTED, "ORDER_NOT_OWNED", "POSITION_CROSS_MARGIN", "POSITION_IN_CLOSE"),
    **rows(Outcome.REJECTED, "POSITION_IN_LIQUIDATION", "POSITION_EMPTY", "POSITION_HOLDING"),
    **rows(Outcome.REJECTED, "REMOVE_TOO_MUCH", "INCREASE_POSITION", "SIZE_TOO_LARGE"),
    **rows(Outcome.REJECTED, "SIZE_TOO_SMALL", "PRICE_TOO_DEVIATED", "PRICE_OVER_LIQUIDATION"),
    **rows(Outcome.REJECTED, "PRICE_OVER_BANKRUPT", "PRICE_THRESHOLD_EXCEEDED"),
    **rows(Outcome.REJECTED, "ORDER_POC_IMMEDIATE", "POC_FILL_IMMEDIATELY"),
    **rows(Outcome.REJECTED, "AUTO_TRIGGER_PRICE_LESS_LAST", "AUTO_TRIGGER_PRICE_GREATE_LAST"),
    # Named although anything unnamed is the same: these say nothing of the order's fate.
    **rows(Outcome.UNKNOWN, "INTERNAL", "SERVER_ERROR", "TOO_BUSY", "REPEATED_CREATION"),
    **rows(Outcome.UNKNOWN, "http 502", "http 503", "http 504"),
}


class Gate(CcxtVenue):
    name = "gate"
    library = ccxt.gate
    answers = ANSWERS
    timeframes = TIMEFRAMES
    bars_at_once = LONG_PAGE
    way = Way(levels=20, options={"fetchMarkets": {"types": ["swap"]}})
    # 200 calls of each kind in ten seconds, and a hundred orders a second.
    limits = Limits(units=20, orders=100, costs={Request.ACCOUNT: 2})
    # An order may stay invisible for its first seconds.
    lookup_lag_seconds = 10.0

    def keys(self, credentials: Credentials) -> Params:
        return {"apiKey": credentials.api_key, "secret": credentials.api_secret}

    def code_of(self, status: int, response: Any) -> tuple[str, str] | None:
        """A label on every refusal, with a message or a detail."""
        if not isinstance(response, Mapping) or "label" not in response:
            return None
        return str(response["label"]), str(response.get("message") or response.get("detail") or "")

    # Market data.

    def ask_markets(self, symbol: str) -> Mapping[str, Words]:
        told = self.call("publicFuturesGetSettleContracts", SETTLE)
        return {symbol_of(words["name"]): words for words in told if words["type"] == "direct"}

    def market_of(self, symbol: str, words: Words) -> Market:
        contract = decimal(words.get("quanto_multiplier") or 0)
        told = {
            "tick": words["order_price_round"],
            # Sizes are whole contracts; there is a smallest size and no smallest value.
            "step": Decimal(1),
            "min_quantity": words["order_size_min"],
            "min_notional": Decimal(0),
        }
        instrument = described(symbol, told, contract=contract)
        return Market(instrument, words["name"], contract, SETTLED_IN, words)

    def ask_price(self, market: Market) -> Decimal:
        asked = SETTLE | {"contract": market.native}
        (words,) = self.call("publicFuturesGetSettleTickers", asked)
        return decimal(words["last"])

    def ask_interest(self, market: Market) -> Interest:
        asked = SETTLE | {"contract": market.native}
        (words,) = self.call("publicFuturesGetSettleTickers", asked)
        held = market.coins(decimal(words["total_size"]))
        return Interest(held, decimal(words["funding_rate"]))

    def ask_depth(self, market: Market) -> Depth:
        asked = SETTLE | {"contract": market.native, "limit": 10}
        told = self.call("publicFuturesGetSettleOrderBook", asked)
        bids, asks = ([(row["p"], row["s"]) for row in told[side]] for side in ("bids", "asks"))
        return Depth(
            levels_of(market, bids), levels_of(market, asks), milliseconds(told.get("current") or 0)
        )

    def send_dead_man(self, market: Market, seconds: int) -> bool:
        asked = SETTLE | {"contract": market.native, "timeout": seconds}
        self.call("privateFuturesPostSettleCountdownCancelAll", asked)
        return True

    def ask_bars(
        self, market: Market, timeframe: str, since_ms: int, until_ms: int
    ) -> Iterator[Bar]:
        """Both edges are seconds, and inside; a limit beside them would be refused."""
        span = {"from": since_ms // 1000, "to": until_ms // 1000 - 1}
        asked = SETTLE | {"contract": market.native, "interval": timeframe} | span
        for words in self.call("publicFuturesGetSettleCandlesticks", asked):
            coins = market.coins(decimal(words["v"]))
            prices = (words[name] for name in "ohlc")
            yield bar_of(int(words["t"]) * 1000, *prices, coins)

    # The account's modes.

    def ask_hedged(self) -> bool:
        """The account tells it; where that of a unified account is empty, its positions do."""
        account = self._account()
        if account:
            return bool(account["in_dual_mode"])
        told = self.call("privateFuturesGetSettlePositions", SETTLE)
        return any(words["mode"] != "single" for words in told)

    def switch_mode(self, mode: PositionMode) -> None:
        is_dual = "true" if mode is PositionMode.HEDGE else "false"
        self.tell("privateFuturesPostSettleDualMode", SETTLE | {"dual_mode": is_dual})

    def prepare(self, placing: Placing) -> None:
        """A leverage above zero is isolated margin; zero is cross, with a limit beside it."""
        ticket = placing.ticket
        wanted = {"leverage": str(ticket.leverage)}
        if ticket.margin is Margin.CROSS:
            wanted = {"leverage": "0", "cross_leverage_limit": str(ticket.leverage)}
        method = "privateFuturesPostSettlePositionsContractLeverage"
        if placing.is_hedged:
            method = "privateFuturesPostSettleDualCompPositionsContractLeverage"
        told = self.tell(method, SETTLE | {"contract": placing.market.native} | wanted)
        for words in told if isinstance(told, list) else [told or wanted]:
            if any(decimal(words[name]) != decimal(value) for name, value in wanted.items()):
                raise VenueRefused("the venue did not take leverage and margin of the order")

    # Orders.

    def send(self, placing: Placing) -> Told:
        words = self.call(
            "privateFuturesPostSettleOrders",
            SETTLE | order_words(placing),
            headers={"x-gate-exptime": str(placing.ticket.not_after_ms)},
            seconds=placing.seconds_left,
        )
        return told_of(placing.market, words)

    def look_up(self, market: Market, client_order_id: str) -> Told:
        try:
            return self._order_named(market, client_order_id)
        except Answered as error:
            if error.outcome is not Outcome.ABSENT:
                raise
            found = self._found_by_label(market, client_order_id)
            if found is None:
                raise
            return found

    def look_up_number(self, market: Market, venue_order_id: str) -> Told:
        return self._order_named(market, venue_order_id)

    def send_cancel(self, market: Market, client_order_id: str) -> None:
        asked = SETTLE | {"order_id": client_order_id}
        self.call("privateFuturesDeleteSettleOrdersOrderId", asked)

    def fills_of(self, market: Market, told: Told) -> list[Fill]:
        asked = SETTLE | {"contract": market.native, "order": told.venue_order_id}
        pages = self._pages("privateFuturesGetSettleMyTrades", asked, PAGE)
        return [fill_of(market, words) for words in pages]

    def ask_open_orders(self, market: Market | None) -> Iterator[tuple[Market, Told]]:
        asked = SETTLE | {"status": "open"} | ({"contract": market.native} if market else {})
        for words in self._pages("privateFuturesGetSettleOrders", asked, PAGE):
            where = market or self.market(symbol_of(words["contract"]))
            yield where, told_of(where, words)

    def ask_fills(self, market: Market, since_ms: int) -> Iterator[OwnedFill]:
        span = {"from": str(since_ms // 1000), "to": str(now_ms() // 1000 + 1)}
        asked = SETTLE | {"contract": market.native} | span
        for words in self._pages("privateFuturesGetSettleMyTradesTimerange", asked, LONG_PAGE):
            yield OwnedFill(
                symbol=market.instrument.symbol,
                client_order_id=client_ids.read_back(self.name, words.get("text") or ""),
                venue_order_id=str(words["order_id"]),
                side=side_of(words),
                fill=fill_of(market, words),
            )

    def ask_fired(self, market: Market, since_ms: int) -> Iterator[str]:
        """Newest first. A conditional order takes no name, so one set by hand is told like ours."""
        asked = SETTLE | {"status": "finished", "contract": market.native}
        for words in self._pages("privateFuturesGetSettlePriceOrders", asked, PAGE):
            if milliseconds(words["create_time"]) < since_ms:
                return
            if words["order_type"] in CLOSING_TYPES and int(words.get("trade_id") or 0):
                yield str(words["trade_id"])

    def send_protection(
        self, market: Market, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        """Two orders that know nothing of each other; the new one comes before the old one goes."""
        asked = SETTLE | {"status": "open", "contract": market.native}
        standing = self.call("privateFuturesGetSettlePriceOrders", asked)
        of_side = [words for words in standing if words["order_type"] == closing_type(direction)]
        for rule, price in zip(RULES[direction], (stop, target), strict=True):
            old = [words for words in of_side if words["trigger"]["rule"] == rule]
            if price is not None and [trigger_price(words) for words in old] == [price]:
                continue
            if price is not None:
                words = protection_words(market, direction, rule, price, self.hedged())
                self.call("privateFuturesPostSettlePriceOrders", SETTLE | words)
            for words in old:
                gone = SETTLE | {"order_id": str(words["id"])}
                with gone_is_as_good():
                    self.call("privateFuturesDeleteSettlePriceOrdersOrderId", gone)

    # Books.

    def ask_balance(self) -> Balance:
        account = self._account()
        unrealised = decimal(account.get("unrealised_pnl") or 0)
        is_unified = int(account.get("margin_mode") or 0) > 0
        if account.get("total") and not is_unified:
            return Balance(decimal(account["total"]), decimal(account["available"]), unrealised)
        # A unified account keeps its money elsewhere; the futures account looks empty.
        told = self.call("privateUnifiedGetAccounts", {"currency": SETTLED_IN})
        words = told["balances"].get(SETTLED_IN)
        if words is None:
            return Balance(Decimal(0), Decimal(0), unrealised)
        total = decimal(words["equity"]) - unrealised
        # Some of its modes tell apart what is free for contracts.
        free = words.get("available_margin") or words["available"]
        return Balance(total, decimal(free), unrealised)

    def ask_holdings(self) -> Iterator[Holding]:
        asked = SETTLE | {"holding": "true"}
        for words in self.call("privateFuturesGetSettlePositions", asked):
            if decimal(words["size"]):
                yield holding_of(self.market(symbol_of(words["contract"])), words)

    def ask_payments(self, since_ms: int) -> Iterator[Payment]:
        for kind in PAYMENTS:
            asked = SETTLE | {"type": kind, "from": str(since_ms // 1000)}
            for words in self._pages("privateFuturesGetSettleAccountBook", asked, LONG_PAGE):
                yield payment_of(words)

    def ask_rights(self) -> tuple[bool | None, bool | None]:
        """Told in the list of the account's keys, which not every key may see."""
        try:
            keys = self.call("privateAccountGetMainKeys")
        except Answered as error:
            if error.outcome is not Outcome.REJECTED:
                raise
            return None, None
        for words in keys if isinstance(keys, list) else [keys]:
            if words["key"] == self.client.apiKey:
                writes = {row["name"] for row in words["perms"] if not row["read_only"]}
                # That the word is missing does not say that the right is.
                return "futures" in writes, True if "withdraw" in writes else None
        return None, None

    def ask_clock(self) -> int:
        return int(self.call("publicSpotGetTime")["server_time"])

    # Inside.

    def _account(self) -> Words:
        told = self.call("privateFuturesGetSettleAccounts", SETTLE)
        return dict(told) if isinstance(told, Mapping) else {}

    def _pages(self, method: str, asked: Params, size: int) -> Iterator[Words]:
        offset = 0
        while True:
            page = self.call(method, asked | {"limit": str(size), "offset": str(offset)})
            yield from page
            if len(page) < size:
                return
            offset += size

    def _order_named(self, market: Market, name: str) -> Told:
        asked = SETTLE | {"order_id": name}
        return told_of(market, self.call("privateFuturesGetSettleOrdersOrderId", asked))

    def _found_by_label(self, market: Market, client_order_id: str) -> Told | None:
        """The order under this label, from what can be seen without it."""
        asked = SETTLE | {"contract": market.native, "limit": str(PAGE)}
        for status in ("open", "finished"):
            orders = self.call("privateFuturesGetSettleOrders", asked | {"status": status})
            for words in orders:
                if words["text"] == client_order_id:
                    return told_of(market, words)
        for words in self.call("privateFuturesGetSettleMyTrades", asked):
            if words.get("text") == client_order_id:
                return self._order_named(market, str(words["order_id"]))
        return None


def symbol_of(native: str) -> str:
    return native.replace("_", "/")


def milliseconds(seconds: object) -> int:
    """The venue writes times as seconds, with or without a fraction."""
    return int(decimal(seconds) * 1000)


def order_words(placing: Placing) -> Params:
    ticket = placing.ticket
    contracts = int(placing.market.contracts(placing.quantity))
    words: Params = {
        "contract": placing.market.native,
        "size": contracts if ticket.side is Side.BUY else -contracts,
        # A market order is one at the price of zero that has to fill at once.
        "price": "0" if placing.price is None else number(placing.price),
        "tif": "ioc" if placing.price is None else TIME_IN_FORCE[ticket.style],
        "text": placing.client_order_id,
    }
    if not placing.is_opening:
        # Never `close`: it is not allowed where long and short are kept apart.
        words["reduce_only"] = True
    return words


def closing_type(direction: Direction) -> str:
    return f"close-{direction.value}-position"


CLOSING_TYPES = {closing_type(direction) for direction in Direction}


def protection_words(
    market: Market, direction: Direction, rule: int, price: Decimal, is_hedged: bool
) -> Params:
    closing = {"auto_size": f"close_{direction.value}"} if is_hedged else {"close": True}
    return {
        "initial": {"contract": market.native, "size": 0, "price": "0", "tif": "ioc"} | closing,
        "trigger": {
            "strategy_type": 0,
            "price_type": LAST_PRICE,
            "price": number(price),
            "rule": rule,
        },
        "order_type": closing_type(direction),
    }


def trigger_price(words: Words) -> Decimal:
    return decimal(words["trigger"]["price"])


def side_of(words: Words) -> Side:
    return Side.BUY if decimal(words["size"]) > 0 else Side.SELL


def told_of(market: Market, words: Words) -> Told:
    size, left = abs(decimal(words["size"])), abs(decimal(words["left"]))
    ended = {"open": OrderStatus.OPEN, "finished": OrderStatus.CANCELED}[words["status"]]
    status = OrderStatus.FILLED if ended is OrderStatus.CANCELED and not left else ended
    return Told(
        native=words["contract"],
        venue_order_id=str(words["id"]),
        client_order_id=words.get("text") or "",
        status=status,
        filled=market.coins(size - left),
        reason=str(words.get("finish_as") or "") if status is OrderStatus.CANCELED else "",
        side=side_of(words),
        stamped_at_ms=milliseconds(words.get("create_time") or 0),
        price=if_told(words.get("price")),
        quantity=market.coins(size),
    )


def fill_of(market: Market, words: Words) -> Fill:
    """A fee paid in the venue's points is no money and is not told."""
    return Fill(
        venue_fill_id=str(words.get("trade_id") or words["id"]),
        quantity=number(market.coins(abs(decimal(words["size"])))),
        price=number(decimal(words["price"])),
        fee=number(decimal(words.get("fee") or 0)),
        filled_at_ms=milliseconds(words["create_time"]),
    )


def holding_of(market: Market, words: Words) -> Holding:
    size, leverage = decimal(words["size"]), decimal(words["leverage"])
    is_cross = leverage == 0
    liquidation = decimal(words.get("liq_price") or 0)
    return Holding(
        symbol=market.instrument.symbol,
        direction=Direction.LONG if size > 0 else Direction.SHORT,
        quantity=market.coins(abs(size)),
        entry_price=decimal(words["entry_price"]),
        leverage=int(decimal(words["cross_leverage_limit"]) if is_cross else leverage),
        margin=Margin.CROSS if is_cross else Margin.ISOLATED,
        unrealised=decimal(words["unrealised_pnl"]),
        liquidation_price=liquidation or None,
    )


def payment_of(words: Words) -> Payment:
    native = words.get("contract") or words.get("text", "").partition(":")[0]
    is_of_a_contract = native.endswith(f"_{SETTLED_IN}")
    made_of = f"{words['type']}-{words['time']}-{native}-{words['change']}"
    return Payment(
        venue_payment_id=str(words.get("id") or made_of),
        kind=PAYMENTS[words["type"]],
        symbol=symbol_of(native) if is_of_a_contract else "",
        amount=decimal(words["change"]),
        paid_at_ms=milliseconds(words["time"]),
    )
