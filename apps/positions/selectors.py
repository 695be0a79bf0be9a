"""Questions about what was traded."""

from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from apps.core.scope import rows
from apps.members.models import Member
from apps.positions.models import Close, Position
from apps.tenants.models import Tenant


def held(tenant: Tenant | None, **which) -> QuerySet[Position]:
    """Open positions, of a tenant or of all, with what closing them needs."""
    positions = rows(Position, tenant).filter(status=Position.Status.OPEN, **which)
    return positions.select_related("venue_account__member__tenant").order_by("pk")


def profits_of_member(member: Member) -> dict[int | None, tuple[Decimal, int]]:
    """What a member's closes realised and how many they were, by subscription; one query."""
    closes = Close.objects.of(member.tenant_id).filter(position__venue_account__member=member)
    sums = closes.order_by().values("position__subscription")
    sums = sums.annotate(total=Sum("profit"), count=Count("pk"))
    return {row["position__subscription"]: (row["total"], row["count"]) for row in sums}
