"""A charge: what was taken from a member's point cards for one profitable close."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Fact, TenantOwned
from apps.members.models import Member
from apps.positions.models import Close


class Charge(TenantOwned, Fact):
    close = models.OneToOneField(
        Close, models.PROTECT, related_name="charge", verbose_name=_("close")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="charges", verbose_name=_("member")
    )
    profit = PointsField(_("profit"))
    rate = models.DecimalField(_("rate"), max_digits=6, decimal_places=4)
    due = PointsField(_("due"))
    from_self = PointsField(_("from self cards"))
    from_gift = PointsField(_("from gift cards"))
    # What the cards could not cover.
    shortfall = PointsField(_("shortfall"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("charge")
        verbose_name_plural = _("charges")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="pointcards_charge_not_negative",
                condition=Q(due__gte=0, from_self__gte=0, from_gift__gte=0, shortfall__gte=0),
            ),
            models.CheckConstraint(
                name="pointcards_charge_adds_up",
                condition=Q(
                    due=models.F("from_self") + models.F("from_gift") + models.F("shortfall")
                ),
            ),
        ]

    def __str__(self):
        return f"{self.member} {self.due.normalize():f}"
