"""Accounts are read back: nodes are asked in turn, and each answer is held against the books.

What a venue says changes no position by itself. A fill that the books do not know
is asked for as every fill is, through its order; any other difference is drift: it
is shown, it stops the account from opening, and no order ever repairs it.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from apps.core.deadlocks import retried
from apps.core.later import publish
from apps.nodes.envelopes import open_from_node, sign_to
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.orders.models import Fill, Order, Ticket
from apps.orders.selectors import moving, open_positions
from apps.orders.services.dispatch import look_up
from apps.orders.services.protection import take_in_protection
from apps.positions.services import add_funding
from apps.strategies.models import Subscription
from apps.venues import services as venues
from apps.venues.credentials import sealed_to_nodes
from apps.venues.models import VenueAccount
from engine.drift import differences
from engine.errors import MessageRefused
from engine.messages import SYMBOLS_PER_ASK, AccountFill, AccountState, Since, StateAsk
from engine.money import ZERO
from engine.signal import Direction
from engine.venues import NETTED

log = logging.getLogger(__name__)

# How many accounts one turn asks for.
TAKE = 200
# What is known up to a moment is asked for again from so long before it.
OVERLAP = timedelta(minutes=10)
# Of an account that was never read.
FIRST_LOOK_BACK = timedelta(days=1)
# A stop stands at the venue before the position that it protects is known here.
SET_BEFORE = timedelta(days=1)
# Symbols that were traded within this time are looked at.
TRADED_WITHIN = timedelta(days=7)
# From the question to its answer, clocks that differ included.
LONGEST_ANSWER = timedelta(days=1)
LARGEST_SUM = Decimal(10) ** 9
# The cursor of what has no symbol.
PAYMENTS = ""


def ask_states(
    *,
    now: datetime,
    account_ids: Iterable[int] | None = None,
    with_rights: bool = False,
    watched: Iterable[str] = (),
) -> int:
    """Ask the nodes for the accounts whose turn it is, or for these; how many were asked for.

    What a key may do is asked until it is known, and `with_rights` once more. Of `watched` symbols
    the price is asked anew, with open interest and funding.
    """
    accounts = take_turns(now=now, account_ids=account_ids)
    held = symbols_held(accounts)
    symbols = symbols_of(accounts, held, now=now)
    sealed, watched = sealed_to_nodes(accounts), set(watched)
    for account in accounts:
        if account.pk in sealed:
            ask = ask_for(
                account,
                sealed[account.pk],
                symbols[account.pk],
                held[account.pk],
                now=now,
                with_rights=with_rights,
                watched=watched,
            )
            publish(
                "node.read_state",
                {"envelope": sign_to(account.node, ask)},
                queue=account.node.queue,
                expires_seconds=settings.STATE_SECONDS,
            )
    return len(accounts)


def ask_state(*, account_id: int, now: datetime) -> None:
    """Ask for this one; a hint that names no account at all is refused, as any other would be."""
    if not VenueAccount.objects.across_tenants().filter(pk=account_id).exists():
        raise MessageRefused("the hint names an account nobody knows", account=account_id)
    ask_states(now=now, account_ids=[account_id])


@transaction.atomic
def take_turns(*, now: datetime, account_ids: Iterable[int] | None) -> list[VenueAccount]:
    """Accounts to ask for now; of two that take turns at once each gets others.

    One that is asked for by name is waited for: it has no other turn to come.
    """
    nodes = {node.pk: node for node in alive_nodes(now)}
    rows = (
        VenueAccount.objects.across_tenants()
        .exclude(key_hint="")
        .filter(node__in=list(nodes))
        .select_for_update(skip_locked=account_ids is None)
        .order_by(F("asked_at").asc(nulls_first=True), "pk")
    )
    if account_ids is None:
        due = now - timedelta(seconds=settings.STATE_SECONDS)
        rows = rows.filter(Q(asked_at__isnull=True) | Q(asked_at__lte=due))
    else:
        rows = rows.filter(pk__in=list(account_ids))
    accounts = list(rows[:TAKE])
    for account in accounts:
        account.node = nodes[account.node_id]
    keys = [account.pk for account in accounts]
    VenueAccount.objects.across_tenants().filter(pk__in=keys).update(asked_at=now)
    return accounts


def symbols_held(accounts: list[VenueAccount]) -> dict[int, dict[str, datetime]]:
    """Since when each account has held which symbol."""
    held = open_positions([account.pk for account in accounts])
    return {
        account.pk: {
            row.symbol: min(one.created_at for one in held[account.pk] if one.symbol == row.symbol)
            for row in held[account.pk]
        }
        for account in accounts
    }


def symbols_of(
    accounts: list[VenueAccount], held_since: dict[int, dict[str, datetime]], *, now: datetime
) -> dict[int, set[str]]:
    """What each account holds, has traded lately, or is to trade."""
    keys = [account.pk for account in accounts]
    found: dict[int, set[str]] = defaultdict(set)
    for key, since in held_since.items():
        found[key] |= set(since)
    lately = Ticket.objects.across_tenants().filter(
        venue_account__in=keys, created_at__gte=now - TRADED_WITHIN
    )
    for key, symbol in lately.order_by().values_list("venue_account", "symbol").distinct():
        found[key].add(symbol)
    following = Subscription.objects.across_tenants().filter(venue_account__in=keys)
    for key, symbols in following.values_list(
        "venue_account", "tenant_strategy__strategy__symbols"
    ):
        found[key] |= set(symbols or ())
    return found


def ask_for(
    account: VenueAccount,
    sealed: str,
    symbols: set[str],
    held: dict[str, datetime],
    *,
    now: datetime,
    with_rights: bool,
    watched: set[str],
) -> StateAsk:
    def since(name: str) -> int:
        first = now - FIRST_LOOK_BACK
        known_ms = account.cursors.get(name)
        known = datetime.fromtimestamp(known_ms / 1000, UTC) if known_ms else first
        return milliseconds(known - OVERLAP)

    return StateAsk(
        venue=account.venue,
        account=str(account.pk),
        sealed_credentials=sealed,
        asked_at_ms=milliseconds(now),
        fills=[
            Since(
                symbol=symbol,
                since_ms=since(symbol),
                held_since_ms=milliseconds(held[symbol] - SET_BEFORE) if symbol in held else None,
            )
            for symbol in sorted(
                symbols | watched, key=lambda one: (one not in held, one not in watched, one)
            )[:SYMBOLS_PER_ASK]
        ],
        payments_since_ms=since(PAYMENTS),
        with_rights=with_rights or account.checked_at is None,
        watched=sorted(watched)[:SYMBOLS_PER_ASK],
    )


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def milliseconds_of(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


@retried
def record_state(*, envelope: str, now: datetime) -> None:
    """Write down what a node says of an account: once, and never something older."""
    node, told = open_from_node(envelope, AccountState)
    with transaction.atomic():
        account = account_of(told, node)
        if is_overtaken(told, account):
            return
        refuse_unsound(told)
        asked_at = datetime.fromtimestamp(told.asked_at_ms / 1000, UTC)
        account.read_error = told.error
        if told.error:
            account.save(update_fields=["read_error"])
            return
        account.read_at = asked_at
        missing = unknown_fills(account, told.fills)
        take_in_protection(account=account, fills=missing, now=now)
        move_cursors(account, told, missing)
        account.margins = {
            f"{row.symbol} {row.direction}": row.margin for row in told.holdings if row.margin
        }
        account.save(update_fields=["read_at", "read_error", "cursors", "margins"])
        paid = venues.record_payments(account=account, payments=told.payments)
        add_funding(account=account, payments=paid)
        if told.money:
            venues.record_money(account=account, money=told.money, now=asked_at)
        venues.describe_instruments(venue=account.venue, described=told.instruments, now=asked_at)
        look_again(account, missing)
        venues.record_drift(account=account, drift=drift_of(account, told, asked_at))
        if told.rights:
            venues.record_rights(account=account, rights=told.rights, now=now)


def account_of(told: AccountState, node: Node) -> VenueAccount:
    """The account, locked, if it is in this node's hands and was asked for."""
    rows = VenueAccount.objects.across_tenants().select_for_update()
    number = int(told.account) if told.account.isdecimal() and len(told.account) < 19 else 0
    account = rows.filter(pk=number).first()
    if account is None:
        raise MessageRefused("the state is of an account nobody knows", account=told.account)
    if account.node_id != node.pk:
        raise MessageRefused("the account is not in this node's hands", node=node.code)
    if account.asked_at and told.asked_at_ms > milliseconds(account.asked_at):
        raise MessageRefused("nobody asked for this state", account=told.account)
    return account


def is_overtaken(told: AccountState, account: VenueAccount) -> bool:
    """Whether a newer answer is known, or the account has other keys since the asking."""
    if account.asked_at is None or (
        account.bound_at and told.asked_at_ms < milliseconds(account.bound_at)
    ):
        return True
    return bool(account.read_at) and told.asked_at_ms <= milliseconds(account.read_at)


def refuse_unsound(told: AccountState) -> None:
    """Refuse what no venue says: sums that nobody has, and moments that have not come."""
    money = told.money
    sums = [money.total, money.free, money.unrealised] if money else []
    if any(abs(Decimal(amount)) >= LARGEST_SUM for amount in sums):
        raise MessageRefused("no account is worth that much", account=told.account)
    moments = [row.fill.filled_at_ms for row in told.fills]
    moments += [row.paid_at_ms for row in told.payments]
    if max(moments, default=0) > told.asked_at_ms + milliseconds_of(LONGEST_ANSWER):
        raise MessageRefused("the state tells of what has not happened yet", account=told.account)


def unknown_fills(account: VenueAccount, fills: list[AccountFill]) -> list[AccountFill]:
    keys = {f"{account.pk}:{row.symbol}:{row.fill.venue_fill_id}": row for row in fills}
    known = Fill.objects.of(account.tenant).filter(key__in=keys).values_list("key", flat=True)
    return [row for key, row in keys.items() if key not in set(known)]


def move_cursors(account: VenueAccount, told: AccountState, missing: list[AccountFill]) -> None:
    """Up to when everything is known; of a cut answer, the next one goes on where it ended."""
    known = {*(row.symbol for row in told.instruments), PAYMENTS}
    upto = dict.fromkeys(known, told.asked_at_ms)
    if told.is_cut:
        last = [row.fill.filled_at_ms for row in told.fills[-1:]]
        last += [row.paid_at_ms for row in told.payments[-1:]]
        told_upto = min([told.asked_at_ms, *last]) + milliseconds_of(OVERLAP)
        # More of one moment than an answer holds: what is left of it comes with its orders.
        upto = {name: told_upto + (account.cursors.get(name) == told_upto) for name in known}
    account.cursors |= upto
    # A fill that is ours, or may be while an order is under way, is looked for until it is known.
    under_way = symbols_moving(account, datetime.fromtimestamp(told.asked_at_ms / 1000, UTC))
    awaited = ours(account, missing)
    for row in awaited + [row for row in missing if row.symbol in under_way]:
        since = account.cursors.get(row.symbol, told.asked_at_ms)
        account.cursors[row.symbol] = min(since, row.fill.filled_at_ms)


def ours(account: VenueAccount, fills: list[AccountFill]) -> list[AccountFill]:
    named = {row.client_order_id for row in fills} | {row.venue_order_id for row in fills}
    orders = orders_named(account, named - {""})
    names = {order.client_order_id for order in orders} | {order.venue_order_id for order in orders}
    return [row for row in fills if {row.client_order_id, row.venue_order_id} & (names - {""})]


def orders_named(account: VenueAccount, names: set[str]) -> list[Order]:
    """The account's orders by our id or by the venue's."""
    by_name = Q(client_order_id__in=names) | Q(venue_order_id__in=names)
    rows = Order.objects.of(account.tenant).filter(by_name, venue_account=account)
    rows = rows.filter(ticket__isnull=False)
    return list(rows.select_related("ticket"))


def look_again(account: VenueAccount, missing: list[AccountFill]) -> None:
    """Ask for the orders behind fills that nobody reported, unless a sweep does so already.

    A sweep asks for the present try alone.
    """
    names = {row.client_order_id for row in missing} | {row.venue_order_id for row in missing}
    orders = [
        order
        for order in orders_named(account, names - {""})
        if order.ticket.status not in Ticket.IN_FLIGHT
        or order.generation != order.ticket.generation
    ]
    if orders:
        log.warning("account %s has fills that nobody reported", account.pk)
        transaction.on_commit(lambda: look_up(orders))


def drift_of(account: VenueAccount, told: AccountState, asked_at: datetime) -> dict[str, list[str]]:
    """What differs, of the symbols that stood still while the venue was asked.

    Of the others the last that was known is told: their fills may be on the way.
    """
    in_books = defaultdict(lambda: ZERO)
    for position in open_positions([account.pk])[account.pk]:
        in_books[position.symbol, Direction(position.direction)] += position.quantity
    at_venue = {(row.symbol, row.direction): Decimal(row.quantity) for row in told.holdings}
    moving = symbols_moving(account, asked_at)
    found = venues.told_drift(
        row
        for row in differences(at_venue, in_books, is_netted=account.venue in NETTED)
        if row.symbol not in moving
    )
    kept = {side: amounts for side, amounts in account.drift.items() if side.split()[0] in moving}
    return kept | found


def symbols_moving(account: VenueAccount, asked_at: datetime) -> set[str]:
    """Symbols with an order that is not done, or that was reported on since the asking."""
    tickets = Ticket.objects.of(account.tenant).filter(venue_account=account)
    reported = tickets.filter(orders__reported_at__gte=asked_at)
    return {
        *moving([account.pk]).values_list("symbol", flat=True),
        *reported.values_list("symbol", flat=True),
        # While somebody makes a market there, fills are always on the way.
        *account.quoted,
    }
