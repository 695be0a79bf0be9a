"""Points move between accounts, and only here.

A transfer takes one amount from one account and gives it to one other, so the
books balance by their shape: there is no way to write half a transfer.
"""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Dated, Fact, TenantOwned


class Account(TenantOwned, Dated):
    class Kind(models.TextChoices):
        SELF = "self", _("Point card, self")
        GIFT = "gift", _("Point card, gift")
        REWARD = "reward", _("Reward")
        HELD = "held", _("Held for withdrawal")
        TECH = "tech", _("Tech share")
        RETAINED = "retained", _("Platform share")
        # Clearing accounts: where points come from and where they go.
        ISSUED = "issued", _("Issued")
        SPENT = "spent", _("Gift points spent")
        POOL = "pool", _("Profit pool")
        PAID = "paid", _("Paid out")
        FEES = "fees", _("Withdrawal fees")

    # Whose it is: "tenant:7" or "member:12".
    owner = models.CharField(_("owner"), max_length=40)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    may_owe = models.BooleanField(_("may owe"), default=False)
    debits = PointsField(_("debits"), default=0)
    credits = PointsField(_("credits"), default=0)
    # How many transfers have moved it: each of them has its own number among these.
    moves = models.PositiveBigIntegerField(_("transfers"), default=0)

    class Meta(TenantOwned.Meta):
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["owner", "kind"], name="ledger_account_once"),
            models.CheckConstraint(
                name="ledger_account_may_not_owe",
                condition=Q(may_owe=True) | Q(credits__gte=F("debits")),
            ),
            models.CheckConstraint(
                name="ledger_account_counts_up", condition=Q(debits__gte=0, credits__gte=0)
            ),
        ]

    def __str__(self):
        return f"{self.owner} {self.kind}"

    @property
    def balance(self):
        return self.credits - self.debits


class Transfer(TenantOwned, Fact):
    class Reason(models.TextChoices):
        RECHARGE = "recharge", _("Recharge")
        GIFT = "gift", _("Gift")
        CHARGE = "charge", _("Charge on profit")
        REWARD = "reward", _("Reward")
        CARD_TRANSFER = "card_transfer", _("Card transfer")
        HOLD = "hold", _("Held for a withdrawal")
        RELEASE = "release", _("Given back")
        PAYOUT = "payout", _("Paid out")
        FEE = "fee", _("Withdrawal fee")

    append_only = True

    # The caller's name for this movement: the same key never moves points twice.
    key = models.CharField(_("key"), max_length=100, unique=True)
    debit = models.ForeignKey(
        Account,
        models.PROTECT,
        related_name="debit_transfers",
        db_index=False,
        verbose_name=_("debit"),
    )
    credit = models.ForeignKey(
        Account,
        models.PROTECT,
        related_name="credit_transfers",
        db_index=False,
        verbose_name=_("credit"),
    )
    amount = PointsField(_("amount"))
    reason = models.CharField(_("reason"), max_length=16, choices=Reason)
    # Which movement of each account it was, and the balance that it left: a statement is read,
    # not summed, and a line that is missing shows.
    debit_number = models.PositiveBigIntegerField(_("number, debit"))
    debit_balance = PointsField(_("balance after, debit"))
    credit_number = models.PositiveBigIntegerField(_("number, credit"))
    credit_balance = PointsField(_("balance after, credit"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["debit", "debit_number"], name="ledger_debit_line_once"
            ),
            models.UniqueConstraint(
                fields=["credit", "credit_number"], name="ledger_credit_line_once"
            ),
            models.CheckConstraint(
                name="ledger_transfer_amount_positive", condition=Q(amount__gt=0)
            ),
            models.CheckConstraint(
                name="ledger_transfer_two_accounts", condition=~Q(debit=F("credit"))
            ),
        ]

    def __str__(self):
        return self.key
