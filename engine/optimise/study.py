"""What is tried: a strategy on candles, with settings, and the parameters that are not sought."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from engine.backtest import Backtest, Intents, Result, Settings, from_strategy, measure
from engine.backtest.metrics import DAY
from engine.backtest.run import Rates
from engine.candle import COLUMNS, Candles, bars_of
from engine.errors import BadCandles, BadParameters, RuleFailed
from engine.optimise.objective import Objective
from engine.optimise.trial import Asked, Trial
from engine.strategies.base import Params, Strategy, describe

# Into so many equal stretches a run's time is cut, to be told in a trial's `gains`.
STRETCHES = 160
OF_DAYS = {"sharpe", "sortino"}
LEAST_DAYS = 10


def check_days(objective: str, *, days: int) -> None:
    if objective in OF_DAYS and days < LEAST_DAYS:
        raise BadParameters(
            f"too few days for {objective}: {days}, and {LEAST_DAYS} are the least",
            field="objective",
        )


@dataclass(frozen=True, kw_only=True)
class Study:
    """Bars from `start` to before `end` are traded, on an account that begins anew.

    Bars before `start` are shown to the strategy as it is shown the past when it trades; a
    decision is never made on them. Bars from `end` on are not there.
    """

    strategy: Strategy
    candles: Mapping[str, Candles]
    settings: Settings
    fixed: Mapping[str, Any] = field(default_factory=dict)
    rates: Rates | None = None
    # Intents that are less sure are left out.
    least_confidence: int = 0
    start: int = 0
    end: int | None = None

    def __post_init__(self) -> None:
        known = {each.name for each in describe(self.strategy)}
        for name in self.fixed:
            if name not in known:
                raise BadParameters("unknown parameter", field=name, known=sorted(known))
        if not (self.settings.with_curve and self.settings.with_records):
            raise BadParameters("a study needs curve and records", field="settings")
        if not self.candles:
            raise BadCandles("no symbols")
        if not 0 <= self.start < self.last <= self.bars:
            raise BadParameters("too few bars", bars=self.bars, start=self.start, end=self.last)

    @property
    def bars(self) -> int:
        return len(next(iter(self.candles.values())))

    @property
    def last(self) -> int:
        return self.bars if self.end is None else self.end

    @property
    def span(self) -> tuple[int, int]:
        """From when to when it trades, in epoch seconds."""
        traded = next(iter(self._traded.values()))
        return int(traded.opened_at[0]), traded.closed_at

    def check_days(self, objective: Objective) -> None:
        """Of a few days' returns no ratio is to be told, let alone sought."""
        start, end = self.span
        check_days(objective.name, days=(end - start) // DAY)

    def part(self, start: int, end: int) -> "Study":
        return replace(self, start=start, end=end)

    def params(self, values: Mapping[str, Any]) -> Params:
        return self.strategy.read_params({**self.fixed, **values})

    def run(self, values: Mapping[str, Any]) -> Result:
        params = self.params(values)
        return self._backtest.run(
            {symbol: self._intents(candles, params) for symbol, candles in self.candles.items()}
        )

    def trial(self, asked: Asked) -> Trial:
        """A refusal of what is tried is an answer too."""
        try:
            result = self.run(asked.values)
        except (BadParameters, BadCandles, RuleFailed) as error:
            return Trial(asked.number, asked.values, error=error.message)
        return Trial(asked.number, asked.values, figures_of(result), gains_of(result))

    @cached_property
    def about(self) -> dict[str, Any]:
        """What its answers depend on, as plain data."""
        return {
            "strategy": self.strategy.code,
            "fixed": msgspec.to_builtins(dict(self.fixed)),
            "settings": msgspec.to_builtins(self.settings),
            "least_confidence": self.least_confidence,
            "candles": self.digest,
            "start": self.start,
            "end": self.last,
        }

    @cached_property
    def digest(self) -> str:
        """The same candles and rates have the same digest on every host."""
        told = blake2b(digest_size=16)
        for symbol, candles in self.candles.items():
            told.update(f"{symbol} {candles.timeframe}".encode())
            columns = [getattr(candles, name) for name in COLUMNS]
            if self.rates is not None and symbol in self.rates:
                columns.append(self.rates[symbol])
            for column in columns:
                told.update(np.ascontiguousarray(column).tobytes())
        return told.hexdigest()

    @cached_property
    def _traded(self) -> dict[str, Candles]:
        return {
            symbol: bars_of(candles, self.start, self.last)
            for symbol, candles in self.candles.items()
        }

    @cached_property
    def _backtest(self) -> Backtest:
        rates = self.rates and {
            symbol: rates[self.start : self.last] for symbol, rates in self.rates.items()
        }
        return Backtest(self._traded, self.settings, rates)

    def _intents(self, candles: Candles, params: Params) -> Intents:
        """Those decided on the bars that are traded, told by their places among these."""
        shown = max(0, self.start + 1 - self.strategy.candles_needed(params))
        told = from_strategy(
            self.strategy,
            bars_of(candles, shown, self.last),
            params,
            least_confidence=self.least_confidence,
            hedge=self.settings.hedge,
        )
        codes = told.codes.copy()
        codes[:, 0] -= self.start - shown
        return Intents(codes, told.asked)


def figures_of(result: Result) -> dict[str, Any]:
    return asdict(measure(result))


def gains_of(result: Result) -> list[float]:
    """What the account gained in each stretch, as a share; nothing where it cannot be told."""
    bars = len(result.curve)
    if bars < STRETCHES or (result.curve <= 0).any():
        return []
    ends = np.linspace(0, bars, STRETCHES + 1).astype(int)[1:] - 1
    worth = np.concatenate([[result.start], result.curve[ends]])
    gains: list[float] = (worth[1:] / worth[:-1] - 1).tolist()
    return gains
