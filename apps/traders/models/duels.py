"""Two prompts tried against each other on one account."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Dated, TenantOwned
from apps.traders.models.minds import Template
from apps.traders.models.traders import Trader


class Duel(TenantOwned, Dated):
    """Prompt A against prompt B: in turn by one trader, or by two with half of its capital each."""

    class Way(models.TextChoices):
        IN_TURN = "in_turn", _("Decision by decision")
        HALVES = "halves", _("Half of the capital each")

    name = models.CharField(_("name"), max_length=64)
    way = models.CharField(_("way"), max_length=8, choices=Way, default=Way.IN_TURN)
    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="duels", verbose_name=_("AI trader")
    )
    # Who has the other half, and the second prompt.
    other = models.ForeignKey(
        Trader,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("second trader"),
    )
    first = models.ForeignKey(
        Template, models.PROTECT, related_name="+", verbose_name=_("prompt A")
    )
    second = models.ForeignKey(
        Template, models.PROTECT, related_name="+", verbose_name=_("prompt B")
    )
    began_at = models.DateTimeField(_("began at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    # The trader, while it goes on: one duel at a time.
    open_key = models.CharField(max_length=32, null=True, blank=True, unique=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("duel of two prompts")
        verbose_name_plural = _("duels of two prompts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="traders_duel_once"),
        ]

    def __str__(self):
        return self.name
