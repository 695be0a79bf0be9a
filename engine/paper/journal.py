"""What the exchange was asked and did, one JSON line after the other, never changed.

A line counts once its end is written: whoever dies while writing leaves a torn
last line, which is cut off and was never answered. The file is locked for as
long as an exchange writes to it, so that it has one writer; where several
processes share it, each locks it for its turn, and first reads what is new.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.paper.errors import JournalBroken

Line = dict[str, object]


class Journal:
    def __init__(self, path: Path, *, is_synced: bool = True, is_shared: bool = False) -> None:
        self.path = path
        self.is_synced = is_synced
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("a+b")
        # How far it is known, and how many lines that was.
        self._read_to = self._lines_read = 0
        if is_shared:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise JournalBroken("another exchange writes this journal") from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else writes meanwhile; one thread at a time may ask."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def lines(self) -> Iterator[Line]:
        """Every whole line that is not known yet; what is torn at the end is cut off."""
        self._file.seek(self._read_to)
        for raw in self._file:
            if not raw.endswith(b"\n"):
                self._file.truncate(self._read_to)
                break
            self._read_to += len(raw)
            self._lines_read += 1
            yield self._read(self._lines_read, raw)

    def rewind(self) -> None:
        """Know nothing of it any more."""
        self._read_to = self._lines_read = 0

    def write(self, lines: list[Line]) -> None:
        """Returns once the lines would survive the death of this process."""
        text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        try:
            self._file.write(text)
            self._file.flush()
            if self.is_synced:
                os.fsync(self._file.fileno())
        except (OSError, ValueError) as error:  # the latter once it is closed
            raise JournalBroken("the journal cannot be written") from error
        self._read_to += len(text)
        self._lines_read += len(lines)

    def close(self) -> None:
        self._file.close()

    def _read(self, number: int, raw: bytes) -> Line:
        try:
            line = json.loads(raw)
        except ValueError as error:
            raise JournalBroken("a line is not JSON", line=number) from error
        if not isinstance(line, dict):
            raise JournalBroken("a line is no object", line=number)
        return line
