"""Tenants are put on plans, and have no more than those allow."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from apps.core import audit
from apps.core.errors import BadInput, Conflict
from apps.core.memory import changed
from apps.quotas.errors import PlanFull
from apps.quotas.models import Plan, TenantPlan
from apps.tenants.models import Tenant
from apps.tenants.services import ACCESS


@transaction.atomic
def create_plan(**fields: object) -> Plan:
    plan = Plan(**fields)
    check(plan)
    plan.save(force_insert=True)
    audit.record("plan.created", plan, after=told(plan, fields))
    return plan


@transaction.atomic
def change_plan(*, plan: Plan, **changes: object) -> Plan:
    """Let it allow otherwise, from the next call on, to every tenant that is on it."""
    plan = Plan.objects.select_for_update().get(pk=plan.pk)
    changed_names = [name for name, value in changes.items() if getattr(plan, name) != value]
    if not changed_names:
        return plan
    before = told(plan, changed_names)
    for name in changed_names:
        setattr(plan, name, changes[name])
    check(plan)
    plan.save()
    changed(ACCESS)
    audit.record("plan.changed", plan, before=before, after=told(plan, changed_names))
    return plan


def check(plan: Plan) -> None:
    plan.full_clean()
    if plan.price_monthly < 0:
        raise BadInput("nobody is paid for a plan", field="price_monthly")


def told(plan: Plan, names: Iterable[str]) -> dict[str, str]:
    return {name: str(getattr(plan, name)) for name in names}


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
