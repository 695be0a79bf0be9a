"""Valid rows of every noun. Acme and Globex are the tenants, Alice and Bob their members.

A factory makes the row and the rows it cannot be without, all of one tenant; it
calls no service, so a test that wants a ledger or a root member opens them itself.
"""

import base64
import functools
import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import factory
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory
from msgspec import to_builtins
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from apps.arena.models import Record, Source
from apps.arena.published.shapes import Kind
from apps.backtests.models import Report, Run, Trial
from apps.console.models import Export, ExportPart, SavedFilter
from apps.copying.models import Copier, Copy
from apps.core import sealed
from apps.core.models import IdempotencyKey, RefusedMessage
from apps.intake.models import Incoming, Intake
from apps.ledger.models import Account, Transfer
from apps.market_making.models import Command, Maker, Notice, Reading, Session, Version
from apps.members.models import Level, LevelChange, Member, Standing
from apps.monitoring.models import (
    Alert,
    Channel,
    Chat,
    ChatCommand,
    Pulse,
    Rule,
    Silence,
    Verification,
)
from apps.monitoring.models import Notice as AlertNotice
from apps.nodes.models import Node
from apps.orders.models import Brake, Fill, Order, Ticket
from apps.pointcards.models import Charge, HighWaterMark
from apps.positions.models import Close, Position
from apps.quotas.models import Plan, TenantPlan, Usage
from apps.rewards.models import Pool, Reward, Withdrawal
from apps.risk.models import RiskRule
from apps.signals.models import Signal
from apps.strategies.models import Strategy, Subscription, TenantStrategy, Watch
from apps.tallies.models import Reach, Tally
from apps.tenants.models import (
    AppKey,
    Delivery,
    Endpoint,
    Event,
    Login,
    LoginFailure,
    Policy,
    RecoveryCode,
    Tenant,
    User,
)
from apps.traders.models import (
    Allocation,
    Call,
    Decision,
    Duel,
    Item,
    Manager,
    Mind,
    Sample,
    Seat,
    Shade,
    Spending,
    Template,
    Trader,
)
from apps.venues.models import EquitySnapshot, Feed, Instrument, Payment, Venue, VenueAccount
from engine.deciding.prompt import default_text
from engine.envelope import client_order_id
from engine.ids import uuid7
from engine.making.forms import preset
from engine.order import OrderStatus
from engine.signal import Action, Direction, side_of

PASSWORD = "correct horse battery"
BAR_AT = datetime(2026, 1, 1, tzinfo=UTC)
CREDENTIALS = {"api_key": "key-alice-1234", "api_secret": "secret-alice", "passphrase": ""}


@functools.cache
def password_hash() -> str:
    """The hash of PASSWORD, made once: a hash is slow on purpose."""
    return make_password(PASSWORD)


def of(path: str) -> factory.SelfAttribute:
    return factory.SelfAttribute(path)


class RowFactory(DjangoModelFactory):
    class Meta:
        abstract = True

    @classmethod
    def _get_manager(cls, model_class):
        # `objects` of a tenant-owned row wants a tenant; here every row brings its own.
        return model_class._default_manager


class TenantFactory(RowFactory):
    class Meta:
        model = Tenant
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: ["Acme", "Globex"][n] if n < 2 else f"Tenant {n}")
    # The rules of the facts, as every tenant is opened with.
    policy = factory.RelatedFactory("tests.factories.PolicyFactory", factory_related_name="tenant")


class PolicyFactory(RowFactory):
    class Meta:
        model = Policy
        django_get_or_create = ("tenant", "version")

    tenant = factory.SubFactory(TenantFactory, policy=None)
    version = 1


class AppKeyFactory(RowFactory):
    """A key whose secret is "key-secret"."""

    class Meta:
        model = AppKey

    tenant = factory.SubFactory(TenantFactory)
    key = factory.Sequence(lambda n: f"{n:032x}")
    secret = factory.LazyAttribute(
        lambda row: sealed.seal("key-secret", binding=f"app_key:{row.key}")
    )
    name = "first key"
    scopes = factory.LazyFunction(lambda: list(AppKey.Scope.values))


class EndpointFactory(RowFactory):
    class Meta:
        model = Endpoint

    tenant = factory.SubFactory(TenantFactory)
    url = factory.Sequence(lambda n: f"https://acme.example/hooks/{n}")
    secret = factory.LazyAttribute(
        lambda row: sealed.seal("hook-secret", binding=f"webhook:{row.tenant.pk}:{row.url}")
    )


class EventFactory(RowFactory):
    class Meta:
        model = Event

    tenant = factory.SubFactory(TenantFactory)
    name = "withdrawal.approved"
    about = factory.LazyFunction(dict)


class DeliveryFactory(RowFactory):
    class Meta:
        model = Delivery

    event = factory.SubFactory(EventFactory)
    tenant = of("event.tenant")
    endpoint = factory.SubFactory(EndpointFactory, tenant=of("..tenant"))


class UserFactory(RowFactory):
    """Someone who logs in with PASSWORD; `tenant=None, is_superuser=True` is platform staff."""

    class Meta:
        model = User

    tenant = factory.SubFactory(TenantFactory)
    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.LazyFunction(password_hash)
    is_staff = True


class LoginFactory(RowFactory):
    class Meta:
        model = Login

    user = factory.SubFactory(UserFactory)
    source = "203.0.113.7"
    refresh_hash = "0" * 64
    seen_at = BAR_AT
    expires_at = BAR_AT + timedelta(days=14)


class RecoveryCodeFactory(RowFactory):
    class Meta:
        model = RecoveryCode

    user = factory.SubFactory(UserFactory)
    hash = factory.Sequence(lambda n: f"{n:064x}")


class LoginFailureFactory(RowFactory):
    class Meta:
        model = LoginFailure

    username = factory.Sequence(lambda n: f"mallory{n}")
    source = "203.0.113.7"


class PlanFactory(RowFactory):
    class Meta:
        model = Plan
        django_get_or_create = ("code",)

    code = factory.Sequence(lambda n: f"plan-{n}")
    name = of("code")
    price_monthly = Decimal("99.00")


class TenantPlanFactory(RowFactory):
    class Meta:
        model = TenantPlan

    tenant = factory.SubFactory(TenantFactory)
    plan = factory.SubFactory(PlanFactory)


class UsageFactory(RowFactory):
    class Meta:
        model = Usage

    tenant = factory.SubFactory(TenantFactory)
    on = factory.Sequence(lambda n: BAR_AT.date() + timedelta(days=n))
    calls = 7


class AccountFactory(RowFactory):
    """An empty account; `credits=Decimal(100)` gives it points from nowhere."""

    class Meta:
        model = Account

    tenant = factory.SubFactory(TenantFactory)
    owner = factory.Sequence(lambda n: f"member:{1_000_000 + n}")
    kind = Account.Kind.SELF
    debits = Decimal(0)
    credits = Decimal(0)


class TransferFactory(RowFactory):
    """The row alone: the accounts' own sums are moved by the ledger's service only."""

    class Meta:
        model = Transfer

    tenant = factory.SubFactory(TenantFactory)
    key = factory.Sequence(lambda n: f"test:transfer:{n}")
    debit = factory.SubFactory(
        AccountFactory, tenant=of("..tenant"), kind=Account.Kind.ISSUED, may_owe=True
    )
    credit = factory.SubFactory(AccountFactory, tenant=of("..tenant"))
    amount = Decimal(10)
    reason = Transfer.Reason.RECHARGE
    debit_number = factory.Sequence(lambda n: n + 1)
    debit_balance = factory.LazyAttribute(lambda row: -row.amount)
    credit_number = factory.Sequence(lambda n: n + 1)
    credit_balance = of("amount")


class LevelFactory(RowFactory):
    class Meta:
        model = Level
        django_get_or_create = ("number",)

    number = 0
    name = factory.LazyAttribute(lambda level: f"S{level.number}")
    min_team_holding = Decimal(0)
    rate = Decimal(0)


class MemberFactory(RowFactory):
    """A member; with `inviter=alice` one of Alice's tenant and below her in the tree."""

    class Meta:
        model = Member

    class Params:
        # The one member at the top of the tenant's tree.
        root = factory.Trait(root_of=of("tenant"))

    inviter = None
    tenant = factory.Maybe(
        "inviter",
        yes_declaration=of("inviter.tenant"),
        no_declaration=factory.SubFactory(TenantFactory),
    )
    email = factory.Sequence(
        lambda n: f"{['alice', 'bob'][n] if n < 2 else f'member{n}'}@example.com"
    )
    password = factory.LazyFunction(password_hash)
    invite_code = factory.Sequence(lambda n: f"T{n:07d}")
    path = factory.LazyAttribute(
        lambda member: f"{member.inviter.path}{member.inviter.pk}/" if member.inviter else ""
    )
    level = factory.SubFactory(LevelFactory)


class StandingFactory(RowFactory):
    class Meta:
        model = Standing

    member = factory.SubFactory(MemberFactory)
    tenant = of("member.tenant")
    own_holding = Decimal(1000)
    team_holding = Decimal(10_000)
    team_count = 3
    counted_at = BAR_AT


class LevelChangeFactory(RowFactory):
    class Meta:
        model = LevelChange

    member = factory.SubFactory(MemberFactory)
    tenant = of("member.tenant")
    before = factory.SubFactory(LevelFactory, number=0)
    after = factory.SubFactory(LevelFactory, number=1)
    own_holding = Decimal(1000)
    team_holding = Decimal(10_000)


class NodeFactory(RowFactory):
    """A node with real keys; the row in hand also knows `sign_private` and `seal_private`."""

    class Meta:
        model = Node

    class Params:
        signing = factory.LazyFunction(SigningKey.generate)
        sealing = factory.LazyFunction(PrivateKey.generate)

    code = factory.Sequence(lambda n: f"node-{n}")
    name = of("code")
    seal_key = factory.LazyAttribute(lambda node: to_text(node.sealing.public_key))
    verify_key = factory.LazyAttribute(lambda node: to_text(node.signing.verify_key))

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        private = {name: kwargs.pop(name) for name in ("sign_private", "seal_private")}
        node = super()._create(model_class, *args, **kwargs)
        for name, key in private.items():
            setattr(node, name, key)
        return node

    sign_private = factory.LazyAttribute(lambda node: node.signing)
    seal_private = factory.LazyAttribute(lambda node: node.sealing)


def node_keys() -> dict[str, str]:
    """The public keys that a host has made."""
    return {
        "seal_key": to_text(PrivateKey.generate().public_key),
        "verify_key": to_text(SigningKey.generate().verify_key),
    }


def to_text(key) -> str:
    return base64.b64encode(bytes(key)).decode()


class InstrumentFactory(RowFactory):
    class Meta:
        model = Instrument
        django_get_or_create = ("venue", "symbol")

    venue = Venue.PAPER
    symbol = "BTC/USDT"
    tick = Decimal("0.1")
    step = Decimal("0.001")
    min_quantity = Decimal("0.001")
    min_notional = Decimal(5)


class VenueAccountFactory(RowFactory):
    """An account on the paper venue, bound to a node, whose credentials really open."""

    class Meta:
        model = VenueAccount

    class Params:
        secrets = CREDENTIALS

    tenant = of("member.tenant")
    member = factory.SubFactory(MemberFactory)
    node = factory.SubFactory(NodeFactory)
    venue = Venue.PAPER
    checked_at = BAR_AT
    label = factory.Sequence(lambda n: "futures" if n == 0 else f"futures{n}")
    credentials = factory.LazyAttribute(
        lambda row: sealed.seal(
            json.dumps(row.secrets),
            binding=f"venue_account:{row.member.pk}:{row.venue}:{row.label}",
        )
    )
    key_hint = factory.LazyAttribute(lambda row: row.secrets["api_key"][-4:])


class EquitySnapshotFactory(RowFactory):
    class Meta:
        model = EquitySnapshot

    tenant = of("venue_account.tenant")
    venue_account = factory.SubFactory(VenueAccountFactory)
    hour = factory.Sequence(lambda n: BAR_AT + timedelta(hours=n))
    equity = Decimal(1000)
    balance = Decimal(1000)
    free = Decimal(900)


class FeedFactory(RowFactory):
    class Meta:
        model = Feed
        django_get_or_create = ("venue", "symbol", "timeframe")

    venue = Venue.OKX
    symbol = "BTC/USDT"
    timeframe = "1m"
    bars = 30
    wanted_at = BAR_AT
    next_at = BAR_AT


class PaymentFactory(RowFactory):
    class Meta:
        model = Payment

    tenant = of("venue_account.tenant")
    venue_account = factory.SubFactory(VenueAccountFactory)
    key = factory.LazyAttributeSequence(lambda row, n: f"{row.venue_account.pk}:{n}")
    kind = Payment.Kind.DEPOSIT
    amount = Decimal(500)
    paid_at = BAR_AT


class StrategyFactory(RowFactory):
    class Meta:
        model = Strategy

    code = factory.Sequence(lambda n: f"strategy-{n}")
    name = of("code")
    rule = "ma_cross"
    symbols = factory.LazyFunction(lambda: ["BTC/USDT"])
    timeframe = "1m"


class WatchFactory(RowFactory):
    class Meta:
        model = Watch

    strategy = factory.SubFactory(StrategyFactory)
    symbol = "BTC/USDT"
    bar_at = BAR_AT


class TenantStrategyFactory(RowFactory):
    class Meta:
        model = TenantStrategy

    tenant = factory.SubFactory(TenantFactory)
    strategy = factory.SubFactory(StrategyFactory)
    min_capital = Decimal(0)


class SubscriptionFactory(RowFactory):
    class Meta:
        model = Subscription

    tenant = of("venue_account.tenant")
    venue_account = factory.SubFactory(VenueAccountFactory)
    member = of("venue_account.member")
    tenant_strategy = factory.SubFactory(TenantStrategyFactory, tenant=of("..tenant"))
    capital = Decimal(1000)


class SignalFactory(RowFactory):
    class Meta:
        model = Signal

    strategy = factory.SubFactory(StrategyFactory)
    symbol = "BTC/USDT"
    timeframe = "1m"
    # Every signal is of a bar of its own.
    bar_at = factory.Sequence(lambda n: BAR_AT + timedelta(minutes=n))
    action = Action.OPEN.value
    direction = Direction.LONG.value
    price = Decimal(50_000)
    confidence = 80
    reason = "the fast average rose through the slow one"
    status = Signal.Status.PUBLISHED


class IntakeFactory(RowFactory):
    """Its secret is "secret-alice"."""

    class Meta:
        model = Intake

    name = factory.Sequence(lambda n: f"Chart {n}")
    strategy = factory.SubFactory(StrategyFactory, rule="", params={})
    token = factory.Sequence(lambda n: f"token-{n}")
    secret_digest = hashlib.sha256(b"secret-alice").hexdigest()
    status = Intake.Status.ACTIVE


class IncomingFactory(RowFactory):
    class Meta:
        model = Incoming

    intake = factory.SubFactory(IntakeFactory)
    key = factory.Sequence(lambda n: f"alert-{n}")
    body = '{"symbol": "BTCUSDT"}'
    outcome = Incoming.Outcome.PUBLISHED
    read_as = "BTC/USDT: open long"


class TicketFactory(RowFactory):
    """A planned ticket for one subscription; its signal is one of that subscription's strategy."""

    class Meta:
        model = Ticket

    subscription = factory.SubFactory(SubscriptionFactory)
    tenant = of("subscription.tenant")
    venue_account = of("subscription.venue_account")
    node = of("venue_account.node")
    signal = factory.SubFactory(
        SignalFactory, strategy=of("..subscription.tenant_strategy.strategy")
    )
    symbol = "BTC/USDT"
    action = Action.OPEN.value
    direction = Direction.LONG.value
    quantity = Decimal("0.1")
    status = Ticket.Status.PLANNED


class OrderFactory(RowFactory):
    """The first try of a ticket, open at the venue."""

    class Meta:
        model = Order

    id = factory.LazyFunction(uuid7)
    ticket = factory.SubFactory(TicketFactory, status=Ticket.Status.SENT)
    tenant = of("ticket.tenant")
    venue_account = of("ticket.venue_account")
    generation = of("ticket.generation")
    client_order_id = factory.LazyAttribute(
        lambda order: client_order_id(
            account=str(order.venue_account.pk),
            ticket_id=str(order.ticket.pk),
            generation=order.generation,
        )
    )
    symbol = of("ticket.symbol")
    side = factory.LazyAttribute(
        lambda order: side_of(Action(order.ticket.action), Direction(order.ticket.direction)).value
    )
    quantity = of("ticket.quantity")
    status = OrderStatus.OPEN.value


class BrakeFactory(RowFactory):
    class Meta:
        model = Brake

    # There is one that is on; these are over.
    reason = "the venue answers nonsense"
    pulled_by = released_by = "alice"
    released_at = BAR_AT
    on_key = None


class FillFactory(RowFactory):
    class Meta:
        model = Fill

    order = factory.SubFactory(OrderFactory)
    tenant = of("order.tenant")
    venue_fill_id = factory.Sequence(lambda n: f"fill-{n}")
    key = factory.LazyAttribute(
        lambda fill: f"{fill.order.venue_account.pk}:{fill.order.symbol}:{fill.venue_fill_id}"
    )
    quantity = of("order.quantity")
    price = Decimal(50_000)
    fee = Decimal("2.5")
    filled_at = BAR_AT


class RiskRuleFactory(RowFactory):
    """A tenant's own limit of three open positions."""

    class Meta:
        model = RiskRule

    tenant = factory.SubFactory(TenantFactory)
    rule = "positions"
    is_on = True
    figures = factory.LazyFunction(lambda: {"most": 3})
    version = 1
    key = factory.LazyAttribute(lambda row: RiskRule.key_of(row.tenant, row.rule))


class PositionFactory(RowFactory):
    """An open long position of a subscription's venue account."""

    class Meta:
        model = Position

    subscription = factory.SubFactory(SubscriptionFactory)
    tenant = of("subscription.tenant")
    venue_account = of("subscription.venue_account")
    symbol = "BTC/USDT"
    direction = Direction.LONG.value
    quantity = Decimal("0.1")
    entry_price = Decimal(50_000)
    open_key = factory.LazyAttribute(
        lambda held: f"{held.venue_account.pk}:{held.symbol}:{held.direction}"
    )


class CopierFactory(RowFactory):
    """A subscription that opens as much as another account of its tenant."""

    class Meta:
        model = Copier

    tenant = of("venue_account.tenant")
    venue_account = factory.SubFactory(VenueAccountFactory)
    member = of("venue_account.member")
    leader_account = factory.SubFactory(VenueAccountFactory, member=of("..member"))
    measure = Subscription.Measure.RATIO
    measured = Decimal(1)
    capital = Decimal(1000)


class CopyFactory(RowFactory):
    class Meta:
        model = Copy

    subscription = factory.SubFactory(CopierFactory)
    tenant = of("subscription.tenant")
    leader_position = factory.SubFactory(
        PositionFactory,
        subscription=None,
        tenant=of("..tenant"),
        venue_account=of("..subscription.leader_account"),
    )
    leader_quantity = Decimal("0.1")
    status = Copy.Status.REFUSED
    problem = "below the venue's step"


class CloseFactory(RowFactory):
    """An unsettled close with a profit of 100."""

    class Meta:
        model = Close

    position = factory.SubFactory(PositionFactory)
    tenant = of("position.tenant")
    fill_key = factory.Sequence(lambda n: f"test:close:{n}")
    profit = Decimal(100)
    fee = Decimal(0)


class ChargeFactory(RowFactory):
    """A charge of 30 on a profit of 100, paid from self cards."""

    class Meta:
        model = Charge

    close = factory.SubFactory(CloseFactory)
    tenant = of("close.tenant")
    member = of("close.position.venue_account.member")
    policy = factory.SubFactory(PolicyFactory, tenant=of("..tenant"))
    profit = of("close.profit")
    basis = of("profit")
    rate = Decimal("0.3")
    due = factory.LazyAttribute(lambda charge: charge.profit * charge.rate)
    from_self = of("due")
    from_gift = Decimal(0)
    shortfall = Decimal(0)


class HighWaterMarkFactory(RowFactory):
    class Meta:
        model = HighWaterMark

    member = factory.SubFactory(MemberFactory)
    tenant = of("member.tenant")
    stream = factory.Sequence(lambda n: f"subscription:{1_000_000 + n}")


class PoolFactory(RowFactory):
    class Meta:
        model = Pool

    charge = factory.SubFactory(ChargeFactory)
    tenant = of("charge.tenant")
    policy = of("charge.policy")
    amount = of("charge.from_self")


class RewardFactory(RowFactory):
    class Meta:
        model = Reward

    pool = factory.SubFactory(PoolFactory)
    tenant = of("pool.tenant")
    place = factory.Sequence(lambda n: n % 1000)
    member = of("pool.charge.member")
    kind = Reward.Kind.DIRECT
    rate = Decimal("0.1")
    amount = factory.LazyAttribute(lambda reward: reward.pool.amount * reward.rate)
    transfer = factory.SubFactory(
        TransferFactory, tenant=of("..tenant"), amount=of("..amount"), reason=Transfer.Reason.REWARD
    )


class WithdrawalFactory(RowFactory):
    """A pending withdrawal of 100; its points are not really held."""

    class Meta:
        model = Withdrawal

    member = factory.SubFactory(MemberFactory)
    tenant = of("member.tenant")
    key = factory.Sequence(lambda n: f"test:withdrawal:{n}")
    policy = factory.SubFactory(PolicyFactory, tenant=of("..tenant"))
    amount = Decimal(100)
    fee = Decimal(5)
    payout = Decimal(95)
    address = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


class MakerFactory(RowFactory):
    """A maker on an account in one-way mode, with its first version."""

    class Meta:
        model = Maker
        skip_postgeneration_save = True

    tenant = of("venue_account.tenant")
    venue_account = factory.SubFactory(VenueAccountFactory, position_mode="one_way")
    symbol = "BTC/USDT"

    @factory.post_generation
    def version_row(maker, create, extracted, **values):
        if create:
            VersionFactory(maker=maker, number=maker.version, **values)


class VersionFactory(RowFactory):
    class Meta:
        model = Version

    tenant = of("maker.tenant")
    maker = factory.SubFactory(MakerFactory)
    # The maker brings its first one.
    number = factory.Sequence(lambda n: n + 2)
    form = Version.Form.FULL
    params = factory.LazyFunction(lambda: to_builtins(preset("paper", "BTC/USDT")))
    changed_by = "alice"


class SessionFactory(RowFactory):
    class Meta:
        model = Session

    tenant = of("maker.tenant")
    maker = factory.SubFactory(MakerFactory)
    node = of("maker.venue_account.node")
    status = Session.Status.RUNNING
    started_by = "alice"
    leased_until = BAR_AT
    live_key = of("maker.pk")


class CommandFactory(RowFactory):
    class Meta:
        model = Command

    tenant = of("session.tenant")
    session = factory.SubFactory(SessionFactory)
    number = 1
    verb = Command.Verb.START
    version = 1
    asked_by = "alice"


class NoticeFactory(RowFactory):
    class Meta:
        model = Notice

    tenant = of("session.tenant")
    session = factory.SubFactory(SessionFactory)
    level = "info"
    kind = "started"
    noticed_at = BAR_AT


class ReadingFactory(RowFactory):
    class Meta:
        model = Reading

    tenant = of("session.tenant")
    session = factory.SubFactory(SessionFactory)
    read_at = BAR_AT
    figures = factory.LazyFunction(lambda: {"mid": "50000"})


class PulseFactory(RowFactory):
    class Meta:
        model = Pulse

    name = factory.Sequence(lambda n: f"pulse {n}")
    at = BAR_AT


class VerificationFactory(RowFactory):
    class Meta:
        model = Verification

    what = "ledger"
    seconds = 0.5


class ChannelFactory(RowFactory):
    class Meta:
        model = Channel

    name = factory.Sequence(lambda n: f"channel {n}")
    kind = Channel.Kind.WEBHOOK
    target = "hooks.example"
    secret = factory.LazyAttribute(
        lambda row: sealed.seal(
            '{"target": "https://hooks.example/x", "key": ""}',
            binding=f"channel:{row.kind}:{row.name}",
        )
    )


class RuleFactory(RowFactory):
    class Meta:
        model = Rule

    check_name = factory.Sequence(lambda n: f"check {n}")
    threshold = 1.0


class AlertFactory(RowFactory):
    class Meta:
        model = Alert

    rule = factory.SubFactory(RuleFactory)
    subject = "tokyo-1"
    began_at = BAR_AT
    severity = 2
    value = 2.0


class ChatFactory(RowFactory):
    class Meta:
        model = Chat

    number = factory.Sequence(lambda number: 1_000_000 + number)
    status = Chat.Status.ALLOWED
    user = factory.SubFactory(UserFactory, tenant=None)
    seen_at = BAR_AT


class ChatCommandFactory(RowFactory):
    class Meta:
        model = ChatCommand

    chat = factory.SubFactory(ChatFactory)
    bot = 123456
    update = factory.Sequence(lambda number: number)
    words = "/status"


class SilenceFactory(RowFactory):
    class Meta:
        model = Silence

    rule = factory.SubFactory(RuleFactory)
    until = BAR_AT
    reason = "maintenance"
    made_by = "alice"


class AlertNoticeFactory(RowFactory):
    class Meta:
        model = AlertNotice

    alert = factory.SubFactory(AlertFactory)
    channel = factory.SubFactory(ChannelFactory)
    kind = AlertNotice.Kind.FIRED


class IdempotencyKeyFactory(RowFactory):
    class Meta:
        model = IdempotencyKey

    scope = "test"
    key = factory.Sequence(lambda n: f"key-{n}")
    request_hash = "0" * 64


class RefusedMessageFactory(RowFactory):
    class Meta:
        model = RefusedMessage

    queue = "centre.reports"
    reason = "the message is not text"
    digest = factory.Sequence(lambda n: f"{n:064x}")


class RunFactory(RowFactory):
    class Meta:
        model = Run

    tenant = factory.SubFactory(TenantFactory)
    asked_by = "ann"
    kind = "backtest"
    rule = "ma_cross"
    venue = "paper"
    symbols = factory.LazyFunction(lambda: ["BTC/USDT"])
    timeframe = "1m"
    from_at = BAR_AT
    until_at = BAR_AT + timedelta(hours=5)
    alive_at = BAR_AT


class TrialFactory(RowFactory):
    class Meta:
        model = Trial

    run = factory.SubFactory(RunFactory)
    tenant = of("run.tenant")
    number = factory.Sequence(int)
    values = factory.LazyFunction(lambda: {"fast": 5, "slow": 20})
    score = Decimal("1.5")


class ReportFactory(RowFactory):
    class Meta:
        model = Report

    run = factory.SubFactory(RunFactory)
    account = gzip.compress(b"{}")


class MindFactory(RowFactory):
    """A model without a key, as a local server is asked."""

    class Meta:
        model = Mind

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda n: f"mind-{n}")
    protocol = Mind.Protocol.OPENAI
    base_url = "http://127.0.0.1:9/v1"
    model = "scripted"
    params = factory.LazyFunction(dict)


class TemplateFactory(RowFactory):
    class Meta:
        model = Template

    tenant = factory.SubFactory(TenantFactory)
    name = "house"
    version = factory.Sequence(lambda n: f"1.0.{n}")
    text = factory.LazyFunction(default_text)
    digest = factory.Sequence(lambda n: f"{n:064d}")


class ManagerFactory(RowFactory):
    class Meta:
        model = Manager

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda n: f"manager-{n}")
    total = Decimal(100_000)


class TraderFactory(RowFactory):
    class Meta:
        model = Trader

    tenant = of("venue_account.tenant")
    venue_account = factory.SubFactory(VenueAccountFactory)
    code = factory.Sequence(lambda n: f"trader-{n}")
    name = of("code")
    symbols = factory.LazyFunction(lambda: ["BTC/USDT"])
    timeframes = factory.LazyFunction(lambda: ["3m"])
    template = factory.SubFactory(TemplateFactory, tenant=of("..tenant"))
    capital = Decimal(10_000)


class SeatFactory(RowFactory):
    class Meta:
        model = Seat

    trader = factory.SubFactory(TraderFactory)
    tenant = of("trader.tenant")
    mind = factory.SubFactory(MindFactory, tenant=of("..tenant"))
    place = 1


class DecisionFactory(RowFactory):
    class Meta:
        model = Decision

    trader = factory.SubFactory(TraderFactory)
    tenant = of("trader.tenant")
    number = factory.Sequence(lambda n: n + 1)
    at = BAR_AT
    status = Decision.Status.DONE
    template = of("trader.template")
    template_version = "1.0.0"
    system = "You trade."
    user = "{}"
    digest = "0" * 64
    mind = "mind"
    journal_number = of("number")
    journal_hash = "0" * 64


class ItemFactory(RowFactory):
    class Meta:
        model = Item

    decision = factory.SubFactory(DecisionFactory)
    tenant = of("decision.tenant")
    symbol = "BTC/USDT"
    signal = "buy_to_enter"
    leverage = 5
    size = Decimal(400)
    entry = Decimal(60_000)
    stop = Decimal(59_000)
    target = Decimal(64_000)
    risk = Decimal("6.67")
    confidence = 80
    status = Item.Status.REFUSED


class CallFactory(RowFactory):
    class Meta:
        model = Call

    decision = factory.SubFactory(DecisionFactory)
    trader = of("decision.trader")
    tenant = of("decision.tenant")
    mind = "mind"
    purpose = "ask"
    result = Call.Result.ANSWERED
    cost = Decimal("0.01")
    tokens = 1000
    milliseconds = 250
    called_at = BAR_AT


class SpendingFactory(RowFactory):
    class Meta:
        model = Spending

    trader = factory.SubFactory(TraderFactory)
    tenant = of("trader.tenant")
    day = BAR_AT.date()


class SampleFactory(RowFactory):
    class Meta:
        model = Sample

    trader = factory.SubFactory(TraderFactory)
    tenant = of("trader.tenant")
    minute = factory.Sequence(int)
    hour = factory.LazyAttribute(lambda row: row.minute // 60)
    at = factory.LazyAttribute(lambda row: BAR_AT + timedelta(minutes=row.minute))
    capital = Decimal(10_000)
    equity = Decimal(10_050)
    realised = Decimal(30)
    unrealised = Decimal(20)


class ShadeFactory(RowFactory):
    class Meta:
        model = Shade

    item = factory.SubFactory(ItemFactory)
    trader = of("item.decision.trader")
    tenant = of("item.tenant")
    symbol = "BTC/USDT"
    direction = Direction.LONG.value
    quantity = Decimal("0.01")
    leverage = 5
    entry_price = Decimal(60_000)
    entry_fee = Decimal("0.24")
    stop = Decimal(59_000)
    target = Decimal(64_000)
    opened_at = BAR_AT


class DuelFactory(RowFactory):
    class Meta:
        model = Duel

    trader = factory.SubFactory(TraderFactory)
    tenant = of("trader.tenant")
    name = factory.Sequence(lambda n: f"duel-{n}")
    first = of("trader.template")
    second = factory.SubFactory(TemplateFactory, tenant=of("..tenant"))
    began_at = BAR_AT


class AllocationFactory(RowFactory):
    class Meta:
        model = Allocation

    trader = factory.SubFactory(TraderFactory)
    tenant = of("trader.tenant")
    manager = factory.SubFactory(ManagerFactory, tenant=of("..tenant"))
    capital_before = Decimal(10_000)
    capital_after = Decimal(11_000)
    share_before = Decimal(10)
    share_after = Decimal(11)


class SourceFactory(RowFactory):
    class Meta:
        model = Source

    name = factory.Sequence(lambda n: f"analytics-model-{n}")
    kind = Kind.MODEL_ANALYTICS
    digest = "0" * 64
    imported_at = BAR_AT


class RecordFactory(RowFactory):
    class Meta:
        model = Record

    source = factory.SubFactory(SourceFactory)
    key_hash = factory.Sequence(lambda n: f"{n:064x}")
    key = factory.Sequence(lambda n: f"model-{n}")
    model_id = of("key")
    place = 0
    content = "{}"


class SavedFilterFactory(RowFactory):
    class Meta:
        model = SavedFilter

    user = factory.SubFactory(UserFactory)
    page = "orders_order_changelist"
    title = factory.Sequence(lambda n: f"filter {n}")
    query = "status__exact=open"


class ExportFactory(RowFactory):
    class Meta:
        model = Export

    user = factory.SubFactory(UserFactory)
    tenant = of("user.tenant")
    of = "orders.order"
    form = "csv"
    language = "en"


class ExportPartFactory(RowFactory):
    class Meta:
        model = ExportPart

    export = factory.SubFactory(ExportFactory)
    number = 0
    content = b"a,b"


class TallyFactory(RowFactory):
    class Meta:
        model = Tally

    day = BAR_AT.date()
    tenant = factory.SubFactory(TenantFactory)
    what = Tally.What.ORDERS
    which = OrderStatus.FILLED.value
    count = 1


class ReachFactory(RowFactory):
    class Meta:
        model = Reach

    until = BAR_AT
