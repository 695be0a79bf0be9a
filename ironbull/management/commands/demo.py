"""A living demo: two tenants whose members trade a fast strategy on the paper venue.

Everything is done by the services that the doors call too. What exists already is
left as it is, so the command may run again, and goes on where it was cut short.
Nobody knows the members' passwords: they are random and only their hash is kept.
"""

import secrets
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from apps.core import audit
from apps.core.commands import Bar, HouseCommand, Subject, add_json
from apps.core.errors import DomainError
from apps.ledger.models import Account
from apps.members.models import Member
from apps.members.services import create_member, open_tenant, set_market_node
from apps.nodes.models import Node
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.quotas.models import Plan
from apps.quotas.services import assign_plan
from apps.rewards.services import recompute_levels
from apps.strategies.models import Strategy, TenantStrategy
from apps.strategies.services import offer_strategy, subscribe
from apps.tenants.models import Tenant
from apps.venues.models import Venue
from apps.venues.services import bind_account, record_equity
from engine.venues.paper import PaperVenue

FILE = settings.ROOT / "fixtures" / "demo.json"
HEADINGS = ["tenant", "members", "new", "following", "strategy", "node"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the demo's description."""


class SubscriptionPart(Part, frozen=True, kw_only=True):
    capital: Decimal
    leverage: int
    risk_mode: int


class MemberPart(Part, frozen=True, kw_only=True):
    email: str
    # The e-mail of a member named before; nobody is the tenant's root member.
    inviter: str | None = None
    is_market_node: bool = False
    equity: Decimal
    self_points: Decimal
    gift_points: Decimal
    subscription: SubscriptionPart | None = None


class TenantPart(Part, frozen=True, kw_only=True):
    name: str
    plan: str
    # What the tenant calls the strategy.
    display_name: str
    self_points: Decimal
    gift_points: Decimal
    members: list[MemberPart]


class Description(Part, frozen=True, kw_only=True):
    node: str
    strategy: str
    tenants: list[TenantPart]


class Command(HouseCommand):
    help = "Seed two tenants with members, point cards and paper accounts that trade."
    subject = Subject.START
    examples = """
        demo
        demo --file fixtures/demo.json
    """

    def add_arguments(self, parser):
        parser.add_argument("--file", type=Path, default=FILE, help="the demo's description")
        add_json(parser)

    def handle(self, *, file, verbosity, **options):
        described = read(file)
        node = existing(Node, code=described.node)
        strategy = existing(Strategy, code=described.strategy)
        try:
            with audit.acting("demo"):
                lines = [
                    seed(part, node=node, strategy=strategy, bar=self.bar)
                    for part in described.tenants
                ]
        except DomainError as error:
            raise CommandError(f"{error.message} {error.context or ''}".strip()) from error
        self.bar.end()
        if verbosity:
            self.tell(HEADINGS, lines)


def read(file: Path) -> Description:
    try:
        described = msgspec.json.decode(file.read_bytes(), type=Description)
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"{file.name}: {error}") from error
    for tenant in described.tenants:
        named = {None}
        for member in tenant.members:
            if member.inviter not in named:
                raise CommandError(
                    f"{file.name}: {member.email} is invited by {member.inviter}, "
                    "who is not named before"
                )
            named.add(member.email)
    return described


def existing(model, **key):
    """A row that an earlier step of the installation has made."""
    row = model.objects.filter(**key).first()
    if row is None:
        told = " ".join(str(value) for value in key.values())
        raise CommandError(
            f"there is no {model._meta.verbose_name} {told}: run `manage.py setup` first"
        )
    return row


def seed(part: TenantPart, *, node: Node, strategy: Strategy, bar: Bar) -> list[object]:
    """One tenant with all its members; the answer says what is there now."""
    tenant, offered = opened(part, strategy=strategy)
    made = 0
    for place, member in enumerate(part.members):
        bar.show(place, len(part.members), tenant.name)
        made += add_member(member, tenant=tenant, offered=offered, node=node)
    recompute_levels(tenant=tenant, now=timezone.now())
    following = sum(member.subscription is not None for member in part.members)
    called = offered.display_name or strategy.name
    return [tenant.name, len(part.members), made, following, called, node.code]


@transaction.atomic
def opened(part: TenantPart, *, strategy: Strategy) -> tuple[Tenant, TenantStrategy]:
    """The tenant with its plan, its point cards and the strategy it offers."""
    tenant = Tenant.objects.filter(name=part.name).order_by("pk").first()
    if tenant is None:
        tenant = open_tenant(name=part.name).tenant
        assign_plan(tenant=tenant, plan=existing(Plan, code=part.plan))
        for kind, amount in points(part):
            recharge_tenant(
                key=f"demo:tenant:{tenant.pk}:{kind}", tenant=tenant, kind=kind, amount=amount
            )
    return tenant, offer_strategy(tenant=tenant, strategy=strategy, display_name=part.display_name)


@transaction.atomic
def add_member(part: MemberPart, *, tenant: Tenant, offered: TenantStrategy, node: Node) -> bool:
    """A member with cards and a paper account, all or nothing; whether it is new."""
    members = Member.objects.of(tenant)
    if members.filter(email=part.email).exists():
        return False
    inviter = members.get(email=part.inviter) if part.inviter else tenant.root_member
    member = create_member(
        tenant=tenant,
        email=part.email,
        password=secrets.token_urlsafe(18),
        invite_code=inviter.invite_code,
    )
    if part.is_market_node:
        set_market_node(member=member, is_market_node=True)
    for kind, amount in points(part):
        recharge_member(
            key=f"demo:member:{member.pk}:{kind}", member=member, kind=kind, amount=amount
        )
    account = bind_account(member=member, venue=Venue.PAPER, node=node)
    with closing(PaperVenue(Path(settings.PAPER_BOOK), str(account.pk), cash=part.equity)) as venue:
        record_equity(account=account, equity=venue.balance().total, now=timezone.now())
    if part.subscription:
        subscribe(
            tenant_strategy=offered,
            venue_account=account,
            capital=part.subscription.capital,
            leverage=part.subscription.leverage,
            risk_mode=part.subscription.risk_mode,
        )
    return True


def points(part: TenantPart | MemberPart) -> list[tuple[str, Decimal]]:
    return [(Account.Kind.SELF, part.self_points), (Account.Kind.GIFT, part.gift_points)]
