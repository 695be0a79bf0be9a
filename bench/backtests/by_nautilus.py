"""nautilus_trader's backtest of the cross, event by event; without stops."""

from decimal import Decimal

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from bench.backtests.market import CASH, FAST, SLOW, contend

INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()
BARS = BarType.from_str(f"{INSTRUMENT.id}-1-MINUTE-LAST-EXTERNAL")


class Cross(Strategy):
    def on_start(self):
        self.fast, self.slow = ExponentialMovingAverage(FAST), ExponentialMovingAverage(SLOW)
        self.was_above, self.held = None, 0
        for average in (self.fast, self.slow):
            self.register_indicator_for_bars(BARS, average)
        self.subscribe_bars(BARS)

    def on_bar(self, bar):
        if not self.slow.initialized:
            return
        is_above = self.fast.value > self.slow.value
        if self.was_above not in (None, is_above):
            side = OrderSide.BUY if is_above else OrderSide.SELL
            quantity = INSTRUMENT.make_qty(Decimal(1 + self.held))
            self.submit_order(self.order_factory.market(INSTRUMENT.id, side, quantity))
            self.held = 1
        self.was_above = is_above


def once(prices, stops):
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USDT,
        starting_balances=[Money(CASH, USDT)],
    )
    engine.add_instrument(INSTRUMENT)
    table = pd.DataFrame(prices)
    table.index = pd.date_range("2024-01-01", periods=len(table), freq="min", tz="UTC")
    engine.add_data(BarDataWrangler(BARS, INSTRUMENT).process(table))
    engine.add_strategy(Cross())
    engine.run()
    filled = sum(order.is_closed for order in engine.cache.orders())
    engine.dispose()
    return filled


if __name__ == "__main__":
    contend(once)
