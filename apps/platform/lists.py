"""Everything that the admin shows, by the name of its list."""

from apps.backtests.models import Run, Trial
from apps.copying.models import Copy
from apps.core.models import AuditEntry, RefusedMessage
from apps.ledger.models import Account, Transfer
from apps.market_making.models import Command as MakerCommand
from apps.market_making.models import Maker, Notice, Reading, Version
from apps.market_making.models import Session as MakerSession
from apps.members.models import Level, LevelChange, Member, Standing
from apps.nodes.models import Node
from apps.orders.models import Fill, Order, Ticket
from apps.platform.listing import listing
from apps.pointcards.models import Charge, HighWaterMark
from apps.positions.models import Close, Position
from apps.quotas.models import Plan, TenantPlan, Usage
from apps.rewards.models import Pool, Reward, Withdrawal
from apps.risk.models import RiskRule
from apps.signals.models import Signal
from apps.strategies.models import Strategy, Subscription, TenantStrategy, Watch
from apps.tenants.models import (
    AppKey,
    Delivery,
    Endpoint,
    Event,
    Login,
    Policy,
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
from apps.venues.models import EquitySnapshot, Feed, Instrument, Payment, VenueAccount

MEMBER = ("member__email",)
MEMBER_OF_COPY = ("subscription__member__email",)

tenants = listing("tenants", Tenant, search=["name"])
users = listing("users", User, search=["username", "email"])
logins = listing("logins", Login, search=["user__username", "source"])
app_keys = listing("app-keys", AppKey, search=["key", "name"])
endpoints = listing("webhook-endpoints", Endpoint, search=["url"])
events = listing("webhook-events", Event, search=["name"])
deliveries = listing("webhook-deliveries", Delivery, search=["event__name", "endpoint__url"])
policies = listing("policies", Policy)
risk_rules = listing("risk-rules", RiskRule, search=["rule"])
plans = listing("plans", Plan, search=["code", "name"])
tenant_plans = listing("tenant-plans", TenantPlan, search=["tenant__name", "plan__code"])
usage = listing("usage", Usage)
members = listing("members", Member, search=["email", "invite_code"])
levels = listing("levels", Level)
standings = listing("standings", Standing, search=MEMBER)
level_changes = listing("level-changes", LevelChange, search=MEMBER)
nodes = listing("nodes", Node, search=["code", "name"])
instruments = listing("instruments", Instrument, search=["symbol"])
candle_feeds = listing("candle-feeds", Feed, search=["symbol"])
venue_accounts = listing("venue-accounts", VenueAccount, search=[*MEMBER, "label"])
equity_snapshots = listing("equity-snapshots", EquitySnapshot)
venue_payments = listing("venue-payments", Payment)
strategies = listing("strategies", Strategy, search=["code", "name"])
watches = listing("watches", Watch)
tenant_strategies = listing(
    "tenant-strategies", TenantStrategy, search=["display_name", "strategy__name"]
)
subscriptions = listing("subscriptions", Subscription, search=MEMBER)
copies = listing("copies", Copy, search=MEMBER_OF_COPY)
signals = listing("signals", Signal, search=["symbol"])
tickets = listing("tickets", Ticket, search=["symbol"])
orders = listing("orders", Order, search=["symbol", "client_order_id"])
fills = listing("fills", Fill, search=["key"])
positions = listing("positions", Position, search=["symbol"])
closes = listing("closes", Close, search=["fill_key"])
accounts = listing("ledger-accounts", Account, search=["owner"])
transfers = listing("transfers", Transfer, search=["key"])
charges = listing("charges", Charge, search=MEMBER)
high_water_marks = listing("high-water-marks", HighWaterMark, search=["stream", *MEMBER])
pools = listing("pools", Pool)
rewards = listing("rewards", Reward, search=MEMBER)
withdrawals = listing("withdrawals", Withdrawal, search=[*MEMBER, "address", "tx_hash"])
runs = listing("backtests", Run, search=["rule", "asked_by"])
trials = listing("backtest-trials", Trial)
makers = listing("makers", Maker, search=["symbol", "venue_account__member__email"])
maker_versions = listing("maker-versions", Version, search=["changed_by"])
maker_sessions = listing("maker-sessions", MakerSession, search=["reason", "started_by"])
maker_commands = listing("maker-commands", MakerCommand, search=["asked_by", "reason"])
maker_notices = listing("maker-notices", Notice, search=["kind"])
maker_readings = listing("maker-readings", Reading)
audit = listing("audit", AuditEntry, search=["action", "subject", "actor"])
refused_messages = listing("refused-messages", RefusedMessage, search=["queue", "reason"])
minds = listing("minds", Mind, search=["name", "model"])
templates = listing("prompt-templates", Template, search=["name"])
trader_managers = listing("trader-managers", Manager, search=["name"])
traders = listing("traders", Trader, search=["code", "name"])
trader_seats = listing("trader-seats", Seat)
trader_decisions = listing("trader-decisions", Decision, search=["mind", "reason"])
trader_items = listing("trader-items", Item, search=["symbol", "refused_by"])
trader_calls = listing("trader-calls", Call, search=["mind", "reason"])
trader_spendings = listing("trader-spendings", Spending)
trader_samples = listing("trader-samples", Sample)
trader_shades = listing("trader-shades", Shade, search=["symbol"])
trader_allocations = listing("trader-allocations", Allocation)
duels = listing("duels", Duel, search=["name"])
