"""Binance USDT-M futures: /fapi, quantities in coins, HMAC-SHA256 over the query."""

import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.candle import seconds
from engine.messages import Margin, Style, number
from engine.money import ZERO
from engine.paper.account import Holding, IdRule
from engine.paper.errors import Reason, Refused
from engine.paper.orders import (
    Ask,
    Ending,
    Execution,
    Money,
    Moved,
    Order,
    Origin,
    Status,
    Trigger,
    TriggerAsk,
    closing_side,
)
from engine.paper.service.desk import Caller, Desk
from engine.paper.service.keys import Key
from engine.paper.service.listing import Listing, Listings
from engine.paper.service.wire import (
    Answer,
    Asked,
    Body,
    Denied,
    Operation,
    Request,
    Route,
    Routes,
)
from engine.signal import Direction, Side

LISTINGS = Listings(
    ("BTC/USDT", "BTCUSDT", "1", "0.001", "0.1"),
    ("ETH/USDT", "ETHUSDT", "1", "0.001", "0.01"),
    ("SOL/USDT", "SOLUSDT", "1", "0.01", "0.001"),
)
STYLES = {"GTC": Style.PLAIN, "IOC": Style.IOC, "GTX": Style.POST_ONLY}
TIME_IN_FORCE = {style: name for name, style in STYLES.items()}
SIDES = {side.upper(): side for side in Side}
DIRECTIONS: dict[str, Direction | None] = {"BOTH": None}
DIRECTIONS |= {direction.upper(): direction for direction in Direction}
MARGINS = {"ISOLATED": Margin.ISOLATED, "CROSSED": Margin.CROSS}
CONDITIONAL = {"STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT"}
ORDER_TYPES = ["LIMIT", "MARKET", *sorted(CONDITIONAL), "TRAILING_STOP_MARKET"]
INCOMES = {
    Money.FUNDING: "FUNDING_FEE",
    Money.DEPOSIT: "TRANSFER",
    Money.INSURANCE: "INSURANCE_CLEAR",
}
REFUSALS = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.NOT_OPEN: (-2011, "Unknown order sent."),
    Reason.BAD_QUANTITY: (-1111, "Precision is over the maximum defined for this asset."),
    Reason.TOO_SMALL: (-4164, "Order's notional must be no smaller than 5 (unless reduce only)."),
    Reason.BAD_PRICE: (-4014, "Price not increased by tick size."),
    Reason.PRICE_BAND: (-4131, "The counterparty's best price does not meet the PERCENT_PRICE."),
    Reason.BAD_DIRECTION: (-4061, "Order's position side does not match user's setting."),
    Reason.NO_MARGIN: (-2019, "Margin is insufficient."),
    Reason.NOTHING_HELD: (-2022, "ReduceOnly Order is rejected."),
    Reason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    Reason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    Reason.DUPLICATE_ID: (-4116, "ClientOrderId is duplicated."),
    Reason.BAD_LEVERAGE: (-4028, "Leverage is not valid."),
    Reason.UNCHANGED: (-4046, "No need to change margin type."),
    Reason.HAS_POSITION: (-4048, "Margin type cannot be changed if there exists position."),
    Reason.HAS_ORDERS: (-4047, "Margin type cannot be changed if there exists open orders."),
    Reason.BAD_REQUEST: (-1102, "A mandatory parameter was not sent, was empty, or malformed."),
}
# The same reasons where the position mode was to be changed.
OF_MODE = {
    Reason.UNCHANGED: (-4059, "No need to change position side."),
    Reason.HAS_POSITION: (-4068, "Position side cannot be changed if there exists position."),
    Reason.HAS_ORDERS: (-4067, "Position side cannot be changed if there exists open orders."),
}
LEVERAGE_KEPT = (
    -4161,
    "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
)


def denied(code: int, words: str, status: int = 400) -> Denied:
    return Denied(Answer(status, {"code": code, "msg": words}))


class Binance:
    name = "binance"
    prefixes: tuple[str, ...] = ("/fapi/", "/sapi/")
    ids = IdRule.OPEN
    refuses_takers = True

    def __init__(self) -> None:
        self.routes: Routes[Caller] = Routes(
            (method, path, Route(operation, does)) for method, path, operation, does in PRIVATE
        )
        self.public: Routes[Desk] = Routes(
            ("GET", path, Route(Operation.PUBLIC, does)) for path, does in PUBLIC.items()
        )

    def signer(self, desk: Desk, request: Request) -> Key:
        key = desk.keys.find(request.headers.get("x-mbx-apikey", ""))
        if key is None or key.dialect != self.name:
            raise denied(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        # Query and body are signed as one text, and the signature stands last.
        payload, _, signature = (request.query + request.body).rpartition("&signature=")
        wanted = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, signature):
            raise denied(-1022, "Signature for this request is not valid.")
        asked = request.asked()
        sent_at, window = asked.whole("timestamp"), min(asked.whole("recvWindow", 5000), 60_000)
        if sent_at > desk.now_ms + 1000:
            raise denied(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if desk.now_ms - sent_at > window:
            raise denied(-1021, "Timestamp for this request is outside of the recvWindow.")
        return key

    def wrap(self, body: Body, method: str, operation: Operation) -> Answer:
        return Answer(200, body)

    def refuse(self, refusal: Refused, operation: Operation, path: str) -> Answer:
        code, words = REFUSALS[refusal.reason]
        if path.endswith("/dual"):
            code, words = OF_MODE.get(refusal.reason, (code, words))
        if operation is Operation.CANCEL and refusal.reason is Reason.UNKNOWN_ORDER:
            code, words = REFUSALS[Reason.NOT_OPEN]
        return Answer(400, {"code": code, "msg": words})

    def unavailable(self) -> Answer:
        words = "Unknown error, please check your request or try again later."
        return Answer(503, {"code": -1000, "msg": words})

    def limited(self, wait_seconds: int) -> Answer:
        words = "Too many requests; current limit is 2400 requests per minute."
        return Answer(429, {"code": -1003, "msg": words}, {"Retry-After": str(wait_seconds)})

    def duplicate(self) -> Answer:
        code, words = REFUSALS[Reason.DUPLICATE_ID]
        return Answer(400, {"code": code, "msg": words})

    def unknown_path(self, path: str) -> Answer:
        return Answer(404, {"code": -5000, "msg": f"Path {path}, Method is invalid"})


# Public


def time(desk: Desk, _asked: Asked) -> Body:
    return {"serverTime": desk.now_ms}


def exchange_info(desk: Desk, _asked: Asked) -> Body:
    return {
        "timezone": "UTC",
        "serverTime": desk.now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True}],
        "symbols": [symbol_told(listing) for listing in LISTINGS.all()],
    }


def symbol_told(listing: Listing) -> Body:
    tick, lot = str(listing.tick), str(listing.lot)
    return {
        "symbol": listing.name,
        "pair": listing.name,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": listing.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "orderTypes": ORDER_TYPES,
        "timeInForce": [*STYLES],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "9e6", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000", "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": "120", "stepSize": lot},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
    }


def depth(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("symbol"))
    picture = desk.picture(listing.symbol)
    limit = asked.whole("limit", 500)
    sides = {
        name: [[number(price), number(quantity)] for price, quantity in picture.best(side, limit)]
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }
    return {"lastUpdateId": picture.number, "E": picture.at_ms, "T": picture.at_ms, **sides}


def one_or_all(tell: Callable[[Desk, Listing], Body]) -> Callable[[Desk, Asked], Body]:
    """What is told of the symbol that was asked for; of all of them where none was."""

    def told(desk: Desk, asked: Asked) -> Body:
        if "symbol" in asked:
            return tell(desk, LISTINGS.named(asked.text("symbol")))
        return [tell(desk, listing) for listing in LISTINGS.all()]

    return told


def ticker(desk: Desk, listing: Listing) -> Body:
    price = number(desk.exchange.mark(listing.symbol))
    return {
        "symbol": listing.name,
        "priceChange": "0",
        "priceChangePercent": "0",
        "weightedAvgPrice": price,
        "lastPrice": price,
        "lastQty": "0",
        "openPrice": price,
        "highPrice": price,
        "lowPrice": price,
        "volume": "0",
        "quoteVolume": "0",
        "openTime": desk.now_ms - 86_400_000,
        "closeTime": desk.now_ms,
        "count": 0,
    }


def last_price(desk: Desk, listing: Listing) -> Body:
    price = number(desk.exchange.mark(listing.symbol))
    return {"symbol": listing.name, "price": price, "time": desk.now_ms}


def best_prices(desk: Desk, listing: Listing) -> Body:
    told = {"symbol": listing.name, "time": desk.now_ms}
    for name, side in (("bid", Side.BUY), ("ask", Side.SELL)):
        best = desk.exchange.book(listing.symbol).depth(side, 1)
        told[f"{name}Price"] = number(best[0][0]) if best else "0"
        told[f"{name}Qty"] = number(best[0][1]) if best else "0"
    return told


def tape(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("symbol"))
    return [
        {
            "a": one.number,
            "f": one.number,
            "l": one.number,
            "p": number(one.price),
            "q": number(one.quantity),
            "T": one.at_ms,
            "m": one.side is Side.SELL,
        }
        for one in desk.tape(listing.symbol, asked.whole("limit", 500))
    ]


def premium(desk: Desk, listing: Listing) -> Body:
    price = number(desk.exchange.mark(listing.symbol))
    rates = desk.exchange.rates
    next_at = (desk.now_ms // rates.funding_every_ms + 1) * rates.funding_every_ms
    return {
        "symbol": listing.name,
        "markPrice": price,
        "indexPrice": price,
        "lastFundingRate": number(rates.funding),
        "nextFundingTime": next_at,
        "interestRate": "0.0001",
        "time": desk.now_ms,
    }


def open_interest(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("symbol"))
    held = number(desk.exchange.open_interest(listing.symbol))
    return {"symbol": listing.name, "openInterest": held, "time": desk.now_ms}


def klines(desk: Desk, asked: Asked) -> Body:
    symbol = LISTINGS.named(asked.needed("symbol")).symbol
    limit = min(asked.whole("limit", 500), 1500)
    timeframe = asked.needed("interval")
    rows = desk.rows(symbol, timeframe, asked.whole("startTime"), limit)
    width = seconds(timeframe) * 1000
    until = asked.whole("endTime") or desk.now_ms
    return [
        [row[0], *map(number, row[1:]), row[0] + width - 1, "0", 1, "0", "0", "0"]
        for row in rows
        if row[0] <= until
    ]


# Orders


def direction_of(asked: Asked) -> Direction | None:
    return asked.word("positionSide", DIRECTIONS) if "positionSide" in asked else None


def ask_of(caller: Caller, asked: Asked, *, is_market: bool, client_id: str) -> Ask:
    listing = LISTINGS.named(asked.needed("symbol"))
    if caller.account.is_hedged and "reduceOnly" in asked:
        raise denied(-1106, "Parameter 'reduceonly' sent when not required.")
    price = None if is_market else asked.exact("price")
    if price is not None and price % listing.tick:
        raise Refused(Reason.BAD_PRICE, "no multiple of the tick")
    whole = asked.flag("closePosition")
    time_in_force = "GTC" if is_market else asked.text("timeInForce", "GTC")
    if time_in_force not in STYLES:
        raise denied(-1115, "Invalid timeInForce.")
    return Ask(
        symbol=listing.symbol,
        side=asked.word("side", SIDES),
        quantity=ZERO if whole else listing.coins(asked.exact("quantity")),
        price=price,
        style=STYLES[time_in_force],
        direction=direction_of(asked),
        is_reduce_only=asked.flag("reduceOnly"),
        client_id=client_id,
    )


def place(caller: Caller, asked: Asked) -> Body:
    kind = asked.needed("type")
    if kind in CONDITIONAL:
        raise denied(-4120, "Order type not supported for this endpoint. Use the Algo Order API.")
    if kind not in ("MARKET", "LIMIT"):
        raise denied(-1116, "Invalid orderType.")
    client_id = asked.text("newClientOrderId") or f"web_{caller.desk.now_ms}"
    if len(client_id) > 36:
        raise denied(-4015, "Client order id length should not be more than 36 chars.")
    ask = ask_of(caller, asked, is_market=kind == "MARKET", client_id=client_id)
    closes = ask.direction if ask.direction and ask.side is closing_side(ask.direction) else None
    if closes and caller.account.held(ask.symbol, closes) < ask.quantity:
        raise Refused(Reason.NOTHING_HELD, "hedged orders never close more than is held")
    return order_told(caller.exchange.place(caller.name, ask))


def named(asked: Asked) -> tuple[int, str]:
    if "orderId" not in asked and "origClientOrderId" not in asked:
        raise denied(-1102, "Either 'orderId' or 'origClientOrderId' must be sent.")
    return asked.whole("orderId"), asked.text("origClientOrderId")


def look_up(caller: Caller, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("symbol"))
    order = caller.find(*named(asked))
    if order.ask.symbol != listing.symbol:
        raise Refused(Reason.UNKNOWN_ORDER, "that order has another symbol")
    return order_told(order)


def cancel(caller: Caller, asked: Asked) -> Body:
    LISTINGS.named(asked.needed("symbol"))
    order = caller.find(*named(asked))
    return order_told(caller.exchange.cancel(caller.name, order.number))


def cancel_all(caller: Caller, asked: Asked) -> Body:
    symbol = LISTINGS.named(asked.needed("symbol")).symbol
    for order in caller.orders(symbol, is_open=True):
        caller.exchange.cancel(caller.name, order.number)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def cancel_later(caller: Caller, asked: Asked) -> Body:
    symbol = LISTINGS.named(asked.needed("symbol")).symbol
    countdown = asked.whole("countdownTime")
    at_ms = caller.desk.now_ms + countdown if countdown else 0
    caller.exchange.cancel_all_at(caller.name, symbol, at_ms)
    return {"symbol": asked.text("symbol"), "countdownTime": str(countdown)}


def symbol_or_all(asked: Asked) -> str | None:
    return LISTINGS.named(asked.text("symbol")).symbol if "symbol" in asked else None


def open_orders(caller: Caller, asked: Asked) -> Body:
    return [order_told(order) for order in caller.orders(symbol_or_all(asked), is_open=True)]


def all_orders(caller: Caller, asked: Asked) -> Body:
    symbol = symbol_or_all(asked)
    found = caller.orders(symbol, is_open=True) + caller.orders(symbol, is_open=False)
    found.sort(key=lambda order: order.number)
    since, first = asked.whole("startTime"), asked.whole("orderId")
    found = [one for one in found if one.placed_at_ms >= since and one.number >= first]
    limit = asked.whole("limit", 500)
    page = found[:limit] if since or first else found[-limit:]
    return [order_told(order) for order in page]


def order_status(order: Order) -> str:
    if order.status is Status.OPEN:
        return "PARTIALLY_FILLED" if order.filled else "NEW"
    if order.status is Status.FILLED:
        return "FILLED"
    return "CANCELED" if order.why_ended in (Ending.OWNER, Ending.SILENCE) else "EXPIRED"


def order_told(order: Order) -> Body:
    ask = order.ask
    kind = "MARKET" if ask.price is None else "LIMIT"
    is_forced = order.origin is Origin.LIQUIDATION
    return {
        "orderId": order.number,
        "symbol": LISTINGS.of(ask.symbol).name,
        "status": order_status(order),
        "clientOrderId": f"autoclose-{order.number}" if is_forced else ask.client_id,
        "price": number(ask.price or ZERO),
        "avgPrice": number(round(order.average, 8)),
        "origQty": number(ask.quantity),
        "executedQty": number(order.filled),
        "cumQty": number(order.filled),
        "cumQuote": number(order.value),
        "timeInForce": TIME_IN_FORCE[ask.style],
        "type": kind,
        "origType": kind,
        "reduceOnly": order.closes is not None,
        "closePosition": False,
        "side": ask.side.upper(),
        "positionSide": ask.direction.upper() if ask.direction else "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.placed_at_ms,
        "updateTime": order.changed_at_ms,
    }


# Conditional orders


def arm(caller: Caller, asked: Asked) -> Body:
    kind = asked.needed("type")
    if asked.text("algoType") != "CONDITIONAL" or kind not in CONDITIONAL:
        raise denied(-1116, "Invalid orderType.")
    client_id = asked.text("clientAlgoId")
    is_market = kind.endswith("_MARKET")
    order = ask_of(caller, asked, is_market=is_market, client_id=client_id)
    level = asked.exact("triggerPrice")
    if level % LISTINGS.of(order.symbol).tick:
        raise Refused(Reason.BAD_PRICE, "no multiple of the tick")
    ask = TriggerAsk(
        order,
        level,
        rises=(order.side is Side.BUY) == kind.startswith("STOP"),
        whole=asked.flag("closePosition"),
        client_id=client_id,
    )
    return trigger_told(caller.exchange.arm(caller.name, ask))


def named_trigger(asked: Asked) -> tuple[int, str]:
    return asked.whole("algoId"), asked.text("clientAlgoId")


def look_up_trigger(caller: Caller, asked: Asked) -> Body:
    return trigger_told(caller.find_trigger(*named_trigger(asked)))


def disarm(caller: Caller, asked: Asked) -> Body:
    trigger = caller.find_trigger(*named_trigger(asked))
    caller.exchange.disarm(caller.name, trigger.number)
    return {
        "algoId": trigger.number,
        "clientAlgoId": trigger.ask.client_id,
        "code": "200",
        "msg": "success",
    }


def disarm_all(caller: Caller, asked: Asked) -> Body:
    for trigger in caller.triggers(symbol_or_all(asked), is_waiting=True):
        caller.exchange.disarm(caller.name, trigger.number)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def open_triggers(caller: Caller, asked: Asked) -> Body:
    found = caller.triggers(symbol_or_all(asked), is_waiting=True)
    return [trigger_told(trigger) for trigger in found]


def all_triggers(caller: Caller, asked: Asked) -> Body:
    symbol = symbol_or_all(asked)
    found = caller.triggers(symbol, is_waiting=True) + caller.triggers(symbol, is_waiting=False)
    found.sort(key=lambda trigger: trigger.number)
    return [trigger_told(trigger) for trigger in found[-asked.whole("limit", 500) :]]


TRIGGER_STATUSES = {
    Status.WAITING: "NEW",
    Status.FIRED: "FINISHED",
    Status.FAILED: "REJECTED",
    Status.CANCELED: "CANCELED",
}


def trigger_told(trigger: Trigger) -> Body:
    ask, order = trigger.ask, trigger.ask.order
    is_stop = ask.rises == (order.side is Side.BUY)
    kind = "STOP" if is_stop else "TAKE_PROFIT"
    was_orphaned = trigger.why_ended == Ending.CLOSED
    return {
        "algoId": trigger.number,
        "clientAlgoId": ask.client_id,
        "algoType": "CONDITIONAL",
        "orderType": kind if order.price is not None else f"{kind}_MARKET",
        "symbol": LISTINGS.of(order.symbol).name,
        "side": order.side.upper(),
        "positionSide": order.direction.upper() if order.direction else "BOTH",
        "timeInForce": TIME_IN_FORCE[order.style],
        "quantity": number(order.quantity),
        "algoStatus": "EXPIRED" if was_orphaned else TRIGGER_STATUSES[trigger.status],
        "actualOrderId": str(trigger.order or ""),
        "triggerPrice": number(ask.level),
        "price": number(order.price or ZERO),
        "icebergQuantity": None,
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": ask.whole,
        "priceProtect": False,
        "reduceOnly": order.is_reduce_only or ask.whole,
        "createTime": trigger.placed_at_ms,
        "updateTime": trigger.changed_at_ms,
        "triggerTime": trigger.changed_at_ms if trigger.status is Status.FIRED else 0,
        "goodTillDate": 0,
    }


# The account


def set_mode(caller: Caller, asked: Asked) -> Body:
    caller.exchange.set_hedge(caller.name, asked.needed("dualSidePosition").lower() == "true")
    return {"code": 200, "msg": "success"}


def mode(caller: Caller, _asked: Asked) -> Body:
    return {"dualSidePosition": caller.account.is_hedged}


def set_margin(caller: Caller, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("symbol"))
    if asked.text("marginType") not in MARGINS:
        raise denied(-4045, "Invalid margin type.")
    caller.exchange.set_margin(caller.name, listing.symbol, MARGINS[asked.text("marginType")])
    return {"code": 200, "msg": "success"}


def set_leverage(caller: Caller, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("symbol"))
    leverage = asked.whole("leverage")
    # The venue keeps one leverage, whichever the margin mode; the one in use may refuse it.
    in_use = caller.account.margin(listing.symbol)
    carried = [
        caller.account.leverage(listing.symbol, in_use, direction)
        for direction in Direction
        if (listing.symbol, direction) in caller.account.holdings
    ]
    if in_use is Margin.ISOLATED and leverage < max(carried, default=0):
        raise denied(*LEVERAGE_KEPT)
    for margin in sorted(Margin, key=lambda one: one is not in_use):
        caller.exchange.set_leverage(caller.name, listing.symbol, leverage, margin=margin)
    return {"leverage": leverage, "maxNotionalValue": "1000000", "symbol": listing.name}


def symbol_config(caller: Caller, asked: Asked) -> Body:
    wanted = symbol_or_all(asked)
    told = []
    for listing in LISTINGS.all():
        if wanted in (None, listing.symbol):
            margin = caller.account.margin(listing.symbol)
            leverage = caller.account.leverage(listing.symbol, margin, Direction.LONG)
            kind = "ISOLATED" if margin is Margin.ISOLATED else "CROSSED"
            one = {"symbol": listing.name, "marginType": kind, "isAutoAddMargin": False}
            told.append(one | {"leverage": leverage, "maxNotionalValue": "1000000"})
    return told


def account_config(caller: Caller, _asked: Asked) -> Body:
    flags = {"canTrade": True, "canDeposit": True, "canWithdraw": False}
    return flags | {"dualSidePosition": caller.account.is_hedged, "multiAssetsMargin": False}


def restrictions(caller: Caller, _asked: Asked) -> Body:
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": True,
        "enableFutures": True,
        "enableWithdrawals": caller.withdraws,
        "enableInternalTransfer": False,
        "enableSpotAndMarginTrading": False,
    }


def brackets(caller: Caller, asked: Asked) -> Body:
    wanted = symbol_or_all(asked)
    rates = caller.exchange.rates
    bracket = {
        "bracket": 1,
        "initialLeverage": rates.most_leverage,
        "notionalCap": 100_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": number(rates.maintenance),
        "cum": 0.0,
    }
    listed = [one for one in LISTINGS.all() if wanted in (None, one.symbol)]
    return [{"symbol": one.name, "brackets": [bracket]} for one in listed]


def commission(caller: Caller, asked: Asked) -> Body:
    rates = caller.exchange.rates
    told = {"symbol": asked.text("symbol"), "makerCommissionRate": number(rates.maker)}
    return told | {"takerCommissionRate": number(rates.taker)}


def account(caller: Caller, _asked: Asked) -> Body:
    money = asset_told(caller)
    totals = (
        "initialMargin",
        "maintMargin",
        "walletBalance",
        "unrealizedProfit",
        "marginBalance",
        "positionInitialMargin",
        "openOrderInitialMargin",
        "crossWalletBalance",
        "crossUnPnl",
    )
    held = [position_told(caller, holding) for holding in caller.holdings()]
    return {
        "canTrade": True,
        "canWithdraw": False,
        **{f"total{name[0].upper()}{name[1:]}": money[name] for name in totals},
        "availableBalance": money["availableBalance"],
        "maxWithdrawAmount": money["maxWithdrawAmount"],
        "assets": [money],
        "positions": held,
    }


def asset_told(caller: Caller) -> dict[str, Any]:
    cash, gained = caller.account.cash, caller.unrealised()
    held = caller.holdings()
    tied = sum((caller.initial(one) for one in held), ZERO)
    kept = sum((caller.maintenance(one) for one in held), ZERO)
    put_up = sum((one.put_up for one in held), ZERO)
    ordered = caller.order_margin()
    crossed = [one for one in held if one.margin is Margin.CROSS]
    cross_gain = sum((one.unrealised(caller.mark(one.symbol)) for one in crossed), ZERO)
    exact = {
        "walletBalance": cash,
        "unrealizedProfit": gained,
        "marginBalance": cash + gained,
        "maintMargin": kept,
        "initialMargin": tied + ordered,
        "positionInitialMargin": tied,
        "openOrderInitialMargin": ordered,
        "crossWalletBalance": cash - put_up,
        "crossUnPnl": cross_gain,
        "availableBalance": caller.available(),
        "maxWithdrawAmount": caller.available(),
    }
    told = {name: number(round(value, 8)) for name, value in exact.items()}
    return {"asset": "USDT", "marginAvailable": True, "updateTime": caller.desk.now_ms, **told}


def balance(caller: Caller, _asked: Asked) -> Body:
    money = asset_told(caller)
    return [{"accountAlias": "paper", "balance": money["walletBalance"], **money}]


def positions(caller: Caller, asked: Asked) -> Body:
    """The third version tells only what is held, and no leverage."""
    held = caller.holdings(symbol_or_all(asked))
    return [position_told(caller, holding) for holding in held]


def positions_v2(caller: Caller, asked: Asked) -> Body:
    """The second version tells every symbol, held or not, and what it is set to."""
    wanted, told = symbol_or_all(asked), []
    for listing in LISTINGS.all():
        if wanted not in (None, listing.symbol):
            continue
        held = caller.holdings(listing.symbol)
        for direction in Direction:
            one = next((found for found in held if found.direction is direction), None)
            if one or caller.account.is_hedged or (not held and direction is Direction.LONG):
                told.append(set_position_told(caller, listing, direction, one))
    return told


def set_position_told(
    caller: Caller, listing: Listing, direction: Direction, holding: Holding | None
) -> Body:
    margin = holding.margin if holding else caller.account.margin(listing.symbol)
    held = holding or Holding(listing.symbol, direction, margin, opened_at_ms=0)
    leverage = caller.account.leverage(listing.symbol, margin, direction)
    settings = {"leverage": str(leverage), "marginType": str(margin)}
    return position_told(caller, held) | settings


def position_told(caller: Caller, holding: Holding) -> dict[str, Any]:
    mark = caller.mark(holding.symbol)
    sign = 1 if holding.direction is Direction.LONG else -1
    price = caller.liquidation_price(holding) if holding.quantity else None
    gained = number(round(holding.unrealised(mark), 8))
    return {
        "symbol": LISTINGS.of(holding.symbol).name,
        "positionSide": holding.direction.upper() if caller.account.is_hedged else "BOTH",
        "positionAmt": number(sign * holding.quantity),
        "entryPrice": number(round(holding.entry_price, 8)),
        "breakEvenPrice": number(round(holding.entry_price, 8)),
        "markPrice": number(mark),
        "unRealizedProfit": gained,
        "unrealizedProfit": gained,
        "liquidationPrice": number(round(price or ZERO, 8)),
        "isolatedMargin": number(holding.put_up),
        "isolatedWallet": number(holding.put_up),
        "notional": number(sign * holding.quantity * mark),
        "marginAsset": "USDT",
        "initialMargin": number(caller.initial(holding)),
        "positionInitialMargin": number(caller.initial(holding)),
        "maintMargin": number(round(caller.maintenance(holding), 8)),
        "openOrderInitialMargin": "0",
        "adl": 1,
        "updateTime": holding.changed_at_ms,
    }


def trades(caller: Caller, asked: Asked) -> Body:
    found = caller.executions(symbol_or_all(asked), asked.whole("orderId"))
    since, until = asked.whole("startTime"), asked.whole("endTime") or caller.desk.now_ms
    first = asked.whole("fromId")
    found = [one for one in found if one.number >= first and since <= one.at_ms <= until]
    limit = min(asked.whole("limit", 500), 1000)
    return [trade_told(one) for one in (found[:limit] if since or first else found[-limit:])]


def trade_told(one: Execution) -> Body:
    return {
        "id": one.number,
        "orderId": one.order,
        "symbol": LISTINGS.of(one.symbol).name,
        "side": one.side.upper(),
        "positionSide": one.direction.upper() if one.direction else "BOTH",
        "price": number(one.price),
        "qty": number(one.quantity),
        "quoteQty": number(one.quantity * one.price),
        "realizedPnl": number(one.realized),
        "commission": number(one.fee),
        "commissionAsset": "USDT",
        "marginAsset": "USDT",
        "maker": one.is_maker,
        "buyer": one.side is Side.BUY,
        "time": one.at_ms,
    }


def income(caller: Caller, asked: Asked) -> Body:
    told = [moved_told(one) for one in caller.account.moved]
    for one in caller.executions():
        if one.realized:
            told.append(income_told(one, "REALIZED_PNL", one.realized))
        told.append(income_told(one, "COMMISSION", -one.fee))
    kind, symbol = asked.text("incomeType"), asked.text("symbol")
    since, until = asked.whole("startTime"), asked.whole("endTime") or caller.desk.now_ms
    found = [
        one
        for one in sorted(told, key=lambda one: (one["time"], one["tranId"]))
        if kind in ("", one["incomeType"])
        and symbol in ("", one["symbol"])
        and since <= one["time"] <= until
    ]
    limit = min(asked.whole("limit", 100), 1000)
    return found[:limit] if since else found[-limit:]


def moved_told(one: Moved) -> dict[str, Any]:
    return {
        "symbol": LISTINGS.of(one.symbol).name if one.symbol else "",
        "incomeType": INCOMES[one.kind],
        "income": number(one.amount),
        "asset": "USDT",
        "info": one.kind,
        "time": one.at_ms,
        "tranId": one.number,
        "tradeId": "",
    }


def income_told(one: Execution, kind: str, amount: Decimal) -> dict[str, Any]:
    return {
        "symbol": LISTINGS.of(one.symbol).name,
        "incomeType": kind,
        "income": number(amount),
        "asset": "USDT",
        "info": str(one.number),
        "time": one.at_ms,
        "tranId": one.number,
        "tradeId": str(one.number),
    }


def ping(_desk: Desk, _asked: Asked) -> Body:
    return {}


PUBLIC = {
    "/fapi/v1/ping": ping,
    "/fapi/v1/time": time,
    "/fapi/v1/exchangeInfo": exchange_info,
    "/fapi/v1/depth": depth,
    "/fapi/v1/aggTrades": tape,
    "/fapi/v1/ticker/24hr": one_or_all(ticker),
    "/fapi/v1/ticker/price": one_or_all(last_price),
    "/fapi/v2/ticker/price": one_or_all(last_price),
    "/fapi/v1/ticker/bookTicker": one_or_all(best_prices),
    "/fapi/v1/premiumIndex": one_or_all(premium),
    "/fapi/v1/openInterest": open_interest,
    "/fapi/v1/klines": klines,
}
PRIVATE = [
    ("POST", "/fapi/v1/order", Operation.PLACE, place),
    ("GET", "/fapi/v1/order", Operation.LOOK_UP, look_up),
    ("GET", "/fapi/v1/openOrder", Operation.LOOK_UP, look_up),
    ("DELETE", "/fapi/v1/order", Operation.CANCEL, cancel),
    ("DELETE", "/fapi/v1/allOpenOrders", Operation.CANCEL, cancel_all),
    ("POST", "/fapi/v1/countdownCancelAll", Operation.SETTING, cancel_later),
    ("GET", "/fapi/v1/openOrders", Operation.READ, open_orders),
    ("GET", "/fapi/v1/allOrders", Operation.READ, all_orders),
    ("POST", "/fapi/v1/algoOrder", Operation.PLACE, arm),
    ("GET", "/fapi/v1/algoOrder", Operation.LOOK_UP, look_up_trigger),
    ("DELETE", "/fapi/v1/algoOrder", Operation.CANCEL, disarm),
    ("DELETE", "/fapi/v1/algoOpenOrders", Operation.CANCEL, disarm_all),
    ("GET", "/fapi/v1/openAlgoOrders", Operation.READ, open_triggers),
    ("GET", "/fapi/v1/allAlgoOrders", Operation.READ, all_triggers),
    ("POST", "/fapi/v1/positionSide/dual", Operation.SETTING, set_mode),
    ("GET", "/fapi/v1/positionSide/dual", Operation.READ, mode),
    ("POST", "/fapi/v1/marginType", Operation.SETTING, set_margin),
    ("POST", "/fapi/v1/leverage", Operation.SETTING, set_leverage),
    ("GET", "/fapi/v1/symbolConfig", Operation.READ, symbol_config),
    ("GET", "/fapi/v1/accountConfig", Operation.READ, account_config),
    ("GET", "/fapi/v1/leverageBracket", Operation.READ, brackets),
    ("GET", "/fapi/v1/commissionRate", Operation.READ, commission),
    ("GET", "/fapi/v2/account", Operation.READ, account),
    ("GET", "/fapi/v3/account", Operation.READ, account),
    ("GET", "/fapi/v2/balance", Operation.READ, balance),
    ("GET", "/fapi/v3/balance", Operation.READ, balance),
    ("GET", "/fapi/v2/positionRisk", Operation.READ, positions_v2),
    ("GET", "/fapi/v3/positionRisk", Operation.READ, positions),
    ("GET", "/fapi/v1/userTrades", Operation.READ, trades),
    ("GET", "/fapi/v1/income", Operation.READ, income),
    ("GET", "/sapi/v1/account/apiRestrictions", Operation.READ, restrictions),
]
