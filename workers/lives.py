"""Which lives each maker of this host has had: on disk before one begins.

The names of a maker's orders hold the number of its life, so no life is ever lived twice.
"""

import os
import threading
from pathlib import Path

import msgspec

from engine.messages import MakerMove


class Life(msgspec.Struct, frozen=True):
    """The last life of a maker: in which session, and how it came to rest, if it did."""

    session: str
    number: int
    moves: list[MakerMove] = []

    @property
    def is_over(self) -> bool:
        return bool(self.moves)


class Lives:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lock = threading.Lock()

    def last(self, maker: int) -> Life | None:
        """A file that cannot be read stops the maker: a name of before could come again."""
        path = self._path(maker)
        return msgspec.json.decode(path.read_bytes(), type=Life) if path.exists() else None

    def write(self, maker: int, life: Life) -> None:
        """A life that tells of its end after another one has begun is told no more."""
        with self._lock:
            last = self.last(maker)
            if last is None or last.number <= life.number:
                self._write(maker, life)

    def _write(self, maker: int, life: Life) -> None:
        written = self._path(maker).with_suffix(".new")
        with written.open("wb") as file:
            file.write(msgspec.json.encode(life))
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._path(maker))
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _path(self, maker: int) -> Path:
        return self._directory / f"{maker}.json"
