"""OKX: a snapshot of the book and then its changes, five best prices at a time, trades."""

from collections.abc import Iterator
from typing import Any

from engine.messages import number
from engine.paper.errors import Refused
from engine.paper.service.listing import Listing
from engine.paper.service.okx import LISTINGS, book_told, trade_told
from engine.paper.service.pictures import Sizes
from engine.paper.service.streaming.talk import (
    BookFollowed,
    Followed,
    Talk,
    Unheard,
    message,
    words,
)
from engine.signal import Side

# So many levels of each side; `books` tells what changes.
WHOLE = {"books5": 5, "bbo-tbt": 1}
BOOK, TAPE, LEVELS = "books", "trades", 400


class OkxTalk(Talk):
    def hear(self, text: str) -> list[Any]:
        if text == "ping":
            return ["pong"]
        told = message(text)
        answers: list[Any] = []
        for arg in words(told, "args"):
            if not isinstance(arg, dict):
                raise Unheard("an argument is no object")
            answers += self._one(str(told.get("op")), arg)
        return answers

    def _one(self, op: str, arg: dict[str, Any]) -> list[Any]:
        kind, name = str(arg.get("channel")), str(arg.get("instId"))
        channel = f"{kind}:{name}"
        answer = {"event": op, "arg": {"channel": kind, "instId": name}, "connId": "paper"}
        if op == "unsubscribe":
            self.followed.pop(channel, None)
            return [answer]
        try:
            listing = LISTINGS.named(name)
        except Refused:
            return [refusal(kind, name)]
        if op != "subscribe" or kind not in {BOOK, TAPE, *WHOLE}:
            return [refusal(kind, name)]
        if kind == TAPE:
            self.follow_tape(channel, listing)
            return [answer]
        self.follow_book(channel, listing)
        picture = self.desk.picture(listing.symbol)
        levels = WHOLE.get(kind, LEVELS)
        data = book_told(listing, picture, levels) | {"instId": name, "seqId": picture.number}
        first: dict[str, Any] = {"arg": answer["arg"], "data": [data]}
        if kind == BOOK:
            first["action"] = "snapshot"
            data["prevSeqId"] = -1
        return [answer, first]

    def tell(self, channel: str, followed: Followed) -> Iterator[Any]:
        kind, _, name = channel.partition(":")
        arg, listing = {"channel": kind, "instId": name}, followed.listing
        if not isinstance(followed, BookFollowed):
            for trade in followed.trades(self.desk):
                yield {"arg": arg, "data": [trade_told(listing, trade)]}
            return
        changes = followed.changes(self.desk)
        if changes is None:
            return
        if kind in WHOLE:
            data = book_told(listing, changes.picture, WHOLE[kind])
            yield {"arg": arg, "data": [data | {"instId": name, "seqId": changes.picture.number}]}
            return
        data = {
            "bids": rows(listing, changes.sizes[Side.BUY]),
            "asks": rows(listing, changes.sizes[Side.SELL]),
            "ts": str(changes.picture.at_ms),
            "instId": name,
            "prevSeqId": changes.before,
            "seqId": changes.picture.number,
        }
        yield {"arg": arg, "action": "update", "data": [data]}


def refusal(kind: str, name: str) -> dict[str, str]:
    words = f"channel:{kind[:50]},instId:{name[:50]} doesn't exist"
    return {"event": "error", "code": "60018", "msg": words, "connId": "paper"}


def rows(listing: Listing, sizes: Sizes) -> list[list[str]]:
    return [
        [number(price), number(listing.contracts(size)), "0", "1" if size else "0"]
        for price, size in sizes.items()
    ]
