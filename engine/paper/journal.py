"""What the exchange was asked and did, one JSON line after the other, never changed.

A line counts once its end is written: whoever dies while writing leaves a torn
last line, which is cut off and was never answered. The file is locked for as
long as an exchange writes to it, so that it has one writer; where several
processes share it, each locks it for its turn, and first reads what is new.

Grown long, it is begun with one line that stands for all before: in a file beside
it, which takes its place at once or not at all. Who shares it finds another file
under its name at the next turn, and knows nothing of that one yet.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from engine.failpoint import failpoint
from engine.paper.errors import JournalBroken

Line = dict[str, object]


class Journal:
    # Longer than this, and much longer than the line it begins with, it is begun anew.
    longest = 1 << 18

    def __init__(self, path: Path, *, is_synced: bool = True, is_shared: bool = False) -> None:
        self.path = path
        self.is_synced = is_synced
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("a+b")
        # How far it is known, how many lines that was, and how long the first of them.
        self._read_to = self._lines_read = self._first = 0
        # Whether there is another file since it was last read.
        self.is_another = False
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
        self._lock()
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @property
    def is_long(self) -> bool:
        return self._read_to > self.longest + 3 * self._first

    def lines(self) -> Iterator[Line]:
        """Every whole line that is not known yet; what is torn at the end is cut off."""
        self._file.seek(self._read_to)
        for raw in self._file:
            if not raw.endswith(b"\n"):
                self._file.truncate(self._read_to)
                break
            self._read_to += len(raw)
            self._lines_read += 1
            self._first = self._first or len(raw)
            yield self._read(self._lines_read, raw)

    def rewind(self) -> None:
        """Know nothing of it any more."""
        self._read_to = self._lines_read = self._first = 0
        self.is_another = False

    def write(self, lines: list[Line]) -> None:
        """Returns once the lines would survive the death of this process."""
        text = b"".join(written(line) for line in lines)
        try:
            self._put(self._file, text)
        except (OSError, ValueError) as error:  # the latter once it is closed
            raise JournalBroken("the journal cannot be written") from error
        self._read_to += len(text)
        self._lines_read += len(lines)
        self._first = self._first or len(written(lines[0]))

    def begin_with(self, line: Line) -> None:
        """Let this line stand for all before it; whoever has the turn may."""
        text = written(line)
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            # What somebody who died left there says nothing.
            beside.unlink(missing_ok=True)
            with ExitStack() as undo:
                new = undo.enter_context(beside.open("a+b"))
                fcntl.flock(new, fcntl.LOCK_EX)
                self._put(new, text)
                failpoint("paper.shortening")
                beside.replace(self.path)
                undo.pop_all()
            failpoint("paper.shortened")
            self._sync_directory()
        except OSError as error:
            raise JournalBroken("the journal cannot be begun anew") from error
        self._file.close()
        self._file = new
        self._read_to = self._first = len(text)
        self._lines_read = 1

    def close(self) -> None:
        self._file.close()

    def _lock(self) -> None:
        """Lock the file that has the journal's name now."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        while not self._has_the_name():
            self._file.close()
            self._file = self.path.open("a+b")
            self.is_another = True
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def _has_the_name(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def _put(self, file: IO[bytes], text: bytes) -> None:
        file.write(text)
        file.flush()
        if self.is_synced:
            os.fsync(file.fileno())

    def _sync_directory(self) -> None:
        if self.is_synced:
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _read(self, number: int, raw: bytes) -> Line:
        try:
            line = json.loads(raw)
        except ValueError as error:
            raise JournalBroken("a line is not JSON", line=number) from error
        if not isinstance(line, dict):
            raise JournalBroken("a line is no object", line=number)
        return line


def written(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"
