"""Traders, who gives them their capital, and what they were worth."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Dated, Fact, TenantOwned
from apps.traders.models.minds import Mind, Template
from apps.venues.models import Venue, VenueAccount

CODE = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]{0,63}\Z", _("lower-case letters, digits, dots, dashes and underscores")
)
PERCENT = [MinValueValidator(0), MaxValueValidator(100)]


class Manager(TenantOwned, Dated):
    """Shares some capital out among traders, and keeps a part of it in reserve."""

    class Strategy(models.TextChoices):
        FIXED = "fixed", _("As told")
        EQUAL = "equal", _("Equal")
        PERFORMANCE = "performance_based", _("By performance")

    name = models.CharField(_("name"), max_length=64)
    total = PointsField(_("capital"))
    reserve_percent = models.DecimalField(
        _("reserve (%)"), max_digits=5, decimal_places=2, default=10, validators=PERCENT
    )
    strategy = models.CharField(
        _("shared out"), max_length=20, choices=Strategy, default=Strategy.FIXED
    )
    interval_seconds = models.PositiveIntegerField(
        _("interval (s)"), default=3600, validators=[MinValueValidator(60)]
    )
    # A trader's share of the capital, and how far it moves at once.
    least_percent = models.DecimalField(
        _("least share (%)"), max_digits=5, decimal_places=2, default=5, validators=PERCENT
    )
    most_percent = models.DecimalField(
        _("largest share (%)"), max_digits=5, decimal_places=2, default=60, validators=PERCENT
    )
    step_percent = models.DecimalField(
        _("largest step (%)"), max_digits=5, decimal_places=2, default=10, validators=PERCENT
    )
    # Fewer closed trades say nothing of a trader.
    least_trades = models.PositiveIntegerField(_("trades that count"), default=10)
    is_active = models.BooleanField(_("shares out"), default=True)
    next_at = models.DateTimeField(_("next at"), null=True, editable=False, db_index=True)
    # Why the last time came to nothing.
    problem = models.CharField(_("problem"), max_length=500, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("manager of traders")
        verbose_name_plural = _("managers of traders")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="traders_manager_once"),
            models.CheckConstraint(
                name="traders_manager_bounds",
                condition=Q(least_percent__lte=models.F("most_percent")),
            ),
        ]

    def __str__(self):
        return self.name


class Trader(TenantOwned, Dated):
    """Who decides on which symbols, by which models and prompt, within which limits."""

    class Status(models.TextChoices):
        STOPPED = "stopped", _("Stopped")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        ERROR = "error", _("Error")  # a person has to look

    S = Status
    MOVES = {
        S.STOPPED: {S.RUNNING},
        S.RUNNING: {S.PAUSED, S.STOPPED, S.ERROR},
        S.PAUSED: {S.RUNNING, S.STOPPED, S.ERROR},
        S.ERROR: {S.STOPPED, S.RUNNING},
    }

    class Style(models.TextChoices):
        MARKET = "market", _("At the market")
        LIMIT = "limit", _("Limit, what is left taken away")

    class Counsel(models.TextChoices):
        IN_TURN = "in_turn", _("The first that answers")
        VOTE = "vote", _("Most of them")
        JUDGE = "judge", _("The last judges what the others say")

    # What it is called outside, as `model_id` too.
    code = models.CharField(_("code"), max_length=64, unique=True, validators=[CODE])
    name = models.CharField(_("name"), max_length=100)
    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="traders", verbose_name=_("venue account")
    )
    # Where its candles come from.
    market = models.CharField(_("market"), max_length=16, choices=Venue, default=Venue.PAPER)
    symbols = models.JSONField(_("symbols"), default=list)
    timeframes = models.JSONField(_("timeframes"), default=list)
    template = models.ForeignKey(
        Template, models.PROTECT, related_name="traders", verbose_name=_("prompt template")
    )
    counsel = models.CharField(
        _("who decides"), max_length=8, choices=Counsel, default=Counsel.IN_TURN
    )
    # Each as `engine.deciding` describes it.
    limits = models.JSONField(_("limits"), default=dict, blank=True)
    budget = models.JSONField(_("budget"), default=dict, blank=True)
    patience = models.JSONField(_("patience"), default=dict, blank=True)
    interval_seconds = models.PositiveIntegerField(
        _("interval (s)"),
        default=180,
        validators=[MinValueValidator(5), MaxValueValidator(604_800)],
    )
    style = models.CharField(_("orders"), max_length=8, choices=Style, default=Style.MARKET)
    slippage_bps = models.PositiveIntegerField(
        _("slippage (bps)"), default=20, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    # What it was given; beyond it, everything is profit or loss.
    capital = PointsField(_("capital"))
    manager = models.ForeignKey(
        Manager,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="traders",
        verbose_name=_("manager"),
    )
    share_percent = models.DecimalField(
        _("share (%)"), max_digits=5, decimal_places=2, default=0, validators=PERCENT
    )
    # Below this Sharpe of its steps it pauses for a while; null: never.
    sharpe_floor = models.FloatField(_("Sharpe floor"), null=True, blank=True)
    sharpe_pause_seconds = models.PositiveIntegerField(_("Sharpe pause (s)"), default=1080)
    # Lost since its best; 0: never too much.
    drawdown_percent = models.DecimalField(
        _("drawdown limit (%)"), max_digits=5, decimal_places=2, default=0, validators=PERCENT
    )
    failure_percent = models.DecimalField(
        _("failures limit (%)"), max_digits=5, decimal_places=2, default=10, validators=PERCENT
    )
    failure_window = models.PositiveIntegerField(
        _("decisions looked at"), default=50, validators=[MinValueValidator(1)]
    )
    failure_least = models.PositiveIntegerField(
        _("decisions that count"), default=20, validators=[MinValueValidator(1)]
    )
    auto_start = models.BooleanField(_("starts by itself"), default=False)
    is_shadow = models.BooleanField(_("in the shadow"), default=False)
    is_public = models.BooleanField(_("public"), default=False)

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.STOPPED)
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    # Why it was passed over the last time that it was due; "" where it was not.
    skipped_because = models.CharField(
        _("passed over because"), max_length=200, blank=True, editable=False
    )
    skipped = models.PositiveIntegerField(_("passed over"), default=0, editable=False)
    began_at = models.DateTimeField(_("began at"), null=True, editable=False)
    next_at = models.DateTimeField(_("next at"), null=True, editable=False, db_index=True)
    pause_until = models.DateTimeField(_("rests until"), null=True, editable=False)
    # Decisions before this number do not count as failures: a person has looked at them.
    counted_from = models.PositiveIntegerField(default=0, editable=False)
    decided = models.PositiveIntegerField(_("decisions"), default=0, editable=False)
    best_equity = PointsField(_("best equity"), null=True, editable=False)
    # Who works on it now, and until when nobody else does.
    lease = models.CharField(max_length=64, blank=True, editable=False)
    leased_until = models.DateTimeField(_("taken until"), null=True, editable=False)
    # The end of its journal.
    head_number = models.PositiveBigIntegerField(default=0, editable=False)
    head_hash = models.CharField(max_length=64, default="0" * 64, editable=False)
    # Of each of its models, how it stands.
    standings = models.JSONField(default=dict, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("AI trader")
        verbose_name_plural = _("AI traders")
        indexes = [models.Index(fields=["status", "next_at"], name="traders_due")]

    def __str__(self):
        return self.name


class Seat(TenantOwned, Dated):
    """A model's place among those that a trader asks."""

    trader = models.ForeignKey(
        Trader, models.CASCADE, related_name="seats", verbose_name=_("AI trader")
    )
    mind = models.ForeignKey(
        Mind, models.PROTECT, related_name="seats", verbose_name=_("language model")
    )
    place = models.PositiveSmallIntegerField(_("place"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("seat of a model")
        verbose_name_plural = _("seats of models")
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["trader", "place"], name="traders_seat_place_once"),
            models.UniqueConstraint(fields=["trader", "mind"], name="traders_seat_mind_once"),
        ]

    def __str__(self):
        return f"{self.trader} · {self.place} {self.mind}"


class Allocation(TenantOwned, Fact):
    """A change of a trader's capital by its manager, with what it followed from."""

    append_only = True

    manager = models.ForeignKey(
        Manager, models.PROTECT, related_name="allocations", verbose_name=_("manager")
    )
    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="allocations", verbose_name=_("AI trader")
    )
    capital_before = PointsField(_("capital before"))
    capital_after = PointsField(_("capital after"))
    share_before = models.DecimalField(_("share before (%)"), max_digits=5, decimal_places=2)
    share_after = models.DecimalField(_("share after (%)"), max_digits=5, decimal_places=2)
    inputs = models.JSONField(_("inputs"), default=dict)

    class Meta(TenantOwned.Meta):
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.trader} {self.share_after}"


class Sample(TenantOwned, Dated):
    """What a trader was worth at one minute."""

    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="samples", verbose_name=_("AI trader")
    )
    at = models.DateTimeField(_("at"))
    capital = PointsField(_("capital"))
    equity = PointsField(_("equity"))
    realised = PointsField(_("realised"))
    unrealised = PointsField(_("unrealised"))
    # Whole hours and minutes since it began.
    hour = models.PositiveIntegerField(_("hour"))
    minute = models.PositiveIntegerField(_("minute"))
    # What it held, by symbol, as `selectors.holdings` tells it.
    positions = models.JSONField(_("positions"), default=dict)

    class Meta(TenantOwned.Meta):
        verbose_name = _("sample of a trader")
        verbose_name_plural = _("samples of traders")
        ordering = ["-id"]
        indexes = [models.Index(fields=["trader", "hour"], name="traders_sample_hour")]
        constraints = [
            models.UniqueConstraint(fields=["trader", "minute"], name="traders_sample_once"),
        ]

    def __str__(self):
        return f"{self.trader} {self.at:%Y-%m-%d %H:%M}"
