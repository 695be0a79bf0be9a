"""Runs for the tests, asked for as a door asks, and workers that take them."""

import contextlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from apps.backtests.services import start_run
from tests.walks.running import ROOT, database_url

FROM = datetime(2026, 1, 1, tzinfo=UTC)


def asked(**changes):
    return {
        "tenant": None,
        "asked_by": "ann",
        "now": timezone.now(),
        "kind": "backtest",
        "rule": "ma_cross",
        "params": {},
        "venue": "paper",
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
        "from_at": FROM,
        "until_at": FROM + timedelta(hours=5),
        **changes,
    }


def started(**changes):
    return start_run(**asked(**changes))


def searching(*, kind, **search):
    """A grid of four sets."""
    told = {
        "method": "grid",
        "trials": 4,
        "objective": "return",
        "least_trades": 0,
        "workers": "here",
        **search,
    }
    return {"kind": kind, "space": {"fast_ma": {"choices": [3, 4, 5, 6]}}, "search": told}


@contextlib.contextmanager
def worker_of(queue, log, *options):
    """A real worker, in a process group of its own; its name is that of its log."""
    environment = os.environ | {"DATABASE_URL": database_url(), "BROKER_URL": settings.BROKER_URL}
    command = [sys.executable, "-m", "celery", "-A", "ironbull", "worker", "-n", f"{log.stem}@walk"]
    command += ["-Q", queue, "--loglevel=info", "--without-mingle", "--without-gossip"]
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*command, *(options or ["-P", "solo"])],
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
