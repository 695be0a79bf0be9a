"""What stands, made what is wanted: side by side, level by level, each order with its reason."""

from decimal import Decimal

from engine.making.actions import Action, Cancel, Place, Quoted, Why
from engine.making.desk import Desk, Slot
from engine.making.events import AccountTold
from engine.making.grid import Grid
from engine.making.guard import Budget
from engine.making.looking import (
    FREE,
    GAMMA,
    GOES,
    HALF,
    IMBALANCE,
    SHIFT,
    SIGMA,
    STANDS,
    UNDER_WAY,
    A,
    Eye,
    K,
    Z,
)
from engine.making.params import MakerParams
from engine.making.requoting import GONE, NOTHING, WHY
from engine.making.sides import OPEN, allows
from engine.making.units import ReturnVolatility, over_a_minute
from engine.making.watch import ASKS, BIDS
from engine.signal import Side

SIDES = (Side.BUY, Side.SELL)


def reasons_of(actions: list[Action]) -> tuple[Why, ...]:
    return tuple({one.why: None for one in actions if isinstance(one, Place | Cancel)})


class Quoter:
    def __init__(self, grid: Grid, params: MakerParams, desk: Desk) -> None:
        self.grid, self.desk = grid, desk
        self.retune(params)

    def retune(self, params: MakerParams) -> None:
        self.params = params
        self.budget = Budget(params.orders_a_second)

    def shown(self) -> list[tuple[int, int, int, int]]:
        """What stands, as a look compares it: a row for each level of each side."""
        slots, levels = self.desk.slots, range(self.params.levels)
        return [stands(slots.get((bids, level))) for bids in (True, False) for level in levels]

    def sync(
        self, now_ms: int, wanted: list[list[int]], sides: int, account: AccountTold
    ) -> list[Action]:
        """`wanted` are rows as a look leaves them."""
        actions: list[Action] = []
        levels = self.params.levels
        for row, (price, quantity, code) in enumerate(wanted):
            if code == NOTHING:
                continue
            side, level = SIDES[row // levels], row % levels
            if code == GONE:
                is_open = allows(sides, side is Side.BUY)
                why = Why.UNQUOTABLE if is_open else Why.INVENTORY
                actions += self._clear(now_ms, self.desk.slot(side, level), why)
            else:
                actions += self._quote(now_ms, side, level, price, quantity, WHY[code], account)
        return actions

    def clear_beyond(self, now_ms: int) -> list[Action]:
        """What stands at levels that are no longer asked for."""
        return [
            action
            for (_, level), slot in self.desk.slots.items()
            if level >= self.params.levels
            for action in self._clear(now_ms, slot, Why.UNQUOTABLE)
        ]

    def _quote(
        self,
        now_ms: int,
        side: Side,
        level: int,
        price: int,
        quantity: int,
        why: Why,
        account: AccountTold,
    ) -> list[Action]:
        current = self.desk.slot(side, level).current
        if current is None or (
            self.params.places_first and self._can_carry(price, quantity, account)
        ):
            return self._place(now_ms, side, level, price, quantity, why)
        return [self.desk.cancel(now_ms, current, why)]

    def _place(
        self, now_ms: int, side: Side, level: int, price: int, quantity: int, why: Why
    ) -> list[Action]:
        slot = self.desk.slot(side, level)
        if now_ms < slot.not_before_ms or self._meets_own(side, price):
            return []
        # What takes it away again is counted with it.
        if not self.budget.allows(now_ms, 2):
            return []
        self.budget.spend(1)
        return [self.desk.place(now_ms, side, level, price, quantity, why)]

    def _meets_own(self, side: Side, price: int) -> bool:
        """Whether an order of our own stands in the way; it is about to move as well."""
        if side is Side.BUY:
            return any(own.price <= price for own in self.desk.quotes(Side.SELL))
        return any(own.price >= price for own in self.desk.quotes(Side.BUY))

    def _can_carry(self, price: int, quantity: int, account: AccountTold) -> bool:
        worth = self.grid.notional(price, quantity)
        return account.free * Decimal(self.params.leverage) >= worth

    def _clear(self, now_ms: int, slot: Slot, why: Why) -> list[Action]:
        going = [one for one in (slot.current, slot.coming) if one and not one.is_leaving]
        return [self.desk.cancel(now_ms, own, why) for own in going]


def stands(slot: Slot | None) -> tuple[int, int, int, int]:
    if slot is None:
        return FREE, 0, 0, 0
    own = slot.current
    if slot.coming or (own and (slot.leaving or not own.is_open)):
        return UNDER_WAY, 0, 0, 0
    if own is None:
        return (GOES if slot.leaving else FREE), 0, 0, 0
    return STANDS, own.price, own.left, own.since_ms


def quoted(eye: Eye, room: Decimal, reasons: tuple[Why, ...]) -> Quoted:
    """What a look came to, for whoever watches."""
    told = eye.told.tolist()
    position, _, sides, at_ms = eye.facts.tolist()
    asks = len(eye.wanted) // 2
    bid, bid_quantity, _ = eye.wanted[0].tolist()
    ask, ask_quantity, _ = eye.wanted[asks].tolist()
    return Quoted(
        at_ms=at_ms,
        best_bid=int(eye.picture[BIDS]),
        best_ask=int(eye.picture[ASKS]),
        bid=bid if bid_quantity else 0,
        ask=ask if ask_quantity else 0,
        bid_quantity=bid_quantity,
        ask_quantity=ask_quantity,
        half_bps=told[HALF],
        shift_bps=told[SHIFT],
        sigma=over_a_minute(ReturnVolatility(told[SIGMA])),
        z=told[Z],
        gamma=told[GAMMA],
        k=told[K],
        a=told[A],
        imbalance=told[IMBALANCE],
        position=position,
        sides=OPEN[sides],
        capacity=room,
        reasons=reasons,
    )
