"""A node becomes known by a one-time code and a fingerprint that a person compares."""

import base64
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connections
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from apps.core.errors import BadInput, Conflict, NotFound
from apps.core.models import AuditEntry
from apps.nodes import tasks
from apps.nodes.envelopes import open_from_node
from apps.nodes.models import Node
from apps.nodes.services import (
    confirm_node,
    drain_node,
    enroll_node,
    join_node,
    pause_node,
    register_node,
    resume_node,
    revoke_node,
)
from engine import envelope
from engine.errors import MessageRefused
from engine.messages import Heartbeat
from tests.factories import NodeFactory, to_text

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def public_keys(signing=None):
    return {
        "seal_key": to_text(PrivateKey.generate().public_key),
        "verify_key": to_text((signing or SigningKey.generate()).verify_key),
    }


def registered(code="tokyo-1", now=NOW):
    return register_node(code=code, name="Tokyo", now=now)


def joined(code="tokyo-1", **changes):
    made = registered(code)
    return join_node(
        **{"code": code, "one_time_code": made.one_time_code, "now": NOW} | public_keys() | changes
    )


def actions():
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def test_a_node_begins_when_a_person_has_confirmed_its_fingerprint():
    made = registered()
    assert made.node.status == Node.Status.PENDING
    keys = public_keys()
    node = join_node(code="tokyo-1", one_time_code=made.one_time_code, now=NOW, **keys)
    assert node.status == Node.Status.PENDING
    raw = [base64.b64decode(keys[name]) for name in ("seal_key", "verify_key")]
    confirm_node(node=node, fingerprint=envelope.fingerprint("tokyo-1", *raw))
    assert node.status == Node.Status.ACTIVE
    assert actions() == ["node.registered", "node.joined", "node.confirmed"]


def test_the_code_is_kept_nowhere_and_its_hash_only_until_it_was_used():
    made = registered()
    assert made.one_time_code not in repr(made)
    row = Node.objects.filter(pk=made.node.pk).values().get()
    assert made.one_time_code not in str(row)
    join_node(code="tokyo-1", one_time_code=made.one_time_code, now=NOW, **public_keys())
    made.node.refresh_from_db()
    assert (made.node.join_hash, made.node.join_until) == ("", None)
    assert not any(made.one_time_code in str(entry.after) for entry in AuditEntry.objects.all())


def test_a_wrong_code_lets_nobody_in():
    made = registered()
    other = registered("osaka-1")
    for wrong in ("", "x", "ключ", made.one_time_code[:-1], other.one_time_code):
        with pytest.raises(BadInput) as refused:
            join_node(code="tokyo-1", one_time_code=wrong, now=NOW, **public_keys())
        assert refused.value.context["field"] == "one_time_code"
        assert made.one_time_code not in refused.value.message
    made.node.refresh_from_db()
    assert made.node.verify_key == ""
    assert "node.joined" not in actions()


def test_nobody_joins_who_is_not_expected():
    with pytest.raises(NotFound):
        join_node(code="tokyo-1", one_time_code="x", now=NOW, **public_keys())
    NodeFactory(code="osaka-1")
    with pytest.raises(Conflict, match="joined already"):
        join_node(code="osaka-1", one_time_code="", now=NOW, **public_keys())


def test_the_code_lasts_a_day():
    made = registered()
    asked = {"code": "tokyo-1", "one_time_code": made.one_time_code, **public_keys()}
    with pytest.raises(Conflict, match="expired"):
        join_node(now=NOW + timedelta(days=1, seconds=1), **asked)
    assert join_node(now=NOW + timedelta(days=1), **asked).verify_key


def test_the_code_is_used_once():
    made = registered()
    asked = {"code": "tokyo-1", "one_time_code": made.one_time_code, "now": NOW}
    first = join_node(**asked, **public_keys())
    with pytest.raises(Conflict, match="joined already"):
        join_node(**asked, **public_keys())
    kept = Node.objects.get()
    assert kept.verify_key == first.verify_key


def test_registering_again_ends_the_code_before_and_forgets_the_keys_that_came_with_it():
    node = joined()
    seen = node.fingerprint
    again = registered()
    assert (again.node.pk, again.node.verify_key) == (node.pk, "")
    with pytest.raises(Conflict, match="not joined"):
        confirm_node(node=node, fingerprint=seen)
    first = registered("osaka-1").one_time_code
    registered("osaka-1")
    with pytest.raises(BadInput):
        join_node(code="osaka-1", one_time_code=first, now=NOW, **public_keys())


def test_keys_that_came_after_somebody_looked_are_not_confirmed():
    seen = joined().fingerprint
    node = joined()
    with pytest.raises(BadInput, match="not the fingerprint"):
        confirm_node(node=node, fingerprint=seen)
    node.refresh_from_db()
    assert node.status == Node.Status.PENDING
    assert "node.confirmed" not in actions()


@pytest.mark.parametrize("wrong", ["", "-", "0000-0000", "ключ"])
def test_a_wrong_fingerprint_confirms_nothing(wrong):
    node = joined()
    with pytest.raises(BadInput) as refused:
        confirm_node(node=node, fingerprint=wrong)
    assert refused.value.context["field"] == "fingerprint"
    # What the right one is, somebody reads on the host and not here.
    assert node.fingerprint not in refused.value.message


def test_a_fingerprint_is_read_from_a_screen_and_typed():
    node = joined()
    confirm_node(node=node, fingerprint=f"  {node.fingerprint.upper()}\n")
    assert node.status == Node.Status.ACTIVE
    with pytest.raises(Conflict):
        confirm_node(node=node, fingerprint=node.fingerprint)


def test_a_fingerprint_is_of_the_name_and_both_keys():
    keys = bytes(32), bytes([1]) * 32
    told = envelope.fingerprint("tokyo-1", *keys)
    others = {
        envelope.fingerprint("tokyo-2", *keys),
        envelope.fingerprint("tokyo-1", *reversed(keys)),
        envelope.fingerprint("tokyo-1", keys[0], keys[0]),
    }
    assert told not in others
    assert len(told) == 39


def test_nothing_but_a_confirmation_lets_a_pending_node_begin():
    node = joined()
    for verb in (resume_node, pause_node, lambda node: drain_node(node=node, now=NOW)):
        with pytest.raises(Conflict):
            verb(node=node)
    with pytest.raises(Conflict):
        enroll_node(code="tokyo-1", name="Mallory", **public_keys())
    node.refresh_from_db()
    assert node.status == Node.Status.PENDING


def test_what_a_pending_node_says_is_not_believed():
    signing = SigningKey.generate()
    made = registered()
    told = Heartbeat(version="1", clock_ms=0, running=0)
    text = envelope.sign(told, sender="tokyo-1", receiver="centre", key=signing)
    keys = public_keys(signing)
    for _before_and_after_joining in range(2):
        with pytest.raises(MessageRefused, match="pending"):
            open_from_node(text, Heartbeat)
        with pytest.raises(MessageRefused, match="pending"):
            tasks.heartbeat.run(text)
        made.node.refresh_from_db()
        if not made.node.verify_key:
            join_node(code="tokyo-1", one_time_code=made.one_time_code, now=NOW, **keys)
    made.node.refresh_from_db()
    confirm_node(node=made.node, fingerprint=made.node.fingerprint)
    assert open_from_node(text, Heartbeat)[0] == made.node


def test_a_node_that_never_came_is_revoked_with_its_code():
    made = registered()
    revoke_node(node=made.node)
    with pytest.raises(Conflict):
        join_node(code="tokyo-1", one_time_code=made.one_time_code, now=NOW, **public_keys())
    with pytest.raises(Conflict, match="enrolled already"):
        registered()


def test_the_database_keeps_a_node_without_keys_from_being_active():
    made = registered()
    with pytest.raises(IntegrityError):
        Node.objects.filter(pk=made.node.pk).update(status=Node.Status.ACTIVE)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_join_at_once_one_does():
    made = registered()
    both, came, refused = Barrier(2), [], []

    def come():
        both.wait()
        try:
            asked = {"code": "tokyo-1", "one_time_code": made.one_time_code, "now": NOW}
            came.append(join_node(**asked, **public_keys()).verify_key)
        except Conflict as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=come) for _one in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(came), len(refused)) == (1, 1)
    assert Node.objects.get().verify_key == came[0]
    assert actions().count("node.joined") == 1
