"""A venue account is one member's credentials on one venue, bound to one node."""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField, PriceField, SealedField
from apps.core.models import Dated, Fact, TenantOwned
from apps.members.models import Member
from apps.nodes.models import Node
from apps.tenants.models import Policy
from apps.tenants.selectors import policy_of
from engine.messages import Margin, PositionMode, number


class Venue(models.TextChoices):
    PAPER = "paper", _("Paper")
    BINANCE = "binance", "Binance"
    OKX = "okx", "OKX"
    GATE = "gate", "Gate"
    HYPERLIQUID = "hyperliquid", "Hyperliquid"
    GRVT = "grvt", "GRVT"


class Instrument(models.Model):
    """One tradable thing on a venue, as the venue describes it."""

    venue = models.CharField(_("venue"), max_length=16, choices=Venue)
    symbol = models.CharField(_("symbol"), max_length=32)
    tick = PriceField(_("tick"))
    step = PriceField(_("step"))
    min_quantity = PriceField(_("minimum quantity"))
    min_notional = PriceField(_("minimum notional"))
    last_price = PriceField(_("last price"), null=True, editable=False)
    priced_at = models.DateTimeField(_("priced at"), null=True, editable=False)
    # In coins, and as a share; asked for while somebody decides on it.
    open_interest = PriceField(_("open interest"), null=True, editable=False)
    funding = PriceField(_("funding rate"), null=True, editable=False)
    interest_at = models.DateTimeField(_("open interest at"), null=True, editable=False)

    class Meta:
        verbose_name = _("instrument")
        verbose_name_plural = _("instruments")
        constraints = [
            models.UniqueConstraint(fields=["venue", "symbol"], name="venues_instrument_once"),
        ]

    def __str__(self):
        return f"{self.venue} {self.symbol}"


class VenueAccount(TenantOwned, Dated):
    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    MOVES = {Status.ACTIVE: {Status.PAUSED}, Status.PAUSED: {Status.ACTIVE}}
    MARGINS = [(Margin.ISOLATED.value, _("Isolated")), (Margin.CROSS.value, _("Cross"))]
    POSITION_MODES = [
        (PositionMode.HEDGE.value, _("Long and short apart")),
        (PositionMode.ONE_WAY.value, _("One way")),
    ]

    member = models.ForeignKey(
        Member, models.PROTECT, related_name="venue_accounts", verbose_name=_("member")
    )
    venue = models.CharField(_("venue"), max_length=16, choices=Venue)
    label = models.CharField(_("label"), max_length=64, default="futures")
    node = models.ForeignKey(
        Node,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="venue_accounts",
        verbose_name=_("node"),
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.ACTIVE)
    # What the account is brought to before it opens anything; its subscriptions say the leverage.
    margin = models.CharField(
        _("margin mode"), max_length=8, choices=MARGINS, default=Margin.ISOLATED.value
    )
    position_mode = models.CharField(
        _("position mode"), max_length=8, choices=POSITION_MODES, default=PositionMode.HEDGE.value
    )
    # JSON of api_key, api_secret and passphrase, sealed to this row.
    credentials = SealedField(
        _("credentials"), binding="venue_account:{row.member_id}:{row.venue}:{row.label}"
    )
    key_hint = models.CharField(_("key ends in"), max_length=8, editable=False)
    equity = PointsField(_("equity"), default=0, editable=False)
    equity_at = models.DateTimeField(_("equity seen at"), null=True, editable=False)

    balance = PointsField(_("balance"), default=0, editable=False)
    # What was brought there less what was taken away, as far as it is known: no profit.
    deposited = PointsField(_("deposited"), default=0, editable=False)
    bound_at = models.DateTimeField(_("bound at"), null=True, editable=False)
    # When its node was last asked to read it back, and of which asking the answer is known.
    asked_at = models.DateTimeField(_("asked at"), null=True, editable=False)
    read_at = models.DateTimeField(_("read back at"), null=True, editable=False)
    read_error = models.CharField(
        _("why it could not be read"), max_length=500, blank=True, editable=False
    )
    # Up to when fills (by symbol) and payments ("") are known, in milliseconds.
    cursors = models.JSONField(default=dict, editable=False)
    # {"BTC/USDT long": ["0.02", "0"]}: what the venue holds, and what the books say.
    drift = models.JSONField(_("drift"), default=dict, editable=False)
    # Differences that a person has looked at: {"BTC/USDT long": "0.02"}.
    cleared_drift = models.JSONField(default=dict, editable=False)
    can_trade = models.BooleanField(_("key can trade"), null=True, editable=False)
    can_withdraw = models.BooleanField(_("key can withdraw"), null=True, editable=False)
    is_hedged = models.BooleanField(_("long and short apart"), null=True, editable=False)
    clock_offset_ms = models.IntegerField(_("venue's clock ahead by ms"), null=True, editable=False)
    # When a person took the risk of a key that can withdraw.
    key_accepted_at = models.DateTimeField(_("key accepted at"), null=True, editable=False)
    # Of what it holds: {"BTC/USDT long": "isolated"}.
    margins = models.JSONField(_("margin modes"), default=dict, editable=False)
    # Symbols on which a maker quotes now: its account stays where it is, and keeps its keys.
    quoted = models.JSONField(_("quoted"), default=list, blank=True, editable=False)
    check_error = models.CharField(
        _("why the key was not checked"), max_length=500, blank=True, editable=False
    )
    checked_at = models.DateTimeField(_("key checked at"), null=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("venue account")
        verbose_name_plural = _("venue accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "venue", "label"], name="venues_account_once"
            ),
        ]

    def __str__(self):
        hint = f"…{self.key_hint}" if self.key_hint else ""
        return " ".join(filter(None, [self.venue, self.label, hint]))

    @property
    def is_drifting(self) -> bool:
        """Whether the venue holds other than the books say, and nobody has looked at it."""
        return any(
            self.cleared_drift.get(side) != number(Decimal(at_venue) - Decimal(in_books))
            for side, (at_venue, in_books) in self.drift.items()
        )

    @property
    def key_refusal(self) -> str:
        """Why nothing is opened with this key; "" where nothing speaks against it."""
        if self.venue == Venue.PAPER:
            return ""
        if self.checked_at is None:
            why = self.check_error[:100] or "its venue was not asked yet"
            return f"the key is unchecked: {why}"
        if self.can_trade is False:
            return "the key cannot trade"
        if not self.can_withdraw:
            return ""
        rule = self.withdrawing_keys
        if rule == Policy.WithdrawingKeys.REFUSE:
            return "the key can withdraw, and the tenant takes no such key"
        if rule == Policy.WithdrawingKeys.ASK and self.key_accepted_at is None:
            return "the key can withdraw, and nobody has accepted that"
        return ""

    @property
    def withdrawing_keys(self) -> str:
        """The tenant's rule for a key that can withdraw."""
        return policy_of(self.tenant).withdrawing_keys


class Feed(models.Model):
    """A series of a real venue that strategies decide on: its bars are fetched as they close."""

    venue = models.CharField(_("venue"), max_length=16, choices=Venue)
    symbol = models.CharField(_("symbol"), max_length=32)
    timeframe = models.CharField(_("timeframe"), max_length=8)
    # How many of the latest bars somebody decides on, and who has wanted them last.
    bars = models.PositiveIntegerField(_("bars"))
    wanted_at = models.DateTimeField(_("wanted at"))
    # Every bar that closed until then is stored.
    known_until = models.DateTimeField(_("known until"), null=True)
    next_at = models.DateTimeField(_("next at"), db_index=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("candle feed")
        verbose_name_plural = _("candle feeds")
        constraints = [
            models.UniqueConstraint(
                fields=["venue", "symbol", "timeframe"], name="venues_feed_once"
            ),
        ]

    def __str__(self):
        return f"{self.venue} {self.symbol} {self.timeframe}"


class EquitySnapshot(TenantOwned, Fact):
    """What an account was worth, once an hour."""

    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="snapshots", verbose_name=_("venue account")
    )
    hour = models.DateTimeField(_("hour"))
    # When its venue was asked; null for those of before it was kept.
    taken_at = models.DateTimeField(_("taken at"), null=True)
    equity = PointsField(_("equity"))
    balance = PointsField(_("balance"))
    free = PointsField(_("free margin"))
    # Between two snapshots, what equity gained beyond this was earned.
    deposited = PointsField(_("deposited"), default=0)

    class Meta(TenantOwned.Meta):
        verbose_name = _("equity snapshot")
        verbose_name_plural = _("equity snapshots")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["venue_account", "hour"], name="venues_snapshot_once"),
        ]

    def __str__(self):
        return f"{self.venue_account_id} {self.hour:%Y-%m-%d %H:%M}"


class Payment(TenantOwned, Fact):
    """Money that moved at the venue without a trade: it is no profit and no loss of ours."""

    class Kind(models.TextChoices):
        FUNDING = "funding", _("Funding")
        DEPOSIT = "deposit", _("Deposit")
        WITHDRAWAL = "withdrawal", _("Withdrawal")
        TRANSFER = "transfer", _("Transfer")

    # "account:venue payment id": the venue's own name for it, so it counts once.
    key = models.CharField(_("key"), max_length=160, unique=True)
    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="payments", verbose_name=_("venue account")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    symbol = models.CharField(_("symbol"), max_length=32, blank=True)
    amount = PriceField(_("amount"))
    paid_at = models.DateTimeField(_("paid at"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("venue payment")
        verbose_name_plural = _("venue payments")
        ordering = ["-id"]

    def __str__(self):
        return self.key
