"""Venue accounts are bound, paused and unbound. Who gives them to nodes knows their tickets."""

import re
import secrets
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.core.states import move
from apps.members.models import Member
from apps.nodes.models import Node
from apps.quotas.services import refuse_full
from apps.tenants.models import Tenant
from apps.venues.credentials import Credentials, check, seal_at_rest
from apps.venues.models import Venue, VenueAccount
from engine.money import points

# Small letters only, and no space at the end: databases differ in whether those are equal.
LABEL = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?")
# A sum of this many points still fits its column.
LARGEST_EQUITY = Decimal(10) ** 10


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
    node: Node | None = None,
) -> VenueAccount:
    """Bind a member's account at a venue; bound again, its keys are replaced in place.

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
    account = account or VenueAccount(tenant=member.tenant, **key)
    seal_at_rest(credentials, account=account)
    account.key_hint = api_key[-4:]
    account.status = VenueAccount.Status.ACTIVE
    if node is not None:
        refuse_moving(account, node)
        account.node = active(node)
    # Bound again, what the venue told of it meanwhile stays.
    changed = ["credentials", "key_hint", "status", "node"] if before else None
    account.save(update_fields=changed)
    action = "venue_account.rebound" if before else "venue_account.bound"
    audit.record(action, account, before=before, after=told(account))
    return account


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
    }


@retried
@transaction.atomic
def unbind_account(*, account: VenueAccount) -> None:
    """Forget the keys and pause the account; what it traded keeps its history."""
    fresh = locked(account)
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
