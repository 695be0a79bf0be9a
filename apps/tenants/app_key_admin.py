"""App keys: made, changed, rotated and revoked. A secret is shown once."""

from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from apps.core.admin import HouseAdmin, VerbForm, ask, run_each, verb_action
from apps.core.errors import NotAllowed
from apps.tenants.models import AppKey, User
from apps.tenants.roles import may_give
from apps.tenants.services import (
    change_app_key,
    create_app_key,
    revoke_app_key,
    rotate_app_key,
)
from apps.tenants.services.app_keys import USUAL_SCOPES

# How long a rotated key stays good where nobody says otherwise.
OVERLAP = timedelta(days=7)


def show_app_key(request, made):
    told = _("App key %(key)s. Its secret, shown once: %(secret)s")
    messages.warning(request, told % {"key": made.app_key.key, "secret": made.secret})


class AppKeyForm(VerbForm):
    scopes = forms.MultipleChoiceField(
        label=_("scopes"),
        choices=AppKey.Scope,
        initial=USUAL_SCOPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    allowed = forms.CharField(
        label=_("networks"),
        required=False,
        help_text=_("as 203.0.113.7 or 203.0.113.0/24, with commas between; empty for everywhere"),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = AppKey
        fields = ["tenant", "name", "is_legacy"]

    told_on = {"networks": "allowed"}
    user: User

    def __init__(self, *args, instance=None, **kwargs):
        if instance:
            initial = {"scopes": instance.scopes, "allowed": ", ".join(instance.networks)}
            kwargs["initial"] = initial | kwargs.get("initial", {})
        super().__init__(*args, instance=instance, **kwargs)

    def clean_scopes(self):
        scopes = self.cleaned_data["scopes"]
        if not may_give(self.user, set(scopes) - set(self.instance.scopes or [])):
            raise forms.ValidationError(_("only an owner lets a key move money or read secrets"))
        return scopes

    def write(self, *, allowed, tenant=None, **values):
        values["networks"] = allowed.replace(",", " ").split()
        if self.instance.pk:
            return change_app_key(app_key=self.instance, **values)
        self.made = create_app_key(tenant=tenant, **values)
        return self.made.app_key


@admin.register(AppKey)
class AppKeyAdmin(HouseAdmin):
    form = AppKeyForm
    list_display = [
        *("name", "tenant", "key", "scopes", "networks", "is_legacy", "status", "expires_at"),
        *("last_used_at", "created_at"),
    ]
    list_filter = ["status", "is_legacy", "created_at", "tenant"]
    search_fields = ["key", "name"]
    actions = ["rotate", "revoke"]

    revoke = verb_action(
        _("Revoke"),
        lambda app_key: revoke_app_key(app_key=app_key),
        question=_("These keys open nothing any more, at once and for good."),
    )

    @action(description=_("Rotate"), permissions=["change"])
    def rotate(self, request, queryset):
        if "confirmed" not in request.POST:
            question = _("Each is followed by a new key, and stays good for seven more days.")
            return ask(self, request, queryset, title=_("Rotate"), question=question)

        def rotate_and_show(app_key):
            if not may_give(request.user, app_key.scopes):
                told = _("only an owner lets a key move money or read secrets")
                raise NotAllowed(told, app_key=app_key.pk)
            now = timezone.now()
            show_app_key(request, rotate_app_key(app_key=app_key, overlap=OVERLAP, now=now))

        return run_each(self, request, queryset, rotate_and_show)

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        form.user = request.user
        return form

    def get_fields(self, request, obj=None):
        return [*self.get_readonly_fields(request, obj), *self.changed(obj)]

    def changed(self, obj):
        fields = ["name", "scopes", "allowed", "is_legacy"]
        return fields if obj else ["tenant", *fields]

    def get_readonly_fields(self, request, obj=None):
        return ["tenant", "key", "status", "expires_at", "last_used_at"] if obj else []

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            show_app_key(request, form.made)
