"""Whole decisions, from candles to a record that replays, by scripted models over the wire."""

from collections import Counter
from decimal import Decimal
from random import Random

import numpy as np
import pytest

from engine.candle import Candles
from engine.deciding.asking import Asking, consult
from engine.deciding.budget import Pocket, read_budget
from engine.deciding.checks import changed, facts_of
from engine.deciding.gauges import gauges
from engine.deciding.journal import Journal, read
from engine.deciding.limits import Limits
from engine.deciding.models import read_model
from engine.deciding.prompt import default_template, render
from engine.deciding.record import decided, replay
from engine.deciding.scripted import MINDS, Act, ScriptedModel
from engine.deciding.standing import Patience
from tests.engine.deciding.cases import NOW_MS, context, market

LIMITS = Limits()
EVERY_MS = 300_000
SYMBOLS = {"BTC/USDT": 111_000, "ETH/USDT": 4_000, "SOL/USDT": 193, "DOGE/USDT": 0.195}


def bars(timeframe, seconds, seed, last):
    """A walk that ends at the price, with gaps of its own size."""
    steps = np.random.default_rng(seed).normal(0, 0.004, 90)
    close = last * np.exp(steps.cumsum() - steps.sum())
    opened = np.arange(90, dtype=np.int64) * seconds
    before = np.concatenate(([close[0]], close[:-1]))
    high, low = np.maximum(before, close) * 1.001, np.minimum(before, close) * 0.999
    return Candles(timeframe, opened, before, high, low, close, np.full(90, 7.0))


def situation(seed):
    markets = tuple(
        market(
            symbol,
            Decimal(str(price)),
            seen_at_ms=NOW_MS,
            indicators={
                "3m": gauges(bars("3m", 180, seed, price)),
                "4h": gauges(bars("4h", 14_400, seed + 1, price)),
            },
        )
        for seed, (symbol, price) in enumerate(SYMBOLS.items(), start=10 * seed)
    )
    return context(markets=markets, closed_at_ms={})


def model(server, name, **changes):
    told = {"protocol": "openai", "base_url": server.address, "model": "scripted"}
    return read_model({"name": name, "input_price": 1, "output_price": 4, **told, **changes})


def whole(number, models, standings):
    now = situation(number)
    prompt = render(default_template(), now, LIMITS)
    purse = Pocket(read_budget({}), today=lambda: "2026-11-21")
    asking = Asking(keys=lambda name: "sk", purse=purse, random=Random(number))
    asking.sleep = lambda seconds: None
    outcome, standings = consult(
        prompt, models, standings, asking, patience=Patience(), now_ms=NOW_MS + number * EVERY_MS
    )
    record = decided(
        decision_id=f"d-{number}",
        trader="t",
        context=now,
        limits=LIMITS,
        prompt=prompt,
        models=models,
        outcome=outcome,
    )
    return record, standings


@pytest.mark.parametrize("mind", MINDS)
def test_a_scripted_mind_decides_within_the_limits_on_any_market(mind):
    wishes, refusals, standings = Counter(), Counter(), {}
    with ScriptedModel(mind) as server:
        for number in range(20):
            record, standings = whole(number, (model(server, "one"),), standings)
            wishes.update(one.decision.signal for one in record.judged)
            refusals.update(one.refused_by for one in record.judged)
    assert refusals.keys() == {""}
    assert wishes.total() == 20 * len(SYMBOLS)
    opened = wishes["buy_to_enter"] + wishes["sell_to_enter"]
    assert (opened == 0) is (mind == "idle")


def test_a_stormy_day_leaves_a_whole_journal_that_replays(tmp_path):
    chance, standings = Random(7), {}
    faults = sorted(set(Act) - {Act.SLOW})
    acts = [chance.choice(faults) if chance.random() < 0.5 else None for _ in range(60)]
    with ScriptedModel("bold") as first, ScriptedModel("careful") as second:
        models = (
            model(first, "first", timeout_seconds=5),
            model(second, "second", protocol="anthropic"),
        )
        with Journal(tmp_path, most_bytes=200_000) as journal:
            for number, act in enumerate(acts):
                first.acts.extend([act] * 4 if act else [])
                record, standings = whole(number, models, standings)
                head = journal.append(record)
                first.acts.clear()
    records = [entry.record for entry in read(tmp_path, head=head)]
    assert len(records) == 60
    assert [replay(record) for record in records] == [[]] * 60
    assert {record.outcome.model for record in records} == {"first", "second"}
    for record in records:
        approved = [judged for judged in record.judged if judged.is_approved]
        assert len(approved) == len(record.judged) == len(SYMBOLS)
        facts = facts_of(record.context)
        assert all(changed(judged, facts, LIMITS) is None for judged in approved)
