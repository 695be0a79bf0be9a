"""No day costs more than its limits, whoever asks at once and whatever becomes of a call."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.deciding.budget import Pocket, Spending, level, read_budget
from engine.deciding.errors import OverBudget
from engine.deciding.models import Usage, cost_of, read_model
from engine.errors import BadParameters
from tests.engine.deciding.test_models import GPT

DEAR = read_model(GPT | {"name": "dear", "input_price": 10, "output_price": 10, "daily_cost": 0.5})
CHEAP = read_model(GPT | {"name": "cheap", "input_price": 1, "output_price": 1})
# Of either a call costs its tokens' share of a million.
CALL = Usage(input=10_000, output=10_000)


def pocket(**limits):
    days = ["2026-11-21"]
    purse = Pocket(read_budget({"daily_cost": 1, **limits}), today=lambda: days[-1])
    return purse, days


def spend(purse, model, usage=CALL):
    reserved = purse.reserve(model, usage)
    purse.settle(reserved, cost=cost_of(model, usage), tokens=usage.total)


def test_a_call_after_its_models_cap_is_not_made_and_a_cheaper_one_is():
    purse, _ = pocket()
    spend(purse, DEAR)
    spend(purse, DEAR)
    with pytest.raises(OverBudget, match=r"dear\.daily_cost"):
        purse.reserve(DEAR, CALL)
    spend(purse, CHEAP)
    assert purse.spending.cost == Decimal("0.42")


def test_after_the_days_limit_no_call_is_made_until_the_next_day():
    purse, days = pocket()
    for _ in range(50):
        spend(purse, CHEAP)
    with pytest.raises(OverBudget, match="daily_cost"):
        purse.reserve(CHEAP, Usage(input=1, output=0))
    days.append("2026-11-22")
    spend(purse, CHEAP)
    assert purse.spending == Spending(
        day="2026-11-22",
        cost=Decimal("0.02"),
        tokens=20_000,
        by_model={"cheap": Decimal("0.02")},
    )


def test_tokens_have_a_limit_of_their_own():
    purse, _ = pocket(daily_tokens=39_999)
    spend(purse, CHEAP)
    with pytest.raises(OverBudget, match="daily_tokens"):
        purse.reserve(CHEAP, CALL)


def test_without_limits_everything_is_paid():
    purse, _ = pocket(daily_cost=0)
    for _ in range(1_000):
        spend(purse, CHEAP)
    assert level(purse.spending, purse.budget) == "free"


def test_what_was_not_spent_is_free_again():
    purse, _ = pocket()
    reserved = purse.reserve(CHEAP, CALL)
    purse.settle(reserved, cost=Decimal(0), tokens=0)
    assert (purse.spending.cost, purse.spending.tokens) == (0, 0)


def test_a_call_over_midnight_is_paid_by_the_day_in_which_it_ends():
    purse, days = pocket()
    reserved = purse.reserve(CHEAP, CALL)
    days.append("2026-11-22")
    purse.settle(reserved, cost=Decimal("0.02"), tokens=20_000)
    assert (purse.spending.day, purse.spending.cost) == ("2026-11-22", Decimal("0.02"))


@pytest.mark.parametrize(
    ("cost", "told"),
    [("0.79", "free"), ("0.8", "alert"), ("0.99", "alert"), ("1", "spent"), ("7", "spent")],
)
def test_it_is_told_before_it_is_spent(cost, told):
    purse, _ = pocket()
    assert level(Spending(day="x", cost=Decimal(cost)), purse.budget) == told


def test_who_asks_at_once_cannot_overrun_it():
    purse, _ = pocket()
    gate = threading.Barrier(8)

    def ask(_):
        gate.wait()
        made = 0
        for _ in range(20):
            try:
                spend(purse, CHEAP)
            except OverBudget:
                continue
            made += 1
        return made

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 50
    assert purse.spending.cost == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from([DEAR, CHEAP]),
        st.integers(0, 50_000),
        st.integers(0, 50_000),
        st.integers(0, 100),  # the share of it that is used in the end
        st.booleans(),  # whether it is settled at all
    ),
    max_size=60,
)


@given(STEPS)
def test_no_course_of_calls_overruns_any_limit(steps):
    purse, _ = pocket()
    for model, told, written, percent, is_settled in steps:
        try:
            reserved = purse.reserve(model, Usage(input=told, output=written))
        except OverBudget:
            continue
        if is_settled:
            used = Usage(input=told * percent // 100, output=written * percent // 100)
            purse.settle(reserved, cost=cost_of(model, used), tokens=used.total)
    spending = purse.spending
    assert 0 <= spending.cost <= 1
    assert spending.by_model.get("dear", 0) <= Decimal("0.5")
    assert spending.cost == sum(spending.by_model.values())


@pytest.mark.parametrize("values", [{"daily_cost": -1}, {"alert_percent": 0}, {"weekly": 1}])
def test_a_budget_out_of_bounds_is_refused_by_name(values):
    with pytest.raises(BadParameters, match=next(iter(values))):
        read_budget(values)
