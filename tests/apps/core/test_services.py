"""A refused message is kept once per content, and counted however often it comes."""

import pytest
from django.db import OperationalError, connection

from apps.core.models import RefusedMessage
from apps.core.services import keep_refusal, refuse_message
from apps.core.tasks import keep_refused
from tests.at_once import at_once


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("case", "body", "preview"),
    [
        ("text", b"{not json", "{not json"),
        ("nothing", b"", ""),
        ("bytes that are no text", b"\xff\xfe", "\\xff\\xfe"),
        ("a large body", b"a" * 100_000, "a" * 300),
        ("a body that grows when shown", b"\xff" * 300, ("\\xff" * 75)),
        ("chinese", "消息".encode(), "消息"),
        ("emoji", "💥".encode(), "💥"),
        ("a null", b"a\x00b", "a\x00b"),
    ],
)
def test_any_body_is_kept(case, body, preview):
    refuse_message(queue="centre.reports", reason="not an envelope", body=body)
    row = RefusedMessage.objects.get()
    assert (row.preview, row.times, row.queue) == (preview, 1, "centre.reports")


@pytest.mark.django_db
def test_the_same_content_is_counted_and_not_kept_again():
    for _ in range(3):
        refuse_message(queue="centre.reports", reason="not an envelope", body=b"x")
    refuse_message(queue="centre.reports", reason="not an envelope", body=b"y")
    times = RefusedMessage.objects.order_by("times").values_list("times", flat=True)
    assert list(times) == [1, 3]


@pytest.mark.django_db
def test_the_last_time_it_came_is_known():
    refuse_message(queue="q", reason="r", body=b"x")
    first = RefusedMessage.objects.get().last_seen_at
    refuse_message(queue="q", reason="r", body=b"x")
    assert RefusedMessage.objects.get().last_seen_at > first


@pytest.mark.django_db
def test_long_words_are_cut():
    keep_refusal(queue="q" * 99, reason="r" * 999, digest="d" * 64, preview="p" * 999)
    row = RefusedMessage.objects.get()
    assert [len(row.queue), len(row.reason), len(row.preview)] == [64, 500, 300]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_every_one_is_counted():
    answers = at_once(6, lambda n: refuse_message(queue=f"q{n}", reason="r", body=b"x"), range(6))
    assert answers == [None] * 6
    assert RefusedMessage.objects.get().times == 6


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)
def test_whoever_reads_a_queue_for_days_keeps_what_it_refuses_after_its_line_has_ended():
    with connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("KILL CONNECTION_ID()")
    keep_refused(queue="centre.reports", reason="not an envelope", body=b"x")
    assert RefusedMessage.objects.get().times == 1
