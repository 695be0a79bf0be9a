"""A profit pool is the self part of one charge; a reward is one share of it; a withdrawal pays
rewards out."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Fact, TenantOwned
from apps.ledger.models import Transfer
from apps.members.models import Member
from apps.pointcards.models import Charge
from apps.tenants.models import Policy


class Pool(TenantOwned, Fact):
    charge = models.OneToOneField(
        Charge, models.PROTECT, related_name="pool", verbose_name=_("charge")
    )
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="+", verbose_name=_("policy"))
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


class Withdrawal(TenantOwned, Fact):
    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        COMPLETED = "completed", _("Completed")

    MOVES = {
        Status.PENDING: {Status.APPROVED, Status.REJECTED},
        Status.APPROVED: {Status.COMPLETED},
        Status.REJECTED: set(),
        Status.COMPLETED: set(),
    }

    class Network(models.TextChoices):
        TRC20 = "TRC20", "TRC20"
        ERC20 = "ERC20", "ERC20"
        BEP20 = "BEP20", "BEP20"

    # The caller's name for this wish: asked twice, it is made once.
    key = models.CharField(_("key"), max_length=100)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="withdrawals", verbose_name=_("member")
    )
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="+", verbose_name=_("policy"))
    amount = PointsField(_("amount"))
    fee = PointsField(_("fee"))
    # What leaves: the amount without the fee.
    payout = PointsField(_("payout"))
    network = models.CharField(_("network"), max_length=8, choices=Network, default=Network.TRC20)
    address = models.CharField(_("address"), max_length=128)
    status = models.CharField(
        _("status"), max_length=16, choices=Status, default=Status.PENDING, db_index=True
    )
    # Who decided, and when: approved or rejected. Names are as long as a user's may be.
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    rejected_because = models.CharField(_("rejected because"), max_length=255, blank=True)
    completed_by = models.CharField(_("completed by"), max_length=150, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True)
    tx_hash = models.CharField(_("transaction hash"), max_length=128, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        ordering = ["-id"]
        permissions = [("decide_withdrawal", "Can approve, reject and complete withdrawals")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="rewards_withdrawal_once"),
            models.CheckConstraint(
                name="rewards_withdrawal_adds_up",
                condition=Q(amount=models.F("fee") + models.F("payout"), fee__gte=0, payout__gt=0),
            ),
        ]

    def __str__(self):
        return f"{self.member} {self.amount.normalize():f}"
