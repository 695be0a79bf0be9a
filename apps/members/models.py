"""Members: end users of a tenant, in a tree of invitations, with a level each."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField
from apps.core.models import Dated, Fact, TenantOwned


class Level(models.Model):
    """S0 to S7: what a team must hold, and the share of the network budget that gives."""

    number = models.PositiveSmallIntegerField(_("level"), primary_key=True)
    name = models.CharField(_("name"), max_length=10)
    min_team_holding = PointsField(_("minimum team holding"))
    rate = models.DecimalField(_("rate"), max_digits=6, decimal_places=4)

    class Meta:
        verbose_name = _("level")
        verbose_name_plural = _("levels")
        ordering = ["number"]

    def __str__(self):
        return self.name


class Member(TenantOwned, Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        DISABLED = "disabled", _("Disabled")

    MOVES = {Status.ACTIVE: {Status.DISABLED}, Status.DISABLED: {Status.ACTIVE}}

    email = models.EmailField(_("e-mail"), max_length=100, db_index=True)
    password = models.CharField(_("password"), max_length=128, editable=False)
    invite_code = models.CharField(_("invite code"), max_length=8, unique=True)
    inviter = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="invited",
        verbose_name=_("inviter"),
    )
    # Ids from the root member down to the inviter, each with a slash behind it: "1/5/9/".
    path = models.CharField(_("path"), max_length=700, blank=True, editable=False, db_index=True)
    # Set on the one root member, null on all others, so that a second root cannot be written.
    root_of = models.OneToOneField(
        "tenants.Tenant",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="root_member",
        editable=False,
        verbose_name=_("root of"),
    )
    level = models.ForeignKey(
        Level, models.PROTECT, default=0, related_name="+", verbose_name=_("level")
    )
    is_market_node = models.BooleanField(_("market node"), default=False)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)

    class Meta(TenantOwned.Meta):
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [("recharge_member", "Can move point cards of members")]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"], name="members_email_once_per_tenant"
            ),
        ]

    def __str__(self):
        return self.email

    @property
    def owner(self) -> str:
        """The member's name on the ledger."""
        return self.owner_of(self.pk)

    @staticmethod
    def owner_of(pk: int) -> str:
        return f"member:{pk}"


class Standing(TenantOwned):
    """What a member and the team below held when levels were last counted."""

    member = models.OneToOneField(
        Member, models.PROTECT, primary_key=True, related_name="standing", verbose_name=_("member")
    )
    own_holding = PointsField(_("own holding"))
    team_holding = PointsField(_("team holding"))
    team_count = models.PositiveIntegerField(_("team members"))
    counted_at = models.DateTimeField(_("counted at"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("standing")
        verbose_name_plural = _("standings")

    def __str__(self):
        return str(self.member)


class LevelChange(TenantOwned, Fact):
    """A member rose or fell, and on which figures."""

    append_only = True

    member = models.ForeignKey(
        Member, models.PROTECT, related_name="level_changes", verbose_name=_("member")
    )
    before = models.ForeignKey(Level, models.PROTECT, related_name="+", verbose_name=_("before"))
    after = models.ForeignKey(Level, models.PROTECT, related_name="+", verbose_name=_("after"))
    own_holding = PointsField(_("own holding"))
    team_holding = PointsField(_("team holding"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("level change")
        verbose_name_plural = _("level changes")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.member} {self.before} → {self.after}"
