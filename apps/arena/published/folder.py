"""A set of published files in a folder: whoever reads it sees one generation, old or new.

    trades.json -> current/trades.json      the stable names
    current -> generation-000012            what one rename makes another
    generation-000012/manifest.json         the digest of every file, and the generation

A generation is written beside the others, brought to the disk, and only then becomes the current
one. Whoever reads several files resolves `current` once, and reads them all there; the generation
before the last stays for those who are still at it.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from apps.arena.errors import ExportRunning, MixedSet

CURRENT, MANIFEST, LOCK = "current", "manifest.json", ".lock"
GENERATION = re.compile(r"generation-(\d{6,})")
KEPT = 3
TRIES = 20


class Entry(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    generation: int
    files: dict[str, Entry]


def write_set(folder: Path, files: Mapping[str, bytes]) -> Manifest:
    """Make these the files of the folder, all at once; the same files again change nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder):
        refuse_strangers(folder, files)
        before = newest(folder)
        entries = {
            name: Entry(sha256(content).hexdigest(), len(content))
            for name, content in sorted(files.items())
        }
        if before and before.files == entries and is_whole(folder / CURRENT, before):
            link_names(folder, files)
            return before
        manifest = Manifest(number_after(folder), entries)
        write_generation(folder, manifest, files)
        replace_link(folder / CURRENT, name_of(manifest.generation))
        link_names(folder, files)
        forget_old(folder, manifest.generation)
        return manifest


def read_set(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Every file of one generation; MixedSet where they are not what their manifest says."""
    for _try in range(TRIES):
        try:
            place = (folder / CURRENT).resolve(strict=True)
            manifest = read_manifest(place)
            files = {name: (place / name).read_bytes() for name in manifest.files}
        except FileNotFoundError:
            # It was the current one a moment ago, and a slow reader of it finds the next.
            continue
        break
    else:
        raise MixedSet("there is no export in this folder", folder=folder.name)
    for name, entry in manifest.files.items():
        if sha256(files[name]).hexdigest() != entry.sha256:
            raise MixedSet(f"{name} is not as it was exported", file=name)
    return manifest, files


def read_manifest(place: Path) -> Manifest:
    try:
        return msgspec.json.decode((place / MANIFEST).read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise MixedSet(f"{MANIFEST}: {error}", file=MANIFEST) from error


def newest(folder: Path) -> Manifest | None:
    try:
        return read_manifest((folder / CURRENT).resolve(strict=True))
    except (FileNotFoundError, MixedSet):
        return None


def is_whole(place: Path, manifest: Manifest) -> bool:
    """Whether every file still is what the manifest says."""
    for name, entry in manifest.files.items():
        path = place / name
        if not path.is_file() or sha256(path.read_bytes()).hexdigest() != entry.sha256:
            return False
    return True


def number_after(folder: Path) -> int:
    """More than any generation there is, or was begun."""
    numbers = [int(found[1]) for path in folder.iterdir() if (found := GENERATION.match(path.name))]
    return max(numbers, default=0) + 1


def name_of(generation: int) -> str:
    return f"generation-{generation:06d}"


def write_generation(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    place = folder / name_of(manifest.generation)
    beside = place.with_suffix(".part")
    beside.mkdir()
    told = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    for name, content in {**files, MANIFEST: told}.items():
        with (beside / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    sync(beside)
    beside.rename(place)
    sync(folder)


def replace_link(link: Path, target: str) -> None:
    if link.is_symlink() and os.readlink(link) == target:
        return
    beside = link.with_name(f".{link.name}.part")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(link)
    sync(link.parent)


def link_names(folder: Path, files: Mapping[str, bytes]) -> None:
    """The stable names of what there is; those of what is there no more go."""
    for name in [*files, MANIFEST]:
        replace_link(folder / name, f"{CURRENT}/{name}")
    for path in folder.iterdir():
        if path.is_symlink() and path.name != CURRENT and not path.exists():
            path.unlink()


def forget_old(folder: Path, generation: int) -> None:
    for path in folder.iterdir():
        found = GENERATION.match(path.name)
        # What a death left half-written goes, too: there is no other writer.
        if found and (int(found[1]) <= generation - KEPT or path.suffix == ".part"):
            shutil.rmtree(path)


def refuse_strangers(folder: Path, files: Mapping[str, bytes]) -> None:
    """A folder where somebody keeps files of their own is not written over."""
    theirs = [
        name
        for name in [*files, MANIFEST, CURRENT]
        if (folder / name).exists() and not (folder / name).is_symlink()
    ]
    if theirs:
        raise MixedSet(
            f"{', '.join(theirs)}: there already, and no export of ours; choose another folder",
            files=", ".join(theirs),
        )


def sync(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportRunning("another process writes this folder", folder=folder.name) from error
        yield
