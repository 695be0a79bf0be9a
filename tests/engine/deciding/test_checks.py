"""Every rule lets pass what it should, and refuses the one thing that it is about."""

import json
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from engine.deciding.answers import read_answer
from engine.deciding.checks import OPENING, changed, facts_of, judge, judge_all
from engine.deciding.context import Account
from engine.deciding.limits import Limits, describe, read_limits
from engine.errors import BadParameters
from engine.signal import Direction
from tests.engine.deciding.cases import (
    CLOSE,
    HOLD,
    LIMITS,
    LONG,
    NOW_MS,
    SHORT,
    answer,
    context,
    market,
)

FACTS = facts_of(context())


def decided(told, **changes):
    (decision,) = read_answer(json.dumps(told | changes))
    return decision


def account(equity=10_000, margin=1_000):
    return Account(equity=Decimal(equity), available=Decimal(0), margin_used=Decimal(margin))


def shown(symbol, price, **changes):
    return {"markets": {**FACTS.markets, symbol: market(symbol, price, **changes)}}


@pytest.mark.parametrize("told", [LONG, SHORT], ids=["long", "short"])
def test_a_sound_opening_passes_every_rule(told):
    judged = judge(decided(told), FACTS, LIMITS)
    assert judged.is_approved
    assert judged.passed == tuple(rule.__name__ for rule in OPENING)


def closed(ms_ago):
    return {"closed_at_ms": {"ETH/USDT": NOW_MS - ms_ago}}


def judged_of(told, facts, limits):
    allowed = read_limits({"max_size": 5_000, "cooldown_seconds": 600, **limits})
    return judge(decided(LONG, **told), replace(FACTS, **facts), allowed)


BTC = LONG | {
    "symbol": "BTC/USDT",
    "entry_price": 111_000,
    "stop_loss": 108_780,
    "take_profit": 119_880,
}
# What is decided, the facts, the limits, and the rule that refuses; "" is approved.
CASES = {
    "a symbol that was not shown": ({"symbol": "PEPE/USDT"}, {}, {}, "symbol"),
    "another spelling of it": ({"symbol": "eth/usdt"}, {}, {}, "symbol"),
    "an old price": ({}, {"now_ms": NOW_MS + 9_501}, {}, "stale"),
    "not yet an old price": ({}, {"now_ms": NOW_MS + 9_500}, {}, ""),
    "no leverage": ({"leverage": 0}, {}, {}, "complete"),
    "no size": ({"position_size_usd": 0}, {}, {}, "complete"),
    "no stop": ({"stop_loss": 0}, {}, {}, "complete"),
    "no target": ({"take_profit": 0}, {}, {}, "complete"),
    "no entry": ({"entry_price": 0}, {}, {}, "complete"),
    "nothing left": ({}, {"account": account(0)}, {}, "equity"),
    "a market without a price": ({}, shown("ETH/USDT", 0), {}, "equity"),
    "an equity that is no number": ({}, {"account": account("NaN")}, {}, "equity"),
    "a margin that is no number": ({}, {"account": account(margin="Infinity")}, {}, "equity"),
    "a price that is no number": ({}, shown("ETH/USDT", "NaN"), {}, "equity"),
    "a depth that is no number": (
        {},
        shown("ETH/USDT", 4_000, open_interest=Decimal("NaN")),
        {"least_depth": 1},
        "liquidity",
    ),
    "not confident": ({"confidence": 74}, {}, {}, "confidence"),
    "just confident": ({"confidence": 75}, {}, {}, ""),
    "an entry far away": ({"entry_price": 4_041}, {}, {}, "entry"),
    "a stop above": ({"stop_loss": 4_010}, {}, {}, "order"),
    "a stop at the entry": ({"stop_loss": 4_000}, {}, {}, "order"),
    "a target below": ({"take_profit": 3_990}, {}, {}, "order"),
    "a short as a long": ({"signal": "sell_to_enter"}, {}, {}, "order"),
    "the price is beyond the stop": ({"stop_loss": 3_990}, shown("ETH/USDT", 3_985), {}, "order"),
    "a poor reward": ({"take_profit": 4_239}, {}, {}, "risk_reward"),
    "just rewarding": ({"take_profit": 4_240}, {}, {}, ""),
    "no longer rewarding": ({"take_profit": 4_240}, shown("ETH/USDT", 4_001), {}, "risk_reward"),
    "leverage 500": ({"leverage": 500}, {}, {}, "leverage"),
    "more than others may": ({"leverage": 21}, {}, {}, "leverage"),
    "as much as majors may": ({"leverage": 20}, {}, {}, ""),
    "it is no major": ({"leverage": 20}, {}, {"majors": ["BTC"]}, "leverage"),
    "more than the venue lets": (
        {"leverage": 11},
        shown("ETH/USDT", 4_000, max_leverage=10),
        {},
        "leverage",
    ),
    "a thin market": ({}, {}, {"least_depth": 1e9 + 1}, "liquidity"),
    "deep enough": ({}, {}, {"least_depth": 1e9}, ""),
    "an unknown depth": (
        {},
        shown("ETH/USDT", 4_000, open_interest=None),
        {"least_depth": 1},
        "liquidity",
    ),
    "above the band": ({}, {}, {"major_most_multiple": 0.24}, "band"),
    "below the band": ({}, {}, {"major_least_multiple": 0.26}, "band"),
    "the other band": ({}, {}, {"majors": [], "other_most_multiple": 0.24}, "band"),
    "too large": ({}, {}, {"max_size": 2_499.99}, "size"),
    "just not too large": ({}, {}, {"max_size": 2_500}, ""),
    "too much margin": ({}, {"account": account(margin=5_501)}, {}, "margin"),
    "just enough margin": ({}, {"account": account(margin=5_500)}, {}, ""),
    "too much to lose": ({}, {}, {"max_risk_percent": 0.49}, "risk"),
    "a risk told too small": ({"risk_usd": 44}, {}, {}, "told_risk"),
    "a risk told too large": ({"risk_usd": 56}, {}, {}, "told_risk"),
    "a moment after its close": (
        {},
        {"closed_at_ms": {"ETH/USDT": NOW_MS - 599_001}},
        {},
        "cooldown",
    ),
    "long after its close": ({}, {"closed_at_ms": {"ETH/USDT": NOW_MS - 600_000}}, {}, ""),
    "one is open": ({}, {"held": {"ETH/USDT": Direction.LONG}}, {}, "held"),
    "the other direction is open": ({}, {"held": {"ETH/USDT": Direction.SHORT}}, {}, "held"),
    "as many as may be": ({}, {}, {"max_positions": 1}, "positions"),
    "one opening already": ({}, {"openings": 1}, {"max_openings": 1}, "openings"),
}


@pytest.mark.parametrize(("told", "facts", "limits", "code"), CASES.values(), ids=CASES)
def test_an_opening_is_refused_by_the_rule_it_breaks(told, facts, limits, code):
    judged = judged_of(told, facts, limits)
    assert judged.refused_by == code
    assert bool(judged.reason) == bool(code)


def test_every_rule_of_an_opening_refuses_something():
    passed_before = {len(judged_of(*case).passed) for *case, code in CASES.values() if code}
    assert passed_before == set(range(len(OPENING)))


def test_what_is_held_can_always_be_closed():
    worst = replace(FACTS, now_ms=NOW_MS + 10**9, account=account(0), markets={})
    assert judge(decided(CLOSE), worst, LIMITS).is_approved


@pytest.mark.parametrize("symbol", ["ETH/USDT", "PEPE/USDT"])
def test_what_is_not_held_is_not_closed(symbol):
    assert judge(decided(CLOSE, symbol=symbol), FACTS, LIMITS).refused_by == "nothing_held"


def test_holding_needs_only_a_symbol_that_is_known():
    assert judge(decided(HOLD), FACTS, LIMITS).is_approved
    assert judge(decided(HOLD, symbol="PEPE/USDT"), FACTS, LIMITS).refused_by == "symbol"


def test_each_decision_sees_what_those_before_it_took():
    limits = replace(LIMITS, max_margin_percent=16)
    judged = judge_all(read_answer(answer(LONG, CLOSE, BTC)), FACTS, limits)
    assert [(one.decision.symbol, one.refused_by) for one in judged] == [
        ("SOL/USDT", ""),
        ("BTC/USDT", ""),
        ("ETH/USDT", "margin"),
    ]


def test_a_close_sets_nothing_free_before_it_is_done():
    limits = replace(LIMITS, max_positions=1)
    judged = judge_all(read_answer(answer(LONG, CLOSE)), FACTS, limits)
    assert [one.refused_by for one in judged] == ["", "positions"]


def test_a_decision_is_asked_again_just_before_its_order():
    judged = judge(decided(LONG), FACTS, LIMITS)
    assert changed(judged, FACTS, LIMITS) is None
    moved = replace(FACTS, **shown("ETH/USDT", 3_950))
    again = changed(judged, moved, LIMITS)
    assert again is not None
    assert again.refused_by == "entry"


def test_limits_are_bounded_and_described():
    for one in describe():
        assert one.meaning
        assert one.is_list or (one.least is not None and one.most is not None)
    assert {one.name for one in describe()} == set(Limits.__struct_fields__)


def test_limits_are_the_same_text_once_they_were_written_down():
    written = msgspec.json.encode(Limits())
    assert repr(msgspec.json.decode(written, type=Limits)) == repr(Limits())


BAD_LIMITS = {
    "leverage": {"major_leverage": 126},
    "a share of more than all": {"max_margin_percent": 101},
    "text": {"max_size": "5"},
    "not a number": {"max_size": float("nan")},
    "unknown": {"min_konfidence": 5},
    "a band upside down": {"major_least_multiple": 11},
}


@pytest.mark.parametrize("values", BAD_LIMITS.values(), ids=BAD_LIMITS)
def test_limits_out_of_bounds_are_refused_by_name(values):
    with pytest.raises(BadParameters, match=next(iter(values))):
        read_limits(values)
