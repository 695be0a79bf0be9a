"""Tenants are suspended and resumed."""

from django.db import transaction

from apps.core import audit
from apps.core.states import move
from apps.tenants.models import Tenant


def suspend_tenant(*, tenant: Tenant) -> None:
    """From now on nothing of this tenant is planned."""
    change_status(tenant, to=Tenant.Status.SUSPENDED, action="tenant.suspended")


def resume_tenant(*, tenant: Tenant) -> None:
    change_status(tenant, to=Tenant.Status.ACTIVE, action="tenant.resumed")


@transaction.atomic
def change_status(tenant: Tenant, *, to: str, action: str) -> None:
    before = {"status": tenant.status}
    move(tenant, to=to, allowed=Tenant.MOVES)
    audit.record(action, tenant, before=before, after={"status": to}, tenant=tenant)
