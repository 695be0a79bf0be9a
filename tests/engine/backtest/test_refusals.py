"""What cannot be traded is refused by name, with the row or the field."""

from math import inf, nan

import numpy as np
import pytest

from engine.backtest import SHORT, Do, Intents, Kind, Limits, Settings, run
from engine.errors import BadCandles, BadParameters
from tests.engine.backtest.markets import BTC, ETH, candles, plain

FLAT = (100, 101, 99, 100)
ONE = {BTC: candles(FLAT, FLAT)}


@pytest.mark.parametrize(
    ("field", "columns"),
    [
        ("bar", {"bar": [0, -1]}),
        ("action", {"bar": [0, 1], "action": [0, 4]}),
        ("direction", {"bar": [0, 1], "direction": [SHORT, 2]}),
        ("kind", {"bar": [0, 1], "kind": [0, 3], "price": 1}),
        ("price", {"bar": [0, 1], "kind": [Kind.MARKET, Kind.LIMIT]}),
        ("price", {"bar": [0, 1], "price": [1, -1]}),
        ("price", {"bar": [0, 1], "price": [1, inf]}),
        ("stop", {"bar": [0, 1], "stop": [1, 0]}),
        ("target", {"bar": [0, 1], "target": [1, -5]}),
        ("target_part", {"bar": [0, 1], "target_part": [1, 1.5]}),
        ("trail", {"bar": [0, 1], "trail": [0.1, 1.0]}),
        ("trail_from", {"bar": [0, 1], "trail_from": [0, -0.1]}),
        ("size", {"bar": [0, 1], "size": [1, 0]}),
        ("volatility", {"bar": [0, 1], "volatility": [1, 0]}),
        ("bars", {"bar": [0, 1], "bars": [0, -1]}),
    ],
)
def test_an_impossible_intent_is_named(field, columns):
    with pytest.raises(BadParameters) as refused:
        Intents.of(**columns)
    assert refused.value.context["field"] == field
    # A bar below zero is brought to the front.
    assert refused.value.context["row"] == (0 if field == "bar" else 1)


def test_an_unknown_column_is_named():
    with pytest.raises(BadParameters) as refused:
        Intents.of([0], price=1.0, stops=3)
    assert refused.value.context == {"column": "stops"}
    with pytest.raises(BadParameters):
        Intents.of([0], symbol=1)


def test_rows_come_in_order_of_their_bars():
    told = Intents.of([3, 1, 3, 0], size=[1, 2, 3, 4])
    assert list(told.bar) == [0, 1, 3, 3]
    assert list(told.column("size")) == [4, 2, 1, 3]
    assert list(told.before(3).column("size")) == [4, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cash": 0},
        {"cash": -1},
        {"cash": nan},
        {"size": 0},
        {"size": inf},
        {"leverage": 0.5},
        {"taker_fee": nan},
        {"slip": 1},
        {"slip": -0.1},
        {"maintenance": 1},
        {"maintenance": -0.1},
        {"funding_seconds": 0},
        {"limits": {BTC: Limits(step=-1)}},
        {"limits": {BTC: Limits(least_notional=nan)}},
    ],
)
def test_impossible_settings(wrong):
    with pytest.raises(BadParameters):
        Settings(**wrong)


def test_no_symbols():
    with pytest.raises(BadCandles):
        run({}, {}, plain())


def test_symbols_on_different_bars():
    market = ONE | {ETH: candles(FLAT, FLAT, opened_at=60)}
    with pytest.raises(BadCandles) as refused:
        run(market, {}, plain())
    assert refused.value.context == {"symbol": ETH}
    with pytest.raises(BadCandles):
        run(ONE | {ETH: candles(FLAT)}, {}, plain())


def test_intents_of_a_symbol_without_candles():
    with pytest.raises(BadParameters) as refused:
        run(ONE, {ETH: Intents.of([0])}, plain())
    assert refused.value.context == {"symbols": [ETH]}


def test_an_intent_after_the_last_bar():
    with pytest.raises(BadParameters) as refused:
        run(ONE, {BTC: Intents.of([2])}, plain())
    assert refused.value.context == {"symbol": BTC, "bars": 2}


@pytest.mark.parametrize("rates", [[0.1], [nan, 0.0], [0.1, 0.1, 0.1]])
def test_rates_are_one_a_bar(rates):
    with pytest.raises(BadParameters):
        run(ONE, {}, plain(), {BTC: np.array(rates)})


def test_one_bar_and_no_intents():
    told = run({BTC: candles(FLAT)}, {}, plain())
    assert (told.equity, told.trade_count, list(told.curve)) == (10_000, 0, [10_000])


def test_an_intent_of_the_last_bar_has_no_bar_to_act_on():
    told = run(ONE, {BTC: Intents.of([1], action=Do.OPEN)}, plain())
    assert (told.fill_count, told.equity) == (0, 10_000)


def test_whole_numbers_are_as_good_as_fractions():
    one, two = (run(ONE, {BTC: Intents.of([0])}, plain(cash=cash)) for cash in (500, 500.0))
    assert one.equity == two.equity
