"""What is refused is kept in words that any database and terminal can take."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.exceptions import OperationalError

from workers import raw, refusals
from workers.refusals import digest, preview, printable

everything = st.text(st.characters(), max_size=50)


@given(everything)
def test_any_text_becomes_printable(text):
    told = printable(text)
    told.encode()
    assert told.isprintable()
    assert "\x00" not in told
    assert printable(told) == told


@given(st.text(string.ascii_letters + string.digits + " .,:'é仓"))
def test_plain_words_stay_as_they_are(text):
    assert printable(text) == text


@given(st.binary(max_size=2000))
def test_any_body_has_a_preview_and_a_digest(body):
    assert len(preview(body)) <= 300
    assert preview(body).isprintable()
    assert len(digest(body)) == 64


@given(st.one_of(st.binary(max_size=300), everything))
def test_any_item_becomes_a_message_that_kombu_can_carry(item):
    message = raw.read(item, queue="centre.reports")
    content = item if isinstance(item, bytes) else item.encode("utf-8", "backslashreplace")
    assert message["properties"]["delivery_info"]["routing_key"] == "centre.reports"
    assert raw.read(raw.packed(message), queue="centre.reports") == message
    assert raw.base64.b64decode(message["body"]) == content


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "body": trees,
        "headers": trees,
        "content-type": trees,
        "content-encoding": trees,
        "properties": trees
        | st.fixed_dictionaries(
            {"delivery_tag": st.text(), "delivery_info": trees},
            optional={"body_encoding": trees, "priority": trees},
        ),
    },
)


@given(fields)
def test_any_json_becomes_a_message_that_kombu_can_carry(message):
    told = raw.read(json.dumps(message), queue="centre.reports")
    assert isinstance(told["headers"], dict)
    assert isinstance(told["properties"]["delivery_tag"], str)
    assert told["properties"]["delivery_info"]["routing_key"] == "centre.reports"
    raw.packed(told)


@pytest.mark.parametrize("failure", [OperationalError("away"), OSError(28, "full")])
def test_a_refusal_that_cannot_be_kept_stops_nobody(host, monkeypatch, caplog, failure):
    def fail(*told):
        raise failure

    monkeypatch.setattr(host, "tell_centre", fail)
    host.refuse("node.walk", "for a test", b"body")
    assert "a refused message is not kept" in caplog.text


def test_the_node_keeps_queue_and_reason_but_no_content(host):
    host.refuse("node.walk", "for a test", b"canary")
    kept = host.settings.state / "refused" / digest(b"canary")
    assert kept.read_text() == "node.walk\nfor a test\n"
    ((task, queue, refusal),) = host.sent
    assert (task, queue) == ("nodes.refusal", "centre.heartbeats")
    assert (refusal.reason, refusal.digest) == ("for a test", digest(b"canary"))


def test_the_refuser_is_the_one_that_the_app_names():
    class App:
        class conf:
            message_refuser = "tests.workers.test_refusals:keep"

    refusals.refuse(App, queue="q\x00", reason="r" * 900, body=b"b")
    assert KEPT == [{"queue": "q\\x00", "reason": "r" * 500, "body": b"b"}]


KEPT = []


def keep(**told):
    KEPT.append(told)
