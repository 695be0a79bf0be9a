"""`manage.py maker …`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.apps.market_making.desk import Desk


def test_the_published_table_stands_beside_ours():
    said = StringIO()
    call_command("maker", "paper", "--paths", "50", stdout=said)
    lines = [line.split() for line in said.getvalue().splitlines()]
    theirs = [line for line in lines if "theirs" in line]
    assert [line[:2] for line in theirs] == [
        [gamma, quotes] for gamma in ("0.1", "0.01", "1") for quotes in ("inventory", "symmetric")
    ]
    assert len([line for line in lines if "ours" in line]) == 9


def test_one_path_is_refused_by_name():
    with pytest.raises(CommandError, match="paths is 2 or more"):
        call_command("maker", "paper", "--paths", "1")


def said(*words):
    told = StringIO()
    call_command("maker", *words, stdout=told, stderr=StringIO())
    return told.getvalue()


def test_a_made_market_is_simulated_and_kept(tmp_path):
    words = ["simulate", "--seconds", "60", "--a", "3", "--set", "recovery_seconds=0"]
    told = said(*words, "--html", str(tmp_path / "page.html"))
    assert "pnl_traded" in told
    assert "in the end idle" in told
    first = said(*words, "--json")
    assert json.loads(first)["state"] == "idle"
    assert said(*words, "--json") == first
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_a_csv_is_replayed_with_several_sets(tmp_path):
    path = tmp_path / "mids.csv"
    path.write_text("ts,mid\n" + "\n".join(f"{n},{2600 + n % 7}" for n in range(1, 60)))
    told = said("replay", str(path), "--preset", "paper", "--sweep", "gamma=0.1,0.5")
    assert [line.split()[0] for line in told.splitlines()[2:]] == ["0.1", "0.5"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["replay", "nowhere.gz"], "no file"),
        (["simulate", "--set", "gamma=99"], "gamma"),
        (["simulate", "--seconds", "0"], "seconds"),
        (["simulate", "--step", "0"], "step"),
    ],
)
def test_what_cannot_be_replayed_is_refused_by_name(words, why):
    with pytest.raises(CommandError, match=why):
        said(*words)


@pytest.mark.django_db
def test_a_maker_is_listed_started_stopped_and_no_other_one(hints):
    desk = Desk()
    assert "idle" in said("list")
    number = str(desk.maker.pk)
    assert "starting" in said("start", number)
    with pytest.raises(CommandError, match="is starting"):
        said("start", number)
    said("stop", number)
    said("halt", number, "--reason", "enough")
    desk.hear("starting", "stopping", "halted")
    assert "halted" in said("list")
    assert "idle" in said("release", number)
    assert desk.session.commands.get(verb="halt").asked_by == "manage.py maker"
    with pytest.raises(CommandError, match="no maker 999999"):
        said("start", "999999")
