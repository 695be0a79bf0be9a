"""Numbers and moments at the end of what there is."""

import pytest

from apps.members.models import Member
from apps.venues.services import bind_account
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "moment", ["0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
@pytest.mark.parametrize("name", ["start_time", "end_time"])
def test_the_first_and_last_moment_of_the_card_log(moment, name):
    shop = Shop()
    shop.http.raise_request_exception = False
    told = shop.get("/merchant/point-card/logs", **{name: moment})
    assert told.status_code in (200, 422), told.status_code


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("way", ["from", "until"])
def test_the_first_and_last_moment_of_a_list(moment, way):
    desk = Desk("support")
    desk.http.raise_request_exception = False
    told = desk.get("tenants", **{f"created_at_{way}": moment})
    assert told.status_code in (200, 400), told.status_code


@pytest.mark.parametrize("least", ["1e30", "1E+999999", "9" * 30])
def test_more_point_cards_than_there_are(least):
    shop = Shop()
    shop.http.raise_request_exception = False
    member = Member.objects.of(shop.tenant).get(pk=shop.member())
    account = bind_account(member=member, venue="paper")
    offer = shop.offer()
    told = shop.post(
        "/merchant/user/strategy/open",
        email=member.email,
        account_id=account.pk,
        strategy_id=offer.strategy_id,
        min_point_card=least,
    )
    assert told.status_code in (200, 422), told.status_code
    assert told.json()["code"] != 0


@pytest.mark.parametrize("least", ["0", "-1"])
def test_the_least_of_point_cards_is_not_the_callers_to_waive(least):
    shop = Shop()
    member = Member.objects.of(shop.tenant).get(pk=shop.member())
    account = bind_account(member=member, venue="paper")
    offer = shop.offer()
    told = shop.post(
        "/merchant/user/strategy/open",
        email=member.email,
        account_id=account.pk,
        strategy_id=offer.strategy_id,
        min_point_card=least,
    )
    assert told.json()["code"] != 0, told.content


def test_a_search_longer_than_sqlite_takes():
    desk = Desk("support")
    desk.http.raise_request_exception = False
    assert desk.get("tenants", search="x" * 60_000).status_code < 500
