"""What makers' orders did: told by their sessions, and folded as every fill is.

Their accounts hold long or short and never both, so an order closes what is held the other way,
and opens with the rest. Nobody has planned them: they have no ticket.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from apps.core.errors import Conflict
from apps.orders.models import Fill, Order, Ticket
from apps.orders.services.reports import average_price, fill_row, refuse_contradiction
from apps.positions.models import Close, Position
from apps.positions.services import Execution, Folding, open_key
from apps.venues.models import VenueAccount
from engine import messages
from engine.errors import ImpossibleReport
from engine.messages import MakerOrder
from engine.money import ZERO
from engine.order import OrderState, OrderStatus, apply_report
from engine.signal import Action, Direction, Side


def refuse_quoted(*, account: VenueAccount, symbol: str) -> None:
    """A symbol that is under way on the account cannot be quoted there as well."""
    tickets = Ticket.objects.of(account.tenant_id).filter(
        venue_account=account, symbol=symbol, status__in=Ticket.IN_FLIGHT
    )
    if tickets.exists():
        raise Conflict("a ticket of this symbol is under way on the account", field="symbol")
    held = Position.objects.of(account.tenant_id).filter(
        venue_account=account, symbol=symbol, status=Position.Status.OPEN, trader__isnull=False
    )
    if held.exists():
        raise Conflict("an AI trader holds this symbol on the account", field="symbol")


def take_in_quotes(
    *, account: VenueAccount, symbol: str, told: list[MakerOrder], now: datetime
) -> list[Close]:
    """Fold a maker's orders, in their order; its closes wait to be settled. Their account is
    locked by whoever calls."""
    orders = known_orders(account, {one.client_order_id for one in told})
    keys = [key_of(account, symbol, fill) for one in told for fill in one.fills]
    fills = {fill.key: fill for fill in Fill.objects.of(account.tenant_id).filter(key__in=keys)}
    folding = Folding(
        [open_key(venue_account_id=account.pk, symbol=symbol, direction=d) for d in Direction],
        now=now,
    )
    taking = Taking(account, symbol, orders, fills, folding, now)
    for one in told:
        taking.take(one)
    taking.save()
    return folding.save()


def known_orders(account: VenueAccount, names: Iterable[str]) -> dict[str, Order]:
    rows = Order.objects.of(account.tenant_id).select_for_update().order_by("pk")
    found = rows.filter(venue_account=account, client_order_id__in=set(names))
    return {order.client_order_id: order for order in found}


def key_of(account: VenueAccount, symbol: str, fill: messages.Fill) -> str:
    return f"{account.pk}:{symbol}:{fill.venue_fill_id}"


class Taking:
    """Some orders of a maker, on their way into the books."""

    def __init__(
        self,
        account: VenueAccount,
        symbol: str,
        orders: dict[str, Order],
        fills: dict[str, Fill],
        folding: Folding,
        now: datetime,
    ) -> None:
        self.account, self.symbol, self.now = account, symbol, now
        self.orders, self.fills, self.folding = orders, fills, folding
        self._made: list[Order] = []
        self._changed: dict[object, Order] = {}
        self._new: list[Fill] = []

    def take(self, told: MakerOrder) -> None:
        order = self._order_of(told)
        rows = [
            fill_row(order=order, fill=fill, key=key_of(self.account, self.symbol, fill))
            for fill in told.fills
        ]
        for row in rows:
            refuse_contradiction(told=row, known=self.fills.get(row.key, row))
        new = [row for row in rows if row.key not in self.fills]
        if len({row.key for row in new}) != len(new):
            raise ImpossibleReport("a fill is told twice")
        filled = sum((row.quantity for row in new), ZERO)
        quantity = max(order.quantity, Decimal(told.quantity), order.filled + filled)
        before = OrderState(OrderStatus(order.status), quantity, order.filled)
        after = apply_report(before, told.status, filled)
        for row in new:
            self._fold(order, row)
        self.fills |= {row.key: row for row in new}
        self._new += new
        if new:
            order.average_price = self._average(order, new)
        order.status, order.filled, order.quantity = after.status, after.filled, after.quantity
        order.reported_at = self.now
        self._changed[order.pk] = order

    def save(self) -> None:
        made = {order.pk for order in self._made}
        Order.objects.of(self.account.tenant_id).bulk_create(self._made)
        Order.objects.of(self.account.tenant_id).bulk_update(
            [order for pk, order in self._changed.items() if pk not in made],
            ["status", "filled", "quantity", "average_price", "reported_at"],
        )
        Fill.objects.of(self.account.tenant_id).bulk_create(self._new)

    def _order_of(self, told: MakerOrder) -> Order:
        order = self.orders.get(told.client_order_id)
        if order is None:
            order = Order(
                tenant_id=self.account.tenant_id,
                kind=Order.Kind.MAKER,
                generation=1,
                venue_account=self.account,
                client_order_id=told.client_order_id,
                symbol=self.symbol,
                side=told.side,
                quantity=Decimal(told.quantity),
                filled=ZERO,
                status=OrderStatus.OPEN.value,
            )
            self.orders[told.client_order_id] = order
            self._made.append(order)
        if order.kind != Order.Kind.MAKER or order.side != told.side:
            raise ImpossibleReport("the order is another one's", order=told.client_order_id)
        return order

    def _average(self, order: Order, new: list[Fill]) -> Decimal:
        """Of all its fills, also of those told before."""
        value = sum((row.quantity * row.price for row in new), ZERO)
        if not order.filled:
            return average_price(new)
        whole = value + order.filled * order.average_price
        return round(whole / (order.filled + sum((row.quantity for row in new), ZERO)), 18)

    def _fold(self, order: Order, row: Fill) -> None:
        """Close what is held the other way, and open with the rest."""
        is_buy = order.side == Side.BUY
        opened = Direction.LONG if is_buy else Direction.SHORT
        closed = Direction.SHORT if is_buy else Direction.LONG
        whole = Execution(
            fill_key=row.key,
            venue_account=self.account,
            subscription_id=None,
            symbol=self.symbol,
            direction=closed,
            action=Action.CLOSE,
            quantity=row.quantity,
            price=row.price,
            fee=row.fee,
        )
        held = self.folding.open.get(whole.open_key)
        closing = min(row.quantity, held.quantity) if held else ZERO
        if closing:
            self.folding.absorb([whole.part(closing)])
        if row.quantity > closing:
            rest = whole.part(row.quantity - closing)
            self.folding.absorb([as_opening(rest, opened)])


def as_opening(execution: Execution, direction: Direction) -> Execution:
    return Execution(
        fill_key=execution.fill_key,
        venue_account=execution.venue_account,
        subscription_id=None,
        symbol=execution.symbol,
        direction=direction,
        action=Action.OPEN,
        quantity=execution.quantity,
        price=execution.price,
        fee=execution.fee,
    )
