"""One day's count of one kind, of a tenant or of everybody."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField


class Tally(models.Model):
    class What(models.TextChoices):
        MOVED = "moved", _("Points moved")  # by the kinds of the two accounts: "pool>reward"
        SHORTFALL = "shortfall", _("Not covered")
        PROFIT = "profit", _("Net profit")  # of closes, by strategy; "" is all of them together
        SHARED = "shared", _("Rewards")  # by kind
        ORDERS = "orders", _("Orders")  # by status
        REFUSED = "refused", _("Refusals")  # of tickets, by the rule that said no
        # How it stood when the day was last counted: it is of no rows that are kept.
        EQUITY = "equity", _("Equity")
        DRIFT = "drift", _("Drifting accounts")

    # UTC's.
    day = models.DateField(_("day"))
    # Null is everybody.
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("tenant"),
    )
    what = models.CharField(_("what"), max_length=16, choices=What)
    which = models.CharField(_("which"), max_length=32, blank=True)
    count = models.PositiveBigIntegerField(_("count"))
    amount = PointsField(_("amount"), default=0)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        ordering = ["-day", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "what", "which", "day"], name="tallies_tally_once"
            ),
        ]
        indexes = [models.Index(fields=["what", "day"], name="tallies_what_day")]

    def __str__(self):
        return f"{self.day} {self.what} {self.which}".strip()


class Reach(models.Model):
    """How far has been counted: one row, locked by whoever counts."""

    until = models.DateTimeField(_("counted until"), null=True)

    class Meta:
        verbose_name = _("reach of the tallies")
        verbose_name_plural = _("reaches of the tallies")

    def __str__(self):
        return str(self.until)
