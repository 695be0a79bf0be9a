"""A part of a study sees no bar that comes after it, and chunks answer as one process does."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.backtest import from_strategy
from engine.candle import Candles
from engine.errors import BadCandles, BadParameters
from engine.optimise import (
    Asked,
    Doubt,
    Objective,
    Optimised,
    answers_of,
    chunks_of,
    optimise,
    run_chunk,
    walk_forward,
)
from tests.engine.optimise.studies import BTC, EMA, hours, some_space, study

VALUES = {"fast_ema": 3, "slow_ema": 8, "signal_ema": 3}
RETURN = Objective(name="return")


def with_another_future(candles, bar):
    """The same bars, and from one on others."""
    other = hours(len(candles), seed=9)
    columns = [
        np.concatenate([getattr(candles, name)[:bar], getattr(other, name)[bar:]])
        for name in ("opened_at", "open", "high", "low", "close", "volume")
    ]
    return Candles(candles.timeframe, *columns)


def test_a_part_sees_nothing_after_it():
    whole = study()
    other = replace(whole, candles={BTC: with_another_future(whole.candles[BTC], 400)})
    one, two = (each.part(200, 400).run(VALUES) for each in (whole, other))
    assert one.trade_count > 3
    assert np.array_equal(one.curve, two.curve)
    assert not np.array_equal(whole.run(VALUES).curve, other.run(VALUES).curve)


def test_a_part_decides_as_the_whole_did_on_its_bars():
    whole = study()
    told = from_strategy(EMA, whole.candles[BTC], EMA.read_params(VALUES))
    part = whole.part(200, 400)
    mine = part._intents(part.candles[BTC], part.params(VALUES))
    expected = told.bar[(told.bar >= 200) & (told.bar < 400)] - 200
    assert mine.bar.tolist() == expected.tolist()
    assert len(mine) > 3


def test_a_part_begins_with_nothing_held():
    result = study().part(200, 400).run(VALUES)
    assert (result.start, len(result.curve)) == (10_000, 200)
    assert result.opened_at[0] == 200 * 3600


@pytest.mark.parametrize("size", [1, 3, 100])
def test_chunks_answer_as_one_process_does(size):
    asked = [Asked(n, {"fast_ema": 3 + n % 4, "slow_ema": 8 + n}) for n in range(7)]
    asked.append(Asked(7, {"fast_ema": 9, "slow_ema": 8}))
    here = study().part(100, 500)
    expected = [here.trial(each) for each in asked]
    answers = []
    for message in chunks_of(here, asked, size):
        travelled = json.loads(json.dumps(message))
        answers += run_chunk(travelled, strategy=EMA, candles={BTC: hours(600)})
    assert answers_of(json.loads(json.dumps(answers))) == expected
    assert expected[7].figures is None
    assert "fast_ema must be below slow_ema" in expected[7].error


def run_all(message, **how):
    return list(run_chunk(message, **how))


def test_a_chunk_that_is_not_what_it_claims_to_be():
    [message] = chunks_of(study(), [Asked(0, VALUES)], 5)
    with pytest.raises(BadCandles, match="other candles"):
        run_all(message, strategy=EMA, candles={BTC: hours(600, seed=4)})
    with pytest.raises(BadParameters, match="another strategy"):
        run_all(message | {"strategy": "rsi"}, strategy=EMA, candles={BTC: hours(600)})
    for wrong in ({"end": "x"}, {"seed": 1}, {"trials": [{"number": 1}]}):
        with pytest.raises(BadParameters, match="no chunk"):
            run_all(message | wrong, strategy=EMA, candles={BTC: hours(600)})
    with pytest.raises(BadParameters, match="too few bars"):
        run_all(message | {"end": 601}, strategy=EMA, candles={BTC: hours(600)})


def test_the_last_part_is_held_back():
    whole = study(fixed={"signal_ema": 3})
    asked = {"method": "grid", "objective": RETURN}
    found = optimise(whole, some_space(), **asked)
    assert found.sought_in == (0, 420 * 3600)
    assert found.held_back == (420 * 3600, 600 * 3600)
    best = found.search.best
    assert best == max(found.search.trials, key=lambda trial: trial.figures["returned"])
    unseen = whole.part(420, 600).run(best.values)
    assert found.out_of_sample["returned"] == pytest.approx(unseen.equity / unseen.start - 1)
    # No trial is another for another future.
    other = replace(whole, candles={BTC: with_another_future(whole.candles[BTC], 420)})
    assert optimise(other, some_space(), **asked).search.trials == found.search.trials
    assert optimise(whole, some_space(), workers=2, **asked) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=Optimised) == found


def test_nothing_is_held_back_where_nobody_wants_it():
    found = optimise(study(300), some_space(), method="grid", objective=RETURN, held_back=0)
    assert (found.held_back, found.out_of_sample) == (None, None)


def test_an_optimisation_that_scores_nothing():
    strict = Objective(name="return", least_trades=10_000)
    found = optimise(study(300), some_space(), method="grid", objective=strict)
    assert (found.search.best, found.out_of_sample) == (None, None)
    assert found.judgement.doubts == [Doubt.NOTHING_SCORED]
    assert all(cell is None for row in found.surface.cells for cell in row)


def test_windows_roll_over_the_bars():
    asked = {"train_bars": 250, "test_bars": 150, "method": "grid", "objective": RETURN}
    walk = walk_forward(study(fixed={"signal_ema": 3}), some_space(), **asked)
    hour = 3600
    assert [(each.trained, each.tested) for each in walk.windows] == [
        ((0, 250 * hour), (250 * hour, 400 * hour)),
        ((150 * hour, 400 * hour), (400 * hour, 550 * hour)),
        ((300 * hour, 550 * hour), (550 * hour, 600 * hour)),
    ]
    grown = np.prod([1 + each.out_of_sample["returned"] for each in walk.windows])
    assert walk.returned == pytest.approx(grown - 1)
    assert walk.equity[-1] == pytest.approx(10_000 * grown)
    assert walk.at == [hour * bar for bar in range(251, 601)]
    anchored = walk_forward(study(fixed={"signal_ema": 3}), some_space(), anchored=True, **asked)
    assert [each.trained[0] for each in anchored.windows] == [0, 0, 0]


def test_no_window_sees_the_bars_after_it():
    asked = {"train_bars": 250, "test_bars": 150, "method": "grid", "objective": RETURN}
    whole = study(fixed={"signal_ema": 3})
    walk = walk_forward(whole, some_space(), **asked)
    for cut, windows in ((250, 0), (400, 1), (550, 2)):
        other = replace(whole, candles={BTC: with_another_future(whole.candles[BTC], cut)})
        again = walk_forward(other, some_space(), **asked)
        assert again.windows[:windows] == walk.windows[:windows]
        assert again.windows[windows].values == walk.windows[windows].values
        assert again.windows[windows].in_sample == walk.windows[windows].in_sample


def test_a_walk_that_is_stopped_tells_its_whole_windows():
    told = []
    walk = walk_forward(
        study(fixed={"signal_ema": 3}),
        some_space(),
        train_bars=250,
        test_bars=150,
        method="grid",
        objective=RETURN,
        on_trial=lambda window, progress: told.append(window),
        should_stop=lambda: len(told) >= 10,
    )
    assert (walk.ended, len(walk.windows)) == ("stopped", 1)
    assert told == [0] * 8 + [1] * 2


@pytest.mark.parametrize(
    ("case", "asked", "told"),
    [
        ("too few", {"train_bars": 500, "test_bars": 101}, "too few bars for a window"),
        ("no training", {"train_bars": 0, "test_bars": 10}, "above zero"),
        ("no test", {"train_bars": 10, "test_bars": 0}, "above zero"),
        ("days", {"train_bars": 50, "test_bars": 50, "objective": None}, "too few days"),
    ],
)
def test_windows_that_cannot_be(case, asked, told):
    with pytest.raises(BadParameters, match=told):
        walk_forward(study(), some_space(), **{"objective": RETURN} | asked)


@pytest.mark.parametrize("held_back", [1, -0.1, float("nan")])
def test_a_share_that_cannot_be_held_back(held_back):
    with pytest.raises(BadParameters, match="share below one"):
        optimise(study(), some_space(), held_back=held_back)
