"""The whole chain around one id, forward and back, with the time that each step took.

Ids of facts are unique over their tables, so an id alone names what it is.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from apps.core.errors import NotFound
from apps.ledger.models import Transfer
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.models import Pool, Reward
from apps.signals.models import Signal
from engine.candle import seconds

# A signal may have thousands of tickets; a trace shows so many of them at a time.
TICKETS_SHOWN = 20


@dataclass
class Step:
    """One row of the chain, and what followed from it."""

    kind: str
    row: object
    text: str
    status: str
    at: datetime
    took: timedelta | None = None
    then: list["Step"] = field(default_factory=list)

    @property
    def model(self) -> str:
        return self.row._meta.label_lower.replace(".", "_")

    def lead_to(self, step: "Step") -> "Step":
        step.took = step.at - self.at
        self.then.append(step)
        return step

    def walk(self, depth: int = 0) -> Iterable[tuple[int, "Step"]]:
        yield depth, self
        for step in self.then:
            yield from step.walk(depth + 1)


@dataclass
class Trace:
    """A chain from its first step on; `tickets` counts those that are not shown as well."""

    focus: UUID
    first: Step
    tickets: int = 0
    page: int = 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.tickets // TICKETS_SHOWN))

    @property
    def lines(self) -> list[tuple[int, Step]]:
        return list(self.first.walk())


def trace(fact_id: UUID, *, tenant=None, page: int = 1) -> Trace:
    """The chain that an id belongs to; with a tenant, only if it is that tenant's.

    A signal's id shows its tickets page by page; any other id the one branch it is on.
    """
    row = find(fact_id, tenant)
    if isinstance(row, Signal):
        return trace_signal(row, fact_id, tenant, page)
    ticket = ticket_of(row)
    if ticket is None:
        return Trace(fact_id, alone(row))
    branch = Step(**told_ticket(ticket)) if ticket.signal is None else signal_step(ticket.signal)
    grow(branch, [ticket])
    return Trace(fact_id, branch, tickets=1)


def find(fact_id: UUID, tenant=None):
    """The fact with this id, whatever it is."""
    for model in (Ticket, Order, Fill, Position, Close, Charge, Pool, Reward, Transfer):
        rows = model.objects.of(tenant) if tenant else model.objects.across_tenants()
        row = rows.filter(pk=fact_id).first()
        if row is not None:
            return row
    signal = Signal.objects.select_related("strategy").filter(pk=fact_id).first()
    if signal is None:
        raise NotFound("nothing has this id", id=fact_id)
    return signal


def trace_signal(signal: Signal, focus: UUID, tenant, page: int) -> Trace:
    tickets = (Ticket.objects.of(tenant) if tenant else Ticket.objects.across_tenants()).filter(
        signal=signal
    )
    start = (page - 1) * TICKETS_SHOWN
    first = signal_step(signal)
    shown = tickets.select_related("venue_account__member", "tenant").order_by("pk")
    grow(first, list(shown[start : start + TICKETS_SHOWN]))
    return Trace(focus, first, tickets=tickets.count(), page=page)


def ticket_of(row) -> Ticket | None:
    """Walk back from any fact to the ticket it came from."""
    if isinstance(row, Transfer):
        row = back_from_transfer(row)
    if isinstance(row, Reward):
        row = row.pool
    if isinstance(row, Pool):
        row = row.charge
    if isinstance(row, Charge):
        row = row.close
    if isinstance(row, Position):
        row = row.closes.order_by("pk").last()
    if isinstance(row, Close):
        row = Fill.objects.across_tenants().filter(key=row.fill_key).first()
    if isinstance(row, Fill):
        row = row.order
    if isinstance(row, Order):
        row = row.ticket
    if row is None:
        return None
    tickets = Ticket.objects.across_tenants()
    return tickets.select_related("signal__strategy", "venue_account__member", "tenant").get(
        pk=row.pk
    )


def back_from_transfer(transfer: Transfer):
    """A reward's transfer leads to the reward, a charge's to the close that it was taken for."""
    reward = Reward.objects.across_tenants().filter(transfer=transfer).first()
    if reward is not None:
        return reward
    kind, _colon, rest = transfer.key.partition(":")
    if kind != "charge":
        return None
    return Close.objects.across_tenants().filter(pk=rest.partition(":")[0]).first()


def alone(row) -> Step:
    """A fact that no ticket led to: a recharge, or a position still open."""
    return Step(
        kind=row._meta.verbose_name,
        row=row,
        text=str(row),
        status=getattr(row, "get_status_display", str)(),
        at=row.created_at,
    )


def signal_step(signal: Signal) -> Step:
    step = Step(
        kind=_("signal"),
        row=signal,
        text=f"{signal.strategy} · {signal.get_action_display()} "
        f"{signal.get_direction_display()} {signal.symbol} @ {plain(signal.price)}",
        status=signal.get_status_display(),
        at=signal.created_at,
    )
    closed_at = signal.bar_at + timedelta(seconds=seconds(signal.timeframe))
    step.took = signal.created_at - closed_at
    return step


def told_ticket(ticket: Ticket) -> dict[str, object]:
    member = ticket.venue_account.member
    said = f" · {ticket.refused_because}" if ticket.refused_because else ""
    return {
        "kind": _("ticket"),
        "row": ticket,
        "text": f"{ticket.tenant} · {member} · {plain(ticket.quantity)} {ticket.symbol}{said}",
        "status": ticket.get_status_display(),
        "at": ticket.created_at,
    }


def grow(first: Step, tickets: list[Ticket]) -> None:
    """Hang everything that followed from these tickets under the first step, in bulk."""
    is_root = isinstance(first.row, Ticket)
    steps = {
        ticket.pk: first if is_root else first.lead_to(Step(**told_ticket(ticket)))
        for ticket in tickets
    }
    orders = rows_by(Order, "ticket_id", steps)
    fills = rows_by(Fill, "order_id", [order.pk for rows in orders.values() for order in rows])
    of_fill = rows_by(Close, "fill_key", [fill.key for rows in fills.values() for fill in rows])
    closes = [close for rows in of_fill.values() for close in rows]
    charges = rows_by(Charge, "close_id", [close.pk for close in closes], "member")
    pools = rows_by(Pool, "charge_id", [charge.pk for rows in charges.values() for charge in rows])
    rewards = rows_by(
        Reward,
        "pool_id",
        [pool.pk for rows in pools.values() for pool in rows],
        "member",
        "transfer__debit",
        "transfer__credit",
    )
    for ticket in tickets:
        for order in orders[ticket.pk]:
            at_order = steps[ticket.pk].lead_to(order_step(order, ticket))
            for fill in fills[order.pk]:
                at_fill = at_order.lead_to(fill_step(fill))
                for close in of_fill[fill.key]:
                    at_close = at_fill.lead_to(close_step(close))
                    for charge in charges[close.pk]:
                        at_charge = at_close.lead_to(charge_step(charge))
                        for pool in pools[charge.pk]:
                            at_pool = at_charge.lead_to(pool_step(pool))
                            for reward in rewards[pool.pk]:
                                at_reward = at_pool.lead_to(reward_step(reward))
                                # Booked in the same transaction: it took no time of its own.
                                at_reward.then.append(transfer_step(reward.transfer))


def rows_by(model, column: str, values: Iterable, *related: str) -> dict[object, list]:
    """The rows whose column has one of these values, grouped by it; one query."""
    found = defaultdict(list)
    rows = model.objects.across_tenants().filter(**{f"{column}__in": list(values)})
    for row in rows.select_related(*related).order_by("pk"):
        found[getattr(row, column)].append(row)
    return found


def order_step(order: Order, ticket: Ticket) -> Step:
    """The order, at the moment it left for its node."""
    said = f" · {order.reason}" if order.reason else ""
    return Step(
        _("order"),
        order,
        f"{order.get_side_display()} {plain(order.quantity)} {order.symbol} "
        f"· {order.client_order_id}{said}",
        order.get_status_display(),
        max(order.created_at, ticket.sent_at or order.created_at),
    )


def fill_step(fill: Fill) -> Step:
    return Step(
        _("fill"),
        fill,
        f"{plain(fill.quantity)} @ {plain(fill.price)}, {_('fee')} {plain(fill.fee)}",
        _("Filled"),
        fill.filled_at,
    )


def close_step(close: Close) -> Step:
    text = f"{_('profit')} {plain(close.profit)}"
    return Step(_("close"), close, text, close.get_status_display(), close.created_at)


def charge_step(charge: Charge) -> Step:
    text = (
        f"{charge.member} · {_('due')} {plain(charge.due)} = {plain(charge.from_self)} "
        f"{_('self')} + {plain(charge.from_gift)} {_('gift')}"
    )
    if charge.shortfall:
        text += f" + {plain(charge.shortfall)} {_('shortfall')}"
    return Step(_("charge"), charge, text, _("Charged"), charge.created_at)


def pool_step(pool: Pool) -> Step:
    return Step(_("profit pool"), pool, plain(pool.amount), _("Shared out"), pool.created_at)


def reward_step(reward: Reward) -> Step:
    text = f"{reward.get_kind_display()} · {reward.member} · {plain(reward.amount)}"
    return Step(_("reward"), reward, text, _("Paid"), reward.created_at)


def transfer_step(transfer: Transfer) -> Step:
    text = f"{transfer.debit} → {transfer.credit} · {plain(transfer.amount)}"
    return Step(_("transfer"), transfer, text, _("Booked"), transfer.created_at)


def plain(number) -> str:
    """A decimal without the zeros that only say how wide its column is."""
    return f"{number.normalize():f}" if number else "0"
