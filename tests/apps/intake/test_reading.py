"""An alert is read as it was meant, or refused by field and rule."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import BadInput, DomainError
from apps.intake import reading
from engine.signal import Action, Direction

SYMBOLS = ["BTC/USDT", "ETH/USDT"]
OPEN = {"symbol": "BTCUSDT", "action": "open", "direction": "long"}


def said(template=None, **told):
    return reading.read(reading.unpacked(json.dumps(told).encode()), template or {}, SYMBOLS)


@pytest.mark.parametrize(
    "written",
    ["BTCUSDT", "BINANCE:BTCUSDT.P", "btc/usdt", "BTC-USDT-SWAP", "BTC_USDT", "BTCUSDTPERP"],
)
def test_a_symbol_is_known_however_a_chart_writes_it(written):
    assert said(**OPEN | {"symbol": written}).symbol == "BTC/USDT"


@pytest.mark.parametrize("written", ["SOLUSDT", "BTC", "BTCUSDT; DROP", "BTCUSDTX", ":", "X" * 500])
def test_another_symbol_is_refused(written):
    with pytest.raises(BadInput) as refused:
        said(**OPEN | {"symbol": written})
    assert refused.value.context["field"] == "symbol"


LONG, SHORT = Direction.LONG, Direction.SHORT


@pytest.mark.parametrize(
    ("position", "was", "wishes"),
    [
        ("long", "flat", [(Action.OPEN, LONG)]),
        ("long", "", [(Action.OPEN, LONG)]),
        ("flat", "short", [(Action.CLOSE, SHORT)]),
        ("short", "long", [(Action.CLOSE, LONG), (Action.OPEN, SHORT)]),
        ("long", "long", []),
        ("flat", "flat", []),
    ],
)
def test_a_position_that_changes_is_closed_before_another_is_opened(position, was, wishes):
    assert list(said(symbol="BTCUSDT", position=position, was=was).wishes) == wishes


def test_fields_are_found_where_the_template_says():
    template = {
        "symbol": "data.pair",
        "action": "=open",
        "direction": "side",
        "price": "data.last",
        "reason": "who",
    }
    read = said(template, data={"pair": "ETHUSDT", "last": 2500.25}, side="SELL", who="my program")
    assert read.symbol == "ETH/USDT"
    assert read.wishes == ((Action.OPEN, SHORT),)
    assert read.price == Decimal("2500.25")
    assert read.reason == "my program"


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"symbol": ""}, "symbol"),
        ({"action": "hold"}, "action"),
        ({"action": ""}, "action"),
        ({"direction": ""}, "direction"),
        ({"direction": "up"}, "direction"),
        ({"action": "", "position": "up"}, "position"),
        ({"action": "", "position": "flat"}, "was"),
        ({"price": "0"}, "price"),
        ({"price": -1}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "1e400"}, "price"),
        ({"price": True}, "price"),
        ({"price": [1]}, "price"),
        ({"stop": "near"}, "stop"),
        ({"confidence": 101}, "confidence"),
        ({"confidence": "0.5"}, "confidence"),
        ({"time": "2026-03-01T12:00:00"}, "time"),
        ({"time": "noon"}, "time"),
        ({"time": "2026-13-01T12:00:00Z"}, "time"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_field(told, field):
    with pytest.raises(BadInput) as refused:
        said(**OPEN | told)
    assert refused.value.context["field"] == field


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"buy",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"price": NaN}',
        b"[" * 9000,
        b"{}" + b" " * 20000,
    ],
)
def test_what_is_no_alert_is_refused(body):
    with pytest.raises(BadInput) as refused:
        reading.unpacked(body)
    assert refused.value.context["field"] == "body"


def test_every_way_to_write_a_time_is_the_same_moment():
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for written in ("2026-03-01T12:00:00Z", "2026-03-01T20:00:00+08:00", 1772366400, 1772366400000):
        assert said(**OPEN | {"time": written}).at == noon


@pytest.mark.parametrize(
    ("direction", "levels", "field"),
    [
        ("long", {"stop": 101}, "stop"),
        ("long", {"target": 99}, "target"),
        ("short", {"stop": 99}, "stop"),
        ("short", {"target": 100}, "target"),
        ("long", {"price": 94}, "price"),
        ("long", {"price": 106}, "price"),
    ],
)
def test_a_price_that_cannot_be_is_refused(direction, levels, field):
    wish = said(**OPEN | {"direction": direction} | levels)
    with pytest.raises(BadInput) as refused:
        reading.judge_price(wish, Decimal(100), most_off_percent=5)
    assert refused.value.context["field"] == field


def test_without_a_price_it_is_the_markets():
    wish = said(**OPEN | {"stop": 99, "target": "101.5"})
    assert reading.judge_price(wish, Decimal(100), most_off_percent=5) == 100


@pytest.mark.parametrize(
    "template",
    [[], {"amount": "x"}, {"symbol": 1}, {"symbol": ""}, {"secret": "=open sesame"}],
)
def test_a_template_that_means_nothing_is_refused(template):
    with pytest.raises(BadInput) as refused:
        reading.checked_template(template)
    assert refused.value.context["field"] == "template"


def test_a_secret_is_kept_nowhere():
    told = {"auth": {"word": "secret-alice"}, "symbol": "BTCUSDT"}
    assert "secret-alice" not in reading.without_secret(told, {"secret": "auth.word"})


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(reading.FIELDS), VALUES))
def test_whatever_comes_is_read_or_refused(told):
    try:
        came_to = said(**told).symbol
    except DomainError as refused:
        came_to = refused.context["field"]
    assert came_to in {*SYMBOLS, *reading.FIELDS, "body"}
