"""Traders, the models and prompts that they decide by, and what became of each decision.

The journal of a trader is the record; its rows here are read from it and can be rebuilt from it.
Of real traders orders, fills and positions are the common ones; a trader in the shadow trades
nothing, and keeps what it would have had in shades.
"""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import PointsField, PriceField, SealedField
from apps.core.models import Dated, Fact, TenantOwned
from apps.orders.models import Ticket
from apps.venues.models import Venue, VenueAccount
from engine.deciding.decision import Wanted
from engine.signal import Direction

DIRECTIONS = [(Direction.LONG.value, _("Long")), (Direction.SHORT.value, _("Short"))]
SIGNALS = [
    (Wanted.BUY_TO_ENTER.value, _("Buy to enter")),
    (Wanted.SELL_TO_ENTER.value, _("Sell to enter")),
    (Wanted.HOLD.value, _("Hold")),
    (Wanted.CLOSE.value, _("Close")),
]
CODE = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]{0,63}\Z", _("lower-case letters, digits, dots, dashes and underscores")
)
PERCENT = [MinValueValidator(0), MaxValueValidator(100)]


class Mind(TenantOwned, Dated):
    """A language model: where it is asked, and what it costs."""

    class Protocol(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        ANTHROPIC = "anthropic", "Anthropic"
        DEEPSEEK = "deepseek", "DeepSeek"

    name = models.CharField(_("name"), max_length=64)
    protocol = models.CharField(_("protocol"), max_length=16, choices=Protocol)
    base_url = models.CharField(_("address"), max_length=300)
    # What its provider calls it.
    model = models.CharField(_("model"), max_length=128)
    # Prices, sizes and times, as `engine.deciding.models` describes them.
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    # To this address only: at another one it does not open.
    key = SealedField(
        _("key"), binding="mind:{row.tenant_id}:{row.name}:{row.base_url}", blank=True
    )
    key_hint = models.CharField(_("key ends in"), max_length=8, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("language model")
        verbose_name_plural = _("language models")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="traders_mind_once"),
        ]

    def __str__(self):
        return self.name


class Template(TenantOwned, Fact):
    """A prompt's text in one version; it is never changed, another version is another row."""

    append_only = True

    name = models.CharField(_("name"), max_length=64)
    version = models.CharField(_("version"), max_length=32)
    text = models.TextField(_("text"))
    digest = models.CharField(_("digest"), max_length=64)

    class Meta(TenantOwned.Meta):
        verbose_name = _("prompt template")
        verbose_name_plural = _("prompt templates")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name", "version"], name="traders_template_once"
            ),
        ]

    def __str__(self):
        return f"{self.name} {self.version}"


class Manager(TenantOwned, Dated):
    """Shares some capital out among traders, and keeps a part of it in reserve."""

    class Strategy(models.TextChoices):
        FIXED = "fixed", _("As told")
        EQUAL = "equal", _("Equal")
        PERFORMANCE = "performance_based", _("By performance")

    name = models.CharField(_("name"), max_length=64)
    total = PointsField(_("capital"))
    reserve_percent = models.DecimalField(
        _("reserve (%)"), max_digits=5, decimal_places=2, default=10, validators=PERCENT
    )
    strategy = models.CharField(
        _("shared out"), max_length=20, choices=Strategy, default=Strategy.FIXED
    )
    interval_seconds = models.PositiveIntegerField(
        _("interval (s)"), default=3600, validators=[MinValueValidator(60)]
    )
    # A trader's share of the capital, and how far it moves at once.
    least_percent = models.DecimalField(
        _("least share (%)"), max_digits=5, decimal_places=2, default=5, validators=PERCENT
    )
    most_percent = models.DecimalField(
        _("largest share (%)"), max_digits=5, decimal_places=2, default=60, validators=PERCENT
    )
    step_percent = models.DecimalField(
        _("largest step (%)"), max_digits=5, decimal_places=2, default=10, validators=PERCENT
    )
    # Fewer closed trades say nothing of a trader.
    least_trades = models.PositiveIntegerField(_("trades that count"), default=10)
    is_active = models.BooleanField(_("shares out"), default=True)
    next_at = models.DateTimeField(_("next at"), null=True, editable=False, db_index=True)
    # Why the last time came to nothing.
    problem = models.CharField(_("problem"), max_length=500, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("manager of traders")
        verbose_name_plural = _("managers of traders")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="traders_manager_once"),
            models.CheckConstraint(
                name="traders_manager_bounds",
                condition=Q(least_percent__lte=models.F("most_percent")),
            ),
        ]

    def __str__(self):
        return self.name


class Trader(TenantOwned, Dated):
    """Who decides on which symbols, by which models and prompt, within which limits."""

    class Status(models.TextChoices):
        STOPPED = "stopped", _("Stopped")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        ERROR = "error", _("Error")  # a person has to look

    S = Status
    MOVES = {
        S.STOPPED: {S.RUNNING},
        S.RUNNING: {S.PAUSED, S.STOPPED, S.ERROR},
        S.PAUSED: {S.RUNNING, S.STOPPED, S.ERROR},
        S.ERROR: {S.STOPPED, S.RUNNING},
    }

    class Style(models.TextChoices):
        MARKET = "market", _("At the market")
        LIMIT = "limit", _("Limit, what is left taken away")

    class Counsel(models.TextChoices):
        IN_TURN = "in_turn", _("The first that answers")
        VOTE = "vote", _("Most of them")
        JUDGE = "judge", _("The last judges what the others say")

    # What it is called outside, as `model_id` too.
    code = models.CharField(_("code"), max_length=64, unique=True, validators=[CODE])
    name = models.CharField(_("name"), max_length=100)
    venue_account = models.ForeignKey(
        VenueAccount, models.PROTECT, related_name="traders", verbose_name=_("venue account")
    )
    # Where its candles come from.
    market = models.CharField(_("market"), max_length=16, choices=Venue, default=Venue.PAPER)
    symbols = models.JSONField(_("symbols"), default=list)
    timeframes = models.JSONField(_("timeframes"), default=list)
    template = models.ForeignKey(
        Template, models.PROTECT, related_name="traders", verbose_name=_("prompt template")
    )
    counsel = models.CharField(
        _("who decides"), max_length=8, choices=Counsel, default=Counsel.IN_TURN
    )
    # Each as `engine.deciding` describes it.
    limits = models.JSONField(_("limits"), default=dict, blank=True)
    budget = models.JSONField(_("budget"), default=dict, blank=True)
    patience = models.JSONField(_("patience"), default=dict, blank=True)
    interval_seconds = models.PositiveIntegerField(
        _("interval (s)"),
        default=180,
        validators=[MinValueValidator(5), MaxValueValidator(604_800)],
    )
    style = models.CharField(_("orders"), max_length=8, choices=Style, default=Style.MARKET)
    slippage_bps = models.PositiveIntegerField(
        _("slippage (bps)"), default=20, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    # What it was given; beyond it, everything is profit or loss.
    capital = PointsField(_("capital"))
    manager = models.ForeignKey(
        Manager,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="traders",
        verbose_name=_("manager"),
    )
    share_percent = models.DecimalField(
        _("share (%)"), max_digits=5, decimal_places=2, default=0, validators=PERCENT
    )
    # Below this Sharpe of its steps it pauses for a while; null: never.
    sharpe_floor = models.FloatField(_("Sharpe floor"), null=True, blank=True)
    sharpe_pause_seconds = models.PositiveIntegerField(_("Sharpe pause (s)"), default=1080)
    # Lost since its best; 0: never too much.
    drawdown_percent = models.DecimalField(
        _("drawdown limit (%)"), max_digits=5, decimal_places=2, default=0, validators=PERCENT
    )
    failure_percent = models.DecimalField(
        _("failures limit (%)"), max_digits=5, decimal_places=2, default=10, validators=PERCENT
    )
    failure_window = models.PositiveIntegerField(
        _("decisions looked at"), default=50, validators=[MinValueValidator(1)]
    )
    failure_least = models.PositiveIntegerField(
        _("decisions that count"), default=20, validators=[MinValueValidator(1)]
    )
    auto_start = models.BooleanField(_("starts by itself"), default=False)
    is_shadow = models.BooleanField(_("in the shadow"), default=False)
    is_public = models.BooleanField(_("public"), default=False)

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.STOPPED)
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    # Why it was passed over the last time that it was due; "" where it was not.
    skipped_because = models.CharField(
        _("passed over because"), max_length=200, blank=True, editable=False
    )
    skipped = models.PositiveIntegerField(_("passed over"), default=0, editable=False)
    began_at = models.DateTimeField(_("began at"), null=True, editable=False)
    next_at = models.DateTimeField(_("next at"), null=True, editable=False, db_index=True)
    pause_until = models.DateTimeField(_("rests until"), null=True, editable=False)
    # Decisions before this number do not count as failures: a person has looked at them.
    counted_from = models.PositiveIntegerField(default=0, editable=False)
    decided = models.PositiveIntegerField(_("decisions"), default=0, editable=False)
    best_equity = PointsField(_("best equity"), null=True, editable=False)
    # Who works on it now, and until when nobody else does.
    lease = models.CharField(max_length=64, blank=True, editable=False)
    leased_until = models.DateTimeField(_("taken until"), null=True, editable=False)
    # The end of its journal.
    head_number = models.PositiveBigIntegerField(default=0, editable=False)
    head_hash = models.CharField(max_length=64, default="0" * 64, editable=False)
    # Of each of its models, how it stands.
    standings = models.JSONField(default=dict, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("AI trader")
        verbose_name_plural = _("AI traders")
        indexes = [models.Index(fields=["status", "next_at"], name="traders_due")]

    def __str__(self):
        return self.name


class Seat(TenantOwned, Dated):
    """A model's place among those that a trader asks."""

    trader = models.ForeignKey(
        Trader, models.CASCADE, related_name="seats", verbose_name=_("AI trader")
    )
    mind = models.ForeignKey(
        Mind, models.PROTECT, related_name="seats", verbose_name=_("language model")
    )
    place = models.PositiveSmallIntegerField(_("place"))

    class Meta(TenantOwned.Meta):
        verbose_name = _("seat of a model")
        verbose_name_plural = _("seats of models")
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["trader", "place"], name="traders_seat_place_once"),
            models.UniqueConstraint(fields=["trader", "mind"], name="traders_seat_mind_once"),
        ]

    def __str__(self):
        return f"{self.trader} · {self.place} {self.mind}"


class Decision(TenantOwned, Fact):
    """One wake-up: what was asked, what was heard, and what became of it."""

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
    # Which model decided; "" where none did.
    mind = models.CharField(_("decided by"), max_length=64, blank=True)
    # Every raw answer: the model, the text, and the rule by which it was refused, if it was.
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
        Ticket, models.PROTECT, null=True, related_name="trader_item", verbose_name=_("ticket")
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


class Sample(TenantOwned, Dated):
    """What a trader was worth at one minute."""

    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="samples", verbose_name=_("AI trader")
    )
    at = models.DateTimeField(_("at"))
    capital = PointsField(_("capital"))
    equity = PointsField(_("equity"))
    realised = PointsField(_("realised"))
    unrealised = PointsField(_("unrealised"))
    # Whole hours and minutes since it began.
    hour = models.PositiveIntegerField(_("hour"))
    minute = models.PositiveIntegerField(_("minute"))
    # What it held, by symbol, as `selectors.holdings` tells it.
    positions = models.JSONField(_("positions"), default=dict)

    class Meta(TenantOwned.Meta):
        verbose_name = _("sample of a trader")
        verbose_name_plural = _("samples of traders")
        ordering = ["-id"]
        indexes = [models.Index(fields=["trader", "hour"], name="traders_sample_hour")]
        constraints = [
            models.UniqueConstraint(fields=["trader", "minute"], name="traders_sample_once"),
        ]

    def __str__(self):
        return f"{self.trader} {self.at:%Y-%m-%d %H:%M}"


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


class Allocation(TenantOwned, Fact):
    """A change of a trader's capital by its manager, with what it followed from."""

    append_only = True

    manager = models.ForeignKey(
        Manager, models.PROTECT, related_name="allocations", verbose_name=_("manager")
    )
    trader = models.ForeignKey(
        Trader, models.PROTECT, related_name="allocations", verbose_name=_("AI trader")
    )
    capital_before = PointsField(_("capital before"))
    capital_after = PointsField(_("capital after"))
    share_before = models.DecimalField(_("share before (%)"), max_digits=5, decimal_places=2)
    share_after = models.DecimalField(_("share after (%)"), max_digits=5, decimal_places=2)
    inputs = models.JSONField(_("inputs"), default=dict)

    class Meta(TenantOwned.Meta):
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        ordering = ["-id"]

    def __str__(self):
        return f"{self.trader} {self.share_after}"
