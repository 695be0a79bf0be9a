"""A run's work in a process of its own: it can be ended at any moment, and trading comes first.

The process knows no database. It tells what it does through a pipe, and ends itself, with all
that it has started, when nobody is at the other end any more.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import Queue
from types import TracebackType
from typing import Self

from apps.backtests.jobs import Finished, Job, Progress, Refused, Said, do
from engine.errors import EngineError
from engine.optimise import Sign
from engine.strategies.found import adopt_directory

SPAWN = get_context("spawn")
# How much more willing than others it is to wait for the processor.
NICE = 10
TELL_EVERY_SECONDS = 0.5


class Labour:
    """`with Labour(job) as labour: for said in labour.told(...)`; afterwards nothing of it runs."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __enter__(self) -> Self:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=serve, args=(theirs, self.job))
        self.process.start()
        theirs.close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pipe.close()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            # It has not come so far as to lead a group, or is gone.
            self.process.kill()
        self.process.join()
        self.process.close()

    def hear(self, sign: Sign) -> None:
        """Pass on what a search worker says; to one that has ended it is lost."""
        with suppress(OSError):
            self.pipe.send(sign)

    def told(self, *, every_seconds: float) -> Iterator[Said | None]:
        """What it says; None where it has been silent for so long. It ends with its work."""
        while True:
            # Looked at first: what it said before it ended is still to be heard.
            has_ended = not self.process.is_alive()
            try:
                said = self.pipe.recv() if self.pipe.poll(every_seconds) else None
            except EOFError:
                self.process.join()
                has_ended, said = True, None
            if has_ended and said is None:
                yield Refused(f"its process ended with exit code {self.process.exitcode}")
                return
            yield said
            if isinstance(said, Finished | Refused):
                return


def serve(pipe: Connection, job: Job) -> None:
    """The process itself."""
    os.setsid()
    os.nice(NICE)
    # Ctrl-C is for whoever asked; that one ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said = Queue[Sign]()
    threading.Thread(target=listen, args=(pipe, said), daemon=True).start()
    try:
        if job.strategy_directory:
            adopt_directory(job.strategy_directory)
        tell = Telling(pipe)
        tell(do(job, tell, said))
    except EngineError as error:
        pipe.send(Refused(told_of(error)))
    except Exception as error:  # noqa: BLE001 - a rule of a platform's own may raise anything
        pipe.send(Refused(f"{type(error).__name__}: {error}"))


def told_of(error: EngineError) -> str:
    return f"{error.message} {error.context or ''}".strip()


def listen(pipe: Connection, said: Queue[Sign]) -> None:
    """Take what search workers say, and end the whole group once the other end is closed."""
    try:
        while True:
            said.put(pipe.recv())
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


class Telling:
    """Tells everything but progress at once; of progress, what is new after a while."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.next_at = 0.0
        self.withheld: Progress | None = None

    def __call__(self, said: Said) -> None:
        if isinstance(said, Progress) and time.monotonic() < self.next_at:
            self.withheld = said
            return
        if isinstance(said, Progress):
            self.withheld, self.next_at = None, time.monotonic() + TELL_EVERY_SECONDS
        elif self.withheld and isinstance(said, Finished):
            self.pipe.send(self.withheld)
        self.pipe.send(said)
