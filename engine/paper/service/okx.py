"""OKX swaps: /api/v5, quantities in contracts, HMAC-SHA256 in base64 over time, path and body."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

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
    Trade,
    Trigger,
    TriggerAsk,
    closing_side,
)
from engine.paper.service.desk import Caller, Desk
from engine.paper.service.keys import Key
from engine.paper.service.listing import Listing, Listings
from engine.paper.service.pictures import Picture
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
    ("BTC/USDT", "BTC-USDT-SWAP", "0.01", "0.01", "0.1"),
    ("ETH/USDT", "ETH-USDT-SWAP", "0.1", "0.01", "0.01"),
    ("SOL/USDT", "SOL-USDT-SWAP", "1", "0.01", "0.001"),
)
STYLES = {
    "market": Style.PLAIN,
    "limit": Style.PLAIN,
    "ioc": Style.IOC,
    "optimal_limit_ioc": Style.PLAIN,
    "post_only": Style.POST_ONLY,
}
SIDES = {str(side): side for side in Side}
MARGINS = {str(margin): margin for margin in Margin}
AT_MARKET = {"market", "optimal_limit_ioc"}
TIMEFRAMES = {"1H": "1h", "2H": "2h", "4H": "4h", "1D": "1d", "1Dutc": "1d"}
CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}\Z")
TAG = re.compile(r"[A-Za-z0-9]{1,16}\Z")
EXPIRES = "exptime"
BILLS = {Money.DEPOSIT: "1", Money.FUNDING: "8", Money.INSURANCE: "5"}
REFUSALS = {
    Reason.UNKNOWN_SYMBOL: ("51001", "Instrument ID or Spread ID doesn't exist."),
    Reason.UNKNOWN_ORDER: ("51603", "Order does not exist"),
    Reason.NOT_OPEN: ("51400", "Cancellation failed as the order has been filled or canceled."),
    Reason.BAD_QUANTITY: ("51121", "Order quantity must be a multiple of the lot size."),
    Reason.TOO_SMALL: ("51020", "Your order should meet or exceed the minimum order amount."),
    Reason.BAD_PRICE: ("51000", "Parameter px error"),
    Reason.PRICE_BAND: ("51006", "Order price is not within the price limit"),
    Reason.BAD_DIRECTION: ("51000", "Parameter posSide error"),
    Reason.NO_MARGIN: ("51008", "Order failed. Insufficient USDT margin in account"),
    Reason.NOTHING_HELD: ("51169", "Order failed: you have no positions in this direction"),
    Reason.WOULD_TAKE: ("51006", "The order would have filled at once"),
    Reason.WOULD_TRIGGER: ("51280", "SL trigger price can not be higher than the last price"),
    Reason.DUPLICATE_ID: ("51016", "Duplicated client order ID"),
    Reason.BAD_LEVERAGE: ("59102", "Leverage exceeds the maximum limit"),
    Reason.UNCHANGED: ("59000", "Your settings failed: nothing changes"),
    Reason.HAS_POSITION: ("59000", "Your settings failed as you have positions or open orders"),
    Reason.HAS_ORDERS: ("59000", "Your settings failed as you have positions or open orders"),
    Reason.BAD_REQUEST: ("51000", "Parameter error"),
}
# Where an order is meant, the answer is one for each order, and none for the whole.
BY_ORDER = {"trade/order", "trade/batch-orders", "trade/cancel-order", "trade/cancel-batch-orders"}
BY_ORDER |= {"trade/order-algo", "trade/cancel-algos"}

Told = TypeVar("Told")


def envelope(data: Sequence[Any], code: str = "0", words: str = "") -> Body:
    return {"code": code, "msg": words, "data": list(data)}


def denied(code: str, words: str, status: int = 400) -> Denied:
    return Denied(Answer(status, envelope([], code, words)))


class Okx:
    name = "okx"
    prefixes: tuple[str, ...] = ("/api/v5/",)
    ids = IdRule.ALWAYS
    refuses_takers = False

    def __init__(self) -> None:
        self.routes: Routes[Caller] = Routes(
            (method, f"/api/v5/{path}", Route(operation, does))
            for method, path, operation, does in PRIVATE
        )
        self.public: Routes[Desk] = Routes(
            ("GET", f"/api/v5/{path}", Route(Operation.PUBLIC, does))
            for path, does in PUBLIC.items()
        )

    def signer(self, desk: Desk, request: Request) -> Key:
        headers = request.headers
        key = desk.keys.find(headers.get("ok-access-key", ""))
        if key is None or key.dialect != self.name:
            raise denied("50111", "Invalid OK-ACCESS-KEY", 401)
        sent = headers.get("ok-access-timestamp", "")
        signed = sent + request.method + request.target + request.body
        digest = hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).digest()
        told = headers.get("ok-access-sign", "")
        if not hmac.compare_digest(base64.b64encode(digest), told.encode()):
            raise denied("50113", "Invalid Sign", 401)
        passphrase = headers.get("ok-access-passphrase", "")
        if not hmac.compare_digest(key.passphrase.encode(), passphrase.encode()):
            raise denied("50105", "OK-ACCESS-PASSPHRASE incorrect", 401)
        self._check_time(desk, sent, headers.get(EXPIRES, ""))
        return key

    def _check_time(self, desk: Desk, sent: str, expires: str) -> None:
        try:
            sent_at_ms = int(datetime.fromisoformat(sent).timestamp() * 1000)
        except ValueError:
            raise denied("50112", "Invalid OK-ACCESS-TIMESTAMP", 401) from None
        if abs(desk.now_ms - sent_at_ms) > 30_000:
            raise denied("50102", "Timestamp request expired", 401)
        if expires and (not expires.isdigit() or int(expires) < desk.now_ms):
            raise denied("50036", "The expTime can't be earlier than the current system time.")

    def wrap(self, body: Body, method: str, operation: Operation) -> Answer:
        """Answers for several orders come with the code for the whole already."""
        return Answer(200, body if isinstance(body, dict) else envelope(body))

    def refuse(self, refusal: Refused, operation: Operation, path: str) -> Answer:
        name = path.removeprefix("/api/v5/")
        if name in BY_ORDER and operation in (Operation.PLACE, Operation.CANCEL):
            return Answer(200, envelope([failed(refusal, operation)], "1", "All operations failed"))
        code, words = REFUSALS[refusal.reason]
        return Answer(200, envelope([], code, words))

    def unavailable(self) -> Answer:
        words = "Endpoint request timeout (does not indicate success or failure)"
        return Answer(503, envelope([], "50004", words))

    def limited(self, wait_seconds: int) -> Answer:
        body = envelope([], "50011", "Too Many Requests")
        return Answer(429, body, {"Retry-After": str(wait_seconds)})

    def duplicate(self) -> Answer:
        refusal = Refused(Reason.DUPLICATE_ID, "")
        failure = failed(refusal, Operation.PLACE)
        return Answer(200, envelope([failure], "1", "All operations failed"))

    def unknown_path(self, path: str) -> Answer:
        return Answer(404, envelope([], "50404", f"no such path: {path}"))


def failed(refusal: Refused, operation: Operation, asked: Asked | None = None) -> dict[str, str]:
    code, words = REFUSALS[refusal.reason]
    if operation is Operation.CANCEL and refusal.reason is Reason.UNKNOWN_ORDER:
        code, words = REFUSALS[Reason.NOT_OPEN]
    client_id = asked.text("clOrdId") if asked else ""
    return {"ordId": "", "clOrdId": client_id, "tag": "", "sCode": code, "sMsg": words}


# Public


def time(desk: Desk, _asked: Asked) -> Body:
    return [{"ts": str(desk.now_ms)}]


def instruments(_desk: Desk, asked: Asked) -> Body:
    if asked.text("instType") != "SWAP":
        return []
    wanted = asked.text("instId")
    return [instrument_told(one) for one in LISTINGS.all() if wanted in ("", one.name)]


def instrument_told(listing: Listing) -> Body:
    pair = listing.name.removesuffix("-SWAP")
    return {
        "instType": "SWAP",
        "instId": listing.name,
        "instFamily": pair,
        "uly": pair,
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": "USDT",
        "ctVal": str(listing.contract),
        "ctMult": "1",
        "ctValCcy": listing.base,
        "ctType": "linear",
        "lever": "100",
        "tickSz": str(listing.tick),
        "lotSz": str(listing.lot),
        "minSz": str(listing.lot),
        "maxLmtSz": "1000000",
        "maxMktSz": "10000",
        "expTime": "",
        "listTime": "1573557408000",
        "optType": "",
        "stk": "",
        "state": "live",
    }


def ticker(desk: Desk, asked: Asked) -> Body:
    return [ticker_told(desk, LISTINGS.named(asked.needed("instId")))]


def tickers(desk: Desk, asked: Asked) -> Body:
    if asked.text("instType") != "SWAP":
        return []
    return [ticker_told(desk, listing) for listing in LISTINGS.all()]


def ticker_told(desk: Desk, listing: Listing) -> dict[str, str]:
    price = number(desk.exchange.mark(listing.symbol))
    bids, asks = (desk.exchange.book(listing.symbol).depth(side, 1) for side in Side)
    told = dict.fromkeys(("last", "open24h", "high24h", "low24h", "sodUtc0", "sodUtc8"), price)
    for name, best in (("bid", bids), ("ask", asks)):
        told[f"{name}Px"] = number(best[0][0]) if best else ""
        told[f"{name}Sz"] = number(listing.contracts(best[0][1])) if best else ""
    told |= {"instType": "SWAP", "instId": listing.name, "lastSz": "0", "vol24h": "0"}
    return told | {"volCcy24h": "0", "ts": str(desk.now_ms)}


def open_interest(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("instId"))
    held = desk.exchange.open_interest(listing.symbol)
    told = {"oi": number(listing.contracts(held)), "oiCcy": number(held), "ts": str(desk.now_ms)}
    return [{"instType": "SWAP", "instId": listing.name, **told}]


def tape(desk: Desk, asked: Asked) -> Body:
    """Newest first."""
    listing = LISTINGS.named(asked.needed("instId"))
    trades = reversed(desk.tape(listing.symbol, asked.whole("limit", 100)))
    return [trade_told(listing, one) for one in trades]


def trade_told(listing: Listing, one: Trade) -> dict[str, Any]:
    return {
        "instId": listing.name,
        "tradeId": str(one.number),
        "px": number(one.price),
        "sz": number(listing.contracts(one.quantity)),
        "side": one.side,
        "ts": str(one.at_ms),
    }


def mark_price(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("instId"))
    told = {"instType": "SWAP", "instId": listing.name, "ts": str(desk.now_ms)}
    return [told | {"markPx": number(desk.exchange.mark(listing.symbol))}]


def books(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("instId"))
    return [book_told(listing, desk.picture(listing.symbol), asked.whole("sz", 1))]


def book_told(listing: Listing, picture: Picture, levels: int) -> dict[str, Any]:
    sides = {
        name: [
            [number(price), number(listing.contracts(quantity)), "0", "1"]
            for price, quantity in picture.best(side, levels)
        ]
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }
    return {**sides, "ts": str(picture.at_ms)}


def candles(desk: Desk, asked: Asked) -> Body:
    """Newest first; `before` wants what is newer and `after` what is older, neither included."""
    listing = LISTINGS.named(asked.needed("instId"))
    bar = asked.text("bar", "1m")
    since, until = asked.whole("before"), asked.whole("after")
    limit = min(asked.whole("limit", 100), 300)
    rows = desk.rows(listing.symbol, TIMEFRAMES.get(bar, bar), since + 1 if since else 0, limit)
    told = []
    for at, *prices, coins in reversed(rows):
        if not until or at < until:
            volumes = [number(listing.contracts(coins)), number(coins)]
            told.append([str(at), *map(number, prices), *volumes, "0", "1"])
    return told


def funding_rate(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("instId"))
    rates = desk.exchange.rates
    next_at = (desk.now_ms // rates.funding_every_ms + 1) * rates.funding_every_ms
    told = {"instType": "SWAP", "instId": listing.name, "fundingRate": number(rates.funding)}
    return [told | {"fundingTime": str(next_at), "ts": str(desk.now_ms)}]


# Orders


def direction_of(asked: Asked) -> Direction | None:
    side = asked.text("posSide", "net") or "net"
    if side not in ("net", *Direction):
        raise Refused(Reason.BAD_DIRECTION, "no such posSide")
    return None if side == "net" else Direction(side)


def margin_of(asked: Asked, name: str = "tdMode") -> Margin:
    return asked.word(name, MARGINS)


def ask_of(asked: Asked, *, price: Decimal | None, style: Style, whole: bool = False) -> Ask:
    listing = LISTINGS.named(asked.needed("instId"))
    if price is not None and price % listing.tick:
        raise Refused(Reason.BAD_PRICE, "no multiple of the tick")
    client_id = asked.text("clOrdId")
    if client_id and not CLIENT_ID.match(client_id):
        raise Refused(Reason.BAD_REQUEST, "Parameter clOrdId error")
    return Ask(
        symbol=listing.symbol,
        side=asked.word("side", SIDES),
        quantity=ZERO if whole else listing.coins(asked.exact("sz")),
        price=price,
        style=style,
        direction=direction_of(asked),
        is_reduce_only=asked.flag("reduceOnly"),
        client_id=client_id,
        margin=margin_of(asked),
        tag=tag_of(asked),
    )


def tag_of(asked: Asked) -> str:
    tag = asked.text("tag")
    if tag and not TAG.match(tag):
        raise Refused(Reason.BAD_REQUEST, "Parameter tag error")
    return tag


def place(caller: Caller, asked: Asked) -> Body:
    kind = asked.needed("ordType")
    if kind not in STYLES:
        raise Refused(Reason.BAD_REQUEST, "Parameter ordType error")
    if "attachAlgoOrds" in asked:
        # Rather refused than left out: its owner counts on the stop.
        raise Refused(Reason.BAD_REQUEST, "this exchange takes stops with order-algo only")
    price = None if kind in AT_MARKET else asked.exact("px")
    ask = ask_of(asked, price=price, style=STYLES[kind])
    order = caller.exchange.place(caller.name, ask)
    return [done(order.number, ask.client_id) | {"tag": ask.tag}]


def done(number_: int, client_id: str, *, name: str = "ordId") -> dict[str, str]:
    client_name = "clOrdId" if name == "ordId" else "algoClOrdId"
    return {name: str(number_), client_name: client_id, "tag": "", "sCode": "0", "sMsg": ""}


def each(
    operation: Operation, does: Callable[[Caller, Asked], Body]
) -> Callable[[Caller, Asked], Body]:
    """Several at once: each is done or refused by itself."""

    def do_each(caller: Caller, asked: Asked) -> Body:
        rows, failures = [], 0
        for told in asked.told.get("", []):
            one = Asked(told if isinstance(told, dict) else {})
            try:
                rows.extend(does(caller, one))
            except Refused as refusal:
                failures += 1
                rows.append(failed(refusal, operation, one))
        if not rows:
            raise Refused(Reason.BAD_REQUEST, "nothing was asked")
        code = "0" if not failures else "1" if failures == len(rows) else "2"
        return envelope(rows, code, "" if not failures else "operations failed")

    return do_each


def find(caller: Caller, asked: Asked) -> Order:
    symbol = LISTINGS.named(asked.needed("instId")).symbol
    if "ordId" not in asked and "clOrdId" not in asked:
        raise Refused(Reason.BAD_REQUEST, "Either parameter ordId or clOrdId is required")
    order = caller.find(asked.whole("ordId"), asked.text("clOrdId"))
    if order.ask.symbol != symbol:
        raise Refused(Reason.UNKNOWN_ORDER, "that order has another instrument")
    return order


def look_up(caller: Caller, asked: Asked) -> Body:
    return [order_told(caller, find(caller, asked))]


def cancel(caller: Caller, asked: Asked) -> Body:
    order = find(caller, asked)
    caller.exchange.cancel(caller.name, order.number)
    return [done(order.number, order.ask.client_id)]


def cancel_later(caller: Caller, asked: Asked) -> Body:
    seconds = asked.whole("timeOut")
    at_ms = caller.desk.now_ms + seconds * 1000 if seconds else 0
    tag = tag_of(asked)
    caller.exchange.cancel_all_at(caller.name, f"#{tag}" if tag else "", at_ms)
    return [{"triggerTime": str(at_ms), "tag": tag, "ts": str(caller.desk.now_ms)}]


def symbol_or_all(asked: Asked) -> str | None:
    return LISTINGS.named(asked.text("instId")).symbol if "instId" in asked else None


def page(
    asked: Asked, found: list[Told], number_of: Callable[[Told], int], at: Callable[[Told], int]
) -> list[Told]:
    """Newest first; `after` wants older ones and `before` newer ones than the id it names."""
    since, until = asked.whole("begin"), asked.whole("end")
    older_than, newer_than = asked.whole("after"), asked.whole("before")
    kept = [
        one
        for one in sorted(found, key=number_of, reverse=True)
        if at(one) >= since
        and (not until or at(one) <= until)
        and (not older_than or number_of(one) < older_than)
        and number_of(one) > newer_than
    ]
    return kept[: min(asked.whole("limit", 100), 100)]


def order_page(caller: Caller, asked: Asked, *, is_open: bool) -> Body:
    found = caller.orders(symbol_or_all(asked), is_open=is_open)
    kept = page(asked, found, lambda one: one.number, lambda one: one.placed_at_ms)
    return [order_told(caller, order) for order in kept]


def pending(caller: Caller, asked: Asked) -> Body:
    return order_page(caller, asked, is_open=True)


def history(caller: Caller, asked: Asked) -> Body:
    state = asked.text("state")
    return [one for one in order_page(caller, asked, is_open=False) if state in ("", one["state"])]


def order_state(order: Order) -> str:
    if order.status is Status.OPEN:
        return "partially_filled" if order.filled else "live"
    return "filled" if order.status is Status.FILLED else "canceled"


def order_told(caller: Caller, order: Order) -> dict[str, Any]:
    ask, listing = order.ask, LISTINGS.of(order.ask.symbol)
    holding = caller.account.holdings.get((ask.symbol, ask.direction or Direction.LONG))
    margin = ask.margin or (holding.margin if holding else caller.account.margin(ask.symbol))
    kind = {Style.IOC: "ioc", Style.POST_ONLY: "post_only"}.get(ask.style, "limit")
    last = order.fills[-1] if order.fills else None
    return {
        "instType": "SWAP",
        "instId": listing.name,
        "ordId": str(order.number),
        "clOrdId": ask.client_id,
        "tag": ask.tag,
        "px": "" if ask.price is None else number(ask.price),
        "sz": number(listing.contracts(ask.quantity)),
        "ordType": "market" if ask.price is None else kind,
        "side": ask.side,
        "posSide": ask.direction or "net",
        "tdMode": margin,
        "accFillSz": number(listing.contracts(order.filled)),
        "avgPx": number(round(order.average, 8)) if order.filled else "",
        "fillPx": number(last.price) if last else "",
        "fillSz": number(listing.contracts(last.quantity)) if last else "0",
        "fillTime": str(last.at_ms) if last else "",
        "tradeId": str(last.number) if last else "",
        "state": order_state(order),
        "cancelSource": "31" if order.why_ended == Ending.WOULD_TAKE else "",
        "category": "full_liquidation" if order.origin is Origin.LIQUIDATION else "normal",
        "lever": str(caller.account.leverage(ask.symbol, margin, ask.direction or Direction.LONG)),
        "reduceOnly": "true" if order.closes is not None else "false",
        "fee": number(-order.fees),
        "feeCcy": "USDT",
        "rebate": "0",
        "rebateCcy": "USDT",
        "pnl": number(order.realized),
        "attachAlgoOrds": [],
        "cTime": str(order.placed_at_ms),
        "uTime": str(order.changed_at_ms),
    }


# Conditional orders: one name for a stop and a target of which only one can fire


def arm(caller: Caller, asked: Asked) -> Body:
    kind = asked.needed("ordType")
    legs = LEGS.get(kind)
    if legs is None:
        raise Refused(Reason.BAD_REQUEST, "Parameter ordType error")
    group = f"{kind}:{caller.exchange.next_number}"
    asks = [leg_of(caller, asked, group, *leg) for leg in legs if leg[0] in asked]
    if not asks:
        raise Refused(Reason.BAD_REQUEST, "a trigger price is missing")
    first = caller.exchange.arm(caller.name, *asks[:2])
    return [done(first.number, first.ask.client_id, name="algoId")]


# (trigger price, order price, whether it is a target; a plain trigger is neither)
LEGS: dict[str, list[tuple[str, str, bool | None]]] = {
    "trigger": [("triggerPx", "orderPx", None)],
    "conditional": [("slTriggerPx", "slOrdPx", False), ("tpTriggerPx", "tpOrdPx", True)],
    "oco": [("slTriggerPx", "slOrdPx", False), ("tpTriggerPx", "tpOrdPx", True)],
}


def leg_of(
    caller: Caller,
    asked: Asked,
    group: str,
    level_name: str,
    price_name: str,
    is_target: bool | None,
) -> TriggerAsk:
    price = asked.exact(price_name)
    whole = asked.text("closeFraction") == "1"
    order = ask_of(asked, price=None if price == -1 else price, style=Style.PLAIN, whole=whole)
    level = asked.exact(level_name)
    if level % LISTINGS.of(order.symbol).tick:
        raise Refused(Reason.BAD_PRICE, "no multiple of the tick")
    rises = (order.side is Side.SELL) == is_target
    if is_target is None:
        rises = level > caller.mark(order.symbol)
    return TriggerAsk(
        order,
        level,
        rises=rises,
        whole=whole,
        client_id=asked.text("algoClOrdId"),
        group=group,
    )


def legs_of(caller: Caller, trigger: Trigger) -> list[Trigger]:
    triggers = caller.account.triggers.values()
    return [one for one in triggers if one.ask.group == trigger.ask.group]


def find_algo(caller: Caller, asked: Asked) -> Trigger:
    return caller.find_trigger(asked.whole("algoId"), asked.text("algoClOrdId"))


def look_up_algo(caller: Caller, asked: Asked) -> Body:
    return [algo_told(caller, find_algo(caller, asked))]


def disarm(caller: Caller, asked: Asked) -> Body:
    trigger = find_algo(caller, asked)
    legs = legs_of(caller, trigger)
    if not any(leg.is_waiting for leg in legs):
        raise Refused(Reason.NOT_OPEN, "it is done")
    for leg in legs:
        if leg.is_waiting:
            caller.exchange.disarm(caller.name, leg.number)
    return [done(trigger.number, trigger.ask.client_id, name="algoId")]


def algo_page(caller: Caller, asked: Asked, *, is_waiting: bool) -> Body:
    kinds = asked.needed("ordType").split(",")
    found = {
        trigger.ask.group: trigger
        for trigger in reversed(caller.triggers(symbol_or_all(asked), is_waiting=is_waiting))
        if trigger.ask.group.partition(":")[0] in kinds
    }
    firsts = [legs_of(caller, one)[0] for one in found.values()]
    kept = page(asked, firsts, lambda one: one.number, lambda one: one.placed_at_ms)
    return [algo_told(caller, trigger) for trigger in kept]


def pending_algos(caller: Caller, asked: Asked) -> Body:
    return algo_page(caller, asked, is_waiting=True)


def algo_history(caller: Caller, asked: Asked) -> Body:
    return algo_page(caller, asked, is_waiting=False)


def algo_state(legs: list[Trigger]) -> str:
    statuses = {leg.status for leg in legs}
    for status, state in (
        (Status.WAITING, "live"),
        (Status.FIRED, "effective"),
        (Status.FAILED, "order_failed"),
    ):
        if status in statuses:
            return state
    return "canceled"


def algo_told(caller: Caller, trigger: Trigger) -> dict[str, Any]:
    legs = legs_of(caller, trigger)
    first = legs[0]
    order, listing = first.ask.order, LISTINGS.of(first.ask.order.symbol)
    kind = first.ask.group.partition(":")[0]
    told: dict[str, Any] = {
        "instType": "SWAP",
        "instId": listing.name,
        "algoId": str(first.number),
        "algoClOrdId": first.ask.client_id,
        "clOrdId": order.client_id,
        "ordId": str(next((leg.order for leg in legs if leg.order), "")),
        "ordType": kind,
        "side": order.side,
        "posSide": order.direction or "net",
        "tdMode": order.margin,
        "state": algo_state(legs),
        "sz": "" if first.ask.whole else number(listing.contracts(order.quantity)),
        "closeFraction": "1" if first.ask.whole else "",
        "reduceOnly": "true" if order.is_reduce_only or first.ask.whole else "false",
        "slTriggerPx": "",
        "slOrdPx": "",
        "tpTriggerPx": "",
        "tpOrdPx": "",
        "cTime": str(first.placed_at_ms),
        "uTime": str(max(leg.changed_at_ms for leg in legs)),
    }
    for leg in legs:
        level, price = number(leg.ask.level), leg.ask.order.price
        is_target = leg.ask.rises == (order.side is Side.SELL)
        names = ("triggerPx", "ordPx")
        if kind != "trigger":
            names = ("tpTriggerPx", "tpOrdPx") if is_target else ("slTriggerPx", "slOrdPx")
        told |= {names[0]: level, names[1]: "-1" if price is None else number(price)}
    return told


# The account


def config(caller: Caller, _asked: Asked) -> Body:
    return [
        {
            "uid": caller.name,
            "mainUid": caller.name,
            "acctLv": "2",
            "posMode": "long_short_mode" if caller.account.is_hedged else "net_mode",
            "autoLoan": False,
            "level": "Lv1",
            "perm": "read_only,trade,withdraw" if caller.withdraws else "read_only,trade",
            "ip": "",
            "kycLv": "0",
            "label": "paper",
        }
    ]


def set_mode(caller: Caller, asked: Asked) -> Body:
    wanted = asked.needed("posMode")
    if wanted not in ("long_short_mode", "net_mode"):
        raise Refused(Reason.BAD_REQUEST, "Parameter posMode error")
    is_hedged = wanted == "long_short_mode"
    if is_hedged != caller.account.is_hedged:
        caller.exchange.set_hedge(caller.name, is_hedged)
    return [{"posMode": wanted}]


def set_leverage(caller: Caller, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("instId"))
    margin, direction = margin_of(asked, "mgnMode"), direction_of(asked)
    leverage = asked.whole("lever")
    caller.exchange.set_leverage(
        caller.name, listing.symbol, leverage, margin=margin, direction=direction
    )
    told = {"instId": listing.name, "lever": str(leverage), "mgnMode": margin}
    return [told | {"posSide": direction or "net"}]


def leverage_info(caller: Caller, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("instId"))
    margin = margin_of(asked, "mgnMode")
    by_direction = caller.account.is_hedged and margin is Margin.ISOLATED
    told = []
    for direction in Direction if by_direction else [Direction.LONG]:
        leverage = caller.account.leverage(listing.symbol, margin, direction)
        one = {"instId": listing.name, "mgnMode": margin, "lever": str(leverage)}
        told.append(one | {"posSide": direction if by_direction else "net"})
    return told


def trade_fee(caller: Caller, _asked: Asked) -> Body:
    """Negative is charged."""
    rates = caller.exchange.rates
    maker, taker = number(-rates.maker), number(-rates.taker)
    told = {"maker": maker, "taker": taker, "makerU": maker, "takerU": taker, "level": "Lv1"}
    return [told | {"instType": "SWAP", "ts": str(caller.desk.now_ms)}]


def balance(caller: Caller, _asked: Asked) -> Body:
    cash, gained, free = caller.account.cash, caller.unrealised(), caller.available()
    frozen = sum((caller.initial(one) for one in caller.holdings()), caller.order_margin())
    exact = {
        "eq": cash + gained,
        "eqUsd": cash + gained,
        "cashBal": cash,
        "availBal": free,
        "availEq": free,
        "frozenBal": frozen,
        "ordFrozen": caller.order_margin(),
        "upl": gained,
        "isoEq": sum((one.put_up for one in caller.holdings()), ZERO),
    }
    details: dict[str, str] = {name: number(round(value, 8)) for name, value in exact.items()}
    details |= {"ccy": "USDT", "uTime": str(caller.desk.now_ms)}
    total = number(round(cash + gained, 8))
    return [{"uTime": str(caller.desk.now_ms), "totalEq": total, "details": [details]}]


def positions(caller: Caller, asked: Asked) -> Body:
    names = asked.text("instId").split(",") if "instId" in asked else None
    return [
        position_told(caller, holding)
        for holding in caller.holdings()
        if names is None or LISTINGS.of(holding.symbol).name in names
    ]


def position_told(caller: Caller, holding: Holding) -> dict[str, Any]:
    listing, mark = LISTINGS.of(holding.symbol), caller.mark(holding.symbol)
    is_hedged = caller.account.is_hedged
    sign = 1 if is_hedged or holding.direction is Direction.LONG else -1
    gained, tied = holding.unrealised(mark), caller.initial(holding)
    price = caller.liquidation_price(holding)
    exact = {
        "pos": sign * listing.contracts(holding.quantity),
        "availPos": listing.contracts(holding.quantity),
        "avgPx": holding.entry_price,
        "markPx": mark,
        "last": mark,
        "upl": gained,
        "uplRatio": gained / tied if tied else ZERO,
        "mmr": caller.maintenance(holding),
        "notionalUsd": holding.quantity * mark,
        "realizedPnl": holding.realized + holding.funding,
        "fundingFee": holding.funding,
    }
    told: dict[str, Any] = {name: number(round(value, 8)) for name, value in exact.items()}
    is_isolated = holding.margin is Margin.ISOLATED
    return told | {
        "instType": "SWAP",
        "instId": listing.name,
        "posId": f"{holding.opened_at_ms}{closing_side(holding.direction) is Side.BUY:d}",
        "posSide": holding.direction if is_hedged else "net",
        "mgnMode": holding.margin,
        "lever": str(caller.leverage(holding)),
        "margin": number(holding.put_up) if is_isolated else "",
        "imr": "" if is_isolated else number(tied),
        "liqPx": number(round(price, 8)) if price else "",
        "ccy": "USDT",
        "adl": "1",
        "cTime": str(holding.opened_at_ms),
        "uTime": str(holding.changed_at_ms),
    }


def fills(caller: Caller, asked: Asked) -> Body:
    found = caller.executions(symbol_or_all(asked), asked.whole("ordId"))
    kept = page(asked, found, lambda one: one.number, lambda one: one.at_ms)
    return [fill_told(caller, one) for one in kept]


def fill_told(caller: Caller, one: Execution) -> dict[str, Any]:
    listing = LISTINGS.of(one.symbol)
    return {
        "instType": "SWAP",
        "instId": listing.name,
        "tradeId": str(one.number),
        "billId": str(one.number),
        "ordId": str(one.order),
        "clOrdId": caller.account.orders[one.order].ask.client_id,
        "fillPx": number(one.price),
        "fillSz": number(listing.contracts(one.quantity)),
        "fillPnl": number(one.realized),
        "side": one.side,
        "posSide": one.direction or "net",
        "execType": "M" if one.is_maker else "T",
        "fee": number(-one.fee),
        "feeCcy": "USDT",
        "ts": str(one.at_ms),
        "fillTime": str(one.at_ms),
    }


def bills(caller: Caller, asked: Asked) -> Body:
    told = [moved_told(one) for one in caller.account.moved]
    told += [trade_bill(one) for one in caller.executions()]
    kind = asked.text("type")
    found = [one for one in told if kind in ("", one["type"])]
    return page(asked, found, lambda one: int(one["billId"]), lambda one: int(one["ts"]))


def moved_told(one: Moved) -> dict[str, Any]:
    sub_type = "11"
    if one.kind is Money.FUNDING:
        sub_type = "174" if one.amount >= 0 else "173"
    return {
        "billId": str(one.number),
        "type": BILLS[one.kind],
        "subType": sub_type,
        "instType": "SWAP" if one.symbol else "",
        "instId": LISTINGS.of(one.symbol).name if one.symbol else "",
        "ccy": "USDT",
        "balChg": number(one.amount),
        "posBalChg": "0",
        "pnl": number(one.amount),
        "fee": "0",
        "ordId": "",
        "ts": str(one.at_ms),
    }


def trade_bill(one: Execution) -> dict[str, Any]:
    return {
        "billId": str(one.number),
        "type": "2",
        "subType": "1" if one.side is Side.BUY else "2",
        "instType": "SWAP",
        "instId": LISTINGS.of(one.symbol).name,
        "ccy": "USDT",
        "balChg": number(one.realized - one.fee),
        "posBalChg": "0",
        "pnl": number(one.realized),
        "fee": number(-one.fee),
        "ordId": str(one.order),
        "ts": str(one.at_ms),
    }


PUBLIC = {
    "public/time": time,
    "public/instruments": instruments,
    "public/mark-price": mark_price,
    "public/funding-rate": funding_rate,
    "public/open-interest": open_interest,
    "market/ticker": ticker,
    "market/tickers": tickers,
    "market/trades": tape,
    "market/books": books,
    "market/candles": candles,
    "market/history-candles": candles,
}
PRIVATE = [
    ("POST", "trade/order", Operation.PLACE, place),
    ("POST", "trade/batch-orders", Operation.PLACE, each(Operation.PLACE, place)),
    ("GET", "trade/order", Operation.LOOK_UP, look_up),
    ("POST", "trade/cancel-order", Operation.CANCEL, cancel),
    ("POST", "trade/cancel-batch-orders", Operation.CANCEL, each(Operation.CANCEL, cancel)),
    ("POST", "trade/cancel-all-after", Operation.SETTING, cancel_later),
    ("GET", "trade/orders-pending", Operation.READ, pending),
    ("GET", "trade/orders-history", Operation.READ, history),
    ("GET", "trade/orders-history-archive", Operation.READ, history),
    ("POST", "trade/order-algo", Operation.PLACE, arm),
    ("GET", "trade/order-algo", Operation.LOOK_UP, look_up_algo),
    ("POST", "trade/cancel-algos", Operation.CANCEL, each(Operation.CANCEL, disarm)),
    ("GET", "trade/orders-algo-pending", Operation.READ, pending_algos),
    ("GET", "trade/orders-algo-history", Operation.READ, algo_history),
    ("GET", "trade/fills", Operation.READ, fills),
    ("GET", "trade/fills-history", Operation.READ, fills),
    ("GET", "account/config", Operation.READ, config),
    ("POST", "account/set-position-mode", Operation.SETTING, set_mode),
    ("POST", "account/set-leverage", Operation.SETTING, set_leverage),
    ("GET", "account/leverage-info", Operation.READ, leverage_info),
    ("GET", "account/trade-fee", Operation.READ, trade_fee),
    ("GET", "account/balance", Operation.READ, balance),
    ("GET", "account/positions", Operation.READ, positions),
    ("GET", "account/bills", Operation.READ, bills),
    ("GET", "account/bills-archive", Operation.READ, bills),
]
