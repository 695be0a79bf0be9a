"""Every kind of trouble, made for real: somebody hears of it once, and once that it is over."""

import json
from collections import Counter
from functools import partial

import pytest

from apps.monitoring.models import Alert, Rule
from apps.monitoring.services import change_rule, create_channel, ensure_rules
from apps.venues.models import VenueAccount
from tests.apps.tenants.receiver import receiving
from tests.factories import VenueAccountFactory
from tests.walks.running import running, wait_for

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]
# What is wrong after so many seconds instead of the shipped ones.
THRESHOLDS = {"node": 5, "beat": 12, "queue": 9, "drift": 0}


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def house(transactional_db, tmp_path, receiver):
    ensure_rules()
    for name, threshold in THRESHOLDS.items():
        rule = Rule.objects.get(check_name=name)
        change_rule(rule=rule, threshold=threshold, for_seconds=1, cooldown_seconds=0)
    # A loaded host answers late now and then; that is another matter.
    Rule.objects.exclude(check_name__in=THRESHOLDS).update(is_active=False)
    create_channel(name="here", kind="webhook", target=receiver.url, key="shared")
    with running(tmp_path) as house:
        house.enroll()
        house.start("centre", "heartbeats", "backtests", "node", "beat", "watch")
        wait_for(house.is_alive, what="the first heartbeat")
        yield house


def heard(receiver):
    told = [json.loads(body) for _headers, body in receiver.heard]
    return Counter((one["check"], one["subject"], one["kind"]) for one in told)


def has_heard(receiver, *what):
    return heard(receiver)[what] > 0


def test_each_trouble_is_told_once_and_its_end_once(house, receiver):
    def await_word(*what):
        wait_for(partial(has_heard, receiver, *what), what=str(what))

    # A start takes its time; what is told of it is over before trouble begins.
    wait_for(lambda: is_quiet(receiver), what="quiet")
    receiver.heard.clear()

    house.fell("node")
    await_word("node", "walk", "fired")
    house.rise("node")
    await_word("node", "walk", "resolved")

    house.fell("beat")
    await_word("beat", "beat", "fired")
    house.rise("beat")
    await_word("beat", "beat", "resolved")

    house.fell("centre")
    await_word("queue", "centre.reports", "fired")
    house.rise("centre")
    await_word("queue", "centre.reports", "resolved")

    account = VenueAccountFactory()
    rows = VenueAccount.rows.filter(pk=account.pk)
    rows.update(drift={"BTC/USDT long": ["0.02", "0"]})
    await_word("drift", "accounts", "fired")
    rows.update(drift={})
    await_word("drift", "accounts", "resolved")

    wait_for(lambda: is_quiet(receiver), what="quiet")
    notices = [json.loads(body)["id"] for _headers, body in receiver.heard]
    assert len(set(notices)) == len(notices)
    # Queues of a loaded host may be late a second time, and are told so.
    counts = heard(receiver)
    once = {what: count for what, count in counts.items() if what[0] != "queue"}
    assert set(once.values()) == {1}, counts


def is_quiet(receiver) -> bool:
    """Nothing fires, and everything that began is told to be over."""
    is_calm = not Alert.objects.filter(status__in=Alert.OPEN).exists()
    kinds = Counter(kind for *_what, kind in heard(receiver).elements())
    return is_calm and kinds["fired"] == kinds["resolved"]
