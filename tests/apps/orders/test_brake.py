"""The brake: nothing is opened while it is on, and closing goes on."""

import io
import json

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.audit import acting
from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.market_making.models import Session
from apps.market_making.services import start_maker, stop_opening
from apps.orders.models import Brake
from apps.orders.services import pull_brake, release_brake
from engine.messages import Task
from tests.apps.market_making.desk import Desk as MakersDesk
from tests.apps.orders.desk import Desk
from tests.apps.orders.test_dispatch_and_sweep import later, opened
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


def test_it_is_pulled_once_and_released_once():
    with acting("alice"):
        brake = pull_brake(reason=" nonsense ")
    with pytest.raises(Conflict, match="on already"):
        pull_brake(reason="again")
    with acting("bob"):
        release_brake(now=timezone.now())
    with pytest.raises(Conflict, match="not on"):
        release_brake(now=timezone.now())
    brake.refresh_from_db()
    assert (brake.reason, brake.pulled_by, brake.released_by) == ("nonsense", "alice", "bob")
    entries = AuditEntry.objects.filter(action__startswith="brake.")
    assert list(entries.order_by("number").values_list("action", "actor")) == [
        ("brake.pulled", "alice"),
        ("brake.released", "bob"),
    ]
    pull_brake(reason="another day")
    assert Brake.objects.count() == 2


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_it_has_a_reason(reason):
    with pytest.raises(BadInput) as refused:
        pull_brake(reason=reason)
    assert refused.value.context["field"] == "reason"
    assert not Brake.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_pull_it_at_once_one_did():
    told = at_once(2, lambda: pull_brake(reason="at once"))
    assert sorted(type(one) for one in told if isinstance(one, Conflict)) == [Conflict]
    assert Brake.objects.count() == 1


def test_what_left_before_it_is_asked_for_and_not_sent_again(hints):
    desk = Desk()
    desk.plan_and_send()
    pull_brake(reason="nonsense")
    hints.clear()
    later(desk, settings.SWEEP_AFTER_SECONDS)
    assert [ticket.task for ticket in opened(desk, hints)] == [Task.LOOK_UP]


def test_makers_are_told_to_stop_and_none_starts():
    desk = MakersDesk()
    desk.start()
    _brake, makers = stop_opening(reason="nonsense", now=desk.now)
    assert makers == [desk.maker]
    assert desk.session.verb == "stop"
    desk.hear("starting", "stopping", "idle")
    assert desk.session.status == Session.Status.IDLE
    with pytest.raises(Conflict, match="the brake is on"):
        start_maker(maker=desk.maker, now=desk.now)
    release_brake(now=desk.now)
    assert desk.start().status == Session.Status.STARTING


def test_the_command_line_pulls_and_releases_it():
    def told(*words):
        out = io.StringIO()
        call_command("brake", *words, "--json", stdout=out, stderr=io.StringIO())
        return json.loads(out.getvalue())

    assert told("list") == []
    (line,) = told("pull", "--reason", "nonsense")
    assert (line["is_on"], line["pulled_by"]) == (True, "manage.py brake")
    with pytest.raises(CommandError, match="on already"):
        told("pull", "--reason", "again")
    (line,) = told("release")
    assert line["is_on"] is False
    with pytest.raises(CommandError, match="reason: "):
        told("pull", "--reason", " ")
