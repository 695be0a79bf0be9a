"""A strategy is sound as a whole or is not written; every change of one is told."""

import pytest

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.strategies.models import Strategy
from apps.strategies.services import (
    create_strategy,
    pause_strategy,
    resume_strategy,
    update_strategy,
)

pytestmark = pytest.mark.django_db


def sound(**changes):
    asked = {
        "code": "swift-cross",
        "name": "Swift cross",
        "rule": "ma_cross",
        "params": {"fast_ma": 3, "slow_ma": 8},
        "symbols": ["BTC/USDT"],
        "timeframe": "2s",
    }
    return asked | changes


UNSOUND = [
    ("an unknown field", "colour", "green"),
    ("its status, which has verbs", "status", "paused"),
    ("no code", "code", ""),
    ("a code with a space", "code", "swift cross"),
    ("no name", "name", ""),
    ("an unknown rule", "rule", "crystal_ball"),
    ("parameters that are a list", "params", [3, 8]),
    ("an unknown parameter", "params", {"fast_ma": 3, "slow": 8}),
    ("a parameter out of bounds", "params", {"fast_ma": 0, "slow_ma": 8}),
    ("a parameter that is text", "params", {"fast_ma": "3"}),
    ("parameters that contradict", "params", {"fast_ma": 9, "slow_ma": 8}),
    ("no symbols", "symbols", []),
    ("one symbol as text", "symbols", "BTC/USDT"),
    ("a symbol without a quote", "symbols", ["BTCUSDT"]),
    ("a symbol in small letters", "symbols", ["btc/usdt"]),
    ("a symbol twice", "symbols", ["BTC/USDT", "BTC/USDT"]),
    ("a number for a symbol", "symbols", [7]),
    ("an unknown timeframe", "timeframe", "7m"),
    ("an unknown venue", "venue", "mtgox"),
    ("confidence above a hundred", "min_confidence", 101),
    ("a negative cool-down", "cooldown_seconds", -1),
]


@pytest.mark.parametrize(("case", "field", "value"), UNSOUND)
def test_an_unsound_strategy_is_refused_by_its_field(case, field, value):
    with pytest.raises(BadInput) as refused:
        create_strategy(**sound(**{field: value}))
    assert refused.value.context["field"] == field
    assert not Strategy.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("case", "field", "value"), UNSOUND)
def test_an_unsound_change_changes_nothing(case, field, value):
    strategy = create_strategy(**sound())
    with pytest.raises(BadInput) as refused:
        update_strategy(strategy=strategy, **{field: value, "description": "changed"})
    assert refused.value.context["field"] == field
    assert Strategy.objects.get().description == ""
    assert AuditEntry.objects.count() == 1


def test_a_refused_parameter_is_named():
    with pytest.raises(BadInput, match="fast_ma"):
        create_strategy(**sound(params={"fast_ma": 900}))


def test_a_code_is_taken_once():
    create_strategy(**sound())
    with pytest.raises(Conflict, match="swift-cross"):
        create_strategy(**sound(name="Another"))
    other = create_strategy(**sound(code="slow-cross"))
    with pytest.raises(Conflict):
        update_strategy(strategy=other, code="swift-cross")
    assert set(Strategy.objects.values_list("code", "name")) == {
        ("swift-cross", "Swift cross"),
        ("slow-cross", "Swift cross"),
    }
    assert AuditEntry.objects.count() == 2


def test_a_change_is_told_once_with_what_was_before():
    strategy = create_strategy(**sound())
    for _time in range(2):
        update_strategy(strategy=strategy, params={"fast_ma": 5, "slow_ma": 8}, timeframe="15m")
    fresh = Strategy.objects.get()
    assert (fresh.params["fast_ma"], fresh.timeframe, fresh.name) == (5, "15m", "Swift cross")
    told = AuditEntry.objects.get(action="strategy.updated")
    assert (told.before["timeframe"], told.after["timeframe"]) == ("2s", "15m")


def test_a_paused_strategy_resumes():
    strategy = create_strategy(**sound())
    pause_strategy(strategy=strategy)
    with pytest.raises(Conflict):
        pause_strategy(strategy=strategy)
    assert Strategy.objects.get().status == Strategy.Status.PAUSED
    resume_strategy(strategy=strategy)
    assert Strategy.objects.get().status == Strategy.Status.ACTIVE
    assert AuditEntry.objects.count() == 3
