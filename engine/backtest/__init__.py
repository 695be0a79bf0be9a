"""Backtests: what a strategy's intents would have come to on candles that are past."""

from engine.backtest.check import Check, check, looks_ahead
from engine.backtest.crossings import crossings, ema_crossings
from engine.backtest.decided import from_strategy
from engine.backtest.intents import LONG, SHORT, Do, Intents, Kind
from engine.backtest.metrics import Metrics, measure
from engine.backtest.result import Fills, Reason, Refusal, Result, Trades
from engine.backtest.run import Backtest, run
from engine.backtest.settings import Limits, Margin, Settings, Sizing, Slippage
from engine.backtest.sweep import Crosses, sweep, sweep_crosses

__all__ = [
    "LONG",
    "SHORT",
    "Backtest",
    "Check",
    "Crosses",
    "Do",
    "Fills",
    "Intents",
    "Kind",
    "Limits",
    "Margin",
    "Metrics",
    "Reason",
    "Refusal",
    "Result",
    "Settings",
    "Sizing",
    "Slippage",
    "Trades",
    "check",
    "crossings",
    "ema_crossings",
    "from_strategy",
    "looks_ahead",
    "measure",
    "run",
    "sweep",
    "sweep_crosses",
]
