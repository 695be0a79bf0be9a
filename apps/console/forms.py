"""The forms behind what moves points."""

import secrets
from typing import Self

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.ledger.models import Account, Transfer


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
    def fresh(cls) -> Self:
        return cls(initial={"key": f"admin:{secrets.token_hex(16)}"})


class TransferForm(RechargeForm):
    """And to whom."""

    receiver = forms.EmailField(
        label=_("e-mail of the receiver"), widget=UnfoldAdminEmailInputWidget
    )
    field_order = ["key", "receiver", "kind", "amount"]


class ApproveForm(forms.Form):
    """Nothing but the confirmation."""

    confirmed = forms.CharField(widget=forms.HiddenInput, initial="yes")

    def clean(self):
        return {}


class RejectForm(forms.Form):
    because = forms.CharField(label=_("reason"), max_length=255, widget=UnfoldAdminTextInputWidget)


class CompleteForm(forms.Form):
    tx_hash = forms.CharField(
        label=_("transaction hash"), max_length=128, widget=UnfoldAdminTextInputWidget
    )


class ArrivedForm(forms.Form):
    venue_order_id = forms.CharField(
        label=_("venue order id"), max_length=64, widget=UnfoldAdminTextInputWidget
    )


class NeverArrivedForm(forms.Form):
    reason = forms.CharField(label=_("reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class MomentInput(forms.DateTimeInput):
    """The browser's own picker, in the admin's clothes."""

    input_type = "datetime-local"

    def __init__(self):
        classes = " ".join(UnfoldAdminTextInputWidget().attrs["class"].split())
        super().__init__(attrs={"class": classes, "step": "1"}, format="%Y-%m-%dT%H:%M:%S")


class StatementForm(forms.Form):
    """Which lines of an account: up to a moment, of one reason, below a number."""

    at = forms.DateTimeField(label=_("as of"), required=False, widget=MomentInput)
    reason = forms.ChoiceField(
        label=_("reason"),
        choices=[("", _("every reason")), *Transfer.Reason.choices],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    before = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
