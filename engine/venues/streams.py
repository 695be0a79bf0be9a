"""A venue's market as it streams: a class of ccxt.pro keeps the book, and whoever listens is told.

The library counts prices and sizes as floats here. They are looked at and never traded with: an
order is made of whole ticks and steps. Nothing is signed, and no key comes here. A connection is
made by whoever listens and lasts until it is lost; then another may be made.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import ccxt

from engine.errors import VenueError
from engine.venues.answers import UNREADABLE
from engine.venues.base import Depth, MarketTrade
from engine.venues.line import Words, rebased, silent

# A connection on which nothing comes for so long is taken for lost.
SILENT_SECONDS = 15.0
LEVELS = 10
LOST = (ccxt.BaseError, aiohttp.ClientError, OSError, TimeoutError, *UNREADABLE)


@dataclass(frozen=True, slots=True)
class Way:
    """What a venue's class of ccxt.pro wants to be told."""

    # As deep a book as it streams best; None takes what comes.
    levels: int | None = None
    options: Words = field(default_factory=dict)
    # With each subscription to the book.
    params: Words = field(default_factory=dict)


class Streamed(Protocol):
    """A market, as far as a stream has to know it."""

    @property
    def quote(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    def coins(self, contracts: Decimal) -> Decimal: ...


class Guarded:
    """What is changed in a class of ccxt.pro: it goes to one host, if it is told which."""

    base_url: str | None = None

    def fetch(
        self, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Awaitable[Any]:
        self.must_be_ours(url)
        told: Awaitable[Any] = super().fetch(url, method, headers, body)  # type: ignore[misc]
        return told

    def client(self, url: str) -> Any:
        self.must_be_ours(url)
        return super().client(url)  # type: ignore[misc]

    def must_be_ours(self, url: str) -> None:
        if self.base_url and urlsplit(url).netloc != urlsplit(self.base_url).netloc:
            raise ccxt.NotSupported("the request would leave for another host")


class Stream:
    """One symbol's book, and its trades where they are wanted."""

    def __init__(
        self, library: str, way: Way, market: Streamed, *, base_url: str | None, trades: bool
    ) -> None:
        self._library, self._way, self._market = library, way, market
        self._base_url, self.has_trades = base_url, trades
        self._symbol = f"{market.symbol}:{market.quote}"
        # Once it has asked what is traded there, it does not ask again.
        self._markets: Any = None
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._is_closed = False

    def listen(
        self, hear: Callable[[Depth], None], hear_trades: Callable[[list[MarketTrade]], None]
    ) -> None:
        """Until the stream is closed; VenueError when it is lost."""
        try:
            asyncio.run(self._connected(hear, hear_trades))
        except LOST as error:
            raise VenueError(f"the stream is lost: {type(error).__name__}") from None

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._loop and self._over:
                self._loop.call_soon_threadsafe(self._over.set)

    async def _connected(
        self, hear: Callable[[Depth], None], hear_trades: Callable[[list[MarketTrade]], None]
    ) -> None:
        over = asyncio.Event()
        with self._lock:
            self._loop, self._over = asyncio.get_running_loop(), over
            if self._is_closed:
                return
        client = self._made()
        if self._markets:
            client.set_markets(self._markets)
        tasks = [asyncio.ensure_future(self._books(client, hear))]
        if self.has_trades:
            tasks.append(asyncio.ensure_future(self._trades(client, hear_trades)))
        ended = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({*tasks, ended}, return_when=asyncio.FIRST_COMPLETED)
            self._markets = list((client.markets or {}).values()) or None
        finally:
            with self._lock:
                self._loop = self._over = None
            lost = [task for task in tasks if task.done()]
            for task in (*tasks, ended):
                task.cancel()
            await client.close()
            await asyncio.gather(*tasks, ended, return_exceptions=True)
        for task in lost:
            task.result()

    async def _books(self, client: Any, hear: Callable[[Depth], None]) -> None:
        while True:
            told = await asyncio.wait_for(
                client.watch_order_book(self._symbol, self._way.levels, dict(self._way.params)),
                SILENT_SECONDS,
            )
            bids, asks = (self._rows(told[side]) for side in ("bids", "asks"))
            hear(Depth(bids, asks, int(told["timestamp"] or 0)))

    async def _trades(self, client: Any, hear_trades: Callable[[list[MarketTrade]], None]) -> None:
        # A market may be without trades for long: that says nothing of the connection.
        while True:
            told = await client.watch_trades(self._symbol)
            hear_trades([self._trade(words) for words in told])

    def _trade(self, words: Mapping[str, Any]) -> MarketTrade:
        return MarketTrade(
            at_ms=int(words["timestamp"]),
            is_buy=words["side"] == "buy",
            price=Decimal(str(words["price"])),
            quantity=self._market.coins(Decimal(str(words["amount"]))),
        )

    def _rows(self, rows: Any) -> tuple[tuple[Decimal, Decimal], ...]:
        return tuple(
            (Decimal(str(price)), self._market.coins(Decimal(str(size))))
            for price, size, *_ in rows[:LEVELS]
        )

    def _made(self) -> Any:
        # As large as the library itself: loaded where a market is streamed.
        pro = import_module("ccxt.pro")
        made = type("Guarded", (Guarded, getattr(pro, self._library)), {})
        client = made({"logger": silent(), "newUpdates": True})
        client.options.update(self._way.options)
        # Coins and networks are told to keys only, and are of no use here.
        client.has["fetchCurrencies"] = False
        client.headers = {}
        if self._base_url:
            client.base_url = self._base_url
            client.urls["api"] = rebased(client.urls["api"], self._base_url)
            client.enableRateLimit = False
        return client
