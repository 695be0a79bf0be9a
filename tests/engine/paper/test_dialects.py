"""The unmodified ccxt classes trade whole round trips at the service, over the loopback."""

import itertools
import time

import ccxt
import pytest

from tests.engine.paper.clients import BTC, Control, client, serving

DIALECTS = ["binance", "okx", "gate"]
SPREAD = 0.001


@pytest.fixture(scope="module")
def service():
    with serving() as started:
        Control(started).hold(BTC=60_000, ETH=3_000)
        yield started


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return request.param


class Trader:
    """A fresh account of one dialect, its client, and how this dialect says direction and size."""

    def __init__(self, service, dialect, *, is_hedged):
        self.control = Control(service)
        key = self.control.open(dialect)
        self.name, self.dialect, self.is_hedged = key["account"], dialect, is_hedged
        found = next(one for one in service.keys if one.account == self.name)
        self.ccxt = client(service, dialect, key=found)
        self.ccxt.load_markets()
        self.contract = self.ccxt.market(BTC)["contractSize"]
        self._ids = 0

    def amount(self, coins):
        return float(self.ccxt.amount_to_precision(BTC, coins / self.contract))

    def set_up(self):
        if self.is_hedged or self.dialect == "okx":
            self.ccxt.set_position_mode(self.is_hedged, BTC)
        if self.dialect == "okx":
            for side in ("long", "short") if self.is_hedged else ("net",):
                self.ccxt.set_leverage(10, BTC, {"mgnMode": "isolated", "posSide": side})
        else:
            self.ccxt.set_margin_mode("isolated", BTC) if self.dialect == "binance" else None
            self.ccxt.set_leverage(10, BTC)

    def order(self, side, coins, price=None, *, direction="long", is_close=False, **params):
        self._ids += 1
        params.setdefault("clientOrderId", f"ib{self.dialect}{self._ids:04}")
        if self.dialect == "okx":
            params["tdMode"] = "isolated"
        if self.is_hedged and self.dialect != "gate":
            params["positionSide"] = direction.upper() if self.dialect == "binance" else direction
        if is_close and not (self.is_hedged and self.dialect == "binance"):
            params["reduceOnly"] = True
        kind = "market" if price is None else "limit"
        made = self.ccxt.create_order(BTC, kind, side, self.amount(coins), price, params)
        return params["clientOrderId"], made

    def find(self, client_id):
        named = {"clientOrderId": client_id}
        number = None
        if self.dialect == "gate":
            # Gate takes the text in the place of the number.
            number, named = f"t-{client_id}", {}
        return self.ccxt.fetch_order(number, BTC, named)

    def held(self):
        """{direction: coins}"""
        return {
            one["side"]: round(one["contracts"] * self.contract, 8)
            for one in self.ccxt.fetch_positions([BTC])
            if one["contracts"]
        }

    def truth(self):
        return self.control.truth(self.name)


@pytest.mark.parametrize("is_hedged", [False, True], ids=["one-way", "hedged"])
def test_a_round_trip(service, dialect, is_hedged):
    trader = Trader(service, dialect, is_hedged=is_hedged)
    trader.set_up()
    assert trader.ccxt.fetch_balance()["USDT"]["total"] == 10_000

    opening, _ = trader.order("buy", 0.02)
    found = trader.find(opening)
    assert (found["status"], found["side"]) == ("closed", "buy")
    assert found["filled"] * trader.contract == pytest.approx(0.02)
    assert found["average"] == pytest.approx(60_000, rel=SPREAD)
    assert trader.held() == {"long": 0.02}
    (position,) = trader.ccxt.fetch_positions([BTC])
    assert position["entryPrice"] == pytest.approx(60_000, rel=SPREAD)
    assert position["marginMode"] == "isolated"
    assert position["liquidationPrice"] == pytest.approx(54_200, rel=0.01)

    if is_hedged:
        trader.order("sell", 0.01, direction="short")
        assert trader.held() == {"long": 0.02, "short": 0.01}
        trader.order("buy", 0.01, direction="short", is_close=True)

    trader.order("sell", 0.01, is_close=True)
    assert trader.held() == {"long": 0.01}
    trader.order("sell", 0.01, is_close=True)
    assert trader.held() == {}

    fills = trader.ccxt.fetch_my_trades(BTC)
    told = trader.truth()
    assert len(fills) == len(told["fills"])
    assert sum(fill["fee"]["cost"] for fill in fills) == pytest.approx(
        sum(float(fill["fee"]) for fill in told["fills"])
    )
    assert trader.ccxt.fetch_balance()["USDT"]["total"] == pytest.approx(float(told["cash"]))
    assert float(told["cash"]) < 10_000


@pytest.mark.parametrize("is_hedged", [False, True], ids=["one-way", "hedged"])
def test_orders_that_rest_and_orders_that_do_not(service, dialect, is_hedged):
    trader = Trader(service, dialect, is_hedged=is_hedged)
    trader.set_up()
    resting, made = trader.order("buy", 0.01, 59_000)
    assert trader.find(resting)["status"] == "open"
    assert [one["id"] for one in trader.ccxt.fetch_open_orders(BTC)] == [made["id"]]
    trader.ccxt.cancel_order(made["id"], BTC)
    assert trader.find(resting)["status"] == "canceled"
    assert trader.ccxt.fetch_open_orders(BTC) == []

    ioc, _ = trader.order("buy", 0.01, 59_000, timeInForce="IOC")
    assert trader.find(ioc)["status"] in ("canceled", "expired")
    taker, ended = "", None
    try:
        taker, _ = trader.order("buy", 0.01, 60_100, postOnly=True)
        ended = trader.find(taker)["status"]
    except ccxt.InvalidOrder:
        assert dialect in ("binance", "gate")
    assert ended == ("canceled" if dialect == "okx" else None)
    maker, _ = trader.order("buy", 0.01, 59_500, postOnly=True)
    assert trader.find(maker)["status"] == "open"
    trader.control.hold(BTC=59_400)
    assert trader.find(maker)["status"] == "closed"
    trader.control.hold(BTC=60_000)
    assert trader.held() == {"long": 0.01}
    trader.order("sell", 0.01, is_close=True)
    if not (is_hedged and dialect == "binance"):
        with pytest.raises(ccxt.ExchangeError):
            trader.order("sell", 0.01, is_close=True)
    assert trader.held() == {}


def test_what_the_market_tells(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    told = trader.ccxt
    assert abs(told.fetch_time() - time.time() * 1000) < 5_000
    assert told.fetch_ticker(BTC)["last"] == 60_000
    book = told.fetch_order_book(BTC, 5)
    assert book["bids"][0][0] < 60_000 < book["asks"][0][0]
    assert len(book["asks"]) == 5
    bars = told.fetch_ohlcv(BTC, "1m", limit=20)
    assert len(bars) == 20
    assert all(later[0] - bar[0] == 60_000 for bar, later in itertools.pairwise(bars))
    since = bars[5][0]
    assert told.fetch_ohlcv(BTC, "1m", since, 3)[0][0] == since
    market = told.market(BTC)
    assert market["contractSize"] == {"binance": 1, "okx": 0.01, "gate": 0.0001}[dialect]
    assert market["linear"]
    assert market["limits"]["amount"]["min"]


def test_funding_is_told(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    trader.set_up()
    trader.order("buy", 0.01)
    trader.control.ask("POST", "/funding", {"rate": "0.001"})
    (paid,) = trader.ccxt.fetch_funding_history(BTC)
    assert paid["amount"] == pytest.approx(-0.6)


def test_a_wrong_secret_opens_nothing(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    trader.ccxt.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        trader.ccxt.fetch_balance()
    with pytest.raises(ccxt.AuthenticationError):
        trader.order("buy", 0.01)
    assert trader.truth()["orders"] == []


def test_no_margin_and_no_such_order_are_told_as_such(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    trader.set_up()
    # ccxt knows Binance's own codes by the venue's host only.
    kind = ccxt.ExchangeError if dialect == "binance" else ccxt.InsufficientFunds
    with pytest.raises(kind, match=r"-2019|51008|INSUFFICIENT_AVAILABLE"):
        trader.order("buy", 5)
    with pytest.raises(ccxt.OrderNotFound):
        trader.find("ibnothing")
    with pytest.raises(ccxt.OrderNotFound):
        trader.ccxt.cancel_order("123456789", BTC)


@pytest.mark.parametrize("is_hedged", [False, True], ids=["one-way", "hedged"])
def test_a_stop_and_a_target_protect_the_position(service, dialect, is_hedged):
    trader = Trader(service, dialect, is_hedged=is_hedged)
    trader.set_up()
    trader.order("buy", 0.01)
    PROTECT[dialect](trader, stop=58_000, target=62_000)
    assert len(waiting(trader)) == (1 if dialect == "okx" else 2)
    trader.control.hold(BTC=57_900)
    assert trader.held() == {}
    trader.control.hold(BTC=60_000)
    assert [one["filled"] for one in trader.truth()["orders"]] == ["0.01", "0.01"]
    assert waiting(trader) == []


def protect_binance(trader, *, stop, target):
    for kind, level in (("stopLossPrice", stop), ("takeProfitPrice", target)):
        params = {kind: level, "closePosition": True}
        if trader.is_hedged:
            params["positionSide"] = "LONG"
        trader.ccxt.create_order(BTC, "market", "sell", 0, None, params)


def protect_okx(trader, *, stop, target):
    trader.ccxt.private_post_trade_order_algo(
        {
            "instId": "BTC-USDT-SWAP",
            "tdMode": "isolated",
            "side": "sell",
            "posSide": "long" if trader.is_hedged else "net",
            "ordType": "oco",
            "closeFraction": "1",
            "slTriggerPx": str(stop),
            "slOrdPx": "-1",
            "slTriggerPxType": "last",
            "tpTriggerPx": str(target),
            "tpOrdPx": "-1",
            "tpTriggerPxType": "last",
            "reduceOnly": "true",
        }
    )


def protect_gate(trader, *, stop, target):
    for rule, level in ((2, stop), (1, target)):
        initial = {"contract": "BTC_USDT", "size": 0, "price": "0", "tif": "ioc"}
        initial |= {"auto_size": "close_long"} if trader.is_hedged else {"close": True}
        trader.ccxt.private_futures_post_settle_price_orders(
            {
                "settle": "usdt",
                "initial": initial,
                "trigger": {
                    "strategy_type": 0,
                    "price_type": 0,
                    "price": str(level),
                    "rule": rule,
                },
                "order_type": "close-long-position",
            }
        )


PROTECT = {"binance": protect_binance, "okx": protect_okx, "gate": protect_gate}


def waiting(trader):
    params = {"trigger": True}
    if trader.dialect == "okx":
        params["ordType"] = "oco"
    return trader.ccxt.fetch_open_orders(BTC, params=params)
