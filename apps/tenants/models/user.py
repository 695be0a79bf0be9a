"""Who logs in: the platform's people in a role each, tenants' own staff; and their logins."""

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import SealedField
from apps.core.models import Dated
from apps.tenants.models.tenant import Tenant


class Users(UserManager):
    def create_superuser(self, username, email=None, password=None, **about):
        about.setdefault("role", User.Role.OWNER)
        return super().create_superuser(username, email, password, **about)


class User(AbstractUser):
    """Platform staff have no tenant and see all; a tenant's staff see their tenant only."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Platform owner")
        OPERATOR = "operator", _("Operator")
        FINANCE = "finance", _("Finance")
        SUPPORT = "support", _("Support, read only")
        STAFF = "staff", _("Tenant staff")
        # Rights given one by one.
        CUSTOM = "", _("By single rights")

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        verbose_name=_("tenant"),
    )
    # In which times are told; the installation's own where it is empty.
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.CUSTOM, blank=True)

    # The second factor: what its codes are made of, and when it was first shown to work.
    totp_secret = SealedField(_("second factor"), binding="user:{row.pk}:totp", blank=True)
    totp_since = models.DateTimeField(_("second factor since"), null=True, editable=False)
    # The last step of time whose code was taken: no code is good twice.
    totp_step = models.BigIntegerField(default=0, editable=False)

    objects = Users()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            # A role of the platform is never given to a tenant's own, nor the other way round.
            models.CheckConstraint(
                name="tenants_role_fits_tenant",
                condition=Q(role="")
                | Q(role="staff", tenant__isnull=False)
                | (~Q(role="staff") & Q(tenant__isnull=True)),
            ),
        ]


class RecoveryCode(Dated):
    """A word that stands for a second factor that was lost, once."""

    user = models.ForeignKey(
        User, models.CASCADE, related_name="recovery_codes", verbose_name=_("user")
    )
    hash = models.CharField(max_length=64, unique=True, editable=False)
    used_at = models.DateTimeField(_("used at"), null=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.user} {self.pk}"


class Login(Dated):
    """One stay of a user, in the pages or at the JSON door, whose refresh word changes with use."""

    class Kind(models.TextChoices):
        PAGES = "pages", _("Pages")
        PROGRAM = "program", _("Program")

    user = models.ForeignKey(User, models.CASCADE, related_name="logins", verbose_name=_("user"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.PROGRAM)
    source = models.CharField(_("from"), max_length=64, blank=True)
    program = models.CharField(_("program"), max_length=200, blank=True)
    # SHA-256 of the refresh word that is good now, and of what all words of this login share:
    # a word that shares it and is not good was good once, and was copied.
    refresh_hash = models.CharField(max_length=64, blank=True, editable=False)
    family_hash = models.CharField(max_length=64, blank=True, editable=False)
    seen_at = models.DateTimeField(_("last seen at"))
    expires_at = models.DateTimeField(_("good until"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    ended_because = models.CharField(_("ended because"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("login")
        verbose_name_plural = _("logins")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.user} {self.source}"


class LoginFailure(Dated):
    """A try with a wrong password; too many of one name or one address lock it for a while."""

    username = models.CharField(_("user name"), max_length=150, db_index=True)
    source = models.CharField(_("from"), max_length=64, db_index=True)

    class Meta:
        verbose_name = _("failed login")
        verbose_name_plural = _("failed logins")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.username} {self.source}"
