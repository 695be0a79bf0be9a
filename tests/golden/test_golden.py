"""Strategies come to what is written down: on the made market all of them, on the recorded one as
much as is quick. `python -m tests.golden check` does the rest."""

import warnings

import pytest

from engine.strategies import LIBRARY
from tests.golden.markets import MADE, RECORDED, TIMEFRAMES, recording
from tests.golden.results import golden, places, result_of


@pytest.mark.parametrize("market", TIMEFRAMES)
def test_every_strategy_is_written_down_on_every_timeframe(market):
    written = golden(market)
    assert [(each, code) for each in written for code in written[each]] == places(market)


@pytest.mark.parametrize("code", LIBRARY)
def test_on_the_made_market(code):
    assert result_of(MADE, "1m", code) == golden(MADE)["1m"][code]


def is_quick(timeframe, code):
    """A bar costs those that are asked bar by bar several hundred microseconds."""
    return LIBRARY[code].columns is not None or timeframe == "1h"


@pytest.mark.parametrize("timeframe", TIMEFRAMES[RECORDED])
def test_on_the_recorded_market(timeframe):
    if recording() is None:
        warnings.warn("the recorded market is not here: its results are not compared", stacklevel=1)
        return
    written = golden(RECORDED)[timeframe]
    quick = [code for code in LIBRARY if is_quick(timeframe, code)]
    assert len(quick) >= 26
    assert {code: result_of(RECORDED, timeframe, code) for code in quick} == {
        code: written[code] for code in quick
    }
