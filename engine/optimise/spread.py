"""Who makes the trials: this process, or several."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

from engine.optimise.search import Evaluate
from engine.optimise.trial import Asked, Trial

One = Callable[[Asked], Trial]


@contextmanager
def spread(one: One, workers: int = 1) -> Iterator[Evaluate]:
    """Make trials in so many processes; with one, here."""
    if workers <= 1:
        yield in_turn(one)
        return
    # Forked, so that candles are there without a copy and a merchant's strategies are known.
    context = get_context("fork")
    with ProcessPoolExecutor(workers, context, initializer=hold, initargs=(one,)) as pool:
        yield in_pool(pool)


def in_turn(one: One) -> Evaluate:
    def evaluate(asked: Sequence[Asked]) -> Generator[Trial, None, None]:
        yield from map(one, asked)

    return evaluate


def in_pool(pool: ProcessPoolExecutor) -> Evaluate:
    def evaluate(asked: Sequence[Asked]) -> Generator[Trial, None, None]:
        futures = [pool.submit(make, each) for each in asked]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()

    return evaluate


# What a forked process makes trials with.
held: list[One] = []


def hold(one: One) -> None:
    held.append(one)


def make(asked: Asked) -> Trial:
    return held[-1](asked)
