"""The books: to be read and exported, and moved only by services."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin, plain
from apps.ledger.models import Account, Transfer


@admin.register(Account)
class AccountAdmin(FactAdmin):
    list_display = ["owner", "kind", "tenant", "balance_column", "debits", "credits"]
    list_filter = ["kind", "tenant"]
    search_fields = ["owner"]
    ordering = ["owner", "kind"]
    is_chained = False
    leads_to = [
        (_("Out"), "ledger_transfer", "debit__id__exact"),
        (_("In"), "ledger_transfer", "credit__id__exact"),
    ]

    @display(description=_("Balance"))
    def balance_column(self, account):
        return plain(account.balance)


@admin.register(Transfer)
class TransferAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "debit", "credit", "amount", "reason", "key"]
    list_filter = ["reason", "created_at", "tenant"]
    search_fields = ["key", "debit__owner", "credit__owner"]
