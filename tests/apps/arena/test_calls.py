"""The nine published calls: their shapes, what they are asked, what is told without a database."""

import json
import re
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from apps.arena import telling
from apps.arena.published.shapes import SHAPES, Kind
from apps.arena.services import export_files
from tests.apps.arena.made import FOUND, RECORDED_FILES, everything, recorded, write
from tests.apps.platform.desk import Desk
from tests.factories import PositionFactory

pytestmark = pytest.mark.django_db

CALLS = {
    "account-totals": "accountTotals",
    "analytics": "analytics",
    "analytics/gpt-5": "analytics",
    "crypto-prices": "prices",
    "leaderboard": "leaderboard",
    "since-inception-values": "sinceInceptionValues",
    "trades": "trades",
    "positions": "accountTotals",
    "conversations": "conversations",
}
NO_TIME = {"leaderboard"}


def get(path, **query):
    return Client().get(f"/api/{path}", query)


def told(path, **query):
    answer = get(path, **query)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    return answer.json()


def shape_of(value):
    """The names in it and the kinds of its values, and what all rows of a list have in common."""
    if isinstance(value, dict):
        return {name: shape_of(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
    )


@pytest.fixture
def imported(tmp_path):
    call_command("arena", "import", str(write(tmp_path / "told")), stdout=StringIO())


@pytest.mark.parametrize("path", CALLS)
def test_nothing_is_empty_and_no_error(path):
    body = told(path)
    rows = body[CALLS[path]]
    assert rows == ({} if path == "crypto-prices" else []) or path == "analytics/gpt-5"
    expected = {CALLS[path]} | (set() if path in NO_TIME else {"serverTime"})
    assert set(body) - {"lastHourlyMarkerRead"} == expected


def test_what_was_imported_is_told_as_it_was(imported):
    files = everything()
    for path, envelope in CALLS.items():
        if path != "analytics/gpt-5":
            assert told(path)[envelope] == files[path][envelope], path
    assert told("analytics/gpt-5")["analytics"] == files["analytics"]["analytics"][0]
    # A file of its own comes before the list.
    assert told("analytics/claude-4.5")["analytics"]["model_id"] == "claude-4.5"
    assert told("analytics/claude-4-5")["analytics"]["model_id"] == "claude-4.5"


@recorded
def test_the_recorded_files_are_told_field_by_field():
    call_command("arena", "import", str(FOUND), stdout=StringIO())
    for name in RECORDED_FILES:
        file = json.loads((FOUND / f"{name}.json").read_text())
        body = told(name)
        envelope = SHAPES[Kind(name)].envelope
        assert body[envelope] == file[envelope], name
        assert shape_of(body[envelope]) == shape_of(file[envelope])
        assert list(body[envelope]) == list(file[envelope])


def test_server_time_is_now_where_it_is_told_of_now(imported):
    before = int(time.time() * 1000)
    for path in CALLS:
        body = told(path)
        if path in NO_TIME:
            assert "serverTime" not in body
        elif path == "crypto-prices":
            assert body["serverTime"] == 1761452335744
        else:
            assert before <= body["serverTime"] <= int(time.time() * 1000)


def test_account_totals_from_an_hour_on(imported):
    assert len(told("account-totals")["accountTotals"]) == 4
    body = told("account-totals", lastHourlyMarker=1)
    assert [row["id"] for row in body["accountTotals"]] == ["gpt-5_1"]
    assert body["lastHourlyMarkerRead"] == 1
    assert told("account-totals", lastHourlyMarker=2)["accountTotals"] == []


@pytest.mark.parametrize(
    ("limit", "models"), [(0, []), (1, []), (2, ["gpt-5"]), (3, ["gpt-5", "claude-4.5", "grok-4"])]
)
def test_so_many_positions_at_most(imported, limit, models):
    rows = told("positions", limit=limit)["accountTotals"]
    assert [row["model_id"] for row in rows] == models


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (path, field, value)
        for path, field in (("positions", "limit"), ("account-totals", "lastHourlyMarker"))
        for value in ("x", "-1", "1.5", "99999999999999999999", "NaN", "१")
    ],
)
def test_a_bad_parameter_is_refused_by_name(path, field, value):
    answer = get(path, **{field: value})
    assert answer.status_code == 400
    assert field in answer.json()["message"]
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("name", ["nobody", "gpt-5.1-x", "%00", "<b>", "a" * 500, "模型", '"'])
def test_an_unknown_model_has_empty_tables(imported, name):
    body = told(f"analytics/{name}")["analytics"]
    known = told("analytics/gpt-5")["analytics"]
    assert set(body) == set(known)
    for table, figures in body.items():
        if table.endswith("_table"):
            assert set(figures) == set(known[table])
            assert set(figures.values()) == {0}
    assert body["model_id"]


def test_other_pages_may_ask():
    answer = Client().options("/api/trades", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Max-Age"] == "3600"
    assert Client().head("/api/trades").status_code == 200
    for method in ("post", "put", "delete"):
        assert getattr(Client(), method)("/api/trades").status_code == 405


def test_positions_are_the_platforms_for_who_logs_in(imported):
    position = PositionFactory()
    desk = Desk()
    body = desk.get("positions").json()
    assert [row["id"] for row in body["data"]] == [str(position.pk)]
    assert "accountTotals" in told("positions")
    answer = Client().get("/api/positions", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert Client().get("/api/analytics/performance").status_code == 401
    assert Client().post("/api/positions").status_code == 405


def test_a_login_is_nothing_to_a_public_page(imported, django_assert_num_queries):
    http = Client()
    http.cookies["sessionid"] = "somebody"
    told("trades")
    with django_assert_num_queries(0):
        assert http.get("/api/trades").status_code == 200


def test_queries_do_not_grow_with_what_was_imported(
    tmp_path, imported, django_assert_max_num_queries
):
    with django_assert_max_num_queries(4):
        told("trades")
    with django_assert_max_num_queries(0):
        told("trades")


@pytest.fixture
def away(monkeypatch):
    """No statement reaches the database."""

    def refuse(execute, sql, params, many, context):
        raise OperationalError("the database is away")

    with connection.execute_wrapper(refuse):
        yield


def test_without_the_database_the_exported_files_are_told(imported, exported_to, request):
    before = {path: told(path) for path in CALLS}
    export_files(folder=exported_to, now=timezone.now())
    telling.forget_all()
    request.getfixturevalue("away")
    for path, body in before.items():
        now = told(path)
        for name in set(body) - {"serverTime"}:
            assert now[name] == body[name], path
    page = Client().get("/arena/")
    assert page.status_code == 200
    assert "told from files" in page.content.decode()
    assert "gpt-5" in page.content.decode()


def test_without_database_and_files_it_is_said(away):
    answer = get("trades")
    assert answer.status_code == 503
    assert answer.json()["code"] == "away"
    assert Client().get("/arena/").status_code == 503


def test_what_is_remembered_is_as_old_as_is_told():
    seconds = {path: telling.SECONDS[Kind(path)] for path in CALLS if "/" not in path}
    assert {path for path, age in seconds.items() if age == 10} == {
        *("account-totals", "crypto-prices", "positions", "trades")
    }
    assert {path for path, age in seconds.items() if age == 60} == {"leaderboard", "conversations"}
    assert {path for path, age in seconds.items() if age == 300} == {
        *("analytics", "since-inception-values")
    }


def test_texts_are_told_as_they_are_and_never_as_markup(tmp_path):
    files = everything()
    nasty = "</script><script>alert(1)</script>\u2028\x00\U0001f600"
    files["conversations"]["conversations"][0]["messages"][2]["content"] = nasty
    call_command("arena", "import", str(write(tmp_path, files)), stdout=StringIO())
    assert told("conversations")["conversations"][0]["messages"][2]["content"] == nasty
    page = Client().get("/arena/?tab=conversations").content.decode()
    assert not re.search("<script>alert", page)
