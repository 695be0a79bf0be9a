"""Subscriptions of one strategy, spread over nodes, and what is queued for those."""

import json
from collections.abc import Sequence
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from nacl.signing import SigningKey

from apps.ledger.models import Account
from apps.members.services import open_tenant
from apps.nodes.models import Node
from apps.signals.models import Signal
from apps.strategies.models import Strategy
from engine import envelope
from engine.messages import Tickets
from ironbull.celery import app
from tests.factories import (
    AccountFactory,
    InstrumentFactory,
    LevelFactory,
    MemberFactory,
    SignalFactory,
    StrategyFactory,
    SubscriptionFactory,
    TenantStrategyFactory,
    VenueAccountFactory,
    WatchFactory,
)
from tests.walks.story import FAR


class Crowd:
    """Accounts that follow `groups` strategies, as many each, taking turns at the nodes."""

    def __init__(self, name: str, *, accounts: int, nodes: Sequence[Node], groups: int = 1) -> None:
        InstrumentFactory()
        LevelFactory()
        tenant = open_tenant(name=name).tenant
        self.nodes = nodes
        self.strategies: list[Strategy] = []
        for group in range(groups):
            strategy = StrategyFactory(code=f"{name}-{group}".lower(), timeframe="1d")
            # No scan decides by itself: signals come from the measurement alone.
            WatchFactory(strategy=strategy, bar_at=FAR)
            self.strategies.append(strategy)
            offered = TenantStrategyFactory(tenant=tenant, strategy=strategy)
            for number in range(accounts // groups):
                # Each at once, and no longer: whoever inserts below a node holds up its heartbeats.
                with transaction.atomic():
                    self._follow(tenant, offered, nodes[number % len(nodes)], number)

    def _follow(self, tenant, offered, node, number: int) -> None:
        member = MemberFactory(tenant=tenant)
        AccountFactory(
            tenant=tenant,
            owner=member.owner,
            kind=Account.Kind.SELF,
            credits=Decimal(100_000),
        )
        account = VenueAccountFactory(
            member=member,
            node=node,
            secrets={
                "api_key": f"key-{member.pk:040}",
                "api_secret": f"secret-{member.pk:057}",
                "passphrase": "",
            },
        )
        SubscriptionFactory(
            venue_account=account,
            tenant_strategy=offered,
            # No two affords the same: nothing is counted once for all.
            capital=Decimal(1000) + Decimal(number) / 8,
        )

    def new_signal(self, strategy: Strategy | None = None, **fields: object) -> Signal:
        told = {"strategy": strategy or self.strategies[0], "bar_at": timezone.now(), **fields}
        return SignalFactory(**told)


def queued(nodes: Sequence[Node]) -> int:
    """How many messages lie at the broker for these nodes."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        return sum(channel.queue_declare(node.queue).message_count for node in nodes)


def empty(nodes: Sequence[Node]) -> None:
    """Throw away what an earlier run left behind."""
    with app.connection_for_write() as connection:
        for name in [*(node.queue for node in nodes), "centre.dispatch"]:
            connection.default_channel.queue_declare(name, durable=True, auto_delete=False)
            connection.default_channel.queue_purge(name)


def take(nodes: Sequence[Node]) -> tuple[int, list[str]]:
    """Empty the nodes' queues: how many messages there were, and the orders named in them.

    Each is read as its node would read it, so what no node would believe ends the measurement.
    """
    key = SigningKey(settings.CENTRE_SIGNING_KEY).verify_key
    count, orders = 0, []
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        for node in nodes:
            while message := channel.basic_get(node.queue, no_ack=True):
                count += 1
                body = message.body if isinstance(message.body, bytes) else message.body.encode()
                _, kwargs, _ = json.loads(body)
                if "envelope" not in kwargs:
                    orders.append(kwargs["order_id"])
                    continue
                told = envelope.read(kwargs["envelope"], receiver=node.code)
                tickets = envelope.verify(*told, key=key, expected=Tickets).tickets
                orders += [ticket.order_id for ticket in tickets]
    return count, orders
