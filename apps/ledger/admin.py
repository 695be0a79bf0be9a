"""The books: to be read and exported, and moved only by services."""

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import FactAdmin, may_see, page_link, plain
from apps.ledger.models import Account, Transfer

# The pages of those who own accounts, by the first word of the owner's name.
OWNERS = {"tenant": "tenants_tenant", "member": "members_member"}


def owner_column(*, linked: set[str]):
    @display(description=_("Owner"), ordering="owner")
    def column(account):
        kind, _colon, key = account.owner.partition(":")
        if kind not in linked:
            return account.owner
        return page_link(f"admin:{OWNERS[kind]}_change", key, account.owner)

    return column


@admin.register(Account)
class AccountAdmin(FactAdmin):
    list_display = [
        *("owner", "kind", "tenant", "balance_column", "debits", "credits", "statement_column")
    ]
    list_filter = ["kind", "tenant"]
    search_fields = ["^owner"]
    ordering = ["owner", "kind"]
    is_chained = False
    leads_to = [
        (_("Out"), "ledger_transfer", "debit__id__exact"),
        (_("In"), "ledger_transfer", "credit__id__exact"),
    ]

    def _column(self, name, request):
        if name == "owner":
            linked = {
                kind
                for kind, page in OWNERS.items()
                if may_see(request, apps.get_model(*page.split("_", 1)))
            }
            return owner_column(linked=linked)
        return super()._column(name, request)

    @display(description=_("Statement"))
    def statement_column(self, account):
        return page_link("console:statement", account.pk, _("Statement"))

    @display(description=_("Balance"))
    def balance_column(self, account):
        return plain(account.balance)


@admin.register(Transfer)
class TransferAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "debit", "credit", "amount", "reason", "key"]
    list_filter = ["reason", "debit__kind", "credit__kind", "created_at", "tenant"]
    search_fields = ["^key"]
    found_by = ["id", "key__iexact"]
    leads_to = [(_("Rewards"), "rewards_reward", "transfer__id__exact")]
