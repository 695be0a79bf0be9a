"""Whole settlements through trees of members: who earned what, to the last unit, on the books."""

from collections import Counter
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.ledger.models import Account
from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.rewards.models import Reward
from tests.apps.rewards.shop import K, Shop, held, settle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def books_hold():
    yield
    call_command("verify_ledger", stdout=StringIO())


def rows():
    """Every reward as (kind, receiver, amount), in the order of the split."""
    rewards = Reward.objects.across_tenants().order_by("pool_id", "place")
    return [(reward.kind, reward.member, reward.amount) for reward in rewards]


def test_a_chain_of_market_nodes():
    shop = Shop()
    s5 = shop.member(level=5, node=True)
    s3 = shop.member(inviter=s5, level=3, node=True)
    s1 = shop.member(inviter=s3, level=1, node=True, holding=2000)
    source = shop.member(own=3000, inviter=s1)
    settle(shop.close(source, 10_000))
    assert rows() == [
        ("tech_team", shop.root, 300),
        ("direct", s1, 150),
        ("level_diff", s1, 120),
        ("level_diff", s3, 120),
        ("level_diff", s5, 120),
        ("peer_undist", shop.root, 60),
        ("network_undist", shop.root, 30),
        ("platform_retain", shop.root, 2100),
    ]
    assert [held(member.owner, K.REWARD) for member in (s1, s3, s5)] == [[270], [120], [120]]
    assert held(shop.root.owner, K.TECH, K.REWARD, K.RETAINED) == [300, 90, 2100]
    rates = Reward.objects.across_tenants().order_by("place").values_list("rate", flat=True)
    told = ["0.1", "0.25", "0.2", "0.2", "0.2", "0.1", "0", "0.7"]
    assert list(rates) == list(map(Decimal, told))


@pytest.mark.parametrize(
    ("case", "inviter", "expected"),
    [
        ("holds exactly 1,000", {"holding": 1000}, Counter(direct=50)),
        ("holds a unit less", {"holding": "999.99999999"}, Counter(direct_undist=50)),
        (
            "a peer who invited",
            {"holding": 2000, "level": 2, "node": True},
            Counter(direct=50, level_diff=60, peer=20),
        ),
        (
            "the cap ends the difference",
            {"holding": 5000, "level": 7, "node": True},
            Counter(direct=50, level_diff=150),
        ),
        (
            "the cap ends the peer",
            {"holding": 5000, "level": 6, "node": True},
            Counter(direct=50, level_diff=140, peer=10),
        ),
    ],
)
def test_what_the_network_is_given(case, inviter, expected):
    shop = Shop()
    above = shop.member(**inviter)
    level = inviter.get("level", 0) if expected["peer"] else 0
    settle(shop.close(shop.member(own=1000, inviter=above, level=level), "3333.33333334"))
    paid = Counter({kind: amount for kind, _member, amount in rows()})
    assert (paid["tech_team"], paid["platform_retain"]) == (100, 700)
    assert {kind: paid[kind] for kind in expected} == dict(expected)
    earned = expected - Counter(direct_undist=50)
    assert held(above.owner, K.REWARD) == [sum(earned.values())]
    assert sum(paid.values()) == 1000


def test_the_root_is_an_ordinary_node():
    shop = Shop()
    shop.root.is_market_node, shop.root.level = True, shop.levels[3]
    shop.root.save()
    settle(shop.close(shop.member(own=300), 1000))
    assert ("level_diff", shop.root, 24) in rows()


def test_only_active_accounts_are_held():
    shop = Shop()
    inviter = shop.member(holding=600)
    accounts = inviter.venue_accounts
    shop.close(inviter, 0)
    accounts.filter(equity=0).update(equity=Decimal(600))
    settle(shop.close(shop.member(own=300, inviter=inviter), 1000))
    accounts.filter(pk=accounts.first().pk).update(status="paused")
    settle(shop.close(shop.member(own=300, inviter=inviter), 1000))
    assert [kind for kind, *_ in rows() if kind.startswith("direct")] == ["direct", "direct_undist"]


def test_tenants_settled_together_share_nothing():
    acme, globex = Shop("Acme"), Shop("Globex")
    closes = acme.close(acme.member(own=1000), "3333.33333334")
    closes += globex.close(globex.member(own=500), "1666.66666667")
    settle(closes)
    for shop, whole in ((acme, 1000), (globex, 500)):
        kept = held(shop.root.owner, K.TECH, K.REWARD, K.RETAINED)
        assert kept == [whole / 10, whole / 5, whole * 7 / 10]
        owned = Reward.objects.of(shop.tenant)
        assert {reward.member for reward in owned} == {shop.root}


def test_a_unit_of_profit_is_settled_for_nothing():
    shop = Shop()
    (close,) = shop.close(shop.member(own=1), "0.00000001")
    settle([close])
    charge = Charge.objects.across_tenants().get()
    assert (charge.due, charge.from_self, charge.shortfall) == (0, 0, 0)
    assert rows() == []
    close.refresh_from_db()
    assert close.status == Close.Status.SETTLED


def test_few_units_are_the_platforms():
    shop = Shop()
    settle(shop.close(shop.member(own=1), "0.00000014"))
    assert [(kind, amount) for kind, _member, amount in rows()] == [
        ("platform_retain", Decimal("0.00000004"))
    ]


def test_two_hundred_closes_ask_as_few_questions_as_one():
    shop = Shop()
    top = shop.member(level=5, node=True)
    line = [shop.member(inviter=top, level=1, node=True, holding=2000)]
    for number in range(15):
        line.append(shop.member(own=1000, gift=10, inviter=line[-1], level=number % 4))

    def cost(count):
        closes = [
            close
            for number in range(count)
            for close in shop.close(line[1 + number % 15], 10 + number)
        ]
        with CaptureQueriesContext(connection) as queries:
            settle(closes)
        statuses = {Close.objects.across_tenants().get(pk=row.pk).status for row in closes}
        assert statuses == {Close.Status.SETTLED}
        inserts = sum("INSERT" in query["sql"] for query in queries)
        return len(queries) - inserts, inserts

    costs = {count: cost(count) for count in (1, 100, 200)}
    assert len({questions for questions, _ in costs.values()}) == 1
    assert costs[1][0] <= 25
    assert costs[1][1] == 7
    # Rows are written in as few statements as the database's limit on values allows.
    assert costs[200][1] <= (7 if connection.vendor == "mysql" else 45)
    assert Account.objects.across_tenants().filter(kind=K.POOL).get().balance == 0
