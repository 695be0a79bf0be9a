"""An account's statement: each movement and the balance it left, as of any moment, in files too."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.console.forms import StatementForm
from apps.console.pages import show
from apps.console.selectors import rows
from apps.core.admin import tenant_in_view
from apps.core.exports import csv_response, xlsx_response
from apps.ledger.models import Account
from apps.ledger.selectors import balance_at, number_at, statement, whole_statement

A_PAGE = 50
FILES = {"csv": csv_response, "xlsx": xlsx_response}
COLUMNS = {
    "number": "number",
    "at": "at",
    "transfer": "transfer.pk",
    "key": "transfer.key",
    "reason": "reason",
    "other account": "other",
    "amount": "amount",
    "balance": "balance",
}


def statement_page(request, account_id):
    if not request.user.has_perm("ledger.view_account"):
        raise PermissionDenied
    accounts = rows(Account, tenant_in_view(request)).select_related("tenant")
    account = get_object_or_404(accounts, pk=account_id)
    form = StatementForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    moment = asked.get("at")
    upto = number_at(account, moment) + 1 if moment else account.moves + 1
    picked = {"before": upto, "reason": asked.get("reason") or None}
    file = FILES.get(request.GET.get("file", ""))
    # What was asked in a way that cannot be read is told on the page, not left out of a file.
    if file and form.is_valid():
        name = f"statement-{account.owner.replace(':', '-')}-{account.kind}"
        return file(whole_statement(account, **picked), COLUMNS, name=name)
    before = min(asked.get("before") or upto, upto)
    lines = statement(account, **picked | {"before": before, "limit": A_PAGE + 1})
    shown = lines[:A_PAGE]
    return show(
        request,
        "console/statement.html",
        f"{_('Statement')}: {account}",
        account=account,
        form=form,
        moment=moment or timezone.now(),
        balance=balance_at(account, moment) if moment else account.balance,
        lines=shown,
        further=address_of(request, before=shown[-1].number) if len(lines) > A_PAGE else None,
        files={kind: address_of(request, file=kind) for kind in FILES},
    )


def address_of(request, **changes: object) -> str:
    """This page's own address with something else asked for."""
    asked = request.GET.copy()
    asked.pop("before", None)
    for name, value in changes.items():
        asked[name] = str(value)
    return f"?{asked.urlencode()}"
