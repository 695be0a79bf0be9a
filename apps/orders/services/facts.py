"""What planning knows of every account before it judges one: as many queries however many.

Rows are read as plain tuples, for a signal may concern thousands of accounts, and a model's
instance costs more than all that is done with it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
from django.db.models import Case, IntegerField, TextField, Value, When
from django.db.models.functions import Cast

from apps.core.errors import StrangerRow
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.orders.selectors import Holding, UnderWay, brake_on, holdings, points_of, spent
from apps.orders.services.lately import Lately
from apps.risk.selectors import Limits
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from apps.strategies.selectors import followers
from apps.tenants.selectors import policies_of
from apps.venues.models import VenueAccount
from apps.venues.selectors import instruments_of
from engine.instrument import Instrument
from engine.signal import Action

decode = msgspec.json.Decoder().decode


class Follower(NamedTuple):
    """A subscription, as far as planning looks at it."""

    id: int
    tenant_id: int
    member_id: int
    venue_account_id: int
    capital: Decimal
    leverage: int
    risk_mode: int
    mode: str


class Account(NamedTuple):
    """A venue account, as far as planning looks at it; of a moment only whether it is known."""

    id: int
    tenant_id: int
    member_id: int
    venue: str
    label: str
    node_id: int | None
    credentials: str
    margin: str
    position_mode: str
    drift_told: str
    cleared_told: str
    quoted_told: str
    check_error: str
    can_trade: bool | None
    can_withdraw: bool | None
    checked_at: int | None
    key_accepted_at: int | None
    # The tenant's rule, of an account whose key can withdraw.
    withdrawing_keys: str = ""

    drift = property(lambda self: decode(self.drift_told))
    cleared_drift = property(lambda self: decode(self.cleared_told))
    quoted = property(lambda self: decode(self.quoted_told))
    # Most hold what the books say.
    is_drifting = property(
        lambda self: self.drift_told != "{}" and VenueAccount.is_drifting.fget(self)
    )
    key_refusal = VenueAccount.key_refusal


def is_known(moment: str) -> Case:
    """One, or null: to make a time of every row would cost as much as half of the others."""
    return Case(When(**{f"{moment}__isnull": False}, then=Value(1)), output_field=IntegerField())


READ_AS = {
    "checked_at": is_known("checked_at"),
    "key_accepted_at": is_known("key_accepted_at"),
    "drift_told": Cast("drift", TextField()),
    "cleared_told": Cast("cleared_drift", TextField()),
    "quoted_told": Cast("quoted", TextField()),
}
COLUMNS = [READ_AS.get(name, name) for name in Account._fields if name != "withdrawing_keys"]


def locked(venue_accounts: Iterable[int]) -> dict[int, Account]:
    """The accounts, by id. Of two who plan for one at once, one finds the other's ticket."""
    rows = VenueAccount.objects.across_tenants().filter(pk__among=venue_accounts)
    # In the order of their keys, so that two who lock several cannot deadlock.
    told = rows.select_for_update().order_by("pk").values_list(*COLUMNS)
    accounts = {row[0]: Account(*row) for row in told}
    withdrawing = [account for account in accounts.values() if account.can_withdraw]
    if withdrawing:
        rules = policies_of(account.tenant_id for account in withdrawing)
        for account in withdrawing:
            rule = rules[account.tenant_id].withdrawing_keys
            accounts[account.id] = account._replace(withdrawing_keys=rule)
    return accounts


class Facts:
    """Everything that the judgement of one signal's subscriptions needs."""

    def __init__(self, signal: Signal, *, now: datetime) -> None:
        closing = signal.action == Action.CLOSE
        self.is_braked = not closing and brake_on() is not None
        rows = followers(signal.strategy, closing=closing).values_list(*Follower._fields)
        self.followers = [Follower._make(row) for row in rows]
        keys = {follower.venue_account_id for follower in self.followers}
        self.accounts = locked(keys)
        self._refuse_strangers()
        self.limits = Limits(account.tenant_id for account in self.accounts.values())
        self.lately = Lately(keys, self.limits.look_at, now)
        self.spent = spent(self._once()) if signal.action == Action.OPEN else set()
        # In this order: what was under way a moment ago may be held by now.
        under_way = UnderWay(keys)
        self.waiting: Counter[int] = under_way.before(signal)
        self.opening = under_way.opening()
        self.parked = under_way.parked()
        self.held: dict[int, list[Holding]] = holdings(keys)
        self.points = points_of({follower.member_id for follower in self.followers})
        self.alive: dict[int, Node] = {node.pk: node for node in alive_nodes(now)}
        venues = {account.venue for account in self.accounts.values()}
        self.instruments: dict[str, Instrument] = instruments_of(signal.symbol, venues)

    def has_clock_off(self, account: Account) -> bool:
        node = self.alive.get(account.node_id)
        return node is not None and node.is_clock_off

    def _refuse_strangers(self) -> None:
        """What is written without a model's `save` was not compared by it."""
        for follower in self.followers:
            if self.accounts[follower.venue_account_id].tenant_id != follower.tenant_id:
                raise StrangerRow(f"subscription {follower.id} trades an account of another tenant")

    def _once(self) -> list[int]:
        return [row.id for row in self.followers if row.mode == Subscription.Mode.ONCE]
