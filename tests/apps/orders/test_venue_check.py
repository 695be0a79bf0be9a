"""`manage.py venue_check`: what an account's venue says of its key, modes, clock and minimums."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.orders import services
from engine.messages import Described, Rights
from ironbull.management.commands import venue_check
from tests.apps.orders.test_states import SYMBOL, Reader, held

pytestmark = pytest.mark.django_db
FIT = Rights(can_trade=True, can_withdraw=False, is_hedged=True, clock_offset_ms=-42)
TOLD = Described(
    symbol=SYMBOL, tick="0.1", step="0.01", min_quantity="0.01", min_notional="5", price="50123"
)


@pytest.fixture
def reader(hints):
    return Reader()


def run(reader, monkeypatch, *arguments, **answer):
    """The command, with the node's answer to its question."""

    def asked(**question):
        reader.desk.now = question["now"]
        count = services.ask_states(**question)
        if answer:
            reader.hear(**answer)
        return count

    monkeypatch.setattr(venue_check, "ask_states", asked)
    told = StringIO()
    try:
        call_command("venue_check", "--wait", "0", *arguments, stdout=told)
    finally:
        run.told = told.getvalue()
    return run.told


def test_all_that_the_venue_tells_is_a_table(reader, monkeypatch):
    holdings = [held(2)]
    told = run(reader, monkeypatch, rights=FIT, instruments=[TOLD], holdings=holdings)
    row = next(
        line for line in told.splitlines() if line.strip().startswith(str(reader.account.pk))
    )
    for word in ("okx", "yes", "no", "hedged", "-42", "fit"):
        assert word in row.split()
    assert "50123" in told


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({}, "no answer"),
        ({"error": "rate limit", "money": None}, "rate limit"),
        ({"rights": Rights(error="no such path")}, "no such path"),
        ({"rights": Rights(can_trade=False)}, "the key cannot trade"),
        ({"rights": Rights(can_withdraw=True)}, "nobody has accepted that"),
    ],
)
def test_an_account_that_is_not_fit_makes_it_fail(reader, monkeypatch, answer, state):
    with pytest.raises(CommandError, match="1 of 1 accounts are not fit"):
        run(reader, monkeypatch, "--account", str(reader.account.pk), **answer)
    assert state in run.told


def test_an_account_that_is_not_there_is_refused(reader):
    with pytest.raises(CommandError, match="no such account"):
        call_command("venue_check", "--account", "987654")
