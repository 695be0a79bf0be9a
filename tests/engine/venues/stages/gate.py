"""Gate's answers, in the shapes that its documents show."""

from decimal import Decimal

from engine.messages import Margin, PositionMode
from engine.signal import Action, Direction
from engine.venues.gate import Gate
from tests.engine.venues.local_venue import NOW_MS, Keys, several
from tests.engine.venues.stages import BARS, OUR_ID, SHORT, Scene, Stage, asking, of_found, ours

LABEL = f"t-{OUR_ID}"
FUTURES = "/api/v4/futures/usdt"
ORDERS = f"{FUTURES}/orders"
NAMED = f"GET {ORDERS}/{LABEL}"
BOTH_SIDES = f"{FUTURES}/dual_comp/positions/BTC_USDT/leverage"
ONE_SIDE = f"{FUTURES}/positions/BTC_USDT/leverage"


def contract(name, **changes):
    words = {
        "name": name,
        "type": "direct",
        "quanto_multiplier": "0.0001",
        "order_price_round": "0.1",
        "order_size_min": 1,
        "order_size_max": 1000000,
        "enable_decimal": False,
        "in_delisting": False,
    }
    return words | changes


def order(**changes):
    words = {
        "id": 58828270140601928,
        "contract": "BTC_USDT",
        "create_time": 1700000005.123,
        "tif": "ioc",
        "is_reduce_only": False,
        "is_close": False,
        "price": "0",
        "size": 100,
        "left": 0,
        "text": LABEL,
        "fill_price": "60000.5",
        "finish_as": "filled",
        "status": "finished",
    }
    return words | changes


def trade(number, size, price, fee, **changes):
    words = {
        "id": number,
        "trade_id": str(number),
        "create_time": 1700000005.123,
        "contract": "BTC_USDT",
        "order_id": "58828270140601928",
        "size": size,
        "price": price,
        "role": "taker",
        "text": LABEL,
        "fee": fee,
        "point_fee": "0",
    }
    return words | changes


def position(side, size, **changes):
    words = {
        "contract": "BTC_USDT",
        "size": size,
        "leverage": "10",
        "cross_leverage_limit": "0",
        "mode": f"dual_{side}",
        "entry_price": "60000.5",
        "unrealised_pnl": "9.995",
        "margin": "60.1",
        "liq_price": "54500.1",
    }
    return words | changes


def trigger(number, price, rule, direction="long", **changes):
    words = {
        "id": number,
        "trigger": {"strategy_type": 0, "price_type": 0, "price": price, "rule": rule},
        "initial": {"contract": "BTC_USDT", "size": 0, "price": "0"},
        "status": "open",
        "order_type": f"close-{direction}-position",
        "create_time": 1700000005.123,
        "trade_id": 0,
    }
    return words | changes


def entry(number, kind, change, **changes):
    words = {
        "id": number,
        "time": 1700000005,
        "change": change,
        "balance": "1000",
        "type": kind,
        "text": "BTC_USDT:3914424" if kind == "fund" else "",
        "contract": "BTC_USDT" if kind == "fund" else "",
    }
    return words | changes


def leverage(value, limit="0"):
    return {"contract": "BTC_USDT", "leverage": value, "cross_leverage_limit": limit, "size": 0}


ACCOUNT = {
    "total": "1000.25",
    "unrealised_pnl": "-12.5",
    "position_margin": "60",
    "available": "900.125",
    "in_dual_mode": True,
    "margin_mode": 0,
    "currency": "USDT",
}
KEY = {
    "key": Keys().api_key,
    "perms": [{"name": "futures", "read_only": False}, {"name": "wallet", "read_only": True}],
}
CROSS = {f"POST {BOTH_SIDES}": [leverage("0", "10"), leverage("0", "10")]}
ANSWERS = {
    f"GET {FUTURES}/contracts": [
        contract("BTC_USDT"),
        contract("ODD_USDT", order_price_round="", order_size_min=None),
        contract("NONE_USDT", quanto_multiplier="0"),
        contract("BTC_USD", type="inverse"),
    ],
    f"GET {FUTURES}/tickers": [
        {
            "contract": "BTC_USDT",
            "last": "60123.4",
            "total_size": "106595090",
            "funding_rate": "0.00038246",
        }
    ],
    f"GET {FUTURES}/candlesticks": [
        dict(zip("tohlc", (at // 1000, *prices), strict=True)) | {"v": int(float(coins) * 10_000)}
        for at, *prices, coins in BARS
    ],
    f"GET {FUTURES}/accounts": ACCOUNT,
    f"POST {FUTURES}/dual_mode": ACCOUNT,
    f"POST {BOTH_SIDES}": [leverage("10"), leverage("10")],
    f"POST {ONE_SIDE}": leverage("10"),
    f"POST {ORDERS}": (201, order()),
    NAMED: order(),
    f"GET {ORDERS}/58828270140601928": order(),
    f"GET {ORDERS}": [],
    f"DELETE {ORDERS}/{LABEL}": order(finish_as="reduce_out", left=100),
    f"GET {FUTURES}/my_trades": [
        trade(7001, 40, "60000.0", "0.12"),
        trade(7002, 60, "60000.8", "-0.003", role="maker"),
    ],
    f"GET {FUTURES}/my_trades_timerange": [trade(7001, 40, "60000.0", "0.12")],
    f"GET {FUTURES}/price_orders": [
        trigger(1, "58000", 2),
        trigger(2, "70000", 1),
        trigger(3, "66000", 1, "short"),
        trigger(4, "57000", 2, order_type=""),
    ],
    f"POST {FUTURES}/price_orders": (201, {"id": 9}),
    f"DELETE {FUTURES}/price_orders/1": trigger(1, "58000", 2),
    f"DELETE {FUTURES}/price_orders/2": trigger(2, "70000", 1),
    f"DELETE {FUTURES}/price_orders/3": trigger(3, "66000", 1),
    f"GET {FUTURES}/positions": [position("long", 100), position("short", 0)],
    f"GET {FUTURES}/account_book": several([entry("11", "fund", "-0.25")], []),
    "GET /api/v4/account/main_keys": [KEY | {"key": "another"}, KEY],
    "GET /api/v4/spot/time": {"server_time": NOW_MS + 250},
}
SINGLE = {
    f"GET {FUTURES}/accounts": ACCOUNT | {"in_dual_mode": False},
    f"POST {FUTURES}/dual_mode": (400, {"label": "POSITION_HOLDING", "message": "held"}),
}
UNIFIED = {
    f"GET {FUTURES}/accounts": {},
    "GET /api/v4/unified/accounts": {
        "balances": {"USDT": {"available": "900.125", "equity": "1000.25", "freeze": "0"}}
    },
}
ABSENT = (404, {"label": "ORDER_NOT_FOUND", "message": "Order not found"})


def refusal(code):
    if code.startswith("http "):
        return int(code[5:]), "<html>no</html>"
    return 400, {"label": code, "message": "as the documents say"}


STAGE = Stage(
    venue=Gate,
    symbol="BTC/USDT",
    quantity="0.01",
    answers=ANSWERS,
    order=f"POST {ORDERS}",
    lookup=NAMED,
    absent={NAMED: ABSENT, f"GET {FUTURES}/my_trades": []},
    refusal=refusal,
)
FIND = {"symbol": "BTC/USDT", "client_order_id": OUR_ID}
STAGE.scenes.extend(
    [
        *(
            Scene(title, do, CROSS if "cross" in title else {})
            for title, do in ours(STAGE.order_ticket, "59000.1")
        ),
        *(
            Scene(title, do)
            for title, do in asking("BTC/USDT", "59000", "66000.5", "58828270140601928")
        ),
        Scene("one side: a long is opened", lambda v: v.place(STAGE.order_ticket()), SINGLE),
        Scene(
            "one side: a long is opened, cross",
            lambda v: v.place(STAGE.order_ticket(margin=Margin.CROSS)),
            SINGLE | {f"POST {ONE_SIDE}": leverage("0", "10")},
        ),
        Scene(
            "one side: a short is closed",
            lambda v: v.place(STAGE.order_ticket(direction=SHORT, action=Action.CLOSE)),
            SINGLE,
        ),
        Scene(
            "one side: an account without positions is switched to two",
            lambda v: v.place(STAGE.order_ticket()),
            {
                f"GET {FUTURES}/accounts": several(
                    ACCOUNT | {"in_dual_mode": False}, ACCOUNT | {"in_dual_mode": True}
                )
            },
        ),
        Scene(
            "one side: a long is protected",
            lambda v: v.protect(
                symbol="BTC/USDT", direction=Direction.LONG, stop=Decimal(59000), target=None
            ),
            SINGLE | {f"GET {FUTURES}/price_orders": []},
        ),
        Scene(
            "a stop that already stands is left alone",
            lambda v: v.protect(
                symbol="BTC/USDT",
                direction=Direction.LONG,
                stop=Decimal(58000),
                target=Decimal(70000),
            ),
        ),
        Scene("the balance of a unified account", lambda v: v.balance(), UNIFIED),
        Scene(
            "an order that is not found by its label is among the finished ones",
            lambda v: v.find(**FIND),
            {NAMED: ABSENT, f"GET {ORDERS}": several([], [order(text="web"), order()])},
        ),
        Scene(
            "an order that is not found by its label has traded",
            lambda v: v.find(**FIND),
            {NAMED: ABSENT, f"GET {ORDERS}/58828270140601928": order()},
        ),
        Scene(
            "an order that is nowhere",
            lambda v: v.find(**FIND),
            {NAMED: ABSENT, f"GET {FUTURES}/my_trades": []},
        ),
        Scene(
            "a market order with stop and target",
            lambda v: v.place(STAGE.order_ticket(stop="58000", target="71000")),
        ),
        Scene(
            "two sides: an account without positions is switched to one",
            lambda v: v.place(STAGE.order_ticket(position_mode=PositionMode.ONE_WAY)),
            {
                f"GET {FUTURES}/accounts": several(
                    ACCOUNT | {"in_dual_mode": True}, ACCOUNT | {"in_dual_mode": False}
                )
            },
        ),
    ]
)
STAGE.scenes.extend(of_found(STAGE))
