"""Browsers that are logged in: each session of the admin stands on a login, and ends with it."""

from django.contrib import messages
from django.contrib.auth import logout
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.console.pages import show
from apps.core.middleware import address_of
from apps.tenants.errors import LoginEnded
from apps.tenants.models import Login
from apps.tenants.services import end_login, login_of, note_seen, start_page_login

LOGIN = "login"


def page_logins(get_response):
    """Note each browser's login, and let nobody go on whose login was ended."""

    def middleware(request):
        is_inside = request.user.is_authenticated and request.path.startswith("/admin/")
        login = hold(request) if is_inside else None
        response = get_response(request)
        if login and not request.user.is_authenticated:
            end_login(login=login, now=timezone.now())
        return response

    return middleware


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
        messages.success(request, _("%(count)s logins were ended") % {"count": ended})
        return redirect("console:logins")
    return show(
        request,
        "console/logins.html",
        _("My logins"),
        logins=mine,
        this=request.session.get(LOGIN),
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
