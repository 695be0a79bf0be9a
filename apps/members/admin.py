"""Tenants, their members and the levels those can reach."""

from django import forms
from django.contrib import admin
from django.db import transaction
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.core.admin import (
    FactAdmin,
    HouseAdmin,
    VerbForm,
    page_action,
    page_link,
    rows_link,
    verb_action,
)
from apps.members.models import Level, LevelChange, Member, Standing
from apps.members.services import (
    create_member,
    disable_member,
    enable_member,
    move_member,
    open_tenant,
    set_market_node,
)
from apps.quotas.models import Plan
from apps.tenants.app_key_admin import show_app_key
from apps.tenants.models import Tenant
from apps.tenants.services import resume_tenant, suspend_tenant


class TenantForm(VerbForm):
    """A plan is chosen: nobody is unlimited by oversight."""

    plan = forms.ModelChoiceField(
        Plan.objects.filter(is_offered=True), label=_("plan"), widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = Tenant
        fields = ["name"]

    def write(self, *, name, plan):
        self.opened = open_tenant(name=name, plan=plan)
        return self.opened.tenant


@admin.register(Tenant)
class TenantAdmin(HouseAdmin):
    list_display = [
        *("name", "status", "overview_column", "accounts_column", "recharge_column", "created_at"),
    ]
    list_filter = ["status", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["status", "created_at"]
    actions = ["suspend", "resume"]
    leads_to = [
        (_("Members"), "members_member", "tenant__id__exact"),
        (_("Subscriptions"), "strategies_subscription", "tenant__id__exact"),
        (_("Policies"), "tenants_policy", "tenant__id__exact"),
        (_("App keys"), "tenants_appkey", "tenant__id__exact"),
    ]

    suspend = verb_action(
        _("Suspend"),
        lambda tenant: suspend_tenant(tenant=tenant),
        question=_("Nothing of these tenants is traded until they are resumed."),
    )
    resume = verb_action(_("Resume"), lambda tenant: resume_tenant(tenant=tenant))

    @display(description=_("Overview"))
    def overview_column(self, tenant):
        return page_link("console:tenant", tenant.pk, _("Overview"))

    @display(description=_("Point cards"))
    def accounts_column(self, tenant):
        return rows_link("ledger_account", _("Point cards"), owner__exact=f"tenant:{tenant.pk}")

    @display(description=_("Recharge"))
    def recharge_column(self, tenant):
        return page_link("console:recharge-tenant", tenant.pk, _("Recharge"))

    def get_form(self, request, obj=None, **kwargs):
        if obj is None:
            kwargs["form"] = TenantForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request, obj=None):
        return ["name", "plan"] if obj is None else super().get_fields(request, obj)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            show_app_key(request, form.opened.first_key)


class MemberForm(VerbForm):
    first_password = forms.CharField(label=_("password"), widget=UnfoldAdminPasswordWidget)
    inviter_code = forms.CharField(
        label=_("invite code of the inviter"), required=False, widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Member
        fields = ["tenant", "email"]

    told_on = {"password": "first_password", "invite_code": "inviter_code"}

    def write(self, *, first_password, inviter_code, **values):
        return create_member(password=first_password, invite_code=inviter_code, **values)


class MemberChangeForm(VerbForm):
    class Meta:
        model = Member
        fields = ["inviter", "is_market_node"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "inviter" in self.fields:
            # Who has one is moved under another, and never stands alone.
            self.fields["inviter"].required = self.instance.inviter_id is not None

    @transaction.atomic
    def write(self, *, inviter, is_market_node):
        if inviter and inviter.pk != self.instance.inviter_id:
            move_member(member=self.instance, inviter=inviter)
        set_market_node(member=self.instance, is_market_node=is_market_node)
        return self.instance


@admin.register(Member)
class MemberAdmin(HouseAdmin):
    list_display = [
        *("email", "tenant", "inviter", "level", "is_market_node", "status"),
        *("overview_column", "cards_column", "recharge_column"),
    ]
    list_filter = ["status", "is_market_node", "created_at", "tenant"]
    search_fields = ["email", "invite_code"]
    found_by = ["number", "email__istartswith", "invite_code__iexact"]
    autocomplete_fields = ["inviter"]
    actions = ["make_market_node", "end_market_node", "disable", "enable", "close_all"]
    close_all = page_action(_("Close all positions"), "console:close-positions")
    leads_to = [
        (_("Invited"), "members_member", "inviter__id__exact"),
        (_("Venue accounts"), "venues_venueaccount", "member__id__exact"),
        (_("Subscriptions"), "strategies_subscription", "member__id__exact"),
        (_("Charges"), "pointcards_charge", "member__id__exact"),
        (_("High-water marks"), "pointcards_highwatermark", "member__id__exact"),
        (_("Rewards"), "rewards_reward", "member__id__exact"),
        (_("Withdrawals"), "rewards_withdrawal", "member__id__exact"),
        (_("Standing"), "members_standing", "member__id__exact"),
        (_("Level changes"), "members_levelchange", "member__id__exact"),
    ]

    make_market_node = verb_action(
        _("Make a market node"),
        lambda member: set_market_node(member=member, is_market_node=True),
    )
    end_market_node = verb_action(
        _("End as a market node"),
        lambda member: set_market_node(member=member, is_market_node=False),
    )

    disable = verb_action(
        _("Disable"),
        lambda member: disable_member(member=member),
        question=_(
            "They open, move and ask for nothing more; what waits to be paid is still decided."
        ),
    )
    enable = verb_action(_("Enable"), lambda member: enable_member(member=member))

    @display(description=_("Overview"))
    def overview_column(self, member):
        return page_link("console:member", member.pk, _("Overview"))

    @display(description=_("Point cards"))
    def cards_column(self, member):
        return rows_link("ledger_account", _("Point cards"), owner__exact=member.owner)

    @display(description=_("Move cards"))
    def recharge_column(self, member):
        return format_html(
            "{} · {}",
            page_link("console:recharge-member", member.pk, _("Recharge")),
            page_link("console:transfer-cards", member.pk, _("Transfer")),
        )

    def get_form(self, request, obj=None, **kwargs):
        kwargs["form"] = MemberForm if obj is None else MemberChangeForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request, obj=None):
        if obj is None:
            return ["tenant", "email", "first_password", "inviter_code"]
        return ["tenant", "email", "inviter", "level", "is_market_node", "invite_code", "status"]

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        changed = MemberChangeForm.Meta.fields
        return [name for name in self.get_fields(request, obj) if name not in changed]


class LevelForm(forms.ModelForm):
    def clean_rate(self):
        rate = self.cleaned_data["rate"]
        if not 0 <= rate <= 1:
            raise forms.ValidationError(_("a rate is a share: from 0 to 1"))
        return rate

    def clean_min_team_holding(self):
        least = self.cleaned_data["min_team_holding"]
        if least < 0:
            raise forms.ValidationError(_("a team cannot be asked to hold less than nothing"))
        return least


@admin.register(Level)
class LevelAdmin(HouseAdmin):
    form = LevelForm
    list_display = ["name", "number", "min_team_holding", "rate"]
    # Members are counted by it.
    readonly_fields = ["number"]

    def has_add_permission(self, request):
        return False


@admin.register(Standing)
class StandingAdmin(FactAdmin):
    list_display = [
        *("member", "tenant", "own_holding", "team_holding", "team_count", "counted_at"),
    ]
    list_filter = ["counted_at", "tenant"]
    search_fields = ["member__email"]
    is_chained = False


@admin.register(LevelChange)
class LevelChangeAdmin(FactAdmin):
    list_display = [
        *("created_at", "tenant", "member", "before", "after", "own_holding", "team_holding"),
    ]
    list_filter = ["created_at", "after", "tenant"]
    search_fields = ["member__email"]
    is_chained = False
