"""Whether the books hold: every balance recomputed from its transfers, every sum zero."""

from django.db.models import F, Sum

from apps.ledger.models import Account, Transfer
from engine.money import ZERO


def first_misfit() -> str | None:
    """The first account, transfer or tenant that does not fit, in words; None where all do."""
    return wrong_sum() or overdrawn() or wrong_tenant() or unbalanced_tenant()


def wrong_sum() -> str | None:
    """An account whose sums are not those of its transfers."""
    moved = Transfer.objects.across_tenants().order_by()
    debits = dict(moved.values_list("debit").annotate(Sum("amount")))
    credits_ = dict(moved.values_list("credit").annotate(Sum("amount")))
    accounts = Account.objects.across_tenants().order_by("pk").iterator(chunk_size=5000)
    for account in accounts:
        told = (account.debits, account.credits)
        counted = (debits.get(account.pk, ZERO), credits_.get(account.pk, ZERO))
        if told != counted:
            return (
                f"account {account.pk} ({account}) says debits {told[0]}, credits {told[1]}; "
                f"its transfers say {counted[0]} and {counted[1]}"
            )
    return None


def overdrawn() -> str | None:
    owing = Account.objects.across_tenants().filter(may_owe=False, credits__lt=F("debits"))
    account = owing.order_by("pk").first()
    return account and f"account {account.pk} ({account}) owes {-account.balance}"


def wrong_tenant() -> str | None:
    """A transfer whose accounts are not its own tenant's."""
    strange = (
        Transfer.objects.across_tenants()
        .exclude(debit__tenant=F("tenant"), credit__tenant=F("tenant"))
        .order_by("pk")
        .first()
    )
    return strange and f"transfer {strange.pk} ({strange}) is between two tenants"


def unbalanced_tenant() -> str | None:
    """A tenant whose accounts do not sum to zero; where none is, the whole does, too."""
    sums = (
        Account.objects.across_tenants()
        .order_by("tenant")
        .values_list("tenant")
        .annotate(Sum("debits"), Sum("credits"))
    )
    for tenant, debits, credits_ in sums:
        if debits != credits_:
            return f"tenant {tenant} is out by {credits_ - debits}"
    return None
