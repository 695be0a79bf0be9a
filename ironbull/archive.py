"""A backup is one file: the database as of one moment, what lies beside it, and a digest of each.

The secrets are not in it: whoever has both opens every venue account, so they are kept apart.
"""

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import CommandError
from django.db import connection

VERSION = 1
MANIFEST = "manifest.json"
DATABASE = "database.gz"
# What the database does not hold: AI traders' journals, and the paper venue's books.
BESIDE = {"traders": lambda: settings.VAR / "traders", "paper": lambda: Path(settings.PAPER_BOOK)}
# The last line of a dump that came to its end.
WHOLE_DUMP = b"-- Dump completed"
CHUNK = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    version: int
    made_at: str
    vendor: str
    parts: tuple[Part, ...]


# --- making one


def make(path: Path, *, now: datetime, say: Say) -> Manifest:
    """Write a backup while everything runs; the file appears when it is whole."""
    if path.exists():
        raise CommandError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".backup-") as scratch:
        database = Path(scratch, DATABASE)
        say("Reading the database")
        DUMPS[connection.vendor](database)
        parts = [database]
        for name, place in BESIDE.items():
            if place().is_dir():
                say(f"Reading {place()}")
                parts.append(packed(place(), Path(scratch, f"{name}.tar")))
        manifest = Manifest(
            version=VERSION,
            made_at=now.isoformat(timespec="seconds"),
            vendor=connection.vendor,
            parts=tuple(part_of(part) for part in parts),
        )
        draft = Path(scratch, "draft")
        with tarfile.open(draft, "w") as out:
            for part in [written(Path(scratch, MANIFEST), manifest), *parts]:
                out.add(part, part.name)
        draft.chmod(0o600)
        # A link, unlike a rename, never replaces a file that was made meanwhile.
        os.link(draft, path)
    return manifest


def dump_sqlite(into: Path) -> None:
    """A copy as of one moment, whoever writes meanwhile."""
    snapshot = into.with_suffix(".sqlite3")
    name = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(name)) as live, closing(sqlite3.connect(snapshot)) as copy:
        live.backup(copy)
    with snapshot.open("rb") as read, gzip.open(into, "wb") as out:
        shutil.copyfileobj(read, out, CHUNK)
    snapshot.unlink()


def dump_mysql(into: Path) -> None:
    """What one consistent transaction sees; nobody waits for it."""
    options = ["--single-transaction", "--quick", "--hex-blob", "--no-tablespaces"]
    command = [client("mariadb-dump", "mysqldump"), *address(), *options]
    with (
        gzip.open(into, "wb") as out,
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - our own words and settings
            [*command, connection.settings_dict["NAME"]],
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=with_password(),
        ) as process,
    ):
        tail = b""
        while chunk := process.stdout.read(CHUNK):
            out.write(chunk)
            tail = (tail + chunk)[-200:]
        if process.wait() or WHOLE_DUMP not in tail:
            complaints.seek(0)
            raise CommandError(f"the dump failed: {complaints.read().decode()[-500:]}")


def packed(directory: Path, into: Path) -> Path:
    with tarfile.open(into, "w:gz") as out:
        out.add(directory, ".")
    return into


def part_of(path: Path) -> Part:
    with path.open("rb") as read:
        digest = hashlib.file_digest(read, "sha256")
    return Part(path.name, path.stat().st_size, digest.hexdigest())


def written(path: Path, manifest: Manifest) -> Path:
    told = {
        "version": manifest.version,
        "made_at": manifest.made_at,
        "vendor": manifest.vendor,
        "parts": [
            {"name": part.name, "size": part.size, "sha256": part.sha256} for part in manifest.parts
        ],
    }
    path.write_text(json.dumps(told, indent=2))
    return path


# --- putting one back


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, Path]]:
    """A backup whose every part is what it was when it was made, unpacked beside the database."""
    settings.VAR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.VAR, prefix=".restore-") as scratch:
        place = Path(scratch)
        try:
            with tarfile.open(path) as read:
                read.extractall(place, filter="data")
            manifest = read_manifest(place / MANIFEST)
        except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{path} is no backup: {error}") from error
        for part in manifest.parts:
            if not (place / part.name).is_file() or part_of(place / part.name) != part:
                raise CommandError(f"{path} is damaged: {part.name} is not what was written")
        yield manifest, place


def read_manifest(path: Path) -> Manifest:
    told = json.loads(path.read_text())
    if told["version"] != VERSION:
        raise ValueError(f"it has the version {told['version']}, and this is {VERSION}")
    parts = tuple(Part(**part) for part in told["parts"])
    if any(Path(part.name).name != part.name for part in parts):
        raise ValueError("a part has a path")
    return Manifest(told["version"], told["made_at"], told["vendor"], parts)


def put_back(manifest: Manifest, place: Path, *, say: Say) -> None:
    """Replace the database, and what lies beside it, by what the backup holds."""
    if manifest.vendor != connection.vendor:
        raise CommandError(f"the backup is of {manifest.vendor}, and this is {connection.vendor}")
    say("Writing the database")
    LOADS[connection.vendor](place / DATABASE)
    for name, where in BESIDE.items():
        part = place / f"{name}.tar"
        if part.exists():
            say(f"Writing {where()}")
            unpack(part, where())


def has_tables() -> bool:
    return bool(connection.introspection.table_names())


def load_sqlite(part: Path) -> None:
    name = Path(connection.settings_dict["NAME"])
    draft = name.with_name(f"{name.name}.draft")
    with gzip.open(part) as read, draft.open("wb") as out:
        shutil.copyfileobj(read, out, CHUNK)
    with closing(sqlite3.connect(draft)) as copy:
        (found,) = copy.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        draft.unlink()
        raise CommandError(f"the database in the backup is damaged: {found}")
    connection.close()
    draft.chmod(0o600)
    # What was written to the database before belongs to it, and not to this one.
    for beside in ("-wal", "-shm"):
        name.with_name(name.name + beside).unlink(missing_ok=True)
    draft.replace(name)


def load_mysql(part: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
        for table in connection.introspection.table_names():
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)}")
        cursor.execute("SET FOREIGN_KEY_CHECKS = 1")
    connection.close()
    command = [client("mariadb", "mysql"), *address(), connection.settings_dict["NAME"]]
    with (
        gzip.open(part) as read,
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - our own words and settings
            command, stdin=subprocess.PIPE, stderr=complaints, env=with_password()
        ) as process,
    ):
        send(read, process)
        if process.wait():
            complaints.seek(0)
            raise CommandError(
                f"the database is half restored, run it again: {complaints.read().decode()[-500:]}"
            )


def send(read: IO[bytes], process: subprocess.Popen) -> None:
    try:
        shutil.copyfileobj(read, process.stdin, CHUNK)
        process.stdin.close()
    except BrokenPipeError:
        # It has ended, and says why.
        return


def unpack(part: Path, into: Path) -> None:
    """The whole directory, or the one before."""
    fresh, old = (into.with_name(f".{into.name}.{word}") for word in ("restored", "before"))
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    with tarfile.open(part) as read:
        read.extractall(fresh, filter="data")
    if into.exists():
        into.rename(old)
    fresh.rename(into)
    shutil.rmtree(old, ignore_errors=True)


# --- the server's own programs


def client(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise CommandError(f"{names[0]} is not installed: it comes with the database's client")
    return found


def address() -> list[str]:
    told = connection.settings_dict
    return [
        *("--host", str(told["HOST"]), "--port", str(told["PORT"]), "--user", told["USER"]),
        "--default-character-set=utf8mb4",
    ]


def with_password() -> dict[str, str]:
    """Not as an argument, which every user of the host could read."""
    return os.environ | {"MYSQL_PWD": connection.settings_dict["PASSWORD"]}


DUMPS = {"sqlite": dump_sqlite, "mysql": dump_mysql}
LOADS = {"sqlite": load_sqlite, "mysql": load_mysql}
