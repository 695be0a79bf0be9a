"""A tenant is on one plan at a time, and every change of it is told."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from apps.quotas.models import Plan, TenantPlan
from apps.quotas.services import assign_plan, change_plan, create_plan
from apps.quotas.services.calls import (
    Allowance,
    counters_of,
    day_of,
    seconds_until_it_ends,
)
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


def test_a_plan_is_made_and_changed_and_both_are_told():
    plan = create_plan(code="small", name="Small", price_monthly=Decimal(9), max_members=5)
    change_plan(plan=plan, max_members=5, name="Little")
    change_plan(plan=plan, name="Little")
    assert Plan.objects.get(code="small").name == "Little"
    told = AuditEntry.objects.order_by("number").values_list("action", "before", "after")
    assert list(told)[1:] == [("plan.changed", {"name": "Small"}, {"name": "Little"})]


def test_a_plan_that_cannot_be_is_not_made():
    create_plan(code="small", name="Small", price_monthly=Decimal(9))
    for fields in ({"code": "small"}, {"code": "a b"}, {"calls_daily": -1}, {"name": ""}):
        asked = {"code": "other", "name": "Other", "price_monthly": Decimal(9), **fields}
        with pytest.raises(ValidationError):
            create_plan(**asked)
    with pytest.raises(ValidationError):
        change_plan(plan=Plan.objects.get(), price_monthly=Decimal("1.234"))
    assert Plan.objects.get().price_monthly == 9


@pytest.mark.parametrize(
    ("case", "now", "zone", "hours"),
    [
        ("a day like another", "2026-06-10T10:00:00+00:00", "Europe/Berlin", (12, 20 * 24 + 12)),
        ("a day of 23 hours", "2026-03-28T23:00:00+00:00", "Europe/Berlin", (23, 2 * 24 + 23)),
        ("a day of 25 hours", "2026-10-24T22:00:00+00:00", "Europe/Berlin", (25, 6 * 24 + 25)),
        ("the last day of a month", "2026-01-31T10:00:00+00:00", "Asia/Shanghai", (6, 6)),
        ("the last day of a leap February", "2028-02-29T15:00:00+00:00", "Asia/Shanghai", (1, 1)),
    ],
)
def test_calls_come_back_when_the_merchants_day_and_month_end(settings, case, now, zone, hours):
    settings.MERCHANT_TIME_ZONE = zone
    now = datetime.fromisoformat(now)
    counters = counters_of(7, Allowance(), day_of(now))
    told = [seconds_until_it_ends(counter=counter, now=now) / 3600 for counter in counters]
    assert told == list(hours)
