"""One account: its cash, what it holds, its settings, and the names its orders go by.

A holding is kept by what it cost and not by its average price, so that no
division ever rounds money away: the costs of everybody's holdings and
everybody's cash always add up to what was deposited.
"""

import enum
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal

from engine.messages import Margin
from engine.money import UNIT, ZERO, points
from engine.paper.errors import Reason, Refused
from engine.paper.orders import Execution, Moved, Order, Trigger, closing_side, reduced_by
from engine.position import won
from engine.signal import Direction, Side

HOUSE = "house"
DEFAULT_LEVERAGE = 20
# What an account starts with unless somebody says otherwise.
START_CASH = Decimal(10_000)


class IdRule(enum.StrEnum):
    """When a client id may be used again."""

    OPEN = "open"  # as soon as no open order has it
    ALWAYS = "always"  # never
    LATEST = "latest"  # at any time: a look-up finds the latest


@dataclass(slots=True)
class Holding:
    """A position. `cost` is what its quantity was opened for; `put_up` is isolated margin."""

    symbol: str
    direction: Direction
    margin: Margin
    opened_at_ms: int
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    put_up: Decimal = ZERO
    realized: Decimal = ZERO
    funding: Decimal = ZERO
    changed_at_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        return self.cost / self.quantity if self.quantity else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        return won(self.direction, self.cost, self.quantity * mark)


@dataclass(slots=True)
class Account:
    name: str
    ids: IdRule
    # What happens to a post-only order that would fill at once: refused, or accepted and ended.
    refuses_takers: bool = True
    cash: Decimal = ZERO
    deposited: Decimal = ZERO
    is_hedged: bool = False
    holdings: dict[tuple[str, Direction], Holding] = field(default_factory=dict)
    margins: dict[str, Margin] = field(default_factory=dict)
    leverages: dict[tuple[str, Margin, Direction], int] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    open: dict[int, Order] = field(default_factory=dict)
    triggers: dict[int, Trigger] = field(default_factory=dict)
    waiting: dict[int, Trigger] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    order_of: dict[str, int] = field(default_factory=dict)
    trigger_of: dict[str, int] = field(default_factory=dict)
    # When a symbol's open orders end unless their owner is heard of; "" is every symbol.
    deadlines: dict[str, int] = field(default_factory=dict)

    def margin(self, symbol: str) -> Margin:
        return self.margins.get(symbol, Margin.CROSS)

    def leverage(self, symbol: str, margin: Margin, direction: Direction) -> int:
        return self.leverages.get((symbol, margin, direction), DEFAULT_LEVERAGE)

    def held(self, symbol: str, direction: Direction) -> Decimal:
        holding = self.holdings.get((symbol, direction))
        return holding.quantity if holding else ZERO

    def is_busy(self, symbol: str | None = None) -> Reason | None:
        """Why a mode cannot be changed now: something is held, or something is in the book."""
        if any(symbol in (None, held) for held, _ in self.holdings):
            return Reason.HAS_POSITION
        asked = [order.ask.symbol for order in self.open.values()]
        asked += [trigger.ask.order.symbol for trigger in self.waiting.values()]
        return Reason.HAS_ORDERS if any(symbol in (None, one) for one in asked) else None

    def check_id(self, client_id: str, taken: dict[str, int], live: set[int]) -> None:
        """Refuse a client id that the rule of the account's dialect does not let be used again."""
        number = taken.get(client_id) if client_id else None
        if number is None or self.ids is IdRule.LATEST:
            return
        if self.ids is IdRule.ALWAYS or number in live:
            raise Refused(Reason.DUPLICATE_ID, "the client id is taken", client_id=client_id)

    def keep(self, order: Order) -> None:
        self.orders[order.number] = self.open[order.number] = order
        if order.ask.client_id:
            self.order_of[order.ask.client_id] = order.number

    def keep_trigger(self, trigger: Trigger) -> None:
        self.triggers[trigger.number] = self.waiting[trigger.number] = trigger
        if trigger.ask.client_id:
            self.trigger_of[trigger.ask.client_id] = trigger.number

    def may_trade(self, order: Order) -> Decimal:
        """How much of the order may still trade: what closes is bounded by what is held."""
        closes = order.closes
        if closes is None:
            return order.left
        return min(order.left, self.held(order.ask.symbol, closes))

    def absorb(self, order: Order, quantity: Decimal, price: Decimal, now_ms: int) -> Decimal:
        """Let a trade change what is held; the profit it realises, before fees."""
        profit = ZERO
        opens = order.ask.direction
        if opens is None:
            closes = reduced_by(order.ask.side)
            closed = min(quantity, self.held(order.ask.symbol, closes))
            if closed:
                profit = self._close(order.ask.symbol, closes, closed, price, now_ms)
                quantity -= closed
            opens = other_direction(closes)
        elif order.ask.side is closing_side(opens):
            return self._close(order.ask.symbol, opens, quantity, price, now_ms)
        if quantity:
            self._open(order, opens, quantity, price, now_ms)
        return profit

    def _open(
        self, order: Order, direction: Direction, quantity: Decimal, price: Decimal, now_ms: int
    ) -> None:
        symbol = order.ask.symbol
        margin = order.ask.margin or self.margin(symbol)
        holding = self.holdings.setdefault(
            (symbol, direction), Holding(symbol, direction, margin, opened_at_ms=now_ms)
        )
        holding.quantity += quantity
        holding.cost += quantity * price
        holding.changed_at_ms = now_ms
        if holding.margin is Margin.ISOLATED:
            leverage = self.leverage(symbol, holding.margin, direction)
            holding.put_up += units_up(quantity * price / leverage)

    def _close(
        self, symbol: str, direction: Direction, quantity: Decimal, price: Decimal, now_ms: int
    ) -> Decimal:
        holding = self.holdings[symbol, direction]
        is_all = quantity == holding.quantity
        # Whole units, and the last close takes the rest: the shares are together what was paid.
        share = holding.cost if is_all else points(holding.cost * quantity / holding.quantity)
        freed = holding.put_up if is_all else points(holding.put_up * quantity / holding.quantity)
        profit = won(direction, share, quantity * price)
        holding.quantity -= quantity
        holding.cost -= share
        holding.put_up -= freed
        holding.realized += profit
        holding.changed_at_ms = now_ms
        self.cash += profit
        if is_all:
            del self.holdings[symbol, direction]
        return profit


def other_direction(direction: Direction) -> Direction:
    return Direction.SHORT if direction is Direction.LONG else Direction.LONG


def opened_by(side: Side) -> Direction:
    """The direction that this side makes larger in one-way mode."""
    return other_direction(reduced_by(side))


def units_up(amount: Decimal) -> Decimal:
    """What somebody has to pay, in whole units: never less than the amount."""
    return amount.quantize(UNIT, rounding=ROUND_UP)
