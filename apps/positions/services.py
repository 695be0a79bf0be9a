"""Fills fold into positions, and a closing fill realises a profit, once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from apps.positions.models import Close, Position
from apps.venues.models import Payment, VenueAccount
from engine.money import ZERO, points
from engine.position import DECIMALS, PositionState, absorb
from engine.signal import Action, Direction

# A position is held at its venue so long before it is known here.
KNOWN_WITHIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Execution:
    """One new fill, as positions need to know it."""

    fill_key: str
    venue_account: VenueAccount
    subscription_id: int | None
    symbol: str
    direction: Direction
    action: Action
    quantity: Decimal
    price: Decimal
    fee: Decimal
    trader_id: int | None = None

    @property
    def open_key(self) -> str:
        return open_key(
            venue_account_id=self.venue_account.pk, symbol=self.symbol, direction=self.direction
        )

    def part(self, quantity: Decimal) -> "Execution":
        """So much of it, with its share of the fee."""
        if quantity == self.quantity:
            return self
        fee = round(self.fee * quantity / self.quantity, DECIMALS)
        return replace(self, quantity=quantity, fee=fee)


def open_key(*, venue_account_id: int, symbol: str, direction: str) -> str:
    return f"{venue_account_id}:{symbol}:{direction}"


class Folding:
    """The open positions that some fills touch, locked, folded in memory, and written in bulk.

    Must live inside one transaction. `absorb` of an order's fills changes nothing
    when one of them is impossible, so a bad report leaves no trace. A fill that closes
    more than is held here has happened all the same: it closes what there is.
    """

    def __init__(self, keys: Iterable[str], *, now: datetime) -> None:
        self.now = now
        held = Position.objects.across_tenants().select_for_update().order_by("pk")
        self.open = {row.open_key: row for row in held.filter(open_key__in=set(keys))}
        self.made: list[Position] = []
        self.changed: dict[object, Position] = {}
        self.closed: list[Position] = []
        self.exposed: list[Position] = []
        self.closes: list[Close] = []

    def absorb(self, executions: list[Execution]) -> list[Decimal]:
        """Fold an order's new fills; they all belong to one position.

        Of each, how much it closed that was not held.
        """
        if not executions:
            return []
        first = executions[0]
        row = self.open.get(first.open_key)
        state = state_of(row, first.direction)
        profits, states, parts, unheld = [], [state], [], []
        for execution in executions:
            is_close = execution.action is Action.CLOSE
            held = min(execution.quantity, state.quantity) if is_close else execution.quantity
            unheld.append(execution.quantity - held)
            if not held:
                continue
            part = execution.part(held)
            state, profit = absorb(
                state,
                action=part.action,
                quantity=part.quantity,
                price=part.price,
                fee=part.fee,
            )
            parts.append(part)
            profits.append(profit)
            states.append(state)
        if not parts:
            return unheld

        row = row or self._begin(first)
        self._write(row, state)
        self.closes += [
            Close(
                tenant_id=row.tenant_id,
                fill_key=part.fill_key,
                position=row,
                profit=points(profit),
                fee=points(part.fee),
                entry_fee=points(before.entry_fees - after.entry_fees),
                funding=points(before.funding - after.funding),
            )
            for part, profit, before, after in zip(parts, profits, states, states[1:], strict=False)
            if part.action is Action.CLOSE
        ]
        return unheld

    def expose(self, key: str, because: str) -> None:
        """Note why an open position has no stop and no target, or nothing where it has them."""
        row = self.open.get(key)
        if row and row.unprotected_because != because:
            if not row.unprotected_because:
                self.exposed.append(row)
            row.unprotected_because = because
            self.changed[row.pk] = row

    def save(self) -> list[Close]:
        """Write every position and close; the closes now wait to be settled."""
        made = {row.pk for row in self.made}
        # First: one of them may have been closed, and another one like it been opened.
        Position.objects.across_tenants().bulk_update(
            [row for pk, row in self.changed.items() if pk not in made],
            [
                "quantity",
                "entry_price",
                "realized",
                "fees",
                "entry_fees",
                "funding_left",
                "unprotected_because",
                "status",
                "closed_at",
                "open_key",
            ],
        )
        Position.objects.across_tenants().bulk_create(self.made)
        Close.objects.across_tenants().bulk_create(self.closes)
        return self.closes

    def _begin(self, execution: Execution) -> Position:
        row = Position(
            tenant_id=execution.venue_account.tenant_id,
            venue_account=execution.venue_account,
            subscription_id=execution.subscription_id,
            trader_id=execution.trader_id,
            symbol=execution.symbol,
            direction=execution.direction,
            open_key=execution.open_key,
        )
        self.open[execution.open_key] = row
        self.made.append(row)
        return row

    def _write(self, row: Position, state: PositionState) -> None:
        row.quantity, row.entry_price = state.quantity, state.entry_price
        row.realized, row.fees, row.entry_fees = state.realized, state.fees, state.entry_fees
        row.funding_left = state.funding
        if not row.quantity:
            del self.open[row.open_key]
            row.status, row.closed_at, row.open_key = Position.Status.CLOSED, self.now, None
            row.unprotected_because = ""
            self.closed.append(row)
        self.changed[row.pk] = row


def state_of(row: Position | None, direction: Direction) -> PositionState:
    if row is None:
        return PositionState(direction, ZERO)
    return PositionState(
        Direction(row.direction),
        row.quantity,
        row.entry_price,
        row.realized,
        row.fees,
        row.entry_fees,
        row.funding_left,
    )


def add_funding(*, account: VenueAccount, payments: Iterable[Payment]) -> None:
    """Count funding to the position that it was paid for, once: the payments are new.

    Where both directions of a symbol were held, the venue does not say whose it was.
    Funding that is told after the last close is the position's, and in no charge.
    """
    paid = [row for row in payments if row.kind == Payment.Kind.FUNDING and row.symbol]
    rows = Position.objects.of(account.tenant).select_for_update().order_by("pk")
    since = min((row.paid_at for row in paid), default=None)
    still = Q(closed_at__isnull=True) | Q(closed_at__gte=since)
    held = list(rows.filter(still, venue_account=account)) if paid else []
    for payment in paid:
        whose = [row for row in held if was_held(row, payment)]
        if len(whose) == 1:
            whose[0].funding += payment.amount
            if whose[0].status == Position.Status.OPEN:
                whose[0].funding_left += payment.amount
    Position.objects.of(account.tenant).bulk_update(held, ["funding", "funding_left"])


def was_held(row: Position, payment: Payment) -> bool:
    is_over = row.closed_at is not None and row.closed_at < payment.paid_at
    has_begun = row.created_at <= payment.paid_at + KNOWN_WITHIN
    return row.symbol == payment.symbol and has_begun and not is_over
