"""A server that speaks the protocols is asked: its faults cost time, and make no decision."""

import json
import socket
import threading
import time
from decimal import Decimal
from random import Random

import pytest

from engine.deciding.asking import Asking, consult
from engine.deciding.budget import Pocket, read_budget
from engine.deciding.checks import facts_of, judge_all
from engine.deciding.line import post
from engine.deciding.models import read_model
from engine.deciding.prompt import default_template, render
from engine.deciding.protocols import PROTOCOLS
from engine.deciding.scripted import MINDS, Act, ScriptedModel
from engine.deciding.standing import Patience
from tests.engine.deciding.cases import LIMITS, NOW_MS, context, market

RISING = {"close": (3_900.0, 4_000.0), "ema20": (3_880.0, 3_950.0), "ema50": (3_850.0, 3_900.0)}
CONTEXT = context(markets=(market("ETH/USDT", 4_000, indicators={"3m": RISING, "4h": RISING}),))
PROMPT = render(default_template(), CONTEXT, LIMITS)


def model(server, **changes):
    told = {
        "name": "one",
        "protocol": "openai",
        "base_url": server.address,
        "model": "scripted",
        "timeout_seconds": 5,
        "input_price": 1,
        "output_price": 1,
    }
    return read_model(told | changes)


def asking(**limits):
    purse = Pocket(read_budget(limits), today=lambda: "2026-11-21")
    return Asking(keys=lambda name: f"sk-{name}", purse=purse, random=Random(7))


def ask(*models, by=None, standings=None, now_ms=NOW_MS):
    by = by or asking()
    return consult(
        PROMPT, models, standings or {}, by, patience=Patience(failures=2), now_ms=now_ms
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_is_asked_and_decides(protocol):
    with ScriptedModel("bold") as server:
        by = asking()
        outcome, standings = ask(model(server, protocol=protocol), by=by)
    (decision,) = outcome.decisions
    assert (outcome.model, outcome.reason) == ("one", "")
    assert decision.signal == "buy_to_enter"
    assert [call.result for call in outcome.calls] == ["answered"]
    assert outcome.calls[0].cost == by.purse.spending.cost > 0
    assert outcome.calls[0].tokens == by.purse.spending.tokens
    assert not standings["one"].is_away


@pytest.mark.parametrize("mind", MINDS)
def test_what_the_scripted_minds_decide_holds_before_every_check(mind):
    with ScriptedModel(mind) as server:
        outcome, _ = ask(model(server))
    judged = judge_all(outcome.decisions, facts_of(CONTEXT), LIMITS)
    assert [one.refused_by for one in judged] == [""]


# The act, what became of each call, and whether there is a decision in the end.
COURSES = {
    "slow down": ([Act.BUSY], ["busy", "answered"], True),
    "overloaded twice": ([Act.BROKEN] * 2, ["busy", "busy", "answered"], True),
    "overloaded": ([Act.BROKEN] * 3, ["busy"] * 3, False),
    "no such key": ([Act.DENIED], ["refused"], False),
    "no protocol": ([Act.GARBAGE], ["unclear", "answered"], True),
    "cut off on the line": ([Act.CUT_OFF], ["unclear", "answered"], True),
    "hung up": ([Act.HANG_UP], ["unclear", "answered"], True),
    "not counted": ([Act.UNCOUNTED], ["answered"], True),
    "out of tokens": ([Act.TRUNCATED], ["answered", "answered"], True),
    "another schema": ([Act.WRONG_SCHEMA], ["answered", "answered"], True),
    "somebody else's words": ([Act.INJECTED], ["answered", "answered"], True),
    "a megabyte": ([Act.ENDLESS], ["answered", "answered"], True),
    "wrong twice": ([Act.WRONG_SCHEMA, Act.INJECTED], ["answered", "answered"], False),
    "wrong, then gone": ([Act.WRONG_SCHEMA, Act.DENIED], ["answered", "refused"], False),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("acts", "results", "decides"), COURSES.values(), ids=COURSES)
def test_a_fault_is_survived_or_ends_in_no_decision(protocol, acts, results, decides):
    with ScriptedModel("bold", acts) as server:
        by = asking()
        outcome, _ = ask(model(server, protocol=protocol), by=by)
    assert [call.result for call in outcome.calls] == results
    assert bool(outcome.decisions) is decides
    assert bool(outcome.reason) is not decides
    assert sum(call.cost for call in outcome.calls) == by.purse.spending.cost
    assert all(call.cost > 0 for call in outcome.calls if call.result in ("answered", "unclear"))
    assert all(call.cost == 0 for call in outcome.calls if call.result in ("busy", "refused"))


def test_a_repair_tells_what_was_wrong():
    with ScriptedModel("bold", [Act.WRONG_SCHEMA]) as server:
        outcome, _ = ask(model(server))
        said = server.asked[1]["messages"]
    assert [turn["role"] for turn in said] == ["system", "user", "assistant", "user"]
    assert "decisions[0].signal: is missing" in said[-1]["content"]
    assert [heard.rule for heard in outcome.heard] == ["required", ""]
    assert json.loads(outcome.heard[0].raw)["action"] == "buy"


def test_no_key_is_told_again():
    with ScriptedModel(acts=[Act.DENIED]) as server:
        by = asking()
        by.keys = lambda name: "no such key"
        outcome, _ = ask(model(server), by=by)
    assert "401" in outcome.reason
    assert "no such key" not in outcome.reason


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-secret\r\nX: y", "ключ"])
def test_a_key_that_is_none_is_not_sent_and_not_told(key):
    with ScriptedModel() as server:
        by = asking()
        by.keys = lambda name: key
        outcome, _ = ask(model(server), by=by)
        assert server.asked == []
    assert [call.result for call in outcome.calls] == ["refused"]
    assert "secret" not in repr(outcome)


def test_a_name_that_no_host_can_have_is_not_reached():
    with ScriptedModel() as server:
        outcome, _ = ask(model(server, base_url=f"http://{'x' * 70}.example", retries=0))
    assert [call.result for call in outcome.calls] == ["busy"]


def test_where_it_points_is_not_followed():
    """A key is told to the address that it is for, and to no other."""
    elsewhere = ScriptedModel("bold")
    listener = socket.create_server(("127.0.0.1", 0))

    def point():
        line, _ = listener.accept()
        with line:
            line.recv(1 << 20)
            told = f"HTTP/1.1 307 Over there\r\nLocation: {elsewhere.address}/chat/completions"
            line.sendall(f"{told}\r\nContent-Length: 0\r\n\r\n".encode())

    pointing = threading.Thread(target=point)
    pointing.start()
    with listener, elsewhere as server:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        outcome, _ = ask(model(server, base_url=address))
        assert server.asked == []
    pointing.join(5)
    assert [call.result for call in outcome.calls] == ["refused"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"5"])
def test_the_server_says_what_is_no_talk(body):
    with ScriptedModel() as server:
        answered = post(
            f"{server.address}/chat/completions", headers={}, body=body, timeout_seconds=5
        )
    assert answered.status == 400


def test_a_slow_model_is_left_when_its_time_is_over():
    with ScriptedModel(acts=[Act.SLOW] * 3, slow_seconds=30) as server:
        began = time.monotonic()
        outcome, _ = ask(model(server, timeout_seconds=0.3))
        assert time.monotonic() - began < 3
    assert outcome.calls[0].result == "unclear"
    assert "in time" in outcome.reason


def test_an_answer_that_drips_is_left_when_its_time_is_over():
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        line, _ = listener.accept()
        with line:
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                while True:
                    line.sendall(b"{")
                    time.sleep(0.05)
            except OSError:
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    with listener, ScriptedModel() as server:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        outcome, _ = ask(model(server, base_url=address, timeout_seconds=0.4, retries=0))
        assert time.monotonic() - began < 3
    dripping.join(5)
    assert not dripping.is_alive()
    assert outcome.calls[0].result == "unclear"


def test_where_nobody_listens_nothing_is_owed():
    with ScriptedModel() as server:
        gone = model(server, retries=1)
    outcome, _ = ask(gone)
    assert [(call.result, call.cost) for call in outcome.calls] == [("busy", 0)] * 2


def test_it_is_waited_for_as_long_as_it_asks_and_longer_each_time():
    pauses = []
    by = asking()
    by.sleep = pauses.append
    with ScriptedModel("bold", [Act.BROKEN] * 6) as server:
        ask(model(server, retries=6), by=by)
    most = [min(3.0, 0.2 * 2**n) for n in range(6)]
    assert len(pauses) == 6
    assert all(0 <= pause <= limit for pause, limit in zip(pauses, most, strict=True))
    assert len(set(pauses)) == 6


def test_the_next_model_is_asked_when_one_fails_and_the_first_again_when_it_is_back():
    with ScriptedModel("bold", [Act.DENIED] * 2) as first, ScriptedModel("bold") as second:
        models = (model(first, name="first"), model(second, name="second"))
        asked, standings = [], {}
        for minutes in (0, 1, 2, 12, 23, 34, 35):
            outcome, standings = ask(*models, standings=standings, now_ms=NOW_MS + minutes * 60_000)
            asked.append((len(first.asked), outcome.model))
    assert asked == [
        (1, "second"),
        (2, "second"),
        (2, "second"),
        (3, "first"),
        (4, "first"),
        (5, "first"),
        (6, "first"),
    ]
    assert not standings["first"].is_away


def test_an_expensive_model_gives_way_to_a_cheaper_one_and_then_to_none():
    with ScriptedModel("bold") as server:
        dear = model(server, name="dear", input_price=100, output_price=100, daily_cost=0.9)
        cheap = model(server, name="cheap", input_price=5, output_price=5)
        by = asking(daily_cost=1)
        standings, asked = {}, []
        for _ in range(200):
            outcome, standings = ask(dear, cheap, by=by, standings=standings)
            asked.append(outcome.model)
            if not outcome.model:
                break
        made = len(server.asked)
        again, _ = ask(dear, cheap, by=by, standings=standings)
    assert asked == sorted(asked, key=["dear", "cheap", ""].index)
    assert set(asked) == {"dear", "cheap", ""}
    assert "daily_cost" in again.reason
    assert len(server.asked) == made
    assert by.purse.spending.cost <= 1
    assert not any(standing.is_away for standing in standings.values())


def test_a_server_that_nobody_asks_stops_by_itself():
    with ScriptedModel(idle_seconds=0.1) as server:
        assert server.wait(5)
        outcome, _ = ask(model(server, retries=0))
    assert outcome.calls[0].result == "busy"


def test_an_uncounted_call_has_cost_all_that_it_could():
    with ScriptedModel(acts=[Act.UNCOUNTED]) as server:
        one = model(server, max_tokens=1_000)
        outcome, _ = ask(one)
    told = len(PROMPT.system.encode()) + len(PROMPT.user.encode())
    assert outcome.calls[0].cost == Decimal(told + 64 + 1_000) / 1_000_000
