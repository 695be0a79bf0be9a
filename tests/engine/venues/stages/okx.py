"""OKX's answers, in the shapes that its documents show."""

from decimal import Decimal

from engine.signal import Action, Direction
from engine.venues.okx import Okx
from tests.engine.venues.local_venue import NOW_MS, several
from tests.engine.venues.stages import (
    BARS,
    ONE_WAY_CROSS,
    OUR_ID,
    SHORT,
    Scene,
    Stage,
    asking,
    of_found,
    ours,
)


def told(*rows, code="0", msg=""):
    return {"code": code, "msg": msg, "data": list(rows)}


def swap(base, **changes):
    words = {
        "instType": "SWAP",
        "instId": f"{base}-USDT-SWAP",
        "instFamily": f"{base}-USDT",
        "settleCcy": "USDT",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": base,
        "ctType": "linear",
        "tickSz": "0.1",
        "lotSz": "0.1",
        "minSz": "0.1",
        "lever": "100",
        "state": "live",
    }
    return words | changes


def order(**changes):
    words = {
        "instType": "SWAP",
        "instId": "BTC-USDT-SWAP",
        "ordId": "312269865356374016",
        "clOrdId": OUR_ID,
        "px": "",
        "sz": "1.5",
        "ordType": "market",
        "side": "buy",
        "posSide": "long",
        "tdMode": "isolated",
        "accFillSz": "1.5",
        "avgPx": "60000.5",
        "state": "filled",
        "fee": "-0.45",
        "feeCcy": "USDT",
        "reduceOnly": "false",
        "cancelSourceReason": "",
        "uTime": str(NOW_MS),
    }
    return words | changes


def trade(number, size, price, fee, **changes):
    words = {
        "instType": "SWAP",
        "instId": "BTC-USDT-SWAP",
        "tradeId": number,
        "billId": f"9{number}",
        "ordId": "312269865356374016",
        "clOrdId": OUR_ID,
        "fillPx": price,
        "fillSz": size,
        "side": "buy",
        "posSide": "long",
        "execType": "T",
        "feeCcy": "USDT",
        "fee": fee,
        "ts": str(NOW_MS),
    }
    return words | changes


def algo(number, stop, target, side="long", closing="sell", **changes):
    words = {
        "algoId": number,
        "instId": "BTC-USDT-SWAP",
        "ordType": "oco",
        "side": closing,
        "posSide": side,
        "closeFraction": "1",
        "tdMode": "isolated",
        "slTriggerPx": stop,
        "tpTriggerPx": target,
        "state": "live",
    }
    return words | changes


def fired(number, became, **changes):
    words = {"state": "effective", "algoClOrdId": OUR_ID, "ordId": became, "cTime": str(NOW_MS)}
    return algo(number, "58000", "70000", **words | changes)


def position(side, size, **changes):
    words = {
        "instType": "SWAP",
        "instId": "BTC-USDT-SWAP",
        "posSide": side,
        "pos": size,
        "avgPx": "60000.5",
        "lever": "10",
        "mgnMode": "isolated",
        "margin": "90.1",
        "upl": "14.9925",
        "liqPx": "54500.1",
        "ccy": "USDT",
    }
    return words | changes


def bill(number, kind, change, **changes):
    words = {
        "billId": number,
        "type": kind,
        "subType": "173",
        "ccy": "USDT",
        "balChg": change,
        "posBalChg": "0",
        "instId": "BTC-USDT-SWAP" if kind == "8" else "",
        "ts": str(NOW_MS),
    }
    return words | changes


def leverage(value, *sides):
    return told(
        *({"lever": value, "mgnMode": "isolated", "posSide": side} for side in sides or ("net",))
    )


def config(mode, **changes):
    words = {"acctLv": "2", "posMode": mode, "perm": "read_only,trade", "uid": "1"}
    return told(words | changes)


BALANCE = {
    "ccy": "USDT",
    "eq": "1012.75",
    "cashBal": "922.65",
    "isoEq": "105.1",
    "availEq": "900.125",
    "availBal": "899",
    "upl": "-12.5",
    "isoUpl": "14.9925",
}
TAKEN = {"ordId": "312269865356374016", "clOrdId": OUR_ID, "tag": "", "sCode": "0", "sMsg": ""}
ORDERS = "/api/v5/trade/order"
POSITIONS = "GET /api/v5/account/positions"
ALGOS = "GET /api/v5/trade/orders-algo-pending"
ANSWERS = {
    "GET /api/v5/public/instruments": told(
        swap("BTC"),
        swap("ETH", lotSz="", minSz=""),
        swap("ODD", ctValCcy="USD"),
        swap("BTC", instId="BTC-USD-SWAP", ctType="inverse", settleCcy="BTC"),
    ),
    "GET /api/v5/public/open-interest": told(
        {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "oi": "1065950.9", "oiCcy": "10659.509"}
    ),
    "GET /api/v5/public/funding-rate": told(
        {"instId": "BTC-USDT-SWAP", "fundingRate": "0.00038246", "nextFundingRate": ""}
    ),
    "GET /api/v5/market/ticker": told({"instId": "BTC-USDT-SWAP", "last": "60123.4"}),
    "GET /api/v5/market/history-candles": told(
        *([str(at), *prices, "150", coins, "90000", "1"] for at, *prices, coins in BARS[::-1])
    ),
    "GET /api/v5/account/config": config("long_short_mode"),
    "POST /api/v5/account/set-position-mode": told({"posMode": "long_short_mode"}),
    "GET /api/v5/account/leverage-info": leverage("20", "long", "short"),
    "POST /api/v5/account/set-leverage": told({"lever": "10", "mgnMode": "isolated"}),
    f"POST {ORDERS}": told(TAKEN),
    f"GET {ORDERS}": told(order()),
    "POST /api/v5/trade/cancel-order": told(TAKEN),
    "GET /api/v5/trade/fills": told(
        trade("7002", "0.9", "60000.8", "0.003", execType="M"),
        trade("7001", "0.6", "60000", "-0.18"),
    ),
    "GET /api/v5/trade/fills-history": told(trade("7001", "0.6", "60000", "-0.18")),
    "GET /api/v5/trade/orders-pending": told(order(state="live", accFillSz="0")),
    ALGOS: told(
        algo("1", "58000", "70000"),
        algo("2", "66000", "", "short", "buy"),
        algo("3", "57000", "", closeFraction=""),
    ),
    "GET /api/v5/trade/orders-algo-history": told(
        fired("1", "312269865356374017"),
        fired("2", "312269865356374018", algoClOrdId=""),
        fired("3", "312269865356374019", closeFraction=""),
        fired("4", "312269865356374020", cTime=str(NOW_MS - 1001)),
        fired("5", "312269865356374021"),
    ),
    "POST /api/v5/trade/cancel-algos": told({"algoId": "1", "sCode": "0", "sMsg": ""}),
    "POST /api/v5/trade/order-algo": told({"algoId": "9", "sCode": "0", "sMsg": ""}),
    "GET /api/v5/account/balance": told({"totalEq": "1", "details": [BALANCE]}),
    POSITIONS: told(position("long", "1.5"), position("short", "0")),
    "GET /api/v5/account/bills-archive": several(told(bill("11", "8", "-0.25")), told()),
    "GET /api/v5/public/time": told({"ts": str(NOW_MS + 250)}),
}
NET = {
    "GET /api/v5/account/config": config("net_mode"),
    "POST /api/v5/account/set-position-mode": told(code="59000", msg="Setting failed."),
    "GET /api/v5/account/leverage-info": leverage("20"),
}
READY = {"GET /api/v5/account/leverage-info": leverage("10.0", "long", "short")}


def refusal(code):
    if code.startswith("http "):
        return int(code[5:]), "<html>no</html>"
    if code == "no code":
        return {"msg": "other words"}
    if code < "51":
        return 400, told(code=code, msg="as the documents say")
    return told({"ordId": "", "sCode": code, "sMsg": "as the documents say"}, code="1")


STAGE = Stage(
    venue=Okx,
    symbol="BTC/USDT",
    quantity="0.015",
    answers=ANSWERS,
    order=f"POST {ORDERS}",
    lookup=f"GET {ORDERS}",
    absent={f"GET {ORDERS}": told(code="51603", msg="Order does not exist")},
    refusal=refusal,
)
STAGE.scenes.extend(
    [
        *(Scene(title, do) for title, do in ours(STAGE.order_ticket, "59000.1")),
        *(
            Scene(title, do, {POSITIONS: told(position("long", "1"), position("short", "1"))})
            for title, do in asking("BTC/USDT", "59000", "66000.5", "312269865356374016")
        ),
        Scene("leverage is as asked", lambda v: v.place(STAGE.order_ticket()), READY),
        Scene("net mode: a long is opened", lambda v: v.place(STAGE.order_ticket()), NET),
        Scene(
            "net mode: a short is closed",
            lambda v: v.place(STAGE.order_ticket(direction=SHORT, action=Action.CLOSE)),
            NET,
        ),
        Scene(
            "net mode: a short in cross margin is protected by a target only",
            lambda v: v.protect(
                symbol="BTC/USDT", direction=SHORT, stop=None, target=Decimal(50000)
            ),
            NET
            | {
                ALGOS: told(algo("5", "66000", "", "net", "buy")),
                POSITIONS: told(position("net", "-1", mgnMode="cross")),
            },
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
        Scene(
            "old fills stand in the history",
            lambda v: v.find(symbol="BTC/USDT", client_order_id=OUR_ID),
            {"GET /api/v5/trade/fills": told()},
        ),
        Scene(
            "a market order with stop and target",
            lambda v: v.place(STAGE.order_ticket(stop="58000", target="71000")),
            READY,
        ),
        Scene(
            "net mode: an account without positions is switched to two sides",
            lambda v: v.place(STAGE.order_ticket()),
            {"GET /api/v5/account/config": several(config("net_mode"), config("long_short_mode"))},
        ),
        Scene(
            "two sides: an account without positions is switched to net mode, cross",
            lambda v: v.place(STAGE.order_ticket(**ONE_WAY_CROSS)),
            NET
            | {
                "GET /api/v5/account/config": several(
                    config("long_short_mode"), config("net_mode")
                ),
                "POST /api/v5/account/set-position-mode": told({"posMode": "net_mode"}),
            },
        ),
    ]
)
STAGE.scenes.extend(of_found(STAGE))
