"""Every rule approves what it should and refuses the one thing that it is about."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.risk import (
    ACCOUNT_RULES,
    SIGNAL_RULES,
    AccountFacts,
    Approved,
    SignalFacts,
    judge_account,
    judge_signal,
)
from engine.signal import Action, Direction, Side, side_of

SIGNAL = SignalFacts(
    action=Action.OPEN,
    confidence=80,
    min_confidence=70,
    bars_late=0,
    seconds_since_last=None,
    cooldown_seconds=300,
)
ACCOUNT = AccountFacts(
    action=Action.OPEN,
    symbol="BTC/USDT",
    node_alive=True,
    points=Decimal(1),
    quantity=Decimal(1),
    held=Decimal(0),
    open_positions=0,
    tickets_in_flight=0,
)
CLOSING = replace(ACCOUNT, action=Action.CLOSE, held=Decimal(1), open_positions=1)

SIGNALS = {
    "sound": ({}, None),
    "just confident": ({"confidence": 70}, None),
    "not confident": ({"confidence": 69}, "confidence"),
    "two bars late": ({"bars_late": 2}, None),
    "three bars late": ({"bars_late": 3}, "stale"),
    "a moment ago": ({"seconds_since_last": 299.9}, "cooldown"),
    "long enough ago": ({"seconds_since_last": 300.0}, None),
    "at once": ({"seconds_since_last": 0.0}, "cooldown"),
    "a close needs no rest": ({"seconds_since_last": 0.0, "action": Action.CLOSE}, None),
    "no rest asked": ({"seconds_since_last": 0.0, "cooldown_seconds": 0}, None),
}


@pytest.mark.parametrize(("changes", "code"), SIGNALS.values(), ids=SIGNALS)
def test_a_signal_is_refused_by_the_rule_it_breaks(changes, code):
    refusals = judge_signal(replace(SIGNAL, **changes))
    assert [refused.code for refused in refusals] == ([code] if code else [])


def test_a_signal_hears_every_reason():
    worst = replace(SIGNAL, confidence=1, bars_late=9, seconds_since_last=1.0)
    assert [refused.code for refused in judge_signal(worst)] == ["confidence", "stale", "cooldown"]


OPENS = {
    "sound": ({}, None),
    "no node": ({"node_alive": False}, "node"),
    "a clock that is off": ({"is_clock_off": True}, "clock"),
    "the brake": ({"is_braked": True}, "brake"),
    "no points": ({"points": Decimal(0)}, "points"),
    "points owed": ({"points": Decimal(-1)}, "points"),
    "held already": ({"held": Decimal("0.001")}, "held"),
    "parked": ({"has_parked": True}, "parked"),
    "in flight": ({"tickets_in_flight": 1}, "in_flight"),
    "too small": ({"quantity": Decimal(0)}, "minimum"),
    "a drift": ({"is_drifting": True}, "drift"),
    "a maker on it": ({"is_quoted": True}, "maker"),
    "traded its once": ({"is_spent": True}, "once"),
    "a key that can withdraw": ({"key_refusal": "it can withdraw"}, "key"),
}
CLOSES = {
    "sound": ({}, None),
    "nothing held": ({"held": Decimal(0)}, "nothing_held"),
    "no node": ({"node_alive": False}, "node"),
    "in flight": ({"tickets_in_flight": 1}, "in_flight"),
    "too small": ({"quantity": Decimal(0)}, "minimum"),
    # Whatever forbids more risk never forbids getting out.
    "a clock that is off": ({"is_clock_off": True}, None),
    "the brake": ({"is_braked": True}, None),
    "no points": ({"points": Decimal(0)}, None),
    "a drift": ({"is_drifting": True}, None),
    "parked": ({"has_parked": True}, None),
    "a maker on it": ({"is_quoted": True}, None),
    "traded its once": ({"is_spent": True}, None),
    "a key that can withdraw": ({"key_refusal": "it can withdraw"}, None),
}


def code_of(verdict):
    return None if verdict == Approved() else verdict.code


@pytest.mark.parametrize(("changes", "code"), OPENS.values(), ids=OPENS)
def test_an_opening_is_refused_by_the_rule_it_breaks(changes, code):
    assert code_of(judge_account(replace(ACCOUNT, **changes), [])) == code


@pytest.mark.parametrize(("changes", "code"), CLOSES.values(), ids=CLOSES)
def test_a_closing_is_refused_only_where_it_cannot_be(changes, code):
    assert code_of(judge_account(replace(CLOSING, **changes), [])) == code


def test_every_rule_is_asked():
    seen = {code for table in (SIGNALS, OPENS, CLOSES) for _, code in table.values() if code}
    assert len(seen) == len(SIGNAL_RULES) + len(ACCOUNT_RULES)


def test_sides_follow_from_action_and_direction():
    assert side_of(Action.OPEN, Direction.LONG) is side_of(Action.CLOSE, Direction.SHORT)
    assert side_of(Action.OPEN, Direction.LONG) is Side.BUY
    assert side_of(Action.CLOSE, Direction.LONG) is side_of(Action.OPEN, Direction.SHORT)
    assert side_of(Action.OPEN, Direction.SHORT) is Side.SELL
