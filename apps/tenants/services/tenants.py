"""Tenants are suspended and resumed."""

from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.memory import changed
from apps.core.states import move
from apps.tenants.models import Tenant
from apps.tenants.services.app_keys import ACCESS
from apps.tenants.services.webhooks import tell


def suspend_tenant(*, tenant: Tenant) -> None:
    """From now on nothing of this tenant is planned."""
    change_status(tenant, to=Tenant.Status.SUSPENDED, action="tenant.suspended")


def resume_tenant(*, tenant: Tenant) -> None:
    """From now on this tenant's signals are planned again."""
    change_status(tenant, to=Tenant.Status.ACTIVE, action="tenant.resumed")


@retried
@transaction.atomic
def change_status(tenant: Tenant, *, to: str, action: str) -> None:
    before = Tenant.objects.select_for_update().get(pk=tenant.pk).status
    move(tenant, to=to, allowed=Tenant.MOVES)
    changed(ACCESS)
    tell(tenant_id=tenant.pk, name=action, about={"tenant": tenant.pk, "name": tenant.name})
    audit.record(action, tenant, before={"status": before}, after={"status": to}, tenant=tenant)
