"""What a venue account holds, folded from its fills; and what each close realised."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField, PriceField
from apps.core.models import Fact, TenantOwned
from apps.strategies.models import Subscription
from apps.venues.models import VenueAccount
from engine.signal import Direction


class Position(TenantOwned, Fact):
    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="positions", verbose_name=_("venue account")
    )
    # Whose order opened it, and so whose closing signal may close it.
    subscription = models.ForeignKey(
        Subscription,
        models.PROTECT,
        null=True,
        related_name="positions",
        verbose_name=_("subscription"),
    )
    # Of an AI trader's only that trader closes it.
    trader = models.ForeignKey(
        "traders.Trader",
        models.PROTECT,
        null=True,
        related_name="positions",
        verbose_name=_("AI trader"),
    )
    symbol = models.CharField(_("symbol"), max_length=32)
    direction = models.CharField(
        _("direction"),
        max_length=8,
        choices=[(Direction.LONG.value, _("Long")), (Direction.SHORT.value, _("Short"))],
    )
    quantity = PriceField(_("quantity"), default=0)
    entry_price = PriceField(_("entry price"), default=0)
    realized = PriceField(_("realised profit"), default=0)
    fees = PriceField(_("fees"), default=0)
    # Of those, what was paid at entry for the quantity still held.
    entry_fees = PriceField(_("entry fees"), default=0)
    # Received for holding it, or paid; and of that, what is not yet part of a close.
    funding = PriceField(_("funding"), default=0)
    funding_left = PriceField(_("funding not yet in a close"), default=0)
    # While its stop and target are wanted, and could not be set at the venue.
    unprotected_because = models.CharField(_("unprotected because"), max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OPEN)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    # "account:symbol:direction" while open and null afterwards: one open position of a kind.
    open_key = models.CharField(max_length=80, null=True, unique=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        ordering = ["-id"]
        # Few of many are open.
        indexes = [models.Index(fields=["status"], name="positions_position_status")]

    def __str__(self):
        return f"{self.symbol} {self.direction}"


class Close(TenantOwned, Fact):
    """One closing fill and the profit it realised: what a charge is taken on."""

    class Status(models.TextChoices):
        UNSETTLED = "unsettled", _("Unsettled")
        SETTLED = "settled", _("Settled")
        FAILED = "failed", _("Failed")

    MOVES = {
        Status.UNSETTLED: {Status.SETTLED, Status.FAILED},
        Status.FAILED: {Status.SETTLED, Status.FAILED},
        Status.SETTLED: set(),
    }

    # The fill that closed: the same fill never realises twice. What of it closed only when an
    # earlier opening fill was told late has a close of its own, "fill@opening fill".
    fill_key = models.CharField(_("fill"), max_length=160, unique=True)
    position = models.ForeignKey(
        Position, models.PROTECT, related_name="closes", verbose_name=_("position")
    )
    profit = PointsField(_("profit"))
    fee = PointsField(_("fee"))
    # The share of the fees paid at entry that belongs to what was closed.
    entry_fee = PointsField(_("entry fee"), default=0)
    # The share of the funding until then.
    funding = PointsField(_("funding"), default=0)
    status = models.CharField(
        _("status"), max_length=16, choices=Status, default=Status.UNSETTLED, db_index=True
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    failed_because = models.CharField(_("failed because"), max_length=500, blank=True)
    # When a sweep takes it up again; null until one has, or a try has failed.
    next_at = models.DateTimeField(_("next at"), null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("close")
        verbose_name_plural = _("closes")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.position} {self.profit.normalize():f}"

    @property
    def net(self):
        """The profit without what the venue took: at entry, at exit, and for holding it."""
        return self.profit - self.fee - self.entry_fee + self.funding
