"""The published tables of a trader, counted from its trades, its signals and its invocations.

Every deviation is a sample's, and zero of fewer than two; means of nothing are zero. A share of
something is in percent, and `long_short_trades_ratio` is the longs' share of all, as published.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import sqrt
from statistics import fmean, mean, median, pstdev, stdev

import msgspec

from engine.deciding.decision import OPENS, Wanted
from engine.deciding.trades import Closed
from engine.money import ZERO
from engine.signal import Direction

Numbers = Sequence[Decimal]
INITIAL = Decimal(10_000)
HUNDRED = Decimal(100)
MINUTE_MS = 60_000
LEAST_DAYS = 3
# The share at either end of excess returns that counts as the value next to it.
WINSORISED = 0.1


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Published names, in the published order."""


class FeesAndPnl(Table, frozen=True):
    overall_pnl_with_fees: float
    overall_pnl_without_fees: float
    total_fees_paid: float
    total_fees_as_pct_of_pnl: float
    avg_taker_fee: float
    std_taker_fee: float
    avg_net_pnl: float
    std_net_pnl: float
    avg_gross_pnl: float
    std_gross_pnl: float
    biggest_net_gain: float
    biggest_net_loss: float


class WinnersLosers(Table, frozen=True):
    win_rate: float
    avg_winners_net_pnl: float
    std_winners_net_pnl: float
    avg_losers_net_pnl: float
    std_losers_net_pnl: float
    avg_winners_notional: float
    std_winners_notional: float
    avg_losers_notional: float
    std_losers_notional: float
    avg_winners_holding_period: float
    std_winners_holding_period: float
    avg_losers_holding_period: float
    std_losers_holding_period: float


class LongsShorts(Table, frozen=True):
    num_long_trades: int
    num_short_trades: int
    long_short_trades_ratio: float
    avg_longs_net_pnl: float
    std_longs_net_pnl: float
    avg_shorts_net_pnl: float
    std_shorts_net_pnl: float
    avg_longs_notional: float
    std_longs_notional: float
    avg_shorts_notional: float
    std_shorts_notional: float
    avg_longs_holding_period: float
    std_longs_holding_period: float
    avg_shorts_holding_period: float
    std_shorts_holding_period: float


class Overview(Table, frozen=True):
    total_trades: int
    avg_holding_period_mins: float
    median_holding_period_mins: float
    std_holding_period_mins: float
    avg_size_of_trade_notional: float
    median_size_of_trade_notional: float
    std_size_of_trade_notional: float
    avg_convo_leverage: float
    median_convo_leverage: float
    avg_size_of_trade_portfolio_pct: float
    std_size_of_trade_portfolio_pct: float
    avg_stop_loss_distance_pct: float
    avg_take_profit_distance_pct: float


class Signals(Table, frozen=True):
    total_signals: int
    num_long_signals: int
    num_short_signals: int
    num_hold_signals: int
    num_close_signals: int
    long_signal_pct: float
    short_signal_pct: float
    hold_signal_pct: float
    close_signal_pct: float
    long_short_ratio: float
    avg_confidence: float
    median_confidence: float
    std_confidence: float
    avg_confidence_long: float
    std_confidence_long: float
    avg_confidence_short: float
    std_confidence_short: float
    avg_confidence_hold: float
    std_confidence_hold: float
    avg_confidence_close: float
    std_confidence_close: float
    avg_leverage: float
    median_leverage: float
    std_leverage: float
    avg_leverage_long: float
    std_leverage_long: float
    avg_leverage_short: float
    std_leverage_short: float
    mins_long_combined: float
    mins_short_combined: float
    mins_flat_combined: float
    pct_mins_long_combined: float
    pct_mins_short_combined: float
    pct_mins_flat_combined: float


class Invocations(Table, frozen=True):
    num_invocations: int
    avg_invocation_break_mins: float
    std_invocation_break_mins: float
    min_invocation_break_mins: float
    max_invocation_break_mins: float


class BoardLine(Table, frozen=True):
    """A line of the leaderboard."""

    id: str
    num_trades: int
    sharpe: float
    win_dollars: float
    num_losses: int
    lose_dollars: float
    return_pct: float
    equity: float
    num_wins: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A signal about one symbol; confidence is 0 to 100, and leverage told where it opens."""

    signal: Wanted
    confidence: int
    leverage: int


class Woken(msgspec.Struct, frozen=True, kw_only=True):
    """An invocation: when it was, which symbols it saw, and what was held of them."""

    at_ms: int
    symbols: frozenset[str]
    held: Mapping[str, Direction]


class Analytics(Table, frozen=True):
    fee_pnl_moves_breakdown_table: FeesAndPnl
    winners_losers_breakdown_table: WinnersLosers
    signals_breakdown_table: Signals
    invocation_breakdown_table: Invocations
    longs_shorts_breakdown_table: LongsShorts
    overall_trades_overview_table: Overview


def analytics(
    trades: Sequence[Closed], said: Sequence[Said] = (), woken: Sequence[Woken] = ()
) -> Analytics:
    return Analytics(
        fee_pnl_moves_breakdown_table=fees_and_pnl(trades),
        winners_losers_breakdown_table=winners_losers(trades),
        signals_breakdown_table=signals(said, woken),
        invocation_breakdown_table=invocations(woken),
        longs_shorts_breakdown_table=longs_shorts(trades),
        overall_trades_overview_table=overview(trades),
    )


def fees_and_pnl(trades: Sequence[Closed]) -> FeesAndPnl:
    nets = [trade.net for trade in trades]
    gross = [trade.gross for trade in trades]
    fees = [trade.fees for trade in trades]
    net, paid = sum(nets, ZERO), sum(fees, ZERO)
    return FeesAndPnl(
        overall_pnl_with_fees=float(net),
        overall_pnl_without_fees=float(sum(gross, ZERO)),
        total_fees_paid=float(paid),
        total_fees_as_pct_of_pnl=float(HUNDRED * paid / net) if net > 0 else 0.0,
        avg_taker_fee=average(fees),
        std_taker_fee=deviation(fees),
        avg_net_pnl=average(nets),
        std_net_pnl=deviation(nets),
        avg_gross_pnl=average(gross),
        std_gross_pnl=deviation(gross),
        biggest_net_gain=float(max(nets, default=ZERO)),
        biggest_net_loss=float(min(nets, default=ZERO)),
    )


def winners_losers(trades: Sequence[Closed]) -> WinnersLosers:
    winners = [trade for trade in trades if trade.net > 0]
    losers = [trade for trade in trades if trade.net <= 0]
    return WinnersLosers(
        win_rate=percent(len(winners), len(trades)),
        **spread("winners", winners),
        **spread("losers", losers),
    )


def longs_shorts(trades: Sequence[Closed]) -> LongsShorts:
    longs = [trade for trade in trades if trade.direction is Direction.LONG]
    shorts = [trade for trade in trades if trade.direction is Direction.SHORT]
    return LongsShorts(
        num_long_trades=len(longs),
        num_short_trades=len(shorts),
        long_short_trades_ratio=len(longs) / len(trades) if trades else 0.0,
        **spread("longs", longs),
        **spread("shorts", shorts),
    )


def spread(group: str, trades: Sequence[Closed]) -> dict[str, float]:
    """Mean and deviation of what a group of trades won, was worth and took."""
    columns = {
        "net_pnl": [trade.net for trade in trades],
        "notional": [trade.notional for trade in trades],
        "holding_period": [trade.minutes for trade in trades],
    }
    means = {f"avg_{group}_{name}": average(column) for name, column in columns.items()}
    return means | {f"std_{group}_{name}": deviation(column) for name, column in columns.items()}


def overview(trades: Sequence[Closed]) -> Overview:
    minutes = [trade.minutes for trade in trades]
    notionals = [trade.notional for trade in trades]
    leverages = [Decimal(trade.leverage) for trade in trades if trade.leverage is not None]
    shares = [HUNDRED * trade.notional / trade.equity for trade in trades if trade.equity]
    return Overview(
        total_trades=len(trades),
        avg_holding_period_mins=average(minutes),
        median_holding_period_mins=middle(minutes),
        std_holding_period_mins=deviation(minutes),
        avg_size_of_trade_notional=average(notionals),
        median_size_of_trade_notional=middle(notionals),
        std_size_of_trade_notional=deviation(notionals),
        avg_convo_leverage=average(leverages),
        median_convo_leverage=middle(leverages),
        avg_size_of_trade_portfolio_pct=average(shares),
        std_size_of_trade_portfolio_pct=deviation(shares),
        avg_stop_loss_distance_pct=average(distances(trades, "stop")),
        avg_take_profit_distance_pct=average(distances(trades, "target")),
    )


def distances(trades: Iterable[Closed], name: str) -> list[Decimal]:
    """How far from its entry a trade's stop or target stood, where that is known."""
    told = ((trade.entry_price, getattr(trade, name)) for trade in trades)
    return [HUNDRED * abs(price - entry) / entry for entry, price in told if price is not None]


def signals(said: Sequence[Said], woken: Sequence[Woken]) -> Signals:
    groups = {
        "long": [one for one in said if one.signal is Wanted.BUY_TO_ENTER],
        "short": [one for one in said if one.signal is Wanted.SELL_TO_ENTER],
        "hold": [one for one in said if one.signal is Wanted.HOLD],
        "close": [one for one in said if one.signal is Wanted.CLOSE],
    }
    openings = [one for one in said if one.signal in OPENS]
    told: dict[str, float] = {}
    for name, group in groups.items():
        told[f"{name}_signal_pct"] = percent(len(group), len(said))
        told[f"avg_confidence_{name}"] = average(confidences(group))
        told[f"std_confidence_{name}"] = deviation(confidences(group))
    for name in ("long", "short"):
        told[f"avg_leverage_{name}"] = average(leverages(groups[name]))
        told[f"std_leverage_{name}"] = deviation(leverages(groups[name]))
    return Signals(
        total_signals=len(said),
        num_long_signals=len(groups["long"]),
        num_short_signals=len(groups["short"]),
        num_hold_signals=len(groups["hold"]),
        num_close_signals=len(groups["close"]),
        long_short_ratio=len(groups["long"]) / len(groups["short"]) if groups["short"] else 0.0,
        avg_confidence=average(confidences(said)),
        median_confidence=middle(confidences(said)),
        std_confidence=deviation(confidences(said)),
        avg_leverage=average(leverages(openings)),
        median_leverage=middle(leverages(openings)),
        std_leverage=deviation(leverages(openings)),
        **told,
        **minutes_held(woken),
    )


def confidences(said: Iterable[Said]) -> list[Decimal]:
    """From 0 to 1, as published."""
    return [one.confidence / HUNDRED for one in said]


def leverages(said: Iterable[Said]) -> list[Decimal]:
    return [Decimal(one.leverage) for one in said]


def minutes_held(woken: Sequence[Woken]) -> dict[str, float]:
    """Between one invocation and the next every symbol is as it was at the first of them."""
    minutes = {"long": ZERO, "short": ZERO, "flat": ZERO}
    for one, following in pairwise(in_order(woken)):
        lasted = Decimal(following.at_ms - one.at_ms) / MINUTE_MS
        for symbol in one.symbols:
            direction = one.held.get(symbol)
            minutes["flat" if direction is None else direction.value] += lasted
    total = sum(minutes.values(), ZERO)
    told = {f"mins_{name}_combined": float(lasted) for name, lasted in minutes.items()}
    for name, lasted in minutes.items():
        told[f"pct_mins_{name}_combined"] = float(HUNDRED * lasted / total) if total else 0.0
    return told


def invocations(woken: Sequence[Woken]) -> Invocations:
    breaks = [
        Decimal(following.at_ms - one.at_ms) / MINUTE_MS
        for one, following in pairwise(in_order(woken))
    ]
    return Invocations(
        num_invocations=len(woken),
        avg_invocation_break_mins=average(breaks),
        std_invocation_break_mins=deviation(breaks),
        min_invocation_break_mins=float(min(breaks, default=ZERO)),
        max_invocation_break_mins=float(max(breaks, default=ZERO)),
    )


def in_order(woken: Iterable[Woken]) -> list[Woken]:
    return sorted(woken, key=lambda one: one.at_ms)


def board_line(
    name: str,
    trades: Sequence[Closed],
    *,
    equity: Decimal,
    sharpe: float | None,
    initial: Decimal = INITIAL,
) -> BoardLine:
    """Its line of the board; what is lost is negative, as published."""
    wins = [trade.net for trade in trades if trade.net > 0]
    losses = [trade.net for trade in trades if trade.net <= 0]
    return BoardLine(
        id=name,
        num_trades=len(trades),
        sharpe=sharpe or 0.0,
        win_dollars=float(sum(wins, ZERO)),
        num_losses=len(losses),
        lose_dollars=float(sum(losses, ZERO)),
        return_pct=return_percent(equity, initial=initial, digits=4),
        equity=float(equity),
        num_wins=len(wins),
    )


def board(lines: Iterable[BoardLine]) -> list[BoardLine]:
    """The best first."""
    return sorted(lines, key=lambda one: (-one.return_pct, one.id))


def return_percent(equity: Decimal, *, initial: Decimal = INITIAL, digits: int = 5) -> float:
    """Rounded and then made percent, in floats: the published figures show their dust."""
    return round(float(equity) / float(initial) - 1, digits) * 100


def drawdown_percent(equities: Sequence[Decimal]) -> float:
    """The deepest fall from a peak."""
    deepest, peak = ZERO, ZERO
    for equity in equities:
        peak = max(peak, equity)
        if peak > 0:
            deepest = max(deepest, HUNDRED * (peak - equity) / peak)
    return float(deepest)


# What is called Sharpe differs by more than its name tells: each of these says what it is of.


def sharpe_of_steps(equities: Sequence[Decimal], *, riskless: float = 0.0) -> float | None:
    """Of the returns from one sample of the equity to the next, less what a step earns riskless."""
    returns = steps(equities)
    return over(fmean(returns) - riskless, stdev(returns)) if len(returns) > 1 else None


def sharpe_of_run(equities: Sequence[Decimal]) -> float | None:
    """Of the same returns, by their own deviation, for the whole run as one period."""
    returns = steps(equities)
    if not returns:
        return None
    found = over(fmean(returns), pstdev(returns))
    return None if found is None else found * sqrt(len(returns))


def sharpe_of_trades(trades: Sequence[Closed]) -> float | None:
    """Of what each trade won, in money."""
    nets = [float(trade.net) for trade in trades]
    return over(fmean(nets), stdev(nets)) if len(nets) > 1 else None


def sharpe_over_baseline(days: Sequence[float], baseline: Sequence[float]) -> float | None:
    """Of daily returns beyond a baseline's; the outermost tenths count as their neighbours."""
    excess = sorted(one - other for one, other in zip(days, baseline, strict=True))
    if len(excess) < LEAST_DAYS:
        return None
    cut = int(WINSORISED * len(excess))
    inner = excess[cut : len(excess) - cut]
    trimmed = [inner[0]] * cut + inner + [inner[-1]] * cut
    return over(fmean(trimmed), stdev(trimmed))


def steps(equities: Sequence[Decimal]) -> list[float]:
    return [float(after / before) - 1 for before, after in pairwise(equities) if before > 0]


def over(gain: float, risk: float) -> float | None:
    return gain / risk if risk > 0 else None


def average(values: Numbers) -> float:
    return float(mean(values)) if values else 0.0


def middle(values: Numbers) -> float:
    return float(median(values)) if values else 0.0


def deviation(values: Numbers) -> float:
    return float(stdev(values)) if len(values) > 1 else 0.0


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
