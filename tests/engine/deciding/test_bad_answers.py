"""2,000 bad answers and 10,000 broken ones: all within the limits, and refusals have names."""

from collections import Counter
from random import Random

import msgspec

from engine.deciding.answers import read_answer
from engine.deciding.asking import Heard, Outcome
from engine.deciding.checks import facts_of, judge_all
from engine.deciding.errors import BadAnswer
from engine.deciding.journal import Head, line_of, read_line
from engine.deciding.prompt import default_template, render
from engine.deciding.record import decided, replay
from tests.engine.deciding.bad_answers import KINDS, bad_answers, fuzzed, outside
from tests.engine.deciding.cases import LIMITS, context

CONTEXT = context()
FACTS = facts_of(CONTEXT)
PROMPT = render(default_template(), CONTEXT, LIMITS)
PRICES = {market.symbol: market.price for market in CONTEXT.markets}
TAKEN = {"SOL/USDT", "DOGE/USDT"}  # held, or just closed


def heard(raw):
    """What was decided, and how the answer was refused."""
    try:
        return read_answer(raw), Heard(model="m", raw=raw)
    except BadAnswer as bad:
        return [], Heard(model="m", raw=raw, field=bad.field, rule=bad.rule, reason=bad.message)


def record_of(raw):
    decisions, told = heard(raw)
    outcome = Outcome(
        model="" if told.rule else "m",
        decisions=tuple(decisions),
        heard=(told,),
        reason=told.reason,
    )
    return decided(
        decision_id="d",
        trader="t",
        context=CONTEXT,
        limits=LIMITS,
        prompt=PROMPT,
        models=(),
        outcome=outcome,
    )


def test_a_bad_answer_places_nothing_and_is_refused_by_name():
    refused_by, kinds = Counter(), Counter()
    for kind, raw in bad_answers(Random(20261121), 2_000):
        decisions, told = heard(raw)
        judged = judge_all(decisions, FACTS, LIMITS)
        orders = [one for one in judged if one.is_approved and one.decision.signal != "hold"]
        assert [one for one in orders if one.decision.opens or kind == "what_is_not_held"] == []
        names = [told.rule] if told.rule else [one.refused_by for one in judged if one.refused_by]
        assert names, (kind, raw[:300])
        refused_by.update(names)
        kinds[kind] += 1
    assert sum(kinds.values()) == 2_000
    assert set(kinds) == {kind.__name__ for kind in KINDS}
    assert len(refused_by) > 20


def test_a_broken_answer_never_leads_outside_the_limits():
    opened, ends = 0, Counter()
    for raw in fuzzed(Random(20261122), 10_000):
        decisions, told = heard(raw)
        judged = judge_all(decisions, FACTS, LIMITS)
        assert len(judged) == len(decisions)
        for one in judged:
            assert one.is_approved or one.reason
            if one.is_approved and one.decision.opens:
                assert not outside(one.decision, prices=PRICES, taken=TAKEN), raw
                opened += 1
        ends[told.rule or "read"] += 1
    # Wounds in words leave some of them as they were: the limits were tried, and not only JSON.
    assert opened > 300
    assert ends["read"] > 1_000
    assert len(ends) > 10


def test_each_of_them_is_recorded_with_its_reason_and_replays_to_the_same():
    answers = [raw for _, raw in bad_answers(Random(20261121), 2_000)]
    head = Head()
    for raw in answers + fuzzed(Random(20261122), 1_000):
        line, after = line_of(record_of(raw), head)
        entry = read_line(line, head)
        head = after
        assert replay(entry.record) == []
        assert entry.record.outcome.heard[0].raw == raw
    assert head.number == 3_000


def test_a_refusal_can_be_written_down_whatever_it_is_about():
    for _, raw in bad_answers(Random(5), 500):
        decisions, told = heard(raw)
        for one in judge_all(decisions, FACTS, LIMITS):
            assert msgspec.json.encode(one)
        assert told.reason.isprintable()
