"""Backtests an accountant can follow: every number is worked out in the comments.

Bars are (open, high, low, close). Unless told otherwise one coin is bought with a cash of
10,000 and nothing costs anything.
"""

import pytest

from engine.backtest import (
    LONG,
    SHORT,
    Do,
    Intents,
    Kind,
    Limits,
    Margin,
    Reason,
    Refusal,
    Sizing,
    Slippage,
    run,
)
from tests.engine.backtest.markets import BTC, ETH, candles, plain, trade

FLAT = (100, 101, 99, 100)
CROSS = {"margin": Margin.CROSS}


def exits(result):
    """What each trade closed, at what and why."""
    trades = result.trades
    told = zip(trades.exit_bar, trades.quantity, trades.exit_price, trades.reason, strict=True)
    return [(bar, quantity, pytest.approx(price), why) for bar, quantity, price, why in told]


def test_an_entry_and_an_exit_at_the_next_opens():
    bars = [FLAT, (102, 105, 101, 104), (104, 109, 103, 108), (110, 111, 109, 110)]
    costs = plain(taker_fee=0.001, size=2)
    told = trade(bars, costs, bar=[0, 2], action=[Do.OPEN, Do.CLOSE])
    # Bought 2 at 102, fee 0.204; sold 2 at 110, fee 0.22; profit 2 * 8 = 16.
    assert exits(told) == [(3, 2, 110, Reason.SIGNAL)]
    assert told.trades.profit == pytest.approx([16])
    assert told.trades.fees == pytest.approx([0.424])
    assert told.trades.net == pytest.approx([15.576])
    assert told.equity == pytest.approx(10_015.576)
    # 10000; 10000 - 0.204 + 2 * 2; 10000 - 0.204 + 2 * 6; as above.
    assert told.curve == pytest.approx([10_000, 10_003.796, 10_011.796, 10_015.576])


def test_what_is_held_at_the_end_is_closed_or_marked():
    bars = [FLAT, FLAT, (100, 106, 100, 105)]
    closed = trade(bars, plain(taker_fee=0.01), bar=[0])
    # Fees of 1.00 and 1.05 on a profit of 5.
    assert exits(closed) == [(2, 1, 105, Reason.END)]
    assert closed.equity == closed.cash == pytest.approx(10_002.95)
    marked = trade(bars, plain(taker_fee=0.01, closes_at_end=False), bar=[0])
    assert (len(marked.trades), marked.cash, marked.equity) == (0, 9_999, 10_004)
    assert [(each.symbol, each.quantity) for each in marked.held] == [(BTC, 1)]


@pytest.mark.parametrize(
    ("case", "bar", "exit"),
    [
        ("the stop is reached", (100, 102, 94, 98), (95, Reason.STOP)),
        ("the target is reached", (100, 111, 96, 108), (110, Reason.TARGET)),
        ("both: the stop comes first", (100, 112, 94, 111), (95, Reason.STOP)),
        ("a gap through the stop", (92, 93, 91, 92), (92, Reason.STOP)),
        ("a gap through the target", (113, 114, 112, 113), (113, Reason.TARGET)),
        ("a gap through the target, and the stop", (113, 114, 90, 92), (113, Reason.TARGET)),
        ("just touched", (100, 109, 95, 100), (95, Reason.STOP)),
    ],
)
def test_stop_and_target_of_a_long(case, bar, exit):
    told = trade([FLAT, FLAT, bar], plain(), bar=[0], stop=95, target=110)
    assert exits(told) == [(2, 1, *exit)]


@pytest.mark.parametrize(
    ("case", "bar", "exit"),
    [
        ("the stop is reached", (100, 106, 98, 99), (105, Reason.STOP)),
        ("the target is reached", (100, 102, 88, 92), (90, Reason.TARGET)),
        ("both: the stop comes first", (100, 106, 88, 89), (105, Reason.STOP)),
        ("a gap through the stop", (108, 109, 107, 108), (108, Reason.STOP)),
        ("a gap through the target", (87, 88, 86, 87), (87, Reason.TARGET)),
    ],
)
def test_stop_and_target_of_a_short(case, bar, exit):
    told = trade([FLAT, FLAT, bar], plain(), bar=[0], direction=SHORT, stop=105, target=90)
    assert exits(told) == [(2, 1, *exit)]
    assert told.trades.profit == [100 - exit[0]]


def test_a_market_entry_may_be_stopped_in_its_own_bar():
    told = trade([FLAT, (100, 112, 94, 111)], plain(), bar=[0], stop=95, target=110)
    assert exits(told) == [(1, 1, 95, Reason.STOP)]


def test_levels_from_the_entry():
    bars = [FLAT, (200, 203, 197, 200), (200, 225, 199, 221)]
    told = trade(bars, plain(levels_from_entry=True), bar=[0], stop=0.02, target=0.1)
    # Entered at 200: stop 196, target 220.
    assert exits(told) == [(2, 1, 220, Reason.TARGET)]


def test_makers_and_takers():
    bars = [FLAT, (100, 101, 96, 99), (99, 106, 98, 105)]
    costs = plain(maker_fee=0.001, taker_fee=0.01)
    told = trade(bars, costs, bar=[0], kind=Kind.LIMIT, price=97, target=105)
    # The limit and the target make: 0.097 and 0.105.
    assert told.fills.fee == pytest.approx([0.097, 0.105])
    told = trade(bars, costs, bar=[0], kind=Kind.LIMIT, price=103)
    # A limit that the market is already through takes, at the open: 1.00; so does the end: 1.05.
    assert told.fills.price == pytest.approx([100, 105])
    assert told.fills.fee == pytest.approx([1, 1.05])


@pytest.mark.parametrize(
    ("case", "asked", "bars", "fill"),
    [
        ("a limit waits", {"kind": Kind.LIMIT, "price": 95}, [(99, 99, 94, 97)], (2, 95)),
        ("a limit below a gap", {"kind": Kind.LIMIT, "price": 95}, [(93, 94, 92, 93)], (2, 93)),
        ("a stop entry waits", {"kind": Kind.STOP, "price": 105}, [(101, 107, 99, 106)], (2, 105)),
        ("and gaps", {"kind": Kind.STOP, "price": 105}, [(108, 109, 107, 108)], (2, 108)),
        (
            "a short limit",
            {"kind": Kind.LIMIT, "price": 105, "direction": SHORT},
            [(101, 107, 99, 106)],
            (2, 105),
        ),
        (
            "a short stop",
            {"kind": Kind.STOP, "price": 95, "direction": SHORT},
            [(99, 99, 94, 97)],
            (2, 95),
        ),
        ("one bar only", {"kind": Kind.LIMIT, "price": 95, "bars": 1}, [(99, 99, 94, 97)], None),
        (
            "two bars",
            {"kind": Kind.LIMIT, "price": 95, "bars": 2},
            [(99, 99, 94, 97)],
            (2, 95),
        ),
    ],
)
def test_resting_entries(case, asked, bars, fill):
    told = trade([FLAT, FLAT, *bars], plain(closes_at_end=False), bar=[0], **asked)
    fills = list(zip(told.fills.bar, told.fills.price, strict=True))
    assert fills == ([fill] if fill else [])


def test_a_canceled_order_is_not_filled():
    bars = [FLAT, FLAT, (99, 99, 94, 97)]
    asked = {"action": [Do.OPEN, Do.CANCEL], "kind": [Kind.LIMIT, Kind.MARKET], "price": 95}
    told = trade(bars, plain(), bar=[0, 1], **asked)
    assert len(told.fills) == 0


def test_a_limit_entry_is_stopped_in_its_bar_but_takes_no_target_there():
    asked = {"kind": Kind.LIMIT, "price": 97, "stop": 95, "target": 103}
    # 104 may have been seen before 97 was.
    told = trade([FLAT, (100, 104, 96, 99), (99, 104, 98, 103)], plain(), bar=[0], **asked)
    assert exits(told) == [(2, 1, 103, Reason.TARGET)]
    told = trade([FLAT, (100, 104, 94, 99), FLAT], plain(), bar=[0], **asked)
    assert exits(told) == [(1, 1, 95, Reason.STOP)]


def test_a_stop_entry_takes_its_target_in_its_bar():
    asked = {"kind": Kind.STOP, "price": 102, "stop": 97, "target": 105}
    told = trade([FLAT, (100, 106, 99, 104)], plain(), bar=[0], **asked)
    assert exits(told) == [(1, 1, 105, Reason.TARGET)]
    # 96 may have been seen after 102: then it is the stop.
    told = trade([FLAT, (100, 106, 96, 104)], plain(), bar=[0], **asked)
    assert exits(told) == [(1, 1, 97, Reason.STOP)]


def test_a_trailing_stop_follows_from_its_activation_on():
    bars = [
        FLAT,
        (100, 104, 99, 103),  # 4 %, less than the 5 from which it follows
        (103, 110, 102, 109),  # 10 %: the stop is 5 % under 110, 104.5, from the next bar on
        (109, 109, 106, 107),
        (107, 108, 104, 105),
    ]
    told = trade(bars, plain(), bar=[0], stop=90, trail=0.05, trail_from=0.05)
    assert exits(told) == [(4, 1, 104.5, Reason.TRAIL)]


def test_partial_exits():
    bars = [FLAT, FLAT, (100, 111, 100, 108), (108, 109, 107, 108), (109, 110, 94, 95)]
    settings = plain(size=4, maker_fee=0.001, taker_fee=0.001)
    told = trade(
        bars,
        settings,
        bar=[0, 2],
        action=[Do.OPEN, Do.CLOSE],
        target=[110, 1],
        target_part=0.5,
        stop=[95, 1],
        size=[4, 0.5],
    )
    # Of 4: half at the target of 110, half of the rest at the open of 108, the last at 95.
    assert exits(told) == [
        (2, 2, 110, Reason.TARGET),
        (3, 1, 108, Reason.SIGNAL),
        (4, 1, 95, Reason.STOP),
    ]
    assert told.trades.profit == pytest.approx([20, 8, -5])
    # The entry's fee of 0.4 goes with the quantities; exits pay 0.22, 0.108 and 0.095.
    assert told.trades.fees == pytest.approx([0.2 + 0.22, 0.1 + 0.108, 0.1 + 0.095])
    assert told.equity == pytest.approx(10_000 + 23 - 0.4 - 0.423)


def test_a_ladder_of_resting_closes_is_met_in_order_of_price():
    bars = [FLAT, FLAT, (100, 108, 100, 104), FLAT]
    told = trade(
        bars,
        plain(size=4),
        bar=[0, 1, 1],
        action=[Do.OPEN, Do.CLOSE, Do.CLOSE],
        kind=[Kind.MARKET, Kind.LIMIT, Kind.LIMIT],
        price=[1, 107, 103],
        size=[4, 0.5, 0.5],
    )
    # Half of 4 at 103, half of 2 at 107, the last at the end.
    assert exits(told)[:2] == [(2, 2, 103, Reason.SIGNAL), (2, 1, 107, Reason.SIGNAL)]


def test_an_isolated_position_is_liquidated_where_its_margin_ends():
    settings = plain(leverage=10, maintenance=0.01, liquidation_fee=0.01, size=2)
    bars = [FLAT, FLAT, (100, 100, 89, 92)]
    told = trade(bars, settings, bar=[0])
    # Margin 10 a coin: 10 + (x - 100) = 0.01 x, so x = 90 / 0.99 = 90.9091.
    # Left of the margin are 0.9091 a coin, and the fee is as much: all of it is gone.
    assert exits(told) == [(2, 2, 90 / 0.99, Reason.LIQUIDATION)]
    assert told.equity == pytest.approx(10_000 - 20)
    assert told.forgiven == 0


def test_a_gap_beyond_its_margin_is_not_the_owners():
    settings = plain(leverage=10, maintenance=0.01, liquidation_fee=0.01)
    told = trade([FLAT, FLAT, (85, 86, 84, 85)], settings, bar=[0])
    # 15 lost at the open, of which the margin bears 10.
    assert exits(told) == [(2, 1, 85, Reason.LIQUIDATION)]
    assert (told.trades.profit, told.forgiven, told.equity) == ([-15], 5, 9_990)


def test_a_stop_before_the_liquidation_saves_the_rest():
    settings = plain(leverage=10, maintenance=0.01)
    told = trade([FLAT, FLAT, (100, 100, 85, 92)], settings, bar=[0], stop=92)
    assert exits(told) == [(2, 1, 92, Reason.STOP)]
    told = trade([FLAT, FLAT, (100, 100, 85, 92)], settings, bar=[0], stop=90)
    assert exits(told) == [(2, 1, 90 / 0.99, Reason.LIQUIDATION)]


def test_a_short_is_liquidated_above():
    settings = plain(leverage=5, maintenance=0.01)
    told = trade([FLAT, FLAT, (100, 125, 100, 120)], settings, bar=[0], direction=SHORT)
    # 20 + (100 - x) = 0.01 x, so x = 120 / 1.01.
    assert exits(told) == [(2, 1, 120 / 1.01, Reason.LIQUIDATION)]


def test_in_a_cross_account_all_cash_stands_for_a_position():
    settings = plain(cash=50, leverage=10, maintenance=0.01, liquidation_fee=0.0, **CROSS)
    bars = [FLAT, FLAT, (100, 100, 60, 70), (70, 71, 49, 55)]
    told = trade(bars, settings, bar=[0])
    # 50 + (x - 100) = 0.01 x, so x = 50 / 0.99 = 50.5051; isolated it would have been 90.9091.
    assert exits(told) == [(3, 1, 50 / 0.99, Reason.LIQUIDATION)]
    assert told.equity == pytest.approx(50 - (100 - 50 / 0.99))


def test_a_cross_account_dies_of_all_its_positions_together():
    settings = plain(cash=30, leverage=10, maintenance=0.0, liquidation_fee=0.0, **CROSS)
    market = {
        BTC: candles(FLAT, FLAT, (100, 101, 80, 90)),
        ETH: candles(FLAT, FLAT, (100, 120, 99, 110)),
    }
    wanted = {BTC: Intents.of([0]), ETH: Intents.of([0], direction=SHORT)}
    told = run(market, wanted, settings)
    # The worst way is BTC down by 20 while ETH goes up by 20: at three quarters of it, with
    # 15 lost in each, the 30 are gone.
    assert exits(told) == [(2, 1, 85, Reason.LIQUIDATION), (2, 1, 115, Reason.LIQUIDATION)]
    assert told.equity == pytest.approx(0)


def test_both_directions_at_once_hedge_each_other():
    settings = plain(cash=30, leverage=10, maintenance=0.0, hedge=True, **CROSS)
    bars = [FLAT, FLAT, (100, 150, 60, 140), (140, 141, 139, 140)]
    asked = {"direction": [LONG, SHORT, SHORT], "action": [Do.OPEN, Do.OPEN, Do.CLOSE]}
    told = trade(bars, settings, bar=[0, 0, 2], **asked)
    # Together they gain and lose nothing, wherever the price goes; the short loses 40 and the
    # long, at the end, has gained 40.
    assert exits(told) == [(3, 1, 140, Reason.SIGNAL), (3, 1, 140, Reason.END)]
    assert told.trades.profit == pytest.approx([-40, 40])
    assert told.curve == pytest.approx([30, 30, 30, 30])


def test_without_hedging_an_entry_turns_the_position_round():
    bars = [FLAT, FLAT, (105, 106, 104, 105), (103, 104, 102, 103)]
    told = trade(bars, plain(taker_fee=0.01), bar=[0, 1], direction=[LONG, SHORT])
    assert exits(told) == [(2, 1, 105, Reason.REVERSAL), (3, 1, 103, Reason.END)]
    assert told.trades.profit == pytest.approx([5, 2])
    assert told.fills.fee == pytest.approx([1, 1.05, 1.05, 1.03])


def test_funding_is_paid_by_longs_and_got_by_shorts():
    settings = plain(funding=0.001, funding_seconds=120, hedge=True)
    bars = [FLAT, FLAT, (110, 111, 109, 110), FLAT, (120, 121, 119, 120)]
    told = trade(bars, settings, bar=[0, 3], direction=[LONG, SHORT])
    # Due at bars 2 and 4, at their opens: 0.11 and 0.12. The short opens at bar 4 itself, after
    # the funding of its open.
    assert told.trades.funding == pytest.approx([0.23, 0])
    assert told.equity == pytest.approx(10_000 + 20 - 0.23)
    short = trade(bars, settings, bar=[0], direction=SHORT)
    assert short.equity == pytest.approx(10_000 - 20 + 0.23)


def test_told_funding_rates_are_paid_at_their_bars():
    market = {BTC: candles(FLAT, FLAT, FLAT, FLAT)}
    rates = {BTC: [0.5, 0.0, -0.002, 0.001]}
    told = run(market, {BTC: Intents.of([0])}, plain(), rates)
    # A negative rate is got: -0.2 and 0.1.
    assert told.trades.funding == pytest.approx([-0.1])


@pytest.mark.parametrize(
    ("case", "asked", "price"),
    [
        ("a share of the price", {"slippage": Slippage.FIXED, "slip": 0.005}, 100.5),
        ("a share of the range", {"slippage": Slippage.RANGE, "slip": 0.1}, 100.4),
        # 2 of a volume of 8: a quarter of 2 %.
        ("by the volume", {"slippage": Slippage.VOLUME, "slip": 0.02, "size": 2}, 100.5),
        ("more than the volume", {"slippage": Slippage.VOLUME, "slip": 0.01, "size": 9}, 101),
        ("not beyond the bar", {"slippage": Slippage.FIXED, "slip": 0.05}, 102),
        ("unless let out", {"slip": 0.05, "slip_may_leave_bar": True}, 105),
    ],
)
def test_slippage(case, asked, price):
    bars = [FLAT, (100, 102, 98, 100, 8)]
    told = trade(bars, plain(closes_at_end=False, **asked), bar=[0])
    assert told.fills.price == pytest.approx([price])


def test_limits_and_targets_do_not_slip_and_stops_do():
    bars = [FLAT, (100, 101, 96, 99), (99, 106, 98, 105)]
    asked = {"kind": Kind.LIMIT, "price": 97, "target": 105, "stop": 95}
    told = trade(bars, plain(slip=0.01), bar=[0], **asked)
    assert told.fills.price == pytest.approx([97, 105])
    told = trade([*bars[:2], (99, 100, 90, 91)], plain(slip=0.01), bar=[0], **asked)
    # 1 % under 95.
    assert told.fills.price == pytest.approx([97, 94.05])


@pytest.mark.parametrize(
    ("case", "sizing", "size", "quantity"),
    [
        ("coins", Sizing.QUANTITY, 2.5, 2.5),
        ("quote: 500 at 100", Sizing.NOTIONAL, 500, 5),
        ("10 % of 10,000 as margin, five times that traded", Sizing.MARGIN, 0.1, 50),
        ("1 % of 10,000 lost at 5 under the entry", Sizing.RISK, 0.01, 20),
        ("1 % of 10,000 for a move of 4", Sizing.VOLATILITY, 0.01, 25),
    ],
)
def test_sizing(case, sizing, size, quantity):
    settings = plain(sizing=sizing, size=size, leverage=5, closes_at_end=False)
    told = trade([FLAT, FLAT], settings, bar=[0], stop=95, volatility=4)
    assert told.fills.quantity == pytest.approx([quantity])


def test_sizes_are_of_what_the_account_is_worth():
    bars = [FLAT, FLAT, (150, 151, 149, 150), FLAT]
    settings = plain(cash=1000, sizing=Sizing.MARGIN, size=0.5, adds=True, closes_at_end=False)
    told = trade(bars, settings, bar=[0, 1])
    # 5 coins at 100; at 150 the account is worth 1,250 and its half buys 4.1667, but free are
    # the 500 that are not margin: 3.3333.
    assert told.fills.quantity == pytest.approx([5, 500 / 150])
    cross = plain(
        cash=1000, sizing=Sizing.MARGIN, size=0.5, adds=True, closes_at_end=False, **CROSS
    )
    # Gains count in a cross account: free are 750, and 625 are enough.
    assert trade(bars, cross, bar=[0, 1]).fills.quantity == pytest.approx([5, 625 / 150])


def test_adding_averages_the_entry():
    bars = [FLAT, FLAT, (110, 111, 109, 110), (120, 121, 119, 120)]
    told = trade(bars, plain(adds=True), bar=[0, 1], size=[1, 3])
    # (100 + 3 * 110) / 4 = 107.5, and 4 * (120 - 107.5) = 50.
    assert told.trades.entry_price == pytest.approx([107.5])
    assert told.trades.profit == pytest.approx([50])


def test_quantities_go_down_to_the_step_and_not_below_the_least():
    limits = {BTC: Limits(step=0.1, least_quantity=0.2)}
    settings = plain(limits=limits, closes_at_end=False)
    told = trade([FLAT, FLAT], settings, bar=[0], size=0.37)
    assert told.fills.quantity == pytest.approx([0.3])
    told = trade([FLAT, FLAT], settings, bar=[0], size=0.19)
    assert told.refused == {Refusal.TOO_SMALL: 1}


def test_symbols_share_the_cash_and_the_first_has_the_first_call():
    market = {BTC: candles(FLAT, FLAT, FLAT), ETH: candles(FLAT, FLAT, FLAT)}
    wanted = {ETH: Intents.of([0]), BTC: Intents.of([0])}
    told = run(market, wanted, plain(cash=150))
    assert list(told.trades.symbol) == [0]
    assert told.refused == {Refusal.NO_MARGIN: 1}


@pytest.mark.parametrize(
    ("case", "asked", "why"),
    [
        ("already held", {"bar": [0, 1]}, Refusal.HELD),
        ("nothing to close", {"bar": [0], "action": Do.CLOSE}, Refusal.NOTHING_HELD),
        ("nothing to protect", {"bar": [0], "action": Do.PROTECT, "stop": 9}, Refusal.NOTHING_HELD),
        ("no money", {"bar": [0], "size": 101}, Refusal.NO_MARGIN),
    ],
)
def test_what_cannot_be_done_is_counted(case, asked, why):
    assert trade([FLAT, FLAT, FLAT], plain(), **asked).refused == {why: 1}


def test_a_size_that_nobody_told_is_counted():
    told = trade([FLAT, FLAT], plain(sizing=Sizing.RISK, size=0.01), bar=[0])
    assert told.refused == {Refusal.UNSIZED: 1}


def test_the_levels_of_a_position_can_be_changed():
    bars = [FLAT, FLAT, (100, 104, 99, 103), (103, 104, 101, 102)]
    asked = {"action": [Do.OPEN, Do.PROTECT], "stop": [90, 102]}
    told = trade(bars, plain(), bar=[0, 2], **asked)
    assert exits(told) == [(3, 1, 102, Reason.STOP)]


@pytest.mark.parametrize("levels", [{"stop": 103}, {"target": 94}, {"stop": 103, "target": 94}])
def test_levels_on_the_wrong_side_of_the_entry_are_reached_at_once(levels):
    """As when the market has gone past them between the bar that asked and the entry."""
    told = trade([FLAT, (100, 102, 95, 101), FLAT], plain(), bar=[0], **levels)
    why = Reason.STOP if "stop" in levels else Reason.TARGET
    assert exits(told) == [(1, 1, 100, why)]


def test_a_short_trails_downwards():
    bars = [FLAT, (100, 101, 96, 97), (97, 97, 90, 91), (91, 95, 90, 94)]
    told = trade(bars, plain(), bar=[0], direction=SHORT, trail=0.05)
    # The lowest is 90: 5 % above it is 94.5.
    assert exits(told) == [(3, 1, 94.5, Reason.TRAIL)]


def test_an_old_best_price_keeps_the_stop_where_it_was():
    bars = [FLAT, (100, 110, 100, 109), (109, 109, 105, 106), (106, 107, 104, 105)]
    told = trade(bars, plain(), bar=[0], trail=0.05)
    # 5 % under 110 is 104.5; lower highs do not lower it.
    assert exits(told) == [(3, 1, 104.5, Reason.TRAIL)]
