"""Questions about tenants."""

from collections.abc import Iterable

from django.db.models import Max, OuterRef, Subquery

from apps.tenants.models import Policy, Tenant


def policy_of(tenant: Tenant) -> Policy:
    """The money rules that hold for a tenant now."""
    return policies_of([tenant.pk])[tenant.pk]


def policies_of(tenant_ids: Iterable[int]) -> dict[int, Policy]:
    """The rules that hold now, by tenant; one query for all."""
    latest = Policy.objects.across_tenants().filter(tenant=OuterRef("tenant")).order_by()
    latest = Subquery(latest.values("tenant").values(latest=Max("version")))
    rows = Policy.objects.across_tenants().filter(tenant__in=set(tenant_ids), version=latest)
    return {row.tenant_id: row for row in rows}
