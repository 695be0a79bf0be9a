"""A tenant's money rules change by a new version; what was counted by an old one stays so."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput
from apps.tenants.models import Policy, Tenant
from apps.tenants.selectors import policies_of

# What a version says; the rest of its row says which version it is.
RULES = tuple(
    field.name
    for field in Policy._meta.fields
    if field.name not in {"id", "tenant", "version", "created_at"}
)


@retried
@transaction.atomic
def set_policy(*, tenant: Tenant, **changes: object) -> Policy:
    """Let these rules hold from now on and keep the others; the same again is no new version."""
    unknown = sorted(set(changes) - set(RULES))
    if unknown:
        raise BadInput(f"a policy has no rule {unknown[0]}", field=unknown[0])
    # The tenant's row is the lock: versions are in one line.
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    now = policies_of([tenant.pk]).get(tenant.pk)
    before = told(now) if now else {}
    fresh = Policy(tenant=tenant, version=now.version + 1 if now else 1, **before | changes)
    check(fresh)
    if now and told(fresh) == before:
        return now
    fresh.save()
    audit.record("policy.set", fresh, before=before or None, after=told(fresh))
    return fresh


def check(policy: Policy) -> None:
    """Refuse rules that could not be counted by, naming the field."""
    for name, value in told(policy).items():
        if isinstance(value, Decimal) and (not value.is_finite() or value < 0):
            raise BadInput(f"{name} is a number from 0 on", field=name)
    try:
        policy.clean_fields()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise BadInput(f"{field}: {' '.join(reasons)}", field=field) from error
    if policy.tech_rate + policy.network_rate > 1:
        raise BadInput("tech and network together are more than the pool", field="network_rate")


def told(policy: Policy) -> dict[str, object]:
    return {name: getattr(policy, name) for name in RULES}
