"""What became of a leader's position at each of those who copy it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PriceField
from apps.core.models import Fact, TenantOwned
from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.strategies.models import Subscription


class Copy(TenantOwned, Fact):
    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")
        REFUSED = "refused", _("Refused")

    MOVES = {
        Status.OPEN: {Status.CLOSED},
        Status.CLOSED: set(),
        Status.REFUSED: set(),
    }

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="copies", verbose_name=_("subscription")
    )
    # Where the history is cleared, it goes with what it tells of.
    leader_position = models.ForeignKey(
        Position, models.CASCADE, related_name="copies", verbose_name=_("leader's position")
    )
    # How much the leader held when it was copied: what is closed of it, is closed in that share.
    leader_quantity = PriceField(_("leader's quantity"))
    ticket = models.OneToOneField(
        Ticket, models.CASCADE, null=True, related_name="copy", verbose_name=_("ticket")
    )
    status = models.CharField(_("status"), max_length=16, choices=Status)
    # Why it was not opened; or why a close of the leader's could not yet be followed.
    problem = models.CharField(_("problem"), max_length=200, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("copy")
        verbose_name_plural = _("copies")
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "subscription"], name="copying_copy_open")]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "leader_position"], name="copying_copied_once"
            ),
        ]

    def __str__(self):
        return f"{self.subscription}: {self.leader_position}"


class Copier(Subscription):
    """A subscription that copies, as its own list and form show it."""

    class Meta:
        proxy = True
        verbose_name = _("copying subscription")
        verbose_name_plural = _("copying subscriptions")
