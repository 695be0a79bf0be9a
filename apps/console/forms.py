"""The form behind a recharge."""

import secrets

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from apps.ledger.models import Account


class RechargeForm(forms.Form):
    """How much of which kind; the key makes a double click move it once."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=60)
    kind = forms.ChoiceField(
        label=_("kind"),
        choices=[(kind.value, kind.label) for kind in (Account.Kind.SELF, Account.Kind.GIFT)],
        widget=UnfoldAdminSelectWidget,
    )
    amount = forms.DecimalField(label=_("amount"), widget=UnfoldAdminDecimalFieldWidget)

    @classmethod
    def fresh(cls) -> "RechargeForm":
        return cls(initial={"key": f"admin:{secrets.token_hex(16)}"})
