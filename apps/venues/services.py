"""Venue accounts are bound, paused and unbound. Who gives them to nodes knows their tickets."""

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.core.fields import Points
from apps.core.later import later
from apps.core.sealed import CannotOpen
from apps.core.states import move
from apps.members.models import Member
from apps.nodes.models import Node
from apps.quotas.services import refuse_full
from apps.tenants.models import Policy, Tenant
from apps.venues.credentials import Credentials, check, opened, seal_at_rest
from apps.venues.models import EquitySnapshot, Instrument, Payment, Venue, VenueAccount
from engine.drift import Difference
from engine.messages import (
    Described,
    Margin,
    Money,
    Paid,
    PositionMode,
    Rights,
    number,
)
from engine.money import points

# Small letters only, and no space at the end: databases differ in whether those are equal.
LABEL = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?")
# A sum of this many points still fits its column.
LARGEST_EQUITY = Decimal(10) ** 10
PRICE_EVERY = timedelta(seconds=10)
REBOUND_FIELDS = [
    *("credentials", "key_hint", "status", "node", "bound_at", "asked_at", "checked_at"),
    *("can_trade", "can_withdraw", "is_hedged", "check_error", "key_accepted_at"),
    *("margin", "position_mode"),
]
MODES = {"margin": Margin, "position_mode": PositionMode}


@retried
@transaction.atomic
def bind_account(
    *,
    member: Member,
    venue: str,
    label: str = "futures",
    api_key: str = "",
    api_secret: str = "",
    passphrase: str = "",
    margin: str = "",
    position_mode: str = "",
    node: Node | None = None,
) -> VenueAccount:
    """Bind a member's account at a venue; bound again, its keys are replaced in place.

    Modes that are not named stay as they are; at first they are isolated margin, and long and
    short apart.

    The paper venue asks for no keys: it is given random ones where none are named.
    """
    if venue not in Venue.values:
        raise BadInput(f"{venue[:32]!r} is no venue", field="venue", known=Venue.values)
    if not LABEL.fullmatch(label):
        raise BadInput(
            "a label is 1 to 64 small letters, digits and inner dashes, dots or underscores",
            field="label",
        )
    if venue == Venue.PAPER and not api_key and not api_secret:
        api_key, api_secret = secrets.token_hex(8), secrets.token_hex(16)
    credentials = Credentials(api_key, api_secret, passphrase)
    check(credentials, venue=venue)
    # The member's row is the lock: of two bindings at once the second finds the first one's.
    member = Member.objects.of(member.tenant).select_for_update().get(pk=member.pk)
    refuse_inactive(member)

    key = {"member": member, "venue": venue, "label": label}
    account = VenueAccount.objects.of(member.tenant).select_for_update().filter(**key).first()
    before = told(account) if account else None
    if account is None or account.status != VenueAccount.Status.ACTIVE:
        refuse_full(tenant=member.tenant, limit="max_venue_accounts", rows=counted(member.tenant))
    refuse_while_quoted(account)
    account = account or VenueAccount(tenant=member.tenant, **key)
    name_modes(account, margin=margin, position_mode=position_mode)
    is_new_key = is_other_key(account, credentials)
    seal_at_rest(credentials, account=account)
    account.key_hint = api_key[-4:]
    account.status = VenueAccount.Status.ACTIVE
    if node is not None:
        refuse_moving(account, node)
        account.node = active(node)
    # Its node is asked what these keys may do, and again until it has answered.
    account.bound_at = timezone.now() if is_new_key else account.bound_at
    account.asked_at = account.checked_at = None
    account.can_trade = account.can_withdraw = account.is_hedged = None
    account.check_error, account.key_accepted_at = "", None
    # Bound again, what the venue told of it meanwhile stays.
    changed = [*REBOUND_FIELDS] if before else None
    account.save(update_fields=changed)
    action = "venue_account.rebound" if before else "venue_account.bound"
    audit.record(action, account, before=before, after=told(account))
    later("orders.ask_state", account_id=account.pk)
    return account


def is_other_key(account: VenueAccount, credentials: Credentials) -> bool:
    """Whether the account has none, or others; what cannot be opened any more is another one."""
    try:
        return not account.credentials or opened(account) != credentials
    except CannotOpen:
        return True


def name_modes(account: VenueAccount, **modes: str) -> None:
    for name, asked in modes.items():
        known = [mode.value for mode in MODES[name]]
        if asked and asked not in known:
            raise BadInput(f"{asked[:32]!r} is no {name}", field=name, known=known)
        setattr(account, name, asked or getattr(account, name))


@retried
@transaction.atomic
def change_modes(*, account: VenueAccount, margin: str = "", position_mode: str = "") -> None:
    """Have the account brought to these modes before it next opens anything.

    Its venue refuses that while the account holds anything; the order is then refused, too.
    """
    fresh = locked(account)
    refuse_while_quoted(fresh)
    before = told(fresh)
    name_modes(fresh, margin=margin, position_mode=position_mode)
    if told(fresh) != before:
        fresh.save(update_fields=list(MODES))
        audit.record("venue_account.modes_changed", fresh, before=before, after=told(fresh))
    account.refresh_from_db()


def counted(tenant: Tenant) -> QuerySet[VenueAccount]:
    """The accounts that a plan counts."""
    return VenueAccount.objects.of(tenant).filter(status=VenueAccount.Status.ACTIVE)


def refuse_inactive(member: Member) -> None:
    if member.status != Member.Status.ACTIVE:
        raise Conflict("the member is disabled", member=member.pk)
    if member.tenant.status != Tenant.Status.ACTIVE:
        raise Conflict("the tenant is suspended", tenant=member.tenant_id)


def refuse_moving(account: VenueAccount, node: Node) -> None:
    """An account may have tickets under way: it is assigned, and not moved by its keys."""
    if account.node_id not in (None, node.pk):
        raise Conflict(f"the account is at node {account.node}: assign it", field="node")


def refuse_while_quoted(account: VenueAccount | None) -> None:
    """Keys and modes are locked while a maker runs on them."""
    if account and account.quoted:
        raise Conflict(
            f"a maker runs on {', '.join(account.quoted)} there: stop it first", field="api_key"
        )


def note_quoted(*, account: VenueAccount, symbol: str, is_quoted: bool) -> None:
    """Whether a maker runs on a symbol of the account, which the caller has locked."""
    others = [one for one in account.quoted if one != symbol]
    account.quoted = sorted([*others, symbol] if is_quoted else others)
    account.save(update_fields=["quoted"])


def active(node: Node) -> Node:
    """The node as it is now, if accounts may be given to it."""
    node = Node.objects.select_for_update().get(pk=node.pk)
    if node.status != Node.Status.ACTIVE:
        raise Conflict(f"node {node.code} is {node.status}", node=node.code)
    return node


def told(account: VenueAccount) -> dict[str, object]:
    """What the audit trail may know of an account."""
    return {
        "member": account.member_id,
        "venue": account.venue,
        "label": account.label,
        "key_hint": account.key_hint,
        "node": account.node.code if account.node else None,
        "status": account.status,
        "margin": account.margin,
        "position_mode": account.position_mode,
    }


@retried
@transaction.atomic
def unbind_account(*, account: VenueAccount) -> None:
    """Forget the keys and pause the account; what it traded keeps its history."""
    fresh = locked(account)
    refuse_while_quoted(fresh)
    before = told(fresh)
    fresh.credentials, fresh.key_hint = "", ""
    fresh.status = VenueAccount.Status.PAUSED
    if told(fresh) != before:
        fresh.save(update_fields=["credentials", "key_hint", "status"])
        audit.record("venue_account.unbound", fresh, before=before, after=told(fresh))
    account.refresh_from_db()


@retried
@transaction.atomic
def pause_account(*, account: VenueAccount) -> None:
    """Open and close nothing more on the account until it is resumed."""
    move(account, to=VenueAccount.Status.PAUSED, allowed=VenueAccount.MOVES)
    audit.record("venue_account.paused", account, after=told(account))


@retried
@transaction.atomic
def resume_account(*, account: VenueAccount) -> None:
    fresh = locked(account)
    if not fresh.credentials:
        raise Conflict("the account was unbound: bind it again", account=account.pk)
    refuse_inactive(fresh.member)
    refuse_full(tenant=fresh.tenant, limit="max_venue_accounts", rows=counted(fresh.tenant))
    move(account, to=VenueAccount.Status.ACTIVE, allowed=VenueAccount.MOVES)
    audit.record("venue_account.resumed", account, after=told(account))


def locked(account: VenueAccount) -> VenueAccount:
    return VenueAccount.objects.of(account.tenant).select_for_update().get(pk=account.pk)


def record_equity(*, account: VenueAccount, equity: Decimal, now: datetime) -> None:
    """Note what the account is worth; an older answer never replaces a newer one."""
    if not equity.is_finite() or abs(equity) >= LARGEST_EQUITY:
        raise BadInput("equity is a number below ten billion", field="equity")
    older = Q(equity_at__isnull=True) | Q(equity_at__lte=now)
    rows = VenueAccount.objects.of(account.tenant).filter(older, pk=account.pk)
    rows.update(equity=points(equity), equity_at=now)
    account.refresh_from_db(fields=["equity", "equity_at"])


def ask_for_state(*, account: VenueAccount) -> None:
    """Have the account read back from its venue soon, out of its turn."""
    if not account.credentials:
        raise Conflict("the account was unbound: bind it again", account=account.pk)
    later("orders.ask_state", account_id=account.pk)


def record_money(*, account: VenueAccount, money: Money, now: datetime) -> None:
    """Note balance and equity, and once an hour a snapshot of them."""
    balance = points(Decimal(money.total))
    equity = points(Decimal(money.total) + Decimal(money.unrealised))
    record_equity(account=account, equity=equity, now=now)
    VenueAccount.objects.of(account.tenant).filter(pk=account.pk).update(balance=balance)
    EquitySnapshot.objects.of(account.tenant).get_or_create(
        venue_account=account,
        hour=now.replace(minute=0, second=0, microsecond=0),
        defaults={
            "tenant_id": account.tenant_id,
            "equity": equity,
            "balance": balance,
            "free": points(Decimal(money.free)),
            "taken_at": now,
            "deposited": account.deposited,
        },
    )


def record_rights(*, account: VenueAccount, rights: Rights, now: datetime) -> None:
    """Note what the venue says of the key; an answer that says nothing leaves what was known."""
    rows = VenueAccount.objects.of(account.tenant).filter(pk=account.pk)
    rows.update(check_error=rights.error)
    if not rights.error:
        rows.update(
            can_trade=rights.can_trade,
            can_withdraw=rights.can_withdraw,
            is_hedged=rights.is_hedged,
            clock_offset_ms=rights.clock_offset_ms,
            checked_at=now,
        )
    if told_rights(rights) == told_rights(account):
        return
    audit.record("venue_account.checked", account, after=told_rights(rights))


def told_rights(known: Rights | VenueAccount) -> dict[str, object]:
    return {
        "can_trade": known.can_trade,
        "can_withdraw": known.can_withdraw,
        "is_hedged": known.is_hedged,
        "error": known.error if isinstance(known, Rights) else known.check_error,
    }


@retried
@transaction.atomic
def accept_key(*, account: VenueAccount) -> None:
    """A person takes the risk of a key that can withdraw: the account may open with it."""
    fresh = locked(account)
    if fresh.withdrawing_keys == Policy.WithdrawingKeys.REFUSE:
        raise Conflict("the tenant takes no key that can withdraw", account=account.pk)
    if not fresh.can_withdraw or fresh.key_accepted_at:
        raise Conflict("its key is not known to be able to withdraw", account=account.pk)
    fresh.key_accepted_at = timezone.now()
    fresh.save(update_fields=["key_accepted_at"])
    audit.record("venue_account.key_accepted", fresh, after=told(fresh))
    account.refresh_from_db()


def record_payments(*, account: VenueAccount, payments: Iterable[Paid]) -> list[Payment]:
    """Keep each payment once, however often it is told; those that are new."""
    told = {f"{account.pk}:{paid.venue_payment_id}": paid for paid in payments}
    rows = Payment.objects.of(account.tenant)
    known = set(rows.filter(key__in=told).values_list("key", flat=True))
    new = rows.bulk_create(
        Payment(
            tenant_id=account.tenant_id,
            key=key,
            venue_account=account,
            kind=paid.kind,
            symbol=paid.symbol or "",
            amount=Decimal(paid.amount),
            paid_at=datetime.fromtimestamp(paid.paid_at_ms / 1000, UTC),
        )
        for key, paid in told.items()
        if key not in known
    )
    for row in new:
        if row.kind != Payment.Kind.FUNDING:
            count_brought(account, row)
    return new


def count_brought(account: VenueAccount, row: Payment) -> None:
    """Money that was brought or taken is no profit: not now, and in no snapshot taken since then.

    A venue may tell of it long after the account had it.
    """
    amount = points(row.amount)
    account.deposited += amount
    account.save(update_fields=["deposited"])
    since = EquitySnapshot.objects.of(account.tenant).filter(
        venue_account=account, taken_at__gte=row.paid_at
    )
    since.update(deposited=F("deposited") + Points(amount))


def record_drift(*, account: VenueAccount, drift: dict[str, list[str]]) -> None:
    """Show what differs between venue and books; what is gone needs no clearing any more."""
    if account.drift == drift:
        return
    before = account.drift
    account.drift = drift
    account.cleared_drift = {
        side: amount for side, amount in account.cleared_drift.items() if side in drift
    }
    account.save(update_fields=["drift", "cleared_drift"])
    audit.record("venue_account.drifted", account, before=before, after=drift)


def told_drift(differences: Iterable[Difference]) -> dict[str, list[str]]:
    return {
        f"{row.symbol} {row.direction}": [number(row.at_venue), number(row.in_books)]
        for row in differences
    }


@retried
@transaction.atomic
def clear_drift(*, account: VenueAccount) -> None:
    """A person has looked at the differences as they are: the account may open again.

    Nothing is traded and no book is changed. Another difference stops it anew.
    """
    fresh = locked(account)
    if not fresh.is_drifting:
        raise Conflict("nothing drifts on this account", account=account.pk)
    fresh.cleared_drift = {
        side: number(Decimal(at_venue) - Decimal(in_books))
        for side, (at_venue, in_books) in fresh.drift.items()
    }
    fresh.save(update_fields=["cleared_drift"])
    audit.record("venue_account.drift_cleared", fresh, after=fresh.drift)
    account.refresh_from_db()


def describe_instruments(*, venue: str, described: Iterable[Described], now: datetime) -> None:
    """Keep what a venue tells of its symbols; orders are sized by it."""
    described = list(described)
    known = {row.symbol: row for row in Instrument.objects.filter(venue=venue)}
    for told_of in described:
        values = {
            "tick": Decimal(told_of.tick),
            "step": Decimal(told_of.step),
            "min_quantity": Decimal(told_of.min_quantity),
            "min_notional": Decimal(told_of.min_notional),
        }
        row = known.get(told_of.symbol)
        if row is None or any(getattr(row, name) != value for name, value in values.items()):
            Instrument.objects.update_or_create(venue=venue, symbol=told_of.symbol, defaults=values)
    note_prices(venue=venue, described=described, now=now)


def note_prices(*, venue: str, described: Iterable[Described], now: datetime) -> None:
    """Keep what each symbol costs; one that was told a moment ago is not written again."""
    older = Q(priced_at__isnull=True) | Q(priced_at__lt=now - PRICE_EVERY)
    for told_of in described:
        rows = Instrument.objects.filter(venue=venue, symbol=told_of.symbol)
        told = {}
        if told_of.open_interest is not None and told_of.funding is not None:
            told["open_interest"] = Decimal(told_of.open_interest)
            told |= {"funding": Decimal(told_of.funding), "interest_at": now}
            # Somebody decides on it: as new as it comes.
            rows = rows.filter(Q(priced_at__isnull=True) | Q(priced_at__lt=now))
        else:
            rows = rows.filter(older)
        if told_of.price:
            rows.update(last_price=Decimal(told_of.price), priced_at=now, **told)
