"""The second step of the admin's login: nobody goes on without it who has, or must have, one."""

import segno
from django import forms
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.console.logins import is_in_admin, password_field
from apps.console.pages import show
from apps.core.errors import DomainError
from apps.core.middleware import address_of
from apps.tenants import services

PASSED = "second_factor_passed"


def second_factor(get_response):
    """Lead who has not shown their second factor yet to where they do."""

    def middleware(request):
        if is_in_admin(request) and is_missing(request):
            here, out = reverse("console:second-factor"), reverse("admin:logout")
            if request.path not in (here, out):
                return redirect(here)
        return get_response(request)

    return middleware


def is_missing(request) -> bool:
    user = request.user
    if not user.is_authenticated or request.session.get(PASSED) == user.pk:
        return False
    return services.has_second_factor(user) or services.needs_second_factor(user)


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("code"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
    )


def second_factor_page(request):
    """Show the code, or, for who has no second factor yet, set one up."""
    user, form = request.user, CodeForm(request.POST or None)
    is_new = not services.has_second_factor(user)
    if form.is_valid():
        try:
            words = pass_with(request, form.cleaned_data["code"], is_new=is_new)
        except DomainError as error:
            form.add_error("code", error.message)
        else:
            request.session.cycle_key()
            request.session[PASSED] = user.pk
            if not words:
                return redirect("admin:index")
            title = _("Recovery codes")
            return show(request, "console/recovery_codes.html", title, words=words)
    picture, secret = "", ""
    if is_new:
        address = services.begin_second_factor(user=user)
        secret = address.partition("secret=")[2].partition("&")[0]
        # Made by the library of an address of ours; it holds no text of anybody's.
        picture = mark_safe(segno.make(address).svg_inline(scale=5, light="white"))  # noqa: S308
    return show(
        request,
        "console/second_factor.html",
        _("Second factor"),
        form=form,
        is_new=is_new,
        picture=picture,
        secret=secret,
    )


def pass_with(request, code: str, *, is_new: bool) -> list[str]:
    """Take a code, or refuse it; the recovery codes of who set up a second factor by it."""
    user, now = request.user, timezone.now()
    if is_new:
        return services.confirm_second_factor(user=user, code=code, now=now)
    services.show_second_factor(user=user, code=code, source=address_of(request), now=now)
    messages.success(request, _("Welcome back"))
    return []


class RemovalForm(CodeForm):
    password = forms.CharField(label=gettext_lazy("password"), **password_field("current"))


def remove_page(request):
    """Go without one's second factor, where one's role may."""
    form = RemovalForm(request.POST or None)
    if form.is_valid():
        try:
            services.remove_second_factor(
                user=request.user,
                password=form.cleaned_data["password"],
                code=form.cleaned_data["code"],
                source=address_of(request),
                now=timezone.now(),
            )
        except DomainError as error:
            field = "password" if error.context.get("field") == "password" else "code"
            form.add_error(field, error.message)
        else:
            messages.success(request, _("You log in without a second factor from now on"))
            return redirect("admin:index")
    title = _("Remove the second factor")
    return show(request, "console/remove_second_factor.html", title, form=form)
