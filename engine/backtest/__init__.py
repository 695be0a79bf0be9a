"""Backtests: what a strategy's intents would have come to on candles that are past."""

from engine.backtest.intents import LONG, SHORT, Do, Intents, Kind
from engine.backtest.result import Fills, Reason, Refusal, Result, Trades
from engine.backtest.run import run
from engine.backtest.settings import Limits, Margin, Settings, Sizing, Slippage

__all__ = [
    "LONG",
    "SHORT",
    "Do",
    "Fills",
    "Intents",
    "Kind",
    "Limits",
    "Margin",
    "Reason",
    "Refusal",
    "Result",
    "Settings",
    "Sizing",
    "Slippage",
    "Trades",
    "run",
]
