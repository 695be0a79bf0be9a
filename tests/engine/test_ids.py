"""Ids are version 7, unique, and sort by the time they were made."""

import time
from unittest import mock

from engine import ids
from engine.ids import uuid7


def test_ids_are_unique_and_say_when_they_were_made():
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(5000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == 5000
    for one in made:
        assert (one.version, one.variant) == (7, "specified in RFC 4122")
        assert before <= one.int >> 80 <= after


def test_ids_sort_by_their_moment():
    moments = [1_700_000_000_000_000_000 + step * 300 for step in range(2000)]
    with mock.patch.object(ids.time, "time_ns", side_effect=moments):
        fractions = [uuid7().int >> 64 for _ in moments]
    assert fractions == sorted(fractions)
    # A step of 300 ns is about one part in 4096 of a millisecond.
    assert len(set(fractions)) > 1900
