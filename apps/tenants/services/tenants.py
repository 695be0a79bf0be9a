"""Tenants are renamed, suspended and resumed."""

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.core.memory import changed
from apps.core.states import move
from apps.tenants.models import Tenant
from apps.tenants.services.app_keys import ACCESS
from apps.tenants.services.webhooks import tell

LONGEST_NAME = 100


def suspend_tenant(*, tenant: Tenant) -> None:
    """From now on nothing of this tenant is planned."""
    change_status(tenant, to=Tenant.Status.SUSPENDED, action="tenant.suspended")


def resume_tenant(*, tenant: Tenant) -> None:
    """From now on this tenant's signals are planned again."""
    change_status(tenant, to=Tenant.Status.ACTIVE, action="tenant.resumed")


@retried
@transaction.atomic
def rename_tenant(*, tenant: Tenant, name: str) -> Tenant:
    name = checked_name(name)
    row = Tenant.objects.select_for_update().get(pk=tenant.pk)
    before, row.name = row.name, name
    if before != name:
        row.save(update_fields=["name"])
        audit.record("tenant.renamed", row, before=before, after=name, tenant=row)
    return row


def checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadInput(f"a tenant's name has 1 to {LONGEST_NAME} characters", field="name")
    return name


@retried
@transaction.atomic
def change_status(tenant: Tenant, *, to: str, action: str) -> None:
    before = Tenant.objects.select_for_update().get(pk=tenant.pk).status
    move(tenant, to=to, allowed=Tenant.MOVES)
    changed(ACCESS)
    tell(tenant_id=tenant.pk, name=action, about={"tenant": tenant.pk, "name": tenant.name})
    audit.record(action, tenant, before={"status": before}, after={"status": to}, tenant=tenant)
