"""Small studies, and searches whose answer is known."""

from engine.backtest import Settings
from engine.candle import Candles
from engine.optimise import Study, Trial, space_of, spread
from engine.strategies import Span, strategy_named
from engine.strategies.found import market

BTC = "BTC/USDT"
EMA = strategy_named("ema_cross")
HILL = {
    "x": Span("float", -5, 5),
    "n": Span("int", 0, 20, step=2),
    "way": Span("choice", choices=("left", "right")),
}


def height(values):
    """Highest, at 0, where x is 2, n is 8 and the way is right."""
    return -((values["x"] - 2) ** 2) - (values["n"] - 8) ** 2 / 10 - (values["way"] == "left")


def climb(asked):
    figures = {"trades": 5, "drawdown": 0.1, "returned": height(asked.values)}
    return Trial(asked.number, asked.values, figures)


def climbing(seen=None):
    """Answers in turn; `seen` is told the number of each."""

    def one(asked):
        if seen is not None:
            seen.append(asked.number)
        return climb(asked)

    with spread(one) as evaluate:
        return evaluate


def hours(bars, seed=3):
    made = market(seed, bars)
    columns = (made.open, made.high, made.low, made.close, made.volume)
    return Candles("1h", made.opened_at * 60, *columns)


def study(bars=600, **changes):
    return Study(strategy=EMA, candles={BTC: hours(bars)}, settings=Settings(), **changes)


def some_space():
    return space_of(
        EMA,
        {"fast_ema": {"least": 3, "most": 6}, "slow_ema": {"choices": [8, 12]}},
        {"signal_ema": 3},
    )
