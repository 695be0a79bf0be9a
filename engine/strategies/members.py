"""Every strategy that decides by itself, by its file; the portfolio is made of these."""

from importlib import import_module

from engine.strategies.base import Strategy

FILES = (
    "arbitrage",
    "boll_squeeze",
    "breakout",
    "ema_cross",
    "grid",
    "hedge",
    "hedge_conservative",
    "hft",
    "keltner",
    "ma_cross",
    "ma_dense",
    "macd",
    "market_regime",
    "mean_reversion",
    "momentum",
    "mtf",
    "reversal",
    "reversal_hedge",
    "rsi",
    "rsi_boll",
    "scalping",
    "smc",
    "smc_fibo",
    "smc_fibo_flex",
    "sr_break",
    "supertrend",
    "swing",
    "trend_add",
    "trend_aggressive",
    "turtle",
)


def strategy_in(file: str) -> Strategy:
    strategy: Strategy = import_module(f"engine.strategies.{file}").STRATEGY
    return strategy


MEMBERS = {strategy.code: strategy for strategy in map(strategy_in, FILES)}
