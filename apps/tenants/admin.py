"""Users of the admin. Tenants have their pages where their members are."""

from http import HTTPStatus

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.core import audit
from apps.core.admin import HouseAdmin
from apps.tenants.models import User

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, HouseAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "tenant", "email", "is_superuser", "is_active", "last_login"]
    list_filter = ["tenant", "last_login"]
    fieldsets = [
        (None, {"fields": ["username", "password", "tenant"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Rights"), {"fields": ["is_active", "is_staff", "is_superuser", "user_permissions"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        # Nobody gives more rights than they have.
        rights = [] if request.user.is_superuser else ["is_superuser", "user_permissions"]
        return [*fields, *rights]

    def has_change_permission(self, request, obj=None):
        may = super().has_change_permission(request, obj)
        return may and (request.user.is_superuser or obj is None or not obj.is_superuser)

    def user_change_password(self, request, id, form_url=""):
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == HTTPStatus.FOUND:
            audit.record("user.password_changed", self.get_object(request, id))
        return answer

    def _is_hidden(self, request) -> bool:
        # Who may log in is the platform's to say.
        return bool(getattr(request.user, "tenant_id", None))
