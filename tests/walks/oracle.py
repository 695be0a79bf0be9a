"""The exchange's own truth beside our books: every difference, in words."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.models import Reward
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from engine.money import ZERO
from engine.order import LIVE, OrderStatus
from engine.signal import Action, Side

# Entry prices are averages, kept to eighteen places; cash is exact.
ROUNDING = Decimal("0.000001")


@dataclass
class Findings:
    """What a look at all accounts came to."""

    orders: int = 0
    fills: int = 0
    extra: list[str] = field(default_factory=list)  # orders that nobody wanted
    lost: list[str] = field(default_factory=list)  # fills that our books do not have
    invented: list[str] = field(default_factory=list)  # fills that the exchange does not have
    unequal: list[str] = field(default_factory=list)  # quantities, positions, charges
    # Our books less the exchange's, in quote currency, all accounts together.
    ledger_minus_venue: Decimal = ZERO

    @property
    def faults(self) -> list[str]:
        found = [f"extra: {one}" for one in self.extra] + [f"lost: {one}" for one in self.lost]
        found += [f"invented: {one}" for one in self.invented]
        found += [f"unequal: {one}" for one in self.unequal]
        if self.ledger_minus_venue:
            found.append(f"ledger minus venue is {self.ledger_minus_venue}")
        return found


def compare(subscription: Subscription, truth: dict, findings: Findings) -> None:
    """One account, which only this subscription trades."""
    account = subscription.venue_account_id
    done = [told for told in truth["orders"] if Decimal(told["filled"])]
    books = {
        order.client_order_id: order
        for order in Order.objects.across_tenants()
        .filter(venue_account=account)
        .select_related("ticket")
    }
    findings.orders += len(done)
    compare_orders(account, done, books, findings)
    compare_fills(account, done, findings)
    compare_positions(account, truth, findings)
    compare_charges(account, findings)


def compare_orders(account: int, done: list[dict], books: dict, findings: Findings) -> None:
    by_id = Counter(told["client_id"] for told in done)
    tickets = defaultdict(list)
    for name, times in by_id.items():
        if name not in books:
            findings.extra.append(f"account {account}: {name} is nobody's")
        else:
            tickets[books[name].ticket_id].append(books[name])
        if times > 1:
            findings.extra.append(f"account {account}: {name} was done {times} times")
    for ticket, tries in tickets.items():
        if not is_each_a_rest(tries):
            findings.extra.append(f"account {account}: ticket {ticket} was done {len(tries)} times")
    at_venue = {told["client_id"]: Decimal(told["filled"]) for told in done}
    for name, order in books.items():
        if order.filled != at_venue.get(name, ZERO):
            said = f"{name} is {order.status} with {order.filled}"
            findings.unequal.append(f"account {account}: {said}, not {at_venue.get(name)}")


def is_each_a_rest(tries: list[Order]) -> bool:
    """Whether each further try is for what its venue had left open of a close, and no more."""
    ordered = sorted(tries, key=lambda order: order.generation)
    return all(
        before.ticket.action == Action.CLOSE
        and before.status == OrderStatus.CANCELED
        and after.quantity == before.quantity - before.filled
        for before, after in pairwise(ordered)
    )


def compare_fills(account: int, done: list[dict], findings: Findings) -> None:
    fills = list(
        Fill.objects.across_tenants().filter(order__venue_account=account).select_related("order")
    )
    ours = {fill.venue_fill_id for fill in fills}
    theirs = {str(number) for told in done for number in told["fills"]}
    findings.fills += len(theirs)
    findings.lost += [f"account {account}: fill {one}" for one in sorted(theirs - ours)]
    findings.invented += [f"account {account}: fill {one}" for one in sorted(ours - theirs)]
    sign = {Side.BUY: -1, Side.SELL: 1}
    ledger = sum(
        (sign[Side(one.order.side)] * one.quantity * one.price - one.fee for one in fills), ZERO
    )
    venue = sum(
        (sign[Side(one["side"])] * Decimal(one["value"]) - Decimal(one["fees"]) for one in done),
        ZERO,
    )
    findings.ledger_minus_venue += ledger - venue


def compare_positions(account: int, truth: dict, findings: Findings) -> None:
    rows = list(Position.objects.across_tenants().filter(venue_account=account))
    ours = {
        (row.symbol, row.direction): row.quantity
        for row in rows
        if row.status == Position.Status.OPEN
    }
    theirs = {
        (one["symbol"], one["direction"]): Decimal(one["quantity"]) for one in truth["positions"]
    }
    if ours != theirs:
        findings.unequal.append(f"account {account} holds {ours}, not {theirs}")
    gained = sum((row.realized - row.fees for row in rows), ZERO)
    paid_in = sum((Decimal(one["amount"]) for one in truth["payments"]), ZERO)
    if not theirs and abs(gained - (Decimal(truth["cash"]) - paid_in)) > ROUNDING:
        findings.unequal.append(f"account {account} gained {gained}, cash is {truth['cash']}")


def compare_charges(account: int, findings: Findings) -> None:
    """Every closing fill has one close, and every profit one charge, shared out whole."""
    closing = Fill.objects.across_tenants().filter(
        order__venue_account=account, order__ticket__action=Action.CLOSE
    )
    closes = list(Close.objects.across_tenants().filter(position__venue_account=account))
    if sorted(closing.values_list("key", flat=True)) != sorted(one.fill_key for one in closes):
        findings.unequal.append(f"account {account}: its closes are not its closing fills")
    charges = {
        charge.close_id: charge
        for charge in Charge.objects.across_tenants().filter(close__in=closes)
    }
    for close in closes:
        if (close.pk in charges) != (close.profit > 0):
            findings.unequal.append(f"account {account}: {close.profit} and its charge")
    for charge in charges.values():
        shared = Reward.objects.across_tenants().filter(pool__charge=charge)
        if sum((one.amount for one in shared), ZERO) != charge.from_self:
            findings.unequal.append(f"account {account}: charge {charge.pk} is not shared out")


def unfinished() -> dict[str, int]:
    """What somebody still has to do something about, by what it is."""
    found = {
        "signals": Signal.objects.filter(status=Signal.Status.PUBLISHED),
        "tickets": Ticket.objects.across_tenants().filter(status__in=Ticket.IN_FLIGHT),
        "orders": Order.objects.across_tenants().filter(status__in=LIVE),
        "closes": Close.objects.across_tenants().exclude(status=Close.Status.SETTLED),
    }
    counts = {name: rows.count() for name, rows in found.items()}
    return {name: count for name, count in counts.items() if count}


def tickets_ended() -> int:
    """How many tickets that were sent have come to their end."""
    unsent = [Ticket.Status.REFUSED, *Ticket.IN_FLIGHT]
    return Ticket.objects.across_tenants().exclude(status__in=unsent).count()


def outcomes() -> Counter:
    """How the tickets ended, what they were refused for, and the tries that were never placed."""
    ended = Counter()
    told = Ticket.objects.across_tenants().values_list("status", "refused_because")
    for status, reason in told:
        ended[f"{status} {reason.partition(':')[0]}".strip()] += 1
    tries = Order.objects.across_tenants().filter(status=OrderStatus.EXPIRED)
    return ended + Counter({"tries never placed": tries.count()})
