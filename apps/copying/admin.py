"""Who copies whom, and what became of each position that was copied."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.copying import services
from apps.copying.models import Copier, Copy
from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, change_link, verb_action
from apps.strategies.services import resume_subscription, stop_subscription

LEADERS = ["leader_account", "leader_trader"]
FIGURES = ["measure", "measured", "capital", "leverage"]


class CopierForm(VerbForm):
    class Meta:
        model = Copier
        fields = ["venue_account", *LEADERS, *FIGURES]
        help_texts = {
            "leader_account": _("This, or an AI trader."),
            "capital": _("Times the leverage it is the most that a copied position is worth."),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("measure", "measured"):
            if name in self.fields:
                self.fields[name].required = True

    def write(self, **values):
        if self.instance.pk:
            return services.change_copying(subscription=self.instance, **values)
        return services.follow(**values)


@display(description=_("Copies"))
def leader_column(copier):
    return change_link(copier.followed)


@admin.register(Copier)
class CopierAdmin(HouseAdmin):
    form = CopierForm
    change_form_after_template = "console/sizes.html"
    sizes_of = "copier"
    list_display = [
        *("member", "tenant", "venue_account", leader_column, *FIGURES, "status", "created_at"),
    ]
    list_filter = ["status", "measure", "tenant"]
    search_fields = ["member__email", "leader_trader__name", "leader_account__member__email"]
    list_select_related = ["leader_account__member", "leader_trader"]
    autocomplete_fields = ["venue_account", *LEADERS]
    actions = ["stop", "resume"]
    leads_to = [
        (_("Copies"), "copying_copy", "subscription__id__exact"),
        (_("Tickets"), "orders_ticket", "subscription__id__exact"),
        (_("Positions"), "positions_position", "subscription__id__exact"),
    ]

    stop = verb_action(_("Stop"), lambda row: stop_subscription(subscription=row))
    resume = verb_action(_("Resume"), lambda row: resume_subscription(subscription=row))

    def get_queryset(self, request):
        return super().get_queryset(request).filter(tenant_strategy__isnull=True)

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["venue_account", *LEADERS]


@admin.register(Copy)
class CopyAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "subscription", "leader_position", "leader_quantity", "ticket"),
        *("status", "problem"),
    ]
    list_filter = ["status", "tenant", "created_at"]
    search_fields = ["subscription__member__email", "problem"]
    list_select_related = [
        *("subscription__member", "subscription__tenant_strategy__strategy"),
        *("subscription__leader_account", "subscription__leader_trader"),
    ]
    is_chained = False
