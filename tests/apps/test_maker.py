"""`manage.py maker paper`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command


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
