"""Rounding never makes money: down for quantities and shares, to the nearest tick for prices."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.instrument import Instrument
from engine.money import UNIT, floor_to_step, points, round_to_tick, share_out
from engine.sizing import RISK_MODES, notional_of, quantity_of

amounts = st.decimals(0, 10**9, places=10)
steps = st.sampled_from([Decimal(step) for step in ("1", "0.1", "0.5", "0.001", "0.00001", "10")])


@given(amounts)
def test_points_are_whole_units_and_never_more(amount):
    assert points(amount) % UNIT == 0
    assert 0 <= amount - points(amount) < UNIT
    assert points(-amount) == -points(amount)


@given(amounts, steps)
def test_a_quantity_is_cut_to_its_step(quantity, step):
    cut = floor_to_step(quantity, step)
    assert cut % step == 0
    assert 0 <= quantity - cut < step


@given(amounts, steps)
def test_a_price_goes_to_the_nearest_tick(price, tick):
    near = round_to_tick(price, tick)
    assert near % tick == 0
    assert abs(price - near) <= tick / 2


@given(st.decimals(0, 10**6, places=8), st.lists(st.decimals(0, "0.2", places=4), max_size=5))
def test_shares_and_the_rest_are_the_whole(total, rates):
    *shares, rest = share_out(total, rates)
    assert sum(shares) + rest == total
    assert rest >= 0
    for share, rate in zip(shares, rates, strict=True):
        assert 0 <= total * rate - share < UNIT


COIN = Instrument("BTC/USDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.002"), Decimal(5))


@given(
    st.decimals(1, 100_000, places=2),
    st.integers(1, 125),
    st.sampled_from(sorted(RISK_MODES)),
    st.decimals(1, 100_000, places=1),
)
def test_a_quantity_is_worth_no_more_than_the_risk_and_no_less_than_the_minimum(
    capital, leverage, risk_mode, price
):
    asked = {"capital": capital, "leverage": leverage, "risk_mode": risk_mode}
    quantity = quantity_of(**asked, price=price, instrument=COIN)
    notional = notional_of(**asked)
    assert notional == capital * RISK_MODES[risk_mode] * leverage
    assert quantity % COIN.step == 0
    assert quantity * price <= notional
    if quantity:
        assert quantity >= COIN.min_quantity
        assert quantity * price >= COIN.min_notional
        assert notional - quantity * price < COIN.step * price


def test_below_the_minimum_nothing_is_traded():
    asked = {"leverage": 1, "risk_mode": 1, "price": Decimal(1000), "instrument": COIN}
    assert quantity_of(capital=Decimal(499), **asked) == 0
    assert quantity_of(capital=Decimal(500), **asked) == Decimal("0.005")
    assert quantity_of(capital=Decimal(500), **asked | {"price": Decimal(3000)}) == 0
