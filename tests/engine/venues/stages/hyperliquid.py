"""Hyperliquid's answers, in the shapes that its documents show."""

import json
from decimal import Decimal

from engine.signal import Direction
from engine.venues.client_ids import at_venue
from engine.venues.hyperliquid import Hyperliquid
from tests.engine.venues.local_venue import NOW_MS, Keys, several
from tests.engine.venues.stages import BARS, OUR_ID, Scene, Stage, asking, of_found, ours

JSON = {"Content-Type": "application/json"}
ADDRESS = "0x" + "ab" * 20
# Keys of nobody: a one and many zeros, and a two.
AGENT_KEY = "0x" + "1".zfill(64)
CLOID = at_venue("hyperliquid", OUR_ID)


def ok(kind, *statuses):
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": list(statuses)}}}


def order(status="filled", **changes):
    words = {
        "coin": "BTC",
        "side": "B",
        "limitPx": "63126.0",
        "sz": "0.0",
        "oid": 77747314,
        "timestamp": NOW_MS,
        "origSz": "0.01",
        "reduceOnly": False,
        "isTrigger": False,
        "isPositionTpsl": False,
        "orderType": "Limit",
        "triggerPx": "0.0",
        "tif": "Ioc",
        "cloid": CLOID,
    }
    told = {"order": words | changes, "status": status, "statusTimestamp": NOW_MS}
    return {"status": "order", "order": told}


def resting(**changes):
    return order("open")["order"]["order"] | {"sz": "0.01", "tif": "Gtc"} | changes


def trigger(number, kind, price, side="A", **changes):
    words = {"oid": number, "orderType": kind, "triggerPx": price, "side": side, "cloid": None}
    return resting(isTrigger=True, isPositionTpsl=True) | words | changes


def fired(number, status, **changes):
    words = trigger(number, "Stop Market", "58000.0", **changes)
    return {"order": words, "status": status, "statusTimestamp": NOW_MS}


def trade(number, size, price, fee, **changes):
    words = {
        "coin": "BTC",
        "px": price,
        "sz": size,
        "side": "B",
        "time": NOW_MS,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x" + "0" * 64,
        "oid": 77747314,
        "crossed": True,
        "fee": fee,
        "feeToken": "USDC",
        "tid": number,
        "cloid": CLOID,
    }
    return words | changes


def position(size, **changes):
    words = {
        "coin": "BTC",
        "szi": size,
        "leverage": {"type": "isolated", "value": 10, "rawUsd": "-540.0"},
        "entryPx": "60000.5",
        "positionValue": "601.0",
        "unrealizedPnl": "9.995",
        "liquidationPx": "54500.1",
        "marginUsed": "60.1",
    }
    return {"type": "oneWay", "position": words | changes}


def ledger(kind, amount, **changes):
    delta = {"type": kind, "usdc": amount} | changes
    return {"time": NOW_MS, "hash": "0x" + "5" * 64, "delta": delta}


def funding(amount, **changes):
    delta = {"type": "funding", "coin": "BTC", "usdc": amount, "szi": "0.01", "fundingRate": "0"}
    return {"time": NOW_MS, "hash": "0x0", "delta": delta} | changes


def leverage(kind, value):
    return {"user": ADDRESS, "coin": "BTC", "leverage": {"type": kind, "value": value}}


META = {
    "universe": [
        {"name": "OLD", "szDecimals": 0, "maxLeverage": 3, "isDelisted": True},
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40},
        {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10},
    ]
}
CONTEXTS = [
    {"markPx": "1.0"},
    {"markPx": "60120.0", "openInterest": "10659.509", "funding": "0.00038246"},
    {"markPx": "0.012345"},
]
STATE = {
    "marginSummary": {"accountValue": "1009.995", "totalMarginUsed": "60.1", "totalNtlPos": "601"},
    "withdrawable": "949.0",
    "assetPositions": [position("0.01"), position("0.0", coin="kPEPE")],
}
ANSWERS = {
    "POST /info metaAndAssetCtxs": [META, CONTEXTS],
    "POST /info allMids": {"BTC": "60123.5", "kPEPE": "0.0123"},
    "POST /info candleSnapshot": [
        dict(zip("tohlcv", bar, strict=True)) | {"i": "1h", "s": "BTC", "n": 12} for bar in BARS
    ],
    "POST /info activeAssetData": leverage("cross", 20),
    "POST /exchange updateLeverage": {"status": "ok", "response": {"type": "default"}},
    "POST /exchange order": ok(
        "order", {"filled": {"totalSz": "0.01", "avgPx": "60000.5", "oid": 77747314}}
    ),
    "POST /exchange cancelByCloid": ok("cancel", "success"),
    "POST /exchange cancel": ok("cancel", "success"),
    "POST /info orderStatus": order(),
    "POST /info userFillsByTime": [
        trade(7001, "0.004", "60000.0", "0.12"),
        trade(7002, "0.006", "60000.8", "-0.003", crossed=False),
        trade(7003, "5", "1.0", "0.1", oid=1, coin="kPEPE"),
    ],
    "POST /info frontendOpenOrders": [
        resting(),
        resting(coin="@107"),
        resting(coin="kPEPE", oid=2),
        trigger(11, "Stop Market", "58000.0"),
        trigger(12, "Take Profit Market", "70000.0"),
        trigger(13, "Stop Market", "66000.0", "B"),
        trigger(14, "Stop Market", "57000.0", isPositionTpsl=False),
    ],
    "POST /info historicalOrders": [
        fired(77747315, "triggered"),
        fired(77747316, "filled"),
        fired(77747317, "canceled"),
        fired(77747318, "filled", isPositionTpsl=False),
        fired(77747319, "filled", coin="kPEPE"),
    ],
    "POST /info clearinghouseState": STATE,
    "POST /info userAbstraction": (200, json.dumps("disabled"), JSON),
    "POST /info userFunding": [funding("-0.25")],
    "POST /info userNonFundingLedgerUpdates": [ledger("deposit", "100")],
    "POST /info userRole": {"role": "agent", "data": {"user": ADDRESS}},
    "POST /info exchangeStatus": {"time": NOW_MS + 250, "specialStatuses": None},
}
READY = {"POST /info activeAssetData": leverage("isolated", 10)}


def refusal(code):
    if code.startswith("http "):
        return int(code[5:]), "<html>no</html>"
    if code == "unknownOid":
        return {"status": "unknownOid"}
    if code.startswith(("User", "Must", "Too many", "Invalid nonce")):
        return {"status": "err", "response": f"{code} 0x1234 does not exist."}
    return ok("order", {"error": f"{code}. asset=1"})


STAGE = Stage(
    venue=Hyperliquid,
    symbol="BTC/USDC",
    quantity="0.01",
    answers=ANSWERS,
    order="POST /exchange order",
    lookup="POST /info orderStatus",
    absent={"POST /info orderStatus": {"status": "unknownOid"}},
    refusal=refusal,
    keys=Keys(ADDRESS, AGENT_KEY, ""),
)
STAGE.scenes.extend(
    [
        *(Scene(title, do) for title, do in ours(STAGE.order_ticket, "59000")),
        *(Scene(title, do) for title, do in asking("BTC/USDC", "59000", "66000", "77747314")),
        Scene("leverage and margin are as asked", lambda v: v.place(STAGE.order_ticket()), READY),
        Scene(
            "a stop that already stands is left alone",
            lambda v: v.protect(
                symbol="BTC/USDC",
                direction=Direction.LONG,
                stop=Decimal(58000),
                target=Decimal(70000),
            ),
        ),
        Scene(
            "the balance of a unified account",
            lambda v: v.balance(),
            {
                "POST /info userAbstraction": (200, json.dumps("unifiedAccount"), JSON),
                "POST /info spotClearinghouseState": {
                    "balances": [{"coin": "USDC", "total": "1000.25", "hold": "100.125"}]
                },
            },
        ),
        Scene(
            "more fills than one page tells",
            lambda v: v.fills_since("BTC/USDC", NOW_MS - 1000),
            {"POST /info userFillsByTime": several([trade(1, "1", "1", "0")] * 2000, [])},
        ),
    ]
)
STAGE.scenes.extend(of_found(STAGE))
SWITCH = {"POST /exchange scheduleCancel": {"status": "ok", "response": {"type": "default"}}}
STAGE.scenes.extend(
    [
        Scene(
            "its orders end unless it is heard of",
            lambda v: v.end_unless_heard("BTC/USDC", 30),
            SWITCH,
        ),
        Scene(
            "its orders stay, heard of or not", lambda v: v.end_unless_heard("BTC/USDC", 0), SWITCH
        ),
    ]
)
