"""The demo has traders: seeded once, reached again at each start, asking models that answer."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.arena.own import public
from apps.traders.models import Decision, Mind, Trader
from apps.traders.services import stop_trader, take_turn
from engine.deciding.scripted import ScriptedModel
from ironbull.management.commands.demo_traders import FILE, read, seeded
from tests.factories import NodeFactory
from tests.walks.running import ROOT, database_url, wait_for

pytestmark = [pytest.mark.walk, pytest.mark.django_db(transaction=True)]
DESCRIBED = read(FILE)
CODES = {part.code for part in DESCRIBED.traders}


@pytest.fixture
def demo(settings, tmp_path):
    settings.PAPER_BOOK = str(tmp_path / "paper")
    settings.TRADER_JOURNALS = tmp_path / "journals"
    call_command("load_fixtures", verbosity=0)
    NodeFactory(code=DESCRIBED.node, last_heartbeat_at=timezone.now())
    call_command("demo", verbosity=0)


def rows():
    return {one.code: one for one in Trader.objects.across_tenants()}


def test_four_traders_of_different_temper_are_seeded_once_and_decide(demo):
    nowhere = dict.fromkeys(CODES, "http://127.0.0.1:9")
    with ExitStack() as stack:
        models = {code: stack.enter_context(ScriptedModel(code)) for code in CODES}
        addresses = {code: model.address for code, model in models.items()}
        assert seeded(DESCRIBED, addresses) == ""
        assert set(rows()) == {one.code for one in public()} == CODES
        assert len({one.venue_account_id for one in rows().values()}) == len(CODES)
        for trader in rows().values():
            take_turn(trader_id=trader.pk)
        assert all(model.asked for model in models.values())
    found = Decision.objects.across_tenants().select_related("trader")
    assert {one.trader.code: one.mind for one in found} == {
        code: f"scripted-{code}" for code in CODES
    }
    # Another start is at other addresses; who was stopped by somebody stays so.
    stop_trader(trader=rows()["bold"], now=timezone.now())
    assert seeded(DESCRIBED, nowhere) == ""
    assert set(Mind.objects.across_tenants().values_list("base_url", flat=True)) == {
        "http://127.0.0.1:9/v1"
    }
    assert {one.status for one in rows().values()} == {"running", "stopped"}
    assert len(rows()) == len(CODES)


def test_without_a_demo_it_waits_for_one():
    assert "no demo" in seeded(DESCRIBED, dict.fromkeys(CODES, "http://127.0.0.1:9"))
    assert not rows()


def test_the_process_serves_its_models_until_it_is_told_to_stop(demo, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "demo_traders"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "ironbull.settings",
            "DATABASE_URL": database_url(),
            "PAPER_BOOK": str(tmp_path / "paper"),
        },
    )
    try:
        wait_for(lambda: len(rows()) == len(CODES), seconds=60, what="four traders")
        wait_for(
            lambda: {one.status for one in rows().values()} == {"running"},
            what="them to be started",
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
