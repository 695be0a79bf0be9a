"""`manage.py node`: every verb ends with the table of all nodes."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.commands import table
from apps.core.models import AuditEntry
from apps.nodes.models import Node
from tests.factories import NodeFactory, TicketFactory, VenueAccountFactory, node_keys

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]


def run(*words):
    """What it wrote, and its complaint if it had one."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("node", *words, stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue(), err.getvalue()


def line_of(out, code):
    (line,) = [line for line in out.splitlines() if line.startswith(f"{code} ")]
    return line


def test_a_node_goes_from_the_code_to_its_first_ticket_and_its_keys_stay_on_its_host(tmp_path):
    out, _none = run("add", "tokyo-1", "--name", "Tokyo")
    assert "pending" in line_of(out, "tokyo-1")
    command = " ".join(re.search(r"(workers join .*?)--out", out, re.DOTALL).group(1).split())
    asked = command.replace("\\", "").split()
    file = tmp_path / "tokyo-1.json"
    on_host = subprocess.run(
        [sys.executable, "-m", *asked, "--out", str(file)], capture_output=True, text=True, cwd=ROOT
    )
    assert on_host.returncode == 0, on_host.stderr
    told = re.search(r"manage.py node (join .*)", on_host.stdout).group(1)
    out, _none = run(*told.split())
    assert "pending" in line_of(out, "tokyo-1")
    fingerprint = re.search(r"fingerprint=(\S+)", on_host.stdout).group(1)
    # It is read on the host: the centre does not offer it.
    assert fingerprint not in out
    out, _none = run("confirm", "tokyo-1", "--fingerprint", fingerprint)
    assert "active" in line_of(out, "tokyo-1")
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {"manage.py node"}


def test_a_refusal_is_one_line_and_changes_nothing():
    run("add", "tokyo-1")
    before = list(Node.objects.values())
    for words in (
        ("add", "Tokyo"),
        ("join", "tokyo-1", "--code", "x", "--seal-key", "x", "--verify-key", "y"),
        ("join", "osaka-1", "--code", "x", *keys()),
        ("confirm", "tokyo-1", "--fingerprint", "x"),
        ("confirm", "osaka-1", "--fingerprint", "x"),
        ("revoke", "tokyo-1"),
        ("drain", "osaka-1"),
        ("assign", "tokyo-1", "--from", "osaka-1"),
        ("assign", "tokyo-1", "--accounts", "987654"),
    ):
        _out, complaint = run(*words)
        assert complaint, words
    assert list(Node.objects.values()) == before


def keys():
    made = node_keys()
    return "--seal-key", made["seal_key"], "--verify-key", made["verify_key"]


def test_each_verb_moves_the_nodes_named_and_one_refusal_stops_no_other():
    NodeFactory(code="a"), NodeFactory(code="b"), NodeFactory(code="c", status="revoked")
    out, complaint = run("drain", "a", "c", "b")
    assert ("draining" in line_of(out, "a"), "draining" in line_of(out, "b")) == (True, True)
    assert "c cannot become draining" in complaint
    for verb, words, status in (
        ("resume", [], "active"),
        ("pause", [], "paused"),
        ("revoke", ["--yes"], "revoked"),
    ):
        out, complaint = run(verb, "a", "b", *words)
        assert (status in line_of(out, "a"), status in line_of(out, "b")) == (True, True)
        assert complaint == ""


def test_a_lost_nodes_accounts_are_given_to_another_but_not_those_with_a_ticket_under_way():
    lost, other = NodeFactory(code="lost"), NodeFactory(code="other")
    free, busy = VenueAccountFactory(node=lost), VenueAccountFactory(node=lost)
    TicketFactory(subscription__venue_account=busy)
    out, complaint = run("assign", "other", "--from", "lost")
    assert "1 accounts were given to other" in out
    assert f"account {busy.pk} " in complaint
    free.refresh_from_db()
    assert free.node == other
    # A revoked node holds nothing: the other one asks the venue.
    run("revoke", "lost", "--yes")
    out, complaint = run("assign", "other", "--accounts", str(busy.pk))
    busy.refresh_from_db()
    assert (complaint, busy.node) == ("", other)


def test_the_list_tells_who_lives_and_what_they_know():
    NodeFactory(
        code="a",
        last_heartbeat_at=timezone.now(),
        clock_offset_ms=-12,
        running=3,
        load_percent=40,
        venues={"okx": 80, "gate": None},
        version="0.1.0",
    )
    NodeFactory(code="b", status="draining", drained_at=timezone.now())
    out, _none = run("list")
    words = line_of(out, "a").split()
    assert words[:3] == ["a", "active", "yes"]
    assert words[-7:] == ["-12", "3", "40", "0", "okx:80", "gate:-", "0.1.0"]
    assert line_of(out, "b").split()[:5] == ["b", "draining,", "empty", "no", "never"]


@pytest.mark.parametrize(
    ("case", "rows", "expected"),
    [
        ("no rows", [], "a  n\n-  -"),
        ("numbers stand right", [("x", 7), ("y", 10)], "a   n\n-  --\nx   7\ny  10"),
    ],
)
def test_a_table(case, rows, expected):
    assert table(["a", "n"], rows) == expected
