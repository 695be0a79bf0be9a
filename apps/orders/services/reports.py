"""Reports: what a node says of its orders is applied once, whatever the order it arrives in."""

import hashlib
import logging
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from msgspec import structs

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.later import later
from apps.core.services import refuse_message
from apps.core.states import move_all
from apps.nodes.envelopes import open_from_node
from apps.nodes.models import Node
from apps.orders.models import Fill, Order, Ticket
from apps.orders.services.planning import order_for
from apps.positions.models import Close, Position
from apps.positions.services import Execution, Folding, open_key
from apps.tenants.models import Event
from apps.tenants.services import tell_many
from apps.venues.models import VenueAccount
from engine import messages
from engine.errors import ImpossibleReport, MessageRefused
from engine.failpoint import failpoint
from engine.messages import Report, Reports
from engine.money import ZERO
from engine.order import AT_VENUE, ENDS, OrderState, OrderStatus, apply_report
from engine.signal import Action, Direction

log = logging.getLogger(__name__)

S = Ticket.Status
# Seconds until a further try leaves, by how many there were: the first one at once.
TRY_AGAIN_AFTER = (0, 1, 2, 4, 8, 16, 30)
# What an order's status means for its ticket; an expired order may get a second try.
TICKET_FOLLOWS = {
    OrderStatus.FILLED: S.DONE,
    OrderStatus.CANCELED: S.DONE,
    OrderStatus.REJECTED: S.REJECTED,
    OrderStatus.EXPIRED: S.EXPIRED,
    # It is asked for until it is done.
    OrderStatus.OPEN: S.UNKNOWN,
    OrderStatus.UNKNOWN: S.UNKNOWN,
    OrderStatus.SET: S.DONE,
}

OTHER_KEYS = "the account was given other keys since it was sent: what came of it they do not tell"


@dataclass
class Outcome:
    """What one batch of reports comes to, before it is written."""

    orders: dict[UUID, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    # Where each ticket goes; of two reports of one order the later one counts.
    tickets: dict[UUID, tuple[Ticket, str]] = field(default_factory=dict)
    tries: list[Order] = field(default_factory=list)
    # Tickets whose earlier try had arrived after all, and which that was.
    returned: list[tuple[Ticket, int]] = field(default_factory=list)
    # Fills of before that closed more than was held, and of which some is told by now.
    met: dict[UUID, Fill] = field(default_factory=dict)

    def status_of(self, ticket: Ticket) -> str:
        return self.tickets.get(ticket.pk, (ticket, ticket.status))[1]


@retried
def record_reports(*, envelope: str, now: datetime) -> None:
    """Apply a node's reports in one transaction; one that contradicts the books is refused."""
    node, batch = open_from_node(envelope, Reports)
    with transaction.atomic():
        closes = apply(node=node, reports=batch.reports, now=now)
        failpoint("orders.recording")
        transaction.on_commit(lambda: failpoint("orders.recorded"))
        if closes:
            later("rewards.settle", close_ids=[str(close.pk) for close in closes])


def apply(*, node: Node, reports: list[Report], now: datetime) -> list[Close]:
    orders = locked_orders(reports)
    known = known_fills(reports, orders)
    folding = Folding((position_key(order) for order in orders.values()), now=now)
    beyond = fills_beyond(orders)
    outcome = Outcome()
    for report in reports:
        try:
            order = order_of(report, orders, node)
            fold(order, believed(report, order), known, beyond, folding, outcome, now)
        except (ImpossibleReport, MessageRefused) as error:
            body = f"{error.message} {error.context}: {report}".encode()
            refuse_message(queue="centre.reports", reason=error.message, body=body)
    write(outcome, now=now)
    tell_left_open(outcome)
    closes = folding.save()
    tell_exposed(folding.exposed)
    tell_unheld([fill for fill in outcome.fills if fill.unheld])
    have_read_back(outcome)
    accounts = {order.venue_account_id: order.venue_account for order in orders.values()}
    tell_many(
        [order_event(order) for order in outcome.orders.values() if order.status in ENDS]
        + [position_event("opened", row, accounts) for row in folding.made]
        + [position_event("closed", row, accounts) for row in folding.closed]
        + [position_event("unprotected", row, accounts) for row in folding.exposed]
    )
    return closes


def known_fills(reports: list[Report], orders: dict[str, Order]) -> dict[str, Fill]:
    """Every fill of these orders, and whoever's fills are told as theirs."""
    keys = [key for report in reports for key in fill_keys(report, orders)]
    theirs = Q(order__in=orders.values()) | Q(key__in=keys)
    return {fill.key: fill for fill in Fill.objects.across_tenants().filter(theirs)}


def fills_beyond(orders: dict[str, Order]) -> dict[str, list[Fill]]:
    """Fills that closed more than was held, where something is opened now; by position."""
    beyond: dict[str, list[Fill]] = defaultdict(list)
    opening = {
        order.venue_account_id for order in orders.values() if order.ticket.action == Action.OPEN
    }
    if opening:
        rows = Fill.objects.across_tenants().select_related("order__ticket", "order__venue_account")
        for fill in rows.filter(unheld__gt=0, order__venue_account__in=opening):
            beyond[position_key(fill.order)].append(fill)
    return beyond


def tell_unheld(fills: list[Fill]) -> None:
    """Say that more was closed than the books held."""
    for fill in fills:
        log.error("fill %s closed %s that the books did not hold", fill.key, fill.unheld)
    if fills:
        audit.record_each("fill.unheld", fills)


def have_read_back(outcome: Outcome) -> None:
    """Ask at once for accounts of which the books may be behind: more was closed than they held,
    or a close was turned away, as where the venue's own stop or target came before it."""
    behind = {fill.order.venue_account_id for fill in outcome.fills if fill.unheld}
    behind |= {
        ticket.venue_account_id
        for ticket, status in outcome.tickets.values()
        if ticket.action == Action.CLOSE and status == S.REJECTED
    }
    for account_id in sorted(behind):
        later("orders.ask_state", account_id=account_id)


def tell_left_open(outcome: Outcome) -> None:
    """Say which closes left something open, where there is no further try of them."""
    left = [
        ticket
        for order in outcome.orders.values()
        if (ticket := order.ticket).action == Action.CLOSE
        and order.kind == Order.Kind.TRADE
        and outcome.status_of(ticket) == S.DONE
        and order.generation == ticket.generation
        and order.status == OrderStatus.CANCELED
        and not ticket.cancel_asked_at
    ]
    for ticket in left:
        log.error("ticket %s left something open: its venue ended the order", ticket.pk)
    if left:
        audit.record_each("ticket.left_open", left)


def tell_exposed(positions: list[Position]) -> None:
    """Say once that a position stands without its stop and target."""
    for row in positions:
        log.error("position %s is unprotected: %s", row.pk, row.unprotected_because)
    if positions:
        audit.record_each("position.unprotected", positions)


def order_event(order: Order) -> Event:
    about = {
        "order": str(order.pk),
        "member": order.venue_account.member_id,
        "venue_account": order.venue_account_id,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": messages.number(order.quantity),
        "filled": messages.number(order.filled),
        "average_price": order.average_price and messages.number(order.average_price),
        "reason": order.reason,
    }
    return Event(tenant_id=order.tenant_id, name=f"order.{order.status}", about=about)


def position_event(verb: str, row: Position, accounts: dict[int, VenueAccount]) -> Event:
    about = {
        "position": str(row.pk),
        "member": accounts[row.venue_account_id].member_id,
        "venue_account": row.venue_account_id,
        "symbol": row.symbol,
        "direction": row.direction,
        "quantity": messages.number(row.quantity),
        "entry_price": messages.number(row.entry_price),
        "realized": messages.number(row.realized),
        "fees": messages.number(row.fees),
    }
    return Event(tenant_id=row.tenant_id, name=f"position.{verb}", about=about)


def locked_orders(reports: list[Report]) -> dict[str, Order]:
    """The orders reported on and their tickets, locked in the order of their ids."""
    named = [report.order_id for report in reports if is_uuid(report.order_id)]
    locked = Order.objects.across_tenants().select_for_update().order_by("pk")
    # A maker's orders are told of by its session.
    orders = list(locked.filter(pk__in=named, ticket__isnull=False))
    tickets = Ticket.objects.across_tenants().select_for_update().order_by("pk")
    of_order = tickets.in_bulk([order.ticket_id for order in orders])
    accounts = VenueAccount.objects.across_tenants().in_bulk(
        [order.venue_account_id for order in orders]
    )
    for order in orders:
        order.ticket = of_order[order.ticket_id]
        order.venue_account = accounts[order.venue_account_id]
    return {str(order.pk): order for order in orders}


def is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def order_of(report: Report, orders: dict[str, Order], node: Node) -> Order:
    """The order reported on, if it really is in this node's hands."""
    order = orders.get(report.order_id)
    if order is None:
        raise MessageRefused("the report is of an order nobody knows", order=report.order_id)
    if node.pk not in {order.ticket.node_id, order.venue_account.node_id}:
        raise MessageRefused("the order is not in this node's hands", node=node.code)
    told = (report.account, report.client_order_id)
    if told != (str(order.venue_account_id), order.client_order_id):
        raise MessageRefused("the report names another account or client order id")
    return order


def believed(report: Report, order: Order) -> Report:
    """The report; but that an order never came proves nothing once its account has other keys.

    They may be another account's at the venue, and the order stands in the one before.
    """
    bound_at, sent_at = order.venue_account.bound_at, order.ticket.sent_at
    is_pending = order.status in (OrderStatus.NEW, OrderStatus.UNKNOWN)
    is_denied = report.status == OrderStatus.EXPIRED and order.ticket.action != Action.PROTECT
    if is_denied and is_pending and bound_at and sent_at and bound_at > sent_at:
        return structs.replace(report, status=OrderStatus.UNKNOWN, reason=OTHER_KEYS)
    return report


def fold(
    order: Order,
    report: Report,
    known: dict[str, Fill],
    beyond: dict[str, list[Fill]],
    folding: Folding,
    outcome: Outcome,
    now: datetime,
) -> None:
    """Work out what one report changes; nothing is changed when it is impossible."""
    told = [fill_row(order=order, fill=fill, key=fill_key(order, fill)) for fill in report.fills]
    if sum((fill.quantity for fill in told), ZERO) != Decimal(report.filled):
        raise ImpossibleReport(f"the fills do not add up to {report.filled}")
    if len({fill.key for fill in told}) != len(told):
        raise ImpossibleReport("a fill is told twice")
    for fill in told:
        refuse_contradiction(told=fill, known=known.get(fill.key, fill))
    new = [fill for fill in told if fill.key not in known]
    if told and order.ticket.action == Action.PROTECT:
        raise ImpossibleReport("a stop and a target that are set have no fills")
    if report.status == OrderStatus.SET and order.ticket.action != Action.PROTECT:
        raise ImpossibleReport("an order is not set, it is placed")
    before = OrderState(OrderStatus(order.status), size_of(order, report), order.filled)
    new_fills = sum((fill.quantity for fill in new), ZERO)
    after = apply_report(before, report.status, new_fills)
    unheld = folding.absorb([execution_of(order, fill) for fill in new])
    for fill, left in zip(new, unheld, strict=True):
        fill.unheld = left
        if left:
            beyond[position_key(order)].append(fill)
    if order.ticket.action == Action.OPEN and beyond[position_key(order)]:
        for fill in sorted(new, key=lambda fill: fill.filled_at):
            close_late(fill, beyond[position_key(order)], folding, outcome)

    known |= {fill.key: fill for fill in new}
    outcome.fills += new
    knows_all = report.status in AT_VENUE and Decimal(report.filled) == after.filled
    is_opening = order.ticket.action == Action.OPEN and outcome.status_of(order.ticket) != S.DONE
    if knows_all and is_opening:
        folding.expose(position_key(order), report.unprotected)
    note_doubt(order, report, outcome, now)
    if after == before:
        if knows_all and order.generation == order.ticket.generation:
            follow(order, report, outcome, now)
        return
    if order.status in ENDS - AT_VENUE and after.status in AT_VENUE:
        log.error("order %s was %s, and its venue has it after all", order.pk, order.status)
    if after.status != before.status:
        # Whatever it was called on its way, a filled order needs no reason.
        order.reason = "" if after.status == OrderStatus.FILLED else report.reason
    if new:
        order.average_price = average_price(
            [fill for fill in known.values() if fill.order_id == order.pk]
        )
    order.status, order.filled, order.quantity = after.status, after.filled, after.quantity
    order.venue_order_id = report.venue_order_id or order.venue_order_id
    order.reported_at = now
    outcome.orders[order.pk] = order
    follow(order, report, outcome, now)


def size_of(order: Order, report: Report) -> Decimal:
    """How large the order is; of a stop that fired the venue knows it, and its fills tell."""
    if order.kind == Order.Kind.PROTECTION:
        return max(order.quantity, Decimal(report.filled))
    return order.quantity


def close_late(opening: Fill, beyond: list[Fill], folding: Folding, outcome: Outcome) -> None:
    """What this fill opened was closed before it was told: close it by those fills."""
    left = opening.quantity
    for fill in sorted(beyond, key=lambda fill: fill.filled_at):
        quantity = min(left, fill.unheld)
        if not quantity or fill.filled_at < opening.filled_at:
            continue
        part = execution_of(fill.order, fill).part(quantity)
        if fill.unheld < fill.quantity:
            part = replace(part, fill_key=f"{fill.key}@{short_name(opening)}")
        (still,) = folding.absorb([part])
        left -= quantity - still
        fill.unheld -= quantity - still
        outcome.met[fill.pk] = fill


def short_name(fill: Fill) -> str:
    return hashlib.sha256(fill.key.encode()).hexdigest()[:16]


def note_doubt(order: Order, report: Report, outcome: Outcome, now: datetime) -> None:
    """Why it is still unknown may change: whoever looks at it sees the last that was said.

    A venue that had an order, and no longer knows it, puts it in doubt until it knows it again.
    """
    is_unknown = order.status == report.status == OrderStatus.UNKNOWN
    if is_unknown and order.reason != report.reason:
        order.reason, order.reported_at = report.reason, now
        outcome.orders[order.pk] = order
    is_doubted = order.status == OrderStatus.OPEN and report.status in ENDS - AT_VENUE
    if is_doubted and order.doubted_at is None:
        order.reason, order.doubted_at = f"no longer known there: {report.reason}"[:200], now
        outcome.orders[order.pk] = order
    if order.doubted_at and report.status in AT_VENUE:
        order.reason, order.doubted_at = report.reason, None
        outcome.orders[order.pk] = order


def refuse_contradiction(*, told: Fill, known: Fill) -> None:
    """A fill is one order's, and stays as it was first told; fees may be in another coin."""
    if (told.order_id, told.quantity, told.price) != (known.order_id, known.quantity, known.price):
        raise ImpossibleReport("a fill is known otherwise", fill=told.key)


def follow(order: Order, report: Report, outcome: Outcome, now: datetime) -> None:
    """Move the ticket after its order; an order that never was placed may be tried again.

    While what it opened has no stop and no target, it is asked for: that sets them once more.
    """
    ticket = order.ticket
    last = ticket.generation
    if order.generation < ticket.generation:
        return_to_first(order, outcome)
    if order.generation != ticket.generation:
        return
    to = where_to(order, report.unprotected)
    wants_more = order.status == OrderStatus.EXPIRED or left_open(order)
    may_leave = outcome.status_of(ticket) in (S.PLANNED, S.SENT, S.UNKNOWN, S.PARKED)
    if wants_more and may_leave and is_worth_another(ticket, now):
        ticket.next_at = now + pause_before_another(ticket)
        # Past every try there was: an earlier one may have arrived after all.
        ticket.generation = last + 1
        ticket.node_id = order.venue_account.node_id
        rest = order.quantity - order.filled
        outcome.tries.append(order_for(ticket, venue=order.venue_account.venue, quantity=rest))
        to = S.PLANNED
    if may_go(outcome.status_of(ticket), to, order):
        outcome.tickets[ticket.pk] = (ticket, to)


def where_to(order: Order, unprotected: str) -> str:
    """Where a ticket goes after its order, if there is no further try."""
    if unprotected:
        return S.UNKNOWN
    if order.status == OrderStatus.OPEN and order.ticket.price:
        return S.RESTING
    return TICKET_FOLLOWS[OrderStatus(order.status)]


def left_open(order: Order) -> bool:
    """Whether it was to close at the market, and its venue ended it before all was filled."""
    ticket = order.ticket
    if ticket.action != Action.CLOSE or ticket.price or order.kind != Order.Kind.TRADE:
        return False
    return order.status == OrderStatus.CANCELED and order.filled < order.quantity


def is_worth_another(ticket: Ticket, now: datetime) -> bool:
    if ticket.cancel_asked_at:
        return False
    return ticket.worth_until is None or ticket.worth_until > now


def pause_before_another(ticket: Ticket) -> timedelta:
    """A venue that is away would turn away as many tries as we make."""
    return timedelta(seconds=TRY_AGAIN_AFTER[min(ticket.generation, len(TRY_AGAIN_AFTER)) - 1])


def may_go(at: str, to: str, order: Order) -> bool:
    """Whether there is somewhere to go; what a person has to look at waits for more than doubt."""
    is_open = order.status == OrderStatus.OPEN
    is_watched = at in (S.SENT, S.RESTING, S.UNKNOWN) and to == S.UNKNOWN and is_open
    is_still_parked = at == S.PARKED and to == S.UNKNOWN and not is_open
    return at not in (to, S.DONE) and not is_watched and not is_still_parked


def return_to_first(order: Order, outcome: Outcome) -> None:
    """An earlier try arrived after all: a later one that has not left never leaves."""
    ticket = order.ticket
    if order.status not in AT_VENUE:
        return
    if outcome.status_of(ticket) in (S.PLANNED, S.EXPIRED, S.REJECTED):
        ticket.generation = order.generation
        outcome.tries = [later_try for later_try in outcome.tries if later_try.ticket != ticket]
        outcome.returned.append((ticket, order.generation))
    else:
        log.error("ticket %s: try %s arrived, and so may another", ticket.pk, order.generation)


def write(outcome: Outcome, *, now: datetime) -> None:
    """Everything in bulk: as many statements for forty reports as for one."""
    Order.objects.across_tenants().bulk_update(
        outcome.orders.values(),
        [
            *("status", "filled", "average_price", "venue_order_id", "reason", "reported_at"),
            *("doubted_at", "quantity"),
        ],
    )
    Fill.objects.across_tenants().bulk_create(outcome.fills)
    Fill.objects.across_tenants().bulk_update(outcome.met.values(), ["unheld"])
    by_status = defaultdict(list)
    for ticket, status in outcome.tickets.values():
        by_status[status].append(ticket)
    for status, tickets in by_status.items():
        finished = status not in Ticket.IN_FLIGHT
        again_at = None if finished else now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
        move_all(
            tickets,
            to=status,
            allowed=Ticket.MOVES,
            next_at=again_at,
            done_at=now if finished else None,
        )
    for ticket, generation in outcome.returned:
        later_tries = ticket.orders.filter(generation__gt=generation, status=OrderStatus.NEW)
        later_tries.update(status=OrderStatus.EXPIRED, reason="never sent")
        Ticket.objects.across_tenants().filter(pk=ticket.pk).update(generation=ticket.generation)
    if outcome.tries:
        Ticket.objects.across_tenants().bulk_update(
            [order.ticket for order in outcome.tries], ["generation", "node", "next_at"]
        )
        Order.objects.across_tenants().bulk_create(outcome.tries)
        later("orders.dispatch")


def fill_keys(report: Report, orders: dict[str, Order]) -> list[str]:
    order = orders.get(report.order_id)
    return [fill_key(order, fill) for fill in report.fills] if order else []


def fill_key(order: Order, fill: messages.Fill) -> str:
    return f"{order.venue_account_id}:{order.symbol}:{fill.venue_fill_id}"


def position_key(order: Order) -> str:
    return open_key(
        venue_account_id=order.venue_account_id,
        symbol=order.symbol,
        direction=order.ticket.direction,
    )


def execution_of(order: Order, fill: Fill) -> Execution:
    return Execution(
        fill_key=fill.key,
        venue_account=order.venue_account,
        subscription_id=order.ticket.subscription_id,
        trader_id=order.ticket.trader_id,
        symbol=order.symbol,
        direction=Direction(order.ticket.direction),
        action=Action(order.ticket.action),
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
    )


def fill_row(*, order: Order, fill: messages.Fill, key: str) -> Fill:
    return Fill(
        tenant_id=order.tenant_id,
        key=key,
        order=order,
        venue_fill_id=fill.venue_fill_id,
        quantity=Decimal(fill.quantity),
        price=Decimal(fill.price),
        fee=Decimal(fill.fee),
        filled_at=datetime.fromtimestamp(fill.filled_at_ms / 1000, UTC),
    )


def average_price(fills: list[Fill]) -> Decimal:
    value = sum((fill.quantity * fill.price for fill in fills), ZERO)
    return value / sum((fill.quantity for fill in fills), ZERO)
