"""Candles on disk, a directory for each series: `binance/BTC%2FUSDT/1m`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from engine.candle import TIMEFRAMES, Candles, seconds
from engine.errors import BadCandles, MissingBars, NotStored
from engine.market.judging import candles_of
from engine.market.resampling import resample
from engine.market.series import FIELDS, Bars, Put, Series

VENUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}/[A-Za-z0-9]{1,16}")
# So many missing stretches are named; the rest are counted.
NAMED_GAPS = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """Bars that are not there: from the first one's opening to the last one's close."""

    start: int
    end: int
    bars: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One series as it lies on disk; `first` and `last` are when those bars open."""

    venue: str
    symbol: str
    timeframe: str
    first: int
    last: int
    bars: int
    gaps: int
    missing: int


class CandleStore:
    """Any number of processes may read while one writes; others that write wait.

    All times are epoch seconds.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, venue: str, symbol: str, candles: Candles, *, replace: bool = False) -> Put:
        """Store bars beside those that are there: all of them, or none.

        A bar that stands there with other values is refused, unless it is to be replaced.
        """
        return self.put_all(venue, symbol, [candles], replace=replace)

    def put_all(
        self, venue: str, symbol: str, pieces: Sequence[Candles], *, replace: bool = False
    ) -> Put:
        """The same for pieces of one series with gaps between them."""
        (timeframe,) = {candles.timeframe for candles in pieces}
        series = self._series(venue, symbol, timeframe)
        for candles in pieces:
            if int(candles.opened_at[0]) % series.step:
                raise BadCandles("bars do not begin on their timeframe", row=0)
        columns = [
            np.concatenate([getattr(candles, name) for candles in pieces]) for name in FIELDS
        ]
        if (np.diff(columns[0]) <= 0).any():
            raise BadCandles("the pieces overlap, or are out of order")
        return series.put(np.stack(columns).astype(np.float64, copy=False), replace=replace)

    def get(
        self,
        venue: str,
        symbol: str,
        timeframe: str,
        start: int | None = None,
        end: int | None = None,
    ) -> Candles:
        """The bars that open from `start` on and close by `end`, or all there are.

        Told from the same timeframe where it is stored, else from the finest that fits.
        """
        length = seconds(timeframe)
        kept = self._told_from(venue, symbol, timeframe)
        series = self._series(venue, symbol, kept)
        first = -np.inf if start is None else -(-start // length) * length
        last = np.inf if end is None else end // length * length
        bars = series.read(first, last)
        edges = (None if start is None else int(first), None if end is None else int(last))
        if missing := gaps_of(bars, series.step, *edges):
            named = [(gap.start, gap.end) for gap in missing[:NAMED_GAPS]]
            raise MissingBars(
                f"{sum(gap.bars for gap in missing)} bars of {kept} are missing",
                venue=venue,
                symbol=symbol,
                timeframe=timeframe,
                missing=named,
                gaps=len(missing),
            )
        if not bars.size:
            raise NotStored(
                "nothing is stored of this span", venue=venue, symbol=symbol, timeframe=timeframe
            )
        candles = candles_of(kept, bars)
        return candles if kept == timeframe else resample(candles, timeframe).candles

    def gaps(
        self,
        venue: str,
        symbol: str,
        timeframe: str,
        start: int | None = None,
        end: int | None = None,
    ) -> Sequence[Gap]:
        """What is missing of one stored series: between its bars, and towards the edges given."""
        series = self._series(venue, symbol, timeframe)
        first, last = (-np.inf if start is None else start), (np.inf if end is None else end)
        return gaps_of(series.read(first, last), series.step, start, end)

    def stretches(self, venue: str, symbol: str, timeframe: str) -> Sequence[Candles]:
        """One stored series, in pieces without a gap."""
        series = self._series(venue, symbol, timeframe)
        bars = series.read()
        places = np.flatnonzero(np.diff(bars[0]) != series.step) + 1
        parts = np.split(bars, places, axis=1) if bars.size else []
        return [candles_of(timeframe, part) for part in parts]

    def series(self) -> Sequence[tuple[str, str, str]]:
        """Venue, symbol and timeframe of all that is stored, in this order."""
        homes = [
            index.parent.relative_to(self.root).parts
            for index in self.root.glob("*/*/*/index.json")
        ]
        told = [
            (venue, unquote(symbol), timeframe)
            for venue, symbol, timeframe in homes
            if timeframe in TIMEFRAMES
        ]
        return sorted(told, key=lambda one: (*one[:2], TIMEFRAMES[one[2]]))

    def list(self) -> Sequence[Stored]:
        """Every series: what it spans, and what is missing in it."""
        return [self.stored(*series) for series in self.series()]

    def stored(self, venue: str, symbol: str, timeframe: str) -> Stored:
        series = self._series(venue, symbol, timeframe)
        times = series.read()[0]
        if not times.size:
            raise NotStored("nothing is stored", venue=venue, symbol=symbol, timeframe=timeframe)
        first, last = int(times[0]), int(times[-1])
        steps = np.diff(times)
        return Stored(
            venue=venue,
            symbol=symbol,
            timeframe=timeframe,
            first=first,
            last=last,
            bars=len(times),
            gaps=int((steps != series.step).sum()),
            missing=(last - first) // series.step + 1 - len(times),
        )

    def verify(self, venue: str, symbol: str, timeframe: str) -> None:
        """Refuse a series whose files are not what was written."""
        self._series(venue, symbol, timeframe).verify()

    def _series(self, venue: str, symbol: str, timeframe: str) -> Series:
        if not VENUE.fullmatch(venue):
            raise BadCandles("a venue is small letters and digits", field="venue", venue=venue)
        if not SYMBOL.fullmatch(symbol):
            raise BadCandles("a symbol is BASE/QUOTE", field="symbol", symbol=symbol)
        return Series(
            self.root / venue / quote(symbol, safe="") / timeframe, step=seconds(timeframe)
        )

    def _told_from(self, venue: str, symbol: str, timeframe: str) -> str:
        """Which stored timeframe tells this one: itself, or the finest that divides it."""
        length = seconds(timeframe)
        fits = [name for name, step in TIMEFRAMES.items() if length % step == 0]
        for name in (timeframe, *fits):
            if self._series(venue, symbol, name).index().parts:
                return name
        raise NotStored(
            "nothing is stored that tells these bars",
            venue=venue,
            symbol=symbol,
            timeframe=timeframe,
        )


def gaps_of(bars: Bars, step: int, start: int | None, end: int | None) -> list[Gap]:
    """The stretches without bars, edges included where they are given."""
    times = bars[0].astype(np.int64)
    # An edge stands for a bar beyond it; where there is no edge, the first and last bar are it.
    before = [] if start is None else [-(-start // step) * step - step]
    after = [] if end is None else [end // step * step]
    marks = np.concatenate([np.array(before, np.int64), times, np.array(after, np.int64)])
    places = np.flatnonzero(np.diff(marks) > step)
    return [
        Gap(int(one) + step, int(other), int(other - one) // step - 1)
        for one, other in zip(marks[places], marks[places + 1], strict=True)
    ]
