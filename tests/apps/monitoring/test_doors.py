"""/ready, /metrics, `manage.py watch --once`, and the files that read the metrics."""

import io
import json
import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from apps.monitoring.checks import CHECKS
from apps.monitoring.models import Alert, Pulse, Rule
from ironbull.management.commands.watch import Watcher
from tests.factories import AlertFactory, NodeFactory, RuleFactory, TicketFactory
from tests.servers import free_port

pytestmark = pytest.mark.django_db
DOCKER = Path(__file__).resolve().parents[3] / "docker" / "monitoring"


def families(answer):
    return {one.name: one for one in text_string_to_metric_families(answer.content.decode())}


def read(settings, **headers):
    settings.METRICS_TOKEN = "metrics-token"
    return Client().get("/metrics", headers=headers)


def test_the_metrics_are_for_who_has_the_token(settings):
    assert Client().get("/metrics").status_code == 401
    # Without a token, nobody has it: not even who sends an empty one.
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert read(settings).status_code == 401
    assert read(settings, Authorization="Bearer wrong").status_code == 401
    assert read(settings, Authorization="Basic metrics-token").status_code == 401
    answer = read(settings, Authorization="Bearer metrics-token")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")


def test_they_tell_what_there_is(settings):
    NodeFactory(code="tokyo-1", load_percent=40, venues={"okx": 12, "gate": None})
    TicketFactory(status="parked")
    AlertFactory(rule=RuleFactory(check_name="disk"), status=Alert.Status.FIRING, severity=3)
    found = families(read(settings, Authorization="Bearer metrics-token"))
    parked = [
        one.value
        for one in found["ironbull_check"].samples
        if (one.labels["check"], one.labels["subject"]) == ("parked", "tickets")
    ]
    assert parked == [1]
    assert [one.value for one in found["ironbull_tickets"].samples] == [1]
    (firing,) = found["ironbull_alerts_firing"].samples
    assert (firing.labels, firing.value) == ({"check": "disk", "severity": "3"}, 1)
    (venue,) = found["ironbull_node_venue_ms"].samples
    assert (venue.labels, venue.value) == ({"node": "tokyo-1", "venue": "okx"}, 12)
    failed = {one.labels["check"]: one.value for one in found["ironbull_check_failed"].samples}
    assert failed == dict.fromkeys(CHECKS, 0)


def test_what_the_files_ask_for_is_there(settings):
    found = families(read(settings, Authorization="Bearer metrics-token"))
    files = [*DOCKER.glob("*.yml"), *DOCKER.glob("*.json")]
    asked = {
        name
        for file in files
        for name in re.findall(r"\bironbull_[a-z_]+", file.read_text())
        if name != "ironbull_up"
    }
    assert asked
    assert asked <= set(found)


def test_the_rules_and_dashboards_can_be_read():
    rules = yaml.safe_load((DOCKER / "rules.yml").read_text())
    checks = {
        name
        for group in rules["groups"]
        for rule in group["rules"]
        for name in re.findall(r'check="(\w+)"', rule["expr"])
    }
    assert checks <= set(CHECKS)
    board = json.loads((DOCKER / "dashboard.json").read_text())
    assert all(panel["targets"] for panel in board["panels"])


def test_it_is_ready_with_a_database_and_a_broker():
    answer = Client().get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "missing": {}})


def test_it_is_not_ready_without_its_broker(settings):
    settings.BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    answer = Client().get("/ready")
    assert (answer.status_code, answer.json()["missing"]) == (503, {"broker": "away"})


def test_only_reading_is_allowed():
    assert Client().post("/ready").status_code == 405
    assert Client().post("/metrics").status_code == 405


def test_one_look_is_printed():
    out = io.StringIO()
    call_command("watch", "--once", stdout=out)
    shown = {line.split()[0] for line in out.getvalue().splitlines()}
    assert {"disk", "parked", "database"} <= shown
    assert Rule.objects.count() == len(CHECKS)
    out = io.StringIO()
    call_command("watch", "--once", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert {one["check"] for one in told} == set(CHECKS)


def test_a_round_sends_a_probe_to_each_queue_and_no_second_before_it_is_back(monkeypatch):
    sent = []
    monkeypatch.setattr(
        "apps.monitoring.services.pulses.publish",
        lambda name, kwargs, queue: sent.append(queue),
    )
    watcher = Watcher(every=1)
    watcher.round()
    assert len(sent) == len(set(sent)) > 3
    watcher.next_probe = 0
    watcher.round()
    assert len(sent) == len(set(sent))
    Pulse.objects.filter(name="centre.scan").update(at=watcher.sent["centre.scan"])
    watcher.next_probe = 0
    watcher.round()
    assert sent.count("centre.scan") == 2
