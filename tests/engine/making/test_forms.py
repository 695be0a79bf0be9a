"""Two short forms and the presets come to parameters that hold."""

from decimal import Decimal

import pytest

from engine.errors import BadParameters, UnknownInstrument
from engine.instrument import Instrument
from engine.making.forms import (
    PRESETS,
    PROFILES,
    GoalForm,
    StrategyForm,
    describe_form,
    from_goal,
    from_strategy,
    preset,
    preview,
    read_form,
)
from engine.making.grid import grid_of
from engine.making.names import Namer
from engine.making.params import MakerParams
from engine.venues.client_ids import at_venue


def test_the_strategy_form_says_the_inventory_ratio_once():
    form = read_form({"symbol": "BNB/USDT", "gamma": 0.2, "max_inventory_ratio": 0.4}, StrategyForm)
    params = from_strategy(form)
    assert (params.gamma, params.one_sided_at, params.max_inventory_share) == (0.2, 0.4, 0.4)
    assert params.two_sided_at == pytest.approx(0.3)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("capital", [1, 10, 1_000, 1_000_000])
def test_a_goal_comes_to_an_order_that_is_placed(profile, capital):
    form = read_form({"symbol": "X", "capital": capital, "profile": profile}, GoalForm)
    params = from_goal(form)
    share = PROFILES[profile][0]
    assert params.max_order_notional == pytest.approx(float(max(10_000 / 60 * float(share), 8)))
    assert params.two_sided_at < params.one_sided_at
    assert params.equity_risk >= min(params.max_order_notional / capital, 1) - 1e-9


def test_more_risk_is_quoted_nearer():
    halves = [
        preview(from_goal(GoalForm(symbol="X", profile=profile))).half_spread_bps
        for profile in ("safe", "balanced", "throughput")
    ]
    assert halves == sorted(halves, reverse=True)


@pytest.mark.parametrize(
    ("form", "values", "said"),
    [
        (GoalForm, {"symbol": "X", "capital": 0}, "capital"),
        (GoalForm, {"symbol": "X", "hourly_volume": 1}, "hourly_volume"),
        (GoalForm, {"symbol": "X", "profile": "wild"}, "profile"),
        (StrategyForm, {"symbol": "", "gamma": 1}, "symbol"),
        (StrategyForm, {"symbol": "X", "max_inventory_ratio": 3}, "max_inventory_ratio"),
    ],
)
def test_forms_are_refused_by_field(form, values, said):
    with pytest.raises(BadParameters, match=said):
        read_form(values, form)


def test_every_preset_is_alive_and_every_field_has_its_meaning():
    for venue, symbols in PRESETS.items():
        for symbol in symbols:
            told = preview(preset(venue, symbol))
            params = told.params
            assert params.min_spread_bps < 2 * told.half_spread_bps < params.max_spread_bps
            assert told.fills_a_minute > 0
    assert set(PRESETS["grvt"]) == {"BNB/USDT", "XRP/USDT", "SUI/USDT", "HYPE/USDT"}
    assert preset("grvt", "ANY/USDT") == MakerParams()
    with pytest.raises(BadParameters, match="unknown preset"):
        preset("nowhere", "X")
    for form in (GoalForm, StrategyForm):
        assert all(one.meaning for one in describe_form(form))


@pytest.mark.parametrize("name", ["tick", "step", "min_quantity"])
def test_what_the_venue_has_not_told_blocks(name):
    told = {"tick": Decimal("0.1"), "step": Decimal(1), "min_quantity": Decimal(1)}
    with pytest.raises(UnknownInstrument, match=name):
        grid_of(Instrument("X", min_notional=Decimal(0), **{**told, name: Decimal(0)}))


def test_names_are_our_own_by_session_and_never_the_same_in_another_life():
    for is_number in (False, True):
        one, later, other = (
            Namer(session, life, is_number) for session, life in ((7, 1), (7, 2), (8, 1))
        )
        names = [namer.name(n) for namer in (one, later, other) for n in (1, 2)]
        assert len(set(names)) == 6
        assert [one.is_ours(name) for name in names] == [True] * 4 + [False] * 2
    with pytest.raises(BadParameters, match="session"):
        Namer(100_000, 1, is_number=True)


@pytest.mark.parametrize(
    ("venue", "is_number"),
    [("grvt", True), ("binance", False), ("okx", False), ("hyperliquid", False), ("paper", False)],
)
def test_a_venue_takes_a_name_as_it_is_or_gives_it_back(venue, is_number):
    name = Namer(80_000, 12, is_number).name(345)
    told = at_venue(venue, name)
    assert told == name or venue == "hyperliquid"
    assert at_venue(venue, told) == told
