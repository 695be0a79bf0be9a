"""The withdrawals desk: each decision on a page of its own that shows what it will move."""

from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.forms import ApproveForm, CompleteForm, RejectForm
from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import row_page, tenant_in_view
from apps.core.errors import DomainError
from apps.ledger.models import Account
from apps.ledger.selectors import accounts_of
from apps.rewards.models import Withdrawal
from apps.rewards.services import approve_withdrawal, complete_withdrawal, reject_withdrawal

K, S = Account.Kind, Withdrawal.Status
# What each step is called, asks for, leads to, and does.
STEPS = {
    "approve": (gettext_lazy("Approve"), ApproveForm, S.APPROVED, approve_withdrawal),
    "reject": (gettext_lazy("Reject"), RejectForm, S.REJECTED, reject_withdrawal),
    "complete": (gettext_lazy("Complete"), CompleteForm, S.COMPLETED, complete_withdrawal),
}


def withdrawal_page(request, withdrawal_id, step):
    """One step of one withdrawal; a double click is refused by the status it has by then."""
    if step not in STEPS:
        raise Http404("no such step")
    if not request.user.has_perm("rewards.decide_withdrawal"):
        raise PermissionDenied
    found = rows(Withdrawal, tenant_in_view(request)).select_related("member", "tenant", "policy")
    withdrawal = get_object_or_404(found, pk=withdrawal_id)
    title, form_class, to, do = STEPS[step]
    form = form_class(request.POST or None)
    if form.is_valid():
        by = request.user.get_username()
        try:
            do(withdrawal=withdrawal, by=by, now=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            field = str(error.context.get("field", ""))
            form.add_error(field if field in form.fields else None, error.message)
        else:
            said = _("%(withdrawal)s is now %(status)s") % {
                "withdrawal": withdrawal,
                "status": withdrawal.get_status_display(),
            }
            messages.success(request, said)
            return redirect(row_page(withdrawal))
    return show(
        request,
        "console/withdrawal.html",
        f"{title}: {withdrawal}",
        withdrawal=withdrawal,
        form=form,
        is_possible=to in Withdrawal.MOVES[withdrawal.status],
        moves=moves(withdrawal, to),
    )


def moves(withdrawal: Withdrawal, to: str) -> list[tuple[str, Decimal, Decimal]]:
    """The accounts that a step touches, each with its balance before and after."""
    member, tenant = withdrawal.member.owner, f"tenant:{withdrawal.tenant_id}"
    added = {
        S.APPROVED: {},
        S.REJECTED: {
            (member, K.HELD): -withdrawal.amount,
            (member, K.REWARD): withdrawal.amount,
        },
        S.COMPLETED: {
            (member, K.HELD): -withdrawal.amount,
            (tenant, K.PAID): withdrawal.payout,
            (tenant, K.FEES): withdrawal.fee,
        },
    }[to]
    accounts = accounts_of([member, tenant], [K.HELD, K.REWARD, K.PAID, K.FEES])
    names = {member: str(withdrawal.member), tenant: str(withdrawal.tenant)}
    return [
        (
            f"{names[owner]} · {accounts[owner, kind].get_kind_display()}",
            accounts[owner, kind].balance,
            accounts[owner, kind].balance + amount,
        )
        for (owner, kind), amount in added.items()
    ]
