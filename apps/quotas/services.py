"""Tenants are put on plans."""

from django.db import transaction

from apps.core import audit
from apps.core.errors import Conflict
from apps.quotas.models import Plan, TenantPlan
from apps.tenants.models import Tenant


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
    audit.record("tenant_plan.assigned", tenant, before=before, after=plan.code, tenant=tenant)
    return row
