"""The limits of the platform and of each tenant, changed one by one; and what they refused."""

import json
from collections import Counter
from datetime import UTC, datetime, time

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.console.dashboard import DAY, RANGES, link, moment, tile
from apps.console.pages import show
from apps.console.run_forms import ParametersForm, switch, words
from apps.core import audit
from apps.core.admin import change_link, tenant_in_view
from apps.core.errors import DomainError
from apps.core.models import AuditEntry
from apps.orders.models import Ticket
from apps.orders.selectors import refusals
from apps.risk.models import RiskRule
from apps.risk.selectors import rules_of
from apps.risk.services import set_rule
from apps.risk.words import FIGURES, MEANINGS, RULES, TITLES
from apps.tallies.models import Tally
from apps.tallies.selectors import tallies
from apps.tenants.models import Tenant
from engine.limits import LIMITS
from engine.parameters import parameters_of

VIEW, CHANGE = "risk.view_riskrule", "risk.change_riskrule"
SHOWN = 50
COLOURS = ["#9333ea", "#f59e0b", "#10b981", "#0ea5e9", "#ef4444", "#6366f1", "#84cc16", "#ec4899"]


class RuleForm(ParametersForm):
    """Whether a limit holds, and its figures with their bounds."""

    def __init__(self, rule: str, *args, **kwargs):
        super().__init__(parameters_of(LIMITS[rule].figures), *args, **kwargs)
        for one in self.told:
            field = self.fields[one.name]
            field.label, field.required = FIGURES[one.name], True
            if one.is_list:
                self.fields[one.name] = ListField(label=FIGURES[one.name])
            else:
                bounds = {"least": one.least, "most": one.most}
                field.help_text = _("from %(least)s to %(most)s") % bounds
        self.fields["is_on"] = switch()
        self.fields["is_on"].label = _("holds")
        self.order_fields(["is_on"])

    def figures(self) -> dict[str, object]:
        return {one.name: self.cleaned_data[one.name] for one in self.told}


class ListField(forms.CharField):
    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value):
        return value if isinstance(value, str) else ", ".join(value)

    def to_python(self, value):
        return words(super().to_python(value).upper())


def rules_page(request, tenant_id=None):
    """Every limit, with the platform's figures and those of the tenant that is looked at."""
    seen = tenant_in_view(request)
    if tenant_id is None:
        return redirect("console:risk-of", seen.pk if seen else 0)
    tenant = tenant_asked(request, tenant_id)
    platforms, own = rules_of(None), rules_of(tenant) if tenant else {}
    return show(
        request,
        "console/risk.html",
        f"{_('Risk rules')}: {tenant}" if tenant else str(_("Risk rules")),
        tenant=tenant,
        # Who looks through a tenant has no choice.
        tenants=None if seen else Tenant.objects.order_by("name"),
        lines=[line(rule, platforms[rule], own.get(rule)) for rule in TITLES],
        may_change=request.user.has_perm(CHANGE),
    )


def line(rule: str, platforms: RiskRule, own: RiskRule | None) -> dict[str, object]:
    return {
        "title": TITLES[rule],
        "meaning": MEANINGS[rule],
        "platforms": state(platforms),
        "own": state(own) if own else "",
        "page": reverse("console:risk-rule", args=[own.tenant_id if own else 0, rule]),
    }


def state(row: RiskRule) -> str:
    """A limit as it is set, in words: "at most 10"."""
    if not row.is_on:
        return _("off")
    figures = (
        f"{FIGURES[name]}: {', '.join(value) if isinstance(value, list) else value}"
        for name, value in row.figures.items()
    )
    return ", ".join(figures)


def rule_page(request, tenant_id, rule):
    """One limit: its meaning, figures and bounds, and who set it to what."""
    tenant = tenant_asked(request, tenant_id)
    if rule not in LIMITS:
        raise Http404
    may_change = request.user.has_perm(CHANGE)
    row = rules_of(tenant)[rule]
    form = RuleForm(rule, request.POST or None, initial=row.figures | {"is_on": row.is_on})
    if request.POST:
        if not may_change:
            raise PermissionDenied
        if form.is_valid() and is_set(form, tenant, rule):
            messages.success(request, _("It holds from the next order on."))
            return redirect(request.path)
    return show(
        request,
        "console/risk_rule.html",
        f"{tenant or _('Platform')}: {TITLES[rule]}",
        row=row,
        tenant=tenant,
        meaning=MEANINGS[rule],
        platforms=state(rules_of(None)[rule]) if tenant else "",
        form=form,
        may_change=may_change,
        back=reverse("console:risk-of", args=[tenant_id]),
        refused=f"{reverse('console:refusals')}?rule={rule}",
        history=history(row),
    )


def is_set(form: RuleForm, tenant: Tenant | None, rule: str) -> bool:
    """Whether it was taken; what refuses it is told at the field."""
    try:
        on = form.cleaned_data["is_on"]
        set_rule(tenant=tenant, rule=rule, is_on=on, figures=form.figures())
    except DomainError as error:
        named = str(error.context.get("field", ""))
        form.add_error(named if named in form.fields else None, error.message)
        return False
    return True


def tenant_asked(request, tenant_id: int) -> Tenant | None:
    """Whose limits are meant, zero being the platform; a tenant's people see their own alone."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    seen = tenant_in_view(request)
    is_hidden = request.user.tenant_id if tenant_id == 0 else seen and seen.pk != tenant_id
    if is_hidden:
        raise Http404
    return get_object_or_404(Tenant, pk=tenant_id) if tenant_id else None


def history(row: RiskRule) -> dict[str, object]:
    """Every version, the latest first: when, by whom, and to what."""
    entries = AuditEntry.objects.filter(action="risk.rule_set", subject=audit.name_of(row))
    return {
        "headers": [_("At"), _("By"), _("Before"), _("Afterwards"), _("Entry")],
        "rows": [
            [
                timezone.localtime(entry.at).strftime("%Y-%m-%d %H:%M:%S"),
                entry.actor,
                told(entry.before),
                told(entry.after),
                link("admin:core_auditentry_change", entry.pk, f"#{entry.number}"),
            ]
            for entry in (entries.order_by("-number")[:SHOWN] if row.pk else ())
        ],
    }


def told(figures: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


class AskedForm(forms.Form):
    """Which refusals: of what rule, account and signal, since how many days."""

    rule = forms.ChoiceField(
        label=gettext_lazy("rule"),
        choices=[("", gettext_lazy("every rule")), *RULES.items()],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    account = forms.IntegerField(
        label=gettext_lazy("venue account"), required=False, widget=UnfoldAdminTextInputWidget
    )
    signal = forms.UUIDField(
        label=gettext_lazy("signal"), required=False, widget=UnfoldAdminTextInputWidget
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("days"),
        choices=[(days, days) for days in RANGES],
        coerce=int,
        empty_value=RANGES[0],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


def refusals_page(request):
    """What our rules refused: day by day, by rule, and the latest of them one by one."""
    if not request.user.has_perm("orders.view_ticket"):
        raise PermissionDenied
    tenant = tenant_in_view(request)
    form = AskedForm(request.GET)
    # What cannot be read is told at its field, and asks for nothing.
    asked = form.cleaned_data if form.is_valid() else {}
    rule, days = asked.get("rule", ""), asked.get("days") or RANGES[0]
    which = {
        name: asked[field]
        for name, field in (("venue_account", "account"), ("signal", "signal"))
        if asked.get(field)
    }
    first = timezone.now().astimezone(UTC).date() - (days - 1) * DAY
    since = datetime.combine(first, time(), tzinfo=UTC)
    counted = tallies(tenant, Tally.What.REFUSED, since=first).order_by()
    if rule:
        counted = counted.filter(which=rule)
    sums: Counter[tuple] = Counter()
    for day, code, count in counted.values_list("day", "which", "count"):
        sums[day, code] += count
    by_rule: Counter[str] = Counter()
    for (_day, code), count in sums.items():
        by_rule[code] += count
    latest = refusals(tenant, since=since, rule=rule, **which)[:SHOWN]
    return show(
        request,
        "console/refusals.html",
        str(_("Refusals")),
        form=form,
        tiles=[
            tile(
                RULES.get(code, code),
                count,
                "orders_ticket",
                {"refused_by": code, "created_at__gte": since.isoformat()},
            )
            for code, count in by_rule.most_common()
        ],
        chart=chart(sums, by_rule, [first + number * DAY for number in range(days)]),
        latest=latest_table(latest),
        every=every_address(rule, which, since),
        shown=SHOWN,
    )


def every_address(rule: str, which: dict[str, object], since: datetime) -> str:
    lookups = {f"{name}__id__exact": value for name, value in which.items()}
    refused = {"refused_by": rule} if rule else {"status__exact": Ticket.Status.REFUSED.value}
    query = {**refused, **lookups, "created_at__gte": since.isoformat()}
    return str(tile("", "", "orders_ticket", query)["href"])


def chart(sums: Counter, by_rule: Counter, days: list) -> str:
    return json.dumps(
        {
            "labels": [day.isoformat() for day in days],
            "datasets": [
                {
                    "label": str(RULES.get(code, code)),
                    "data": [sums[day, code] for day in days],
                    "borderColor": COLOURS[place % len(COLOURS)],
                }
                for place, (code, _count) in enumerate(by_rule.most_common())
            ],
        }
    )


def latest_table(tickets) -> dict[str, object]:
    return {
        "headers": [
            *(_("At"), _("Rule"), _("Because"), _("Tenant"), _("Venue account"), _("Signal")),
            _("Ticket"),
        ],
        "rows": [
            [
                f"{timezone.localtime(row.created_at):%Y-%m-%d} {moment(row.created_at)}",
                RULES.get(code, code),
                because.strip(),
                str(row.tenant),
                narrowed("account", row.venue_account_id, row.venue_account),
                narrowed("signal", row.signal_id, row.signal) if row.signal_id else "–",
                change_link(row),
            ]
            for row in tickets
            for code, _colon, because in [row.refused_because.partition(":")]
        ],
    }


def narrowed(name: str, value: object, text: object):
    """The same page, of one account or signal alone."""
    return format_html('<a class="text-link" href="?{}={}">{}</a>', name, value, text)
