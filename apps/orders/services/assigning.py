"""Venue accounts are given to nodes, one or many, and only while nothing of theirs is under way.

A ticket under way stands in the journal of the node that was given it: another node could
look for its order, and never place it. The accounts of a revoked node are given away all
the same, for that node answers no more: the next one asks the venue what became of them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict, NotFound
from apps.nodes.models import Node
from apps.orders.models import Ticket
from apps.orders.services.draining import AT_WORK
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from apps.venues.services import active


@dataclass(frozen=True, slots=True)
class Assigned:
    """What was given away; what was not, because a ticket of it is under way."""

    moved: list[VenueAccount]
    held: list[VenueAccount]


@retried
@transaction.atomic
def assign_accounts(
    *, accounts: Iterable[VenueAccount], node: Node, tenant: Tenant | None = None
) -> Assigned:
    """Let this node trade the accounts from the next ticket on.

    With a tenant named, an account of another one is none that there is.
    """
    wanted = {account.pk for account in accounts}
    rows = VenueAccount.objects.of(tenant) if tenant else VenueAccount.objects.across_tenants()
    locked = list(rows.select_for_update().filter(pk__in=wanted).order_by("pk"))
    if len(locked) != len(wanted):
        raise NotFound("venue account not found", what="venue account")
    node = active(node)
    busy = under_way(locked)
    held = [account for account in locked if account.pk in busy and account.node_id != node.pk]
    moved = [account for account in locked if account.pk not in busy and account.node_id != node.pk]
    give(moved, node)
    return Assigned(moved, held)


def assign_account(*, account: VenueAccount, node: Node) -> None:
    """One account, or a refusal that says why not."""
    if assign_accounts(accounts=[account], node=node).held:
        raise Conflict("a ticket or a maker of the account is under way", account=account.pk)
    account.refresh_from_db(fields=["node"])


def under_way(accounts: list[VenueAccount]) -> set[int]:
    """Of these accounts those with a ticket, or a maker, that their present node still answers."""
    tickets = Ticket.objects.across_tenants().filter(venue_account__in=accounts, status__in=AT_WORK)
    answered = tickets.exclude(venue_account__node__status=Node.Status.REVOKED)
    quoted = {account.pk for account in accounts if account.quoted}
    return quoted | set(answered.order_by().values_list("venue_account", flat=True).distinct())


def give(accounts: list[VenueAccount], node: Node) -> None:
    codes = dict(Node.objects.values_list("pk", "code"))
    by_node: dict[str | None, list[VenueAccount]] = defaultdict(list)
    for account in accounts:
        by_node[codes.get(account.node_id)].append(account)
    keys = [account.pk for account in accounts]
    VenueAccount.objects.across_tenants().filter(pk__in=keys).update(node=node)
    for before, those in by_node.items():
        audit.record_each(
            "venue_account.assigned", those, before={"node": before}, after={"node": node.code}
        )
    for account in accounts:
        account.node = node
