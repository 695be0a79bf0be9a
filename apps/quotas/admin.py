"""Plans, who is on which, and what was used."""

from django.contrib import admin

from apps.core.admin import FactAdmin, HouseAdmin, VerbForm
from apps.quotas.models import Plan, TenantPlan, Usage
from apps.quotas.services import assign_plan, change_plan, create_plan


class PlanForm(VerbForm):
    class Meta:
        model = Plan
        fields = [
            *("code", "name", "calls_daily", "calls_monthly", "max_members", "max_subscriptions"),
            *("max_venue_accounts", "price_monthly", "is_offered"),
        ]

    def write(self, **values):
        if self.instance.pk:
            return change_plan(plan=self.instance, **values)
        return create_plan(**values)


@admin.register(Plan)
class PlanAdmin(HouseAdmin):
    form = PlanForm
    list_display = [
        *("name", "code", "calls_daily", "calls_monthly", "max_members", "max_subscriptions"),
        *("max_venue_accounts", "price_monthly", "is_offered"),
    ]
    search_fields = ["code", "name"]
    leads_to = []


class TenantPlanForm(VerbForm):
    class Meta:
        model = TenantPlan
        fields = ["tenant", "plan"]

    def validate_unique(self):
        """A tenant that is on a plan is moved to the other one."""

    def write(self, *, tenant, plan):
        return assign_plan(tenant=tenant, plan=plan)


@admin.register(TenantPlan)
class TenantPlanAdmin(HouseAdmin):
    form = TenantPlanForm
    list_display = ["tenant", "plan"]
    list_filter = ["plan"]
    search_fields = ["tenant__name"]

    def is_tenant_owned(self) -> bool:
        # A tenant does not choose its own plan.
        return False


@admin.register(Usage)
class UsageAdmin(FactAdmin):
    list_display = ["on", "tenant", "calls"]
    list_filter = ["on", "tenant"]
    search_fields = ["tenant__name"]
    is_chained = False
