"""What a client of a stream follows, and what it has of it; the words are the dialects'."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import EngineError
from engine.paper.orders import Trade
from engine.paper.service.desk import Desk
from engine.paper.service.faults import Kind
from engine.paper.service.listing import Listing
from engine.paper.service.pictures import Picture, Sizes
from engine.signal import Side

MOST_CHANNELS = 200


class Unheard(EngineError):
    """The client said something that no client of this dialect says."""

    code = "unheard"


@dataclass(slots=True)
class Changes:
    before: int
    sizes: dict[Side, Sizes]
    picture: Picture


@dataclass(slots=True)
class BookFollowed:
    """A book, picture by picture."""

    listing: Listing
    number: int

    def changes(self, desk: Desk) -> Changes | None:
        """What is new since the last call; in a frozen market the same is said again."""
        album = desk.album(self.listing.symbol)
        sizes = album.since(self.number)
        if sizes is None:
            raise Unheard("the client was away for too long")
        if album.last.number == self.number and not desk.faults.stands(Kind.FROZEN):
            return None
        before, self.number = self.number, album.last.number
        return Changes(before, sizes, album.last)


@dataclass(slots=True)
class TapeFollowed:
    listing: Listing
    last: int

    def trades(self, desk: Desk) -> Iterator[Trade]:
        """Those since the last call, oldest first."""
        new = []
        for trade in reversed(desk.exchange.tapes[self.listing.symbol]):
            if trade.number <= self.last:
                break
            new.append(trade)
        for trade in reversed(new):
            self.last = trade.number
            yield trade


Followed = BookFollowed | TapeFollowed


class Talk(ABC):
    """One client's conversation. It is spoken to under the lock of the service."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        # By the dialect's name of the channel.
        self.followed: dict[str, Followed] = {}

    @abstractmethod
    def hear(self, text: str) -> list[Any]:
        """What is answered at once."""

    @abstractmethod
    def tell(self, channel: str, followed: Followed) -> Iterator[Any]:
        """What is new on a channel."""

    def news(self) -> list[Any]:
        if self.desk.faults.stands(Kind.SILENT):
            return []
        told = [self.tell(channel, followed) for channel, followed in self.followed.items()]
        return [one for channel in told for one in channel]

    def follow_book(self, channel: str, listing: Listing) -> None:
        self._follow(channel, BookFollowed(listing, self.desk.picture(listing.symbol).number))

    def follow_tape(self, channel: str, listing: Listing) -> None:
        tape = self.desk.exchange.tapes[listing.symbol]
        self._follow(channel, TapeFollowed(listing, tape[-1].number if tape else 0))

    def _follow(self, channel: str, followed: Followed) -> None:
        if len(self.followed) >= MOST_CHANNELS:
            raise Unheard("one connection follows so many channels and no more")
        self.followed.setdefault(channel, followed)


def message(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unheard("the message is no JSON") from error
    if not isinstance(told, dict):
        raise Unheard("the message is no object")
    return told


def words(told: dict[str, Any], name: str) -> list[Any]:
    found = told.get(name, [])
    if not isinstance(found, list):
        raise Unheard(f"{name} is no list")
    return found
