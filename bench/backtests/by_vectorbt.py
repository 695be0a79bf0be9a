"""vectorbt's backtest of the cross: signals from TA-Lib's averages, filled at the next open."""

import time
from itertools import chain

import numpy as np
import talib
import vectorbt
from vectorbt.portfolio.enums import StopEntryPrice

from bench.backtests.market import CASH, FAST, FEE, SLOW, STOP, TARGET, contend

COLUMNS = 100
TRADE = ["entry_idx", "exit_idx", "entry_price", "exit_price"]


def simulate(prices, averages, pairs, stops):
    """One column a pair."""
    above = np.column_stack([averages[fast] > averages[slow] for fast, slow in pairs])
    is_known = np.column_stack([~np.isnan(averages[slow]) for _, slow in pairs])
    turned = np.zeros_like(above)
    turned[1:] = (above[1:] != above[:-1]) & is_known[:-1]
    acts, rose = np.zeros_like(above), np.zeros_like(above)
    acts[1:], rose[1:] = turned[:-1], above[:-1]
    wide = {name: np.repeat(column[:, None], len(pairs), 1) for name, column in prices.items()}
    levels = {}
    if stops:
        levels = {
            "sl_stop": STOP,
            "tp_stop": TARGET,
            "stop_entry_price": StopEntryPrice.FillPrice,
            **{name: wide[name] for name in ("open", "high", "low")},
        }
    return vectorbt.Portfolio.from_signals(
        wide["close"],
        entries=acts & rose,
        short_entries=acts & ~rose,
        price=wide["open"],
        size=1.0,
        fees=FEE,
        init_cash=CASH,
        upon_opposite_entry="reverse",
        freq="1min",
        **levels,
    )


def averages_of(prices, pairs):
    return {period: talib.EMA(prices["close"], period) for period in {*chain(*pairs)}}


def once(prices, stops):
    pairs = [(FAST, SLOW)]
    done = simulate(prices, averages_of(prices, pairs), pairs, stops)
    done.total_return()
    done.max_drawdown()
    return done


def many(prices, pairs, stops):
    simulate(prices, averages_of(prices, pairs[:2]), pairs[:2], stops).final_value()
    begun, begun_own = time.perf_counter(), time.process_time()
    averages, worth = averages_of(prices, pairs), []
    for first in range(0, len(pairs), COLUMNS):
        done = simulate(prices, averages, pairs[first : first + COLUMNS], stops)
        worth += done.final_value().tolist()
    own, taken = time.process_time() - begun_own, time.perf_counter() - begun
    return {"seconds": taken, "own": own, "worth": worth}


if __name__ == "__main__":
    contend(
        once,
        sweep=many,
        curve=lambda done: done.value().to_numpy().ravel(),
        trades=lambda done: done.trades.records[TRADE].to_numpy(),
    )
