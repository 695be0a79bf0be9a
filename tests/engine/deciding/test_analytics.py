"""Published trades come to the published figures, ours to what can be counted by hand."""

import json
from decimal import Decimal
from pathlib import Path
from statistics import stdev

import msgspec
import pytest
from msgspec.structs import replace

from engine.deciding.analytics import (
    Said,
    Woken,
    analytics,
    board,
    board_line,
    drawdown_percent,
    invocations,
    return_percent,
    sharpe_of_run,
    sharpe_of_steps,
    sharpe_of_trades,
    sharpe_over_baseline,
    signals,
)
from engine.deciding.decision import Wanted
from engine.deciding.errors import BadTrades
from engine.deciding.trades import (
    Closed,
    PublishedTrade,
    by_model,
    merged,
    missing,
    read_trades,
    write_trades,
)
from engine.signal import Direction

WHERE = Path("shared/data/nof1")
FOUND = next((up / WHERE for up in Path(__file__).parents if (up / WHERE).exists()), None)
recorded = pytest.mark.skipif(FOUND is None, reason=f"{WHERE} is not beside the repository")

FROM_TRADES = (
    "fee_pnl_moves_breakdown_table",
    "winners_losers_breakdown_table",
    "longs_shorts_breakdown_table",
    "overall_trades_overview_table",
)
# What no known formula gives, and what follows from conversations, which nobody has.
UNKNOWN = {"std_taker_fee", "avg_convo_leverage", "median_convo_leverage"}


def trades_file():
    return (FOUND / "trades.json").read_bytes()


def published():
    models = json.loads((FOUND / "analytics.json").read_text())["analytics"]
    return {one["model_id"]: one for one in models}


@recorded
def test_published_analytics_follow_from_published_trades():
    trades, checked = by_model(read_trades(trades_file()).values()), 0
    assert published()
    for name, told in published().items():
        counted = msgspec.to_builtins(analytics(trades[name]))
        for table in FROM_TRADES:
            for figure in told[table].keys() - UNKNOWN:
                assert counted[table][figure] == pytest.approx(
                    told[table][figure], rel=1e-9, abs=1e-300
                ), (name, table, figure)
                checked += 1
    # 11, 13 and 15 of the first three tables; of the overview also the four that are always 0.
    assert checked == 50 * len(published())


@recorded
def test_published_tables_have_our_names_and_kinds():
    for told in published().values():
        counted = msgspec.to_builtins(analytics(()))
        for table, figures in counted.items():
            assert told[table].keys() == figures.keys()


@recorded
def test_the_last_trade_is_the_published_one():
    trades = by_model(read_trades(trades_file()).values())
    for name, told in published().items():
        last = max(trades[name], key=lambda trade: trade.exit_time)
        assert last.id == told["last_trade_doc_id"]
        assert float(last.exit_time) == told["last_trade_exit_time"]


@recorded
def test_a_file_that_was_cut_off_is_incomplete_and_no_mismatch():
    trades = by_model(read_trades(trades_file()).values())
    assert missing(trades["gemini-2.5-pro"], published=158) == "100 of 158"
    assert missing(trades["gemini-2.5-pro"]) == "100, where the source stops telling"
    for name, told in published().items():
        total = told["overall_trades_overview_table"]["total_trades"]
        assert missing(trades[name], published=total) == missing(trades[name]) == ""


@recorded
def test_what_was_read_is_written_back_the_same_and_reading_twice_changes_nothing():
    content = trades_file()
    rows = read_trades(content)
    told = json.loads(content, parse_float=Decimal)
    written = write_trades(rows.values(), server_time=told["serverTime"])
    assert json.loads(written, parse_float=Decimal) == told
    assert read_trades(written) == rows
    assert merged(rows, read_trades(content)) == rows


@recorded
def test_published_returns_follow_from_their_equity_with_their_dust():
    lines = json.loads((FOUND / "leaderboard.json").read_text(), parse_float=Decimal)
    for told in lines["leaderboard"]:
        assert return_percent(Decimal(told["equity"]), digits=4) == float(told["return_pct"])
        row = board_line(told["id"], (), equity=Decimal(told["equity"]), sharpe=None)
        assert msgspec.to_builtins(row).keys() == told.keys()


SHORT = {
    "id": "bold_1",
    "trade_id": "100.5_ETH_700.5_bold",
    "model_id": "bold",
    "symbol": "ETH",
    "side": "short",
    "trade_type": "short",
    "quantity": -2,
    "leverage": 1,
    "confidence": 0,
    "entry_price": 4_000.5,
    "exit_price": 3_900.25,
    "entry_time": 100.5,
    "exit_time": 700.5,
    "entry_human_time": "1970-01-01 00:01:40.500000",
    "exit_human_time": "1970-01-01 00:11:40.500000",
    "entry_sz": 2,
    "exit_sz": 2,
    "entry_oid": 2**62,
    "exit_oid": 2,
    "entry_tid": 3,
    "exit_tid": 4,
    "entry_crossed": True,
    "exit_crossed": False,
    "entry_liquidation": None,
    "exit_liquidation": None,
    "entry_commission_dollars": 3.5,
    "exit_commission_dollars": 1.25,
    "total_commission_dollars": 4.75,
    "entry_closed_pnl": -3.5,
    "exit_closed_pnl": 199.25,
    "exit_plan": {},
    "realized_gross_pnl": 200.5,
    "realized_net_pnl": 195.75,
}


def file_of(*rows):
    return json.dumps({"trades": rows}).encode()


def test_a_short_is_imported_as_one():
    (row,) = read_trades(file_of(SHORT)).values()
    assert isinstance(row, PublishedTrade)
    (trade,) = by_model([row])["bold"]
    assert (trade.direction, trade.quantity, trade.minutes) == (Direction.SHORT, 2, 10)
    assert row.entry_oid == 2**62
    assert trade.notional == Decimal("8001.0")


BAD = {
    "a long with a short's quantity": ({"side": "long"}, "quantity"),
    "nothing traded": ({"quantity": 0}, "quantity"),
    "a free one": ({"entry_price": 0}, "prices"),
    "over before it began": ({"exit_time": 100}, "ends after"),
    "another gross": ({"realized_gross_pnl": 200}, "gross"),
    "another net": ({"realized_net_pnl": 1}, "net"),
    "another commission": ({"total_commission_dollars": 1}, "commission"),
    "somebody else's name": ({"id": "timid_1"}, "named"),
    "a text for a number": ({"quantity": "two"}, "quantity"),
    "no number": ({"entry_price": "NaN"}, "every number"),
    "an unknown side": ({"side": "both"}, "side"),
    "more than is known": ({"tip": 1}, "tip"),
}


@pytest.mark.parametrize(("changes", "said"), BAD.values(), ids=BAD)
def test_a_row_that_cannot_be_is_refused_by_name(changes, said):
    with pytest.raises(BadTrades, match=said):
        read_trades(file_of(SHORT | {"id": "bold_0"}, SHORT | changes))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"trades": 5}', file_of(SHORT)[:-9]])
def test_a_file_that_is_none_is_refused(content):
    with pytest.raises(BadTrades):
        read_trades(content)


def test_a_known_trade_does_not_become_another():
    rows = read_trades(file_of(SHORT))
    other = read_trades(file_of(SHORT | {"exit_oid": 5}))
    with pytest.raises(BadTrades):
        merged(rows, other)
    with pytest.raises(BadTrades):
        read_trades(file_of(SHORT, SHORT | {"exit_oid": 5}))


def closed(net, **changes):
    told = {
        "id": str(net),
        "symbol": "ETH/USDT",
        "direction": Direction.LONG,
        "quantity": Decimal(1),
        "entry_price": Decimal(100),
        "entry_time": Decimal(0),
        "exit_time": Decimal(600),
        "fees": Decimal(1),
        "gross": Decimal(net) + 1,
        "net": Decimal(net),
    }
    return Closed(**(told | changes))


def test_nothing_comes_to_nothing():
    for table in msgspec.to_builtins(analytics(())).values():
        assert set(table.values()) == {0}


def test_one_trade_has_a_mean_and_no_deviation():
    counted = analytics([closed(0)])
    assert counted.winners_losers_breakdown_table.win_rate == 0
    assert counted.winners_losers_breakdown_table.avg_losers_notional == 100
    assert counted.fee_pnl_moves_breakdown_table.std_net_pnl == 0
    assert counted.fee_pnl_moves_breakdown_table.total_fees_as_pct_of_pnl == 0


def test_what_was_known_at_the_entry_is_counted():
    known = {
        "leverage": 5,
        "equity": Decimal(1_000),
        "stop": Decimal(98),
        "target": Decimal(106),
    }
    table = analytics([closed(9, **known), closed(-1)]).overall_trades_overview_table
    assert (table.avg_convo_leverage, table.avg_size_of_trade_portfolio_pct) == (5, 10)
    assert (table.avg_stop_loss_distance_pct, table.avg_take_profit_distance_pct) == (2, 6)
    assert table.total_trades == 2


def said(signal, confidence, leverage=0):
    return Said(signal=Wanted(signal), confidence=confidence, leverage=leverage)


SAID = [
    said("buy_to_enter", 80, 10),
    said("buy_to_enter", 70, 4),
    said("sell_to_enter", 90, 2),
    said("hold", 60),
    said("close", 50),
]
BOTH = frozenset({"BTC", "ETH"})
WOKEN = [
    Woken(at_ms=600_000, symbols=BOTH, held={"BTC": Direction.SHORT}),
    Woken(at_ms=0, symbols=BOTH, held={}),
    Woken(at_ms=180_000, symbols=BOTH, held={"BTC": Direction.LONG, "ETH": Direction.SHORT}),
]


def test_signals_are_counted():
    table = signals(SAID, WOKEN)
    assert (table.total_signals, table.num_long_signals, table.num_hold_signals) == (5, 2, 1)
    assert (table.long_signal_pct, table.close_signal_pct) == (40, 20)
    assert table.long_short_ratio == 2
    assert table.avg_confidence == table.median_confidence == pytest.approx(0.7)
    assert table.std_confidence == pytest.approx(stdev([0.8, 0.7, 0.9, 0.6, 0.5]))
    assert table.avg_confidence_long == pytest.approx(0.75)
    assert (table.avg_leverage, table.median_leverage) == (pytest.approx(16 / 3), 4)
    assert table.avg_leverage_long == 7
    assert (table.mins_long_combined, table.mins_short_combined) == (7, 7)
    assert table.mins_flat_combined == 6
    assert table.pct_mins_flat_combined == 30


def test_the_published_relations_hold_between_our_own_figures():
    table, breaks = signals(SAID, WOKEN), invocations(WOKEN)
    minutes = table.mins_long_combined + table.mins_short_combined + table.mins_flat_combined
    run = breaks.avg_invocation_break_mins * (breaks.num_invocations - 1)
    assert minutes / len(BOTH) == pytest.approx(run)
    groups = ("long", "short", "hold", "close")
    weighed = sum(
        getattr(table, f"avg_confidence_{name}") * getattr(table, f"num_{name}_signals")
        for name in groups
    )
    assert table.avg_confidence == pytest.approx(weighed / table.total_signals)
    assert sum(getattr(table, f"{name}_signal_pct") for name in groups) == pytest.approx(100)


def test_breaks_between_invocations_are_counted():
    table = invocations(WOKEN)
    assert (table.num_invocations, table.avg_invocation_break_mins) == (3, 5)
    assert (table.min_invocation_break_mins, table.max_invocation_break_mins) == (3, 7)
    assert table.std_invocation_break_mins == pytest.approx(8**0.5)


def test_the_board_has_the_best_first_and_losses_negative():
    lines = board(
        board_line(name, [closed(50), closed(-20), closed(0)], equity=Decimal(equity), sharpe=0.5)
        for name, equity in (("b", 10_030), ("a", 10_030), ("c", 20_000))
    )
    assert [line.id for line in lines] == ["c", "a", "b"]
    assert (lines[0].win_dollars, lines[0].lose_dollars) == (50, -20)
    assert (lines[0].num_trades, lines[0].num_wins, lines[0].num_losses) == (3, 1, 2)
    assert lines[1].return_pct == pytest.approx(0.3)


def test_each_sharpe_is_of_what_its_name_says():
    equities = [Decimal(value) for value in (100, 110, 99, 99)]
    returns = [0.1, -0.1, 0.0]
    assert sharpe_of_steps(equities) == pytest.approx(sum(returns) / 3 / stdev(returns), abs=1e-12)
    assert sharpe_of_steps(equities, riskless=0.05) == pytest.approx(-0.05 / stdev(returns))
    assert sharpe_of_run([Decimal(one) for one in (100, 110, 110)]) == pytest.approx(2**0.5)
    assert sharpe_of_trades([closed(3), closed(1)]) == pytest.approx(2 / stdev([3, 1]))
    days = [0.0] * 8 + [0.01, 9.0]
    assert sharpe_over_baseline(days, [0.0] * 10) == pytest.approx(
        0.002 / stdev([0.0] * 8 + [0.01] * 2)
    )


def test_a_sharpe_of_too_little_is_none():
    assert sharpe_of_steps([]) is sharpe_of_run([Decimal(1)]) is sharpe_of_trades(()) is None
    assert sharpe_of_steps([Decimal(5)] * 4) is sharpe_of_run([Decimal(5)] * 4) is None
    assert sharpe_over_baseline([0.1, 0.2], [0.0, 0.0]) is None


def test_a_drawdown_is_from_the_highest_before_it():
    assert drawdown_percent([Decimal(one) for one in (100, 150, 90, 160, 120)]) == 40
    assert drawdown_percent([]) == 0


def test_trades_in_any_order_come_to_the_same():
    rows = [closed(net, exit_time=Decimal(60 * net + 999)) for net in (-7, 3, 5, 11, 2)]
    assert analytics(rows) == analytics(rows[::-1])
    assert analytics(rows) != analytics([*rows[:-1], replace(rows[-1], net=Decimal(-2))])
