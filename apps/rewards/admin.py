"""Profit pools and what became of them, and the withdrawals that wait for somebody."""

from django.contrib import admin
from django.db.models import Count, Sum
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin, page_link, rows_link
from apps.rewards.models import Pool, Reward, Withdrawal
from engine.money import ZERO

# The pages on which a withdrawal goes on, by the status it has.
S = Withdrawal.Status
STEPS = {
    S.PENDING: [("approve", _("Approve")), ("reject", _("Reject"))],
    S.APPROVED: [("complete", _("Complete"))],
}
# What the filter on a status asks for.
STATUS_FILTER = ["status__exact", "status__isnull"]
NOTHING = [0, ZERO, ZERO, ZERO]


@admin.register(Pool)
class PoolAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "charge", "amount", "policy", "split_column"]
    list_filter = ["created_at", "tenant"]
    search_fields = ["=charge__member__email"]
    list_select_related = ["charge__member", "policy__tenant"]
    leads_to = [(_("Rewards"), "rewards_reward", "pool__id__exact")]

    @display(description=_("Split"))
    def split_column(self, pool):
        return page_link("console:pool", pool.pk, _("Split"))


@admin.register(Reward)
class RewardAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "member", "kind", "rate", "amount", "pool", "transfer"]
    list_filter = ["kind", "created_at", "tenant"]
    search_fields = ["=member__email"]
    list_select_related = ["pool__charge__member"]


@admin.register(Withdrawal)
class WithdrawalAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "member", "amount", "fee", "payout", "network", "address"),
        *("status", "decided_by", "completed_by", "steps_column", "transfers_column"),
    ]
    list_filter = ["status", "network", "created_at", "tenant"]
    search_fields = ["member__email", "address", "tx_hash", "key"]
    found_by = ["id", "tx_hash__iexact", "address__iexact"]
    list_before_template = "console/withdrawal_sums.html"
    is_chained = False

    def get_changelist_instance(self, request):
        """The list, and what the rows of each status come to, under all other filters."""
        changelist = super().get_changelist_instance(request)
        rows = changelist.get_queryset(request, exclude_parameters=STATUS_FILTER).order_by()
        sums = rows.values_list("status").annotate(
            Count("pk"), Sum("amount"), Sum("fee"), Sum("payout")
        )
        of_status = {status: figures for status, *figures in sums}
        changelist.sums = [
            {
                "title": status.label,
                "query": changelist.get_query_string({STATUS_FILTER[0]: status.value}, ["p"]),
                "is_shown": request.GET.get(STATUS_FILTER[0]) == status,
                "figures": of_status.get(status, NOTHING),
            }
            for status in S
        ]
        return changelist

    @display(description=_("Next"))
    def steps_column(self, withdrawal):
        steps = (
            (reverse("console:withdrawal", args=[withdrawal.pk, step]), title)
            for step, title in STEPS.get(withdrawal.status, [])
        )
        links = format_html_join(" · ", '<a class="text-link" href="{}">{}</a>', steps)
        return format_html('<span class="whitespace-nowrap">{}</span>', links)

    @display(description=_("Transfers"))
    def transfers_column(self, withdrawal):
        key = f"withdrawal:{withdrawal.pk}:"
        return rows_link("ledger_transfer", _("Transfers"), key__startswith=key)

    def get_list_display(self, request):
        return self._steps_for(request, super().get_list_display(request))

    def get_readonly_fields(self, request, obj=None):
        shown = [*super().get_readonly_fields(request, obj), "steps_column", "transfers_column"]
        return self._steps_for(request, shown)

    def _steps_for(self, request, names):
        """Only who may decide is led to a decision."""
        may_decide = request.user.has_perm("rewards.decide_withdrawal")
        return [name for name in names if name != "steps_column" or may_decide]
