"""Runs of backtests and of searches for parameters, what they tried, and what they left behind."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated, Fact, TenantOwned
from apps.venues.models import Venue
from engine.candle import TIMEFRAMES


class Run(TenantOwned, Fact):
    class Kind(models.TextChoices):
        BACKTEST = "backtest", _("Backtest")
        OPTIMISATION = "optimisation", _("Optimisation")
        WALK_FORWARD = "walk_forward", _("Walk-forward")

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")

    MOVES = {
        # Back in the queue: its worker died, and another takes it up.
        Status.QUEUED: {Status.RUNNING, Status.STOPPED},
        Status.RUNNING: {Status.DONE, Status.FAILED, Status.STOPPED, Status.QUEUED},
        Status.FAILED: {Status.QUEUED},
        Status.STOPPED: {Status.QUEUED},
    }

    # None is the platform's own.
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("tenant"),
    )
    asked_by = models.CharField(_("asked by"), max_length=100)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    rule = models.CharField(_("rule"), max_length=64)
    # Of a search: what stays as it is while the space is searched.
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    # Where each parameter is sought, and how: `engine.optimise`.
    space = models.JSONField(_("space"), default=dict, blank=True)
    search = models.JSONField(_("search"), default=dict, blank=True)
    # Cash, costs, margin and sizing: `terms.py`.
    terms = models.JSONField(_("terms"), default=dict, blank=True)
    venue = models.CharField(_("venue"), max_length=16, choices=Venue)
    symbols = models.JSONField(_("symbols"), default=list)
    timeframe = models.CharField(
        _("timeframe"), max_length=4, choices=[(name, name) for name in TIMEFRAMES]
    )
    # The first bar opens at `from_at` or after it, the last one before `until_at`.
    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"))
    # Of the candles: the same run on the same candles comes to the same figures.
    digest = models.CharField(_("digest of the candles"), max_length=64, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.QUEUED)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("in all"), default=0)
    figures = models.JSONField(_("figures"), default=dict, blank=True)
    # Of a search: the best it found, and how that is judged.
    findings = models.JSONField(_("findings"), default=dict, blank=True)
    # Why it failed.
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    # Who works on it: whoever else still does is too late, and writes nothing.
    worker = models.CharField(_("worker"), max_length=100, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # When its worker last told of it; while it waits, when a worker was last told of it.
    alive_at = models.DateTimeField(_("alive at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    # Its report is not dropped when it is old; what is used is kept.
    is_kept = models.BooleanField(_("kept"), default=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes = [models.Index(fields=["status", "alive_at"], name="backtests_run_due")]

    def __str__(self):
        return f"{self.rule} {', '.join(self.symbols)} {self.timeframe}"

    @property
    def is_over(self):
        return self.status not in (self.Status.QUEUED, self.Status.RUNNING)

    @property
    def percent(self):
        return 100 * self.done // self.total if self.total else 0


class Trial(TenantOwned, Dated):
    """One set of parameters that a search tried: a search that is taken up again knows it."""

    append_only = True

    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("tenant"),
    )
    run = models.ForeignKey(Run, models.PROTECT, related_name="trials", verbose_name=_("run"))
    # Of a walk-forward: which of its windows it was tried in.
    window = models.PositiveSmallIntegerField(_("window"), default=0)
    number = models.PositiveIntegerField(_("number"))
    values = models.JSONField(_("values"))
    # Empty where it could not be run; then the problem says why.
    figures = models.JSONField(_("figures"), default=dict, blank=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)
    # What the account gained in each stretch of the time: what a search is judged by.
    gains = models.JSONField(_("gains"), default=list, blank=True)
    # None where it came to nothing that can be compared.
    score = models.DecimalField(_("score"), max_digits=30, decimal_places=12, null=True, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("trial")
        verbose_name_plural = _("trials")
        constraints = [
            models.UniqueConstraint(
                fields=["run", "window", "number"], name="backtests_trial_once"
            ),
        ]

    def __str__(self):
        return f"{self.run} · {self.number}"


class Report(models.Model):
    """What a run came to, in full: `engine.report` makes its pages and its files of it.

    Both are JSON, compressed with gzip.
    """

    run = models.OneToOneField(Run, models.CASCADE, related_name="report", verbose_name=_("run"))
    # Of one account on all the candles; a walk-forward has none.
    account = models.BinaryField(_("account"), null=True)
    # Of a search: everything it tried, and how it is judged.
    search = models.BinaryField(_("search"), null=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")

    def __str__(self):
        return str(self.run)
