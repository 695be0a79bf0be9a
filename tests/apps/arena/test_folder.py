"""Whoever reads an export sees one generation, old or new: while it is written, and killed."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from apps.arena.errors import ExportRunning, MixedSet
from apps.arena.published.folder import GENERATION, read_set, write_set
from tests.apps.arena.writing import FILES, files_of

ROOT = Path(__file__).resolve().parents[3]
READS, KILLS = 300, 12


@contextmanager
def writer(folder, first=0):
    """The process, once it has written its first set, of this number."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.apps.arena.writing", str(folder), str(first)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "ironbull.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().strip()
        yield process
    finally:
        process.kill()
        process.communicate()


def sets_in(files):
    """Which sets the files are of; a file that is torn is of several."""
    return {content[at : at + 8] for content in files.values() for at in range(0, len(content), 8)}


def test_a_reader_beside_a_writer_sees_whole_sets_old_or_new(tmp_path):
    seen = set()
    with writer(tmp_path):
        for _ in range(READS):
            manifest, files = read_set(tmp_path)
            assert set(files) == set(FILES)
            assert len(sets_in(files)) == 1
            seen.add(manifest.generation)
            # Who opens one file by its name sees a whole one, too.
            name = random.choice(FILES)
            assert len(sets_in({name: (tmp_path / name).read_bytes()})) == 1
    # The writer was at it all the time, or this would prove nothing.
    assert len(seen) > 10


def test_a_writer_that_is_killed_leaves_the_set_before_and_does_not_stand_in_the_way(tmp_path):
    last = -1
    for turn in range(KILLS):
        with writer(tmp_path, 100_000 * turn) as process:
            time.sleep(random.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
        manifest, files = read_set(tmp_path)
        assert len(sets_in(files)) == 1
        assert manifest.generation > last
        last = manifest.generation
    # What the deaths left half-written went with the next ones.
    left = [path.name for path in tmp_path.iterdir() if GENERATION.match(path.name)]
    assert len(left) <= 5


def test_the_same_files_again_change_nothing(tmp_path):
    first = write_set(tmp_path, files_of(1))
    assert write_set(tmp_path, files_of(1)) == first
    assert write_set(tmp_path, files_of(2)).generation == first.generation + 1


def test_a_file_that_is_told_no_more_goes(tmp_path):
    write_set(tmp_path, files_of(1))
    less = files_of(2)
    del less["leaderboard.json"]
    write_set(tmp_path, less)
    assert not (tmp_path / "leaderboard.json").is_symlink()
    assert set(read_set(tmp_path)[1]) == set(less)


def test_a_file_that_was_changed_since_is_found_and_written_anew(tmp_path):
    write_set(tmp_path, files_of(1))
    place = (tmp_path / "trades.json").resolve()
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    with pytest.raises(MixedSet, match=r"trades\.json"):
        read_set(tmp_path)
    write_set(tmp_path, files_of(1))
    assert read_set(tmp_path)[1] == files_of(1)


def test_there_is_one_writer(tmp_path):
    with (tmp_path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ExportRunning):
            write_set(tmp_path, files_of(1))
    assert not (tmp_path / "current").exists()


def test_files_of_somebody_else_are_not_written_over(tmp_path):
    (tmp_path / "trades.json").write_text("mine")
    with pytest.raises(MixedSet, match=r"trades\.json"):
        write_set(tmp_path, files_of(1))
    assert (tmp_path / "trades.json").read_text() == "mine"


def test_a_folder_without_an_export_is_no_set(tmp_path):
    with pytest.raises(MixedSet):
        read_set(tmp_path)
