"""The journal of one trader: a line for each record, each bound to the line before it.

A line is `number previous hash body`: the hash covers the other three, so that a changed, moved,
doubled or missing line is found from the files alone. That its end was cut off whole is only seen
by who knows the last hash; the one who appends is told it, to keep it elsewhere.
A line counts once its end is written: what a death left torn is cut off, and was never acted on.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from engine.deciding.errors import ChangedRecord, JournalBusy
from engine.deciding.record import Record

NOTHING = "0" * 64
MOST_BYTES = 16 << 20
NAME = "journal-{:012d}.log"
NAMED = re.compile(r"journal-(\d{12})\.log")
LINE = re.compile(rb"(\d{12}) ([0-9a-f]{64}) ([0-9a-f]{64}) (\{[^\n]*\})\n")
ENCODE = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a journal: how many lines there are, and the hash of the last."""

    number: int = 0
    hash: str = NOTHING


@dataclass(frozen=True, slots=True)
class Entry:
    head: Head
    record: Record


def line_of(record: Record, after: Head) -> tuple[bytes, Head]:
    """The line that follows, and the journal's end with it."""
    body = ENCODE(record)
    number = after.number + 1
    found = hash_of(number, after.hash, body)
    return f"{number:012d} {after.hash} {found} ".encode() + body + b"\n", Head(number, found)


def hash_of(number: int, previous: str, body: bytes) -> str:
    return sha256(f"{number:012d} {previous} ".encode() + body).hexdigest()


def read_line(line: bytes, after: Head) -> Entry:
    """The record of a line, or ChangedRecord where it is not the one that follows."""
    found = LINE.fullmatch(line)
    if found is None:
        raise ChangedRecord("is no line of a journal", after=after.number)
    number, previous, told, body = found.groups()
    if (int(number), previous.decode()) != (after.number + 1, after.hash):
        raise ChangedRecord("does not follow on the line before it", after=after.number)
    if hash_of(int(number), after.hash, body) != told.decode():
        raise ChangedRecord("is not as it was written", after=after.number)
    try:
        record = msgspec.json.decode(body, type=Record)
    except msgspec.DecodeError as error:
        raise ChangedRecord(f"cannot be read: {error}", after=after.number) from error
    return Entry(Head(int(number), told.decode()), record)


def files_of(directory: Path) -> list[Path]:
    """In their order: each is named by the number of its first line."""
    return sorted(path for path in directory.glob("journal-*.log") if NAMED.fullmatch(path.name))


def read(directory: Path, *, head: Head | None = None) -> Iterator[Entry]:
    """Every record; ChangedRecord at the first that is not as it was written.

    Where a line is known from elsewhere, a journal that does not have it is refused, too.
    """
    last, paths = Head(), files_of(directory)
    for path in paths:
        if int(path.name[8:20]) != last.number + 1:
            raise ChangedRecord("a file is missing, or named otherwise", file=path.name)
        for entry in read_file(path, last, may_be_torn=path == paths[-1]):
            last = entry.head
            if head is not None and head.number == last.number and head != last:
                raise ChangedRecord("is another journal", at=last.number)
            yield entry
    if head is not None and last.number < head.number:
        raise ChangedRecord("its end is missing", ended=head.number, ends=last.number)


def read_file(path: Path, after: Head, *, may_be_torn: bool) -> Iterator[Entry]:
    with path.open("rb") as file:
        for line in file:
            if may_be_torn and not line.endswith(b"\n"):
                return
            entry = read_line(line, after)
            after = entry.head
            yield entry


class Journal:
    """One writer; when `append` returns, no death loses the record."""

    def __init__(self, directory: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.directory, self.most_bytes = directory, most_bytes
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise JournalBusy("another process writes it") from error
        with ExitStack() as undo:
            undo.callback(self._lock.close)
            self.head = self._find_end()
            undo.pop_all()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()

    def append(self, record: Record) -> Head:
        """The journal's end, now that the record is in it."""
        line, head = line_of(record, self.head)
        path = self._file_for(head.number)
        try:
            with path.open("ab", buffering=0) as file:
                self._write(file, line)
            sync(self.directory)
        except OSError as error:
            raise JournalBusy(f"it cannot be written: {error.strerror}") from error
        self.head = head
        return head

    def _write(self, file: IO[bytes], line: bytes) -> None:
        """All of it or nothing: what half a line left would hide all that follows."""
        began = os.fstat(file.fileno()).st_size
        try:
            if file.write(line) != len(line):
                raise OSError(0, "no room")
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), began)
            raise

    def _file_for(self, number: int) -> Path:
        paths = files_of(self.directory)
        if paths and paths[-1].stat().st_size < self.most_bytes:
            return paths[-1]
        return self.directory / NAME.format(number)

    def _find_end(self) -> Head:
        """From the last file that has a line; what is torn at its end is cut off."""
        for path in reversed(files_of(self.directory)):
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole:
                os.truncate(path, whole)
                head = before(content)
                for entry in read_file(path, head, may_be_torn=False):
                    head = entry.head
                return head
            path.unlink()
        return Head()


def before(content: bytes) -> Head:
    """What a file goes on from, as its first line says; who reads all of them checks it."""
    found = LINE.match(content)
    if found is None:
        raise ChangedRecord("is no line of a journal")
    return Head(int(found.group(1)) - 1, found.group(2).decode())


def sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
