"""Runs for the tests, asked for as a door asks."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from apps.backtests.services import start_run

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
    told = {"method": "grid", "trials": 4, "objective": "return", "least_trades": 0, **search}
    return {"kind": kind, "space": {"fast_ma": {"choices": [3, 4, 5, 6]}}, "search": told}
