"""Our own backtest of the cross."""

import sys
import time
from itertools import chain

import numpy as np

from bench.backtests.market import CASH, FAST, FEE, SLOW, STOP, TARGET, contend
from engine.backtest import Intents, Settings, Sizing
from engine.backtest.crossings import ema_crossings, ema_rows
from engine.backtest.metrics import deepest
from engine.backtest.run import Backtest
from engine.backtest.sweep import sweep_crosses
from engine.candle import Candles

BTC = "BTC/USDT"
COSTS = {"cash": CASH, "sizing": Sizing.QUANTITY, "size": 1, "taker_fee": FEE, "maker_fee": FEE}
# The peers liquidate nobody and mark what is held at the end.
LIKE_PEERS = {"maintenance": None, "closes_at_end": False, "levels_from_entry": True}


def candles_of(prices):
    opened_at = np.arange(len(prices["close"]), dtype=np.int64) * 60
    return Candles("1m", opened_at, **prices)


def cross(bars, rises, stops):
    levels = {"stop": STOP, "target": TARGET} if stops else {}
    return {BTC: Intents.of(bars, direction=~rises, **levels)}


READY = {}


def once(prices, stops):
    """Averages, crosses, every fill and trade, the worth at each bar and the deepest fall."""
    key = id(prices["close"])
    if key not in READY:
        READY[key] = candles_of(prices)
    wanted = cross(*ema_crossings(prices["close"], FAST, SLOW), stops)
    done = Backtest({BTC: READY[key]}, Settings(**COSTS, **LIKE_PEERS)).run(wanted)
    deepest(done.curve, CASH)
    return done


def trades_of(done):
    trades = done.trades
    columns = (trades.entry_bar, trades.exit_bar, trades.entry_price, trades.exit_price)
    return np.stack(columns, axis=1)


def many(prices, pairs, stops):
    settings = Settings(**COSTS, **LIKE_PEERS, with_curve=False, with_records=False)
    backtest = Backtest({BTC: candles_of(prices)}, settings)
    levels = {"stop": STOP, "target": TARGET} if stops else {}
    sweep_crosses(backtest, [prices["open"], prices["close"]], [(0, 1)], **levels)
    threads = int(sys.argv[6])
    begun, begun_own = time.perf_counter(), time.process_time()
    periods = sorted({*chain(*pairs)})
    averages = ema_rows(prices["close"], periods, threads=threads)
    places = [(periods.index(fast), periods.index(slow)) for fast, slow in pairs]
    done = sweep_crosses(backtest, averages, places, **levels, threads=threads)
    own, taken = time.process_time() - begun_own, time.perf_counter() - begun
    return {"seconds": taken, "own": own, "worth": done.equity.tolist()}


if __name__ == "__main__":
    contend(once, sweep=many, curve=lambda done: done.curve, trades=trades_of)
