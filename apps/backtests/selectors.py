"""Questions about runs: which wait, what they are run on, how they compare."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import QuerySet

from apps.backtests.models import Report, Run, Trial
from apps.tenants.models import Tenant
from apps.venues.market import candle_store
from apps.venues.models import Venue
from apps.venues.selectors import instruments
from engine.candle import Candles, seconds
from engine.instrument import Instrument
from engine.paper.generated import GeneratedMarket

COLUMNS = ("opened_at", "open", "high", "low", "close", "volume")


def waiting_of(tenant: Tenant) -> QuerySet[Run]:
    """A tenant's runs that are not over."""
    return Run.objects.of(tenant).filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])


def candles_of(run: Run) -> dict[str, Candles]:
    """What a run is run on, by symbol; the paper venue's market is made as it is asked for."""
    told = paper_candles if run.venue == Venue.PAPER else stored_candles
    return {symbol: told(run, symbol) for symbol in run.symbols}


def paper_candles(run: Run, symbol: str) -> Candles:
    first, end = (edge(at, run.timeframe) for at in (run.from_at, run.until_at))
    bars = (end - first) // seconds(run.timeframe)
    return GeneratedMarket().candles(symbol, run.timeframe, bars, end * 1000)


def edge(at: datetime, timeframe: str) -> int:
    """The first start of a bar that is not before this moment."""
    step = seconds(timeframe)
    return -(-int(at.timestamp()) // step) * step


def stored_candles(run: Run, symbol: str) -> Candles:
    span = (int(at.timestamp()) for at in (run.from_at, run.until_at))
    return candle_store().get(run.venue, symbol, run.timeframe, *span)


def digest_of(candles: Mapping[str, Candles]) -> str:
    """What tells one set of candles from every other."""
    told = hashlib.sha256()
    for symbol, series in candles.items():
        told.update(f"{symbol} {series.timeframe} {len(series)};".encode())
        for name in COLUMNS:
            told.update(getattr(series, name).tobytes())
    return told.hexdigest()


def instruments_of(run: Run) -> dict[str, Instrument]:
    """Steps and minimums of the symbols that the venue has described."""
    known = instruments(run.venue)
    return {symbol: known[symbol] for symbol in run.symbols if symbol in known}


def trials_of(run: Run) -> QuerySet[Trial]:
    """What it tried, in order."""
    return Trial.objects.across_tenants().filter(run=run).order_by("number")


def best_params(run: Run) -> dict[str, object] | None:
    """A backtest's own parameters, or the best that a search has found; None where it has not."""
    if run.kind == Run.Kind.BACKTEST:
        return run.params
    best = run.findings.get("best")
    return None if best is None else {**run.params, **best}


def best_trials(run: Run, *, count: int) -> list[Trial]:
    """Those with the best scores, of the last window that was searched."""
    trials = trials_of(run)
    last = trials.order_by("-window").values_list("window", flat=True).first()
    scored = trials.filter(window=last, score__isnull=False)
    return list(scored.order_by("-score", "number")[:count])


def account_of(run: Run) -> bytes | None:
    """What its account came to, as JSON of `engine.report`; None while there is none."""
    return kept(run, "account")


def search_of(run: Run) -> bytes | None:
    """What its search came to, as JSON of `engine.optimise`; None while there is none."""
    return kept(run, "search")


def kept(run: Run, name: str) -> bytes | None:
    content = Report.objects.filter(run=run).values_list(name, flat=True).first()
    return content and gzip.decompress(content)


def compared(runs: Sequence[Run]) -> list[tuple[str, list[object]]]:
    """Every figure that any of them has, and what it is of each, side by side."""
    names = dict.fromkeys(name for run in runs for name in run.figures)
    return [(name, [run.figures.get(name) for run in runs]) for name in names]
