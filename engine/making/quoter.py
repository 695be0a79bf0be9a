"""What stands, made what is wanted: side by side, level by level, each order with its reason."""

from decimal import Decimal

from engine.making.actions import Action, Cancel, Place, Quoted, Why
from engine.making.desk import Desk, Slot
from engine.making.events import AccountTold, BookSeen
from engine.making.grid import Grid
from engine.making.guard import Budget
from engine.making.model import Answer
from engine.making.params import MakerParams
from engine.making.requoting import why_replaced
from engine.making.sides import Open
from engine.making.units import ReturnVolatility, over_a_minute
from engine.making.wanted import Wanted
from engine.making.watch import Seen
from engine.signal import Side


class Quoter:
    def __init__(self, grid: Grid, params: MakerParams, desk: Desk) -> None:
        self.grid, self.desk = grid, desk
        self.retune(params)

    def retune(self, params: MakerParams) -> None:
        self.params = params
        self.budget = Budget(params.orders_a_second)

    def sync(self, now_ms: int, want: Wanted, sides: Open, account: AccountTold) -> list[Action]:
        actions: list[Action] = []
        for side in (Side.BUY, Side.SELL):
            quotes = want.of(side)
            closed = Why.UNQUOTABLE if sides.allows(side) else Why.INVENTORY
            for level, (price, quantity) in enumerate(quotes):
                if quantity:
                    actions += self._quote(now_ms, side, level, price, quantity, account)
                else:
                    actions += self._clear(now_ms, self.desk.slot(side, level), closed)
            for (other, level), slot in self.desk.slots.items():
                if other is side and level >= len(quotes):
                    actions += self._clear(now_ms, slot, Why.UNQUOTABLE)
        return actions

    def _quote(
        self, now_ms: int, side: Side, level: int, price: int, quantity: int, account: AccountTold
    ) -> list[Action]:
        slot = self.desk.slot(side, level)
        current = slot.current
        if slot.coming or slot.leaving or (current and not current.is_open):
            return []
        if current is None:
            return self._place(now_ms, side, level, price, quantity, Why.MISSING)
        why = why_replaced(current, price, quantity, self.params, now_ms)
        if why is None:
            return []
        if self.params.places_first and self._can_carry(price, quantity, account):
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


def quoted(
    now_ms: int,
    book: BookSeen,
    seen: Seen,
    told: Answer,
    want: Wanted,
    position: int,
    sides: Open,
    room: Decimal,
    actions: list[Action],
) -> Quoted:
    """What a look came to, for whoever watches."""
    (bid, bid_quantity), (ask, ask_quantity) = want.bids[0], want.asks[0]
    reasons = {one.why: None for one in actions if isinstance(one, Place | Cancel)}
    return Quoted(
        at_ms=now_ms,
        best_bid=book.bids[0][0],
        best_ask=book.asks[0][0],
        bid=bid if bid_quantity else 0,
        ask=ask if ask_quantity else 0,
        bid_quantity=bid_quantity,
        ask_quantity=ask_quantity,
        half_bps=told.half,
        shift_bps=told.shift * position / want.order,
        sigma=over_a_minute(ReturnVolatility(seen.sigma)),
        z=seen.z,
        gamma=told.gamma,
        k=told.k,
        a=told.a,
        imbalance=seen.imbalance,
        position=position,
        sides=sides,
        capacity=room,
        reasons=tuple(reasons),
    )
