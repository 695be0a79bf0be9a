"""The compiled loop does what the slow one does, whatever is asked of it."""

from dataclasses import astuple, replace
from itertools import pairwise
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import (
    LONG,
    Do,
    Intents,
    Kind,
    Limits,
    Margin,
    Reason,
    Settings,
    Sizing,
    Slippage,
    run,
)
from tests.engine.backtest.markets import BTC, ETH, LIMITS, walk
from tests.engine.backtest.slow import Order, run_slowly

BARS = 40
SHARES = {
    Sizing.QUANTITY: [1.0, 3.0],
    Sizing.NOTIONAL: [100.0, 333.0],
    Sizing.MARGIN: [0.1, 0.9],
    Sizing.RISK: [0.01, 0.2],
    Sizing.VOLATILITY: [0.01, 0.2],
}


@st.composite
def settings(draw):
    sizing = draw(st.sampled_from(Sizing))
    return Settings(
        cash=draw(st.sampled_from([150.0, 1000.0, 10_000.0])),
        sizing=sizing,
        size=draw(st.sampled_from(SHARES[sizing])),
        maker_fee=draw(st.sampled_from([0.0, 0.00021, -0.0001])),
        taker_fee=draw(st.sampled_from([0.0, 0.00053])),
        slippage=draw(st.sampled_from(Slippage)),
        slip=draw(st.sampled_from([0.0, 0.0007, 0.013])),
        slip_may_leave_bar=draw(st.booleans()),
        leverage=draw(st.sampled_from([1, 3.3, 20, 50])),
        margin=draw(st.sampled_from(Margin)),
        maintenance=draw(st.sampled_from([None, 0.0, 0.00517, 0.01003])),
        liquidation_fee=draw(st.sampled_from([0.0, 0.0041])),
        funding=draw(st.sampled_from([0.0, 0.0011, -0.0007])),
        funding_seconds=draw(st.sampled_from([60, 300])),
        hedge=draw(st.booleans()),
        adds=draw(st.booleans()),
        levels_from_entry=draw(st.booleans()),
        closes_at_end=draw(st.booleans()),
        limits=draw(st.sampled_from([{}, LIMITS, {ETH: Limits(step=0.5)}])),
    )


def maybe(values):
    return st.one_of(st.just(nan), values)


@st.composite
def orders(draw, market, from_entry):
    symbol = draw(st.sampled_from(list(market)))
    bar = draw(st.integers(0, BARS - 1))
    close = market[symbol].close[bar].item()
    near = st.integers(-8, 8).map(lambda ticks: max(close + ticks, 1.0))
    levels = st.sampled_from([0.01, 0.03, 0.1]) if from_entry else near
    action = draw(st.sampled_from([Do.OPEN, Do.OPEN, Do.OPEN, Do.CLOSE, Do.CANCEL, Do.PROTECT]))
    return Order(
        number=0,
        bar=bar,
        symbol=symbol,
        action=action,
        sign=draw(st.sampled_from([1, -1])),
        kind=draw(st.sampled_from(Kind)),
        price=draw(near),
        stop=draw(maybe(levels)),
        target=draw(maybe(levels)),
        target_part=draw(maybe(st.sampled_from([0.5, 1.0]))),
        trail=draw(maybe(st.sampled_from([0.01, 0.04]))),
        trail_from=draw(maybe(st.sampled_from([0.0, 0.02]))),
        size=nan if action is Do.OPEN else draw(maybe(st.sampled_from([0.3, 0.5, 1.0]))),
        volatility=draw(maybe(st.sampled_from([1.0, 2.5]))),
        bars=draw(st.sampled_from([0, 0, 1, 3])),
    )


COLUMNS = ("action", "kind", "price", "stop", "target", "target_part", "trail", "trail_from")


def intents(asked, symbol):
    own = [order for order in asked if order.symbol == symbol]
    names = (*COLUMNS, "size", "volatility", "bars")
    columns = {name: [getattr(order, name) for order in own] for name in names}
    columns["direction"] = [LONG if order.sign > 0 else 1 - LONG for order in own]
    return Intents.of([order.bar for order in own], **columns)


@st.composite
def cases(draw, symbols):
    seed = draw(st.integers(0, 10_000))
    market = {symbol: walk(seed + place, BARS) for place, symbol in enumerate(symbols)}
    asked = draw(settings())
    wanted = draw(st.lists(orders(market, asked.levels_from_entry), min_size=1, max_size=25))
    wanted.sort(key=lambda order: (order.bar, symbols.index(order.symbol)))
    for number, order in enumerate(wanted):
        order.number = number
    return market, wanted, asked


def rates_of(market, asked):
    is_due = np.arange(BARS) * 60 % asked.funding_seconds == 0
    return {symbol: np.where(is_due, asked.funding, 0.0).tolist() for symbol in market}


def is_near(told, expected):
    return told == pytest.approx(expected, rel=1e-9, abs=1e-7)


def compare(market, wanted, asked):
    told = run(market, {symbol: intents(wanted, symbol) for symbol in market}, asked)
    slow = run_slowly(market, wanted, asked, rates_of(market, asked))
    symbols = list(market)
    fills = [
        (bar, symbols.index(symbol), 0 if sign > 0 else 1, action, price, quantity, fee, reason)
        for bar, symbol, sign, action, price, quantity, fee, reason in slow.fills
    ]
    assert is_near(np.array(list(zip(*astuple(told.fills), strict=True))), np.array(fills))
    trades = [(symbols.index(each[0]), 0 if each[1] > 0 else 1, *each[2:]) for each in slow.trades]
    assert is_near(np.array(list(zip(*astuple(told.trades), strict=True))), np.array(trades))
    assert is_near(told.curve, np.array(slow.curve))
    assert is_near(
        [told.equity, told.cash, told.forgiven], [slow.worth(), slow.cash, slow.forgiven]
    )
    assert told.refused == {why: slow.refused.count(why) for why in told.refused}
    assert sum(told.refused.values()) == len(slow.refused)
    return told


@given(cases((BTC,)))
def test_one_symbol(case):
    compare(*case)


@given(cases((BTC, ETH)))
def test_two_symbols_with_one_account(case):
    compare(*case)


@given(cases((BTC, ETH)))
def test_the_money_is_conserved_and_no_fill_is_outside_its_bar(case):
    market, wanted, asked = case
    told = run(market, {symbol: intents(wanted, symbol) for symbol in market}, asked)
    trades, fills = told.trades, told.fills
    held = sum(
        (1 - 2 * each.direction)
        * each.quantity
        * (market[each.symbol].close[-1] - each.entry_price)
        for each in told.held
    )
    funding = told.start + trades.profit.sum() - fills.fee.sum() + told.forgiven - told.cash
    if not told.held:
        assert funding == pytest.approx(trades.funding.sum(), abs=1e-7)
        assert fills.fee.sum() == pytest.approx(trades.fees.sum(), abs=1e-7)
    assert told.equity == pytest.approx(told.cash + held, abs=1e-7)
    assert told.curve[-1] == pytest.approx(told.equity, abs=1e-7)
    for place, symbol in enumerate(market):
        own = fills.symbol == place
        bar, price = fills.bar[own], fills.price[own]
        if not asked.slip_may_leave_bar:
            assert (price <= market[symbol].high[bar] * (1 + 1e-12)).all()
            assert (price >= market[symbol].low[bar] * (1 - 1e-12)).all()


@given(cases((BTC, ETH)), st.integers(1, BARS - 1))
def test_what_comes_later_changes_nothing_before(case, cut):
    """Candles and intents from a bar on are others: what was done before it stays."""
    market, wanted, asked = case
    told = run(market, {symbol: intents(wanted, symbol) for symbol in market}, asked)
    other = {symbol: spliced(series, cut) for symbol, series in market.items()}
    early = [order for order in wanted if order.bar < cut]
    again = run(other, {symbol: intents(early, symbol) for symbol in market}, asked)
    for before, after in ((told.fills, again.fills), (told.trades, again.trades)):
        for one, two in zip(astuple(before), astuple(after), strict=True):
            length = (key(before) < cut).sum()
            assert length == (key(after) < cut).sum()
            assert np.array_equal(one[:length], two[:length])
    assert np.array_equal(told.curve[:cut], again.curve[:cut])


def key(table):
    return table.bar if hasattr(table, "bar") else table.exit_bar


def spliced(series, cut):
    other = walk(77_777, len(series))
    names = ("open", "high", "low", "close", "volume")
    both = ((getattr(series, name), getattr(other, name)) for name in names)
    joined = [np.concatenate([one[:cut], two[cut:]]) for one, two in both]
    return type(series)(series.timeframe, series.opened_at, *joined)


@given(cases((BTC, ETH)))
def test_an_order_acts_on_a_later_bar_than_its_own(case):
    market, wanted, asked = case
    told = run(market, {symbol: intents(wanted, symbol) for symbol in market}, asked)
    assert all(one <= two for one, two in pairwise(told.fills.bar))
    first = min(order.bar for order in wanted)
    assert (told.fills.bar > first).all() or len(told.fills) == 0


@given(cases((BTC,)))
def test_nobody_is_liquidated_later_than_where_the_margin_ends(case):
    """Of an isolated position: no bar between its first and its last reaches that price."""
    market, wanted, asked = case
    asked = replace(asked, margin=Margin.ISOLATED, maintenance=0.01003, adds=False)
    trades = run(market, {BTC: intents(wanted, BTC)}, asked).trades
    for place in range(len(trades)):
        sign = 1 - 2 * trades.direction[place].item()
        entry = trades.entry_price[place].item()
        end = entry * (sign - 1 / asked.leverage) / (sign - asked.maintenance)
        between = slice(trades.entry_bar[place] + 1, trades.exit_bar[place])
        low = market[BTC].low[between] if sign > 0 else -market[BTC].high[between]
        assert (low > sign * end - 1e-9).all()
        if trades.reason[place] == Reason.LIQUIDATION:
            start = market[BTC].open[trades.exit_bar[place]].item()
            first = min(end, start) if sign > 0 else max(end, start)
            is_own_bar = trades.entry_bar[place] == trades.exit_bar[place]
            assert is_own_bar or trades.exit_price[place] == pytest.approx(first)
