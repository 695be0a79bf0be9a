"""A tenant's rules: how profit is charged, shared out and paid, and which keys trade.

Never edited, only followed by the next version, so that whatever was counted by one can be
counted again.
"""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Fact, TenantOwned

SHARE = [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))]


class RateField(models.DecimalField):
    """A share of something: from 0 to 1, to the hundredth of a percent."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("max_digits", 6)
        kwargs.setdefault("decimal_places", 4)
        kwargs.setdefault("validators", SHARE)
        super().__init__(*args, **kwargs)


class Policy(TenantOwned, Fact):
    class Basis(models.TextChoices):
        EACH_CLOSE = "each_close", _("Each profitable close")
        NET_OF_FEES = "net_of_fees", _("Each close, net of trading fees")
        HIGH_WATER = "high_water", _("Above the subscription's high-water mark, net of fees")

    class WithdrawingKeys(models.TextChoices):
        REFUSE = "refuse", _("Refused")
        ASK = "ask", _("Accepted one by one, by a person")
        ALLOW = "allow", _("Taken like any other")

    append_only = True

    version = models.PositiveIntegerField(_("version"))

    # The charge on realised profit.
    charge_basis = models.CharField(
        _("charged on"), max_length=16, choices=Basis, default=Basis.EACH_CLOSE
    )
    charge_rate = RateField(_("charge rate"), default=Decimal("0.30"))
    pauses_on_shortfall = models.BooleanField(_("a shortfall pauses subscriptions"), default=False)

    # The split of a pool: tech and network are shares of the pool, and the platform keeps the
    # rest; direct and peer are shares of the network's budget.
    tech_rate = RateField(_("tech rate"), default=Decimal("0.10"))
    network_rate = RateField(_("network rate"), default=Decimal("0.20"))
    direct_rate = RateField(_("direct rate"), default=Decimal("0.25"))
    peer_rate = RateField(_("peer rate"), default=Decimal("0.10"))
    # What a member must hold for a direct reward, and for any level above S0.
    min_holding = PointsField(_("minimum own holding"), default=Decimal(1000))

    # Withdrawals; a limit of zero is none.
    min_withdrawal = PointsField(_("smallest withdrawal"), default=Decimal(50))
    withdrawal_fee_rate = RateField(_("withdrawal fee rate"), default=Decimal("0.05"))
    daily_withdrawal_amount = PointsField(_("withdrawn a day at most"), default=Decimal(0))
    daily_withdrawal_count = models.PositiveIntegerField(_("withdrawals a day at most"), default=0)
    needs_four_eyes = models.BooleanField(_("completed by another than approved"), default=True)

    # What becomes of an account whose key could take its money away.
    withdrawing_keys = models.CharField(
        _("keys that can withdraw"),
        max_length=8,
        choices=WithdrawingKeys,
        default=WithdrawingKeys.ASK,
    )

    class Meta(TenantOwned.Meta):
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "version"], name="tenants_policy_version"),
            models.CheckConstraint(
                name="tenants_policy_shares_fit",
                condition=Q(tech_rate__lte=1 - models.F("network_rate")),
            ),
        ]

    def __str__(self):
        return f"{self.tenant} v{self.version}"
