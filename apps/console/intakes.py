"""An intake's page: its address, what a chart is to send, a rehearsal, and what came last."""

import json

from django import forms
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.console.pages import show
from apps.core.admin import may_see
from apps.core.errors import DomainError
from apps.intake.models import Intake
from apps.intake.services import rehearse

LAST = 20
# What TradingView puts in its own words into: a strategy's position, and the one before.
BY_POSITION = {
    "secret": "…",
    "id": "{{strategy.order.id}} {{timenow}}",
    "time": "{{timenow}}",
    "symbol": "{{ticker}}",
    "position": "{{strategy.market_position}}",
    "was": "{{strategy.prev_market_position}}",
    "price": "{{close}}",
}
BY_ACTION = {
    "secret": "…",
    "time": "{{timenow}}",
    "symbol": "{{ticker}}",
    "action": "open",
    "direction": "long",
    "price": "{{close}}",
}


class TryForm(forms.Form):
    body = forms.CharField(label=_("alert"), strip=False, widget=UnfoldAdminTextareaWidget)


def intake_page(request, intake_id):
    if not may_see(request, Intake) or not request.user.has_perm("intake.view_intake"):
        raise PermissionDenied
    intake = get_object_or_404(Intake.objects.select_related("strategy"), pk=intake_id)
    form = TryForm(request.POST or None)
    tried = None
    if form.is_valid():
        try:
            body = form.cleaned_data["body"].encode()
            tried = rehearse(intake=intake, body=body, now=timezone.now())
        except DomainError as error:
            form.add_error("body", error.message)
    return show(
        request,
        "console/intake.html",
        f"{_('Alert intake')}: {intake}",
        intake=intake,
        # Whoever may only look learns no address that takes orders.
        address=request.build_absolute_uri(reverse("intake", args=[intake.token]))
        if request.user.has_perm("intake.change_intake")
        else "",
        messages_for_charts=[
            (_("Of a strategy's script: what it holds, and what it held"), written(BY_POSITION)),
            (_("Of a plain alert: one action"), written(BY_ACTION)),
        ],
        form=form,
        tried=tried,
        last=intake.incoming.select_related("closed__strategy", "opened__strategy")[:LAST],
    )


def written(fields):
    return json.dumps(fields, indent=2, ensure_ascii=False)
