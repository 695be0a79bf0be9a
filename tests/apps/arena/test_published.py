"""Published files are taken whole or not at all, and written back as they were."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.arena.models import Record, Source
from apps.core.models import AuditEntry
from tests.apps.arena.made import (
    FOUND,
    RECORDED_FILES,
    account,
    analytics_row,
    everything,
    exactly,
    recorded,
    talk,
    trade,
    write,
)

pytestmark = pytest.mark.django_db


def arena(*arguments, **options):
    out = StringIO()
    call_command("arena", *map(str, arguments), stdout=out, stderr=out, **options)
    return out.getvalue()


def kept():
    return list(Record.objects.order_by("pk").values()), list(Source.objects.values())


def test_every_file_is_taken_and_written_back_as_it_was(tmp_path):
    told = write(tmp_path / "told")
    arena("import", told)
    arena("export", tmp_path / "out")
    for path in told.glob("*.json"):
        assert exactly(tmp_path / "out" / path.name) == exactly(path), path.name


@recorded
def test_the_recorded_files_are_taken_and_written_back_as_they_were(tmp_path):
    said = arena("import", FOUND)
    assert "trades.json: 175 rows, 175 new, 0 changed" in said
    assert "gemini-2.5-pro: incomplete: 100, where the source stops telling" in said
    before = kept()
    assert "175 rows, 0 new, 0 changed" in arena("import", FOUND)
    assert kept() == before
    arena("export", tmp_path)
    for name in RECORDED_FILES:
        assert exactly(tmp_path / f"{name}.json") == exactly(FOUND / f"{name}.json"), name
        assert list(exactly(tmp_path / f"{name}.json")) == list(exactly(FOUND / f"{name}.json"))
    shorts = [
        json.loads(content)
        for content in Record.objects.filter(source__name="trades").values_list(
            "content", flat=True
        )
    ]
    assert {row["side"] for row in shorts if row["quantity"] < 0} == {"short"}


def test_importing_twice_changes_nothing(tmp_path):
    told = write(tmp_path)
    arena("import", told)
    before, entries = kept(), AuditEntry.objects.count()
    assert entries == 9
    arena("import", told)
    assert kept() == before
    assert AuditEntry.objects.count() == entries


def test_a_row_that_is_told_otherwise_is_told(tmp_path):
    files = everything()
    arena("import", write(tmp_path, files))
    files["leaderboard"]["leaderboard"][0]["equity"] = 3063.57
    files["trades"]["trades"].insert(0, trade(9))
    said = arena("import", write(tmp_path, files))
    assert "changed: gpt-5: equity" in said
    assert "trades.json: 5 rows, 1 new, 0 changed" in said
    arena("export", tmp_path / "out")
    assert exactly(tmp_path / "out" / "trades.json") == exactly(tmp_path / "trades.json")


def test_another_spelling_is_no_change(tmp_path):
    files = everything()
    arena("import", write(tmp_path, files))
    files["leaderboard"]["leaderboard"][0]["lose_dollars"] = -10.0
    files["trades"]["trades"] = [dict(sorted(row.items())) for row in files["trades"]["trades"]]
    said = arena("import", write(tmp_path, files))
    assert "changed:" not in said


def test_trades_of_other_files_are_added_behind(tmp_path):
    arena("import", write(tmp_path / "one"))
    more = {"trades-of-grok": {"trades": [trade(1, "grok-4"), trade(1)]}}
    assert "2 rows, 1 new, 0 changed" in arena("import", write(tmp_path / "two", more))
    assert Record.objects.filter(source__name="trades").count() == 5


def test_rows_that_contradict_themselves_are_flagged_and_taken(tmp_path):
    said = arena("import", write(tmp_path))
    assert "flagged: equity_is_not_initial_and_profit: 1 rows" in said
    odd = Record.objects.get(source__name="account-totals", key="claude-4.5_0").odd
    assert odd == ["equity_is_not_initial_and_profit"]


def of(name, *path, value=None, without=False):
    """A change of one place in one of the files."""

    def change(files):
        place = files[name]
        for step in path[:-1]:
            place = place[step]
        if without:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


FIRST = ("trades", "trades", 0)
HELD = ("positions", "accountTotals", 0, "positions", "BTC")
BAD = [
    ("a short with a positive quantity", of(*FIRST, "side", value="short"), "trades[0].quantity"),
    ("no such side", of(*FIRST, "side", value="up"), "trades[0].side"),
    ("a field is missing", of(*FIRST, "symbol", without=True), "trades[0].symbol"),
    ("a field is unknown", of(*FIRST, "wen", value=1), "trades[0].wen"),
    ("a price in quotes", of(*FIRST, "exit_price", value="110"), "trades[0].exit_price"),
    ("a price of nothing", of(*FIRST, "entry_price", value=0), "trades[0]"),
    ("another gross", of(*FIRST, "realized_gross_pnl", value=21), "trades[0].realized_gross_pnl"),
    ("another net", of(*FIRST, "realized_net_pnl", value=1), "trades[0].realized_net_pnl"),
    ("it ends before", of(*FIRST, "exit_time", value=1_760_000_000), "trades[0].exit_time"),
    ("it ends in the year 3000", of(*FIRST, "exit_time", value=32503680000), "trades[0]"),
    ("an id of another model", of(*FIRST, "id", value="grok_1"), "trades[0].id"),
    ("an id as long as a book", of(*FIRST, "id", value="gpt-5_" + "1" * 300), "trades[0].id"),
    ("a path for a model", of("analytics", "analytics", 0, "model_id", value="../x"), "[0]"),
    ("NaN", of(*FIRST, "exit_price", value=float("nan")), "NaN"),
    ("too large", of(*FIRST, "exit_price", value=1e300), "trades[0].exit_price"),
    ("no row at all", of("trades", "trades", 0, value=7), "trades[0]"),
    ("no list", of("trades", "trades", value={}), "trades"),
    ("a time that is none", of("trades", "serverTime", value="now"), "serverTime"),
    ("in words", of("leaderboard", "leaderboard", 0, "sharpe", value="high"), "[0].sharpe"),
    ("a table is missing", of("analytics", "analytics", 0, "signals_breakdown_table", without=True),
     "[0].signals_breakdown_table"),
    ("under another symbol", of(*HELD, "symbol", value="ETH"), "positions.BTC.symbol"),
    ("a position of nothing", of(*HELD, "quantity", value=0), "positions.BTC.quantity"),
    ("a role that nobody has",
     of("conversations", "conversations", 0, "messages", 0, "role", value="tool"),
     "messages[0].role"),
    ("nothing was said", of("conversations", "conversations", 0, "messages", value=[]), "messages"),
    ("a price of another coin", of("crypto-prices", "prices", "BTC", "symbol", value="ETH"), "BTC"),
    ("a price below nothing", of("crypto-prices", "prices", "BTC", "price", value=-1), "price"),
    ("a marker in halves",
     of("account-totals", "accountTotals", 0, "since_inception_hourly_marker", value=1.5),
     "since_inception_hourly_marker"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "change", "place"), BAD, ids=[case for case, _, _ in BAD])
def test_a_bad_file_is_refused_by_row_and_field_and_nothing_is_taken(tmp_path, case, change, place):
    files = everything()
    change(files)
    with pytest.raises(CommandError) as refused:
        arena("import", write(tmp_path, files))
    assert place in str(refused.value)
    assert ".json" in str(refused.value)
    assert not Record.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("not JSON", "{"),
        ("no object", "[]"),
        ("none of them", '{"prizes": []}'),
        ("a name twice", '{"trades": [], "trades": []}'),
        ("as deep as a well", '{"trades": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        ("no text", "\udcff"),
    ],
)
def test_what_is_no_published_file_is_refused(tmp_path, case, text):
    path = tmp_path / "trades.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CommandError, match=r"trades\.json"):
        arena("import", path)
    assert not Source.objects.exists()


def test_a_row_twice_in_one_file_is_refused(tmp_path):
    for second in (trade(1), trade(1, gain=11)):
        with pytest.raises(CommandError, match=r"trades\[1\]"):
            arena("import", write(tmp_path, {"trades": {"trades": [trade(1), second]}}))
    assert not Record.objects.exists()


def test_of_a_folder_what_is_none_is_left_out_and_told(tmp_path):
    write(tmp_path)
    (tmp_path / "api-endpoints.json").write_text('{"endpoints": []}')
    assert "left out: api-endpoints.json" in arena("import", tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CommandError, match="no published file"):
        arena("import", empty)
    with pytest.raises(CommandError, match=r"nothing\.json"):
        arena("import", tmp_path / "nothing.json")


def test_an_import_is_forgotten(tmp_path):
    arena("import", write(tmp_path))
    assert "rows of gpt-5 are forgotten" in arena("forget", "gpt-5")
    assert not Record.objects.filter(model_id="gpt-5").exists()
    assert Record.objects.filter(model_id="claude-4.5").exists()
    with pytest.raises(CommandError, match="gpt-5"):
        arena("forget", "gpt-5")


def test_figures_are_counted_again(tmp_path):
    told = write(tmp_path)
    for where in ([told], [told / "trades.json"], [told / "analytics.json"]):
        said = arena("check", *where)
        assert "gpt-5" in said
        assert "MISMATCH" not in said
    arena("import", told)
    told_json = json.loads(arena("check", "--json"))
    verdicts = {one["model_id"]: one["verdict"] for one in told_json["models"]}
    assert verdicts == {"gpt-5": "equal", "claude-4.5": "equal"}
    assert {one["model_id"]: one["compared"] for one in told_json["models"]} == {
        "gpt-5": 61, "claude-4.5": 60
    }  # fmt: skip


TABLE_OF = {
    "fee_pnl_moves_breakdown_table": 11,
    "winners_losers_breakdown_table": 13,
    "longs_shorts_breakdown_table": 15,
    "overall_trades_overview_table": 7,
}


@pytest.mark.parametrize("table", TABLE_OF)
def test_each_figure_that_is_another_is_found(tmp_path, table):
    files = everything()
    told = files["analytics"]["analytics"][0][table]
    found = 0
    for name, value in told.items():
        files["analytics"]["analytics"][0][table] = told | {name: value * (1 + 1e-7) + (value == 0)}
        if isinstance(value, int):
            files["analytics"]["analytics"][0][table] = told | {name: value + 1}
        try:
            arena("check", write(tmp_path, files))
        except CommandError:
            found += 1
    assert found == TABLE_OF[table]


def test_one_figure_in_a_billion_is_equal_and_one_in_a_million_is_not(tmp_path):
    files = everything()
    table = files["analytics"]["analytics"][0]["fee_pnl_moves_breakdown_table"]
    table["avg_net_pnl"] *= 1 + 5e-10
    arena("check", write(tmp_path, files))
    table["avg_net_pnl"] *= 1 + 1e-6
    with pytest.raises(CommandError):
        arena("check", write(tmp_path, files))


def test_a_file_that_was_cut_off_is_incomplete_and_no_mismatch(tmp_path):
    rows = [trade(number) for number in range(158)]
    files = {
        "trades": {"trades": rows[58:]},
        "analytics": {"analytics": [analytics_row("gpt-5", rows)]},
    }
    said = arena("check", write(tmp_path, files))
    assert "incomplete" in said
    assert "100 of 158" in said
    assert "incomplete: 100 of 158" in arena("import", tmp_path)


@recorded
def test_recorded_figures_are_what_their_trades_come_to():
    told = json.loads(arena("check", FOUND, "--json"))
    found = {one["model_id"]: (one["verdict"], one["compared"]) for one in told["models"]}
    # 46 figures of trades, the last trade's two, one of the board, and 12 that follow inside.
    assert found["gpt-5"] == found["grok-4"] == ("equal", 61)
    assert found["gemini-2.5-pro"][0] == "incomplete"
    assert told["good"]
    assert told["flagged"]["trades.json"] == {"net_is_not_gross_less_fees": 67}


def test_conversations_are_known_again(tmp_path):
    files = {"conversations": {"conversations": [talk(), talk(at=1_761_000_060)]}}
    arena("import", write(tmp_path, files))
    said = arena("import", write(tmp_path, files))
    assert "2 rows, 0 new, 0 changed" in said


def test_account_totals_keep_their_order_and_their_marker(tmp_path):
    rows = [account(hour=hour, equity=10_000 + hour) for hour in range(30)]
    files = {"account-totals": {"accountTotals": rows, "lastHourlyMarkerRead": 29}}
    arena("import", write(tmp_path, files))
    arena("export", tmp_path / "out")
    assert exactly(tmp_path / "out" / "account-totals.json") == exactly(
        tmp_path / "account-totals.json"
    )
