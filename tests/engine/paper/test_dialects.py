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

    def __init__(self, service, dialect, *, is_hedged, cash=10_000):
        self.control = Control(service)
        key = self.control.open(dialect, cash)
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


def test_trades_are_seen_by_everybody(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    trader.set_up()
    trader.order("sell", 0.03)
    told = trader.ccxt.fetch_trades(BTC, limit=3)[-1]
    assert (told["side"], told["amount"] * trader.contract) == ("sell", pytest.approx(0.03))
    assert told["price"] == pytest.approx(60_000, rel=SPREAD)
    tickers = trader.ccxt.fetch_tickers([BTC])
    assert tickers[BTC]["last"] == 60_000
    fee = trader.ccxt.fetch_trading_fee(BTC)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)


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


def test_an_order_filled_in_part_is_told_as_such(service, dialect):
    trader = Trader(service, dialect, is_hedged=False, cash=1_000_000)
    trader.set_up()
    client_id, made = trader.order("buy", 1, 59_990)
    trader.control.hold(BTC=59_980)
    found = trader.find(client_id)
    assert found["status"] == "open"
    assert found["filled"] * trader.contract == pytest.approx(0.33344, abs=1e-4)
    assert (found["filled"] + found["remaining"]) * trader.contract == pytest.approx(1)
    trader.ccxt.cancel_order(made["id"], BTC)
    trader.control.hold(BTC=60_000)
    ended = trader.find(client_id)
    assert (ended["status"], ended["filled"]) == ("canceled", found["filled"])
    with pytest.raises(ccxt.BaseError):
        trader.ccxt.cancel_order(made["id"], BTC)
    (fill,) = trader.ccxt.fetch_my_trades(BTC)
    assert (fill["order"], fill["takerOrMaker"]) == (made["id"], "maker")


def test_a_cross_position(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    params = {"mgnMode": "cross"} if dialect == "okx" else {}
    params |= {"marginMode": "cross"} if dialect == "gate" else {}
    trader.ccxt.set_leverage(5, BTC, params)
    margin = {"tdMode": "cross"} if dialect == "okx" else {}
    trader.ccxt.create_order(BTC, "market", "sell", trader.amount(0.1), None, margin)
    (position,) = trader.ccxt.fetch_positions([BTC])
    assert (position["side"], position["marginMode"]) == ("short", "cross")
    # 10,000 carry a short of 6,000: it goes where the coin is worth 160,000, less what is kept.
    assert position["liquidationPrice"] == pytest.approx(159_300, rel=0.01)
    balance = trader.ccxt.fetch_balance()["USDT"]
    assert balance["free"] == pytest.approx(10_000 - 1_200, rel=0.01)


def test_a_conditional_order_is_found_canceled_and_fired(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    trader.set_up()
    trader.order("buy", 0.02)
    params = {"stopLossPrice": 58_000, "reduceOnly": True}
    kind = {"trigger": True}
    pending = dict(kind)
    if dialect == "okx":
        params["tdMode"] = "isolated"
        pending["ordType"] = "conditional"
    made = [
        trader.ccxt.create_order(BTC, "market", "sell", trader.amount(0.01), None, params)["id"]
        for _ in range(2)
    ]
    told = trader.ccxt.fetch_open_orders(BTC, params=pending)
    assert {one["id"] for one in told} == set(made)
    assert trader.ccxt.fetch_order(made[0], BTC, dict(kind))["status"] in ("open", "live")
    trader.ccxt.cancel_order(made[0], BTC, dict(kind))
    (left,) = trader.ccxt.fetch_open_orders(BTC, params=pending)
    assert left["id"] == made[1]
    trader.control.hold(BTC=57_900)
    assert trader.held() == {"long": 0.01}
    trader.control.hold(BTC=60_000)
    assert trader.ccxt.fetch_open_orders(BTC, params=pending) == []
    assert trader.ccxt.fetch_order(made[1], BTC, dict(kind))["status"] not in ("open", "live")


def test_what_is_liquidated_is_told(service, dialect):
    trader = Trader(service, dialect, is_hedged=True)
    trader.set_up()
    trader.order("buy", 0.1)
    trader.control.hold(BTC=53_000)
    assert trader.held() == {}
    trader.control.hold(BTC=60_000)
    told = trader.truth()
    assert told["orders"][-1]["origin"] == "liquidation"
    fills = trader.ccxt.fetch_my_trades(BTC)
    assert sum(fill["amount"] * (1 if fill["side"] == "buy" else -1) for fill in fills) == 0
    left = trader.ccxt.fetch_balance()["USDT"]["total"]
    assert left == pytest.approx(10_000 - 600, rel=0.01)


def test_open_orders_end_when_their_owner_falls_silent(service, dialect):
    trader = Trader(service, dialect, is_hedged=False)
    trader.set_up()
    client_id, _ = trader.order("buy", 0.01, 59_000)
    if dialect == "binance":
        ask = trader.ccxt.fapiprivate_post_countdowncancelall
        ask({"symbol": "BTCUSDT", "countdownTime": 1000})
    elif dialect == "okx":
        trader.ccxt.private_post_trade_cancel_all_after({"timeOut": "1"})
    else:
        ask = trader.ccxt.private_futures_post_settle_countdown_cancel_all
        ask({"settle": "usdt", "timeout": 1, "contract": "BTC_USDT"})
    assert trader.find(client_id)["status"] == "open"
    time.sleep(1.6)
    assert trader.find(client_id)["status"] == "canceled"


def test_a_later_order_of_the_same_text_hides_the_earlier_one_at_gate(service):
    trader = Trader(service, "gate", is_hedged=False)
    trader.set_up()
    _, first = trader.order("buy", 0.01, 59_000, clientOrderId="ibsame")
    _, second = trader.order("buy", 0.02, 58_000, clientOrderId="ibsame")
    assert first["id"] != second["id"] == trader.find("ibsame")["id"]
    assert len(trader.ccxt.fetch_open_orders(BTC)) == 2


def test_an_open_order_keeps_its_id_from_others_at_binance(service):
    trader = Trader(service, "binance", is_hedged=False)
    trader.set_up()
    trader.order("buy", 0.01, 59_000, clientOrderId="ibsame")
    with pytest.raises(ccxt.ExchangeError, match=r"-4116"):
        trader.order("buy", 0.01, 58_000, clientOrderId="ibsame")
    assert len(trader.truth()["orders"]) == 1
