"""One series on disk: parts of columns, and an index that says which parts count.

A part holds the bars of one stretch of time, column by column, in a file that is
never changed. Whoever writes lays new parts beside the old ones and then replaces
the index: that one rename is the moment at which everything is stored. Whoever dies
before it has stored nothing, and leaves files that the next writer clears away.
Readers take no lock: they map what the index names, and look again where a writer
was faster. Writers wait for each other.
"""

import fcntl
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import BadCandles, ConflictingBars
from engine.failpoint import failpoint

# Bars are parted by time, so many to a part, so that adding a few rewrites little.
PART_BARS = 32_768
FIELDS = ("opened_at", "open", "high", "low", "close", "volume")
# A reader that meets this many new indexes in a row, each with its parts gone, is told so.
TRIES = 100

# One row a field; times in epoch seconds are whole, and exact as floats.
Bars = NDArray[np.float64]
NO_BARS: Bars = np.empty((len(FIELDS), 0))


class Part(msgspec.Struct, frozen=True):
    number: int
    file: str
    bars: int
    checksum: int


class Index(msgspec.Struct, frozen=True):
    version: int = 0
    parts: tuple[Part, ...] = ()


class Put(NamedTuple):
    """How many bars were new, how many stood there as given, and how many were changed."""

    added: int
    same: int
    replaced: int


class Series:
    def __init__(self, home: Path, step: int) -> None:
        self.home = home
        self.step = step

    @property
    def index_file(self) -> Path:
        return self.home / "index.json"

    def index(self) -> Index:
        try:
            return msgspec.json.decode(self.index_file.read_bytes(), type=Index)
        except FileNotFoundError:
            return Index()
        except msgspec.DecodeError as error:
            raise damaged(self.index_file, str(error)) from None

    def read(self, start: float = -np.inf, end: float = np.inf) -> Bars:
        """The bars that open from `start` on and before `end`."""
        wanted = [np.floor(edge / self.step / PART_BARS) for edge in (start, end)]
        for _ in range(TRIES):
            parts = [part for part in self.index().parts if wanted[0] <= part.number <= wanted[1]]
            try:
                found = [self._cut(self._mapped(part), start, end) for part in parts]
            except FileNotFoundError:
                # A writer has replaced the index since, and cleared the part away.
                continue
            return found[0] if len(found) == 1 else np.concatenate([NO_BARS, *found], axis=1)
        raise damaged(self.index_file, "it names parts that are not there")

    def put(self, bars: Bars, *, replace: bool) -> Put:
        self.home.mkdir(parents=True, exist_ok=True)
        with self._writing():
            before = self.index()
            kept = {part.number: part for part in before.parts}
            numbers = bars[0] // self.step // PART_BARS
            merged = {
                int(number): merge(
                    self._mapped(kept[int(number)]) if int(number) in kept else NO_BARS,
                    bars[:, numbers == number],
                    replace=replace,
                )
                for number in np.unique(numbers)
            }
            counts = [one.put for one in merged.values()]
            done = Put(*(sum(column) for column in zip(*counts, strict=True)))
            version = before.version + 1
            changed = {
                number: self._write(number, version, one.bars)
                for number, one in merged.items()
                if one.put.added or one.put.replaced
            }
            if changed:
                parts = sorted((kept | changed).values(), key=lambda part: part.number)
                self._write_index(Index(version, tuple(parts)))
                self._clear(part.file for part in parts)
        return done

    def verify(self) -> None:
        """Every part is what was written, to the bit; the first that is not is named."""
        for part in self.index().parts:
            if checksum(self._mapped(part)) != part.checksum:
                raise damaged(self.home / part.file, "its bars are not those that were written")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with (self.home / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _mapped(self, part: Part) -> Bars:
        path = self.home / part.file
        try:
            # Written to by nobody: what somebody changes in memory stays there.
            bars: Bars = np.load(path, mmap_mode="c").view(np.ndarray)
        except ValueError as error:
            raise damaged(path, str(error)) from None
        if bars.shape != (len(FIELDS), part.bars) or bars.dtype != np.float64:
            raise damaged(path, "it holds other columns than the index says")
        return bars

    def _cut(self, bars: Bars, start: float, end: float) -> Bars:
        first, last = np.searchsorted(bars[0], (start, end))
        return bars[:, first:last]

    def _write(self, number: int, version: int, bars: Bars) -> Part:
        part = Part(number, f"{number}.{version}.npy", bars.shape[1], checksum(bars))
        with (self.home / part.file).open("wb") as file:
            np.save(file, bars)
            file.flush()
            os.fsync(file.fileno())
        failpoint("market.part_written")
        return part

    def _write_index(self, index: Index) -> None:
        self._sync_directory()
        fresh = self.index_file.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(index))
            file.flush()
            os.fsync(file.fileno())
        failpoint("market.index_written")
        fresh.replace(self.index_file)
        failpoint("market.index_replaced")
        self._sync_directory()

    def _sync_directory(self) -> None:
        directory = os.open(self.home, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _clear(self, files: Iterable[str]) -> None:
        """Parts that no index names: of before, or of a writer that died."""
        named = set(files)
        for path in self.home.glob("*.npy"):
            if path.name not in named:
                path.unlink()


class Merged(NamedTuple):
    bars: Bars
    put: Put


def merge(stored: Bars, given: Bars, *, replace: bool) -> Merged:
    """Both in one, in order of time; where they differ on a bar, refused or the given one."""
    _, ours, theirs = np.intersect1d(stored[0], given[0], assume_unique=True, return_indices=True)
    differs = stored[:, ours] != given[:, theirs]
    changed = np.flatnonzero(differs.any(axis=0))
    if changed.size and not replace:
        place = int(changed[0])
        field = int(np.flatnonzero(differs[:, place])[0])
        raise ConflictingBars(
            "another bar is stored for this time",
            opened_at=int(given[0, theirs[place]]),
            field=FIELDS[field],
            stored=stored[field, ours[place]].item(),
            given=given[field, theirs[place]].item(),
            differing=len(changed),
        )
    both = np.concatenate([given, np.delete(stored, ours, axis=1)], axis=1)
    put = Put(given.shape[1] - len(ours), len(ours) - len(changed), len(changed))
    return Merged(both[:, np.argsort(both[0])], put)


def checksum(bars: Bars) -> int:
    return zlib.crc32(np.ascontiguousarray(bars).data)


def damaged(path: Path, why: str) -> BadCandles:
    return BadCandles(f"the stored candles are damaged: {why}", file=str(path))
