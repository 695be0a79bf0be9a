"""What became of each decision: what was asked and cost, what was wanted, and of what."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PriceField
from apps.core.models import Dated, Fact, TenantOwned
from apps.orders.models import Ticket
from apps.traders.models.minds import Template
from apps.traders.models.traders import Trader
from engine.deciding.decision import Wanted
from engine.signal import Direction

DIRECTIONS = [(Direction.LONG.value, _("Long")), (Direction.SHORT.value, _("Short"))]
SIGNALS = [
    (Wanted.BUY_TO_ENTER.value, _("Buy to enter")),
    (Wanted.SELL_TO_ENTER.value, _("Sell to enter")),
    (Wanted.HOLD.value, _("Hold")),
    (Wanted.CLOSE.value, _("Close")),
]


class Decision(TenantOwned, Fact):
    """One wake-up: what was asked, what was heard, and what became of it."""

    MOST_KEPT = 100_000

    class Status(models.TextChoices):
        DECIDED = "decided", _("Decided")  # in the journal; its orders are still to be asked for
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")  # no model came to a decision

    S = Status
    MOVES = {S.DECIDED: {S.DONE}, S.DONE: set(), S.FAILED: set()}

    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="decisions", verbose_name=_("AI trader")
    )
    number = models.PositiveIntegerField(_("number"))
    at = models.DateTimeField(_("decided at"), db_index=True)
    status = models.CharField(_("status"), max_length=8, choices=Status)
    is_shadow = models.BooleanField(_("in the shadow"), default=False)
    template = models.ForeignKey(
        Template, models.PROTECT, null=True, related_name="+", verbose_name=_("prompt template")
    )
    template_version = models.CharField(_("template version"), max_length=32)
    system = models.TextField(_("always told"))
    user = models.TextField(_("told"))
    digest = models.CharField(_("prompt digest"), max_length=64)
    # By which the same question is known; and whose answers these are, where nobody was asked anew.
    question = models.CharField(_("question digest"), max_length=64, blank=True)
    reused = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", verbose_name=_("answer of")
    )
    # Which model decided; "" where none did.
    mind = models.CharField(_("decided by"), max_length=64, blank=True)
    # Every raw answer: the model, the text as far as a database takes it in one statement, and
    # the rule by which it was refused, if it was. The journal has all of it.
    answers = models.JSONField(_("answers"), default=list)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    # equity, available, margin_used, realised, unrealised.
    before = models.JSONField(_("account before"), default=dict)
    after = models.JSONField(_("account after"), default=dict)
    result = models.CharField(_("result"), max_length=500, blank=True)
    milliseconds = models.PositiveIntegerField(_("took (ms)"), default=0)
    journal_number = models.PositiveBigIntegerField(_("line in the journal"))
    journal_hash = models.CharField(_("hash of the line"), max_length=64)
    done_at = models.DateTimeField(_("done at"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["trader", "status"], name="traders_decision_open")]
        constraints = [
            models.UniqueConstraint(fields=["trader", "number"], name="traders_decision_once"),
            models.UniqueConstraint(
                fields=["trader", "journal_number"], name="traders_decision_line_once"
            ),
        ]

    def __str__(self):
        return f"{self.trader} · {self.number}"


class Item(TenantOwned, Fact):
    """What was decided on one symbol, its verdict, and its ticket."""

    class Status(models.TextChoices):
        APPROVED = "approved", _("Approved")  # its order is still to be asked for
        ORDERED = "ordered", _("Ordered")
        SHADED = "shaded", _("In the shadow")
        HELD = "held", _("Nothing to do")
        REFUSED = "refused", _("Refused")

    S = Status
    MOVES = {
        S.APPROVED: {S.ORDERED, S.SHADED, S.REFUSED},
        S.ORDERED: set(),
        S.SHADED: set(),
        S.HELD: set(),
        S.REFUSED: set(),
    }

    decision = models.ForeignKey(
        Decision, models.PROTECT, related_name="items", verbose_name=_("decision")
    )
    symbol = models.CharField(_("symbol"), max_length=64)
    signal = models.CharField(_("signal"), max_length=16, choices=SIGNALS)
    leverage = models.PositiveIntegerField(_("leverage"), default=0)
    size = PriceField(_("size"), default=0)
    entry = PriceField(_("entry"), default=0)
    stop = PriceField(_("stop"), default=0)
    target = PriceField(_("target"), default=0)
    risk = PriceField(_("risk"), default=0)
    confidence = models.PositiveSmallIntegerField(_("confidence"), default=0)
    invalidation = models.TextField(_("no longer holds when"), blank=True)
    reasoning = models.TextField(_("reasoning"), blank=True)
    passed = models.JSONField(_("checks passed"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status)
    refused_by = models.CharField(_("refused by"), max_length=32, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    ticket = models.OneToOneField(
        Ticket, models.SET_NULL, null=True, related_name="trader_item", verbose_name=_("ticket")
    )

    class Meta(TenantOwned.Meta):
        verbose_name = _("decision on a symbol")
        verbose_name_plural = _("decisions on symbols")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "symbol"], name="traders_item_once"),
        ]

    def __str__(self):
        return f"{self.signal} {self.symbol}"


class Call(TenantOwned, Fact):
    """One call of a model, as it is accounted for."""

    class Result(models.TextChoices):
        ANSWERED = "answered", _("Answered")
        BUSY = "busy", _("Busy")
        UNCLEAR = "unclear", _("Unclear")
        REFUSED = "refused", _("Refused")

    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="calls", verbose_name=_("AI trader")
    )
    decision = models.ForeignKey(
        Decision, models.PROTECT, related_name="calls", verbose_name=_("decision")
    )
    mind = models.CharField(_("language model"), max_length=64)
    purpose = models.CharField(
        _("purpose"), max_length=8, choices=[("ask", _("Question")), ("repair", _("Repair"))]
    )
    result = models.CharField(_("result"), max_length=16, choices=Result)
    cost = PriceField(_("cost"))
    tokens = models.PositiveBigIntegerField(_("tokens"))
    input_tokens = models.PositiveIntegerField(_("tokens told"), null=True)
    output_tokens = models.PositiveIntegerField(_("tokens answered"), null=True)
    cached_tokens = models.PositiveIntegerField(_("tokens remembered"), null=True)
    milliseconds = models.PositiveIntegerField(_("took (ms)"))
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    called_at = models.DateTimeField(_("called at"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.mind} {self.result}"


class Spending(TenantOwned, Dated):
    """What a trader's calls cost on one day; what is set aside counts until it is settled.

    Its row is the lock under which several processes keep one budget.
    """

    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="spendings", verbose_name=_("AI trader")
    )
    day = models.DateField(_("day"))
    cost = PriceField(_("cost"), default=0)
    tokens = models.PositiveBigIntegerField(_("tokens"), default=0)
    by_mind = models.JSONField(_("cost by model"), default=dict)
    # Since when it is near its limit, and since when past it.
    alerted_at = models.DateTimeField(_("near its limit since"), null=True)
    spent_at = models.DateTimeField(_("spent since"), null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = _("spending of a trader")
        verbose_name_plural = _("spendings of traders")
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["trader", "day"], name="traders_spending_once"),
        ]

    def __str__(self):
        return f"{self.trader} {self.day}"


class Shade(TenantOwned, Fact):
    """A position that a trader in the shadow would hold, or would have held."""

    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="shades", verbose_name=_("AI trader")
    )
    item = models.OneToOneField(
        Item, models.PROTECT, related_name="shade", verbose_name=_("decision on a symbol")
    )
    symbol = models.CharField(_("symbol"), max_length=32)
    direction = models.CharField(_("direction"), max_length=8, choices=DIRECTIONS)
    quantity = PriceField(_("quantity"))
    leverage = models.PositiveIntegerField(_("leverage"))
    entry_price = PriceField(_("entry price"))
    entry_fee = PriceField(_("entry fee"))
    stop = PriceField(_("stop"))
    target = PriceField(_("target"))
    opened_at = models.DateTimeField(_("opened at"))
    exit_price = PriceField(_("exit price"), null=True)
    exit_fee = PriceField(_("exit fee"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.CharField(
        _("closed by"),
        max_length=8,
        blank=True,
        choices=[
            ("stop", _("Stop")),
            ("target", _("Target")),
            ("close", _("Decision")),
        ],
    )
    # The symbol, while it is open: one at a time.
    open_key = models.CharField(max_length=80, null=True, unique=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("shadow position")
        verbose_name_plural = _("shadow positions")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.symbol} {self.direction}"
