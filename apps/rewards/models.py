"""A profit pool is the self part of one charge; a reward is one share of it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Fact, TenantOwned
from apps.ledger.models import Transfer
from apps.members.models import Member
from apps.pointcards.models import Charge


class Pool(TenantOwned, Fact):
    charge = models.OneToOneField(
        Charge, models.PROTECT, related_name="pool", verbose_name=_("charge")
    )
    amount = PointsField(_("amount"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("profit pool")
        verbose_name_plural = _("profit pools")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="rewards_pool_positive", condition=Q(amount__gt=0)),
        ]

    def __str__(self):
        return f"{self.charge.member} {self.amount.normalize():f}"


class Reward(TenantOwned, Fact):
    class Kind(models.TextChoices):
        TECH_TEAM = "tech_team", _("Tech team")
        DIRECT = "direct", _("Direct")
        DIRECT_UNDIST = "direct_undist", _("Direct, undistributed")
        LEVEL_DIFF = "level_diff", _("Level difference")
        PEER = "peer", _("Peer")
        PEER_UNDIST = "peer_undist", _("Peer, undistributed")
        NETWORK_UNDIST = "network_undist", _("Network, undistributed")
        PLATFORM_RETAIN = "platform_retain", _("Platform")

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="rewards", verbose_name=_("pool"))
    # The place of this share in the split, from 0.
    place = models.PositiveSmallIntegerField(_("place"))
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="rewards", verbose_name=_("member")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    rate = models.DecimalField(_("rate"), max_digits=6, decimal_places=4)
    amount = PointsField(_("amount"))
    transfer = models.OneToOneField(
        Transfer, models.PROTECT, related_name="reward", verbose_name=_("transfer")
    )

    class Meta(TenantOwned.Meta):
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "place"], name="rewards_share_once"),
            models.CheckConstraint(name="rewards_reward_positive", condition=Q(amount__gt=0)),
        ]

    def __str__(self):
        return f"{self.kind} {self.amount.normalize():f}"
