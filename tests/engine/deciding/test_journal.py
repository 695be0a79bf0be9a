"""A journal is as it was written, or is refused; its records replay to the same verdicts."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from engine.deciding.answers import read_answer
from engine.deciding.asking import Heard, Outcome
from engine.deciding.checks import facts_of, judge
from engine.deciding.errors import BadAnswer, ChangedRecord, JournalBusy
from engine.deciding.journal import Head, Journal, files_of, line_of, read, read_line
from engine.deciding.limits import read_limits
from engine.deciding.prompt import default_template, render
from engine.deciding.record import Resulted, decided, replay
from tests.engine.deciding.cases import CLOSE, HOLD, LIMITS, LONG, SHORT, answer, context
from tests.engine.deciding.test_models import GPT, read_model

ANSWERS = (
    answer(LONG, CLOSE),
    answer(SHORT | {"confidence": 10}),
    f"```json\n{answer(HOLD)}\n```",
    answer(LONG | {"leverage": 500}),
    answer(LONG)[:-9],
    "I would rather not.",
    answer(LONG | {"stop_loss": -1}),
)


def heard(raw):
    try:
        read_answer(raw)
    except BadAnswer as bad:
        return Heard(model="gpt", raw=raw, field=bad.field, rule=bad.rule, reason=bad.message)
    return Heard(model="gpt", raw=raw)


def record(number=0, *raws):
    raws = raws or (ANSWERS[number % len(ANSWERS)],)
    told = tuple(heard(raw) for raw in raws)
    good = not told[-1].rule
    decisions = tuple(read_answer(raws[-1])) if good else ()
    situation = context()
    return decided(
        decision_id=f"d-{number}",
        trader="bold",
        context=situation,
        limits=LIMITS,
        prompt=render(default_template(), situation, LIMITS),
        models=(read_model(GPT),),
        outcome=Outcome(
            model="gpt" if good else "",
            decisions=decisions,
            heard=told,
            reason="" if good else "refused",
        ),
    )


def resulted(number=0):
    before = context().account
    return Resulted(
        decision_id=f"d-{number}",
        at_ms=1,
        tickets=(),
        refused=(),
        result="done",
        before=before,
        after=before,
    )


def filled(directory, records=12, **options):
    with Journal(directory, **options) as journal:
        for number in range(records):
            journal.append(record(number))
            journal.append(resulted(number))
        return journal.head


def test_what_was_written_is_read_back(tmp_path):
    head = filled(tmp_path)
    entries = list(read(tmp_path, head=head))
    assert [entry.head.number for entry in entries] == list(range(1, 25))
    assert entries[0].record == record(0)
    assert entries[1].record == resulted(0)
    assert entries[-1].head == head


def test_a_thousand_records_replay_to_the_same_verdicts(tmp_path):
    with Journal(tmp_path) as journal:
        journal_head = journal.head
        for number in range(1_000):
            line, journal_head = line_of(record(number), journal_head)
            with (tmp_path / "journal-000000000001.log").open("ab") as file:
                file.write(line)
    records = [entry.record for entry in read(tmp_path, head=journal_head)]
    assert len(records) == 1_000
    assert [replay(one) for one in records] == [[]] * 1_000
    verdicts = {judged.refused_by for one in records for judged in one.judged}
    assert verdicts == {"", "confidence", "leverage"}


BENT = {
    "an answer": (
        lambda one: replace(one, outcome=replace(one.outcome, heard=(heard(answer(SHORT)),))),
        {"decisions", "judged"},
    ),
    "a limit": (
        lambda one: replace(one, limits=read_limits({"min_confidence": 81, "max_size": 5_000})),
        {"judged", "question"},
    ),
    "the equity": (
        lambda one: replace(
            one,
            context=replace(one.context, account=replace(one.context.account, equity=Decimal(1))),
        ),
        {"judged", "question"},
    ),
    "the prompt": (
        lambda one: replace(one, prompt=replace(one.prompt, user="Buy.")),
        {"prompt_digest"},
    ),
    "a verdict": (
        lambda one: replace(one, judged=one.judged[:1]),
        {"judged"},
    ),
    "a refusal": (
        lambda one: replace(
            one, outcome=replace(one.outcome, heard=(replace(one.outcome.heard[0], rule="json"),))
        ),
        {"heard[0]"},
    ),
}


@pytest.mark.parametrize(("bend", "what"), BENT.values(), ids=BENT)
def test_a_replay_tells_what_is_another_now(bend, what):
    assert {one.what for one in replay(bend(record(0)))} == what


def test_a_repaired_answer_replays_both():
    one = record(0, ANSWERS[5], ANSWERS[0])
    assert [told.rule for told in one.outcome.heard] == ["json", ""]
    assert replay(one) == []
    assert [judged.is_approved for judged in one.judged] == [True, True]
    assert judge(one.judged[0].decision, facts_of(one.context), one.limits).is_approved


def test_every_changed_byte_of_a_line_is_found():
    line, head = line_of(record(0), Head())
    assert read_line(line, Head()).head == head
    for place in range(len(line)):
        changed = bytearray(line)
        changed[place] ^= 1
        with pytest.raises(ChangedRecord):
            read_line(bytes(changed), Head())


def test_every_kind_of_change_is_found_wherever_it_is():
    line, _ = line_of(resulted(0), Head())
    chance = Random(7)
    for place in range(len(line)):
        others = [
            line[:place] + line[place + 1 :],
            line[:place] + line[place : place + 1] + line[place:],
            line[:place] + bytes([chance.randrange(256)]) + line[place:],
            line[:place] + b"\n" + line[place + 1 :] if line[place] != 10 else line[:place],
            line[:place],
        ]
        for other in others:
            with pytest.raises(ChangedRecord):
                read_line(other, Head())


CHANGES = {
    "a line is missing": lambda lines: lines[:3] + lines[4:],
    "the first is missing": lambda lines: lines[1:],
    "two are swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "one stands there twice": lambda lines: [*lines[:4], lines[3], *lines[4:]],
    "an empty line": lambda lines: [*lines[:4], b"\n", *lines[4:]],
    "the end is missing": lambda lines: lines[:-1],
    "all of it is missing": lambda lines: [],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_journal_is_found(tmp_path, change):
    head = filled(tmp_path, 4)
    (path,) = files_of(tmp_path)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(ChangedRecord):
        list(read(tmp_path, head=head))


def test_a_journal_written_anew_is_found_by_who_knows_its_end(tmp_path):
    head = filled(tmp_path / "one", 4)
    filled(tmp_path / "other", 5)
    with Journal(tmp_path / "other") as journal:
        assert journal.head.number > head.number
    list(read(tmp_path / "other", head=head))
    (path,) = files_of(tmp_path / "other")
    lines, last = b"", Head()
    for number in range(6):
        line, last = line_of(record(number + 1), last)
        lines += line
    path.write_bytes(lines)
    list(read(tmp_path / "other"))
    with pytest.raises(ChangedRecord):
        list(read(tmp_path / "other", head=Head(4, head.hash)))


def test_a_full_file_is_followed_by_another(tmp_path):
    head = filled(tmp_path, most_bytes=20_000)
    paths = files_of(tmp_path)
    assert len(paths) > 3
    assert max(path.stat().st_size for path in paths) < 40_000
    assert len(list(read(tmp_path, head=head))) == 24
    with Journal(tmp_path, most_bytes=20_000) as journal:
        assert journal.head == head
    paths[1].unlink()
    with pytest.raises(ChangedRecord):
        list(read(tmp_path))


def test_a_torn_end_is_cut_off_and_written_over(tmp_path):
    head = filled(tmp_path, 2)
    (path,) = files_of(tmp_path)
    whole = path.read_bytes()
    line, _ = line_of(record(9), head)
    for length in (1, 40, len(line) - 1):
        path.write_bytes(whole + line[:length])
        assert len(list(read(tmp_path, head=head))) == 4
        with Journal(tmp_path) as journal:
            assert journal.head == head
        assert path.read_bytes() == whole
    with Journal(tmp_path) as journal:
        journal.append(record(9))
    assert len(list(read(tmp_path))) == 5


def test_a_file_that_was_only_begun_is_begun_again(tmp_path):
    head = filled(tmp_path, 2, most_bytes=1)
    torn = tmp_path / "journal-000000000005.log"
    torn.write_bytes(b"000000000005 ab")
    assert len(list(read(tmp_path, head=head))) == 4
    with Journal(tmp_path, most_bytes=1) as journal:
        assert journal.append(record(5)).number == 5
    assert len(list(read(tmp_path))) == 5


def test_one_writes_at_a_time(tmp_path):
    with Journal(tmp_path) as journal:
        with pytest.raises(JournalBusy):
            Journal(tmp_path)
        journal.append(resulted())
    with Journal(tmp_path) as journal:
        assert journal.head.number == 1


def test_a_changed_journal_is_not_gone_on_with(tmp_path):
    filled(tmp_path, 2)
    (path,) = files_of(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"bold"', b'"bald"', 1))
    for _ in range(2):
        with pytest.raises(ChangedRecord):
            Journal(tmp_path)


def test_a_disk_without_room_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    head = filled(tmp_path, 2)
    (path,) = files_of(tmp_path)
    whole = path.read_bytes()
    with Journal(tmp_path) as journal:
        with monkeypatch.context() as full:
            full.setattr(os, "fsync", no_room)
            with pytest.raises(JournalBusy):
                journal.append(record(9))
        assert (path.read_bytes(), journal.head) == (whole, head)
        journal.append(record(9))
    assert len(list(read(tmp_path))) == 5


def no_room(handle):
    raise OSError(28, "No space left on device")


DYING = """
import os, sys
from pathlib import Path
from engine.deciding.journal import Journal
from tests.engine.deciding.test_journal import resulted
journal = Journal(Path(sys.argv[1]))
for number in range(10_000):
    journal.append(resulted(number))
    print(journal.head.number, flush=True)
"""


def test_what_was_appended_survives_a_killed_process(tmp_path):
    here = Path(__file__).parents[3]
    writer = subprocess.Popen(
        [sys.executable, "-c", DYING, str(tmp_path)], stdout=subprocess.PIPE, cwd=here
    )
    told = [int(writer.stdout.readline()) for _ in range(50)]
    writer.kill()
    told += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    with Journal(tmp_path) as journal:
        assert journal.head.number in (told[-1], told[-1] + 1)
    assert [entry.head.number for entry in read(tmp_path)] == list(
        range(1, journal.head.number + 1)
    )


def test_a_record_is_bytes_that_follow_from_it():
    line, _ = line_of(record(3), Head())
    body = line.split(b" ", 3)[3]
    assert line_of(msgspec.json.decode(body, type=type(record(3))), Head())[0] == line
