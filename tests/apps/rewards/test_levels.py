"""Levels are counted from what is held: rising, falling, once, and in few statements."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.models import AuditEntry
from apps.members.models import Level, LevelChange, Member, Standing
from apps.rewards.services import recompute_all_levels, recompute_levels
from apps.tenants.models import Event
from apps.tenants.services import set_policy
from apps.venues.models import VenueAccount
from tests.apps.rewards.shop import RATES, Shop
from tests.at_once import at_once
from tests.factories import EndpointFactory, MemberFactory

TEAMS = [0, 10_000, 50_000, 200_000, 500_000, 1_000_000, 3_000_000, 10_000_000]


@pytest.fixture
def shop(db):
    return laddered("Acme")


def laddered(name):
    shop = Shop(name)
    for number, (team, rate) in enumerate(zip(TEAMS, RATES, strict=True)):
        Level.objects.filter(pk=number).update(min_team_holding=Decimal(team), rate=rate)
    return shop


def count(shop):
    return recompute_levels(tenant=shop.tenant, now=timezone.now())


def level(member):
    return Member.objects.across_tenants().get(pk=member.pk).level_id


def hold(member, equity):
    VenueAccount.objects.across_tenants().filter(member=member).update(equity=Decimal(equity))


def test_a_level_rises_with_the_team_and_falls_with_the_own_holding(shop):
    top = shop.member(holding=1000)
    middle = shop.member(inviter=top, holding=4000)
    shop.member(inviter=middle, holding=6000)
    counted = count(shop)
    assert (counted.members, counted.rose, counted.fell) == (4, 1, 0)
    assert (level(top), level(middle)) == (1, 0)
    hold(top, "999.99999999")
    assert count(shop).fell == 1
    assert level(top) == 0
    changes = LevelChange.objects.of(shop.tenant).order_by("pk")
    assert [(row.before_id, row.after_id, row.team_holding) for row in changes] == [
        (0, 1, 10_000),
        (1, 0, 10_000),
    ]


def test_everybodys_standing_is_kept(shop):
    top = shop.member(holding=10)
    shop.member(inviter=shop.member(inviter=top, holding=20), holding=30)
    count(shop)
    found = {
        row.member_id: (row.own_holding, row.team_holding, row.team_count)
        for row in Standing.objects.of(shop.tenant)
    }
    assert found[top.pk] == (10, 50, 2)
    assert found[shop.root.pk] == (0, 60, 3)
    hold(top, 11)
    count(shop)
    assert Standing.objects.of(shop.tenant).get(member=top).own_holding == 11


def test_only_active_accounts_count(shop):
    top = shop.member(holding=1000)
    below = shop.member(inviter=top, holding=10_000)
    VenueAccount.objects.across_tenants().filter(member=below).update(status="paused")
    count(shop)
    assert level(top) == 0


def test_counted_twice_nothing_changes(shop):
    top = shop.member(holding=1000)
    shop.member(inviter=top, holding=10_000)
    count(shop)
    again = count(shop)
    assert (again.rose, again.fell) == (0, 0)
    assert LevelChange.objects.of(shop.tenant).count() == 1
    assert AuditEntry.objects.filter(action="levels.counted").count() == 1


def test_the_policy_says_what_a_member_must_hold(shop):
    set_policy(tenant=shop.tenant, min_holding=Decimal(10))
    top = shop.member(holding=10)
    shop.member(inviter=top, holding=10_000)
    count(shop)
    assert level(top) == 1


def test_a_change_is_told_to_the_tenants_servers(shop):
    EndpointFactory(tenant=shop.tenant)
    top = shop.member(holding=1000)
    shop.member(inviter=top, holding=10_000)
    count(shop)
    event = Event.objects.of(shop.tenant).get(name="member.level_changed")
    assert event.about == {"member": top.pk, "before": 0, "after": 1}


def test_tenants_are_counted_apart(shop):
    globex = laddered("Globex")
    top = globex.member(holding=1000)
    globex.member(inviter=top, holding=10_000)
    assert count(shop).rose == 0
    assert level(top) == 0
    assert sum(row.rose for row in recompute_all_levels(now=timezone.now())) == 1
    assert level(top) == 1


def test_a_larger_tree_asks_no_more_questions(shop):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            count(shop)
        return len(queries)

    def grow(members):
        line = [shop.root]
        for number in range(members):
            line.append(MemberFactory(inviter=line[number % 30 if number > 30 else -1]))

    grow(20)
    small = cost()
    grow(400)
    assert cost() == small


@pytest.mark.django_db(transaction=True)
def test_counted_by_many_at_once_a_change_is_written_once():
    shop = laddered("Acme")
    top = shop.member(holding=1000)
    shop.member(inviter=top, holding=10_000)
    answers = at_once(3, lambda: count(shop))
    assert sorted(answer.rose for answer in answers) == [0, 0, 1]
    assert LevelChange.objects.of(shop.tenant).count() == 1


def test_the_command_counts_one_tenant_or_all(shop):
    laddered("Globex")
    told = StringIO()
    call_command("recompute_levels", tenant="Globex", stdout=told)
    assert told.getvalue().splitlines()[-1].split() == ["Globex", "1", "0", "0"]
    told = StringIO()
    call_command("recompute_levels", json=True, stdout=told)
    assert len(json.loads(told.getvalue())) == 2
    with pytest.raises(CommandError, match="Nobody"):
        call_command("recompute_levels", tenant="Nobody")
