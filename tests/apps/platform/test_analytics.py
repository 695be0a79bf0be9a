"""How accounts, trades and members did, as the Platform API tells it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.ledger.models import Account
from apps.positions.models import Position
from apps.venues.models import EquitySnapshot
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import (
    AccountFactory,
    CloseFactory,
    EquitySnapshotFactory,
    FillFactory,
    MemberFactory,
    PositionFactory,
    RewardFactory,
    SubscriptionFactory,
    TenantFactory,
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    return VenueAccountFactory()


@pytest.fixture
def desk(account):
    return Desk("staff", tenant=account.tenant)


def stood(account, day, equity, hour=23, deposited=0):
    EquitySnapshotFactory(
        venue_account=account,
        hour=datetime(2026, 3, day, hour, tzinfo=UTC),
        equity=Decimal(equity),
        deposited=Decimal(deposited),
    )


MARCH = {"first": "2026-03-02", "last": "2026-03-04"}


def test_equity_day_by_day(desk, account):
    for day, equity in enumerate([100, 110, 99, 120], start=1):
        stood(account, day, equity - 7, hour=4)
        stood(account, day, equity)
    told = data_of(desk.get("analytics/performance", **MARCH))
    assert [point["on"] for point in told["curve"]] == [f"2026-03-0{day}" for day in (1, 2, 3, 4)]
    assert [Decimal(point["equity"]) for point in told["curve"]] == [100, 110, 99, 120]
    assert told["summary"]["returned"] == pytest.approx(20)
    assert told["summary"]["drawdown"] == pytest.approx(10)
    assert told["summary"]["drawdown_days"] == 1
    assert (told["accounts"], told["summary"]["var_95"]) == (1, None)


def test_the_day_that_is_not_over_stands_at_its_latest(desk, account):
    stood(account, 3, 100)
    stood(account, 4, 104, hour=1)
    stood(account, 4, 107, hour=2)
    told = data_of(desk.get("analytics/performance", **MARCH))
    assert [Decimal(point["equity"]) for point in told["curve"]] == [100, 107]


def test_what_was_paid_in_is_no_return(desk, account):
    stood(account, 2, 100)
    stood(account, 3, 1100, deposited=1000)
    told = data_of(desk.get("analytics/performance", **MARCH))
    assert told["summary"]["returned"] == 0


def test_no_snapshot_is_no_figure(desk):
    told = data_of(desk.get("analytics/performance", **MARCH))
    assert (told["summary"], told["curve"]) == (None, [])


def test_one_account_or_one_member(desk, account):
    other = VenueAccountFactory(member__tenant=account.tenant)
    stood(account, 2, 100)
    stood(other, 2, 900)
    by_account = data_of(desk.get("analytics/performance", venue_account=other.pk, **MARCH))
    by_member = data_of(desk.get("analytics/performance", member=account.member_id, **MARCH))
    together = data_of(desk.get("analytics/performance", **MARCH))
    equities = [told["summary"]["equity"] for told in (by_account, by_member, together)]
    assert [Decimal(equity) for equity in equities] == [900, 100, 1000]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"first": "2026-03-05", "last": "2026-03-04"}, "first"),
        ({"first": "2020-01-01", "last": "2026-03-04"}, "first"),
        ({"first": "yesterday"}, "first"),
        ({"by": "hour"}, "by"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_is_asked_wrongly_is_named(desk, asked, field):
    answer = desk.get("analytics/statistics", **asked)
    assert answer.status_code == 400
    assert field in str(answer.json())


def test_another_tenants_accounts_are_not_there(desk):
    stranger = VenueAccountFactory()
    for what in ("performance", "statistics"):
        path = f"analytics/{what}"
        assert refusal_of(desk.get(path, venue_account=stranger.pk))[0] == 404
        assert refusal_of(desk.get(path, member=stranger.member_id))[0] == 404


def test_whoever_sees_all_says_whose_are_meant(account):
    stood(account, 2, 100)
    desk = Desk("operator")
    assert refusal_of(desk.get("analytics/performance", **MARCH))[0] == 400
    by_tenant = data_of(desk.get("analytics/performance", tenant_id=account.tenant_id, **MARCH))
    by_account = data_of(desk.get("analytics/performance", venue_account=account.pk, **MARCH))
    assert by_tenant == by_account


def traded(account, day, realized, month=3, subscription=None, **fields):
    at = datetime(2026, month, day, 12, tzinfo=UTC)
    position = PositionFactory(
        subscription=subscription or SubscriptionFactory(venue_account=account),
        status=Position.Status.CLOSED,
        realized=Decimal(realized),
        closed_at=at,
        open_key=None,
        **fields,
    )
    began = at - timedelta(hours=6)
    Position.objects.of(account.tenant).filter(pk=position.pk).update(created_at=began)
    return position


def test_closed_trades_in_figures(desk, account):
    for day, realized in ((2, 10), (3, -4), (4, 20)):
        traded(account, day, realized, fees=Decimal(1), funding=Decimal("0.5"))
    traded(account, 5, 1000)
    [told] = data_of(desk.get("analytics/statistics", **MARCH))
    figures = told["statistics"]
    assert (figures["trades"], figures["wins"], figures["losses"]) == (3, 2, 1)
    assert Decimal(figures["net"]) == Decimal("24.5")
    assert Decimal(figures["fees"]) == 3
    assert figures["average_hours"] == 6
    assert told["since"] == "2026-03-02"


def test_by_periods_and_only_of_one_symbol(desk, account):
    traded(account, 30, 5, symbol="BTC/USDT:USDT")
    traded(account, 2, 7, month=4, symbol="BTC/USDT:USDT")
    traded(account, 3, 9, month=4, symbol="ETH/USDT:USDT")
    span = {"first": "2026-03-20", "last": "2026-04-30"}
    since = {
        by: [each["since"] for each in data_of(desk.get("analytics/statistics", by=by, **span))]
        for by in ("day", "week", "month", "quarter", "year")
    }
    assert since == {
        "day": ["2026-03-30", "2026-04-02", "2026-04-03"],
        "week": ["2026-03-30"],
        "month": ["2026-03-20", "2026-04-01"],
        "quarter": ["2026-03-20", "2026-04-01"],
        "year": ["2026-03-20"],
    }
    [told] = data_of(desk.get("analytics/statistics", symbol="BTC/USDT:USDT", **span))
    assert Decimal(told["statistics"]["net"]) == 12


def test_only_of_one_strategy(desk, account):
    subscription = SubscriptionFactory(venue_account=account)
    traded(account, 2, 5, subscription=subscription)
    traded(account, 3, 7)
    strategy = subscription.tenant_strategy.strategy_id
    [told] = data_of(desk.get("analytics/statistics", strategy=strategy, **MARCH))
    assert Decimal(told["statistics"]["net"]) == 5


def test_what_was_bought_and_sold(desk, account):
    traded(account, 2, 5)
    for day, quantity in ((2, 3), (5, 100)):
        FillFactory(
            order__ticket__subscription=SubscriptionFactory(venue_account=account),
            quantity=Decimal(quantity),
            price=Decimal("0.5"),
            filled_at=datetime(2026, 3, day, tzinfo=UTC),
        )
    [told] = data_of(desk.get("analytics/statistics", **MARCH))
    assert Decimal(told["volume"]) == Decimal("1.5")


def points_for(member, amount, kind=Account.Kind.GIFT):
    AccountFactory(
        tenant=member.tenant, owner=member.owner, kind=kind, credits=Decimal(amount), debits=0
    )


def test_members_and_what_they_hold():
    tenant = TenantFactory()
    members = [MemberFactory(tenant=tenant) for _ in range(6)]
    for member, amount in zip(members, ["0.5", "100", "100.5", "10000", "10001"], strict=False):
        points_for(member, amount)
    points_for(members[0], "99.5", Account.Kind.SELF)
    points_for(MemberFactory(), "50")
    SubscriptionFactory(venue_account=VenueAccountFactory(member=members[0]))
    told = data_of(Desk("staff", tenant=tenant).get("analytics/members"))
    assert (told["members"], told["joined"], told["trading"], told["funded"]) == (6, 6, 1, 5)
    assert [tier["members"] for tier in told["tiers"]] == [1, 2, 1, 1, 1]


def test_ranks():
    tenant = TenantFactory()
    first, second = MemberFactory(tenant=tenant), MemberFactory(tenant=tenant)
    points_for(first, "5")
    points_for(second, "3")
    position = PositionFactory(subscription__venue_account__member=second)
    closes = [CloseFactory(position=position, profit=Decimal(profit)) for profit in (4, 2)]
    RewardFactory(pool__charge__close=closes[0], amount=Decimal(8))
    points_for(MemberFactory(), "50")
    desk = Desk("staff", tenant=tenant)
    ranks = {
        by: [
            (rank["rank"], rank["member"], Decimal(rank["value"]))
            for rank in data_of(desk.get("analytics/ranking", by=by))
        ]
        for by in ("points", "rewards", "profit", "trades")
    }
    assert ranks["points"] == [(1, first.pk, 5), (2, second.pk, 3)]
    assert ranks["rewards"] == [(1, second.pk, 8)]
    assert ranks["profit"] == [(1, second.pk, 6)]
    assert ranks["trades"] == [(1, second.pk, 1)]
    assert len(data_of(desk.get("analytics/ranking", limit=1))) == 1


def test_a_tenants_size_changes_no_number_of_questions(django_assert_num_queries, account):
    desk = Desk("staff", tenant=account.tenant)
    for _ in range(20):
        more = VenueAccountFactory(member__tenant=account.tenant)
        stood(more, 2, 100)
        traded(more, 2, 5)
    assert EquitySnapshot.objects.of(account.tenant).count() == 20
    # Who asks, the accounts, and their snapshots; or their trades and fills.
    with django_assert_num_queries(3):
        data_of(desk.get("analytics/performance", **MARCH))
    with django_assert_num_queries(4):
        data_of(desk.get("analytics/statistics", **MARCH))
