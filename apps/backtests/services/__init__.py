"""Runs are asked for, worked on, stopped, taken up again, and what they found is used."""

from apps.backtests.services.keeping import drop_reports, keep_run, release_run
from apps.backtests.services.searching import make_chunk
from apps.backtests.services.starting import retry_run, start_run, stop_run
from apps.backtests.services.sweeping import sweep
from apps.backtests.services.using import use_parameters
from apps.backtests.services.working import work

__all__ = [
    "drop_reports",
    "keep_run",
    "make_chunk",
    "release_run",
    "retry_run",
    "start_run",
    "stop_run",
    "sweep",
    "use_parameters",
    "work",
]
