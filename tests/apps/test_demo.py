"""The demo is two living tenants, seeded once, whose profits pay every kind of reward."""

import json
from decimal import Decimal

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.models import AuditEntry
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import balances
from apps.members.models import Level, Member
from apps.nodes.models import Node
from apps.rewards.models import Reward
from apps.rewards.services import settle_closes
from apps.strategies.models import Strategy, Subscription
from apps.strategies.selectors import active_watches, followers
from apps.tenants.models import Tenant
from apps.venues.credentials import sealed_to_nodes
from apps.venues.models import VenueAccount
from apps.venues.selectors import holdings
from tests.factories import CloseFactory, NodeFactory

pytestmark = pytest.mark.django_db
FILE = settings.ROOT / "fixtures" / "demo.json"


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def installed():
    call_command("load_fixtures", verbosity=0)
    return NodeFactory(code="local")


@pytest.fixture
def demo(installed):
    call_command("demo", verbosity=0)
    return installed


def everyone():
    return Member.objects.across_tenants()


def counts():
    models = (Tenant, Node, Level, Strategy, AuditEntry)
    owned = (Member, VenueAccount, Subscription, Account, Transfer)
    return [model.objects.count() for model in models] + [
        model.objects.across_tenants().count() for model in owned
    ]


def test_both_tenants_trade_the_fast_strategy_at_once(demo):
    swift = Strategy.objects.get(code="swift-cross")
    assert list(active_watches()) == [swift]
    following = list(followers(swift))
    assert {row.tenant.name for row in following} == {"Acme Capital", "Globex Trading"}
    assert len(following) == 6
    assert {row.risk_mode for row in following} == {1, 2, 3}
    assert len({row.capital for row in following}) == 5
    accounts = [row.venue_account for row in following]
    assert {account.node for account in accounts} == {demo}
    assert set(sealed_to_nodes(accounts)) == {account.pk for account in accounts}
    owners = [row.member.owner for row in following]
    for kind in (Account.Kind.SELF, Account.Kind.GIFT):
        held = balances(owners, [kind])
        assert all(held[owner, kind] >= 100 for owner in owners)


def test_the_trees_are_deep_and_the_holdings_differ(demo):
    depth = {
        name: max(row.path.count("/") for row in everyone().filter(tenant__name=name))
        for name in ("Acme Capital", "Globex Trading")
    }
    assert depth == {"Acme Capital": 4, "Globex Trading": 3}
    held = holdings(everyone().filter(invited__isnull=False, root_of=None).distinct())
    assert min(held.values()) == Decimal(800)
    assert sum(holding >= 1000 for holding in held.values()) == 5


def test_the_levels_are_what_the_teams_hold(demo):
    members = list(everyone().filter(root_of=None))
    held = holdings(members)
    for member in members:
        below = [other for other in members if other.path.startswith(f"{member.path}{member.pk}/")]
        team = sum((held[other.pk] for other in below), Decimal(0))
        earned = Level.objects.filter(min_team_holding__lte=team).last().number
        assert member.level_id == (earned if held[member.pk] >= 1000 else 0), member


def test_profits_pay_every_kind_of_reward(demo):
    closes = [
        CloseFactory(
            position__subscription=row, tenant=row.tenant, position__venue_account=row.venue_account
        )
        for row in followers(Strategy.objects.get(code="swift-cross"))
    ]
    settle_closes(close_ids=[close.pk for close in closes])
    paid = Reward.objects.across_tenants().order_by().values_list("kind", flat=True)
    assert set(paid) == set(Reward.Kind.values)


def test_a_second_run_changes_nothing(demo, capsys):
    before = counts()
    call_command("demo")
    assert counts() == before
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:4] for row in rows] == [
        ["Acme", "Capital", "7", "0"],
        ["Globex", "Trading", "4", "0"],
    ]


def test_a_second_run_keeps_what_was_changed(demo):
    row = Subscription.objects.across_tenants().first()
    Subscription.objects.across_tenants().filter(pk=row.pk).update(
        status=Subscription.Status.STOPPED
    )
    account = row.venue_account
    VenueAccount.objects.across_tenants().filter(pk=account.pk).update(
        equity=Decimal(7), equity_at=timezone.now()
    )
    call_command("demo", verbosity=0)
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.status, account.equity) == (Subscription.Status.STOPPED, Decimal(7))


def test_a_run_that_was_cut_short_is_finished_by_the_next(installed, monkeypatch, tmp_path):
    described = json.loads(FILE.read_text())
    described["tenants"][1]["members"][2]["subscription"]["leverage"] = 500
    spoilt = tmp_path / "spoilt.json"
    spoilt.write_text(json.dumps(described))
    with pytest.raises(CommandError, match="leverage"):
        call_command("demo", file=spoilt, verbosity=0)
    # The member that could not be finished is not there at all.
    assert everyone().filter(root_of=None).count() == 9
    assert not everyone().filter(email="grace@globex.example").exists()
    call_command("demo", verbosity=0)
    assert everyone().filter(root_of=None).count() == 11
    assert Subscription.objects.across_tenants().count() == 6


def test_nobody_knows_a_password(demo, capsys):
    call_command("demo")
    hashes = set(everyone().filter(root_of=None).values_list("password", flat=True))
    assert len(hashes) == 11
    words = FILE.read_text().replace('"', " ").split() + capsys.readouterr().out.split() + [""]
    assert not [word for word in words for kept in list(hashes)[:2] if check_password(word, kept)]


@pytest.mark.parametrize(
    ("case", "change", "told"),
    [
        (
            "a misspelt field",
            lambda d: d["tenants"][0]["members"][1].update(levle=2),
            r"levle.*tenants\[0\]\.members\[1\]",
        ),
        ("a number as text", lambda d: d["tenants"][0].update(members="none"), "array"),
        (
            "an inviter who comes later",
            lambda d: d["tenants"][1]["members"][0].update(inviter="grace@globex.example"),
            "erin@globex.example is invited by grace@globex.example, who is not named before",
        ),
        ("an unknown strategy", lambda d: d.update(strategy="slow"), "no strategy slow"),
        ("an unknown node", lambda d: d.update(node="moon"), "no node moon"),
    ],
)
def test_a_bad_description_is_refused_before_anything_is_written(
    installed, tmp_path, case, change, told
):
    described = json.loads(FILE.read_text())
    change(described)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(described))
    before = counts()
    with pytest.raises(CommandError, match=told):
        call_command("demo", file=bad, verbosity=0)
    assert counts() == before


def test_without_an_installation_it_says_what_to_run():
    with pytest.raises(CommandError, match=r"manage\.py setup"):
        call_command("demo", verbosity=0)
    assert not Tenant.objects.exists()
