"""Strategies of the platform, the tenants' instances of them, and who follows those."""

from decimal import Decimal
from functools import reduce
from operator import or_

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField, PriceField
from apps.core.models import Dated, TenantOwned
from apps.members.models import Member
from apps.tenants.models import Tenant
from apps.venues.models import Venue, VenueAccount
from engine.candle import TIMEFRAMES

# From the margin of a trade's notional to the whole of it, as venues allow at most.
LEVERAGE = [MinValueValidator(1), MaxValueValidator(125)]
FOLLOWED = ("tenant_strategy", "leader_account", "leader_trader")
ONE_IS_FOLLOWED = reduce(
    or_, (Q(**{f"{name}__isnull": name != one for name in FOLLOWED}) for one in FOLLOWED)
)
RISK_MODES = [(1, _("Careful")), (2, _("Balanced")), (3, _("Bold"))]


class Strategy(Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {Status.ACTIVE: {Status.PAUSED}, Status.PAUSED: {Status.ACTIVE}}

    code = models.SlugField(_("code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    # The strategy of the engine's library that decides, and its parameters; without one it only
    # does what it is told from outside.
    rule = models.CharField(_("rule"), max_length=64, blank=True)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    # Where its candles come from, and what it watches.
    venue = models.CharField(_("venue"), max_length=16, choices=Venue, default=Venue.PAPER)
    symbols = models.JSONField(_("symbols"), default=list)
    timeframe = models.CharField(
        _("timeframe"), max_length=4, choices=[(name, name) for name in TIMEFRAMES]
    )
    min_confidence = models.PositiveSmallIntegerField(
        _("minimum confidence"), default=50, validators=[MaxValueValidator(100)]
    )
    cooldown_seconds = models.PositiveIntegerField(_("cool-down (s)"), default=0)
    # A version with parameters of one tenant's own, which no other may offer.
    made_for = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("made for"),
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta:
        verbose_name = _("strategy")
        verbose_name_plural = _("strategies")

    def __str__(self):
        return self.name


class Watch(models.Model):
    """How far one strategy has looked at one symbol: no bar is decided twice."""

    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="watches")
    symbol = models.CharField(_("symbol"), max_length=32)
    bar_at = models.DateTimeField(_("bar"), null=True)
    # Why the last look came to nothing, where it should have come to something.
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("watch")
        verbose_name_plural = _("watches")
        constraints = [
            models.UniqueConstraint(fields=["strategy", "symbol"], name="strategies_watch_once"),
        ]

    def __str__(self):
        return f"{self.strategy} {self.symbol}"


class TenantStrategy(TenantOwned, Dated):
    """A tenant's instance: what it offers its members, and the defaults they start from."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {Status.ACTIVE: {Status.PAUSED}, Status.PAUSED: {Status.ACTIVE}}

    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="tenant_strategies", verbose_name=_("strategy")
    )
    display_name = models.CharField(_("display name"), max_length=100, blank=True)
    description = models.TextField(_("description"), blank=True)
    # What a subscription starts with where it names nothing.
    capital = PointsField(_("capital"), default=Decimal(1000))
    leverage = models.PositiveSmallIntegerField(_("leverage"), default=20, validators=LEVERAGE)
    risk_mode = models.PositiveSmallIntegerField(_("risk mode"), default=1, choices=RISK_MODES)
    # What it must be given at least.
    min_capital = PointsField(_("minimum capital"), default=Decimal(200))
    sort_order = models.PositiveSmallIntegerField(_("place in lists"), default=0)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta(TenantOwned.Meta):
        verbose_name = _("tenant strategy")
        verbose_name_plural = _("tenant strategies")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "strategy"], name="strategies_one_instance_per_tenant"
            ),
        ]

    def __str__(self):
        return self.display_name or str(self.strategy)


class Subscription(TenantOwned, Dated):
    """A venue account following a tenant strategy, another account or an AI trader."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        # By the platform, until the member's point cards are topped up.
        PAUSED = "paused", _("Paused")
        STOPPED = "stopped", _("Stopped")

    class Mode(models.TextChoices):
        # Nothing more is opened after the first order that was filled.
        ONCE = "once", _("Once")
        LOOP = "loop", _("Every signal")

    class Measure(models.TextChoices):
        """How much of what its leader opens a copying subscription opens."""

        RATIO = "ratio", _("So many times the leader's quantity")
        AMOUNT = "amount", _("Worth a fixed amount (USDT)")
        QUANTITY = "quantity", _("A fixed quantity")

    MOVES = {
        Status.ACTIVE: {Status.PAUSED, Status.STOPPED},
        Status.PAUSED: {Status.ACTIVE, Status.STOPPED},
        Status.STOPPED: {Status.ACTIVE},
    }

    tenant_strategy = models.ForeignKey(
        TenantStrategy,
        models.PROTECT,
        null=True,
        related_name="subscriptions",
        verbose_name=_("tenant strategy"),
    )
    # Of these three one is followed.
    leader_account = models.ForeignKey(
        VenueAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="copied_by",
        verbose_name=_("copied account"),
    )
    leader_trader = models.ForeignKey(
        "traders.Trader",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="copied_by",
        verbose_name=_("copied AI trader"),
    )
    measure = models.CharField(_("copies"), max_length=16, choices=Measure, blank=True)
    measured = PriceField(_("ratio, amount or quantity"), null=True)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="subscriptions", verbose_name=_("member")
    )
    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="subscriptions", verbose_name=_("venue account")
    )
    capital = PointsField(_("capital"))
    leverage = models.PositiveSmallIntegerField(_("leverage"), default=20, validators=LEVERAGE)
    risk_mode = models.PositiveSmallIntegerField(_("risk mode"), default=1, choices=RISK_MODES)
    mode = models.CharField(_("trades"), max_length=8, choices=Mode, default=Mode.LOOP)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta(TenantOwned.Meta):
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=["venue_account", "tenant_strategy"], name="strategies_subscribed_once"
            ),
            models.UniqueConstraint(
                fields=["venue_account", "leader_account"], name="strategies_account_copied_once"
            ),
            models.UniqueConstraint(
                fields=["venue_account", "leader_trader"], name="strategies_trader_copied_once"
            ),
            models.CheckConstraint(name="strategies_capital_positive", condition=Q(capital__gt=0)),
            models.CheckConstraint(name="strategies_one_is_followed", condition=ONE_IS_FOLLOWED),
        ]

    def __str__(self):
        return f"{self.member} · {self.followed}"

    @property
    def followed(self):
        return self.tenant_strategy or self.leader_account or self.leader_trader
