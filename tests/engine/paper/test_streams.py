"""The paper exchange's streams, heard by the unmodified classes of ccxt.pro and by bare sockets."""

import asyncio
import json
from urllib.parse import urlparse

import ccxt
import ccxt.pro
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.engine.paper.clients import BTC, OPTIONS, Control, client, serving

SIDES = ("bids", "asks")
CLASSES = {"binance": ccxt.pro.binanceusdm, "okx": ccxt.pro.okx, "gate": ccxt.pro.gate}
PATHS = {"binance": "/public/ws/0", "okx": "/ws/v5/public", "gate": "/v4/ws/usdt"}
ASKS = {
    "binance": {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1},
    "okx": {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT-SWAP"}]},
    "gate": {
        "channel": "futures.order_book_update",
        "event": "subscribe",
        "payload": ["BTC_USDT", "100ms", "20"],
    },
}


@pytest.fixture(scope="module")
def service():
    with serving() as made:
        yield made


@pytest.fixture(autouse=True)
def no_faults(service):
    yield
    Control(service).ask("DELETE", "/faults")


def rebased(told, host):
    if isinstance(told, dict):
        return {name: rebased(one, host) for name, one in told.items()}
    kind = "ws" if told.startswith("ws") else "http"
    return f"{kind}://{host}{urlparse(told.replace('{hostname}', 'h')).path}"


def watched(service, dialect, watch):
    async def run():
        made = CLASSES[dialect]({"enableRateLimit": False, "options": OPTIONS[dialect]})
        made.urls["api"] = rebased(made.urls["api"], urlparse(service.address).netloc)
        made.has["fetchCurrencies"] = False
        try:
            return await asyncio.wait_for(watch(made), 20)
        finally:
            await made.close()

    return asyncio.run(run())


def bare(service, dialect):
    return connect(service.address.replace("http", "ws") + PATHS[dialect], open_timeout=5)


@pytest.mark.parametrize(
    ("dialect", "limit"), [("binance", 20), ("okx", 5), ("okx", 400), ("gate", 20)]
)
def test_a_book_kept_from_the_stream_is_the_book_that_is(service, dialect, limit):
    control = Control(service)

    async def until_it_rests(made):
        for _ in range(4):
            await made.watch_order_book(BTC, limit)
        control.hold(BTC="61234.5")
        while True:
            book = await made.watch_order_book(BTC, limit)
            if book["bids"][0][0] < 61234.5 < book["asks"][0][0]:
                return {side: [tuple(row[:2]) for row in book[side][:5]] for side in SIDES}

    try:
        kept = watched(service, dialect, until_it_rests)
        told = client(service, dialect).fetch_order_book(BTC, 5)
    finally:
        control.hold(BTC=None)
    assert kept == {side: [tuple(row[:2]) for row in told[side][:5]] for side in SIDES}


@pytest.mark.parametrize(("dialect", "amount"), [("binance", 0.01), ("okx", 1), ("gate", 100)])
def test_a_trade_is_seen_by_everybody(service, dialect, amount):
    trader = client(service, dialect)
    trader.load_markets()
    mode = {"tdMode": "cross"} if dialect == "okx" else {}

    async def one(made):
        watching = asyncio.ensure_future(made.watch_trades(BTC))
        while not watching.done():
            order = BTC, "market", "buy", amount, None, mode
            await asyncio.to_thread(trader.create_order, *order)
            await asyncio.wait([watching], timeout=0.3)
        return watching.result()

    first = watched(service, dialect, one)[0]
    assert (first["side"], first["amount"]) == ("buy", amount)


@pytest.mark.parametrize("dialect", CLASSES)
@pytest.mark.parametrize("said", ["{", "[]", "1", '{"params": 3, "args": 3, "payload": 3}'])
def test_whoever_speaks_another_language_is_shown_out(service, dialect, said):
    with bare(service, dialect) as socket:
        socket.send(said)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


@pytest.mark.parametrize("dialect", CLASSES)
def test_a_symbol_that_is_not_listed_is_refused_in_the_dialect(service, dialect):
    asked = json.loads(json.dumps(ASKS[dialect]).replace("BTC", "XYZ").replace("btc", "xyz"))
    with bare(service, dialect) as socket:
        socket.send(json.dumps(asked))
        told = json.loads(socket.recv(timeout=5))
    assert "error" in (told.get("event"), *told)


def all_of(socket):
    while True:
        socket.recv(timeout=5)


@pytest.mark.parametrize("dialect", CLASSES)
def test_a_stream_that_is_cut_closes_and_does_not_open(service, dialect):
    with bare(service, dialect) as socket:
        socket.send(json.dumps(ASKS[dialect]))
        socket.recv(timeout=5)
        Control(service).fault("cut")
        with pytest.raises(ConnectionClosed):
            all_of(socket)
    with pytest.raises(InvalidStatus):
        bare(service, dialect)


@pytest.mark.parametrize("dialect", CLASSES)
def test_a_client_that_goes_is_let_go(service, dialect, capfd):
    """In the middle of what it is told, too."""
    for _ in range(5):
        with bare(service, dialect) as socket:
            socket.send(json.dumps(ASKS[dialect]))
            socket.recv(timeout=5)
    assert "Traceback" not in capfd.readouterr().err


def test_a_silent_stream_stays_open_and_says_nothing(service):
    with bare(service, "binance") as socket:
        Control(service).fault("silent")
        socket.send(json.dumps(ASKS["binance"]))
        assert json.loads(socket.recv(timeout=5))["result"] is None
        with pytest.raises(TimeoutError):
            socket.recv(timeout=1)


def test_a_frozen_market_is_told_with_the_time_of_before(service):
    Control(service).fault("frozen")
    trader = client(service, "binance")
    first, second = (trader.fapiPublicGetDepth({"symbol": "BTCUSDT"}) for _ in range(2))
    assert first == second


def test_there_is_no_stream_where_there_is_none(service):
    with pytest.raises(InvalidStatus):
        connect(service.address.replace("http", "ws") + "/elsewhere", open_timeout=5)
