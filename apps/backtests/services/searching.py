"""A chunk of another's search, made here: as long as its run is worked on by who has sent it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from uuid import UUID

from apps.backtests.models import Run
from apps.backtests.searchers import queue_named
from apps.backtests.selectors import candles_of, digest_of
from engine.candle import Candles
from engine.errors import BadCandles
from engine.optimise import run_chunk
from engine.strategies import strategy_named

TELL_EVERY_SECONDS = 1.0
# Of so many searches at once a worker keeps the candles.
KEPT = 4

Tell = Callable[[list[dict[str, object]]], None]


def make_chunk(
    *, run_id: UUID, worker: str, replies: str, tag: str, chunk: dict[str, object]
) -> None:
    """Make its trials, telling each; a run that was stopped, or given to another, is let be."""

    def run_wanted() -> Run | None:
        rows = Run.objects.across_tenants().filter(pk=run_id, status=Run.Status.RUNNING)
        return rows.filter(worker=worker).first()

    run = run_wanted()
    if run is None:
        return
    strategy, candles = strategy_named(run.rule), kept_candles(run.pk, run.digest)
    with queue_named(replies) as queue:
        with telling(lambda trials: queue.put({"tag": tag, "trials": trials})) as tell:
            tell([])
            for trial in run_chunk(chunk, strategy=strategy, candles=candles) if chunk else ():
                tell([trial])
                if run_wanted() is None:
                    break
        if run_wanted() is None:
            # Nobody reads it any more.
            queue.queue.delete()


@lru_cache(maxsize=KEPT)
def kept_candles(run_id: UUID, digest: str) -> dict[str, Candles]:
    """A run's candles, read once; a host that has others makes no trials of it."""
    candles = candles_of(Run.objects.across_tenants().get(pk=run_id))
    if digest_of(candles) != digest:
        raise BadCandles("this host has other candles than the run")
    return candles


@contextmanager
def telling(put: Tell) -> Iterator[Tell]:
    """Tell also every second, while it lasts, that we live; one at a time."""
    lock, is_over = threading.Lock(), threading.Event()

    def tell(trials: list[dict[str, object]]) -> None:
        with lock:
            put(trials)

    def keep_telling() -> None:
        while not is_over.wait(TELL_EVERY_SECONDS):
            tell([])

    thread = threading.Thread(target=keep_telling, daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        is_over.set()
        thread.join()
