"""Capital among traders: nobody below what it needs, and together never more than is shared out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.traders.shares import Standing, Terms, TooTight, shares_of

CENT = Decimal("0.01")


def terms(**changes):
    told = {
        "strategy": "equal",
        "reserve": Decimal(10),
        "least": Decimal(5),
        "most": Decimal(60),
        "step": Decimal(10),
        "least_trades": 10,
    }
    return Terms(**(told | changes))


def at(now, **changes):
    return Standing(**({"told": Decimal(now), "now": Decimal(now)} | changes))


def percents(low=0, high=100):
    return st.decimals(low, high, places=2)


standings = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2),
    st.builds(
        Standing,
        told=percents(),
        now=percents(),
        needed=percents(0, 40),
        trades=st.integers(0, 30),
        sharpe=st.none() | st.decimals(-5, 5, places=2),
        drawdown=st.decimals(0, 1, places=3),
        used=st.decimals(0, 2, places=3),
    ),
    max_size=8,
)
any_terms = st.builds(
    terms,
    strategy=st.sampled_from(["fixed", "equal", "performance_based"]),
    reserve=percents(0, 90),
    least=percents(0, 20),
    most=percents(20, 100),
    step=percents(0, 50),
)


@given(any_terms, standings)
def test_what_holds_whatever_is_wished(rules, told):
    needed = sum((one.needed for one in told.values()), Decimal(0))
    try:
        shares = shares_of(rules, told)
    except TooTight:
        assert needed > rules.shared - CENT * len(told)
        return
    assert shares.keys() == told.keys()
    assert sum(shares.values(), Decimal(0)) <= rules.shared
    for name, share in shares.items():
        one = told[name]
        assert share >= one.needed
        assert share <= max(rules.most, one.needed + CENT)
        assert share - one.now <= max(rules.step, one.needed + CENT - one.now)


@given(any_terms, standings)
def test_the_same_figures_always_come_to_the_same(rules, told):
    def once():
        try:
            return shares_of(rules, told)
        except TooTight:
            return None

    assert once() == once()


@pytest.mark.parametrize(
    ("case", "rules", "told", "shares"),
    [
        ("equal", terms(), {"a": at(30), "b": at(28), "c": at(32)}, {"a": 30, "b": 30, "c": 30}),
        ("by so much at once", terms(), {"a": at(60), "b": at(10)}, {"a": 50, "b": 20}),
        ("as told", terms(strategy="fixed"), {"a": at(40), "b": at(20)}, {"a": 40, "b": 20}),
        ("the rest stays in reserve", terms(step=Decimal(99)), {"a": at(10)}, {"a": 60}),
        (
            "margin in use is never cut",
            terms(step=Decimal(99)),
            {"a": at(80, needed=Decimal(70)), "b": at(10)},
            {"a": 70, "b": 20},
        ),
        (
            "too few trades say nothing",
            terms(strategy="performance_based"),
            {"a": at(50, trades=9, sharpe=Decimal(2)), "b": at(40, trades=9)},
            {"a": 50, "b": 40},
        ),
        (
            "a better Sharpe has more, and a deeper fall less",
            terms(strategy="performance_based", step=Decimal(99)),
            {
                "a": at(45, trades=10, sharpe=Decimal(2)),
                "b": at(45, trades=10, drawdown=Decimal("0.5"), sharpe=Decimal(-1)),
            },
            {"a": 60, "b": 5},
        ),
    ],
)
def test_shares_out(case, rules, told, shares):
    assert shares_of(rules, told) == {name: Decimal(share) for name, share in shares.items()}


def test_more_margin_than_is_shared_out_moves_nothing():
    told = {"a": at(50, needed=Decimal(50)), "b": at(50, needed=Decimal(41))}
    with pytest.raises(TooTight):
        shares_of(terms(), told)
