"""The audit trail: one line of entries, whoever appends; and what was done to it shows."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from apps.core import audit
from apps.core.audit import find_breach, hash_of, record
from apps.core.models import AuditEntry, AuditHead
from tests.append_only import unprotected
from tests.at_once import at_once
from tests.factories import MemberFactory, TenantFactory


def write(count):
    return [record(f"test.{n}", "nothing:1", after={"n": n}) for n in range(count)]


def verify(**options):
    out = io.StringIO()
    call_command("verify_audit", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def unguarded(transactional_db):
    """Somebody who may change the schema has taken the triggers away."""
    with unprotected():
        yield


def rehash(start):
    """What somebody does who holds the database and the key."""
    previous = AuditEntry.objects.filter(number=start - 1).first()
    previous_hash = previous.hash if previous else audit.NOTHING
    number = start - 1
    for entry in AuditEntry.objects.filter(number__gte=start).order_by("number"):
        number += 1
        entry.number, entry.previous_hash = number, previous_hash
        entry.hash = previous_hash = hash_of(entry)
        entry.save()
    AuditHead.objects.update(number=number, hash=previous_hash)


@pytest.mark.django_db
def test_an_entry_says_who_what_before_after_and_from_where():
    alice = MemberFactory()
    with audit.acting("root", source="10.0.0.1"):
        entry = record(
            "member.disabled",
            alice,
            before={"status": "active", "at": datetime(2026, 1, 1, tzinfo=UTC)},
            after={"status": "disabled", "points": Decimal("0.00000001")},
        )
    entry.refresh_from_db()
    assert (entry.actor, entry.source, entry.action) == ("root", "10.0.0.1", "member.disabled")
    assert (entry.subject, entry.tenant) == (f"members.member:{alice.pk}", alice.tenant)
    assert entry.before == {"status": "active", "at": "2026-01-01T00:00:00Z"}
    assert Decimal(entry.after["points"]) == Decimal("0.00000001")
    assert record("test.later", "x:1").actor == "system"
    assert find_breach() is None


@pytest.mark.django_db
def test_acting_ends_with_its_block_also_by_an_error():
    with pytest.raises(ZeroDivisionError), audit.acting("root"):
        1 / 0  # noqa: B018
    assert record("test.x", "x:1").actor == "system"


@pytest.mark.django_db
def test_a_long_name_is_cut_and_not_refused():
    with audit.acting("n" * 150, source="s" * 90):
        entry = record("test.x", "x:1")
    assert (len(entry.actor), len(entry.source)) == (100, 64)
    assert find_breach() is None


@pytest.mark.django_db
def test_an_entry_is_gone_with_the_change_it_told_of():
    write(1)
    with transaction.atomic():
        record("test.undone", "x:1")
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == 1
    write(1)
    assert find_breach() is None


@pytest.mark.django_db
def test_an_empty_trail_holds():
    assert find_breach() is None
    assert "0 entries" in verify()


@pytest.mark.django_db
@pytest.mark.parametrize("page", [1, 3, 1000])
def test_a_sound_trail_holds_however_it_is_paged(monkeypatch, page):
    monkeypatch.setattr(audit, "PAGE", page)
    write(6)
    assert find_breach() is None
    assert "6 entries: the chain holds" in verify()


FIELDS = {
    "at": datetime(2020, 1, 1, tzinfo=UTC),
    "actor": "mallory",
    "source": "1.2.3.4",
    "action": "test.other",
    "subject": "other:1",
    "before": {"n": 1},
    "after": {"n": 99},
    "previous_hash": "f" * 64,
    "hash": "e" * 64,
}


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_changed_entry_is_named(field, number):
    write(5)
    AuditEntry.objects.filter(number=number).update(**{field: FIELDS[field]})
    with pytest.raises(CommandError, match=rf"^entry {number}: the entry was changed"):
        verify()


@pytest.mark.usefixtures("unguarded")
def test_an_entry_moved_to_a_tenant_is_named():
    write(2)
    AuditEntry.objects.filter(number=2).update(tenant=TenantFactory())
    assert find_breach() == audit.Breach(2, "the entry was changed")


@pytest.mark.usefixtures("unguarded")
def test_an_entry_hashed_without_the_key_is_named(settings):
    write(3)
    true_key, settings.AUDIT_KEY = settings.AUDIT_KEY, b"0" * 32
    rehash(2)
    settings.AUDIT_KEY = true_key
    assert find_breach() == audit.Breach(2, "the entry was changed")


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(
    ("case", "gone", "number", "what"),
    [
        ("the first", [1], 1, "missing"),
        ("one in the middle", [3], 3, "missing"),
        ("two, and the first of them is named", [2, 4], 2, "missing"),
        ("the last", [5], 5, "missing at the end, up to 5"),
        ("the last three", [3, 4, 5], 3, "missing at the end, up to 5"),
        ("all of them", [1, 2, 3, 4, 5], 1, "missing at the end, up to 5"),
    ],
)
def test_missing_entries_are_named(case, gone, number, what):
    write(5)
    AuditEntry.objects.filter(number__in=gone).delete()
    with pytest.raises(CommandError, match=rf"^entry {number}: .*{what}"):
        verify()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("case", "change", "number"),
    [
        ("set back", {"number": 3}, 3),
        ("another hash", {"hash": "a" * 64}, 5),
    ],
)
def test_a_changed_end_is_named(case, change, number):
    write(5)
    AuditHead.objects.update(**change)
    breach = find_breach()
    assert breach is not None
    assert breach.number == number


@pytest.mark.usefixtures("unguarded")
def test_two_entries_swapped_are_named():
    write(4)
    AuditEntry.objects.filter(number=2).update(number=99)
    AuditEntry.objects.filter(number=3).update(number=2)
    AuditEntry.objects.filter(number=99).update(number=3)
    assert find_breach() == audit.Breach(2, "the entry was changed")


@pytest.mark.usefixtures("unguarded")
def test_an_anchor_shows_a_trail_cut_short_together_with_its_end(tmp_path):
    anchor = tmp_path / "anchors"
    write(5)
    assert "0 anchors hold" in verify(anchor=anchor)
    AuditEntry.objects.filter(number__gte=4).delete()
    rehash(1)
    assert "3 entries: the chain holds" in verify()
    with pytest.raises(CommandError, match=r"^entry 5: the entry was anchored and is missing"):
        verify(anchor=anchor)


@pytest.mark.usefixtures("unguarded")
def test_an_anchor_shows_a_trail_written_anew(tmp_path):
    anchor = tmp_path / "anchors"
    write(3)
    verify(anchor=anchor)
    AuditEntry.objects.filter(number=2).update(actor="mallory")
    rehash(2)
    write(2)
    assert find_breach() is None
    kept = anchor.read_text()
    with pytest.raises(CommandError, match=r"^entry 3: the entry is not the one"):
        verify(anchor=anchor)
    assert anchor.read_text() == kept


@pytest.mark.django_db
def test_anchors_are_added_once_and_hold(tmp_path):
    anchor = tmp_path / "anchors"
    verify(anchor=anchor)
    assert not anchor.exists()
    for entries in (2, 0, 3):
        write(entries)
        verify(anchor=anchor)
    lines = anchor.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["2", "5"]
    assert "2 anchors hold" in verify(anchor=anchor)


@pytest.mark.django_db
@pytest.mark.parametrize("line", ["", "5", "x " + "a" * 64, "1 " + "a" * 63, "1 " + "g" * 64])
def test_a_file_that_is_no_anchor_is_refused_and_left_alone(tmp_path, line):
    anchor = tmp_path / "anchors"
    write(1)
    anchor.write_text(line + "\n")
    with pytest.raises(CommandError, match="line 1 of"):
        verify(anchor=anchor)
    assert anchor.read_text() == line + "\n"


@pytest.mark.usefixtures("unguarded")
def test_a_broken_chain_is_not_anchored(tmp_path):
    write(2)
    AuditEntry.objects.filter(number=1).update(actor="mallory")
    with pytest.raises(CommandError):
        verify(anchor=tmp_path / "anchors")
    assert not (tmp_path / "anchors").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("already", [0, 1], ids=["the first entry", "a later entry"])
def test_many_append_at_once_and_the_chain_is_one_line(already):
    # As the migration leaves it; a test's flush takes it away.
    AuditHead.objects.get_or_create(pk=1)
    write(already)

    def append(number):
        for _ in range(5):
            record("test.at_once", f"worker:{number}")
        return "done"

    assert at_once(6, append, range(6)) == ["done"] * 6
    numbers = list(AuditEntry.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, 31 + already))
    assert find_breach() is None


@pytest.mark.django_db(transaction=True)
def test_verifying_while_others_append_finds_nothing():
    write(1)

    def work(number):
        if number % 2:
            return [find_breach() for _ in range(20)]
        write(20)
        return []

    answers = at_once(4, work, range(4))
    assert [type(answer) for answer in answers] == [list] * 4
    assert {breach for answer in answers for breach in answer} == {None}
