"""`manage.py drill` at the paper exchange over HTTP: a round trip that leaves nothing open."""

import os
import signal
import time
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from engine.order import OrderStatus
from engine.paper.service.faults import Kind
from engine.signal import Action
from engine.venues import binance
from tests.engine.paper.clients import Control, serving

DIALECTS = ["binance", "okx", "gate"]


@pytest.fixture(scope="module")
def service():
    with serving() as service:
        Control(service).hold(BTC="50000")
        yield service


@pytest.fixture
def drill(service, monkeypatch):
    """The command, with the keys of a new account."""

    def begin(dialect, cash=10_000):
        key = Control(service).open(dialect, cash)
        monkeypatch.setenv("DRILL_API_KEY", key["api_key"])
        monkeypatch.setenv("DRILL_API_SECRET", key["secret"])
        monkeypatch.setenv("DRILL_PASSPHRASE", key["passphrase"])

        def run(*arguments):
            run.told = StringIO()
            paper = ["--paper", service.address, "--yes", "--notional", "600", *arguments]
            call_command("drill", "--venue", dialect, *paper, stdout=run.told)
            return run.told.getvalue()

        run.account = key["account"]
        run.truth = lambda: Control(service).truth(key["account"])
        return run

    return begin


@pytest.mark.parametrize("dialect", DIALECTS)
def test_long_and_short_there_and_back(drill, dialect):
    run = drill(dialect)
    told = run("--dual", "--isolated")
    assert f"At {dialect} now: nothing" in told
    assert told.count("protect") == 4
    truth = run.truth()
    assert truth["positions"] == []
    assert len([one for one in truth["orders"] if one["filled"] != "0"]) == 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dry_run_asks_and_places_nothing(drill, dialect):
    run = drill(dialect)
    told = run("--dry-run")
    assert "trades yes" in told
    assert run.truth()["orders"] == []


def test_what_is_opened_is_closed_although_the_venue_gives_no_answer(drill, service):
    run = drill("binance")
    Control(service).fault(Kind.TIMEOUT_AFTER, account=run.account, operation="place", delay_ms=100)
    told = run()
    assert "At binance now: nothing" in told
    assert len(run.truth()["orders"]) >= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_is_opened_is_closed_although_it_is_stopped_meanwhile(drill, number, monkeypatch):
    def sleep(seconds):
        if seconds == 5:
            os.kill(os.getpid(), number)

    clock = SimpleNamespace(sleep=sleep, time_ns=time.time_ns)
    monkeypatch.setattr("engine.venues.drill.time", clock)
    before = signal.getsignal(number)
    run = drill("binance")
    with pytest.raises(CommandError, match="stopped before its end"):
        run("--delay", "5")
    assert "At binance now: nothing" in run.told.getvalue()
    assert len([one for one in run.truth()["orders"] if one["filled"] != "0"]) == 2
    assert signal.getsignal(number) is before


def test_what_fills_after_its_answer_is_closed_too(drill, monkeypatch):
    """Of a venue that is slow to tell: it says that nothing is filled, and then it is."""
    placed = binance.Binance.place

    def place(self, ticket):
        order = placed(self, ticket)
        is_opening = ticket.action is Action.OPEN
        nothing = {"status": OrderStatus.OPEN, "filled": Decimal(0), "fills": []}
        return replace(order, **nothing) if is_opening else order

    monkeypatch.setattr(binance.Binance, "place", place)
    run = drill("binance")
    assert "At binance now: nothing" in run()
    assert run.truth()["positions"] == []


def test_a_venue_that_refuses_makes_it_fail_with_nothing_open(drill):
    run = drill("okx", cash=1)
    with pytest.raises(CommandError, match="not every request"):
        run()
    assert "refused" in run.told.getvalue()
    assert run.truth()["positions"] == []


BAD = {
    "neither real nor meant": (["--venue", "okx"], "--real --yes"),
    "real, and not meant": (["--venue", "okx", "--real"], "--real --yes"),
    "no such venue": (["--venue", "mtgox"], "--venue"),
    "no symbol": (["--venue", "okx", "--symbol", "btc"], "--symbol"),
    "no amount": (["--venue", "okx", "--yes", "--real", "--notional", "x"], "--notional"),
    "too much": (["--venue", "okx", "--yes", "--real", "--notional", "1e30"], "--notional"),
    "too long": (["--venue", "okx", "--yes", "--real", "--delay", "9" * 20], "--delay"),
    "elsewhere": (["--venue", "okx", "--paper", "http://example.com:80"], "--paper"),
    "two at once": (["--venue", "okx", "--close", "--dry-run"], "not allowed with"),
    "no keys": (["--venue", "okx", "--dry-run"], "DRILL_API_KEY"),
}


@pytest.mark.parametrize(("arguments", "refusal"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_by_name(arguments, refusal, monkeypatch):
    for name in ("DRILL_API_KEY", "DRILL_API_SECRET", "DRILL_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CommandError, match=refusal):
        call_command("drill", *arguments)
