"""backtesting.py's backtest of the cross, called bar by bar."""

import numpy as np
import pandas as pd
import talib
from backtesting import Backtest, Strategy

from bench.backtests.market import CASH, FAST, FEE, SLOW, STOP, TARGET, contend

TRADE = ["EntryBar", "ExitBar", "EntryPrice", "ExitPrice"]


class Cross(Strategy):
    stops = False

    def init(self):
        self.fast = self.I(talib.EMA, self.data.Close, FAST)
        self.slow = self.I(talib.EMA, self.data.Close, SLOW)

    def next(self):
        was_above, is_above = self.fast[-2] > self.slow[-2], self.fast[-1] > self.slow[-1]
        if was_above == is_above or np.isnan(self.slow[-2]):
            return
        close, sign = self.data.Close[-1], 1 if is_above else -1
        levels = {}
        if self.stops:
            levels = {"sl": close * (1 - sign * STOP), "tp": close * (1 + sign * TARGET)}
        (self.buy if is_above else self.sell)(size=1, **levels)


def once(prices, stops):
    table = pd.DataFrame({name.capitalize(): column for name, column in prices.items()})
    table.index = pd.date_range("2024-01-01", periods=len(table), freq="min")
    test = Backtest(
        table, Cross, cash=CASH, commission=FEE, exclusive_orders=True, finalize_trades=True
    )
    return test.run(stops=stops)


if __name__ == "__main__":
    contend(
        once,
        curve=lambda done: done["_equity_curve"]["Equity"].to_numpy(),
        trades=lambda done: done["_trades"][TRADE].to_numpy(),
    )
