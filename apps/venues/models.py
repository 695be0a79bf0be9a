"""A venue account is one member's credentials on one venue, bound to one node."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField, PriceField, SealedField
from apps.core.models import Dated, TenantOwned
from apps.members.models import Member
from apps.nodes.models import Node


class Venue(models.TextChoices):
    PAPER = "paper", _("Paper")
    BINANCE = "binance", "Binance"
    OKX = "okx", "OKX"
    GATE = "gate", "Gate"
    HYPERLIQUID = "hyperliquid", "Hyperliquid"
    GRVT = "grvt", "GRVT"


class Instrument(models.Model):
    """One tradable thing on a venue, as the venue describes it."""

    venue = models.CharField(_("venue"), max_length=16, choices=Venue)
    symbol = models.CharField(_("symbol"), max_length=32)
    tick = PriceField(_("tick"))
    step = PriceField(_("step"))
    min_quantity = PriceField(_("minimum quantity"))
    min_notional = PriceField(_("minimum notional"))

    class Meta:
        verbose_name = _("instrument")
        verbose_name_plural = _("instruments")
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="venues_instrument_once"),
        ]

    def __str__(self):
        return f"{self.venue} {self.symbol}"


class VenueAccount(TenantOwned, Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {Status.ACTIVE: {Status.PAUSED}, Status.PAUSED: {Status.ACTIVE}}

    member = models.ForeignKey(
        Member, models.PROTECT, related_name="venue_accounts", verbose_name=_("member")
    )
    venue = models.CharField(_("venue"), max_length=16, choices=Venue)
    label = models.CharField(_("label"), max_length=64, default="futures")
    node = models.ForeignKey(
        Node,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="venue_accounts",
        verbose_name=_("node"),
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    # JSON of api_key, api_secret and passphrase, sealed to this row.
    credentials = SealedField(
        _("credentials"), binding="venue_account:{row.member_id}:{row.venue}:{row.label}"
    )
    key_hint = models.CharField(_("key ends in"), max_length=8, editable=False)
    equity = PointsField(_("equity"), default=0, editable=False)
    equity_at = models.DateTimeField(_("equity seen at"), null=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("venue account")
        verbose_name_plural = _("venue accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "venue", "label"], name="venues_account_once"
            ),
        ]

    def __str__(self):
        return f"{self.venue} …{self.key_hint}"
