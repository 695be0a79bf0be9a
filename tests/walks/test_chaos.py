"""A storm over the whole house, judged by the exchange's own truth; and that the judge sees."""

import json
import shutil
import subprocess
import sys
from functools import partial

import pytest
from django.db import connection

from engine.paper.service.faults import Kind
from engine.signal import Action
from tests.engine.paper.clients import serving
from tests.servers import PLACES
from tests.walks import oracle
from tests.walks.market import DIALECTS, Market
from tests.walks.running import ROOT, Running, wait_for
from tests.walks.story import keys_checked, tell
from workers.__main__ import node_command

pytestmark = [pytest.mark.walk, pytest.mark.timeout(1200)]
SECONDS = 40


def test_a_storm_orders_nothing_twice_and_loses_nothing():
    if connection.vendor == "mysql" and not shutil.which("mariadbd", path=PLACES):
        pytest.skip("there is no MariaDB here that may be killed")
    set_up = "servers" if connection.vendor == "mysql" else "embedded"
    asked = ["--seed", "1", "--set-up", set_up, "--seconds", str(SECONDS), "--followers", "2"]
    storm = subprocess.run(
        [sys.executable, "-m", "bench.chaos", *asked], cwd=ROOT, capture_output=True, text=True
    )
    assert storm.returncode == 0, storm.stdout[-3000:] + storm.stderr[-3000:]
    (told,) = [line for line in storm.stdout.splitlines() if line.startswith("RESULT ")]
    told = json.loads(told.removeprefix("RESULT "))
    assert told["orders"] > 0
    assert told["blows"]["deaths"] > 0


class BlindHouse(Running):
    def _command(self, name):
        if name != "node":
            return super()._command(name)
        command = node_command(self.code, log_level="INFO")
        return ["tests.walks.blind" if word == "workers.app" else word for word in command]


def test_an_order_that_is_sent_again_without_a_look_is_seen(transactional_db, tmp_path, subtests):
    with serving() as service:
        market = Market(service)
        base = json.dumps(dict.fromkeys(DIALECTS, service.address))
        house = BlindHouse(tmp_path, VENUE_BASE_URLS=base)
        try:
            node = house.enroll()
            house.start("centre", "heartbeats", "node")
            wait_for(house.is_alive, what="the first heartbeat")
            stories = {}
            for dialect in DIALECTS:
                market.describe(dialect)
                account_of = partial(market.account_of, dialect)
                stories[dialect] = tell(dialect, node, account_of=account_of)
            wait_for(keys_checked, seconds=120, what="the keys checked")
            for story in stories.values():
                market.plan(story, [{"kind": Kind.TIMEOUT_AFTER}])
                story.publish(Action.OPEN)
            for story in stories.values():
                wait_for(partial(story.is_done, Action.OPEN), what="an order in")
        finally:
            house.stop()
        for dialect, story in stories.items():
            findings = oracle.Findings()
            for subscription in story.subscriptions:
                oracle.compare(subscription, market.truth(subscription), findings)
            with subtests.test(dialect):
                # OKX alone takes an id only once, and so saves who sends blindly.
                assert bool(findings.extra) == (dialect != "okx"), findings
