"""A tenant is on one plan at a time, and every change of it is told."""

import pytest

from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from apps.quotas.models import TenantPlan
from apps.quotas.services import assign_plan
from tests.factories import PlanFactory, TenantFactory

pytestmark = pytest.mark.django_db


def test_a_tenant_is_put_on_a_plan_and_on_another():
    acme, basic, pro = TenantFactory(), PlanFactory(code="basic"), PlanFactory(code="pro")
    for plan in (basic, basic, pro):
        assign_plan(tenant=acme, plan=plan)
    assert TenantPlan.objects.get().plan == pro
    told = AuditEntry.objects.order_by("number").values_list("before", "after", "tenant")
    assert list(told) == [(None, "basic", acme.pk), ("basic", "pro", acme.pk)]


def test_a_plan_that_is_not_offered_takes_no_new_tenant():
    with pytest.raises(Conflict):
        assign_plan(tenant=TenantFactory(), plan=PlanFactory(is_offered=False))
    assert not TenantPlan.objects.exists()
    assert not AuditEntry.objects.exists()
