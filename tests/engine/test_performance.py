"""The figures that accounts are compared by."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.performance import Standing, Trade, curve, performance, statistics

FIRST = date(2026, 1, 1)


def told(*equities, account=1, since=FIRST, deposited=None):
    paid = deposited or [0] * len(equities)
    return [
        Standing(since + timedelta(days=day), account, Decimal(equity), Decimal(brought))
        for day, (equity, brought) in enumerate(zip(equities, paid, strict=True))
        if equity is not None
    ]


def test_a_short_series_as_anybody_would_count_it():
    points = curve(told(100, 110, 99, 120))
    assert [point.returned for point in points] == pytest.approx([0, 10, -10, 100 * (120 / 99 - 1)])
    found = performance(points)
    assert found.returned == pytest.approx(20)
    assert found.drawdown == pytest.approx(10)
    assert (found.drawdown_days, found.current_drawdown) == (1, 0)
    assert (found.equity, found.earned) == (120, 20)
    assert found.annualised == pytest.approx(100 * (1.2 ** (365 / 3) - 1))
    assert found.var_95 is None


def test_what_is_paid_in_or_out_is_not_earned():
    points = curve(told(100, 1100, 605, deposited=[0, 1000, 500]))
    assert [point.earned for point in points] == [0, 0, 5]
    assert performance(points).returned == pytest.approx(100 * 5 / 1100)


def test_accounts_come_and_go_and_nothing_is_won_by_it():
    points = curve(
        told(100, 110, 110, 121) + told(1000, 1000, account=2, since=FIRST + timedelta(days=1))
    )
    assert [point.equity for point in points] == [100, 1110, 1110, 121]
    assert [point.earned for point in points] == [0, 10, 0, 11]
    assert points[-1].returned == pytest.approx(10)


def test_an_account_that_is_not_heard_of_stands_as_it_stood():
    points = curve(told(100, None, None, 130))
    assert [point.equity for point in points] == [100, 100, 100, 130]
    assert points[-1].returned == pytest.approx(30)


def test_nothing_told_is_no_curve():
    assert curve([]) == []
    assert performance(curve(told(100))).annualised is None
    assert performance(curve(told(0, 50))).returned == 0


def test_the_worst_days():
    returns = list(range(-5, 15))
    equity, equities = 100.0, [100.0]
    for each in returns:
        equity *= 1 + each / 100
        equities.append(equity)
    found = performance(curve(told(*equities)))
    assert found.var_99 == pytest.approx(-5)
    assert found.var_95 == pytest.approx(-4)
    assert found.cvar_95 == pytest.approx(-4.5)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=40), st.integers(0, 39))
def test_a_deposit_changes_no_total(equities, at):
    """Whenever it comes, it is no profit; without one the whole is the end beside the beginning."""
    paid = [1000 if day >= at else 0 for day in range(len(equities))]
    raised = [equity + brought for equity, brought in zip(equities, paid, strict=True)]
    plain = curve(told(*equities))
    fed = curve(told(*raised, deposited=paid))
    assert [point.earned for point in fed] == [point.earned for point in plain]
    assert performance(plain).earned == equities[-1] - equities[0]
    whole = 100 * (equities[-1] / equities[0] - 1)
    assert performance(plain).returned == pytest.approx(whole, rel=1e-9, abs=1e-9)


def trade(net, hours=1):
    return Trade(Decimal(net), Decimal("0.1"), timedelta(hours=hours))


def test_statistics_of_trades():
    found = statistics([trade(10), trade(20, 3), trade(-5), trade(0), trade(-5), trade(-10)])
    assert (found.trades, found.wins, found.losses, found.even) == (6, 2, 3, 1)
    assert (found.won, found.lost, found.net) == (30, 20, 10)
    assert found.win_rate == pytest.approx(100 / 3)
    assert (found.average_win, found.average_loss * 3) == (15, 20)
    assert (found.largest_win, found.largest_loss) == (20, 10)
    assert (found.profit_factor, found.payoff) == (1.5, pytest.approx(2.25))
    assert found.fees == Decimal("0.6")
    assert (found.wins_in_a_row, found.losses_in_a_row) == (2, 2)
    assert (found.average_hours, found.longest_hours) == (pytest.approx(8 / 6), 3)


def test_statistics_of_nothing():
    found = statistics([])
    assert (found.trades, found.net, found.win_rate, found.profit_factor) == (0, 0, None, None)
