"""Gate futures settled in USDT: differences of the book by their numbers, and trades."""

from collections.abc import Iterator
from typing import Any

from engine.paper.errors import Refused
from engine.paper.service.gate import LISTINGS, level_told, tape_told
from engine.paper.service.streaming.talk import BookFollowed, Followed, Talk, message, words
from engine.signal import Side

BOOK, TAPE, PING = "futures.order_book_update", "futures.trades", "futures.ping"


class GateTalk(Talk):
    def hear(self, text: str) -> list[Any]:
        told = message(text)
        channel, event = str(told.get("channel")), str(told.get("event"))
        if channel == PING:
            return [self._said("futures.pong", "", None)]
        answer = self._said(channel, event, {"status": "success"}) | {"id": told.get("id")}
        names = [str(one) for one in words(told, "payload")]
        # The other words of a book's payload are its interval and its depth.
        for name in names[:1] if channel == BOOK else names:
            if event == "unsubscribe":
                self.followed.pop(f"{channel}:{name}", None)
            elif event != "subscribe" or not self._begin(channel, name):
                error = {"code": 2, "message": f"unknown channel or contract {name[:50]}"}
                return [answer | {"error": error, "result": None}]
        return [answer]

    def _begin(self, channel: str, name: str) -> bool:
        try:
            listing = LISTINGS.named(name)
        except Refused:
            return False
        if channel == BOOK:
            self.follow_book(f"{channel}:{name}", listing)
        elif channel == TAPE:
            self.follow_tape(f"{channel}:{name}", listing)
        return channel in (BOOK, TAPE)

    def tell(self, channel: str, followed: Followed) -> Iterator[Any]:
        listing = followed.listing
        if not isinstance(followed, BookFollowed):
            for trade in followed.trades(self.desk):
                told = tape_told(listing, trade) | {"create_time_ms": trade.at_ms}
                yield self._said(TAPE, "update", [told])
            return
        changes = followed.changes(self.desk)
        if changes is None:
            return
        sides = {
            name: [level_told(listing, *level) for level in changes.sizes[side].items()]
            for name, side in (("b", Side.BUY), ("a", Side.SELL))
        }
        numbers = {"U": changes.before + 1, "u": changes.picture.number}
        result = {"t": changes.picture.at_ms, "s": listing.name, **numbers, **sides}
        yield self._said(BOOK, "update", result)

    def _said(self, channel: str, event: str, result: Any) -> dict[str, Any]:
        now_ms = self.desk.now_ms
        told = {"channel": channel, "event": event, "result": result}
        return told | {"time": now_ms // 1000, "time_ms": now_ms}
