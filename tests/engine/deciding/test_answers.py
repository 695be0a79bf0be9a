"""An answer is decisions as published, or is refused by the field and the rule."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.deciding.answers import MOST_CHARACTERS, read_answer
from engine.deciding.decision import ANSWER, MOST_DECISIONS, Wanted
from engine.deciding.errors import BadAnswer
from engine.deciding.schema import without_bounds
from engine.signal import Direction
from tests.engine.deciding.cases import CLOSE, HOLD, LONG, SHORT, answer

SOUND = json.dumps(LONG)
FINE = {
    "one alone, as published": SOUND,
    "in an object": answer(LONG),
    "in a list": f"[{SOUND}]",
    "in a fence": f"```json\n{SOUND}\n```",
    "with words around": f"I have thought about it.\n\n{SOUND}\n\nGood luck!",
    "after a thought": f"<think>Or rather [1] or {{2}}?</think>{SOUND}",
    "a whole number with a point": SOUND.replace('"leverage": 5', '"leverage": 5.0'),
}


@pytest.mark.parametrize("raw", FINE.values(), ids=FINE)
def test_a_decision_is_found_where_it_stands(raw):
    (decision,) = read_answer(raw)
    assert decision.signal is Wanted.BUY_TO_ENTER
    assert decision.opens is Direction.LONG
    assert (decision.leverage, decision.confidence) == (5, 80)
    assert decision.stop_loss == Decimal(3_920)


def test_amounts_are_exact():
    raw = SOUND.replace("4320", "4320.10000000000000000001").replace("2500", "2.5e3")
    (decision,) = read_answer(raw)
    assert decision.take_profit == Decimal("4320.10000000000000000001")
    assert decision.position_size_usd == Decimal(2_500)


def test_several_decisions_are_read_in_their_order():
    several = read_answer(answer(LONG, CLOSE, HOLD | {"symbol": "BTC/USDT"}))
    assert [one.signal for one in several] == ["buy_to_enter", "close", "hold"]


def test_no_decision_is_one_too():
    assert read_answer(answer()) == []


BENT = {
    "nothing": ("", "", "json"),
    "no JSON": ("I would rather wait.", "", "json"),
    "not JSON": (SOUND.replace('"', "'"), "", "json"),
    "a comment": (SOUND.replace("{", "{ // buy\n", 1), "", "json"),
    "cut off": (SOUND[:-20], "", "whole"),
    "cut off in a number": (SOUND[: SOUND.index("2500") + 2], "", "whole"),
    "too long": (SOUND + " " * MOST_CHARACTERS, "", "size"),
    "two values": (f"{SOUND}\n{SOUND}", "", "one_value"),
    "another in the words": (f"[note] {SOUND}", "", "json"),
    "another behind": (f"{SOUND} or [2]", "", "one_value"),
    "nested too deep": ("[" * 60_000, "", "depth"),
    "NaN": (SOUND.replace("2500", "NaN"), "", "number"),
    "infinity": (SOUND.replace("2500", "-Infinity"), "", "number"),
    "too many digits": (SOUND.replace("2500", "9" * 5_000), "", "number"),
    "an impossible exponent": (SOUND.replace("2500", "1e99999999999999999999"), "", "number"),
    "a huge exponent": (
        SOUND.replace("2500", "1e999999"),
        "decisions[0].position_size_usd",
        "maximum",
    ),
    "a key twice": (SOUND.replace('"risk_usd": 50', '"leverage": 7'), "leverage", "duplicate_key"),
    "a list of numbers": ("[1, 2]", "decisions[0]", "type"),
    "a decision that is none": (answer({}), "decisions[0].signal", "required"),
    "too many": (
        answer(*(LONG | {"symbol": str(n)} for n in range(MOST_DECISIONS + 1))),
        "decisions",
        "maxItems",
    ),
    "one symbol twice": (answer(LONG, SHORT), "decisions[1].symbol", "one_decision"),
    "more than was asked": (
        json.dumps({"decisions": [LONG], "note": "buy"}),
        "note",
        "additionalProperties",
    ),
}
WRONG = {
    "signal": [("all_in", "enum"), (1, "type"), (None, "type"), (["hold"], "type")],
    "symbol": [("", "minLength"), ("B" * 65, "maxLength"), (7, "type"), ("B\x00", "characters")],
    "leverage": [(-1, "minimum"), (5.5, "type"), ("5", "type"), (True, "type"), (1001, "maximum")],
    "position_size_usd": [(-1, "minimum"), ("NaN", "type"), (1e13, "maximum"), ({}, "type")],
    "entry_price": [(-0.01, "minimum"), (None, "type"), (False, "type")],
    "stop_loss": [("3920", "type")],
    "take_profit": [([4320], "type")],
    "risk_usd": [(-50, "minimum")],
    "confidence": [(101, "maximum"), (-1, "minimum"), (0.8, "type")],
    "invalidation_condition": [(None, "type"), ("x" * 1_001, "maxLength")],
    "reasoning": [("\ud800", "characters"), ("x" * 4_001, "maxLength")],
    "and_then": [("withdraw", "additionalProperties")],
}
BENT |= {
    f"{field}: {value!r:.20}": (answer(LONG | {field: value}), f"decisions[0].{field}", rule)
    for field, cases in WRONG.items()
    for value, rule in cases
}
BENT |= {
    f"no {field}": (
        answer({name: value for name, value in LONG.items() if name != field}),
        f"decisions[0].{field}",
        "required",
    )
    for field in LONG
}


@pytest.mark.parametrize(("raw", "field", "rule"), BENT.values(), ids=BENT)
def test_an_answer_is_refused_by_the_rule_it_breaks(raw, field, rule):
    with pytest.raises(BadAnswer) as refused:
        read_answer(raw)
    assert (refused.value.field, refused.value.rule) == (field, rule)
    refused.value.message.encode()
    assert len(refused.value.message) < 300


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*LONG, "decisions"]) | st.text(max_size=9), inner)
    ),
    max_leaves=15,
)
NEARLY = st.dictionaries(st.sampled_from([*LONG]), VALUES).map(lambda wrong: LONG | wrong)


@settings(max_examples=400)
@given(VALUES | NEARLY | st.lists(NEARLY, max_size=3), st.text(max_size=10), st.text(max_size=10))
def test_whatever_is_written_is_decisions_or_refused(value, before, behind):
    for raw in (before + json.dumps(value) + behind, before + behind):
        try:
            decisions = read_answer(raw)
        except BadAnswer as bad:
            bad.message.encode("ascii")
        else:
            for one in decisions:
                assert 0 <= one.position_size_usd <= 10**12
                assert 0 <= one.confidence <= 100


def test_a_strangers_words_stay_on_one_short_line():
    with pytest.raises(BadAnswer) as refused:
        read_answer(answer(LONG | {"x\n\x1b[31m" + "y" * 5_000: 1}))
    assert refused.value.message.isprintable()
    assert len(refused.value.field) < 120


def test_models_own_checkers_are_given_the_shape_alone():
    shape = without_bounds(ANSWER)
    inner = shape["properties"]["decisions"]["items"]
    assert inner["properties"]["confidence"] == {"type": "integer"}
    assert inner["properties"]["signal"]["enum"] == [one.value for one in Wanted]
    assert inner["required"] == list(LONG)
    assert inner["additionalProperties"] is False
