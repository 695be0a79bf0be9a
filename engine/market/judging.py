"""Columns from outside become candles only here, once nothing is wrong with them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from engine.candle import TIMEFRAMES, Candles, seconds
from engine.market.cells import Floats, Whole
from engine.market.findings import Fault, FaultyCandles, Findings, Repair

TIME = "opened_at"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: candles in pieces without a gap, and what was found on the way.

    There is one piece, unless bars were missing. Missing bars are never made up.
    """

    stretches: tuple[Candles, ...]
    findings: Findings

    @property
    def candles(self) -> Candles:
        """The one unbroken series; refused where bars are missing."""
        if len(self.stretches) != 1:
            raise FaultyCandles(self.findings)
        return self.stretches[0]


def judge(
    bars: Floats,
    rows: Whole,
    timeframe: str | None,
    findings: Findings,
    *,
    now: float | None = None,
    repair: Collection[Repair] = (),
) -> Read:
    """Sound candles of six columns (`opened_at` first), or every fault of them, refused.

    Without `now`, whether the last bar has closed is not known, and not asked. Without a
    timeframe, which is then a fault that was named before, what can be judged is.
    """
    name_impossible(bars, rows, findings)
    is_timed = ~np.isnan(bars[0])
    bars, rows = in_order(bars[:, is_timed], rows[is_timed], findings, repair)
    bars, rows = without_doubles(bars, rows, findings, repair)
    if timeframe is None:
        raise FaultyCandles(findings)
    step = seconds(timeframe)
    if now is not None:
        bars, rows = closed(bars, rows, step, now, findings, repair)
    if not bars.size and not findings:
        findings.add_one(Fault.EMPTY, TIME, "there are no closed bars")
    name_off_grid(bars[0], rows, step, findings)
    starts = name_gaps(bars[0], rows, step, findings)
    findings.refuse(but=(Fault.GAP,))
    pieces = np.split(bars, starts, axis=1)
    return Read(tuple(candles_of(timeframe, piece) for piece in pieces), findings)


def candles_of(timeframe: str, bars: Floats) -> Candles:
    return Candles(timeframe, bars[0].astype(np.int64), *bars[1:])


def name_impossible(bars: Floats, rows: Whole, findings: Findings) -> None:
    """Comparisons with what could not be read are false, so that one fault is named once."""
    _, open_, high, low, close, _ = bars
    upside_down = high < low
    findings.add(
        Fault.IMPOSSIBLE,
        "high",
        rows,
        upside_down,
        lambda place: f"high {high[place]} is below low {low[place]}",
    )
    for field, price in (("open", open_), ("close", close)):
        is_outside = ((price > high) | (price < low)) & ~upside_down
        findings.add(
            Fault.IMPOSSIBLE,
            field,
            rows,
            is_outside,
            lambda place, price=price: (  # type: ignore[misc]
                f"{price[place]} is outside of {low[place]} to {high[place]}"
            ),
        )


def in_order(
    bars: Floats, rows: Whole, findings: Findings, repair: Collection[Repair]
) -> tuple[Floats, Whole]:
    """In order of time; the rest is judged so, whether order was asked for or not."""
    falls = np.diff(bars[0], prepend=-np.inf) < 0
    if Repair.SORT in repair:
        findings.mended(Repair.SORT, falls)
    else:
        findings.add(
            Fault.DISORDER, TIME, rows, falls, lambda place: f"earlier than row {rows[place - 1]}"
        )
    order = np.argsort(bars[0], kind="stable") if falls.any() else slice(None)
    return bars[:, order], rows[order]


def without_doubles(
    bars: Floats, rows: Whole, findings: Findings, repair: Collection[Repair]
) -> tuple[Floats, Whole]:
    """Each time once; a double that says the same is named or dropped, another one is named."""
    is_double = np.diff(bars[0], prepend=-np.inf) == 0
    says_same = is_double & (bars == np.roll(bars, 1, axis=1)).all(axis=0)

    def told(place: int) -> str:
        return f"the same time as row {rows[place - 1]}"

    findings.add(Fault.DIFFERING_DUPLICATE, TIME, rows, is_double & ~says_same, told)
    if Repair.DROP_DUPLICATES in repair:
        findings.mended(Repair.DROP_DUPLICATES, says_same)
    else:
        findings.add(Fault.DUPLICATE, TIME, rows, says_same, told)
    return bars[:, ~is_double], rows[~is_double]


def timeframe_of(times: Floats, told: str | None, findings: Findings) -> str | None:
    """The timeframe told, if the bars have it, or the one they have; none is named."""
    step = seconds(told) if told else None
    known = np.unique(times[~np.isnan(times)])
    if not known.size:
        findings.add_one(Fault.EMPTY, TIME, "there are no bars")
        return None
    if known.size == 1:
        if told is None:
            findings.add_one(Fault.ONE_BAR, TIME, "one bar does not tell its timeframe")
        return told
    steps, counts = np.unique(np.diff(known), return_counts=True)
    usual = steps[np.argmax(counts)].item()
    if step is None:
        by_length = {length: name for name, length in TIMEFRAMES.items()}
        told = by_length.get(usual)
    elif usual < step or step not in steps:
        told = None
    if told is None:
        wanted = f", not {step}" if step else ""
        findings.add_one(
            Fault.WRONG_TIMEFRAME, TIME, f"bars are mostly {usual:g} seconds apart{wanted}"
        )
    return told


def closed(
    bars: Floats,
    rows: Whole,
    step: int,
    now: float,
    findings: Findings,
    repair: Collection[Repair],
) -> tuple[Floats, Whole]:
    """Without the one bar that is still forming; it is named, or dropped where that was asked."""
    is_future = bars[0] > now
    is_forming = ~is_future & (bars[0] + step > now)
    findings.add(
        Fault.IN_THE_FUTURE, TIME, rows, is_future, lambda _: f"opens after {now:.0f}, which is now"
    )
    if Repair.DROP_FORMING in repair:
        findings.mended(Repair.DROP_FORMING, is_forming)
    else:
        findings.add(Fault.FORMING, TIME, rows, is_forming, lambda _: "the bar has not closed yet")
    return bars[:, ~is_forming], rows[~is_forming]


def name_off_grid(times: Floats, rows: Whole, step: int, findings: Findings) -> None:
    findings.add(
        Fault.OFF_GRID,
        TIME,
        rows,
        times % step != 0,
        lambda place: f"{times[place].item()!r} is no multiple of {step} seconds",
    )


def name_gaps(times: Floats, rows: Whole, step: int, findings: Findings) -> list[int]:
    """The places after a gap."""
    steps = np.diff(times, prepend=times[:1] - step)
    # What is less than a bar too late is off the grid, and nothing is missing there.
    is_gap = steps >= 2 * step
    findings.add(
        Fault.GAP,
        TIME,
        rows,
        is_gap,
        lambda place: f"{steps[place] // step - 1:,.0f} bars are missing before this one",
    )
    return np.flatnonzero(is_gap).tolist()
