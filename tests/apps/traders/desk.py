"""What the tests of traders share: one on a living node, and models that say what they are told."""

import json
from datetime import timedelta
from decimal import Decimal

import msgspec
from django.utils import timezone

from apps.orders.services import record_reports
from apps.traders import services
from apps.traders.models import Decision, Item, Trader
from apps.traders.selectors import journal_of
from apps.venues.selectors import prices_seen
from engine.deciding.journal import read
from engine.deciding.line import Answer
from engine.deciding.prompt import default_text
from engine.envelope import sign
from engine.messages import Reports, number
from engine.paper.generated import SYMBOLS
from tests.apps.orders.desk import fill, report
from tests.factories import (
    AccountFactory,
    InstrumentFactory,
    NodeFactory,
    VenueAccountFactory,
)

NAMES = list(SYMBOLS)


class Desk:
    """A trader on the paper venue with models that answer from a list, and a clock of its own."""

    def __init__(self, *, minds=("one",), account=None, code="trader", mind_params=None, **values):
        # Away from midnight, where a day's budget would begin anew.
        self.now = timezone.now().replace(hour=1, microsecond=0) + timedelta(days=1)
        self.said, self.asked = [], []
        for symbol, shape in SYMBOLS.items():
            told = shape.instrument
            InstrumentFactory(
                symbol=symbol,
                tick=told.tick,
                step=told.step,
                min_quantity=told.min_quantity,
                min_notional=told.min_notional,
            )
        self.node = account.node if account else NodeFactory(last_heartbeat_at=self.now)
        self.account = account or VenueAccountFactory(node=self.node)
        member = self.account.member
        if not account:
            AccountFactory(tenant=member.tenant, owner=member.owner, credits=Decimal(1000))
        self.minds = [self.mind(name, **(mind_params or {})) for name in minds]
        template = services.create_template(tenant=member.tenant, name="house", text=default_text())
        self.trader = services.create_trader(
            account=self.account,
            code=code,
            minds=self.minds,
            capital=values.pop("capital", Decimal(10_000)),
            now=self.now,
            template=template,
            **{"symbols": NAMES, "timeframes": ["1m"], **values},
        )

    def mind(self, name, **params):
        return services.create_mind(
            tenant=self.account.tenant,
            name=name,
            protocol="openai",
            base_url="http://127.0.0.1:9/v1",
            model=name,
            params={"retries": 0, **params},
        )

    def start(self):
        services.start_trader(trader=self.fresh(), now=self.now)
        return self

    def fresh(self) -> Trader:
        self.trader = Trader.objects.across_tenants().get(pk=self.trader.pk)
        return self.trader

    def later(self, seconds):
        self.now += timedelta(seconds=seconds)
        type(self.node).objects.filter(pk=self.node.pk).update(last_heartbeat_at=self.now)

    def price(self, symbol="BTC/USDT"):
        return prices_seen(venue="paper", symbols=[symbol], now=self.now)[symbol][0]

    def post(self, url, *, headers, body, timeout_seconds):
        """A provider that answers with the next of what it was told to say."""
        self.asked.append(msgspec.json.decode(body))
        said = self.said.pop(0) if self.said else answer()
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Answer):
            return said
        told = {
            "choices": [{"message": {"content": said}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
        }
        return Answer(200, json.dumps(told).encode())

    def turn(self, *said) -> Decision | None:
        self.said += said
        return services.take_turn(trader_id=self.trader.pk, clock=lambda: self.now, post=self.post)

    def next(self, *said) -> Decision | None:
        self.later(self.trader.interval_seconds)
        return self.turn(*said)

    def long(self, symbol="BTC/USDT", **changes):
        """A sound opening: 1 percent risked for 4, at a fortieth of the capital."""
        price, size = self.price(symbol), Decimal(250)
        return {
            "signal": "buy_to_enter",
            "symbol": symbol,
            "leverage": 5,
            "position_size_usd": float(size),
            "entry_price": float(price),
            "stop_loss": float(price * Decimal("0.99")),
            "take_profit": float(price * Decimal("1.04")),
            "risk_usd": 2.5,
            "confidence": 80,
            "invalidation_condition": "it falls",
            "reasoning": "It rises.",
            **changes,
        }

    def short(self, symbol="BTC/USDT", **changes):
        price = self.price(symbol)
        return self.long(symbol) | {
            "signal": "sell_to_enter",
            "stop_loss": float(price * Decimal("1.01")),
            "take_profit": float(price * Decimal("0.96")),
            **changes,
        }

    def fill(self, ticket, price=None):
        """As if its node had reported it whole."""
        order = ticket.orders.get()
        price = number(price or self.price(ticket.symbol))
        told = report(order, fills=[fill(order, price=price, fee="0.1", name=str(order.pk))])
        envelope = sign(
            Reports(reports=[told]),
            sender=self.node.code,
            receiver="centre",
            key=self.node.sign_private,
        )
        record_reports(envelope=envelope, now=self.now)

    def items(self, decision=None):
        rows = Item.objects.across_tenants().filter(decision__trader=self.trader)
        return list((rows.filter(decision=decision) if decision else rows).order_by("pk"))

    def journal(self):
        return [entry.record for entry in read(journal_of(self.trader))]


def close(symbol="BTC/USDT", signal="close"):
    return {
        "signal": signal,
        "symbol": symbol,
        "invalidation_condition": "",
        "reasoning": "so",
        **dict.fromkeys(
            (
                *("leverage", "position_size_usd", "entry_price", "stop_loss", "take_profit"),
                *("risk_usd", "confidence"),
            ),
            0,
        ),
    }


def answer(*decisions):
    return json.dumps({"decisions": list(decisions)})
