"""Who is logged in, and who tried in vain."""

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.admin import FactAdmin, verb_action
from apps.tenants.models import Login, LoginFailure, RecoveryCode
from apps.tenants.services import end_login


@admin.register(Login)
class LoginAdmin(FactAdmin):
    list_display = [
        *("created_at", "user", "kind", "source", "program", "seen_at", "expires_at", "ended_at"),
        "ended_because",
    ]
    list_filter = ["kind", "created_at", "ended_at"]
    search_fields = ["user__username", "source"]
    list_select_related = ["user"]
    is_chained = False
    actions = ["end"]

    end = verb_action(
        _("End"),
        lambda login: end_login(login=login, now=timezone.now(), because="ended by staff"),
        question=_("These browsers and programs are let in no more until somebody logs in again."),
    )


@admin.register(LoginFailure)
class LoginFailureAdmin(FactAdmin):
    list_display = ["created_at", "username", "source"]
    list_filter = ["created_at"]
    search_fields = ["username", "source"]
    is_chained = False


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(FactAdmin):
    list_display = ["created_at", "user", "used_at"]
    list_filter = ["created_at", "used_at"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    is_chained = False
