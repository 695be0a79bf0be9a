"""A backtest and the paper exchange come to the same fills: prices, quantities and fees."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from engine.backtest import LONG, SHORT, Do, Intents, Kind, Settings, Sizing, from_strategy
from engine.backtest.tick_check import Floor, compare
from engine.candle import Candles
from engine.errors import BadParameters
from engine.strategies import LIBRARY
from tests.engine.backtest.markets import BTC, candles, walk

DATA = Path(__file__).parent / "data" / "btc_1m.csv"
# Far below what the prices are told in.
TICK = Decimal("0.0001")


def settings(**changes):
    fees = {"maker_fee": 0.0005, "taker_fee": 0.0005, "maintenance": None}
    told = {"cash": 1e6, "sizing": Sizing.QUANTITY, "size": 0.5}
    return Settings(**fees | told | changes)


def recorded():
    with DATA.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    first = datetime.fromisoformat(rows[0]["timestamp"]).replace(tzinfo=UTC)
    starts = int(first.timestamp()) + 60 * np.arange(len(rows), dtype=np.int64)
    names = ("open", "high", "low", "close", "volume")
    columns = [np.array([float(row[name]) for row in rows]) for name in names]
    return Candles("1m", starts, *columns)


REAL = recorded()


@pytest.mark.parametrize("code", LIBRARY)
def test_every_strategy_trades_the_same_on_the_exchange(code):
    strategy = LIBRARY[code]
    intents = from_strategy(strategy, REAL, strategy.params())
    compared = compare(BTC, REAL, intents, settings(), tick=TICK)
    assert compared.differences() == []
    if code in ("ma_cross", "turtle", "boll_squeeze", "smc"):
        assert len(compared.exchange) > 10


def wishes(seed, bars):
    """Openings and closings at random, with stops and targets on either side of the price."""
    chance = np.random.default_rng(seed)
    at = np.sort(chance.choice(bars - 1, size=bars // 3, replace=False))
    return Intents.of(
        at,
        action=chance.choice([Do.OPEN, Do.OPEN, Do.OPEN, Do.CLOSE], size=len(at)),
        direction=chance.choice([LONG, SHORT], size=len(at)),
        stop=np.where(chance.random(len(at)) < 0.7, chance.integers(80, 121, len(at)), np.nan),
        target=np.where(chance.random(len(at)) < 0.7, chance.integers(80, 121, len(at)), np.nan),
    )


@pytest.mark.parametrize("seed", range(25))
def test_gaps_reversals_and_levels_met_exactly_are_the_same(seed):
    market = walk(seed, 150)
    compared = compare(BTC, market, wishes(seed, 150), settings(), tick=TICK)
    assert compared.differences() == []
    assert len(compared.exchange) > 20


def test_the_check_sees_another_path(monkeypatch):
    """Led to the kind end of a bar first, the exchange takes a target that a backtest does not."""
    market = candles((100, 101, 99, 100), (100, 101, 99, 100), (100, 110, 90, 100))
    intents = Intents.of([0], direction=LONG, stop=95, target=105)
    honest = compare(BTC, market, intents, settings(), tick=TICK)
    assert [done.price for done in honest.exchange] == [100, 95]
    real = Floor.price
    kind = {"low": "high", "high": "low"}
    monkeypatch.setattr(Floor, "price", lambda floor, name: real(floor, kind.get(name, name)))
    ((ours, theirs),) = compare(BTC, market, intents, settings(), tick=TICK).differences()
    assert (ours.price, theirs.price) == (105, 95)


@pytest.mark.parametrize(
    ("field", "changes", "columns"),
    [
        ("sizing", {"sizing": Sizing.MARGIN}, {}),
        ("maker_fee", {"maker_fee": 0.0002}, {}),
        ("maintenance", {"maintenance": 0.005}, {}),
        ("hedge", {"hedge": True}, {}),
        ("kind", {}, {"kind": Kind.LIMIT, "price": 99}),
        ("action", {}, {"action": Do.CANCEL}),
    ],
)
def test_what_both_do_not_do_alike_is_refused(field, changes, columns):
    intents = Intents.of([0], **columns)
    with pytest.raises(BadParameters) as refused:
        compare(BTC, candles((100, 101, 99, 100)), intents, settings(**changes), tick=TICK)
    assert refused.value.context["field"] == field
