"""Browsers that are logged in: each session of the admin stands on a login, and ends with it."""

from django import forms
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.console.pages import show
from apps.core.errors import DomainError
from apps.core.middleware import address_of
from apps.tenants.errors import LockedOut, LoginEnded
from apps.tenants.models import Login
from apps.tenants.services import (
    change_password,
    end_login,
    has_second_factor,
    login_of,
    note_seen,
    refuse_locked,
    start_page_login,
)

LOGIN = "login"


def page_logins(get_response):
    """Note each browser's login, and let nobody go on whose login was ended."""

    def middleware(request):
        is_inside = request.user.is_authenticated and is_in_admin(request)
        request.login = login = hold(request) if is_inside else None
        response = get_response(request)
        if login and not request.user.is_authenticated:
            end_login(login=login, now=timezone.now())
        return response

    return middleware


class LoginForm(AuthenticationForm):
    """The admin's own, which also tells whoever is locked out, and for how long."""

    def clean(self):
        try:
            refuse_locked(
                username=self.cleaned_data.get("username", ""),
                source=address_of(self.request),
                now=timezone.now(),
            )
        except LockedOut as error:
            minutes = -(-error.context["retry_after"] // 60)
            told = ngettext(
                "Too many wrong tries: try again in %(minutes)s minute",
                "Too many wrong tries: try again in %(minutes)s minutes",
                minutes,
            )
            raise forms.ValidationError(told % {"minutes": minutes}, code="locked") from error
        return super().clean()


def is_in_admin(request) -> bool:
    # Below whatever prefix the pages are served.
    return request.path_info.startswith("/admin/")


def hold(request) -> Login | None:
    """The login that this session stands on; a session whose login ended is ended with it."""
    now = timezone.now()
    known = request.session.get(LOGIN)
    if known is None:
        login = start_page_login(
            user=request.user,
            source=address_of(request),
            program=request.headers.get("User-Agent", ""),
            now=now,
        )
        request.session[LOGIN] = login.pk
        return login
    try:
        login = login_of(login_id=known, now=now)
    except LoginEnded:
        logout(request)
        return None
    note_seen(login=login, now=now)
    return login


def logins_page(request):
    """Where one is logged in; each of these can be ended."""
    mine = request.user.logins.filter(ended_at=None, expires_at__gt=timezone.now())
    if request.method == "POST":
        ended = end_chosen(request, mine)
        told = ngettext("%(count)s login was ended", "%(count)s logins were ended", ended)
        messages.success(request, told % {"count": ended})
        return redirect("console:logins")
    return show(
        request,
        "console/logins.html",
        _("My logins"),
        logins=mine,
        this=request.session.get(LOGIN),
        has_second_factor=has_second_factor(request.user),
    )


def end_chosen(request, mine) -> int:
    """End the login that was named, or all but this one."""
    chosen = request.POST.get("login", "")
    others = mine.exclude(pk=request.session.get(LOGIN))
    if chosen.isdigit():
        others = [get_object_or_404(mine, pk=chosen)]
    for login in others:
        end_login(login=login, now=timezone.now(), because="ended by its user")
    return len(others)


def password_field(which: str) -> dict[str, object]:
    attributes = {"autocomplete": f"{which}-password"}
    return {"strip": False, "widget": UnfoldAdminPasswordWidget(attrs=attributes)}


class PasswordForm(forms.Form):
    old_password = forms.CharField(label=gettext_lazy("old password"), **password_field("current"))
    new_password = forms.CharField(label=gettext_lazy("new password"), **password_field("new"))
    again = forms.CharField(label=gettext_lazy("new password, again"), **password_field("new"))

    def clean_again(self):
        if self.cleaned_data["again"] != self.cleaned_data.get("new_password"):
            raise forms.ValidationError(_("the two new passwords differ"))
        return self.cleaned_data["again"]


def password_page(request):
    """Another password of one's own; every other login of one's ends."""
    form = PasswordForm(request.POST or None)
    if form.is_valid():
        try:
            change_password(
                user=request.user,
                old=form.cleaned_data["old_password"],
                new=form.cleaned_data["new_password"],
                keep=request.login,
                source=address_of(request),
                now=timezone.now(),
            )
        except DomainError as error:
            field = error.context.get("field")
            form.add_error(field if field in form.fields else None, error.message)
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, _("Your password was changed; other logins ended"))
            return redirect("admin:index")
    return show(request, "console/password.html", _("Change password"), form=form)
