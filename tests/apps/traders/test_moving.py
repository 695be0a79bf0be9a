"""Traders out into files and in again, and their records replayed."""

import json

import pytest
from django.core.management import CommandError, call_command

from apps.orders.models import Ticket
from apps.traders.models import Call, Decision, Item, Sample, Trader
from apps.traders.selectors import journal_of
from apps.traders.services import look
from tests.apps.traders.desk import Desk, answer, close
from tests.factories import VenueAccountFactory

pytestmark = pytest.mark.django_db


def rows(trader):
    """What was decided, without what a database numbers by itself."""
    decisions = Decision.objects.across_tenants().filter(trader=trader).order_by("number")
    items = Item.objects.across_tenants().filter(decision__trader=trader)
    calls = Call.objects.across_tenants().filter(trader=trader)
    told = ("number", "at", "status", "mind", "answers", "reason", "before", "after", "result")
    return (
        list(decisions.values_list("pk", *told, "journal_number", "journal_hash")),
        sorted(items.values_list("decision", "symbol", "signal", "size", "status", "refused_by")),
        sorted(calls.values_list("decision", "mind", "result", "cost", "tokens")),
        list(Sample.objects.across_tenants().filter(trader=trader).values_list("minute", "equity")),
    )


@pytest.fixture
def lived(tmp_path):
    desk = Desk().start()
    desk.turn(answer(desk.long(), desk.long("ETH/USDT", confidence=10)))
    look(now=desk.now)
    desk.fill(Ticket.objects.across_tenants().get())
    desk.next(answer(close()))
    desk.next("no", "no")
    desk.file = tmp_path / "trader.json"
    call_command("trader", "export", "trader", str(desk.file))
    return desk


def test_a_file_rebuilds_what_was_decided_and_twice_changes_nothing(lived, settings, tmp_path):
    before = rows(lived.trader)
    for model in (Call, Item, Sample, Decision):
        model._base_manager.all().delete()
    Trader._base_manager.update(code="gone")
    settings.TRADER_JOURNALS = tmp_path / "elsewhere"
    other = VenueAccountFactory(member=lived.account.member, label="other")
    for _ in range(2):
        call_command("trader", "import", str(lived.file), account=other.pk)
        again = Trader.objects.across_tenants().get(code="trader")
        assert rows(again) == before
        assert (again.decided, again.head_number) == (3, 5)
    assert again.seats.get().mind.name == "one"
    again_file = tmp_path / "again.json"
    call_command("trader", "export", "trader", str(again_file))
    assert json.loads(again_file.read_bytes()) == json.loads(lived.file.read_bytes())
    call_command("trader", "replay", "trader")


def test_no_key_leaves(lived):
    from apps.traders.services import change_mind

    change_mind(mind=lived.minds[0], key="sk-very-secret-key")
    call_command("trader", "export", "trader", str(lived.file))
    assert b"very-secret" not in lived.file.read_bytes()


@pytest.mark.parametrize(
    ("case", "spoil", "told"),
    [
        ("no JSON", lambda text: text[:-50], "tells of no trader"),
        ("a changed record", lambda text: text.replace("It rises.", "It falls.", 1), r"records\[0"),
        ("another schema", lambda text: text.replace('"schema": 1,', '"schema": 9,'), "schema"),
        ("a strange field", lambda text: text.replace('"code"', '"x": 1, "code"', 1), "x"),
    ],
)
def test_a_file_is_refused_that_is(lived, case, spoil, told):
    lived.file.write_text(spoil(lived.file.read_text()))
    Trader._base_manager.update(code="gone")
    with pytest.raises(CommandError, match=told):
        call_command("trader", "import", str(lived.file), account=lived.account.pk)
    assert Trader.objects.across_tenants().count() == 1


def test_a_changed_byte_of_the_journal_is_found(lived):
    (path,) = journal_of(lived.trader).glob("journal-*.log")
    path.write_bytes(path.read_bytes().replace(b"It rises.", b"It ris3s.", 1))
    with pytest.raises(CommandError, match=r"not as it was written|is no"):
        call_command("trader", "replay", "trader")
    lived.next(answer(lived.long()))
    trader = lived.fresh()
    assert (trader.status, trader.lease) == (Trader.Status.ERROR, "")
    assert "journal" in trader.reason


def test_commands_say_what_they_did(lived, capsys):
    call_command("trader", "pause", "trader")
    call_command("trader", "start", "trader")
    call_command("trader", "decide-now", "trader")
    call_command("trader", "stop", "trader")
    call_command("trader", "list")
    said = capsys.readouterr().out
    assert "trader: paused" in said
    assert "trader: stopped" in said
    with pytest.raises(CommandError, match="there is no trader"):
        call_command("trader", "start", "nobody")
    with pytest.raises(CommandError, match="cannot become paused"):
        call_command("trader", "pause", "trader")
