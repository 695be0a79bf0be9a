"""GRVT's answers, in the shapes that its documents show."""

from engine.venues.client_ids import at_venue
from engine.venues.grvt import Grvt
from tests.engine.venues.local_venue import NOW_MS, Keys, several
from tests.engine.venues.stages import BARS, OUR_ID, Scene, Stage, asking, of_found, ours

SUB_ACCOUNT = "2147050003876484"
# A key of nobody: a one and many zeros.
SIGNING_KEY = "0x" + "1".zfill(64)
NAME = at_venue("grvt", OUR_ID)
NOW_NS = f"{NOW_MS}000000"


def instrument(base, **changes):
    words = {
        "instrument": f"{base}_USDT_Perp",
        "instrument_hash": "0x030501",
        "base": base,
        "quote": "USDT",
        "kind": "PERPETUAL",
        "base_decimals": 9,
        "quote_decimals": 6,
        "tick_size": "0.1",
        "min_size": "0.001",
        "min_notional": "100.0",
    }
    return words | changes


def order(status="FILLED", traded="0.01", reason="UNSPECIFIED", **changes):
    leg = {
        "instrument": "BTC_USDT_Perp",
        "size": "0.01",
        "limit_price": "60000.0",
        "is_buying_asset": True,
    }
    words = {
        "order_id": "0x01010105034cddc7000000006621285c",
        "sub_account_id": SUB_ACCOUNT,
        "legs": [leg],
        "metadata": {"client_order_id": NAME, "create_time": NOW_NS},
        "state": {
            "status": status,
            "reject_reason": reason,
            "book_size": ["0.0"],
            "traded_size": [traded],
            "avg_fill_price": ["60000.5"],
        },
    }
    return words | changes


def fill(number, size, price, fee, **changes):
    words = {
        "event_time": NOW_NS,
        "sub_account_id": SUB_ACCOUNT,
        "instrument": "BTC_USDT_Perp",
        "is_buyer": True,
        "is_taker": True,
        "size": size,
        "price": price,
        "fee": fee,
        "trade_id": number,
        "order_id": "0x01010105034cddc7000000006621285c",
        "client_order_id": NAME,
    }
    return words | changes


def position(size, **changes):
    words = {
        "instrument": "BTC_USDT_Perp",
        "size": size,
        "entry_price": "60000.5",
        "unrealized_pnl": "9.995",
        "est_liquidation_price": "54500.1",
        "leverage": "10.0",
        "margin_type": "ISOLATED",
    }
    return words | changes


def leverage(value, margin="ISOLATED"):
    words = {"instrument": "BTC_USDT_Perp", "leverage": value, "margin_type": margin}
    return {"results": [words | {"instrument": "ETH_USDT_Perp"}, words]}


def funding(number, amount, **changes):
    words = {
        "event_time": NOW_NS,
        "sub_account_id": SUB_ACCOUNT,
        "instrument": "BTC_USDT_Perp",
        "currency": "USDT",
        "amount": amount,
        "tx_id": number,
    }
    return words | changes


def transfer(number, amount, from_sub, to_sub):
    return {
        "tx_id": number,
        "from_sub_account_id": from_sub,
        "to_sub_account_id": to_sub,
        "currency": "USDT",
        "num_tokens": amount,
        "event_time": NOW_NS,
    }


def result(*rows, after=""):
    return {"result": list(rows), "next": after}


SUMMARY = {
    "event_time": f"{NOW_MS + 250}000000",
    "sub_account_id": SUB_ACCOUNT,
    "settle_currency": "USDT",
    "unrealized_pnl": "-12.5",
    "total_equity": "987.75",
    "available_balance": "900.125",
}
LOGIN = "POST /auth/api_key/login"
SESSION = {"Set-Cookie": "gravity=session; Path=/", "X-Grvt-Account-Id": "account"}
V1 = "POST /full/v1"
ANSWERS = {
    LOGIN: (200, {"location": "", "status": "success"}, SESSION),
    f"{V1}/all_instruments": result(
        instrument("BTC"),
        instrument("ODD", min_size="", min_notional=None),
        instrument("BTC", kind="CALL"),
    ),
    f"{V1}/ticker": {
        "result": {
            "last_price": "60123.4",
            "mark_price": "60120",
            "open_interest": "10659.509",
            "funding_rate": "0.038246",
        }
    },
    f"{V1}/kline": result(
        *(
            {"open_time": f"{at}000000", "volume_b": coins, "volume_q": "90000", "trades": 12}
            | dict(zip(("open", "high", "low", "close"), prices, strict=True))
            for at, *prices, coins in BARS
        )
    ),
    f"{V1}/get_all_initial_leverage": leverage("20.0"),
    f"{V1}/set_initial_leverage": {"success": True},
    f"{V1}/create_order": {"result": order("PENDING", "0.0", order_id="0x00")},
    f"{V1}/order": {"result": order()},
    f"{V1}/cancel_order": {"result": {"ack": True}},
    f"{V1}/fill_history": result(
        fill("65424692-2", "0.006", "60000.8", "-0.003"),
        fill("65424692-1", "0.004", "60000.0", "0.12"),
        fill("65424691-1", "5", "1", "0", client_order_id="7"),
    ),
    f"{V1}/open_orders": {"result": [order("OPEN", "0.0")]},
    f"{V1}/account_summary": {"result": SUMMARY},
    f"{V1}/positions": {"result": [position("0.01"), position("0.0")]},
    f"{V1}/funding_payment_history": result(funding("11", "0.25")),
    f"{V1}/transfer_history": result(transfer("12", "100.0", "0", SUB_ACCOUNT)),
    f"{V1}/get_sub_accounts": {"sub_account_ids": [SUB_ACCOUNT]},
}
CROSS = {f"{V1}/get_all_initial_leverage": leverage("20.0", "CROSS")}


def refusal(code):
    if code.startswith("http "):
        return int(code[5:]), "<html>no</html>"
    if code == "OVERLAPPING_CLIENT_ORDER_ID":
        return {"result": order("REJECTED", "0.0", code)}
    return 400, {"code": int(code), "message": "as the documents say", "status": 400}


STAGE = Stage(
    venue=Grvt,
    symbol="BTC/USDT",
    quantity="0.01",
    answers=ANSWERS,
    order=f"{V1}/create_order",
    lookup=f"{V1}/order",
    absent={f"{V1}/order": (404, {"code": 1004, "message": "Data Not Found", "status": 404})},
    refusal=refusal,
    keys=Keys("key-4cd2a7", SIGNING_KEY, SUB_ACCOUNT),
)
STAGE.scenes.extend(
    [
        *(
            Scene(title, do, CROSS if "cross" in title else {})
            for title, do in ours(STAGE.order_ticket, "59000.1")
        ),
        *(
            Scene(title, do)
            for title, do in asking(
                "BTC/USDT", "59000", "66000.5", "0x01010105034cddc7000000006621285c"
            )
            if "protect" not in title
        ),
        Scene(
            "leverage is as asked",
            lambda v: v.place(STAGE.order_ticket()),
            {f"{V1}/get_all_initial_leverage": leverage("10.0")},
        ),
        Scene(
            "more fills than one page tells",
            lambda v: v.fills_since("BTC/USDT", NOW_MS - 1000),
            {f"{V1}/fill_history": several(result(after="Qw0918="), result())},
        ),
    ]
)
STAGE.scenes.extend(of_found(STAGE))
SWITCH = {f"{V1}/cancel_on_disconnect": {"result": {"ack": True}}}
STAGE.scenes.extend(
    [
        Scene(
            "its orders end unless it is heard of",
            lambda v: v.end_unless_heard("BTC/USDT", 30),
            SWITCH,
        ),
        Scene(
            "its orders stay, heard of or not", lambda v: v.end_unless_heard("BTC/USDT", 0), SWITCH
        ),
    ]
)
