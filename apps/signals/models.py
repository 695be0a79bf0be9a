"""A signal is an intent, published once for one cause: this strategy, symbol, bar and action."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PriceField
from apps.core.models import Fact
from apps.strategies.models import Strategy
from engine import signal


class Signal(Fact):
    class Status(models.TextChoices):
        PUBLISHED = "published", _("Published")  # judged good; its tickets are not planned yet
        PLANNED = "planned", _("Planned")  # every subscription has its ticket
        REFUSED = "refused", _("Refused")
        EXPIRED = "expired", _("Expired")  # too old to be planned

    MOVES = {
        Status.PUBLISHED: {Status.PLANNED, Status.EXPIRED},
        Status.PLANNED: set(),
        Status.REFUSED: set(),
        Status.EXPIRED: set(),
    }
    ACTIONS = [(signal.Action.OPEN.value, _("Open")), (signal.Action.CLOSE.value, _("Close"))]
    DIRECTIONS = [
        (signal.Direction.LONG.value, _("Long")),
        (signal.Direction.SHORT.value, _("Short")),
    ]

    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="signals", verbose_name=_("strategy")
    )
    symbol = models.CharField(_("symbol"), max_length=32)
    timeframe = models.CharField(_("timeframe"), max_length=4)
    bar_at = models.DateTimeField(_("bar"))
    action = models.CharField(_("action"), max_length=8, choices=ACTIONS)
    direction = models.CharField(_("direction"), max_length=8, choices=DIRECTIONS)
    price = PriceField(_("price"))
    stop = PriceField(_("stop"), null=True)
    target = PriceField(_("target"), null=True)
    confidence = models.PositiveSmallIntegerField(_("confidence"))
    reason = models.CharField(_("reason"), max_length=200)
    status = models.CharField(_("status"), max_length=16, choices=Status, db_index=True)
    # [{code, reason}, …] where the risk rules said no.
    refusals = models.JSONField(_("refused because"), default=list)
    planned_at = models.DateTimeField(_("planned at"), null=True)

    class Meta:
        verbose_name = _("signal")
        verbose_name_plural = _("signals")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["strategy", "symbol", "timeframe", "bar_at", "action", "direction"],
                name="signals_once_per_cause",
            ),
        ]

    def __str__(self):
        return f"{self.strategy} {self.action} {self.direction} {self.symbol}"
