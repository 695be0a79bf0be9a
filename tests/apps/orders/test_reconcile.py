"""`manage.py reconcile`: asks, waits, ends with a table; what differs makes it fail."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.orders import services
from apps.venues.models import VenueAccount
from ironbull.management.commands import reconcile
from tests.apps.orders.test_states import Reader, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(hints):
    return Reader()


@pytest.fixture
def answering(reader, monkeypatch):
    """The node answers each question at once, with what `answering` holds."""
    answer = {}

    def asked(**question):
        reader.desk.now = question["now"]
        count = services.ask_states(**question)
        if answer is not None and answer.get("silent") is None:
            reader.hear(**answer)
        return count

    monkeypatch.setattr(reconcile, "ask_states", asked)
    return answer


def run(*arguments):
    told = StringIO()
    call_command("reconcile", "--wait", "0", *arguments, stdout=told)
    return told.getvalue()


def test_accounts_as_the_books_say_are_a_table(reader, answering):
    told = run()
    assert "Asked for 1 of 1" in told
    assert "1005.5  as the books say" in told


def test_a_drift_makes_it_fail_and_changes_nothing(reader, answering, capsys):
    answering["holdings"] = [held(2)]
    with pytest.raises(CommandError, match="1 drift, 0 could not be read"):
        run()
    assert VenueAccount.objects.across_tenants().get(pk=reader.account.pk).is_drifting


@pytest.mark.parametrize("answer", [{"silent": True}, {"error": "rate limit", "money": None}])
def test_an_account_that_is_not_read_makes_it_fail(reader, answering, answer):
    answering |= answer
    with pytest.raises(CommandError, match="0 drift, 1 could not be read"):
        run("--account", str(reader.account.pk))


def test_what_is_not_there_cannot_be_read(reader, answering):
    for arguments in (("--account", "999999"), ("--venue", "gate")):
        with pytest.raises(CommandError, match="no such account"):
            run(*arguments)
