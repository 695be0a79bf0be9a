"""A charge: what was taken from a member's point cards for one close."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Dated, Fact, TenantOwned
from apps.members.models import Member
from apps.positions.models import Close
from apps.tenants.models import Policy


class Charge(TenantOwned, Fact):
    close = models.OneToOneField(
        Close, models.PROTECT, related_name="charge", verbose_name=_("close")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="charges", verbose_name=_("member")
    )
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="+", verbose_name=_("policy"))
    profit = PointsField(_("profit"))
    # What of the profit the policy charges on.
    basis = PointsField(_("charged on"))
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
                condition=Q(
                    basis__gte=0, due__gte=0, from_self__gte=0, from_gift__gte=0, shortfall__gte=0
                ),
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


class HighWaterMark(TenantOwned, Dated):
    """How far one stream of closes has earned: only what is above its mark is charged."""

    # A subscription's closes, or those of a venue account that no subscription asked for:
    # "subscription:12", "venue_account:7".
    stream = models.CharField(_("stream"), max_length=40, primary_key=True)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="high_water_marks", verbose_name=_("member")
    )
    earned = PointsField(_("earned"), default=0)
    mark = PointsField(_("high-water mark"), default=0)

    class Meta(TenantOwned.Meta):
        verbose_name = _("high-water mark")
        verbose_name_plural = _("high-water marks")
        constraints = [
            models.CheckConstraint(
                name="pointcards_mark_is_highest",
                condition=Q(mark__gte=0) & Q(mark__gte=models.F("earned")),
            ),
        ]

    def __str__(self):
        return self.stream
