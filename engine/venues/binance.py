"""Binance USDⓈ-M futures: perpetuals counted in coins.

Stop and target are conditional orders of their own that close the whole side
(`closePosition`); they live behind the algo endpoints and may stand once per
side and kind, so an old one has to go before the new one can come.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import ccxt

from engine.messages import Fill, Margin, PaymentKind, PositionMode, Style, number
from engine.order import OrderStatus
from engine.signal import Direction, Side
from engine.venues import client_ids
from engine.venues.answers import PLACED_NOTHING, Answered, Outcome, Table, gone_is_as_good, rows
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
DAY_MS = 86_400_000
# What a question for the orders of every symbol weighs; for those of one it is one.
OF_ALL_SYMBOLS = 40.0
# The longest span of one question for trades.
SPAN_MS = 7 * DAY_MS
PAGE = 1000
# The venue accepts a request until its timestamp plus this, at most a minute.
LONGEST_WINDOW_MS = 60_000

STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "NEW_INSURANCE": OrderStatus.OPEN,
    "NEW_ADL": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    # It stood in the book, and its own time or the book ended it.
    "EXPIRED": OrderStatus.CANCELED,
    "EXPIRED_IN_MATCH": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
}
TIME_IN_FORCE = {Style.PLAIN: "GTC", Style.IOC: "IOC", Style.POST_ONLY: "GTX"}
MARGINS = {Margin.ISOLATED: "ISOLATED", Margin.CROSS: "CROSSED"}
OUR_MARGINS = {word: margin for margin, word in MARGINS.items()}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
STOP, TARGET = "STOP_MARKET", "TAKE_PROFIT_MARKET"
PAYMENTS = {
    "FUNDING_FEE": PaymentKind.FUNDING,
    "TRANSFER": PaymentKind.TRANSFER,
    "INTERNAL_TRANSFER": PaymentKind.TRANSFER,
}

TIMEFRAMES = {name: name for name in ("1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d")}

ANSWERS: Table = {
    # Turned away by the limits, before the order was looked at.
    **rows(Outcome.BUSY, -1003, -1008, -1015, "http 418", "http 429"),
    # Outside of the window that the request itself asked for.
    **rows(Outcome.EXPIRED, -1021, -5028),
    **rows(Outcome.EXISTS, -4116),
    **rows(Outcome.ABSENT, -2013, -2011),
    # Margin type and position mode that are already as asked.
    **rows(Outcome.ACCEPTED, -4046, -4059),
    # The key, its rights, and the signature.
    **rows(Outcome.REJECTED, -1002, -1005, -1011, -1022, -1099, -2008, -2014, -2015, -2017),
    # The request's form.
    **rows(Outcome.REJECTED, -1014, -1020, *range(-1106, -1099), -1108, -1109, -1110, -1111),
    **rows(Outcome.REJECTED, -1112, -1113, -1114, -1115, -1116, -1117, -1118, -1119, -1121),
    **rows(Outcome.REJECTED, -1122, -1126, -1127, -1128, -1130, -1131, -1136),
    # The account: funds, positions, liquidation, limits.
    **rows(Outcome.REJECTED, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026),
    **rows(Outcome.REJECTED, -2027, -2028),
    # The filters of the symbol: price, quantity, multiples, notional.
    **rows(Outcome.REJECTED, *range(-4024, -4000), -4028, -4029, -4030),
    # Margin type and mode cannot be changed while orders or positions are open.
    **rows(Outcome.REJECTED, -4047, -4048, -4067, -4068, -4161, -4168, -4531),
    **rows(Outcome.REJECTED, -4060, -4061, -4062, -4087, -4088, -4108, -4109, -4112, -4114),
    **rows(Outcome.REJECTED, -4118, -4120, -4130, -4131, -4135, -4136, -4137, -4138, -4140),
    **rows(Outcome.REJECTED, -4141, -4142, -4164, -4183, -4184, -4192, -4202, -4203, -4205),
    **rows(Outcome.REJECTED, -4206, -4208, -4209, -4210, -4211, -4400, -4401, -4402, -4403),
    # It could not fill at once, or not rest.
    **rows(Outcome.REJECTED, -5021, -5022, -5025, -5037, -5038, -5039, -5040, -5041),
    # Named although anything unnamed is the same: these are said of orders that were placed.
    **rows(Outcome.UNKNOWN, -1000, -1001, -1006, -1007, "http 408", "http 502", "http 503"),
    **rows(Outcome.UNKNOWN, "http 504"),
}


class Binance(CcxtVenue):
    name = "binance"
    library = ccxt.binanceusdm
    answers = ANSWERS
    timeframes = TIMEFRAMES
    way = Way(levels=20, options={"fetchMarkets": {"types": ["linear"]}})
    # 2400 weights and 1200 orders a minute; an account is read by two questions of five.
    limits = Limits(
        units=40,
        is_by_address=True,
        window_seconds=60,
        orders=20,
        costs={
            Request.DEPTH: 2,
            Request.FILLS: 5,
            Request.ACCOUNT: 10,
            Request.DEAD_MAN: 10,
        },
    )

    weights = dict.fromkeys(
        (
            *("fapiPrivateV3GetAccount", "fapiPrivateV3GetPositionRisk"),
            *("fapiPrivateGetUserTrades", "fapiPrivateGetAllAlgoOrders"),
            "fapiPrivateGetSymbolConfig",
        ),
        5.0,
    ) | {
        "fapiPrivateGetIncome": 30.0,
        "fapiPrivatePostCountdownCancelAll": 10.0,
    }

    def keys(self, credentials: Credentials) -> Params:
        return {"apiKey": credentials.api_key, "secret": credentials.api_secret}

    def code_of(self, status: int, response: Any) -> tuple[str, str] | None:
        """A code and a message on every refusal; some successes carry the code 200."""
        if not isinstance(response, Mapping) or str(response.get("code", 200)) == "200":
            return None
        return str(response["code"]), str(response.get("msg", ""))

    # Market data.

    def ask_markets(self, symbol: str) -> Mapping[str, Words]:
        return {
            f"{words['baseAsset']}/{words['quoteAsset']}": words
            for words in self.call("fapiPublicGetExchangeInfo")["symbols"]
            if words["contractType"] == "PERPETUAL"
        }

    def market_of(self, symbol: str, words: Words) -> Market:
        filters = {row["filterType"]: row for row in words["filters"]}
        limit = filters.get("LOT_SIZE", {})
        # A market order has a filter of its own; the coarser of the two suits both kinds.
        market = filters.get("MARKET_LOT_SIZE", limit)
        told = {
            "tick": filters.get("PRICE_FILTER", {}).get("tickSize"),
            "step": coarser(limit.get("stepSize"), market.get("stepSize")),
            "min_quantity": coarser(limit.get("minQty"), market.get("minQty")),
            "min_notional": filters.get("MIN_NOTIONAL", {}).get("notional"),
        }
        instrument = described(symbol, told)
        return Market(instrument, words["symbol"], Decimal(1), words["quoteAsset"], words)

    def ask_price(self, market: Market) -> Decimal:
        asked = {"symbol": market.native}
        return decimal(self.call("fapiPublicV2GetTickerPrice", asked)["price"])

    def ask_interest(self, market: Market) -> Interest:
        asked = {"symbol": market.native}
        held = self.call("fapiPublicGetOpenInterest", asked)["openInterest"]
        rate = self.call("fapiPublicGetPremiumIndex", asked)["lastFundingRate"]
        return Interest(decimal(held), decimal(rate))

    def ask_depth(self, market: Market) -> Depth:
        told = self.call("fapiPublicGetDepth", {"symbol": market.native, "limit": 10})
        bids, asks = (levels_of(market, told[side]) for side in ("bids", "asks"))
        return Depth(bids, asks, int(told.get("E") or 0))

    def send_dead_man(self, market: Market, seconds: int) -> bool:
        asked = {"symbol": market.native, "countdownTime": 1000 * seconds}
        self.call("fapiPrivatePostCountdownCancelAll", asked)
        return True

    def ask_bars(
        self, market: Market, timeframe: str, since_ms: int, until_ms: int
    ) -> Iterator[Bar]:
        span = {"startTime": since_ms, "endTime": until_ms - 1, "limit": self.bars_at_once}
        asked = {"symbol": market.native, "interval": timeframe} | span
        for words in self.call("fapiPublicGetKlines", asked):
            yield bar_of(*words[:6])

    # The account's modes.

    def ask_hedged(self) -> bool:
        told = self.call("fapiPrivateGetPositionSideDual")["dualSidePosition"]
        return str(told).lower() == "true"

    def switch_mode(self, mode: PositionMode) -> None:
        is_dual = "true" if mode is PositionMode.HEDGE else "false"
        self.tell("fapiPrivatePostPositionSideDual", {"dualSidePosition": is_dual})

    def prepare(self, placing: Placing) -> None:
        symbol, ticket = {"symbol": placing.market.native}, placing.ticket
        (now,) = self.call("fapiPrivateGetSymbolConfig", symbol)
        if OUR_MARGINS[now["marginType"]] is not ticket.margin:
            asked = symbol | {"marginType": MARGINS[ticket.margin]}
            self.tell("fapiPrivatePostMarginType", asked)
        if int(now["leverage"]) != ticket.leverage:
            self.tell("fapiPrivatePostLeverage", {**symbol, "leverage": ticket.leverage})

    # Orders.

    def send(self, placing: Placing) -> Told:
        now = now_ms()
        window = max(1, min(placing.ticket.not_after_ms - now, LONGEST_WINDOW_MS))
        asked = order_words(placing) | {"timestamp": now, "recvWindow": window}
        return told_of(self.call("fapiPrivatePostOrder", asked, seconds=placing.seconds_left))

    def look_up(self, market: Market, client_order_id: str) -> Told:
        asked = {"symbol": market.native, "origClientOrderId": client_order_id}
        return told_of(self.call("fapiPrivateGetOrder", asked))

    def look_up_number(self, market: Market, venue_order_id: str) -> Told:
        asked = {"symbol": market.native, "orderId": venue_order_id}
        return told_of(self.call("fapiPrivateGetOrder", asked))

    def send_cancel(self, market: Market, client_order_id: str) -> None:
        asked = {"symbol": market.native, "origClientOrderId": client_order_id}
        self.call("fapiPrivateDeleteOrder", asked)

    def fills_of(self, market: Market, told: Told) -> list[Fill]:
        of_symbol: Params = {"symbol": market.native, "limit": PAGE}
        page = self._trades(of_symbol | {"orderId": told.venue_order_id})
        found = list(page)
        while len(page) == PAGE:
            # By its number a page tells the trades of every order.
            page = self._trades(of_symbol | {"fromId": int(page[-1]["id"]) + 1})
            found += [words for words in page if str(words["orderId"]) == told.venue_order_id]
        return [self._fill(market, words) for words in found]

    def ask_open_orders(self, market: Market | None) -> Iterator[tuple[Market, Told]]:
        asked = {"symbol": market.native} if market else {}
        weight = None if market else OF_ALL_SYMBOLS
        for words in self.call("fapiPrivateGetOpenOrders", asked, weight=weight):
            yield market or self._market_named(words["symbol"]), told_of(words)

    def ask_fills(self, market: Market, since_ms: int) -> Iterator[OwnedFill]:
        """Spans of a week; from the first full page on, by the number of the trade instead."""
        start = since_ms
        while start <= now_ms():
            span = {"startTime": start, "endTime": start + SPAN_MS - 1}
            page = self._trades({"symbol": market.native, "limit": PAGE} | span)
            yield from (self._owned(market, words) for words in page)
            while len(page) == PAGE:
                after = max(int(words["id"]) for words in page) + 1
                page = self._trades({"symbol": market.native, "limit": PAGE, "fromId": after})
                yield from (self._owned(market, words) for words in page)
                start = now_ms()
            start += SPAN_MS

    def ask_fired(self, market: Market, since_ms: int) -> Iterator[str]:
        """Conditional orders are told by when they were set, a week at a time."""
        for start in range(since_ms, now_ms() + 1, SPAN_MS):
            span = {"startTime": start, "endTime": start + SPAN_MS - 1}
            asked: Params = {"symbol": market.native, "limit": PAGE, "page": 1} | span
            while page := self.call("fapiPrivateGetAllAlgoOrders", asked):
                yield from (words["actualOrderId"] for words in page if has_fired(words))
                if len(page) < PAGE:
                    break
                asked["page"] += 1

    def client_id_of(self, market: Market, owned: OwnedFill) -> str:
        """Trades do not tell it; their order does."""
        return self.look_up_number(market, owned.venue_order_id).client_order_id

    def send_protection(
        self, market: Market, direction: Direction, stop: Decimal | None, target: Decimal | None
    ) -> None:
        side = direction.upper() if self.hedged() else "BOTH"
        standing = self.call("fapiPrivateGetOpenAlgoOrders", {"symbol": market.native})
        for kind, price in ((STOP, stop), (TARGET, target)):
            old = [words for words in standing if closes(words, kind, side)]
            if price is not None and [decimal(words["triggerPrice"]) for words in old] == [price]:
                continue
            for words in old:
                with gone_is_as_good():
                    self.call("fapiPrivateDeleteAlgoOrder", {"algoId": words["algoId"]})
            if price is not None:
                before = [decimal(words["triggerPrice"]) for words in old]
                self._replace(market, direction, kind, side, [price, *before])

    # Books.

    def ask_balance(self) -> Balance:
        assets = self.call("fapiPrivateV3GetAccount")["assets"]
        words = next((asset for asset in assets if asset["asset"] == SETTLED_IN), None)
        if words is None:
            return Balance(Decimal(0), Decimal(0), Decimal(0))
        told = ("walletBalance", "availableBalance", "unrealizedProfit")
        return Balance(*(decimal(words[name]) for name in told))

    def ask_holdings(self) -> Iterator[Holding]:
        held = [words for words in self.call("fapiPrivateV3GetPositionRisk") if is_held(words)]
        if not held:
            return
        # The positions no longer tell leverage and margin type; the symbols' settings do.
        settings = {words["symbol"]: words for words in self.call("fapiPrivateGetSymbolConfig")}
        for words in held:
            market = self._market_named(words["symbol"])
            yield holding_of(market, words, settings[words["symbol"]])

    def ask_payments(self, since_ms: int) -> Iterator[Payment]:
        for kind in PAYMENTS:
            asked: Params = {"incomeType": kind, "startTime": since_ms, "limit": PAGE, "page": 1}
            while True:
                page = self.call("fapiPrivateGetIncome", asked)
                for words in page:
                    if words["asset"] == SETTLED_IN:
                        yield self._payment(words)
                if len(page) < PAGE:
                    break
                asked["page"] += 1

    def ask_rights(self) -> tuple[bool | None, bool | None]:
        """The account may trade and the key may; what a key may is told by the spot side."""
        account = self.call("fapiPrivateGetAccountConfig")
        key = self.call("sapiGetAccountApiRestrictions")
        return account["canTrade"] and key["enableFutures"], key["enableWithdrawals"]

    def ask_clock(self) -> int:
        return int(self.call("fapiPublicGetTime")["serverTime"])

    # Inside.

    def _market_named(self, native: str) -> Market:
        """The venue writes names without a divider; ours are settled in one currency."""
        return self.market(f"{native.removesuffix(SETTLED_IN)}/{SETTLED_IN}")

    def _replace(
        self, market: Market, direction: Direction, kind: str, side: str, prices: list[Decimal]
    ) -> None:
        """The first price is new. Where it is refused the old ones, already gone, come back."""
        new, *old = (
            protection_words(market, direction, kind, price) | {"positionSide": side}
            for price in prices
        )
        try:
            self.call("fapiPrivatePostAlgoOrder", new)
        except Answered as error:
            if error.outcome in PLACED_NOTHING:
                for words in old:
                    self.call("fapiPrivatePostAlgoOrder", words)
            raise

    def _trades(self, asked: Params) -> list[Any]:
        return list(self.call("fapiPrivateGetUserTrades", asked))

    def _fill(self, market: Market, words: Words) -> Fill:
        fee = self.in_quote(decimal(words["commission"]), words["commissionAsset"], market)
        return Fill(
            venue_fill_id=str(words["id"]),
            quantity=number(decimal(words["qty"])),
            price=number(decimal(words["price"])),
            fee=number(fee),
            filled_at_ms=int(words["time"]),
        )

    def _owned(self, market: Market, words: Words) -> OwnedFill:
        return OwnedFill(
            symbol=market.instrument.symbol,
            client_order_id="",  # trades do not tell it
            venue_order_id=str(words["orderId"]),
            side=SIDES[words["side"]],
            fill=self._fill(market, words),
        )

    def _payment(self, words: Words) -> Payment:
        native = words.get("symbol") or ""
        return Payment(
            venue_payment_id=f"{words['incomeType']}-{words['tranId']}",
            kind=PAYMENTS[words["incomeType"]],
            symbol=f"{native.removesuffix(SETTLED_IN)}/{SETTLED_IN}" if native else "",
            amount=decimal(words["income"]),
            paid_at_ms=int(words["time"]),
        )


def coarser(one: str | None, other: str | None) -> Decimal | None:
    return max(decimal(one), decimal(other)) if one and other else None


def order_words(placing: Placing) -> Params:
    ticket = placing.ticket
    words: Params = {
        "symbol": placing.market.native,
        "side": ticket.side.upper(),
        "type": "MARKET" if placing.price is None else "LIMIT",
        "quantity": number(placing.quantity),
        "newClientOrderId": placing.client_order_id,
        "newOrderRespType": "RESULT",
    }
    if placing.price is not None:
        words |= {"price": number(placing.price), "timeInForce": TIME_IN_FORCE[ticket.style]}
    if placing.is_hedged:
        # A side says what is closed; reduceOnly is refused beside it.
        words["positionSide"] = ticket.direction.upper()
    elif not placing.is_opening:
        words["reduceOnly"] = "true"
    return words


def protection_words(market: Market, direction: Direction, kind: str, price: Decimal) -> Params:
    side = "SELL" if direction is Direction.LONG else "BUY"
    made_of = f"{market.native}|{direction}|{kind}|{number(price)}|{now_ms()}"
    return {
        "algoType": "CONDITIONAL",
        "symbol": market.native,
        "side": side,
        "type": kind,
        "triggerPrice": number(price),
        "closePosition": "true",
        "workingType": "MARK_PRICE",
        # Without one of ours the library would sign with a broker's.
        "clientAlgoId": client_ids.made_of(made_of),
    }


def closes(words: Words, kind: str, side: str) -> bool:
    """Whether a conditional order is the stop (or target) of this whole side."""
    is_whole = str(words["closePosition"]).lower() == "true"
    return is_whole and words["orderType"] == kind and words["positionSide"] == side


def has_fired(words: Words) -> bool:
    """Whether one of ours that closes a whole side became an order."""
    is_ours = client_ids.read_back("binance", words["clientAlgoId"]) != ""
    is_whole = str(words["closePosition"]).lower() == "true"
    return is_ours and is_whole and bool(words.get("actualOrderId"))


def told_of(words: Words) -> Told:
    return Told(
        native=words["symbol"],
        venue_order_id=str(words["orderId"]),
        client_order_id=words["clientOrderId"],
        status=STATUSES[words["status"]],
        filled=decimal(words["executedQty"]),
        reason="" if words["status"] in ("NEW", "FILLED") else words["status"].lower(),
        side=SIDES[words["side"]],
        # What answers an order that was just sent tells when it was changed last.
        stamped_at_ms=int(words.get("time") or words.get("updateTime") or 0),
        price=if_told(words.get("price")),
        quantity=if_told(words.get("origQty")),
    )


def is_held(words: Words) -> bool:
    return words["symbol"].endswith(SETTLED_IN) and decimal(words["positionAmt"]) != 0


def holding_of(market: Market, words: Words, settings: Words) -> Holding:
    amount, liquidation = decimal(words["positionAmt"]), decimal(words["liquidationPrice"])
    return Holding(
        symbol=market.instrument.symbol,
        direction=Direction.LONG if amount > 0 else Direction.SHORT,
        quantity=abs(amount),
        entry_price=decimal(words["entryPrice"]),
        leverage=int(settings["leverage"]),
        margin=OUR_MARGINS[settings["marginType"]],
        unrealised=decimal(words["unRealizedProfit"]),
        liquidation_price=liquidation or None,
    )
