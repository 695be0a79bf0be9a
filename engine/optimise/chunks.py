"""Trials as plain messages, so that other hosts make them: the same answers, however they are cut.

A message names its candles by their digest: a host that has others refuses it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engine.backtest import Settings
from engine.backtest.run import Rates
from engine.candle import Candles
from engine.errors import BadCandles, BadParameters
from engine.optimise.study import Study
from engine.optimise.trial import Asked, Trial
from engine.strategies.base import Strategy

Message = dict[str, Any]


class Chunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    strategy: str
    fixed: dict[str, Any]
    settings: Settings
    least_confidence: int
    candles: str
    start: int
    end: int
    trials: list[Asked]


def chunks_of(study: Study, asked: Sequence[Asked], size: int) -> list[Message]:
    """The trials as messages of so many each."""
    if size < 1:
        raise BadParameters("must be above zero", field="size", value=size)
    told = msgspec.to_builtins(list(asked))
    return [
        {**study.about, "trials": told[first : first + size]} for first in range(0, len(told), size)
    ]


def run_chunk(
    message: Mapping[str, Any],
    *,
    strategy: Strategy,
    candles: Mapping[str, Candles],
    rates: Rates | None = None,
) -> Iterator[Message]:
    """Make a chunk's trials on this host, one after the other; the answers are plain data too."""
    chunk = read(message, Chunk)
    if strategy.code != chunk.strategy:
        raise BadParameters("another strategy", field="strategy", value=chunk.strategy)
    study = Study(
        strategy=strategy,
        candles=candles,
        settings=chunk.settings,
        least_confidence=chunk.least_confidence,
        fixed=chunk.fixed,
        rates=rates,
        start=chunk.start,
        end=chunk.end,
    )
    if study.digest != chunk.candles:
        raise BadCandles("the chunk is of other candles", candles=chunk.candles)
    for each in chunk.trials:
        yield msgspec.to_builtins(study.trial(each))


def answers_of(told: Sequence[Mapping[str, Any]]) -> list[Trial]:
    trials: list[Trial] = read(told, list[Trial])
    return trials


def read(message: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(message, kind)
    except msgspec.ValidationError as error:
        raise BadParameters(f"no chunk of a search: {error}") from error
