"""Traders out into files and in again, and their records replayed."""

import json

import pytest
from django.core.management import CommandError, call_command

from apps.orders.models import Ticket
from apps.traders.models import Call, Decision, Item, Sample, Trader
from apps.traders.selectors import journal_of
from apps.traders.services import look
from engine.ids import uuid7
from tests.apps.traders.desk import Desk, answer, close
from tests.factories import AllocationFactory, ManagerFactory, VenueAccountFactory

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
    """A trader that has opened, closed and failed, and its file."""
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


def test_who_gave_it_its_capital_comes_with_it(lived, settings, tmp_path):
    desk = lived
    manager = ManagerFactory(tenant=desk.account.tenant, name="m")
    AllocationFactory(manager=manager, trader=desk.trader)
    call_command("trader", "export", "trader", str(desk.file))
    told = json.loads(desk.file.read_bytes())
    ((name, row),) = zip(told["managers"], told["allocations"], strict=True)
    assert (name, row["capital_after"], row["share_after"]) == ("m", "11000.00000000", "11.00")
    # As in another house: what was decided here is not there.
    told |= {"code": "again", "records": [], "samples": [], "shades": []}
    told["allocations"][0]["id"] = "01890000-0000-7000-8000-000000000001"
    told["managers"] = {"n": told["managers"]["m"]}
    told["allocations"][0]["manager"] = "n"
    desk.file.write_text(json.dumps(told))
    other = VenueAccountFactory(member=desk.account.member, label="other")
    for _ in range(2):
        call_command("trader", "import", str(desk.file), account=other.pk)
        again = Trader.objects.across_tenants().get(code="again")
        (allocation,) = again.allocations.all()
        assert (allocation.manager.name, allocation.share_after) == ("n", 11)
        assert not allocation.manager.is_active
    told["code"], told["managers"] = "third", {}
    desk.file.write_text(json.dumps(told))
    third = VenueAccountFactory(member=desk.account.member, label="third")
    with pytest.raises(CommandError, match="another trader's"):
        call_command("trader", "import", str(desk.file), account=third.pk)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("capital_after", "much", "capital_after"),
        ("id", "7", "id"),
        ("manager", "nobody", "nobody"),
        ("x", 1, "other fields"),
    ],
)
def test_an_allocation_that_is_none_is_refused_by_its_field(lived, field, value, told):
    one = {"id": str(uuid7()), "manager": "m", "capital_before": "1", "capital_after": "2"}
    file = json.loads(lived.file.read_bytes())
    file["allocations"] = [one | {"share_before": "1", "share_after": "2"} | {field: value}]
    lived.file.write_text(json.dumps(file))
    with pytest.raises(CommandError, match=told):
        call_command("trader", "import", str(lived.file), account=lived.account.pk)


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


# By where it stands in a line: what is looked for, and so many bytes after it.
BYTES = {
    "the number": (b"", 11),
    "the hash before": (b"", 20),
    "the hash": (b"", 100),
    "when it was": (b'"now_ms":', 12),
    "the equity": (b'"equity":"', 10),
    "a price": (b'"price":"', 9),
    "an indicator": (b'"ema20":[', 10),
    "a limit": (b'"max_size":', 11),
    "what is always told": (b'"system":"', 40),
    "what is told": (b'"user":"', 40),
    "the digest of the prompt": (b'"prompt_digest":"', 17),
    "the model's address": (b'"base_url":"', 20),
    "the raw answer": (b'"raw":"', 30),
    "what a call cost": (b'"cost":"', 8),
    "what was decided": (b'"position_size_usd":"', 21),
    "a verdict": (b'"passed":["', 12),
    "a ticket": (b'"ticket":"', 14),
    "what became of it": (b'"result":"', 10),
    "the account afterwards": (b'"after":{', 25),
    "a name": (b'"decision_id":"', 16),
    "the end of a line": (b"}\n", 1),
}


@pytest.mark.parametrize(("mark", "after"), BYTES.values(), ids=BYTES)
def test_a_changed_byte_of_the_journal_is_found(lived, mark, after):
    (path,) = journal_of(lived.trader).glob("journal-*.log")
    content = bytearray(path.read_bytes())
    place = content.index(mark) + after
    content[place] ^= 1
    path.write_bytes(content)
    faults = "(is not as it was written|is no|does not follow)"
    with pytest.raises(CommandError, match=rf"its journal (after line \d+ )?{faults}"):
        call_command("trader", "replay", "trader")


def test_who_finds_its_journal_changed_decides_nothing_more(lived):
    (path,) = journal_of(lived.trader).glob("journal-*.log")
    path.write_bytes(path.read_bytes().replace(b"It rises.", b"It ris3s.", 1))
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
