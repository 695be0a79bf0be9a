"""Tickets, orders, fills: what we want done, what the venue was asked, what it did.

A ticket is one wish for one venue account, and the table of tickets is the outbox.
Each try of it is an order with a client order id of its own; a ticket has a second
order only after the first one is proved never to have been placed.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PriceField
from apps.core.models import Fact, TenantOwned
from apps.nodes.models import Node
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from apps.venues.models import VenueAccount
from engine.order import OrderStatus
from engine.signal import Action, Side


class Ticket(TenantOwned, Fact):
    class Status(models.TextChoices):
        PLANNED = "planned", _("Planned")
        SENT = "sent", _("Sent")
        RESTING = "resting", _("Resting")  # in the venue's book, until its price comes
        UNKNOWN = "unknown", _("Unknown")  # the venue has to be asked what became of it
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")  # by our own rules
        REJECTED = "rejected", _("Rejected")  # by the venue
        EXPIRED = "expired", _("Expired")  # proved never placed, and too late to try again
        PARKED = "parked", _("Parked")  # a person has to look

    S = Status
    MOVES = {
        S.PLANNED: {S.SENT, S.RESTING, S.UNKNOWN, S.EXPIRED, S.DONE, S.REJECTED},
        S.SENT: {S.SENT, S.RESTING, S.UNKNOWN, S.DONE, S.REJECTED, S.EXPIRED, S.PLANNED},
        S.RESTING: {S.UNKNOWN, S.DONE, S.PARKED},
        S.UNKNOWN: {S.UNKNOWN, S.RESTING, S.DONE, S.REJECTED, S.EXPIRED, S.PLANNED, S.PARKED},
        S.PARKED: {S.UNKNOWN, S.RESTING, S.DONE, S.REJECTED, S.EXPIRED, S.PLANNED},
        S.DONE: set(),
        S.REFUSED: set(),
        # A venue may have it after all.
        S.REJECTED: {S.UNKNOWN, S.RESTING, S.DONE},
        S.EXPIRED: {S.UNKNOWN, S.RESTING, S.DONE, S.REJECTED},
    }
    # Unfinished: somebody still has to do something.
    IN_FLIGHT = [S.PLANNED, S.SENT, S.RESTING, S.UNKNOWN, S.PARKED]
    FAILED = [S.REFUSED, S.REJECTED, S.EXPIRED]
    ACTIONS = [*Signal.ACTIONS, (Action.PROTECT.value, _("Stop and target"))]

    signal = models.ForeignKey(
        Signal, models.PROTECT, null=True, related_name="tickets", verbose_name=_("signal")
    )
    subscription = models.ForeignKey(
        Subscription,
        models.PROTECT,
        null=True,
        related_name="tickets",
        verbose_name=_("subscription"),
    )
    # The AI trader that wanted it.
    trader = models.ForeignKey(
        "traders.Trader",
        models.PROTECT,
        null=True,
        related_name="tickets",
        verbose_name=_("AI trader"),
    )
    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="tickets", verbose_name=_("venue account")
    )
    node = models.ForeignKey(
        Node, models.PROTECT, null=True, related_name="tickets", verbose_name=_("node")
    )
    symbol = models.CharField(_("symbol"), max_length=32)
    action = models.CharField(_("action"), max_length=8, choices=ACTIONS)
    direction = models.CharField(_("direction"), max_length=8, choices=Signal.DIRECTIONS)
    quantity = PriceField(_("quantity"))
    leverage = models.PositiveSmallIntegerField(_("leverage"), default=1)
    # Null is a market order.
    price = PriceField(_("price"), null=True)
    stop = PriceField(_("stop"), null=True)
    target = PriceField(_("target"), null=True)
    status = models.CharField(_("status"), max_length=16, choices=Status)
    refused_because = models.CharField(_("refused because"), max_length=200, blank=True)
    generation = models.PositiveSmallIntegerField(_("generation"), default=1)
    # No new try after this; null for closing tickets, which never expire.
    worth_until = models.DateTimeField(_("worth until"), null=True)
    # The venue may not accept the current try later than this.
    not_after = models.DateTimeField(_("not after"), null=True)
    # When a sweep takes it up again, and how often one has.
    next_at = models.DateTimeField(_("next at"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    # Since when its order is to be taken away; until it is, every sweep says so again.
    cancel_asked_at = models.DateTimeField(_("cancel asked at"), null=True)
    done_at = models.DateTimeField(_("done at"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "next_at"], name="orders_ticket_due"),
            models.Index(
                fields=["venue_account", "symbol", "status"], name="orders_ticket_account"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["signal", "subscription"], name="orders_one_ticket_per_subscription"
            ),
        ]

    def __str__(self):
        return f"{self.action} {self.direction} {self.symbol}"


class Order(TenantOwned, Fact):
    class Kind(models.TextChoices):
        TRADE = "trade", _("Order")
        # Set on the whole position; it became an order at the venue, and not through us.
        PROTECTION = "protection", _("Stop or target")
        # A maker's own; it has no ticket, and its name tells whose it is.
        MAKER = "maker", _("Maker's order")

    STATUSES = [
        (OrderStatus.NEW.value, _("New")),
        (OrderStatus.UNKNOWN.value, _("Unknown")),
        (OrderStatus.OPEN.value, _("Open")),
        (OrderStatus.FILLED.value, _("Filled")),
        (OrderStatus.CANCELED.value, _("Canceled")),
        (OrderStatus.REJECTED.value, _("Rejected")),
        (OrderStatus.EXPIRED.value, _("Expired")),
        (OrderStatus.SET.value, _("Set")),
    ]

    ticket = models.ForeignKey(
        Ticket, models.PROTECT, null=True, related_name="orders", verbose_name=_("ticket")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.TRADE)
    generation = models.PositiveSmallIntegerField(_("generation"))
    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="orders", verbose_name=_("venue account")
    )
    client_order_id = models.CharField(_("client order id"), max_length=64, db_index=True)
    venue_order_id = models.CharField(_("venue order id"), max_length=64, blank=True, db_index=True)
    # Under which number a person has seen it at the venue; it is asked for by that.
    named_id = models.CharField(_("named by a person"), max_length=64, blank=True)
    symbol = models.CharField(_("symbol"), max_length=32)
    side = models.CharField(
        _("side"), max_length=4, choices=[(Side.BUY.value, _("Buy")), (Side.SELL.value, _("Sell"))]
    )
    quantity = PriceField(_("quantity"))
    filled = PriceField(_("filled"), default=0)
    average_price = PriceField(_("average price"), null=True)
    status = models.CharField(
        _("status"), max_length=16, choices=STATUSES, default=OrderStatus.NEW.value, db_index=True
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    reported_at = models.DateTimeField(_("reported at"), null=True)
    # Since when its venue, which had it, no longer knows it.
    doubted_at = models.DateTimeField(_("doubted at"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        # Which were told of since a moment.
        indexes = [models.Index(fields=["reported_at"], name="orders_order_reported")]
        constraints = [
            models.UniqueConstraint(
                fields=["venue_account", "client_order_id"], name="orders_client_id_once"
            ),
            models.UniqueConstraint(fields=["ticket", "generation"], name="orders_one_per_try"),
            models.CheckConstraint(
                name="orders_only_makers_have_no_ticket",
                condition=Q(ticket__isnull=False) | Q(kind="maker"),
            ),
        ]

    def __str__(self):
        return f"{self.side} {self.quantity.normalize():f} {self.symbol}"

    @property
    def asked_as(self):
        """The venue's own number, where it knows the order under none of ours."""
        return self.venue_order_id if self.kind == self.Kind.PROTECTION else self.named_id


class Fill(TenantOwned, Fact):
    # "account:symbol:venue fill id": the venue's own name for it, so it counts once.
    key = models.CharField(_("key"), max_length=160, unique=True)
    order = models.ForeignKey(Order, models.PROTECT, related_name="fills", verbose_name=_("order"))
    venue_fill_id = models.CharField(_("venue fill id"), max_length=64)
    quantity = PriceField(_("quantity"))
    price = PriceField(_("price"))
    fee = PriceField(_("fee"))
    filled_at = models.DateTimeField(_("filled at"))
    # What it closed, and the books did not hold: somebody else's, or of a fill not yet told.
    unheld = PriceField(_("not held"), default=0, db_index=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("fill")
        verbose_name_plural = _("fills")
        ordering = ["-id"]

    def __str__(self):
        return self.key


class Brake(Fact):
    """From when to when nothing was opened anywhere, by whom and why; closing goes on."""

    reason = models.CharField(_("reason"), max_length=200)
    pulled_by = models.CharField(_("pulled by"), max_length=100, editable=False)
    released_by = models.CharField(_("released by"), max_length=100, blank=True, editable=False)
    released_at = models.DateTimeField(_("released at"), null=True, editable=False)
    # Set while it is on: there is one brake.
    on_key = models.BooleanField(null=True, default=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("brake")
        verbose_name_plural = _("brakes")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="orders_brake_on_or_released",
                condition=Q(on_key=True, released_at=None)
                | Q(on_key=None, released_at__isnull=False),
            ),
        ]

    def __str__(self):
        return self.reason
