"""Questions about tenants."""

from collections.abc import Hashable, Iterable
from datetime import datetime

from django.db.models import Max, OuterRef, Subquery

from apps.tenants.models import Login, Policy, Tenant, User


def policy_of(tenant: Tenant) -> Policy:
    """The money rules that hold for a tenant now."""
    return policies_of([tenant.pk])[tenant.pk]


def policies_of(tenant_ids: Iterable[int]) -> dict[int, Policy]:
    """The rules that hold now, by tenant; one query for all."""
    latest = Policy.objects.across_tenants().filter(tenant=OuterRef("tenant")).order_by()
    latest = Subquery(latest.values("tenant").values(latest=Max("version")))
    rows = Policy.objects.across_tenants().filter(tenant__in=set(tenant_ids), version=latest)
    return {row.tenant_id: row for row in rows}


def rights_of(login_ids: Iterable[int], *, now: datetime) -> dict[int, Hashable]:
    """All that decides what each of these logins may see; a login that ended is not there."""
    logins = Login.objects.filter(pk__in=set(login_ids), ended_at=None, expires_at__gt=now)
    told = list(
        logins.values_list(
            *("pk", "user", "user__is_active", "user__is_staff", "user__is_superuser"),
            *("user__role", "user__tenant", "user__tenant__status"),
        )
    )
    # Those whose rights are given one by one.
    custom = {
        user for _pk, user, *_rest, role, _tenant, _status in told if role == User.Role.CUSTOM
    }
    given: dict[int, set[int]] = {}
    if custom:
        rows = User.user_permissions.through.objects.filter(user__in=custom)
        for user, right in rows.values_list("user", "permission"):
            given.setdefault(user, set()).add(right)
    return {pk: (*rest, frozenset(given.get(user, ()))) for pk, user, *rest in told}
