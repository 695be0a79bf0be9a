"""Several processes move points at once: nothing is lost, nothing moves twice, no fault shows."""

import json
import os
import subprocess
import sys
from collections import Counter
from urllib.parse import quote

import pytest
from django.db import connection

from apps.ledger.models import Account, Transfer
from apps.ledger.services import transfer_many
from apps.ledger.verification import first_misfit
from tests.apps.ledger.books import balances, movement, open_books

CLERKS, TURNS, CARDS = 4, 60, 10


def address() -> str:
    """The test database of this run, as another process may name it."""
    named = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{named['NAME']}"
    password = f":{quote(named['PASSWORD'], safe='')}" if named["PASSWORD"] else ""
    who = f"{quote(named['USER'], safe='')}{password}"
    return f"mysql://{who}@{named['HOST']}:{named['PORT']}/{named['NAME']}"


def start(name):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.apps.ledger.clerk", name, str(TURNS)],
        env={**os.environ, "DATABASE_URL": address()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.django_db(transaction=True)
def test_four_processes_move_points_among_ten_accounts():
    issued, *cards = open_books(CARDS)
    transfer_many([movement(f"start:{card.pk}", issued, card, 100) for card in cards])
    clerks = [start(f"clerk-{number}") for number in range(CLERKS)]
    said = [clerk.communicate(timeout=120) for clerk in clerks]
    assert [(clerk.returncode, err) for clerk, (_, err) in zip(clerks, said, strict=True)] == [
        (0, "")
    ] * CLERKS

    told = [json.loads(out) for out, _ in said]
    refusals = sum((Counter(one["refused"]) for one in told), Counter())
    assert set(refusals) <= {"insufficient_points", "busy"}
    made = {}
    for one in told:
        made |= one["made"]
    rows = Transfer.objects.across_tenants().exclude(key__startswith="start:")
    assert {row.key: str(row.amount) for row in rows} == made
    assert sum(len(one["made"]) for one in told) > len(made)
    # How many depends on who came first; that all of them moved something does not.
    assert all(one["made"] for one in told)
    assert len(made) > TURNS
    assert sum(balances()) == 0
    assert min(balances()[1:]) >= 0
    assert first_misfit() is None
    assert Account.objects.across_tenants().count() == CARDS + 1
