"""Candles at rest and on their way in: judged, stored, resampled.

What comes from a file or a venue is judged before anything else sees it; every
fault is named, and nothing is mended that was not asked for. The store keeps what
was sound, and refuses to tell a series that has holes.
"""

from engine.market.files import read_csv, read_parquet
from engine.market.findings import Fault, FaultyCandles, Finding, Findings, Repair
from engine.market.judging import Read
from engine.market.resampling import Resampled, resample
from engine.market.series import Put
from engine.market.store import CandleStore, Gap, Stored

__all__ = [
    "CandleStore",
    "Fault",
    "FaultyCandles",
    "Finding",
    "Findings",
    "Gap",
    "Put",
    "Read",
    "Repair",
    "Resampled",
    "Stored",
    "read_csv",
    "read_parquet",
    "resample",
]
