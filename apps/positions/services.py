"""Fills fold into positions, and a closing fill realises a profit, once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.positions.models import Close, Position
from apps.venues.models import VenueAccount
from engine.money import ZERO, points
from engine.position import PositionState, absorb
from engine.signal import Action, Direction


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

    @property
    def open_key(self) -> str:
        return open_key(
            venue_account_id=self.venue_account.pk, symbol=self.symbol, direction=self.direction
        )


def open_key(*, venue_account_id: int, symbol: str, direction: str) -> str:
    return f"{venue_account_id}:{symbol}:{direction}"


class Folding:
    """The open positions that some fills touch, locked, folded in memory, and written in bulk.

    Must live inside one transaction. `absorb` of an order's fills changes nothing
    when one of them is impossible, so a bad report leaves no trace.
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

    def absorb(self, executions: list[Execution]) -> None:
        """Fold an order's new fills; they all belong to one position."""
        if not executions:
            return
        first = executions[0]
        row = self.open.get(first.open_key)
        state = state_of(row, first.direction)
        profits, entry_fees = [], []
        for execution in executions:
            before = state
            state, profit = absorb(
                state,
                action=execution.action,
                quantity=execution.quantity,
                price=execution.price,
                fee=execution.fee,
            )
            profits.append(profit)
            entry_fees.append(before.entry_fees - state.entry_fees)

        row = row or self._begin(first)
        self._write(row, state)
        self.closes += [
            Close(
                tenant_id=row.tenant_id,
                fill_key=execution.fill_key,
                position=row,
                profit=points(profit),
                fee=points(execution.fee),
                entry_fee=points(entry_fee),
            )
            for execution, profit, entry_fee in zip(executions, profits, entry_fees, strict=True)
            if execution.action is Action.CLOSE
        ]

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
        Position.objects.across_tenants().bulk_create(self.made)
        made = {row.pk for row in self.made}
        Position.objects.across_tenants().bulk_update(
            [row for pk, row in self.changed.items() if pk not in made],
            [
                "quantity",
                "entry_price",
                "realized",
                "fees",
                "entry_fees",
                "unprotected_because",
                "status",
                "closed_at",
                "open_key",
            ],
        )
        Close.objects.across_tenants().bulk_create(self.closes)
        return self.closes

    def _begin(self, execution: Execution) -> Position:
        row = Position(
            tenant_id=execution.venue_account.tenant_id,
            venue_account=execution.venue_account,
            subscription_id=execution.subscription_id,
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
    )
