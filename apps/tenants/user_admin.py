"""Users: an owner makes, changes, disables and enables them; others look at most."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.core.admin import HouseAdmin, VerbForm, verb_action
from apps.tenants.models import User
from apps.tenants.roles import is_owner
from apps.tenants.services import (
    change_user,
    create_user,
    disable_user,
    enable_user,
    keep_password,
    reset_second_factor,
)

admin.site.unregister(Group)


class NewUserForm(VerbForm):
    password = forms.CharField(
        label=_("password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ["username", "email", "role", "tenant"]

    told_on = {"tenant_id": "tenant"}

    def write(self, **values):
        return create_user(**values)


class UserForm(VerbForm):
    class Meta:
        model = User
        fields = ["email", "role", "user_permissions"]

    def write(self, *, user_permissions, **values):
        change_user(user=self.instance, rights=user_permissions, **values)
        return self.instance


class NewPasswordForm(AdminPasswordChangeForm):
    """Another password for somebody else: wherever they are logged in, they are out."""

    def save(self, commit=True):
        user = super().save(commit=False)
        keep_password(user=user, keep=None, now=timezone.now())
        return user


@admin.register(User)
class UserAdmin(DjangoUserAdmin, HouseAdmin):
    form = UserForm
    add_form = NewUserForm
    change_password_form = NewPasswordForm
    list_display = [
        *("username", "tenant", "role", "email", "is_active", "totp_since", "last_login"),
    ]
    list_filter = ["role", "is_active", "tenant", "last_login"]
    fieldsets = [
        (None, {"fields": ["username", "password", "tenant", "is_active"]}),
        (_("Rights"), {"fields": ["role", "user_permissions"]}),
        (_("Person"), {"fields": ["email"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined", "totp_since"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "email", "role", "tenant", "password"]})]
    readonly_fields = [
        *("username", "password", "tenant", "is_active", "last_login", "date_joined"),
        "totp_since",
    ]
    actions = ["disable", "enable", "reset_factor"]

    disable = verb_action(
        _("Disable"),
        lambda user: disable_user(user=user),
        question=_("These users are let in no more, and are out wherever they are logged in."),
    )
    enable = verb_action(_("Enable"), lambda user: enable_user(user=user))
    reset_factor = verb_action(
        _("Reset the second factor"),
        lambda user: reset_second_factor(user=user),
        question=_("These users log in without it, and set up another where it is a must."),
    )

    def get_readonly_fields(self, request, obj=None):
        return super().get_readonly_fields(request, obj) if obj else []

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        # Each right is named with what it is about.
        rights = db_field.related_model.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, queryset=rights, **kwargs)

    def has_add_permission(self, request):
        return is_owner(request.user) and super().has_add_permission(request)

    def has_change_permission(self, request, obj=None):
        # Who changes users, or their passwords, could be anybody.
        return is_owner(request.user) and super().has_change_permission(request, obj)

    def has_act_permission(self, request):
        return self.has_change_permission(request)

    def _is_hidden(self, request) -> bool:
        # Who may log in is the platform's to say.
        return bool(getattr(request.user, "tenant_id", None))
