"""The journal takes a name once, whoever asks, and has it on disk before it says so."""

import os
import threading
import time
from unittest import mock

import pytest

from workers.journal import KEEP_SECONDS, FileJournal


@pytest.fixture
def journal(tmp_path):
    return FileJournal(tmp_path / "state" / "journal")


def test_a_name_is_new_once_and_survives_the_process(journal):
    assert journal.create("ib1")
    assert not journal.create("ib1")
    assert not FileJournal(journal.directory).create("ib1")
    assert journal.create("ib2")


def test_of_many_who_ask_at_once_one_is_told_yes(journal):
    told = []
    start = threading.Barrier(8)

    def ask():
        start.wait()
        told.append([journal.create(f"ib{number}") for number in range(50)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sum(answers) for answers in zip(*told, strict=True)] == [1] * 50


def test_file_and_directory_are_on_disk_first(journal):
    synced = []
    with mock.patch("os.fsync", side_effect=lambda handle: synced.append(os.fstat(handle))):
        journal.create("ib1")
    file, directory = synced
    assert file.st_ino == (journal.directory / "ib1").stat().st_ino
    assert directory.st_ino == journal.directory.stat().st_ino


def test_a_disk_that_does_not_take_it_is_told_and_the_name_is_spent(journal):
    full = OSError(28, "No space left on device")
    with mock.patch("os.fsync", side_effect=full), pytest.raises(OSError, match="No space"):
        journal.create("ib1")
    assert not journal.create("ib1")
    with mock.patch("os.open", side_effect=full), pytest.raises(OSError, match="No space"):
        journal.create("ib2")


def test_only_what_no_message_can_ask_for_is_forgotten(journal):
    journal.create("old")
    journal.create("new")
    weeks_ago = time.time() - KEEP_SECONDS - 60
    os.utime(journal.directory / "old", (weeks_ago, weeks_ago))
    journal.prune()
    assert [path.name for path in journal.directory.iterdir()] == ["new"]
