"""Market makers over the Platform API: by right, by name, and only one's own tenant's."""

import pytest

from apps.market_making.models import Maker, Session
from tests.apps.market_making.desk import Desk as Making
from tests.apps.market_making.test_hearing import figures
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import TenantFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def making(hints):
    return Making()


@pytest.fixture
def staff(making):
    return Desk("staff", tenant=making.maker.tenant, username="ann")


def test_a_maker_is_previewed_made_started_read_and_stopped(making, staff):
    account = VenueAccountFactory(
        member=making.account.member, node=making.node, position_mode="one_way"
    )
    asked = {"symbol": "BTC/USDT", "form": "goal", "asked": {"capital": 500, "profile": "safe"}}
    seen = data_of(staff.post("makers/preview", venue="paper", **asked))
    assert seen["half_spread_bps"] > 0
    made = data_of(staff.post("makers", venue_account_id=account.pk, **asked), 201)
    started = data_of(staff.post(f"makers/{made['id']}/start"), 201)
    assert (started["status"], started["started_by"]) == ("starting", "ann")
    assert refusal_of(staff.post(f"makers/{made['id']}/start")) == (409, "conflict")
    state = data_of(staff.get(f"makers/{made['id']}/state"))
    assert state["version"]["params"] == seen["params"]
    assert state["session"]["id"] == started["id"]
    changed = data_of(staff.post(f"makers/{made['id']}/change", asked={"gamma": 0.3}))
    assert changed["version"] == 2
    assert data_of(staff.post(f"makers/{made['id']}/stop"))["verb"] == "stop"


def test_readings_are_told_second_by_second(making, staff):
    making.run()
    making.hear("starting", "running", figures=figures(), told_at_ms=making.now_ms + 1000)
    (one,) = data_of(staff.get(f"makers/{making.maker.pk}/readings"))
    assert one["figures"]["fills"] == 0


def test_a_bad_value_is_refused_by_its_name(making, staff):
    answer = staff.post(f"makers/{making.maker.pk}/change", asked={"gamma": 99})
    assert refusal_of(answer) == (400, "bad_input")
    assert answer.json()["context"] == {"field": "gamma"}
    assert Maker.objects.of(making.maker.tenant).get().version == 1


def test_another_tenants_maker_is_not_there(making):
    globex = Desk("staff", tenant=TenantFactory(name="Globex"), username="gil")
    for verb in ("start", "stop", "halt", "release", "change"):
        assert refusal_of(globex.post(f"makers/{making.maker.pk}/{verb}"))[0] == 404
    assert not Session.objects.of(making.maker.tenant).exists()


def test_support_commands_nothing(making):
    support = Desk("support", tenant=None, username="sue")
    assert refusal_of(support.post(f"makers/{making.maker.pk}/start"))[0] == 403
