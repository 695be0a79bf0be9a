"""The service as a process of its own: it starts, is killed, comes back, and stops when asked."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import ccxt
import pytest
import requests
from django.core.management import CommandError, call_command

from engine.paper.service.keys import Key
from tests.engine.paper.clients import BTC, Control, client, serving

ROOT = Path(__file__).resolve().parents[3]


class Process:
    def __init__(self, *arguments):
        command = [sys.executable, "manage.py", "paper_exchange", "--json", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        told = json.loads(line)
        self.service = SimpleNamespace(
            address=told["address"],
            control_address=told["control"],
            keys=[Key(**key) for key in told["keys"]],
        )
        self.control = Control(self.service)

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def run():
    running = []

    def start(*arguments):
        running.append(Process(*arguments))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def test_a_killed_service_comes_back_with_all_it_had_answered(run, tmp_path):
    first = run("--home", tmp_path)
    trader = client(first.service, "binance")
    trader.set_margin_mode("isolated", BTC)
    trader.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "ib1"})
    trader.create_order(BTC, "limit", "buy", 0.01, 40_000, {"clientOrderId": "ib2"})
    told = first.control.truth("binance-demo")
    assert first.end(signal.SIGKILL) == -signal.SIGKILL

    port = first.service.address.rpartition(":")[2]
    second = run("--home", tmp_path, "--port", port)
    assert second.service.keys == first.service.keys
    again = second.control.truth("binance-demo")
    for moving in ("available", "unrealised"):
        told.pop(moving), again.pop(moving)
    assert again == told
    # The client that was there before goes on as if nothing had been.
    assert trader.fetch_order(None, BTC, {"clientOrderId": "ib2"})["status"] == "open"
    trader.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert trader.fetch_positions([BTC]) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_asked(run, tmp_path, number):
    started = run("--home", tmp_path)
    trader = client(started.service, "okx")
    trader.load_markets()  # leaves a connection open
    before = time.monotonic()
    assert started.end(number) == 0
    assert time.monotonic() - before < 10
    with pytest.raises(ccxt.NetworkError):
        trader.fetch_time()


def test_the_keys_are_for_their_owner_only(run, tmp_path):
    run("--home", tmp_path)
    assert os.stat(tmp_path / "keys.json").st_mode & 0o077 == 0


def test_one_home_has_one_service(run, tmp_path):
    run("--home", tmp_path)
    with pytest.raises(AssertionError, match="another exchange"):
        run("--home", tmp_path)


def test_without_a_home_nothing_is_kept(run):
    first, second = run("--forget"), run("--forget")
    assert first.service.keys != second.service.keys


def test_the_market_moves_by_itself_and_orders_fill_by_it():
    clock = iter(range(1_700_000_000_000, 1 << 60, 5_000))
    with serving(clock=lambda: next(clock)) as service:
        control = Control(service)
        prices = {control.truth()["marks"]["BTC/USDT"] for _ in range(5)}
        assert len(prices) > 1


def test_the_truth_is_the_sum_of_everything():
    with serving() as service:
        control = Control(service)
        control.hold(BTC=60_000, ETH=3_000)
        for dialect, amount in (("binance", 0.01), ("okx", 1), ("gate", 100)):
            client(service, dialect).create_order(BTC, "market", "buy", amount)
        control.hold(BTC=58_000)
        told = control.truth()
        assert told["total"] == told["deposited"] == "30000"
        held = {
            name: [Decimal(one["quantity"]) for one in account["positions"]]
            for name, account in told["accounts"].items()
        }
        assert held == {f"{one}-demo": [Decimal("0.01")] for one in ("binance", "okx", "gate")}


@pytest.mark.parametrize(
    ("method", "path", "told", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("POST", "/faults", {"kind": "no_such_fault"}, 400),
        ("POST", "/prices", {"BTC/USDT": "-1"}, 400),
        ("POST", "/accounts", {"dialect": "nobody"}, 400),
    ],
)
def test_the_control_refuses_what_it_does_not_know(method, path, told, status):
    with serving() as service:
        answer = requests.request(method, service.control_address + path, json=told, timeout=5)
        assert answer.status_code == status
        control = Control(service)
        assert control.truth()["marks"]["BTC/USDT"]
        assert control.ask("GET", "/faults")["planned"] == []


@pytest.mark.parametrize("path", ["/", "/fapi/v1/nothing", "/api/v5/nothing", "/api/v4/nothing"])
def test_an_unknown_path_is_told_as_such(path):
    with serving() as service:
        assert requests.get(service.address + path, timeout=5).status_code == 404


def test_a_request_that_waits_takes_no_longer_than_its_latency():
    with serving(latency_ms=100) as service:
        before = time.monotonic()
        client(service, "binance").fetch_time()
        assert 0.2 <= time.monotonic() - before < 2


def test_nobody_is_answered_who_means_another_host():
    with serving() as service:
        headers = {"Host": "paper.example"}
        answer = requests.get(service.control_address + "/truth", headers=headers, timeout=5)
        assert answer.status_code == 400


def test_a_stopped_service_answers_nobody_on_an_old_connection(tmp_path):
    with serving(home=tmp_path) as service:
        trader = client(service, "binance")
        trader.load_markets()
        trader.fetch_balance()
    with pytest.raises(ccxt.NetworkError):
        trader.create_order(BTC, "market", "buy", 0.01)


@pytest.mark.parametrize("dialect", ["binance", "okx", "gate"])
def test_an_order_of_an_exchange_that_remembers_is_found_by_its_number(dialect, tmp_path):
    with serving(home=tmp_path) as service:
        trader = client(service, dialect)
        trader.load_markets()
        coins = 0.01 / trader.market(BTC)["contractSize"]
        number = trader.create_order(BTC, "market", "buy", coins)["id"]
        assert int(number) > 10**15
        assert trader.fetch_order(number, BTC)["status"] == "closed"
        named = {"binance": {"orderId": number}, "okx": {"ordId": number}, "gate": {}}[dialect]
        fills = trader.fetch_my_trades(BTC, params=named)
        assert {fill["order"] for fill in fills} == {number}


def test_many_at_once_lose_nothing():
    with serving() as service, ThreadPoolExecutor(4) as pool:
        traders = [client(service, dialect) for dialect in ("binance", "okx", "gate", "binance")]
        for trader in traders:
            trader.load_markets()

        def trade(trader):
            for number in range(25):
                side = ("buy", "sell")[number % 2]
                trader.create_order(BTC, "market", side, 0.01 / trader.market(BTC)["contractSize"])

        list(pool.map(trade, traders))
        told = Control(service).truth()
        orders = {name: len(one["orders"]) for name, one in told["accounts"].items()}
        assert orders == {"binance-demo": 50, "okx-demo": 25, "gate-demo": 25}
        assert told["total"] == told["deposited"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("--port", "65536"),
        ("--control-port", "-1"),
        ("--latency-ms", "-1"),
        ("--latency-ms", "9" * 20),
        ("--cash", "-1"),
        ("--cash", "NaN"),
        ("--cash", "much"),
    ],
)
def test_an_odd_argument_is_refused_by_name(name, value):
    with pytest.raises(CommandError, match=f"^{name}: "):
        call_command("paper_exchange", "--forget", f"{name}={value}")
