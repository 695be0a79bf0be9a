"""What a strategy comes to with its defaults: a few figures, and a digest of its trades."""

import hashlib
import json
from pathlib import Path

from engine.backtest import Result, Settings, from_strategy, run
from engine.strategies import LIBRARY
from tests.golden.markets import TIMEFRAMES, candles_of

HERE = Path(__file__).parent
# Costs and leverage as a run has them where it names none.
SETTINGS = Settings(size=0.1, leverage=5, slip=0.0001)


def result_of(market: str, timeframe: str, code: str) -> dict[str, object]:
    strategy, candles = LIBRARY[code], candles_of(market, timeframe)
    intents = from_strategy(strategy, candles, strategy.read_params({}))
    done = run({"BTC/USDT": candles}, {"BTC/USDT": intents}, SETTINGS)
    return {
        "intents": len(intents),
        "trades": done.trade_count,
        "returned": f"{done.equity / done.start - 1:.8f}",
        "digest": digest_of(done),
    }


def digest_of(done: Result) -> str:
    """The same for the same trades, up to the last digits of floats."""
    told = done.trades
    lines = [
        f"{way} {first} {last} {why} {quantity:.7g} {price:.9g} {end:.9g} {net:.5g}"
        for way, first, last, why, quantity, price, end, net in zip(
            told.direction,
            told.entry_bar,
            told.exit_bar,
            told.reason,
            told.quantity,
            told.entry_price,
            told.exit_price,
            told.net,
            strict=True,
        )
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def places(market: str) -> list[tuple[str, str]]:
    return [(timeframe, code) for timeframe in TIMEFRAMES[market] for code in sorted(LIBRARY)]


def file_of(market: str) -> Path:
    return HERE / f"{market}.json"


def golden(market: str) -> dict[str, dict[str, dict[str, object]]]:
    file = file_of(market)
    return json.loads(file.read_text()) if file.exists() else {}
