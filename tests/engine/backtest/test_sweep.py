"""Many runs at once are the same as one after the other."""

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import Backtest, Intents, Margin, Sizing, crossings, run, sweep, sweep_crosses
from engine.backtest.crossings import ema_rows
from engine.backtest.kernel import BLOCK
from engine.candle import Candles
from engine.errors import BadParameters
from engine.indicators import ema
from tests.engine.backtest.markets import BTC, plain, walk

MARKET = walk(11, 500, tick=0.01)
COSTS = plain(sizing=Sizing.NOTIONAL, size=1000, taker_fee=0.001, levels_from_entry=True)
PAIRS = [(fast, slow) for fast in range(3, 9) for slow in range(12, 20)]


def wanted(pair):
    bars, rises = crossings(*(ema(MARKET.close, period) for period in pair))
    return {BTC: Intents.of(bars, direction=~rises, stop=0.02, target=0.05)}


@pytest.mark.parametrize("threads", [1, 3])
def test_a_sweep_is_its_runs_in_order(threads):
    told = sweep(Backtest({BTC: MARKET}, COSTS), wanted, PAIRS, threads=threads)
    alone = [run({BTC: MARKET}, wanted(pair), COSTS) for pair in PAIRS]
    assert [each.equity for each in told] == [each.equity for each in alone]
    assert [each.trade_count for each in told] == [each.trade_count for each in alone]
    assert len({each.equity for each in told}) > len(PAIRS) / 2


def test_a_refusal_ends_the_sweep():
    with pytest.raises(ZeroDivisionError):
        sweep(Backtest({BTC: MARKET}, COSTS), lambda pair: {BTC: 1 // 0}, PAIRS)
    assert sweep(Backtest({BTC: MARKET}, COSTS), wanted, []) == []


def test_a_run_leaves_the_next_one_as_it_would_have_been():
    ready = Backtest({BTC: MARKET}, COSTS)
    first, _, again = (ready.run(wanted(pair)) for pair in ((3, 12), (8, 19), (3, 12)))
    assert np.array_equal(first.curve, again.curve)
    assert np.array_equal(first.trades.net, again.trades.net)


def test_columns_shared_by_all_rows_are_those_of_each():
    bars = [5, 40, 90, 200]
    shared = Intents.of(bars, direction=[0, 1, 0, 1], stop=0.02, target=0.03)
    each = Intents.of(bars, direction=[0, 1, 0, 1], stop=[0.02] * 4, target=0.03)
    assert (len(shared.asked), len(each.asked)) == (1, 4)
    assert np.array_equal(shared.rows, each.rows, equal_nan=True)
    one, two = (run({BTC: MARKET}, {BTC: intents}, COSTS) for intents in (shared, each))
    assert one.trade_count > 3
    assert np.array_equal(one.curve, two.curve)


def test_columns_that_cannot_be_written_or_have_gaps_are_as_good():
    table = np.stack([MARKET.open, MARKET.high, MARKET.low, MARKET.close, MARKET.volume], axis=1)
    table.setflags(write=False)
    other = Candles("1m", MARKET.opened_at, *table.T)
    one, two = (run({BTC: each}, wanted((3, 12)), COSTS) for each in (MARKET, other))
    assert np.array_equal(one.curve, two.curve)


@pytest.mark.parametrize("levels", [{}, {"stop": 0.02, "target": 0.05}])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("margin", Margin)
def test_crosses_are_swept_as_they_are_run(levels, threads, margin):
    settings = replace(COSTS, with_curve=False, with_records=False, closes_at_end=False)
    settings = replace(settings, margin=margin, leverage=5, maintenance=0.01)
    ready = Backtest({BTC: MARKET}, settings)
    periods = sorted({period for pair in PAIRS for period in pair})
    averages = [ema(MARKET.close, period) for period in periods]
    places = [(periods.index(fast), periods.index(slow)) for fast, slow in PAIRS]
    told = sweep_crosses(ready, averages, places, threads=threads, **levels)
    for pair, equity, trades in zip(places, told.equity, told.trades, strict=True):
        bars, rises = crossings(averages[pair[0]], averages[pair[1]])
        alone = ready.run({BTC: Intents.of(bars, direction=~rises, **levels)})
        assert (equity, trades) == (alone.equity, alone.trade_count)


@pytest.mark.parametrize("bars", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 70])
@pytest.mark.parametrize("is_shifted", [False, True])
def test_crosses_are_found_from_block_to_block(bars, is_shifted):
    """Also where a pair is known from another bar than a block's first."""
    market = walk(5, bars)
    costs = replace(COSTS, with_curve=False, with_records=False, closes_at_end=False, funding=0.001)
    ready = Backtest({BTC: market}, costs)
    averages = ema_rows(market.close, [1, 2, 5, BLOCK if is_shifted else 9], threads=2)
    places = [(0, 1), (1, 2), (2, 3), (0, 3), (3, 0)]
    told = sweep_crosses(ready, averages, places, stop=0.02, target=0.05, threads=2)
    for pair, equity, trades in zip(places, told.equity, told.trades, strict=True):
        turned, rises = crossings(averages[pair[0]], averages[pair[1]])
        alone = ready.run({BTC: Intents.of(turned, direction=~rises, stop=0.02, target=0.05)})
        assert (equity, trades) == (alone.equity, alone.trade_count)
    assert told.trades[:2].min() > 100


def test_crosses_of_nothing_and_of_too_little():
    ready = Backtest({BTC: MARKET}, replace(COSTS, with_curve=False, with_records=False))
    never = np.full(len(MARKET), np.nan)
    told = sweep_crosses(ready, [MARKET.close, never], [(0, 1)])
    assert (told.equity[0], told.trades[0]) == (COSTS.cash, 0)
    assert len(sweep_crosses(ready, [never], []).equity) == 0
    with pytest.raises(BadParameters):
        sweep_crosses(Backtest({BTC: MARKET}, COSTS), [never], [])
