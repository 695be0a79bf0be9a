"""Gate futures settled in USDT: /api/v4, whole contracts with a sign, HMAC-SHA512."""

import hashlib
import hmac
import re
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from engine.messages import Margin, Style, number
from engine.money import ZERO
from engine.paper.account import Holding, IdRule
from engine.paper.errors import Reason, Refused
from engine.paper.orders import (
    Ask,
    Ending,
    Execution,
    Money,
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
    ("BTC/USDT", "BTC_USDT", "0.0001", "1", "0.1"),
    ("ETH/USDT", "ETH_USDT", "0.01", "1", "0.01"),
    ("SOL/USDT", "SOL_USDT", "1", "1", "0.001"),
)
CANCELED = "cancel" + "led"  # as Gate spells it
STYLES = {"gtc": Style.PLAIN, "ioc": Style.IOC, "poc": Style.POST_ONLY}
TIF = {style: name for name, style in STYLES.items()}
TEXT = re.compile(r"t-[0-9A-Za-z_.\-]{1,28}\Z")
# How long a finished order is found by its text: one that had fills, and one that had none.
TEXT_KEPT_MS, UNFILLED_TEXT_KEPT_MS = 3_600_000, 60_000
BOOK_TYPES = {Money.DEPOSIT: "dnw", Money.FUNDING: "fund", Money.INSURANCE: "refr"}
MARGIN_MODES = {"CROSS": Margin.CROSS, "ISOLATED": Margin.ISOLATED}
REFUSALS = {
    Reason.UNKNOWN_SYMBOL: (400, "CONTRACT_NOT_FOUND", "contract not found"),
    Reason.UNKNOWN_ORDER: (404, "ORDER_NOT_FOUND", "order not found"),
    Reason.NOT_OPEN: (400, "ORDER_FINISHED", "order finished"),
    Reason.BAD_QUANTITY: (400, "INVALID_PARAM_VALUE", "invalid size"),
    Reason.TOO_SMALL: (400, "SIZE_TOO_SMALL", "size too small"),
    Reason.BAD_PRICE: (400, "INVALID_PARAM_VALUE", "invalid price"),
    Reason.PRICE_BAND: (400, "PRICE_TOO_DEVIATED", "price too deviated from the mark price"),
    Reason.BAD_DIRECTION: (400, "INVALID_PARAM_VALUE", "not allowed in this position mode"),
    Reason.NO_MARGIN: (400, "INSUFFICIENT_AVAILABLE", "insufficient available balance"),
    Reason.NOTHING_HELD: (400, "POSITION_EMPTY", "empty position"),
    Reason.WOULD_TAKE: (400, "ORDER_POC_IMMEDIATE", "order would be filled at once"),
    Reason.WOULD_TRIGGER: (
        400,
        "AUTO_TRIGGER_PRICE_LESS_LAST",
        "invalid argument: Trigger.Price is on the wrong side of last_price",
    ),
    Reason.DUPLICATE_ID: (400, "REPEATED_CREATION", "repeated creation"),
    Reason.BAD_LEVERAGE: (400, "LEVERAGE_TOO_HIGH", "leverage out of range"),
    Reason.UNCHANGED: (400, "NO_CHANGE", "No change is made"),
    Reason.HAS_POSITION: (400, "POSITION_HOLDING", "there is a position"),
    Reason.HAS_ORDERS: (400, "POSITION_HOLDING", "there are open orders"),
    Reason.BAD_REQUEST: (400, "INVALID_PARAM_VALUE", "invalid parameter"),
}


def labelled(status: int, label: str, words: str) -> Answer:
    return Answer(status, {"label": label, "message": words})


def invalid(words: str) -> Denied:
    return Denied(labelled(400, "INVALID_PARAM_VALUE", words))


class Gate:
    name = "gate"
    prefixes: tuple[str, ...] = ("/api/v4/",)
    ids = IdRule.LATEST
    refuses_takers = True

    def __init__(self) -> None:
        self.routes: Routes[Caller] = Routes(
            (method, f"/api/v4/{path}", Route(operation, does))
            for method, path, operation, does in PRIVATE
        )
        self.public: Routes[Desk] = Routes(
            ("GET", f"/api/v4/{path}", Route(Operation.PUBLIC, does))
            for path, does in PUBLIC.items()
        )

    def signer(self, desk: Desk, request: Request) -> Key:
        headers = request.headers
        key = desk.keys.find(headers.get("key", ""))
        if key is None or key.dialect != self.name:
            raise Denied(labelled(401, "INVALID_KEY", "Invalid key provided"))
        sent = headers.get("timestamp", "")
        body = hashlib.sha512(request.body.encode()).hexdigest()
        told = headers.get("sign", "")
        # The query is signed as it reads, and clients differ in whether they escape it first.
        for query in (request.query, unquote_plus(request.query)):
            text = "\n".join((request.method, request.path, query, body, sent))
            wanted = hmac.new(key.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
            if hmac.compare_digest(wanted, told):
                break
        else:
            raise Denied(labelled(401, "INVALID_SIGNATURE", "Signature mismatch"))
        self._check_time(desk, sent, headers.get("x-gate-exptime", ""))
        return key

    def _check_time(self, desk: Desk, sent: str, expires: str) -> None:
        if not sent.isdigit() or abs(desk.now_ms - int(sent) * 1000) > 60_000:
            words = "gap between request Timestamp and server time exceeds 60"
            raise Denied(labelled(403, "REQUEST_EXPIRED", words))
        if expires and (not expires.isdigit() or int(expires) < desk.now_ms):
            raise Denied(labelled(403, "REQUEST_EXPIRED", "the request came after its time"))

    def wrap(self, body: Body, method: str, operation: Operation) -> Answer:
        is_new = method == "POST" and operation is Operation.PLACE
        return Answer(201 if is_new else 200, body)

    def refuse(self, refusal: Refused, operation: Operation, path: str) -> Answer:
        return labelled(*REFUSALS[refusal.reason])

    def unavailable(self) -> Answer:
        return labelled(503, "SERVER_ERROR", "internal server error")

    def limited(self, wait_seconds: int) -> Answer:
        answer = labelled(429, "TOO_MANY_REQUESTS", "Request Rate limit Exceeded")
        return Answer(429, answer.body, {"Retry-After": str(wait_seconds)})

    def duplicate(self) -> Answer:
        return labelled(*REFUSALS[Reason.DUPLICATE_ID])

    def unknown_path(self, path: str) -> Answer:
        return labelled(404, "NOT_FOUND", f"no such path: {path}")


# Public


def time(desk: Desk, _asked: Asked) -> Body:
    return {"server_time": desk.now_ms}


def contracts(desk: Desk, asked: Asked) -> Body:
    if asked.text("settle") != "usdt":
        return []
    return [contract_told(desk, listing) for listing in LISTINGS.all()]


def contract(desk: Desk, asked: Asked) -> Body:
    return contract_told(desk, LISTINGS.named(asked.needed("contract")))


def contract_told(desk: Desk, listing: Listing) -> Body:
    rates = desk.exchange.rates
    price = number(desk.exchange.mark(listing.symbol))
    every = rates.funding_every_ms
    return {
        "name": listing.name,
        "type": "direct",
        "status": "trading",
        "quanto_multiplier": str(listing.contract),
        "enable_decimal": False,
        "leverage_min": "1",
        "leverage_max": str(rates.most_leverage),
        "maintenance_rate": number(rates.maintenance),
        "mark_type": "index",
        "mark_price": price,
        "index_price": price,
        "last_price": price,
        "maker_fee_rate": number(rates.maker),
        "taker_fee_rate": number(rates.taker),
        "order_price_round": str(listing.tick),
        "mark_price_round": str(listing.tick),
        "order_price_deviate": "0.05",
        "order_size_min": 1,
        "order_size_max": 1_000_000,
        "funding_rate": number(rates.funding),
        "funding_interval": every // 1000,
        "funding_next_apply": (desk.now_ms // every + 1) * every // 1000,
        "in_delisting": False,
        "create_time": 1_573_557_408,
    }


def tickers(desk: Desk, asked: Asked) -> Body:
    wanted = asked.text("contract")
    if wanted:
        LISTINGS.named(wanted)
    return [ticker_told(desk, one) for one in LISTINGS.all() if wanted in ("", one.name)]


def ticker_told(desk: Desk, listing: Listing) -> Body:
    price = number(desk.exchange.mark(listing.symbol))
    told = dict.fromkeys(("last", "mark_price", "index_price", "high_24h", "low_24h"), price)
    book = desk.exchange.book(listing.symbol)
    for name, side in (("highest_bid", Side.BUY), ("lowest_ask", Side.SELL)):
        best = book.side(side).best()
        told[name] = number(best) if best else ""
    told |= {"change_percentage": "0", "volume_24h": "0", "volume_24h_base": "0"}
    told["funding_rate"] = number(desk.exchange.rates.funding)
    told["total_size"] = number(listing.contracts(desk.exchange.open_interest(listing.symbol)))
    return {"contract": listing.name, "volume_24h_quote": "0", **told}


def order_book(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("contract"))
    picture = desk.picture(listing.symbol)
    sides = {
        name: [
            level_told(listing, *level) for level in picture.best(side, asked.whole("limit", 10))
        ]
        for name, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }
    seconds = picture.at_ms / 1000
    return {"id": picture.number, "current": seconds, "update": seconds, **sides}


def level_told(listing: Listing, price: Decimal, quantity: Decimal) -> dict[str, Any]:
    """Rounded down to whole contracts, as an order of this dialect could take them."""
    return {"p": number(price), "s": int(listing.contracts(quantity))}


def tape(desk: Desk, asked: Asked) -> Body:
    """Newest first."""
    listing = LISTINGS.named(asked.needed("contract"))
    trades = reversed(desk.tape(listing.symbol, asked.whole("limit", 100)))
    return [tape_told(listing, one) for one in trades]


def tape_told(listing: Listing, one: Trade) -> dict[str, Any]:
    sign = 1 if one.side is Side.BUY else -1
    return {
        "id": one.number,
        "contract": listing.name,
        "create_time": one.at_ms // 1000,
        "create_time_ms": one.at_ms / 1000,
        "size": size_told(sign * listing.contracts(one.quantity)),
        "price": number(one.price),
    }


def candlesticks(desk: Desk, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("contract"))
    since_ms, until_ms = asked.whole("from") * 1000, asked.whole("to") * 1000
    limit = 2000 if since_ms else min(asked.whole("limit", 100), 2000)
    told = []
    for at, *prices, coins in desk.rows(
        listing.symbol, asked.text("interval", "5m"), since_ms, limit
    ):
        if not until_ms or at <= until_ms:
            words = dict(zip("ohlc", map(number, prices), strict=True))
            told.append(words | {"t": at // 1000, "v": int(listing.contracts(coins))})
    return told


# Orders


def whole_contracts(asked: Asked, name: str = "size") -> Decimal:
    size = asked.exact(name)
    if size % 1:
        raise Refused(Reason.BAD_QUANTITY, "contracts are whole")
    return size


def direction_of(caller: Caller, side: Side, is_reduce_only: bool) -> Direction | None:
    """In dual mode nobody names a direction: it follows from the side and from reduce-only."""
    if not caller.account.is_hedged:
        return None
    opens_long = side is Side.BUY
    return Direction.LONG if opens_long != is_reduce_only else Direction.SHORT


def closing_direction(caller: Caller, listing: Listing, asked: Asked) -> Direction:
    """Which position an order without a size closes."""
    auto = asked.text("auto_size")
    if caller.account.is_hedged:
        if asked.flag("close"):
            raise invalid("close is not allowed in dual-mode")
        if auto not in ("close_long", "close_short"):
            raise invalid("invalid auto_size")
        return Direction(auto.removeprefix("close_"))
    if not asked.flag("close"):
        raise invalid("size is zero")
    held = caller.holdings(listing.symbol)
    if not held:
        raise Refused(Reason.NOTHING_HELD, "there is no position")
    return held[0].direction


def text_of(asked: Asked) -> str:
    text = asked.text("text")
    if text and not TEXT.match(text):
        raise invalid("invalid text")
    return text


def ask_of(caller: Caller, asked: Asked, *, keeps_whole: bool = False) -> Ask:
    listing = LISTINGS.named(asked.needed("contract"))
    price, tif = asked.exact("price"), asked.text("tif", "gtc") or "gtc"
    if tif not in STYLES or (not price and tif != "ioc"):
        raise invalid("invalid tif")
    if price % listing.tick:
        raise Refused(Reason.BAD_PRICE, "no multiple of the tick")
    size = whole_contracts(asked)
    is_reduce_only = asked.flag("reduce_only") or not size
    if size:
        side = Side.BUY if size > 0 else Side.SELL
        quantity = listing.coins(abs(size))
    else:
        closes = closing_direction(caller, listing, asked)
        side = closing_side(closes)
        quantity = ZERO if keeps_whole else caller.account.held(listing.symbol, closes)
        if not quantity and not keeps_whole:
            raise Refused(Reason.NOTHING_HELD, "there is no position")
    return Ask(
        symbol=listing.symbol,
        side=side,
        quantity=quantity,
        price=price or None,
        style=STYLES[tif] if price else Style.PLAIN,
        direction=direction_of(caller, side, is_reduce_only),
        is_reduce_only=is_reduce_only,
        client_id=text_of(asked),
    )


def place(caller: Caller, asked: Asked) -> Body:
    return order_told(caller.exchange.place(caller.name, ask_of(caller, asked)))


def find(caller: Caller, asked: Asked) -> Order:
    name = asked.needed("order_id")
    if name.isdigit():
        return caller.find(int(name))
    order = caller.find(client_id=name)
    kept_ms = TEXT_KEPT_MS if order.filled else UNFILLED_TEXT_KEPT_MS
    if not order.is_open and caller.desk.now_ms - order.changed_at_ms > kept_ms:
        raise Refused(Reason.UNKNOWN_ORDER, "a text is forgotten some time after its order")
    return order


def look_up(caller: Caller, asked: Asked) -> Body:
    return order_told(find(caller, asked))


def cancel(caller: Caller, asked: Asked) -> Body:
    return order_told(caller.exchange.cancel(caller.name, find(caller, asked).number))


def cancel_all(caller: Caller, asked: Asked) -> Body:
    symbol = symbol_or_all(asked)
    found = caller.orders(symbol, is_open=True)
    return [order_told(caller.exchange.cancel(caller.name, one.number)) for one in found]


def cancel_later(caller: Caller, asked: Asked) -> Body:
    seconds = asked.whole("timeout")
    at_ms = caller.desk.now_ms + seconds * 1000 if seconds else 0
    caller.exchange.cancel_all_at(caller.name, symbol_or_all(asked) or "", at_ms)
    return {"triggerTime": at_ms}


def symbol_or_all(asked: Asked) -> str | None:
    return LISTINGS.named(asked.text("contract")).symbol if "contract" in asked else None


def orders(caller: Caller, asked: Asked) -> Body:
    """Newest first."""
    is_open = asked.needed("status") == "open"
    found = sorted(
        caller.orders(symbol_or_all(asked), is_open=is_open), key=lambda one: -one.number
    )
    last = asked.whole("last_id")
    found = [one for one in found if not last or one.number < last]
    return [order_told(order) for order in cut(asked, found)]


def orders_by_time(caller: Caller, asked: Asked) -> Body:
    symbol = symbol_or_all(asked)
    found = caller.orders(symbol, is_open=True) + caller.orders(symbol, is_open=False)
    found.sort(key=lambda one: -one.number)
    kept = [one for one in found if is_within(asked, one.placed_at_ms)]
    return [order_told(order) for order in cut(asked, kept)]


def cut(asked: Asked, found: list[Any]) -> list[Any]:
    start = asked.whole("offset")
    return found[start : start + min(asked.whole("limit", 100), 1000)]


def is_within(asked: Asked, at_ms: int) -> bool:
    since, until = asked.whole("from"), asked.whole("to")
    return at_ms >= since * 1000 and (not until or at_ms < (until + 1) * 1000)


FINISHED = {
    Ending.UNFILLED: "ioc",
    Ending.GAVE_WAY: "reduce_only",
    Ending.WOULD_TAKE: "poc",
}


def order_told(order: Order) -> dict[str, Any]:
    ask, listing = order.ask, LISTINGS.of(order.ask.symbol)
    sign = 1 if ask.side is Side.BUY else -1
    is_market = ask.price is None
    told: dict[str, Any] = {
        "id": order.number,
        "user": 1,
        "contract": listing.name,
        "create_time": order.placed_at_ms / 1000,
        "update_time": order.changed_at_ms / 1000,
        "size": size_told(sign * listing.contracts(ask.quantity)),
        "left": size_told(sign * listing.contracts(order.left)),
        "price": number(ask.price or ZERO),
        "fill_price": number(round(order.average, 8)),
        "tif": "ioc" if is_market else TIF[ask.style],
        "text": ask.client_id or "api",
        "is_reduce_only": order.closes is not None,
        "is_close": False,
        "is_liq": order.origin is Origin.LIQUIDATION,
        "iceberg": 0,
        "tkfr": "0.0005",
        "mkfr": "0.0002",
        "status": "open" if order.is_open else "finished",
    }
    if not order.is_open:
        told["finish_time"] = order.changed_at_ms / 1000
        told["finish_as"] = finish_of(order)
    return told


def finish_of(order: Order) -> str:
    if order.origin is Origin.LIQUIDATION or order.why_ended == Ending.LIQUIDATION:
        return "liquidated"
    if order.status is Status.FILLED:
        return "filled"
    return {str(why): told for why, told in FINISHED.items()}.get(order.why_ended, CANCELED)


def size_told(contracts_: Decimal) -> int | str:
    """Whole contracts as numbers; a liquidation may leave a part of one, and says so."""
    return int(contracts_) if not contracts_ % 1 else number(contracts_)


# Conditional orders


def arm(caller: Caller, asked: Asked) -> Body:
    initial, trigger = part(asked, "initial", price="0", size=0), part(asked, "trigger")
    if trigger.whole("strategy_type") or trigger.whole("rule") not in (1, 2):
        raise invalid("invalid trigger")
    if not initial.exact("price"):
        initial = part(asked, "initial", price="0", size=0, tif="ioc")
    order = ask_of(caller, initial, keeps_whole=True)
    level = trigger.exact("price")
    if level % LISTINGS.of(order.symbol).tick:
        raise Refused(Reason.BAD_PRICE, "no multiple of the tick")
    ask = TriggerAsk(
        order,
        level,
        rises=trigger.whole("rule") == 1,
        whole=not order.quantity,
        client_id=order.client_id,
    )
    return {"id": caller.exchange.arm(caller.name, ask).number}


def part(asked: Asked, name: str, **unless_told: Any) -> Asked:
    told = asked.told.get(name)
    if not isinstance(told, dict):
        raise invalid(f"{name} is missing")
    return Asked({**unless_told, **told})


def find_trigger(caller: Caller, asked: Asked) -> Trigger:
    return caller.find_trigger(asked.whole("order_id"))


def look_up_trigger(caller: Caller, asked: Asked) -> Body:
    return trigger_told(find_trigger(caller, asked))


def disarm(caller: Caller, asked: Asked) -> Body:
    trigger = find_trigger(caller, asked)
    return trigger_told(caller.exchange.disarm(caller.name, trigger.number))


def disarm_all(caller: Caller, asked: Asked) -> Body:
    found = caller.triggers(symbol_or_all(asked), is_waiting=True)
    return [trigger_told(caller.exchange.disarm(caller.name, one.number)) for one in found]


def triggers(caller: Caller, asked: Asked) -> Body:
    is_waiting = asked.needed("status") == "open"
    found = caller.triggers(symbol_or_all(asked), is_waiting=is_waiting)
    found.sort(key=lambda one: -one.number)
    return [trigger_told(one) for one in cut(asked, found)]


TRIGGER_ENDS = {
    Status.FIRED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELED: CANCELED,
}


def trigger_told(trigger: Trigger) -> dict[str, Any]:
    ask, order = trigger.ask, trigger.ask.order
    listing = LISTINGS.of(order.symbol)
    sign = 1 if order.side is Side.BUY else -1
    closes = "short" if order.side is Side.BUY else "long"
    initial = {
        "contract": listing.name,
        "size": size_told(sign * listing.contracts(order.quantity)),
        "price": number(order.price or ZERO),
        "tif": "ioc" if order.price is None else TIF[order.style],
        "text": order.client_id or "api",
        "is_reduce_only": order.is_reduce_only,
        "is_close": ask.whole and order.direction is None,
        "auto_size": f"close_{closes}" if ask.whole and order.direction else "",
    }
    told: dict[str, Any] = {
        "id": trigger.number,
        "user": 1,
        "create_time": trigger.placed_at_ms / 1000,
        "status": "open" if trigger.is_waiting else "finished",
        "order_type": f"close-{closes}-position" if ask.whole else "",
        "trade_id": trigger.order,
        "reason": trigger.why_ended,
        "initial": initial,
        "trigger": {
            "strategy_type": 0,
            "price_type": 0,
            "price": number(ask.level),
            "rule": 1 if ask.rises else 2,
            "expiration": 0,
        },
    }
    if not trigger.is_waiting:
        told["finish_time"] = trigger.changed_at_ms / 1000
        told["finish_as"] = TRIGGER_ENDS[trigger.status]
    return told


# The account


def main_keys(caller: Caller, _asked: Asked) -> Body:
    """The caller's keys, each with what it may do."""
    rights = ["futures", "withdraw"] if caller.withdraws else ["futures"]
    perms = [{"name": right, "read_only": False} for right in rights]
    told = {"state": 1, "mode": 1, "name": "paper", "perms": perms, "ip_whitelist": []}
    return [told | {"key": key.api_key} for key in caller.desk.keys if key.account == caller.name]


def detail(caller: Caller, _asked: Asked) -> Body:
    return {"user_id": 1, "ip_whitelist": [], "key": {"mode": 1}, "tier": 0, "name": caller.name}


def fee(caller: Caller, _asked: Asked) -> Body:
    rates = caller.exchange.rates
    maker, taker = number(rates.maker), number(rates.taker)
    spot = {"maker_fee": maker, "taker_fee": taker}
    return spot | {"futures_maker_fee": maker, "futures_taker_fee": taker}


def accounts(caller: Caller, _asked: Asked) -> Body:
    held = caller.holdings()
    exact = {
        "total": caller.account.cash,
        "unrealised_pnl": caller.unrealised(),
        "available": caller.available(),
        "position_margin": sum((caller.initial(one) for one in held), ZERO),
        "order_margin": caller.order_margin(),
        "maintenance_margin": sum((caller.maintenance(one) for one in held), ZERO),
    }
    told = {name: number(round(value, 8)) for name, value in exact.items()}
    return {**told, "currency": "USDT", "user": 1, "in_dual_mode": caller.account.is_hedged}


def set_mode(caller: Caller, asked: Asked) -> Body:
    caller.exchange.set_hedge(caller.name, asked.needed("dual_mode").lower() == "true")
    return accounts(caller, asked)


def set_leverage(caller: Caller, asked: Asked) -> Body:
    """A leverage of zero is cross margin, whose leverage stands elsewhere; others are isolated."""
    listing = LISTINGS.named(asked.needed("contract"))
    leverage = asked.whole("leverage")
    margin = Margin.ISOLATED if leverage else Margin.CROSS
    if not leverage:
        leverage = asked.whole("cross_leverage_limit") or caller.exchange.rates.most_leverage
    if caller.account.margin(listing.symbol) is not margin:
        caller.exchange.set_margin(caller.name, listing.symbol, margin)
    caller.exchange.set_leverage(caller.name, listing.symbol, leverage, margin=margin)
    return position(caller, asked)


def set_cross(caller: Caller, asked: Asked) -> Body:
    listing = LISTINGS.named(asked.needed("contract"))
    if asked.text("mode") not in MARGIN_MODES:
        raise invalid("invalid mode")
    caller.exchange.set_margin(caller.name, listing.symbol, MARGIN_MODES[asked.text("mode")])
    return position(caller, asked)


def position(caller: Caller, asked: Asked) -> Body:
    """Both directions as a list in dual mode, else the one; told also where it is empty."""
    listing = LISTINGS.named(asked.needed("contract"))
    held = {one.direction: one for one in caller.holdings(listing.symbol)}
    margin = caller.account.margin(listing.symbol)
    if caller.account.is_hedged:
        both = [held.get(one) or Holding(listing.symbol, one, margin, 0) for one in Direction]
        return [position_told(caller, one) for one in both]
    empty = Holding(listing.symbol, Direction.LONG, margin, 0)
    return position_told(caller, next(iter(held.values()), empty))


def positions(caller: Caller, _asked: Asked) -> Body:
    return [position_told(caller, holding) for holding in caller.holdings()]


def position_told(caller: Caller, holding: Holding) -> dict[str, Any]:
    listing, mark = LISTINGS.of(holding.symbol), caller.mark(holding.symbol)
    sign = 1 if holding.direction is Direction.LONG else -1
    is_cross = holding.margin is Margin.CROSS
    leverage = str(caller.leverage(holding))
    price = caller.liquidation_price(holding) if holding.quantity else None
    mode = f"dual_{holding.direction}" if caller.account.is_hedged else "single"
    exact = {
        "value": holding.quantity * mark,
        "margin": caller.initial(holding),
        "initial_margin": caller.initial(holding),
        "maintenance_margin": caller.maintenance(holding),
        "entry_price": holding.entry_price,
        "mark_price": mark,
        "liq_price": price or ZERO,
        "unrealised_pnl": holding.unrealised(mark),
        "realised_pnl": holding.realized + holding.funding,
        "maintenance_rate": caller.exchange.rates.maintenance,
    }
    told = {name: number(round(value, 8)) for name, value in exact.items()}
    return told | {
        "user": 1,
        "contract": listing.name,
        "size": size_told(sign * listing.contracts(holding.quantity)),
        "leverage": "0" if is_cross else leverage,
        "cross_leverage_limit": leverage if is_cross else "0",
        "leverage_max": str(caller.exchange.rates.most_leverage),
        "risk_limit": "1000000",
        "mode": mode,
        "pending_orders": len(caller.orders(holding.symbol, is_open=True)),
        "open_time": holding.opened_at_ms // 1000,
        "update_time": holding.changed_at_ms // 1000,
    }


def trades(caller: Caller, asked: Asked) -> Body:
    order = asked.text("order")
    found = caller.executions(symbol_or_all(asked), int(order) if order.isdigit() else 0)
    kept = [one for one in reversed(found) if is_within(asked, one.at_ms)]
    return [trade_told(caller, one) for one in cut(asked, kept)]


def trade_told(caller: Caller, one: Execution) -> dict[str, Any]:
    listing = LISTINGS.of(one.symbol)
    sign = 1 if one.side is Side.BUY else -1
    return {
        "id": one.number,
        "trade_id": str(one.number),
        "create_time": one.at_ms / 1000,
        "contract": listing.name,
        "order_id": str(one.order),
        "size": size_told(sign * listing.contracts(one.quantity)),
        "price": number(one.price),
        "text": caller.account.orders[one.order].ask.client_id or "api",
        "fee": number(one.fee),
        "point_fee": "0",
        "role": "maker" if one.is_maker else "taker",
    }


def account_book(caller: Caller, asked: Asked) -> Body:
    """Newest first."""
    rows: list[tuple[int, str, str, Decimal, int]] = [
        (one.number, BOOK_TYPES[one.kind], one.symbol, one.amount, one.at_ms)
        for one in caller.account.moved
    ]
    for one in caller.executions():
        rows.append((one.number, "fee", one.symbol, -one.fee, one.at_ms))
        if one.realized:
            rows.append((one.number, "pnl", one.symbol, one.realized, one.at_ms))
    kind, symbol = asked.text("type"), symbol_or_all(asked)
    kept = [
        row
        for row in sorted(rows, key=lambda row: -row[0])
        if kind in ("", row[1]) and symbol in (None, row[2]) and is_within(asked, row[4])
    ]
    return [book_row(row) for row in cut(asked, kept)]


def book_row(row: tuple[int, str, str, Decimal, int]) -> dict[str, Any]:
    identity, kind, symbol, amount, at_ms = row
    name = LISTINGS.of(symbol).name if symbol else ""
    told = {"time": at_ms // 1000, "change": number(amount), "type": kind}
    return told | {"id": str(identity), "contract": name, "text": name}


PUBLIC = {
    "spot/time": time,
    "futures/{settle}/contracts": contracts,
    "futures/usdt/contracts/{contract}": contract,
    "futures/usdt/tickers": tickers,
    "futures/usdt/trades": tape,
    "futures/usdt/order_book": order_book,
    "futures/usdt/candlesticks": candlesticks,
}
F = "futures/usdt"
PRIVATE = [
    ("GET", "wallet/fee", Operation.READ, fee),
    ("GET", "account/detail", Operation.READ, detail),
    ("GET", "account/main_keys", Operation.READ, main_keys),
    ("POST", f"{F}/orders", Operation.PLACE, place),
    ("GET", f"{F}/orders", Operation.READ, orders),
    ("DELETE", f"{F}/orders", Operation.CANCEL, cancel_all),
    ("GET", f"{F}/orders_timerange", Operation.READ, orders_by_time),
    ("POST", f"{F}/countdown_cancel_all", Operation.SETTING, cancel_later),
    ("GET", f"{F}/orders/{{order_id}}", Operation.LOOK_UP, look_up),
    ("DELETE", f"{F}/orders/{{order_id}}", Operation.CANCEL, cancel),
    ("POST", f"{F}/price_orders", Operation.PLACE, arm),
    ("GET", f"{F}/price_orders", Operation.READ, triggers),
    ("DELETE", f"{F}/price_orders", Operation.CANCEL, disarm_all),
    ("GET", f"{F}/price_orders/{{order_id}}", Operation.LOOK_UP, look_up_trigger),
    ("DELETE", f"{F}/price_orders/{{order_id}}", Operation.CANCEL, disarm),
    ("GET", f"{F}/accounts", Operation.READ, accounts),
    ("GET", f"{F}/account_book", Operation.READ, account_book),
    ("POST", f"{F}/dual_mode", Operation.SETTING, set_mode),
    ("GET", f"{F}/positions", Operation.READ, positions),
    ("POST", f"{F}/positions/cross_mode", Operation.SETTING, set_cross),
    ("POST", f"{F}/dual_comp/positions/cross_mode", Operation.SETTING, set_cross),
    ("GET", f"{F}/positions/{{contract}}", Operation.READ, position),
    ("GET", f"{F}/dual_comp/positions/{{contract}}", Operation.READ, position),
    ("POST", f"{F}/positions/{{contract}}/leverage", Operation.SETTING, set_leverage),
    ("POST", f"{F}/dual_comp/positions/{{contract}}/leverage", Operation.SETTING, set_leverage),
    ("GET", f"{F}/my_trades", Operation.READ, trades),
    ("GET", f"{F}/my_trades_timerange", Operation.READ, trades),
]
