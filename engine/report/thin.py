"""Long series made short enough to draw, without losing a peak or a trough."""

import numpy as np
from numpy.typing import NDArray

from engine.candle import Candles

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


def kept_places(columns: list[Floats], points: int) -> Whole:
    """The first and last place, and each column's lowest and highest of every stretch."""
    count = len(columns[0])
    if count <= points:
        return np.arange(count)
    stretches = max(1, points // (2 * len(columns)))
    edges = np.linspace(0, count, stretches + 1).astype(np.int64)
    kept = {0, count - 1}
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        for column in columns:
            stretch = column[start:end]
            kept |= {start + int(stretch.argmin()), start + int(stretch.argmax())}
    return np.array(sorted(kept))


def merged(candles: Candles, most: int) -> dict[str, list[float]]:
    """Candles by column, so many neighbours made one that there are not more than `most`."""
    starts = np.arange(0, len(candles), -(-len(candles) // most))
    ends = np.append(starts[1:], len(candles)) - 1
    return {
        "opened_at": candles.opened_at[starts].tolist(),
        "open": candles.open[starts].tolist(),
        "high": np.maximum.reduceat(candles.high, starts).tolist(),
        "low": np.minimum.reduceat(candles.low, starts).tolist(),
        "close": candles.close[ends].tolist(),
    }
