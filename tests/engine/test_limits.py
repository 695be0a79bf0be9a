"""Every limit lets pass what is just within its figure, and refuses what is just beyond."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.errors import BadParameters
from engine.limits import LIMITS, figures_of, rule_of
from engine.risk import Approved, Losses, Trades, judge_account
from engine.signal import Action
from tests.engine.test_risk import ACCOUNT, CLOSING

ONE = Decimal("0.00000001")
# The figures, what is just within, what is just beyond.
CASES = {
    "positions": ({"most": 3}, {"open_positions": 2}, {"open_positions": 3}),
    "equity": ({"least_usdt": 500}, {"equity": Decimal(500)}, {"equity": 500 - ONE}),
    "notional": ({"most_usdt": 200}, {"notional": Decimal(200)}, {"notional": 200 + ONE}),
    "leverage": ({"most": 20}, {"leverage": 20}, {"leverage": 21}),
    "day_trades": ({"most": 4}, {"trades": Trades(3, 9, 1)}, {"trades": Trades(4, 9, 1)}),
    "week_trades": ({"most": 9}, {"trades": Trades(4, 8, 1)}, {"trades": Trades(4, 9, 1)}),
    "day_loss": ({"most_usdt": 50}, {"lost_today": 50 - ONE}, {"lost_today": Decimal(50)}),
    "losing_streak": (
        {"most": 3, "rest_minutes": 10},
        {"losses": Losses(2, 0)},
        {"losses": Losses(3, 599.9)},
    ),
    "pause": (
        {"least_seconds": 60},
        {"trades": Trades(1, 1, 60.0)},
        {"trades": Trades(1, 1, 59.9)},
    ),
    "allowed_symbols": (
        {"symbols": ["BTC/USDT", "ETH/USDT"]},
        {"symbol": "ETH/USDT"},
        {"symbol": "SOL/USDT"},
    ),
    "blocked_symbols": ({"symbols": ["SOL/USDT"]}, {"symbol": "BTC/USDT"}, {"symbol": "SOL/USDT"}),
}
UNKNOWN = ["equity", "notional", "day_trades", "week_trades", "day_loss", "losing_streak", "pause"]


def judged(rule, figures, facts):
    verdict = judge_account(facts, [rule_of(rule, figures_of(rule, figures))])
    return None if verdict == Approved() else verdict.code


def test_every_limit_is_among_the_cases():
    assert set(CASES) == set(LIMITS)


@pytest.mark.parametrize("rule", CASES)
def test_a_limit_refuses_just_beyond_its_figure_and_not_just_within(rule):
    figures, within, beyond = CASES[rule]
    assert judged(rule, figures, replace(ACCOUNT, **within)) is None
    assert judged(rule, figures, replace(ACCOUNT, **beyond)) == rule


@pytest.mark.parametrize("rule", CASES)
def test_no_limit_ever_forbids_getting_out(rule):
    figures, _within, beyond = CASES[rule]
    facts = replace(CLOSING, **beyond)
    assert facts.action is Action.CLOSE
    assert judged(rule, figures, facts) is None


@pytest.mark.parametrize("rule", UNKNOWN)
def test_what_is_not_known_is_refused(rule):
    assert judged(rule, {}, ACCOUNT) == rule


def test_after_its_rest_a_losing_account_goes_on():
    figures = CASES["losing_streak"][0]
    rested = replace(ACCOUNT, losses=Losses(3, 600.0))
    assert judged("losing_streak", figures, rested) is None


def test_the_rules_that_nobody_sets_come_first():
    facts = replace(ACCOUNT, node_alive=False, open_positions=99)
    assert judged("positions", {}, facts) == "node"


@pytest.mark.parametrize(
    ("rule", "figures"),
    [
        ("positions", {"most": 0}),
        ("positions", {"most": 100_001}),
        ("positions", {"most": "3"}),
        ("positions", {"least": 3}),
        ("leverage", {"most": 126}),
        ("losing_streak", {"rest_minutes": 0}),
        ("allowed_symbols", {"symbols": []}),
        ("allowed_symbols", {"symbols": ["btc"]}),
    ],
)
def test_a_figure_out_of_its_bounds_is_refused(rule, figures):
    with pytest.raises(BadParameters):
        figures_of(rule, figures)
