"""Trials that others make, a chunk at a time: the same answers, whoever makes them, and whoever
dies of it. What nobody tells of for a while is made here."""

from collections.abc import Callable, Generator, Sequence
from queue import Empty, Queue
from time import monotonic
from typing import Any

import msgspec

from engine.optimise.chunks import Message, chunks_of
from engine.optimise.study import Study
from engine.optimise.trial import Asked, Trial

# Trials of a chunk: enough that a message costs little beside them.
CHUNK = 4
SILENT_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.2


class Parcel(msgspec.Struct, frozen=True):
    """A chunk on its way; who makes it tells the tag with all that it says."""

    tag: str
    chunk: Message


class Sign(msgspec.Struct, frozen=True):
    """That somebody works on a chunk, and the trials of it that are done."""

    tag: str
    trials: list[Trial] = []


class Afar:
    """`send` has parcels made by others; what they say comes in through `said`."""

    def __init__(
        self,
        send: Callable[[list[Parcel]], object],
        said: "Queue[Sign]",
        *,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self.send = send
        self.said = said
        self.silent_seconds = silent_seconds

    def is_there(self, within_seconds: float) -> bool:
        """Whether anybody answers."""
        self.send([Parcel("hello", {})])
        try:
            self.said.get(timeout=within_seconds)
        except Empty:
            return False
        return True

    def evaluate(self, study: Study) -> Callable[[Sequence[Asked]], Generator[Trial, None, None]]:
        return lambda asked: self.made(study, asked)

    def made(self, study: Study, asked: Sequence[Asked]) -> Generator[Trial, None, None]:
        parcels = [parcel_of(study, chunk) for chunk in chunks_of(study, asked, CHUNK)]
        self.send(parcels)
        tags = [parcel.tag for parcel in parcels]
        heard = dict.fromkeys(tags, monotonic())
        missing = {each.number: (tags[at // CHUNK], each) for at, each in enumerate(asked)}
        while missing:
            sign = self.next_sign()
            if sign is None:
                silent_since = monotonic() - self.silent_seconds
                silent = [one for tag, one in missing.values() if heard[tag] < silent_since]
                for one in silent[:1]:
                    del missing[one.number]
                    yield study.trial(one)
            elif sign.tag in heard:
                heard[sign.tag] = monotonic()
                for trial in sign.trials:
                    if missing.pop(trial.number, None):
                        yield trial

    def next_sign(self) -> Sign | None:
        try:
            return self.said.get(timeout=LOOK_EVERY_SECONDS)
        except Empty:
            return None


def parcel_of(study: Study, chunk: dict[str, Any]) -> Parcel:
    """Tagged by its place: numbers begin anew in each window of a walk-forward."""
    return Parcel(f"{study.start}-{study.last}-{chunk['trials'][0]['number']}", chunk)
