"""The money page counts every point once, by tenant and by day; the pool page draws a split."""

import json
import re
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.console.money import books_of
from apps.console.pools import tree_of
from apps.ledger.models import Account
from apps.members.services import create_member, open_tenant
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.positions.models import Close
from apps.rewards.models import Pool
from apps.rewards.services import settle_closes
from apps.tallies.services import catch_up
from apps.venues.services import record_equity
from engine.money import ZERO
from tests.factories import (
    CloseFactory,
    LevelFactory,
    PositionFactory,
    SubscriptionFactory,
    UserFactory,
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db


def settled(name: str, profit: str = "1000", own: str = "200", gift: str = "60"):
    """A tenant whose member Bob, invited by Alice, made a profit and paid what he could."""
    LevelFactory()
    tenant = open_tenant(name=name).tenant
    word = name.lower()
    alice = create_member(tenant=tenant, email=f"alice@{word}.example", password="long enough")
    bob = create_member(
        tenant=tenant,
        email=f"bob@{word}.example",
        password="long enough",
        invite_code=alice.invite_code,
    )
    for kind, amount in {Account.Kind.SELF: own, Account.Kind.GIFT: gift}.items():
        recharge_tenant(key=f"{word}:{kind}", tenant=tenant, kind=kind, amount=Decimal(500))
        recharge_member(key=f"{word}:bob:{kind}", member=bob, kind=kind, amount=Decimal(amount))
    held = VenueAccountFactory(member=alice)
    record_equity(account=held, equity=Decimal(2000), now=held.created_at)
    account = VenueAccountFactory(member=bob)
    position = PositionFactory(subscription=SubscriptionFactory(venue_account=account))
    close = CloseFactory(position=position, profit=Decimal(profit))
    settle_closes(close_ids=[str(close.pk)])
    return tenant, Pool.objects.of(tenant).get()


@pytest.fixture
def platform(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    return client


def test_every_issued_point_stands_somewhere():
    tenant, _pool = settled("Acme")
    books = books_of(tenant)
    assert books.issued == 1000
    assert books.tenant_cards == 740
    assert books.member_cards == ZERO
    assert books.spent == 60
    # Of a pool of 200: 10 direct to Alice, and to the root what the network left over.
    assert (books.rewards, books.tech, books.retained) == (40, 20, 140)
    elsewhere = sum(getattr(books, name) for name in books.__dataclass_fields__ if name != "issued")
    assert elsewhere == books.issued


def test_a_tenants_books_are_its_own():
    acme, _pool = settled("Acme")
    settled("Globex", profit="100")
    assert books_of(acme).issued == 1000
    assert books_of().issued == 2000


def test_the_money_page_tells_what_moved(platform):
    settled("Acme")
    list(catch_up(now=timezone.now()))
    shown = platform.get(reverse("console:money"), {"days": "7"})
    moved = {str(tile["title"]): tile["value"] for tile in shown.context["moved"]}
    assert moved["Issued"] == "1,000.00"
    assert moved["Charged"] == "260.00"
    assert moved["Not covered"] == "40.00"
    drawn = json.loads(shown.context["chart"])
    assert len(drawn["labels"]) == 7
    charged = next(line for line in drawn["datasets"] if line["label"] == "Charged")
    assert [Decimal(value) for value in charged["data"]] == [0] * 6 + [260]
    assert [row[1] for row in shown.context["tenants"]["rows"]] == ["1,000.00"]


def test_every_number_of_the_money_page_leads_to_its_rows(platform):
    settled("Acme")
    shown = platform.get(reverse("console:money"))
    for tile in [*shown.context["standing"], *shown.context["moved"]]:
        assert platform.get(tile["href"]).status_code == 200, tile["title"]


def test_looking_through_a_tenant_shows_its_money_only(platform):
    acme, _pool = settled("Acme")
    settled("Globex")
    platform.post(reverse("console:switch-tenant"), {"tenant": acme.pk})
    shown = platform.get(reverse("console:money"))
    assert shown.context["standing"][0]["value"] == "1,000.00"
    assert "Globex" not in shown.content.decode()


def test_who_may_not_see_accounts_has_no_money_page(client):
    client.force_login(UserFactory(tenant=None))
    assert client.get(reverse("console:money")).status_code == 403


def test_a_pool_is_drawn_with_every_part(platform):
    _tenant, pool = settled("Acme")
    lines = [(depth, part.title, part.amount) for depth, part in tree_of(pool).walk()]
    assert lines == [
        (0, "Charge", 300),
        (1, "Profit pool", 200),
        (2, "Tech team", 20),
        (2, "Network", 40),
        (3, "Direct", 10),
        (3, "Peer, undistributed", 4),
        (3, "Network, undistributed", 26),
        (2, "Platform", 140),
        (1, "Gift points spent", 60),
        (1, "Not covered", 40),
    ]
    shown = platform.get(reverse("console:pool", args=[pool.pk])).content.decode()
    assert "alice@acme.example" in shown
    widths = [Decimal(width) for width in re.findall(r'<rect width="([0-9.]+)"', shown)]
    assert widths[0] == 100
    assert len(widths) == len(lines)


def test_another_tenants_pool_is_not_there(client):
    _tenant, pool = settled("Acme")
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(reverse("console:pool", args=[pool.pk])).status_code == 404


def test_parts_of_a_branch_add_up_to_it():
    _tenant, pool = settled("Acme", profit="33.33333333")
    for _depth, part in tree_of(pool).walk():
        if part.parts:
            assert sum(inner.amount for inner in part.parts) == part.amount
    assert Close.objects.across_tenants().get().status == Close.Status.SETTLED
