"""Traders, their models, prompts and managers; their decisions, calls and what they cost."""

from decimal import Decimal

from django import forms
from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from msgspec import NODEFAULT

from apps.core.admin import FactAdmin, HouseAdmin, VerbForm, verb_action
from apps.tenants.models import Tenant
from apps.traders import services
from apps.traders.models import (
    Allocation,
    Call,
    Decision,
    Duel,
    Item,
    Manager,
    Mind,
    Sample,
    Seat,
    Shade,
    Spending,
    Template,
    Trader,
)
from apps.traders.selectors import compared, minds_of
from apps.traders.services.keeping import OF_MANAGER, OF_MIND, OF_TRADER
from engine.deciding import budget, limits, models, standing
from engine.messages import number
from engine.parameters import Parameter, parameters_of
from engine.report.bootstrap import LEAST


def told_by(parameters: list[Parameter]) -> str:
    """What a field of parameters takes: names, bounds, defaults and meanings."""
    lines = [
        (one.name, bounds(one), "–" if one.default is NODEFAULT else one.default, one.meaning)
        for one in parameters
    ]
    return format_html_join("", "<div><b>{}</b> {} [{}]: {}</div>", lines)


def bounds(one: Parameter) -> str:
    if one.choices:
        return " | ".join(map(str, one.choices))
    return "" if one.least is None else f"{one.least:g} … {one.most:g}"


class MindForm(VerbForm):
    told_on = {"key": "new_key"}
    new_key = forms.CharField(
        label=_("Key"),
        required=False,
        widget=forms.PasswordInput(render_value=False),
        help_text=_("Empty: as it is. It is sealed, and never shown again."),
    )

    class Meta:
        model = Mind
        fields = ["tenant", "name", *OF_MIND]
        help_texts = {
            "params": told_by(
                [one for one in models.describe() if one.name not in ("name", *OF_MIND)]
            )
        }

    def write(self, *, new_key, tenant: Tenant | None = None, name="", **values):
        values["params"] = values["params"] or {}
        if self.instance.pk:
            return services.change_mind(mind=self.instance, key=new_key or None, **values)
        return services.create_mind(tenant=tenant, name=name, key=new_key, **values)


@admin.register(Mind)
class MindAdmin(HouseAdmin):
    form = MindForm

    # The address of a model is one that the centre calls: the platform's people name it.
    def has_add_permission(self, request):
        return not request.user.tenant_id and super().has_add_permission(request)

    def has_change_permission(self, request, obj=None):
        return not request.user.tenant_id and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["tenant", "name"]

    list_display = ["name", "protocol", "base_url", "model", "key_hint", "tenant", "created_at"]
    list_filter = ["protocol", "tenant"]
    search_fields = ["name", "model"]


class TemplateForm(VerbForm):
    class Meta:
        model = Template
        fields = ["tenant", "name", "text"]

    def write(self, **values):
        return services.create_template(**values)


@admin.register(Template)
class TemplateAdmin(HouseAdmin):
    form = TemplateForm

    def has_change_permission(self, request, obj=None):
        return False

    list_display = ["name", "version", "digest", "tenant", "created_at"]
    list_filter = ["tenant"]
    search_fields = ["name"]


class ManagerForm(VerbForm):
    class Meta:
        model = Manager
        fields = ["tenant", "name", *OF_MANAGER]

    def write(self, *, tenant=None, name="", **values):
        now = timezone.now()
        if self.instance.pk:
            return services.change_manager(manager=self.instance, now=now, **values)
        return services.create_manager(tenant=tenant, name=name, now=now, **values)


@admin.register(Manager)
class ManagerAdmin(HouseAdmin):
    form = ManagerForm

    def get_readonly_fields(self, request, obj=None):
        return [] if obj is None else ["tenant", "name"]

    list_display = [
        *("name", "total", "reserve_percent", "strategy", "interval_seconds", "is_active"),
        *("problem", "next_at", "tenant"),
    ]
    list_filter = ["strategy", "tenant"]
    search_fields = ["name"]
    leads_to = [
        (_("Allocations"), "traders_allocation", "manager__id__exact"),
    ]


class TraderForm(VerbForm):
    minds = forms.ModelMultipleChoiceField(
        label=_("Language models"),
        queryset=Mind.rows.none(),
        help_text=_("Asked in the order in which they were made."),
    )

    class Meta:
        model = Trader
        fields = ["venue_account", "code", "capital", "is_shadow", *OF_TRADER]
        help_texts = {
            "limits": told_by(limits.describe()),
            "budget": told_by(parameters_of(budget.Budget)),
            "patience": told_by(parameters_of(standing.Patience)),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        known = self.instance if self.instance.pk else None
        rows = Mind.rows.order_by("pk")
        self.fields["minds"].queryset = rows.filter(tenant=known.tenant) if known else rows
        if known:
            self.fields["minds"].initial = minds_of(known)

    def write(self, *, minds, **values):
        for name in ("limits", "budget", "patience"):
            values[name] = values[name] or {}
        chosen, now = list(minds), timezone.now()
        if not self.instance.pk:
            account = values.pop("venue_account")
            return services.create_trader(account=account, minds=chosen, now=now, **values)
        asked = {mind.pk for mind in chosen}
        # In the order in which it asks them already, if nobody has come or gone.
        seats = minds_of(self.instance)
        kept = seats if {mind.pk for mind in seats} == asked else chosen
        return services.change_trader(trader=self.instance, minds=kept, now=now, **values)


@admin.register(Trader)
class TraderAdmin(HouseAdmin):
    form = TraderForm
    actions = ["start", "pause", "stop", "decide"]
    autocomplete_fields = ["venue_account"]

    start = verb_action(
        _("Start"), lambda row: services.start_trader(trader=row, now=timezone.now())
    )
    pause = verb_action(
        _("Pause"), lambda row: services.pause_trader(trader=row, now=timezone.now())
    )
    stop = verb_action(_("Stop"), lambda row: services.stop_trader(trader=row, now=timezone.now()))
    decide = verb_action(
        _("Decide now"), lambda row: services.decide_now(trader=row, now=timezone.now())
    )

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        tenant = request.user.tenant_id

        class Narrowed(form):
            """Of one's own tenant only."""

            def __init__(self, *args, **values):
                super().__init__(*args, **values)
                if tenant:
                    known = self.fields["minds"].queryset
                    self.fields["minds"].queryset = known.filter(tenant=tenant)

        return Narrowed

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        return ["venue_account", "code", self._line("capital", request), "is_shadow"]

    def get_fields(self, request, obj=None):
        told = [*OF_TRADER, "minds"]
        if obj is None:
            return ["venue_account", "code", "capital", "is_shadow", *told]
        return [*self.get_readonly_fields(request, obj), *told]

    list_display = [
        *("name", "code", "status", "reason", "venue_account", "capital", "is_shadow"),
        *("is_public", "decided", "skipped_because", "next_at", "tenant"),
    ]
    list_filter = ["status", "is_shadow", "is_public", "tenant"]
    search_fields = ["code", "name"]
    leads_to = [
        (_("Decisions"), "traders_decision", "trader__id__exact"),
        (_("Calls of models"), "traders_call", "trader__id__exact"),
        (_("Spending"), "traders_spending", "trader__id__exact"),
    ]


@admin.register(Seat)
class SeatAdmin(FactAdmin):
    list_display = ["trader", "place", "mind", "tenant"]
    list_filter = ["tenant"]
    is_chained = False


@admin.register(Decision)
class DecisionAdmin(FactAdmin):
    list_display = [
        *("at", "trader", "number", "status", "mind", "reason", "result", "milliseconds"),
        *("reused", "tenant"),
    ]
    list_filter = ["status", "is_shadow", "at", "tenant"]
    search_fields = ["trader__code", "mind"]
    is_chained = False
    leads_to = [
        (_("On each symbol"), "traders_item", "decision__id__exact"),
        (_("Calls of models"), "traders_call", "decision__id__exact"),
    ]


@admin.register(Item)
class ItemAdmin(FactAdmin):
    list_display = [
        *("created_at", "decision", "symbol", "signal", "size", "leverage", "confidence"),
        *("status", "refused_by", "reason", "ticket", "tenant"),
    ]
    list_filter = ["status", "signal", "created_at", "tenant"]
    list_select_related = ["decision__trader"]
    search_fields = ["symbol", "refused_by"]
    is_chained = False


@admin.register(Call)
class CallAdmin(FactAdmin):
    list_display = [
        *("called_at", "trader", "mind", "purpose", "result", "cost", "tokens", "milliseconds"),
        *("reason", "tenant"),
    ]
    list_filter = ["result", "called_at", "tenant"]
    search_fields = ["mind", "trader__code"]
    is_chained = False


@admin.register(Spending)
class SpendingAdmin(FactAdmin):
    list_display = ["day", "trader", "cost", "tokens", "alerted_at", "spent_at", "tenant"]
    list_filter = ["tenant"]
    search_fields = ["trader__code"]
    is_chained = False


@admin.register(Sample)
class SampleAdmin(FactAdmin):
    list_display = ["at", "trader", "equity", "realised", "unrealised", "capital", "tenant"]
    list_filter = ["at", "tenant"]
    search_fields = ["trader__code"]
    is_chained = False


@admin.register(Shade)
class ShadeAdmin(FactAdmin):
    list_display = [
        *("opened_at", "trader", "symbol", "direction", "quantity", "entry_price"),
        *("exit_price", "closed_by", "closed_at", "tenant"),
    ]
    list_filter = ["direction", "opened_at", "tenant"]
    search_fields = ["symbol", "trader__code"]
    is_chained = False


class DuelForm(VerbForm):
    class Meta:
        model = Duel
        fields = ["trader", "second", "name", "way"]

    def write(self, **values):
        return services.begin_duel(now=timezone.now(), **values)


ARM = {
    "prompt": _("prompt"),
    "trader": _("AI trader"),
    "decisions": _("decisions"),
    "failed": _("failed"),
    "openings": _("openings"),
    "refused": _("refused"),
    "cost": _("cost of models"),
    "trades": _("trades"),
    "wins": _("won"),
    "net": _("net profit"),
    "mean_percent": _("won a trade (%)"),
}


@admin.register(Duel)
class DuelAdmin(HouseAdmin):
    form = DuelForm
    actions = ["end"]
    autocomplete_fields = ["trader", "second"]

    end = verb_action(_("End"), lambda row: services.end_duel(duel=row, now=timezone.now()))

    def get_fields(self, request, obj=None):
        if obj is None:
            return DuelForm.Meta.fields
        told = ["name", "way", "trader", "other", "first", "second", "began_at", "ended_at"]
        return [*told, "figures", "ahead"]

    def get_readonly_fields(self, request, obj=None):
        # Nothing of it is changed but by its end.
        return [] if obj is None else self.get_fields(request, obj)

    @admin.display(description=_("Figures"))
    def figures(self, duel):
        told = compared(duel)
        rows = [
            (label, shown(getattr(told.first, name)), shown(getattr(told.second, name)))
            for name, label in ARM.items()
        ]
        lines = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
        return format_html("<table>{}</table>", lines)

    @admin.display(description=_("B over A, a trade"))
    def ahead(self, duel):
        """How far the second is ahead, and whether that says something."""
        found = compared(duel).difference
        if found is None:
            return _("Fewer than %(least)s trades each say nothing yet.") % {"least": LEAST}
        text = _("%(mean)s %% (in 95 of 100 draws %(low)s to %(high)s); by chance: %(chance)s %%")
        told = text % {
            "mean": f"{found.mean:+.4f}",
            "low": f"{found.interval.low:+.4f}",
            "high": f"{found.interval.high:+.4f}",
            "chance": f"{100 * found.by_chance:.1f}",
        }
        return f"{told} · {_('sure enough') if found.is_sure else _('not sure')}"

    list_display = [
        *("name", "trader", "way", "first", "second", "began_at", "ended_at", "tenant"),
    ]
    list_filter = ["way", "tenant"]
    search_fields = ["name", "trader__code"]


def shown(value: object) -> str:
    if value is None:
        return "–"
    return number(round(value, 8)) if isinstance(value, Decimal) else str(value)


@admin.register(Allocation)
class AllocationAdmin(FactAdmin):
    list_display = [
        *("created_at", "manager", "trader", "capital_before", "capital_after"),
        *("share_before", "share_after", "tenant"),
    ]
    list_filter = ["created_at", "tenant"]
    search_fields = ["trader__code"]
    is_chained = False
