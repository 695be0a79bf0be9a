"""Binance's answers, in the shapes that its documents show."""

from engine.signal import Action
from engine.venues.binance import Binance
from tests.engine.venues.local_venue import NOW_MS, several
from tests.engine.venues.stages import (
    BARS,
    HOUR_MS,
    ONE_WAY_CROSS,
    OUR_ID,
    SHORT,
    Scene,
    Stage,
    asking,
    of_found,
    ours,
)

FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "261.10", "maxPrice": "809484", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "maxQty": "120", "minQty": "0.001"},
    {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    {"filterType": "MIN_NOTIONAL", "notional": "100"},
]


def symbol(base, **changes):
    words = {
        "symbol": f"{base}USDT",
        "pair": f"{base}USDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "filters": FILTERS,
    }
    return words | changes


def order(**changes):
    words = {
        "orderId": 22542179,
        "symbol": "BTCUSDT",
        "status": "FILLED",
        "clientOrderId": OUR_ID,
        "price": "0.00",
        "avgPrice": "60000.50000",
        "origQty": "0.010",
        "executedQty": "0.010",
        "cumQuote": "600.00500",
        "timeInForce": "GTC",
        "type": "MARKET",
        "reduceOnly": False,
        "closePosition": False,
        "side": "BUY",
        "positionSide": "LONG",
        "stopPrice": "0.00",
        "updateTime": NOW_MS,
    }
    return words | changes


def trade(number, quantity, price, fee, **changes):
    words = {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 22542179,
        "side": "BUY",
        "price": price,
        "qty": quantity,
        "realizedPnl": "0",
        "quoteQty": "300",
        "commission": fee,
        "commissionAsset": "USDT",
        "time": NOW_MS,
        "positionSide": "LONG",
        "maker": False,
        "buyer": True,
    }
    return words | changes


def income(kind, number, amount, **changes):
    words = {
        "symbol": "BTCUSDT" if kind == "FUNDING_FEE" else "",
        "incomeType": kind,
        "income": amount,
        "asset": "USDT",
        "time": NOW_MS,
        "info": kind,
        "tranId": number,
        "tradeId": "",
    }
    return words | changes


def conditional(number, kind, trigger, of="LONG", **changes):
    words = {
        "algoId": number,
        "clientAlgoId": f"web{number}",
        "algoType": "CONDITIONAL",
        "orderType": kind,
        "symbol": "BTCUSDT",
        "side": "SELL",
        "positionSide": of,
        "algoStatus": "NEW",
        "triggerPrice": trigger,
        "closePosition": True,
        "workingType": "MARK_PRICE",
    }
    return words | changes


def fired(number, became, **changes):
    words = {"clientAlgoId": OUR_ID, "algoStatus": "FINISHED", "actualOrderId": became}
    return conditional(number, "STOP_MARKET", "58000.00", **words | changes)


def position(side, amount, **changes):
    words = {
        "symbol": "BTCUSDT",
        "positionSide": side,
        "positionAmt": amount,
        "entryPrice": "60000.5",
        "breakEvenPrice": "60030.5",
        "markPrice": "61000.0",
        "unRealizedProfit": "9.995",
        "liquidationPrice": "54500.1",
        "isolatedMargin": "60.1",
        "notional": "610.0",
        "marginAsset": "USDT",
        "isolatedWallet": "60.1",
        "initialMargin": "61.0",
        "updateTime": NOW_MS,
    }
    return words | changes


def asset(name, **changes):
    words = {
        "asset": name,
        "walletBalance": "1000.25",
        "unrealizedProfit": "-12.5",
        "marginBalance": "987.75",
        "availableBalance": "900.125",
        "crossWalletBalance": "1000.25",
        "crossUnPnl": "-12.5",
        "maxWithdrawAmount": "900.125",
    }
    return words | changes


CONFIG = {"symbol": "BTCUSDT", "marginType": "CROSSED", "isAutoAddMargin": False, "leverage": 20}
ORDERS = "/fapi/v1/order"
ANSWERS = {
    "GET /fapi/v1/exchangeInfo": {
        "serverTime": NOW_MS,
        "symbols": [
            symbol("BTC", symbol="BTCUSDT_260327", contractType="CURRENT_QUARTER"),
            symbol("BTC"),
            symbol("BNB"),
            symbol("ODD", filters=FILTERS[:1]),
        ],
    },
    "GET /fapi/v1/openInterest": {"openInterest": "10659.509", "symbol": "BTCUSDT", "time": NOW_MS},
    "GET /fapi/v1/premiumIndex": {
        "symbol": "BTCUSDT",
        "markPrice": "60120.0",
        "lastFundingRate": "0.00038246",
        "interestRate": "0.00010000",
        "time": NOW_MS,
    },
    "GET /fapi/v2/ticker/price": {"symbol": "BTCUSDT", "price": "60123.40", "time": NOW_MS},
    "GET /fapi/v1/klines": [
        [at, *values, at + HOUR_MS - 1, "90000", 12, "0.5", "30000", "0"] for at, *values in BARS
    ],
    "GET /fapi/v1/positionSide/dual": {"dualSidePosition": True},
    "POST /fapi/v1/positionSide/dual": {"code": 200, "msg": "success"},
    "GET /fapi/v1/symbolConfig": [CONFIG],
    "POST /fapi/v1/marginType": {"code": 200, "msg": "success"},
    "POST /fapi/v1/leverage": {"leverage": 10, "maxNotionalValue": "1", "symbol": "BTCUSDT"},
    f"POST {ORDERS}": order(),
    f"GET {ORDERS}": order(),
    f"DELETE {ORDERS}": order(status="CANCELED", executedQty="0"),
    "GET /fapi/v1/userTrades": [
        trade(7001, "0.004", "60000.0", "0.12"),
        trade(7002, "0.006", "60000.8", "-0.003", maker=True),
    ],
    "GET /fapi/v1/openOrders": [order(status="NEW", executedQty="0", type="LIMIT")],
    "GET /fapi/v1/openAlgoOrders": [
        conditional(1, "STOP_MARKET", "58000.00"),
        conditional(2, "TAKE_PROFIT_MARKET", "70000.00"),
        conditional(3, "STOP_MARKET", "66000.00", "SHORT", side="BUY"),
        conditional(4, "STOP_MARKET", "57000.00", closePosition=False),
    ],
    "GET /fapi/v1/allAlgoOrders": [
        fired(1, "22542180"),
        fired(2, ""),
        fired(3, "22542181", clientAlgoId="web_1"),
        fired(4, "22542182", closePosition=False),
    ],
    "DELETE /fapi/v1/algoOrder": {"algoId": 1, "code": "200", "msg": "success"},
    "POST /fapi/v1/algoOrder": conditional(9, "STOP_MARKET", "59000.00"),
    "GET /fapi/v3/account": {"assets": [asset("BNB"), asset("USDT")], "positions": []},
    "GET /fapi/v3/positionRisk": [position("LONG", "0.010"), position("SHORT", "0.000")],
    "GET /fapi/v1/income": several([income("FUNDING_FEE", 11, "-0.25")], []),
    "GET /fapi/v1/accountConfig": {"canTrade": True, "dualSidePosition": True},
    "GET /sapi/v1/account/apiRestrictions": {"enableFutures": True, "enableWithdrawals": False},
    "GET /fapi/v1/time": {"serverTime": NOW_MS + 250},
}
ONE_WAY = {
    "GET /fapi/v1/positionSide/dual": {"dualSidePosition": False},
    "POST /fapi/v1/positionSide/dual": (400, {"code": -4068, "msg": "Position exists."}),
}
READY = {"GET /fapi/v1/symbolConfig": [CONFIG | {"marginType": "ISOLATED", "leverage": 10}]}


def refusal(code):
    if code.startswith("http "):
        return int(code[5:]), "<html>no</html>"
    return 400, {"code": int(code), "msg": "as the documents say"}


STAGE = Stage(
    venue=Binance,
    symbol="BTC/USDT",
    quantity="0.01",
    answers=ANSWERS,
    order=f"POST {ORDERS}",
    lookup=f"GET {ORDERS}",
    absent={f"GET {ORDERS}": (400, {"code": -2013, "msg": "Order does not exist."})},
    refusal=refusal,
)
STAGE.scenes.extend(
    [
        *(Scene(title, do) for title, do in ours(STAGE.order_ticket, "59000.1")),
        *(Scene(title, do) for title, do in asking("BTC/USDT", "59000", "66000", "22542179")),
        Scene("leverage and margin are as asked", lambda v: v.place(STAGE.order_ticket()), READY),
        Scene("one-way: a long is opened", lambda v: v.place(STAGE.order_ticket()), ONE_WAY),
        Scene(
            "one-way: a short is closed",
            lambda v: v.place(STAGE.order_ticket(direction=SHORT, action=Action.CLOSE)),
            ONE_WAY,
        ),
        Scene(
            "one-way: an account without positions is switched to two sides",
            lambda v: v.place(STAGE.order_ticket()),
            {
                "GET /fapi/v1/positionSide/dual": several(
                    {"dualSidePosition": False}, {"dualSidePosition": "true"}
                )
            },
        ),
        Scene(
            "one-way: a position is protected",
            lambda v: v.protect(symbol="BTC/USDT", direction=SHORT, stop=None, target=None),
            ONE_WAY
            | {"GET /fapi/v1/openAlgoOrders": [conditional(5, "STOP_MARKET", "1.0", "BOTH")]},
        ),
        Scene(
            "a market order with stop and target",
            lambda v: v.place(STAGE.order_ticket(stop="58000", target="71000")),
            READY,
        ),
        Scene(
            "hedge: an account without positions is switched to one-way, cross",
            lambda v: v.place(STAGE.order_ticket(**ONE_WAY_CROSS)),
            {
                "GET /fapi/v1/positionSide/dual": several(
                    {"dualSidePosition": True}, {"dualSidePosition": False}
                )
            },
        ),
    ]
)
STAGE.scenes.extend(of_found(STAGE, {"GET /fapi/v1/userTrades": []}))
