"""A maker's own orders: what was asked of the venue, and what is known to have become of it.

An order is on the desk from the moment it is asked for until its end is known. One that nobody has
heard of is looked up, never sent again; one that should go is asked away again until it is gone.
Of each side and level there is at most one that stays; beside it, at most one that comes in its
place or one that goes.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from engine.making.actions import Action, Cancel, Close, LookUp, Place, Why
from engine.making.events import Filled, OrderTold, Told
from engine.making.names import Names
from engine.signal import Side

Kept = TypeVar("Kept")

# When an unanswered request is followed up, doubling up to the longest.
FIRST_CHASE_MS, LONGEST_CHASE_MS = 1_000, 8_000
# So many ended orders and fills are remembered, to know what is late from what is new.
REMEMBERED = 4_096


@dataclass(slots=True)
class Own:
    client_id: str
    side: Side
    level: int
    price: int
    quantity: int
    asked_at_ms: int
    # Since when it is in the book, by the venue's own time; 0 while nobody has told.
    placed_at_ms: int = 0
    is_open: bool = False
    is_leaving: bool = False
    is_closing: bool = False
    filled: int = 0
    # Filled by what was told of the order; its fills themselves are yet to come.
    announced: int = 0
    chases: int = 0
    chase_at_ms: int = 0
    why: Why = Why.MISSING
    ended_at_ms: int = 0

    @property
    def left(self) -> int:
        return self.quantity - self.filled

    @property
    def since_ms(self) -> int:
        return self.placed_at_ms or self.asked_at_ms

    @property
    def is_chased(self) -> bool:
        return not self.is_open or self.is_leaving

    def chase_next(self, now_ms: int) -> None:
        self.chase_at_ms = now_ms + min(FIRST_CHASE_MS << min(self.chases, 8), LONGEST_CHASE_MS)
        self.chases += 1


@dataclass(slots=True)
class Slot:
    """One level of one side."""

    current: Own | None = None
    coming: Own | None = None
    leaving: int = 0
    # After a refusal nothing is placed before this, and refusals so far.
    not_before_ms: int = 0
    refusals: int = 0


@dataclass(slots=True)
class Desk:
    names: Names
    own: dict[str, Own] = field(default_factory=dict)
    # By whether they bid, and level.
    slots: dict[tuple[bool, int], Slot] = field(default_factory=dict)
    ended: "OrderedDict[str, Own]" = field(default_factory=OrderedDict)
    fills: "OrderedDict[str, None]" = field(default_factory=OrderedDict)
    # When the last of all orders ended, or was asked for.
    changed_at_ms: int = 0

    def slot(self, side: Side, level: int) -> Slot:
        key = side is Side.BUY, level
        found = self.slots.get(key)
        if found is None:
            found = self.slots[key] = Slot()
        return found

    def quotes(self, side: Side) -> Iterator[Own]:
        return (one for one in self.own.values() if one.side is side and not one.is_closing)

    # What is asked

    def place(
        self, now_ms: int, side: Side, level: int, price: int, quantity: int, why: Why
    ) -> Place:
        own = Own(self.names.next(), side, level, price, quantity, now_ms, why=why)
        own.chase_next(now_ms)
        self.own[own.client_id] = own
        slot = self.slot(side, level)
        if slot.current is None:
            slot.current = own
        else:
            slot.coming = own
        self.changed_at_ms = now_ms
        return Place(own.client_id, side, level, price, quantity, why)

    def close(self, now_ms: int, side: Side, quantity: int) -> Close:
        own = Own(self.names.next(), side, -1, 0, quantity, now_ms, is_closing=True)
        own.chase_next(now_ms)
        self.own[own.client_id] = own
        self.changed_at_ms = now_ms
        return Close(own.client_id, side, quantity)

    def cancel(self, now_ms: int, own: Own, why: Why) -> Cancel:
        slot = self.slots.get((own.side is Side.BUY, own.level))
        if not own.is_leaving:
            own.is_leaving, own.why, own.chases = True, why, 0
            if slot:
                self._leave(slot, own)
                slot.leaving += 1
        own.chase_next(now_ms)
        return Cancel(own.client_id, why)

    def cancel_all(self, now_ms: int, why: Why) -> list[Action]:
        going = [one for one in self.own.values() if not one.is_closing and not one.is_leaving]
        return [self.cancel(now_ms, one, why) for one in going]

    def chase(self, now_ms: int) -> list[Action]:
        """Ask after what was not answered, and ask away again what has not gone."""
        asked: list[Action] = []
        for own in self.own.values():
            if now_ms < own.chase_at_ms or not own.is_chased:
                continue
            own.chase_next(now_ms)
            if own.is_leaving:
                asked.append(Cancel(own.client_id, own.why))
            asked.append(LookUp(own.client_id))
        return asked

    # What is told

    def told(self, told: OrderTold) -> tuple[int, list[Action]]:
        """How much the position changes by what was not known yet, and what is to be asked."""
        own = self.own.get(told.client_id)
        if own is None:
            ended = self.ended.get(told.client_id)
            return (self._announce(ended, told) if ended else 0), []
        change = self._announce(own, told)
        if told.status is Told.OPEN:
            return change, self._opened(own, told)
        self._end(own, told.at_ms, is_refused=told.status is Told.REJECTED)
        return change, []

    def filled(self, fill: Filled) -> int:
        """How much the position changes: nothing by a fill that was counted before."""
        if fill.fill_id in self.fills:
            return 0
        keep(self.fills, fill.fill_id, None)
        own = self.own.get(fill.client_id) or self.ended.get(fill.client_id)
        counted = 0
        if own:
            counted = min(own.announced, fill.quantity)
            own.announced -= counted
            own.filled += fill.quantity - counted
            if not own.left and fill.client_id in self.own:
                self._end(own, fill.at_ms)
        return signed(fill.side, fill.quantity - counted)

    def is_known(self, client_id: str) -> bool:
        return client_id in self.own or client_id in self.ended

    def listed(
        self, now_ms: int, asked_at_ms: int, orders: tuple[OrderTold, ...]
    ) -> tuple[int, list[Action]]:
        """All that were open when the venue was asked: strays have to go, what is missing is looked
        up. What began or ended after the asking is not to be told by the answer."""
        asked: list[Action] = []
        change = 0
        for told in orders:
            ended = self.ended.get(told.client_id)
            if told.client_id in self.own:
                by_this, more = self.told(told)
                change, asked = change + by_this, asked + more
            elif self.names.namer.is_ours(told.client_id) and (
                ended is None or ended.ended_at_ms < asked_at_ms
            ):
                asked.append(self.take_away(now_ms, told))
        names = {told.client_id for told in orders}
        for own in self.own.values():
            is_missing = own.is_open and own.client_id not in names
            if is_missing and not own.is_leaving and own.asked_at_ms < asked_at_ms:
                asked.append(LookUp(own.client_id))
        return change, asked

    def take_away(self, now_ms: int, told: OrderTold) -> Action:
        """From another life, or given up too early: it is ours."""
        before = self.ended.pop(told.client_id, None)
        stray = before or Own(
            told.client_id, told.side, -1, told.price, told.quantity, now_ms, filled=told.filled
        )
        stray.is_open, stray.is_leaving, stray.is_closing, stray.level = True, False, False, -1
        self.own[told.client_id] = stray
        self.changed_at_ms = max(self.changed_at_ms, now_ms)
        return self.cancel(now_ms, stray, Why.STRAY)

    def _announce(self, own: Own, told: OrderTold) -> int:
        news = max(told.filled - own.filled, 0)
        own.filled += news
        own.announced += news
        return signed(own.side, news)

    def _opened(self, own: Own, told: OrderTold) -> list[Action]:
        own.is_open = True
        own.placed_at_ms = own.placed_at_ms or told.placed_at_ms
        slot = self.slots.get((own.side is Side.BUY, own.level))
        if slot is None or own.is_leaving:
            return []
        slot.refusals = 0
        if slot.coming is not own:
            return []
        before, slot.current, slot.coming = slot.current, own, None
        return [self.cancel(told.at_ms, before, own.why)] if before else []

    def _end(self, own: Own, now_ms: int, *, is_refused: bool = False) -> None:
        del self.own[own.client_id]
        own.ended_at_ms = now_ms
        keep(self.ended, own.client_id, own)
        self.changed_at_ms = max(self.changed_at_ms, now_ms)
        slot = self.slots.get((own.side is Side.BUY, own.level))
        if slot is None or own.is_closing:
            return
        if own.is_leaving:
            slot.leaving -= 1
        self._leave(slot, own)
        if is_refused:
            wait = min(FIRST_CHASE_MS // 4 << min(slot.refusals, 8), LONGEST_CHASE_MS)
            slot.refusals += 1
            slot.not_before_ms = now_ms + wait

    @staticmethod
    def _leave(slot: Slot, own: Own) -> None:
        if slot.current is own:
            slot.current, slot.coming = slot.coming, None
        elif slot.coming is own:
            slot.coming = None


def keep(kept: "OrderedDict[str, Kept]", key: str, value: Kept) -> None:
    kept[key] = value
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)


def signed(side: Side, quantity: int) -> int:
    return quantity if side is Side.BUY else -quantity
