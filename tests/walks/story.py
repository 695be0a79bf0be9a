"""What a story is told about: a tenant with a tree, two accounts, and a signal each way.

One account goes long and the other short on the same market, so that whatever the
market does, one of the two closes at a profit and is charged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.core.management import call_command
from django.utils import timezone

from apps.ledger.models import Account
from apps.members.models import Member
from apps.members.services import create_member, open_tenant, set_market_node
from apps.nodes.models import Node
from apps.orders.models import Order, Ticket
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.positions.models import Close
from apps.signals.models import Signal
from apps.signals.services import publish_signal
from apps.strategies.models import Strategy, Subscription, Watch
from apps.strategies.services import offer_strategy, subscribe
from apps.venues.models import VenueAccount
from apps.venues.services import bind_account, record_equity
from engine.paper.generated import GeneratedMarket
from engine.signal import Action, Direction, Intent, Side
from tests.walks.running import wait_for

SYMBOL = "BTC/USDT"
FAR = datetime(2999, 1, 1, tzinfo=UTC)


@dataclass
class Story:
    name: str
    strategies: dict[Direction, Strategy]
    subscriptions: list[Subscription]
    bars: int = 0

    def publish(self, action: Action) -> list[Signal]:
        """Both strategies say what they want, as if a bar had just closed."""
        self.bars += 1
        now = timezone.now()
        price = price_now()
        return [
            publish_signal(
                strategy=strategy,
                symbol=SYMBOL,
                bar_at=now.replace(microsecond=self.bars),
                intent=Intent(
                    action=action, direction=direction, price=price, confidence=90, reason=self.name
                ),
                bars_late=0,
                now=now,
            )
            for direction, strategy in self.strategies.items()
        ]

    def wait_for_a_move(self) -> None:
        """Until one of the two ways would gain, whatever the spread."""
        opened = Order.objects.across_tenants().select_related("ticket")
        orders = list(opened.filter(ticket__in=self.tickets(Action.OPEN), filled__gt=0))

        def one_would_gain() -> bool:
            now = price_now()
            return any(
                (now / order.average_price - 1) * (1 if order.side == Side.BUY else -1)
                > Decimal("0.001")
                for order in orders
            )

        # One of them may have come in at a peak, and the other one at the next trough.
        wait_for(one_would_gain, seconds=240, what="the market to move")

    def tickets(self, action: Action):
        return Ticket.objects.across_tenants().filter(
            subscription__in=self.subscriptions, action=action
        )

    def is_done(self, action: Action) -> bool:
        done = self.tickets(action).filter(status=Ticket.Status.DONE).count()
        return done == len(self.subscriptions)

    def closes(self):
        return Close.objects.across_tenants().filter(position__subscription__in=self.subscriptions)

    def is_settled(self) -> bool:
        settled = self.closes().filter(status=Close.Status.SETTLED).count()
        return settled == len(self.subscriptions)


def price_now() -> Decimal:
    return GeneratedMarket().price(SYMBOL, int(timezone.now().timestamp() * 1000))


def on_paper(member: Member) -> dict[str, str]:
    return {"venue": "paper", "api_key": f"key-{member.pk}", "api_secret": "s"}


def tell(
    name: str,
    node: Node,
    *,
    followers: int = 1,
    account_of: Callable[[Member], dict[str, str]] = on_paper,
    capital: Decimal = Decimal(1000),
    points: Decimal = Decimal(100),
) -> Story:
    """A tenant named after the story, with `followers` subscriptions each way.

    `account_of` says which account at which venue a member binds.
    """
    call_command("load_fixtures", verbosity=0)
    tenant = open_tenant(name=f"Acme {name}").tenant
    for kind in (Account.Kind.SELF, Account.Kind.GIFT):
        recharge_tenant(key=f"{name}:{kind}", tenant=tenant, kind=kind, amount=Decimal(1_000_000))
    inviter = create_member(tenant=tenant, email="alice@example.com", password="a long password")
    set_market_node(member=inviter, is_market_node=True)
    strategies, subscriptions = {}, []
    for direction in Direction:
        strategy = Strategy.objects.create(
            code=f"{name}-{direction}"[:64].replace(".", "-"),
            name=name,
            rule="ma_cross",
            symbols=[SYMBOL],
            timeframe="1d",
        )
        # The story publishes by itself: no scan finds a bar of this strategy to decide.
        Watch.objects.create(strategy=strategy, symbol=SYMBOL, bar_at=FAR)
        strategies[direction] = strategy
        offered = offer_strategy(tenant=tenant, strategy=strategy)
        for number in range(followers):
            member = create_member(
                tenant=tenant,
                email=f"{direction}{number}@example.com",
                password="a long password",
                invite_code=inviter.invite_code,
            )
            recharge_member(
                key=f"{name}:{member.pk}",
                member=member,
                kind=Account.Kind.SELF,
                amount=points,
            )
            account = bind_account(member=member, node=node, **account_of(member))
            record_equity(account=account, equity=Decimal(10_000), now=timezone.now())
            subscriptions.append(
                subscribe(
                    tenant_strategy=offered,
                    venue_account=account,
                    capital=capital,
                    leverage=10,
                )
            )
    return Story(name, strategies, subscriptions)


def keys_checked() -> bool:
    """Whether nodes have told of every key; until then an account opens nothing."""
    accounts = VenueAccount.objects.across_tenants().exclude(venue="paper")
    return not accounts.filter(checked_at=None).exists()
