"""Tenants are put on plans, and have no more than those allow."""

from django.db import transaction
from django.db.models import QuerySet

from apps.core import audit
from apps.core.errors import Conflict
from apps.core.memory import changed
from apps.quotas.errors import PlanFull
from apps.quotas.models import Plan, TenantPlan
from apps.tenants.models import Tenant
from apps.tenants.services import ACCESS


@transaction.atomic
def assign_plan(*, tenant: Tenant, plan: Plan) -> TenantPlan:
    """Put a tenant on a plan from now on; a tenant is on one at a time."""
    # The tenant's row is the lock: of two assignments at once the second finds the first one's.
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    row = TenantPlan.objects.select_related("plan").filter(tenant=tenant).first()
    before = row.plan.code if row else None
    if before == plan.code:
        return row
    if not plan.is_offered:
        raise Conflict("the plan is not offered any more", plan=plan.code)
    row, _is_new = TenantPlan.objects.update_or_create(tenant=tenant, defaults={"plan": plan})
    changed(ACCESS)
    audit.record("tenant_plan.assigned", tenant, before=before, after=plan.code, tenant=tenant)
    return row


def refuse_full(*, tenant: Tenant, limit: str, rows: QuerySet) -> None:
    """Refuse one more row than the tenant's plan allows, until the caller's transaction ends.

    `limit` is the plan's field, as "max_members"; `rows` are those that count.
    """
    # The row is the lock: of two at once the second one counts what the first one made.
    row = TenantPlan.objects.select_for_update().filter(tenant=tenant).first()
    if row is None:
        return
    plan = Plan.objects.get(pk=row.plan_id)
    most = getattr(plan, limit)
    if most and rows.count() >= most:
        noun = limit.removeprefix("max_").replace("_", " ")
        raise PlanFull(f"the plan {plan.code} allows {most} {noun}", plan=plan.code, limit=most)
