"""Binance USDT-M futures: differences of the book by their numbers, trades, best prices."""

from collections.abc import Iterator
from typing import Any

from engine.messages import number
from engine.paper.errors import Refused
from engine.paper.service.binance import LISTINGS
from engine.paper.service.listing import Listing
from engine.paper.service.pictures import Sizes
from engine.paper.service.streaming.talk import (
    BookFollowed,
    Changes,
    Followed,
    Talk,
    message,
    words,
)
from engine.signal import Side

TAPES = {"trade", "aggTrade"}
BOOKS = {"depth", "bookTicker"}


class BinanceTalk(Talk):
    def hear(self, text: str) -> list[Any]:
        told = message(text)
        answer = {"result": None, "id": told.get("id")}
        for stream in map(str, words(told, "params")):
            if told.get("method") == "UNSUBSCRIBE":
                self.followed.pop(stream, None)
            elif told.get("method") != "SUBSCRIBE" or not self._begin(stream):
                error = {"code": 2, "msg": f"Invalid request: unknown stream {stream[:50]}"}
                return [{"id": told.get("id"), "error": error}]
        return [answer]

    def _begin(self, stream: str) -> bool:
        name, _, kind = stream.partition("@")
        try:
            listing = LISTINGS.named(name.upper())
        except Refused:
            return False
        kind = kind.partition("@")[0]
        if kind in TAPES:
            self.follow_tape(stream, listing)
        elif kind in BOOKS:
            self.follow_book(stream, listing)
        return kind in TAPES | BOOKS

    def tell(self, channel: str, followed: Followed) -> Iterator[Any]:
        kind = channel.split("@")[1]
        listing = followed.listing
        if isinstance(followed, BookFollowed):
            changes = followed.changes(self.desk)
            if changes:
                is_best = kind == "bookTicker"
                yield best_told(listing, changes) if is_best else depth_told(listing, changes)
            return
        for trade in followed.trades(self.desk):
            told = {
                "e": kind,
                "E": trade.at_ms,
                "T": trade.at_ms,
                "s": listing.name,
                "p": number(trade.price),
                "q": number(trade.quantity),
                "m": trade.side is Side.SELL,
            }
            if kind == "trade":
                yield told | {"t": trade.number, "X": "MARKET"}
            else:
                yield told | {"a": trade.number, "f": trade.number, "l": trade.number}


def depth_told(listing: Listing, changes: Changes) -> dict[str, Any]:
    picture = changes.picture
    return {
        "e": "depthUpdate",
        "E": picture.at_ms,
        "T": picture.at_ms,
        "s": listing.name,
        "U": min(changes.before + 1, picture.number),
        "u": picture.number,
        "pu": changes.before,
        "b": rows(changes.sizes[Side.BUY]),
        "a": rows(changes.sizes[Side.SELL]),
    }


def best_told(listing: Listing, changes: Changes) -> dict[str, Any]:
    picture = changes.picture
    told = {"e": "bookTicker", "E": picture.at_ms, "T": picture.at_ms, "s": listing.name}
    for name, side in (("b", Side.BUY), ("a", Side.SELL)):
        for price, size in picture.best(side, 1):
            told |= {name: number(price), name.upper(): number(size)}
    return told | {"u": picture.number}


def rows(sizes: Sizes) -> list[list[str]]:
    return [[number(price), number(size)] for price, size in sizes.items()]
