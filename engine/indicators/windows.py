"""What remembers all it has seen, as it stands where only so many bars are shown: on many bars at
once, each from a window of its own that begins where its first shown bar is.

A value depends on its window and on nothing else, so that a column's values are, to the last
bit, those that would be told of each window alone. Windows are counted side by side.
"""

import numpy as np

from engine.compiled import compiled
from engine.indicators.averages import Column
from engine.parts import Floats, Grid, part

# So many windows side by side, that what they share stays near.
LANES = 256
# Below this TA-Lib takes a sum of changes for none.
NOTHING = 1e-14


def whole(values: Column) -> Column:
    """Without gaps, as compiled code wants it."""
    return np.ascontiguousarray(values, np.float64)


def empty(values: Column, shown: int) -> tuple[Column, Column]:
    count = len(values) - shown + 1
    return np.empty(count), np.empty(count)


def means(values: Column, period: int) -> Column:
    """The plain mean of each `period` values, summed anew."""
    told = np.empty(max(0, len(values) - period + 1))
    write_means(whole(values), period, told)
    return told


def deviations(values: Column, period: int) -> Column:
    """The standard deviation of each `period` values from their mean."""
    told = np.empty(max(0, len(values) - period + 1))
    write_deviations(whole(values), means(values, period), period, told)
    return told


def exponential(values: Column, shown: int, period: int) -> tuple[Column, Column]:
    """The exponential average on the last bar but one of each window, and on the last."""
    before, now = empty(values, shown)
    write_exponential(whole(values), shown, period, before, now)
    return before, now


def wilder(values: Column, shown: int, period: int) -> tuple[Column, Column]:
    """Wilder's average of all but the first value of each window."""
    before, now = empty(values, shown)
    write_wilder(whole(values), shown, period, before, now)
    return before, now


def strengths(values: Column, shown: int, period: int) -> tuple[Column, Column]:
    """Wilder's relative strength."""
    (before, now), (gained, lost) = empty(values, shown), empty(values, shown)
    write_strengths(whole(values), shown, period, gained, lost, before, now)
    return before, now


def histograms(
    values: Column, shown: int, fast: int, slow: int, signal: int
) -> tuple[Column, Column]:
    """How far the MACD's line stands above its signal."""
    before, now = empty(values, shown)
    averages = np.empty((3, len(now)))
    write_histograms(whole(values), shown, fast, slow, signal, averages, before, now)
    return before, now


def trends(
    middle: Column, close: Column, usual: Column, *, shown: int, period: int, ranges: float
) -> tuple[Column, Column, Column]:
    """Supertrend: on which side the close stands on the last bar but one of each window and on
    the last, 1 or -1, and the line then; `usual` are true ranges, which Wilder's way averages."""
    before, now = empty(close, shown)
    kept = np.empty((3, len(now)))
    write_trends(
        whole(middle), whole(close), whole(usual), shown, period, ranges, kept, before, now
    )
    return before, now, np.where(now > 0, kept[2], kept[1])


@part
def copy(values: Floats, told: Floats) -> None:
    for lane in range(len(told)):
        told[lane] = values[lane]


@compiled()
def write_means(values: Floats, period: int, told: Floats) -> None:  # pragma: no cover - compiled
    for first in range(0, len(told), LANES):
        here = told[first : first + LANES]
        here[:] = 0.0
        for step in range(first, first + period):
            came = values[step : step + len(here)]
            for lane in range(len(here)):
                here[lane] += came[lane]
        for lane in range(len(here)):
            here[lane] /= period


@compiled()
def write_deviations(
    values: Floats, means: Floats, period: int, told: Floats
) -> None:  # pragma: no cover - compiled
    for first in range(0, len(told), LANES):
        here, mean = told[first : first + LANES], means[first : first + LANES]
        here[:] = 0.0
        for step in range(first, first + period):
            came = values[step : step + len(here)]
            for lane in range(len(here)):
                apart = came[lane] - mean[lane]
                here[lane] += apart * apart
        for lane in range(len(here)):
            here[lane] = np.sqrt(here[lane] / period)


@compiled()
def write_exponential(
    values: Floats, shown: int, period: int, before: Floats, now: Floats
) -> None:  # pragma: no cover - compiled
    weight = 2.0 / (period + 1)
    for first in range(0, len(now), LANES):
        here = now[first : first + LANES]
        here[:] = 0.0
        for step in range(shown):
            came = values[first + step : first + step + len(here)]
            if step == shown - 1:
                copy(here, before[first : first + LANES])
            if step >= period:
                for lane in range(len(here)):
                    here[lane] = (came[lane] - here[lane]) * weight + here[lane]
            else:
                for lane in range(len(here)):
                    here[lane] += came[lane]
            if step == period - 1:
                for lane in range(len(here)):
                    here[lane] /= period


@compiled()
def write_wilder(
    values: Floats, shown: int, period: int, before: Floats, now: Floats
) -> None:  # pragma: no cover - compiled
    for first in range(0, len(now), LANES):
        here = now[first : first + LANES]
        here[:] = 0.0
        for step in range(1, shown):
            came = values[first + step : first + step + len(here)]
            if step == shown - 1:
                copy(here, before[first : first + LANES])
            # A sum at first, then an average that forgets.
            kept = period - 1.0 if step > period else 1.0
            over = period * 1.0 if step >= period else 1.0
            for lane in range(len(here)):
                here[lane] = (here[lane] * kept + came[lane]) / over


@part
def write_strength(gained: Floats, lost: Floats, told: Floats) -> None:
    for lane in range(len(told)):
        both = gained[lane] + lost[lane]
        told[lane] = 100.0 * (gained[lane] / both) if both >= NOTHING else 0.0


@compiled()
def write_strengths(
    values: Floats,
    shown: int,
    period: int,
    gained: Floats,
    lost: Floats,
    before: Floats,
    now: Floats,
) -> None:  # pragma: no cover - compiled
    for first in range(0, len(now), LANES):
        up, down = gained[first : first + LANES], lost[first : first + LANES]
        up[:] = 0.0
        down[:] = 0.0
        for step in range(1, shown):
            last = values[first + step - 1 : first + step - 1 + len(up)]
            came = values[first + step : first + step + len(up)]
            if step == shown - 1:
                write_strength(up, down, before[first : first + LANES])
            kept = period - 1.0 if step > period else 1.0
            over = period * 1.0 if step >= period else 1.0
            for lane in range(len(up)):
                change = came[lane] - last[lane]
                up[lane] = (up[lane] * kept + max(change, 0.0)) / over
                down[lane] = (down[lane] * kept + max(-change, 0.0)) / over
        write_strength(up, down, now[first : first + LANES])


@part
def write_apart(quick: Floats, calm: Floats, signal: Floats, told: Floats) -> None:
    for lane in range(len(told)):
        told[lane] = quick[lane] - calm[lane] - signal[lane]


@compiled()
def write_histograms(
    values: Floats,
    shown: int,
    fast: int,
    slow: int,
    signal: int,
    averages: Grid,
    before: Floats,
    now: Floats,
) -> None:  # pragma: no cover - compiled
    """`averages` are where the fast one, the slow one and that of their difference are kept."""
    of_quick, of_calm, of_signal = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (signal + 1)
    known, settled = slow - 1, slow + signal - 2
    for first in range(0, len(now), LANES):
        quick, calm = averages[0, first : first + LANES], averages[1, first : first + LANES]
        mean = averages[2, first : first + LANES]
        quick[:] = 0.0
        calm[:] = 0.0
        mean[:] = 0.0
        for step in range(shown):
            came = values[first + step : first + step + len(quick)]
            if step == shown - 1:
                write_apart(quick, calm, mean, before[first : first + LANES])
            if step > known:
                for lane in range(len(quick)):
                    quick[lane] = (came[lane] - quick[lane]) * of_quick + quick[lane]
                    calm[lane] = (came[lane] - calm[lane]) * of_calm + calm[lane]
            else:
                is_fast = 1.0 if step >= slow - fast else 0.0
                for lane in range(len(quick)):
                    quick[lane] += came[lane] * is_fast
                    calm[lane] += came[lane]
            if step == known:
                for lane in range(len(quick)):
                    quick[lane], calm[lane] = quick[lane] / fast, calm[lane] / slow
            if step > settled:
                for lane in range(len(quick)):
                    mean[lane] = (quick[lane] - calm[lane] - mean[lane]) * of_signal + mean[lane]
            elif step >= known:
                for lane in range(len(quick)):
                    mean[lane] += quick[lane] - calm[lane]
            if step == settled:
                for lane in range(len(quick)):
                    mean[lane] /= signal
        write_apart(quick, calm, mean, now[first : first + LANES])


@compiled()
def write_trends(
    middle: Floats,
    close: Floats,
    usual: Floats,
    shown: int,
    period: int,
    ranges: float,
    kept: Grid,
    before: Floats,
    now: Floats,
) -> None:  # pragma: no cover - compiled
    """`kept` are the usual range, and the line above the price and the one below it."""
    for first in range(0, len(now), LANES):
        apart, here = kept[0, first : first + LANES], now[first : first + LANES]
        top, bottom = kept[1, first : first + LANES], kept[2, first : first + LANES]
        apart[:] = 0.0
        top[:] = np.inf
        bottom[:] = -np.inf
        here[:] = 1.0
        for step in range(1, shown):
            until = first + step + len(here)
            width, centre = usual[first + step : until], middle[first + step : until]
            last, price = close[first + step - 1 : until - 1], close[first + step : until]
            if step == shown - 1:
                copy(here, before[first : first + LANES])
            held = period - 1.0 if step > period else 1.0
            over = period * 1.0 if step >= period else 1.0
            for lane in range(len(here)):
                apart[lane] = (apart[lane] * held + width[lane]) / over
            if step < period:
                continue
            for lane in range(len(here)):
                upper = centre[lane] + ranges * apart[lane]
                lower = centre[lane] - ranges * apart[lane]
                high = min(upper, top[lane]) if last[lane] <= top[lane] else upper
                low = max(lower, bottom[lane]) if last[lane] >= bottom[lane] else lower
                fell = -1.0 if price[lane] < low else 1.0
                rose = 1.0 if price[lane] > high else -1.0
                here[lane] = fell if here[lane] > 0.0 else rose
                top[lane], bottom[lane] = high, low
