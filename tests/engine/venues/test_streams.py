"""Streams of venues whose dialects the paper exchange does not speak: what the real classes of
ccxt.pro ask for, and what becomes of messages in the shapes that the venues' documents show."""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from aiohttp import web

from engine.errors import VenueError
from engine.venues.base import Depth, MarketTrade
from tests.engine.venues.local_venue import NOW_MS, LocalVenue, Request, words_of
from tests.engine.venues.stages import grvt, hyperliquid

D = Decimal
NS = 1_000_000


@dataclass
class Streaming(LocalVenue):
    """Also streams, at the same address: what is subscribed to is written down, and answered with
    all messages that the test has for its kind."""

    messages: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    # Whether it hangs up instead.
    hangs_up: bool = False

    async def _handle(self, request):
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request)
        words = words_of(request.query_string, await request.text())
        told = self.answer(Request(request.method, request.path, dict(request.headers), words))
        status, content, *_ = told if isinstance(told, tuple) else (200, told)
        return web.json_response(content, status=status)

    async def _stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            asked = json.loads(message.data)
            self.asked.append((request.path, asked))
            if self.hangs_up:
                await socket.close()
                break
            for one in self.messages.get(kind_of(asked), []):
                await socket.send_str(json.dumps(one))
        return socket

    def serve(self, is_ready):
        async def run():
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self._handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
            is_ready.set()
            await self.over.wait()
            await runner.cleanup()

        asyncio.run(run())


def kind_of(asked):
    """What a subscription is to, in the words of either venue."""
    if "subscription" in asked:
        return asked["subscription"]["type"]
    return asked.get("params", {}).get("stream", asked.get("method"))


@pytest.fixture
def local():
    venue, is_ready = Streaming(), threading.Event()
    thread = threading.Thread(target=venue.serve, args=(is_ready,))
    thread.start()
    assert is_ready.wait(10)
    yield venue
    venue.loop.call_soon_threadsafe(venue.over.set)
    thread.join(10)


def hyperliquid_book(*, bids, asks, at_ms=NOW_MS):
    levels = [[{"px": px, "sz": sz, "n": 1} for px, sz in side] for side in (bids, asks)]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": at_ms, "levels": levels}}


def hyperliquid_trade(side, px, sz):
    words = {"coin": "BTC", "side": side, "px": px, "sz": sz, "time": NOW_MS, "tid": 7}
    return {"channel": "trades", "data": [words | {"hash": "0x0", "users": ["0x1", "0x2"]}]}


def grvt_message(stream, selector, **feed):
    feed = {"event_time": str(NOW_MS * NS), "instrument": "BTC_USDT_Perp"} | feed
    numbers = {"sequence_number": "0", "prev_sequence_number": "0"}
    return {"stream": stream, "selector": f"BTC_USDT_Perp@{selector}", "feed": feed} | numbers


def grvt_book(*, bids, asks):
    sides = {
        name: [{"price": price, "size": size, "num_orders": 3} for price, size in side]
        for name, side in (("bids", bids), ("asks", asks))
    }
    return grvt_message("v1.book.s", "100-10", **sides)


def grvt_trade(side, price, size):
    words = {"is_taker_buyer": side == "B", "price": price, "size": size, "trade_id": "7-1"}
    return grvt_message("v1.trade", "50", **words)


BIDS, ASKS = [("60000.0", "0.5"), ("59999.0", "1.25")], [("60001.0", "0.25"), ("60002.0", "2.0")]
SEEN = Depth(
    ((D("60000.0"), D("0.5")), (D("59999.0"), D("1.25"))),
    ((D("60001.0"), D("0.25")), (D("60002.0"), D("2.0"))),
    NOW_MS,
)
VENUES = {
    "hyperliquid": (
        hyperliquid.STAGE,
        {
            "l2Book": [hyperliquid_book(bids=BIDS, asks=ASKS)],
            "trades": [hyperliquid_trade("B", "60001.0", "0.02")],
        },
    ),
    "grvt": (
        grvt.STAGE,
        {
            "v1.book.s": [grvt_book(bids=BIDS, asks=ASKS)],
            "v1.trade": [grvt_trade("B", "60001.0", "0.02")],
        },
    ),
}
# As the venue lists them: each name once.
LISTED = {"grvt": {f"{grvt.V1}/all_instruments": grvt.result(grvt.instrument("BTC"))}}
ASKED = {
    "hyperliquid": [
        (
            "/ws",
            {"method": "subscribe", "subscription": {"type": "l2Book", "coin": "BTC"}},
        ),
        (
            "/ws",
            {"method": "subscribe", "subscription": {"type": "trades", "coin": "BTC"}},
        ),
    ],
    # Whole pictures of ten levels, ten times a second: changes would come without a check of
    # their order.
    "grvt": [
        (
            "/ws/full",
            {"stream": "v1.book.s", "selectors": ["BTC_USDT_Perp@100-10"]},
        ),
        (
            "/ws/full",
            {"stream": "v1.trade", "selectors": ["BTC_USDT_Perp@50"]},
        ),
    ],
}


def asked_of(local, name):
    """The subscriptions, without what numbers them."""
    return [
        (path, asked["params"] if name == "grvt" else asked)
        for path, asked in local.asked
        if asked.get("method") == "subscribe"
    ]


class Listening:
    """To a stream, in a thread as a node does, until both book and trade were heard."""

    def __init__(self, local, name, *, trades=True):
        stage, local.messages = VENUES[name]
        venue = stage.open(local, **LISTED.get(name, {}))
        self.stream = venue.stream(stage.symbol, trades=trades)
        self.books, self.trades, self.lost = [], [], None
        self.heard = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        try:
            self.stream.listen(self._book, self._trades)
        except VenueError as error:
            self.lost = error

    def _book(self, depth):
        self.books.append(depth)
        self.heard.release()

    def _trades(self, trades):
        self.trades.extend(trades)
        self.heard.release()

    def until(self, count):
        for _ in range(count):
            assert self.heard.acquire(timeout=20)

    def end(self):
        self.stream.close()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.mark.parametrize("name", VENUES)
def test_a_book_and_trades_are_seen_as_the_venue_streams_them(name, local):
    listening = Listening(local, name)
    try:
        listening.until(2)
    finally:
        listening.end()
    assert listening.books == [SEEN]
    assert listening.trades == [MarketTrade(NOW_MS, True, D("60001.0"), D("0.02"))]
    told = asked_of(local, name)
    assert sorted(told, key=str) == sorted(ASKED[name], key=str)
    assert listening.lost is None
    # No key went there, and no account was asked about.
    words = json.dumps([request.words for request in local.seen]) + json.dumps(local.asked)
    keys = VENUES[name][0].keys
    assert keys.api_secret not in words
    assert keys.api_key not in words
    assert not local.unexpected


@pytest.mark.parametrize("name", VENUES)
def test_a_connection_that_is_hung_up_on_is_lost(name, local):
    local.hangs_up = True
    listening = Listening(local, name, trades=False)
    listening.thread.join(20)
    assert "the stream is lost" in str(listening.lost)
    # Whoever listens again knows the market by now.
    local.hangs_up, before = False, len(local.seen)
    again = threading.Thread(target=listening._listen)
    listening.lost = None
    again.start()
    listening.until(1)
    listening.stream.close()
    again.join(20)
    assert listening.books[-1] == SEEN
    assert len(local.seen) == before
