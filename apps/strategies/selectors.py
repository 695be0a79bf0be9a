"""Questions about strategies: which are looked at, and who follows them."""

from django.db.models import Exists, OuterRef, QuerySet

from apps.members.models import Member
from apps.strategies.models import Strategy, Subscription, TenantStrategy
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount


def active_watches() -> QuerySet[Strategy]:
    """Active strategies that an active tenant offers: the others are not worth a look."""
    offered = TenantStrategy.objects.across_tenants().filter(
        strategy=OuterRef("pk"),
        status=TenantStrategy.Status.ACTIVE,
        tenant__status=Tenant.Status.ACTIVE,
    )
    return Strategy.objects.filter(Exists(offered), status=Strategy.Status.ACTIVE).order_by("pk")


def followers(strategy: Strategy, *, closing: bool = False) -> QuerySet[Subscription]:
    """Who trades on this strategy's signals, with what planning needs of them.

    A paused subscription opens nothing, and still closes what it holds.
    """
    statuses = [Subscription.Status.ACTIVE]
    if closing:
        statuses.append(Subscription.Status.PAUSED)
    offered = TenantStrategy.objects.across_tenants().filter(
        strategy=strategy, status=TenantStrategy.Status.ACTIVE, tenant__status=Tenant.Status.ACTIVE
    )
    return (
        Subscription.objects.across_tenants()
        .filter(
            # Named, not joined: they are few, and would be looked up for every subscription.
            tenant_strategy__among=list(offered.values_list("pk", flat=True)),
            status__in=statuses,
            member__status=Member.Status.ACTIVE,
            venue_account__status=VenueAccount.Status.ACTIVE,
        )
        .select_related("tenant", "member", "venue_account__node")
        .order_by("pk")
    )
