"""A strategy that looks ahead is found, and one that does not trades as it was asked."""

from decimal import Decimal

import numpy as np
import pytest

from engine.backtest import LONG, SHORT, Do, Intents, check, from_strategy, looks_ahead, run
from engine.indicators import ema, sma
from engine.signal import Action, Direction, Intent
from engine.strategies import LIBRARY
from engine.strategies.base import Params, Strategy
from tests.engine.backtest.markets import BTC, candles, plain, walk

BARS = 300
MARKET = walk(5, BARS, tick=0.01)


def said(candles, **levels):
    rises = candles.close[-1] > candles.close[-2]
    return Intent(
        action=Action.OPEN if rises else Action.CLOSE,
        direction=Direction.LONG,
        price=Decimal(str(candles.close[-1])),
        confidence=80 if rises else 40,
        reason="moved",
        **levels,
    )


def strategy(decide, needed=2):
    return Strategy("tried", Params, lambda params: needed, decide)


HONEST = strategy(lambda candles, params: said(candles))


def peeks(candles, params):
    """What it is given is a view of all there is, and it looks there."""
    whole = candles.close if candles.close.base is None else candles.close.base
    place = np.flatnonzero(whole == candles.close[-1])[0]
    later = whole[min(place + 1, len(whole) - 1)]
    return said(candles) if later > candles.close[-1] else None


def remembers(candles, params):
    return said(candles) if ema(candles.close, 5)[-1] > candles.close.mean() else None


@pytest.mark.parametrize("code", LIBRARY)
def test_the_library_does_not_look_ahead(code):
    params = LIBRARY[code].read_params({})
    market = walk(5, 2 * LIBRARY[code].candles_needed(params) + BARS, tick=0.01)
    told = check(LIBRARY[code], market, params, bars=60)
    assert told.is_sound
    assert told.bars > 20


def test_who_looks_ahead_is_found():
    told = check(strategy(peeks), MARKET, Params())
    assert not told.is_sound
    assert len(told.looked_ahead) > told.bars / 10


def test_who_says_otherwise_with_more_history_is_found():
    told = check(strategy(remembers, needed=6), MARKET, Params())
    assert told.is_sound
    assert told.unsettled
    assert check(HONEST, MARKET, Params()).unsettled == ()


def test_a_strategy_sees_the_bars_it_needs_and_none_after():
    seen = []

    def watch(candles, params):
        seen.append((len(candles), int(candles.opened_at[-1])))
        return said(candles, stop=Decimal("90.5"), target=Decimal(120))

    intents = from_strategy(strategy(watch, needed=7), MARKET, Params())
    assert seen == [(7, 60 * bar) for bar in range(6, BARS)]
    assert list(intents.bar) == list(range(6, BARS))
    assert set(intents.column("stop")) == {90.5}
    assert set(intents.column("target")) == {120}
    rises = np.diff(MARKET.close)[5:] > 0
    assert list(intents.column("action") == Do.OPEN) == list(rises)
    assert set(intents.column("direction")) == {LONG}


def test_the_unsure_can_be_left_out():
    intents = from_strategy(HONEST, MARKET, Params(), least_confidence=50)
    assert set(intents.column("action")) == {Do.OPEN}


def test_a_strategy_and_its_columns_come_to_the_same():
    """The same rule said bar by bar and as columns."""
    cross = LIBRARY["ma_cross"]
    params = cross.read_params({"fast_ma": 3, "slow_ma": 8, "direction": "long"})
    decided, columns = from_strategy(cross, MARKET, params), averages(MARKET)
    assert np.array_equal(decided.codes, columns.codes)
    assert len(decided) > 10


def averages(candles):
    fast, slow = sma(candles.close, 3), sma(candles.close, 8)
    above = fast > slow
    bars = np.flatnonzero(above[1:] != above[:-1]) + 1
    # The usual range is of 14 bars.
    bars = bars[bars >= 14]
    return Intents.of(bars, action=np.where(above[bars], Do.OPEN, Do.CLOSE))


def centred(candles):
    """A mean that knows the bars to come."""
    mean = np.convolve(candles.close, np.ones(9) / 9, mode="same")
    return Intents.of(np.flatnonzero(candles.close < mean - 1))


def test_columns_that_look_ahead_are_found():
    assert looks_ahead(averages, MARKET) == ()
    assert len(looks_ahead(centred, MARKET)) > 5


def test_who_holds_both_directions_is_asked_for_every_leg():
    """A market that stands still ranges: market_regime opens both ways, and the account too."""
    regime = LIBRARY["market_regime"]
    params = regime.read_params({"cooldown_bars": 0})
    bars = regime.candles_needed(params) + 3
    still = candles(*[(100.0, 100.1, 99.9, 100.0)] * bars)
    told = from_strategy(regime, still, params, hedge=True)
    assert told.bar.tolist() == [bar for bar in range(bars - 4, bars) for _ in (LONG, SHORT)]
    assert set(told.column("direction")[:2]) == {LONG, SHORT}
    assert len(from_strategy(regime, still, params)) == 4
    held = run({BTC: still}, {BTC: told}, plain(hedge=True, closes_at_end=False)).held
    assert {each.direction for each in held} == {LONG, SHORT}
