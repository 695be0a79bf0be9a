"""Raw lines of Binance's futures streams: a nanosecond stamp of the host, a space, the message.

Changes of depth, trades, best prices and whole books are read; whatever else is on a line is
refused with its number. The first change of depth stands for the book before it.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.instrument import Instrument
from engine.making.replaying.floor import ASK, BEST_ASK, BEST_BID, BID, BOUGHT, SOLD
from engine.making.replaying.recording import (
    BadRecording,
    Recording,
    Row,
    Scale,
    book_rows,
    recording_of,
)

NS_A_MS = 1_000_000
Level = tuple[str, str]


class Message(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    T: int = 0
    lastUpdateId: int = 0  # noqa: N815
    bids: list[Level] = []
    asks: list[Level] = []


class BestPrices(msgspec.Struct):
    T: int
    u: int
    b: str
    B: str
    a: str
    A: str


class Depth(msgspec.Struct):
    T: int
    u: int
    b: list[Level]
    a: list[Level]


class Trade(msgspec.Struct):
    T: int
    p: str
    q: str
    m: bool
    X: str = "MARKET"


KINDS: dict[str, type] = {"depth": Depth, "trade": Trade, "bookTicker": BestPrices}


def read_binance(
    path: Path, instrument: Instrument, *, latency_ns: int = NS_A_MS, with_best: bool = True
) -> Recording:
    """`latency_ns` is how long after it happened the first of all that was seen was seen: the
    stamps of the host are moved by as much as that takes. Without best prices only changes of
    depth, which come some twenty times a second, make the book."""
    reader = Reader(instrument, with_best)
    try:
        rows = list(reader.rows(path))
    except (OSError, EOFError, zlib.error) as error:
        raise BadRecording(f"{path.name}, after line {reader.line}: {error}") from error
    return recording_of(instrument, rows, lines=reader.line, latency_ns=latency_ns)


class Reader:
    def __init__(self, instrument: Instrument, with_best: bool) -> None:
        self.with_best = with_best
        self.price, self.size = Scale(instrument.tick), Scale(instrument.step)
        self.line = 0
        # The newest best prices that were seen, and the update they are of.
        self._best = (-1, 0, 0)
        self._message = msgspec.json.Decoder(Message)
        self._data: dict[str, Any] = {n: msgspec.json.Decoder(kind) for n, kind in KINDS.items()}

    def rows(self, path: Path) -> Iterator[Row]:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as lines:
            for line in lines:
                self.line += 1
                try:
                    stamp, _, told = line.partition(b" ")
                    yield from self._rows(int(stamp), self._message.decode(told))
                except (ValueError, KeyError, msgspec.DecodeError) as error:
                    raise BadRecording(f"line {self.line}: {error}") from error

    def _rows(self, seen: int, message: Message) -> Iterator[Row]:
        if not bytes(message.data):
            if not message.T:
                raise BadRecording(f"line {self.line}: neither a stream's message nor a book")
            at = message.T * NS_A_MS
            bids, asks = self._levels(message.bids), self._levels(message.asks)
            yield from book_rows(bids, asks, at, seen, message.lastUpdateId)
            return
        _, _, stream = message.stream.partition("@")
        data = self._data[stream.partition("@")[0]].decode(message.data)
        at = data.T * NS_A_MS
        if isinstance(data, Trade):
            # Whoever is the maker bought, so that whoever came sold.
            if data.X == "MARKET":
                kind = SOLD if data.m else BOUGHT
                yield Row(kind, at, seen, self.price.whole(data.p), self.size.whole(data.q), -1)
        elif isinstance(data, Depth):
            yield from self._depth(data, at, seen)
        elif self.with_best:
            yield from self._best_prices(data, at, seen)

    def _depth(self, data: Depth, at: int, seen: int) -> Iterator[Row]:
        update, best_bid, best_ask = self._best
        # A change that is older than the best prices says nothing of what they told.
        is_old = data.u < update
        for price, size in self._levels(data.b):
            if not (is_old and price >= best_bid):
                yield Row(BID, at, seen, price, size, data.u)
        for price, size in self._levels(data.a):
            if not (is_old and price <= best_ask):
                yield Row(ASK, at, seen, price, size, data.u)

    def _best_prices(self, data: BestPrices, at: int, seen: int) -> Iterator[Row]:
        bid, ask = self.price.whole(data.b), self.price.whole(data.a)
        self._best = (data.u, bid, ask)
        yield Row(BEST_BID, at, seen, bid, self.size.whole(data.B), data.u)
        yield Row(BEST_ASK, at, seen, ask, self.size.whole(data.A), data.u)

    def _levels(self, written: list[Level]) -> Iterator[tuple[int, int]]:
        for price, size in written:
            yield self.price.whole(price), self.size.whole(size)
