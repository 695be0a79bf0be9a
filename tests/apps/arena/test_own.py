"""Public traders of ours in the published shapes; nobody else is ever told of."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.arena import telling
from apps.arena.models import Record
from apps.arena.published.checking import check
from apps.arena.published.reading import read
from apps.arena.published.shapes import Kind
from apps.arena.selectors import files_told
from apps.tenants.models import Tenant
from apps.traders.services import look
from engine.deciding.trades import contradiction
from tests.apps.arena.made import write
from tests.apps.platform.desk import Desk, data_of
from tests.factories import (
    DecisionFactory,
    ItemFactory,
    SampleFactory,
    ShadeFactory,
    TraderFactory,
)

pytestmark = pytest.mark.django_db
PATHS = (
    *("account-totals", "analytics", "crypto-prices", "leaderboard"),
    *("since-inception-values", "trades", "positions", "conversations"),
)


def trader(code, *, is_public=True, hours=3, said="I hold.", **about):
    """One with samples, a decision, a position that is open and one that is closed."""
    now = timezone.now()
    began = now - timedelta(hours=hours, minutes=30)
    row = TraderFactory(code=code, name=code.title(), is_public=is_public, began_at=began, **about)
    for minute in range(0, 60 * hours, 20):
        SampleFactory(
            trader=row,
            minute=minute,
            hour=minute // 60,
            at=began + timedelta(minutes=minute),
            equity=Decimal(10_000 + minute),
        )
    decision = DecisionFactory(trader=row, answers=[{"model": "m", "raw": said}], at=now)
    open_item = ItemFactory(decision=decision, invalidation="it turns")
    ShadeFactory(item=open_item, opened_at=began)
    closed = ItemFactory(decision=decision, symbol="ETH/USDT")
    ShadeFactory(
        item=closed,
        symbol="ETH/USDT",
        direction="short",
        entry_price=Decimal(3000),
        opened_at=began,
        exit_price=Decimal(2900),
        exit_fee=Decimal("0.25"),
        closed_at=now,
        quantity=Decimal(2),
    )
    return row


def bodies():
    telling.forget_all()
    return {path: Client().get(f"/api/{path}").content.decode() for path in PATHS}


def pages():
    telling.forget_all()
    paths = ("/arena/", "/arena/?tab=trades", "/arena/?tab=conversations")
    return "".join(Client().get(path).content.decode() for path in paths)


def test_a_public_trader_is_told_of_everywhere():
    trader("bold.1")
    for path, body in bodies().items():
        assert path == "crypto-prices" or "bold.1" in body, path
    assert "Bold.1" in pages()
    assert Client().get("/arena/models/bold.1/").status_code == 200


def test_nobody_else_is_told_of():
    trader("bold.1")
    trader("unseen.1", is_public=False)
    gone = trader("gone.1")
    Tenant.objects.filter(pk=gone.tenant_id).update(status=Tenant.Status.SUSPENDED)
    everything = "".join(bodies().values()).lower() + pages().lower()
    assert "bold.1" in everything
    assert "unseen" not in everything
    assert "gone.1" not in everything
    for name in ("unseen.1", "gone.1"):
        assert Client().get(f"/arena/models/{name}/").status_code == 404
        tables = Client().get(f"/api/analytics/{name}").json()["analytics"]
        assert tables["overall_trades_overview_table"]["total_trades"] == 0


def test_nothing_private_is_told():
    row = trader("bold.1")
    account = row.venue_account
    member = account.member
    everything = "".join(bodies().values()) + pages()
    for secret in (
        *(member.email, account.label, str(account.member.invite_code)),
        *(account.credentials, row.tenant.name, str(row.template.digest)),
    ):
        assert not secret or secret not in everything
    for name in ("venue_account", "api_key", "credentials", "tenant", "member"):
        assert f'"{name}' not in everything


def test_what_is_told_of_ours_is_a_published_file_and_comes_to_its_own_figures():
    trader("bold.1")
    trader("calm.1", hours=2)
    files = files_told(now=timezone.now())
    read_again = [read(content, name=name) for name, content in files.items()]
    rows = {file.kind: file.rows for file in read_again}
    assert len(rows[Kind.TRADES]) == 2
    for told in rows[Kind.TRADES]:
        assert contradiction(told.row) == ""
        assert told.row.quantity < 0
        assert told.row.realized_net_pnl == Decimal("199.51")
    checked = check(read_again)
    assert checked.is_good, [one.wrong for one in checked.models]
    assert {one.verdict for one in checked.models} == {"equal"}


def test_hours_are_told_once_each_and_the_newest_has_the_positions():
    trader("bold.1")
    rows = json.loads(bodies()["account-totals"])["accountTotals"]
    mine = [row for row in rows if row["model_id"] == "bold.1"]
    assert [row["since_inception_hourly_marker"] for row in mine] == [0, 1, 2]
    assert [row["since_inception_minute_marker"] for row in mine] == [40, 100, 160]
    assert [row["dollar_equity"] for row in mine] == [10_040, 10_100, 10_160]
    assert list(mine[-1]["positions"]) == ["BTC"]
    plan = mine[-1]["positions"]["BTC"]["exit_plan"]
    assert plan == {
        "profit_target": 64_000, "stop_loss": 59_000, "invalidation_condition": "it turns"
    }  # fmt: skip
    # What buying and holding would have come to, from the same market, beside it.
    holding = [row for row in rows if row["model_id"] == "buynhold_btc"]
    assert holding
    assert "sharpe_ratio" not in holding[0]


def test_every_hour_has_the_positions_that_were_held_then():
    row = trader("bold.1")
    # Wherever the market is, it holds.
    row.shades.filter(closed_at=None).update(stop=1, target=10**9)
    look(now=timezone.now() - timedelta(hours=1))
    rows = json.loads(bodies()["account-totals"])["accountTotals"]
    mine = {r["since_inception_hourly_marker"]: r for r in rows if r["model_id"] == "bold.1"}
    (then,) = mine[2]["positions"].values()
    held = row.shades.get(closed_at=None)
    assert (then["symbol"], then["entry_price"]) == ("BTC", held.entry_price)
    assert then["exit_plan"]["invalidation_condition"] == "it turns"
    file = read(files_told(now=timezone.now())["account-totals.json"], name="account-totals.json")
    assert all(one.row.positions for one in file.rows if one.row.since_inception_hourly_marker == 2)


def test_as_many_queries_for_many_traders_as_for_few():
    def queries():
        telling.forget_all()
        with CaptureQueriesContext(connection) as captured:
            for path in PATHS:
                Client().get(f"/api/{path}")
        return len(captured)

    trader("bold.1")
    few = queries()
    for number in range(4):
        trader(f"more.{number}")
    assert queries() == few


def test_the_platform_api_tells_the_same_with_filters():
    trader("bold.1")
    trader("calm.1")
    telling.forget_all()
    desk = Desk()
    lines = data_of(desk.get("arena/leaderboard"))
    assert {line["model_id"] for line in lines} == {"bold.1", "calm.1"}
    assert all(line["trades"] == line["open_positions"] == 1 for line in lines)

    def found(path, **asked):
        body = desk.get(f"arena/{path}", **asked).json()
        assert body["total"] >= len(body["data"])
        return [row["model_id"] for row in body["data"]]

    assert found("trades", model="calm.1") == ["calm.1"]
    assert found("trades", side="long") == []
    assert found("trades", symbol="ETH", side="short", page_size=1) in (["bold.1"], ["calm.1"])
    assert found("trades", until=1_000) == []
    assert len(found("trades", since=1_000)) == 2
    assert found("positions", model="bold.1", symbol="BTC", side="long") == ["bold.1"]
    assert found("positions", side="short") == []
    assert set(found("account-totals", since_hour=2)) == {"bold.1", "calm.1", "buynhold_btc"}
    assert found("analytics", model="bold.1") == ["bold.1"]
    assert found("conversations", model="calm.1") == ["calm.1"]
    assert desk.get("arena/trades", side="up").status_code == 400
    assert desk.get("arena/trades", wen="now").status_code == 400
    assert Client().get("/api/arena/trades").status_code == 401


def test_nobody_is_imported_under_the_name_of_a_trader_of_ours(tmp_path):
    trader("gpt-5", is_public=False)
    with pytest.raises(CommandError, match="gpt-5 is a trader of ours"):
        call_command("arena", "import", str(write(tmp_path)))
    assert not Record.objects.exists()
