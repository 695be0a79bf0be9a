"""Bars of a venue into the store, a page at a time.

Only what is missing is asked for, so that going on, filling holes and reaching further
back are one thing. Every page is stored before the next one is asked for: whoever is
stopped or killed goes on from there.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.candle import seconds
from engine.errors import VenueError, VenueRefused
from engine.market.cells import numbers
from engine.market.findings import Findings, Repair
from engine.market.judging import Read, judge
from engine.market.series import FIELDS
from engine.market.store import CandleStore
from engine.venues.base import Bar, BarSource

# Bars that closed only now may still change at the venue, and its clock may be behind ours.
SETTLED_SECONDS = 10
# Pauses between tries of one question; after the last one its error stands.
PAUSES = (1, 2, 4, 8, 16, 30, 30, 30)


class Wait(Protocol):
    def __call__(self, seconds: float, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: bars that were asked for and are to be asked for, and those that came."""

    asked: int
    left: int
    added: int
    until: int  # the last page ended here, in epoch seconds


def last_settled(timeframe: str, now: float) -> int:
    """Until when bars are settled, in epoch seconds: whole bars only."""
    step = seconds(timeframe)
    return int(now - SETTLED_SECONDS) // step * step


def fetch(
    store: CandleStore,
    source: BarSource,
    venue: str,
    symbol: str,
    timeframe: str,
    *,
    since: int,
    until: int,
    wait: Wait = time.sleep,
    pauses: Sequence[int] = PAUSES,
) -> Iterator[Progress]:
    """Ask for every bar that is missing between two instants, and store what there is."""
    step = seconds(timeframe)
    gaps = store.gaps(venue, symbol, timeframe, since, until)
    left, asked, added = sum(gap.bars for gap in gaps), 0, 0
    for gap in gaps:
        for start in range(gap.start, gap.end, source.bars_at_once * step):
            end = min(start + source.bars_at_once * step, gap.end)
            bars = asked_again(
                lambda start=start, end=end: source.bars(  # type: ignore[misc]
                    symbol, timeframe, since_ms=start * 1000, until_ms=end * 1000
                ),
                wait,
                pauses,
            )
            if bars:
                added += store.put_all(venue, symbol, judged(bars, timeframe).stretches).added
            asked += (end - start) // step
            left -= (end - start) // step
            yield Progress(asked, left, added, end)


def asked_again(
    ask: Callable[[], list[Bar]], wait: Wait, pauses: Sequence[int] = PAUSES
) -> list[Bar]:
    """A question changes nothing, so it is asked again, unless the answer was a refusal."""
    for pause in pauses:
        try:
            return ask()
        except VenueRefused:
            raise
        except VenueError:
            wait(pause)
    return ask()


def judged(bars: list[Bar], timeframe: str) -> Read:
    """Rows are counted from 1 within the page; pages may overlap, and say things twice."""
    findings, rows = Findings(), np.arange(1, len(bars) + 1)
    columns = [np.array([bar.opened_at_ms for bar in bars]) / 1000]
    for field in FIELDS[1:]:
        cells = np.array([getattr(bar, field) for bar in bars], np.float64)
        columns.append(numbers(cells, rows, field, findings))
    return judge(
        np.stack(columns),
        rows,
        timeframe,
        findings,
        repair={Repair.SORT, Repair.DROP_DUPLICATES},
    )
