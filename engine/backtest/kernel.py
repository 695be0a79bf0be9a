"""The bar loop: what becomes of every order, bar by bar, compiled once and kept on disk.

All of it stands in this one file, because what numba keeps on disk is made anew when the
file of a function changes, and not when a file it calls into does.

What happens in a bar, in this order; where a bar does not tell what came first, the
order is the one that costs more:

1. Funding is paid on what is held, at the open.
2. At the open: liquidations, stops, targets, then resting orders that the open is already
   through. All of them fill at the open, which is where a gap is paid.
3. Orders asked for on the bar before arrive: market orders fill at the open, limit and
   stop orders fill there if it is already through them, or rest.
4. Inside the bar: resting entries, but not those that turn a position round; stops and
   liquidations, nearest first; targets and resting limit closes, nearest first; entries
   that turn a position round, then their stops and targets. What a limit order opened inside
   the bar finds no target in the same bar, for the price may have been there before.
5. At the close, trailing stops follow; they count from the next bar on.

Where nothing can happen the loop goes on to the next bar on which something can: an order
arrives, funding is due, or the price reaches a level.

A direction is 0 for long and 1 for short; a leg is what is held of one symbol in one
direction, at `2 * symbol + direction`. `sign` is 1 for long and -1 for short.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Grid = NDArray[np.float64]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

OPEN, CLOSE, CANCEL, PROTECT = range(4)
MARKET, LIMIT, STOP = range(3)
FIXED, RANGE, VOLUME = range(3)
QUANTITY, NOTIONAL, MARGIN, RISK, VOLATILITY = range(5)
(
    BY_SIGNAL,
    BY_STOP,
    BY_TRAIL,
    BY_TARGET,
    BY_REVERSAL,
    BY_LIQUIDATION,
    BY_END,
) = range(7)

# Why an order was not done, counted.
HELD, NOTHING_HELD, TOO_SMALL, NO_MARGIN, UNSIZED = range(5)
REFUSALS = 5

# What is kept of a leg.
(
    L_QUANTITY,
    L_ENTRY,
    L_STOP,
    L_TARGET,
    L_TARGET_PART,
    L_TRAIL,
    L_TRAIL_FROM,
    L_BEST,
    L_TRAILED,
    L_MARGIN,
    L_FEES,
    L_FUNDING,
    L_BAR,
    L_START,
    L_ENTERED,
) = range(15)
LEG_FIELDS = 15
# How a leg was last entered in the bar at hand: not inside it, or by a resting order.
BEFORE, INSIDE_BY_LIMIT, INSIDE_BY_STOP = 0.0, 1.0, 2.0

FILL_FIELDS = ("bar", "leg", "action", "price", "quantity", "fee", "reason")
TRADE_FIELDS = (
    "leg",
    "entry_bar",
    "exit_bar",
    "quantity",
    "entry_price",
    "exit_price",
    "profit",
    "fees",
    "funding",
    "reason",
)
F_WIDTH = len(FILL_FIELDS)
T_WIDTH = len(TRADE_FIELDS)

# What is counted: resting orders, fills, trades; refusals follow.
N_RESTING, N_FILLS, N_TRADES, N_REFUSED = range(4)
CASH, FORGIVEN = range(2)
NO_ROW = -1


class Market(NamedTuple):
    """Prices, one row a symbol; `due` are the bars at whose open funding is paid."""

    open: Grid
    high: Grid
    low: Grid
    close: Grid
    volume: Grid
    funding: Grid
    due: Whole


class Rows(NamedTuple):
    """Intents in order of their bars; NaN says that nothing is asked."""

    bar: Whole
    symbol: Whole
    action: Whole
    direction: Whole
    kind: Whole
    price: Floats
    stop: Floats
    target: Floats
    target_part: Floats
    trail: Floats
    trail_from: Floats
    size: Floats
    volatility: Floats
    bars: Whole


class Rules(NamedTuple):
    cash: np.float64
    leverage: np.float64
    is_cross: bool
    # Below zero: nobody is liquidated.
    maintenance: np.float64
    liquidation_fee: np.float64
    maker_fee: np.float64
    taker_fee: np.float64
    slippage: int
    slip: np.float64
    may_leave_bar: bool
    sizing: int
    size: np.float64
    is_hedged: bool
    may_add: bool
    from_entry: bool
    closes_at_end: bool
    with_curve: bool
    with_records: bool
    step: Floats
    least_quantity: Floats
    least_notional: Floats


class Book(NamedTuple):
    """All that changes while the bars go by."""

    money: Floats
    legs: Grid
    resting: Whole
    counts: Whole
    fills: Grid
    trades: Grid


# --- prices -----------------------------------------------------------------------------


@njit(cache=True)
def lowest(market: Market, symbol: int, bar: int, at_open: bool) -> float:  # pragma: no cover
    return market.open[symbol, bar] if at_open else market.low[symbol, bar]


@njit(cache=True)
def highest(market: Market, symbol: int, bar: int, at_open: bool) -> float:  # pragma: no cover
    return market.open[symbol, bar] if at_open else market.high[symbol, bar]


@njit(cache=True)
def worst(  # pragma: no cover
    market: Market, leg: int, bar: int, at_open: bool
) -> float:
    """The price that hurts the leg most."""
    if leg & 1:
        return highest(market, leg >> 1, bar, at_open)
    return lowest(market, leg >> 1, bar, at_open)


@njit(cache=True)
def best(market: Market, leg: int, bar: int, at_open: bool) -> float:  # pragma: no cover
    if leg & 1:
        return lowest(market, leg >> 1, bar, at_open)
    return highest(market, leg >> 1, bar, at_open)


@njit(cache=True)
def taken(  # pragma: no cover
    market: Market,
    rules: Rules,
    symbol: int,
    bar: int,
    price: float,
    side: float,
    quantity: float,
) -> float:
    """What a taker gets for a price: worse by the slippage, inside the bar unless let out."""
    if rules.slip == 0.0:
        return price
    high, low = market.high[symbol, bar], market.low[symbol, bar]
    if rules.slippage == FIXED:
        apart = price * rules.slip
    elif rules.slippage == RANGE:
        apart = (high - low) * rules.slip
    else:
        volume = market.volume[symbol, bar]
        apart = price * rules.slip
        if quantity < volume:
            apart *= quantity / volume
    slipped = price + side * apart
    if rules.may_leave_bar:
        return slipped
    return min(max(slipped, low), high)


@njit(cache=True)
def liquidated_at(rules: Rules, book: Book, leg: int) -> float:  # pragma: no cover
    """Where the margin of an isolated leg is down to its maintenance."""
    held = book.legs[leg]
    a_unit = held[L_MARGIN] / held[L_QUANTITY]
    if leg & 1:
        return (held[L_ENTRY] + a_unit) / (1.0 + rules.maintenance)
    return (held[L_ENTRY] - a_unit) / (1.0 - rules.maintenance)


# --- what is held -----------------------------------------------------------------------


@njit(cache=True)
def unrealized(market: Market, book: Book, bar: int) -> float:  # pragma: no cover
    """What all legs have gained at the open of the bar."""
    total = 0.0
    for leg in range(len(book.legs)):
        held = book.legs[leg]
        if held[L_QUANTITY] > 0.0:
            sign = 1.0 - 2.0 * (leg & 1)
            total += sign * held[L_QUANTITY] * (market.open[leg >> 1, bar] - held[L_ENTRY])
    return total


@njit(cache=True)
def free_margin(market: Market, rules: Rules, book: Book, bar: int) -> float:  # pragma: no cover
    """Cash less margins; a cross account also has what it gained, at the open."""
    free = book.money[CASH] - book.legs[:, L_MARGIN].sum()
    if rules.is_cross:
        free += unrealized(market, book, bar)
    return free


@njit(cache=True)
def refuse(book: Book, why: int) -> None:  # pragma: no cover
    book.counts[N_REFUSED + why] += 1


@njit(cache=True)
def write_fill(  # pragma: no cover
    rules: Rules,
    book: Book,
    bar: int,
    leg: int,
    action: int,
    price: float,
    quantity: float,
    fee: float,
    reason: int,
) -> None:
    if rules.with_records:
        fill = book.fills[book.counts[N_FILLS]]
        fill[0], fill[1], fill[2], fill[3] = bar, leg, action, price
        fill[4], fill[5], fill[6] = quantity, fee, reason
    book.counts[N_FILLS] += 1


@njit(cache=True)
def write_trade(  # pragma: no cover
    rules: Rules,
    book: Book,
    bar: int,
    leg: int,
    quantity: float,
    price: float,
    profit: float,
    fees: float,
    funding: float,
    reason: int,
) -> None:
    if rules.with_records:
        held, trade = book.legs[leg], book.trades[book.counts[N_TRADES]]
        trade[0], trade[1], trade[2], trade[3] = leg, held[L_BAR], bar, quantity
        trade[4], trade[5], trade[6] = held[L_ENTRY], price, profit
        trade[7], trade[8], trade[9] = fees, funding, reason
    book.counts[N_TRADES] += 1


@njit(cache=True)
def leave(  # pragma: no cover
    rules: Rules,
    book: Book,
    rows: Rows,
    bar: int,
    leg: int,
    quantity: float,
    price: float,
    rate: float,
    reason: int,
) -> None:
    """Close some of a leg at a price; the last of it takes the resting closes with it."""
    held = book.legs[leg]
    is_whole = quantity >= held[L_QUANTITY]
    if is_whole:
        quantity = held[L_QUANTITY]
    part = 1.0 if is_whole else quantity / held[L_QUANTITY]
    sign = 1.0 - 2.0 * (leg & 1)
    profit = sign * quantity * (price - held[L_ENTRY])
    fee = quantity * price * rate
    if reason == BY_LIQUIDATION and not rules.is_cross:
        # An isolated leg loses its margin and no more; a gap beyond it is not its owner's.
        left = held[L_MARGIN] + profit
        fee = min(fee, max(left, 0.0))
        if left < 0.0:
            book.money[FORGIVEN] -= left
            book.money[CASH] -= left
    entry_fees, funding = held[L_FEES] * part, held[L_FUNDING] * part
    book.money[CASH] += profit - fee
    write_fill(rules, book, bar, leg, CLOSE, price, quantity, fee, reason)
    write_trade(rules, book, bar, leg, quantity, price, profit, entry_fees + fee, funding, reason)
    if is_whole:
        held[:] = 0.0
        cancel(book, rows, leg, True)
    else:
        held[L_QUANTITY] -= quantity
        held[L_MARGIN] -= held[L_MARGIN] * part
        held[L_FEES] -= entry_fees
        held[L_FUNDING] -= funding


@njit(cache=True)
def leave_as_taker(  # pragma: no cover
    market: Market,
    rules: Rules,
    book: Book,
    rows: Rows,
    bar: int,
    leg: int,
    quantity: float,
    price: float,
    reason: int,
) -> None:
    side = 2.0 * (leg & 1) - 1.0
    paid = taken(market, rules, leg >> 1, bar, price, side, quantity)
    leave(rules, book, rows, bar, leg, quantity, paid, rules.taker_fee, reason)


@njit(cache=True)
def cancel(book: Book, rows: Rows, leg: int, only_closes: bool) -> None:  # pragma: no cover
    """Take the resting orders of a leg away."""
    for place in range(book.counts[N_RESTING]):
        row = book.resting[place]
        if row == NO_ROW or 2 * rows.symbol[row] + rows.direction[row] != leg:
            continue
        if not only_closes or rows.action[row] == CLOSE:
            book.resting[place] = NO_ROW


# --- entries ----------------------------------------------------------------------------


@njit(cache=True)
def stepped(rules: Rules, symbol: int, quantity: float) -> float:  # pragma: no cover
    """Down to the venue's step; a quantity that is a step but for its last bits stays one."""
    step = rules.step[symbol]
    return np.floor(quantity / step + 1e-9) * step if step > 0.0 else quantity


@njit(cache=True)
def wanted(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, row: int, bar: int, price: float
) -> float:
    """The quantity an order is for; NaN where what its size is made of was not told."""
    size = rules.size if np.isnan(rows.size[row]) else rows.size[row]
    if rules.sizing == QUANTITY:
        return size
    if rules.sizing == NOTIONAL:
        return size / price
    equity = book.money[CASH] + unrealized(market, book, bar)
    at_stake = equity * size
    if rules.sizing == MARGIN:
        return at_stake * rules.leverage / price
    if rules.sizing == VOLATILITY:
        distance = rows.volatility[row]
    elif rules.from_entry:
        distance = price * rows.stop[row]
    else:
        distance = abs(price - rows.stop[row])
    return at_stake / distance if distance > 0.0 else np.nan


@njit(cache=True)
def protect(rules: Rules, book: Book, rows: Rows, row: int, leg: int) -> None:  # pragma: no cover
    """Give a leg the levels its order asks for; what is not asked for stays."""
    held = book.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    stop, target = rows.stop[row], rows.target[row]
    if rules.from_entry:
        stop = held[L_ENTRY] * (1.0 - sign * stop)
        target = held[L_ENTRY] * (1.0 + sign * target)
    if not np.isnan(stop):
        held[L_STOP], held[L_TRAILED] = stop, 0.0
    if not np.isnan(target):
        held[L_TARGET] = target
        part = rows.target_part[row]
        held[L_TARGET_PART] = 1.0 if np.isnan(part) else part
    if not np.isnan(rows.trail[row]):
        held[L_TRAIL] = rows.trail[row]
        since = rows.trail_from[row]
        held[L_TRAIL_FROM] = 0.0 if np.isnan(since) else since


@njit(cache=True)
def hold(  # pragma: no cover
    rules: Rules,
    book: Book,
    rows: Rows,
    row: int,
    bar: int,
    leg: int,
    quantity: float,
    paid: float,
    fee: float,
) -> None:
    held = book.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    if held[L_QUANTITY] == 0.0:
        held[L_STOP], held[L_TARGET] = -sign * np.inf, sign * np.inf
        held[L_BAR], held[L_BEST], held[L_ENTRY] = bar, paid, paid
        held[L_QUANTITY] = quantity
    else:
        total = held[L_QUANTITY] + quantity
        held[L_ENTRY] = (held[L_QUANTITY] * held[L_ENTRY] + quantity * paid) / total
        held[L_QUANTITY] = total
    held[L_MARGIN] += quantity * paid / rules.leverage
    held[L_FEES] += fee
    book.money[CASH] -= fee
    protect(rules, book, rows, row, leg)


@njit(cache=True)
def enter(  # pragma: no cover
    market: Market,
    rules: Rules,
    book: Book,
    rows: Rows,
    row: int,
    bar: int,
    price: float,
    is_taker: bool,
    entered: float,
) -> None:
    """Open what a row asks for; where both directions cannot be held, the other closes first."""
    symbol = rows.symbol[row]
    leg = 2 * symbol + rows.direction[row]
    side = 1.0 - 2.0 * (leg & 1)
    rate = rules.taker_fee if is_taker else rules.maker_fee
    other = book.legs[leg ^ 1, L_QUANTITY]
    if not rules.is_hedged and other > 0.0:
        paid = taken(market, rules, symbol, bar, price, side, other) if is_taker else price
        leave(rules, book, rows, bar, leg ^ 1, other, paid, rate, BY_REVERSAL)
    if not rules.may_add and book.legs[leg, L_QUANTITY] > 0.0:
        refuse(book, HELD)
        return
    quantity = stepped(rules, symbol, wanted(market, rules, book, rows, row, bar, price))
    if np.isnan(quantity):
        refuse(book, UNSIZED)
        return
    paid = taken(market, rules, symbol, bar, price, side, quantity) if is_taker else price
    needed = paid * (1.0 / rules.leverage + rate)
    free = free_margin(market, rules, book, bar)
    if quantity * needed > free:
        if rules.sizing <= NOTIONAL:
            refuse(book, NO_MARGIN)
            return
        quantity = stepped(rules, symbol, max(free, 0.0) / needed)
    notional = quantity * price
    is_small = quantity < rules.least_quantity[symbol] or notional < rules.least_notional[symbol]
    if quantity <= 0.0 or is_small:
        refuse(book, TOO_SMALL)
        return
    fee = quantity * paid * rate
    write_fill(rules, book, bar, leg, OPEN, paid, quantity, fee, BY_SIGNAL)
    hold(rules, book, rows, row, bar, leg, quantity, paid, fee)
    if entered != BEFORE:
        book.legs[leg, L_START] = price
    else:
        book.legs[leg, L_START] = market.open[symbol, bar]
    book.legs[leg, L_ENTERED] = entered


# --- exits ------------------------------------------------------------------------------


@njit(cache=True)
def closing(rules: Rules, book: Book, rows: Rows, row: int, leg: int) -> float:  # pragma: no cover
    """How much a closing order takes: its share of what is held, all of it if none is told."""
    held = book.legs[leg, L_QUANTITY]
    share = rows.size[row]
    if np.isnan(share) or share >= 1.0:
        return held
    return stepped(rules, leg >> 1, held * share)


@njit(cache=True)
def leave_by_row(  # pragma: no cover
    market: Market,
    rules: Rules,
    book: Book,
    rows: Rows,
    row: int,
    bar: int,
    price: float,
    is_taker: bool,
) -> None:
    leg = 2 * rows.symbol[row] + rows.direction[row]
    quantity = closing(rules, book, rows, row, leg)
    if quantity <= 0.0:
        refuse(book, TOO_SMALL)
    elif is_taker:
        leave_as_taker(market, rules, book, rows, bar, leg, quantity, price, BY_SIGNAL)
    else:
        leave(rules, book, rows, bar, leg, quantity, price, rules.maker_fee, BY_SIGNAL)


@njit(cache=True)
def nearest_close(  # pragma: no cover
    book: Book, rows: Rows, leg: int, kind: int, toward: float
) -> int:
    """The place of the resting close of this kind that the price meets first, going up
    (toward is 1) or down (-1)."""
    found = NO_ROW
    for place in range(book.counts[N_RESTING]):
        row = book.resting[place]
        if row == NO_ROW or rows.action[row] != CLOSE or rows.kind[row] != kind:
            continue
        if 2 * rows.symbol[row] + rows.direction[row] != leg:
            continue
        if found == NO_ROW:
            found = place
        elif toward * (rows.price[book.resting[found]] - rows.price[row]) > 0.0:
            found = place
    return found


@njit(cache=True)
def beyond(level: float, price: float, toward: float) -> bool:  # pragma: no cover
    """Whether the price, going up (toward is 1) or down (-1), is at the level or through."""
    return toward * (price - level) >= 0.0


@njit(cache=True)
def next_stop(book: Book, rows: Rows, leg: int) -> tuple[float, int]:  # pragma: no cover
    """The stop that the leg meets first, and the place of its order if it is a resting one."""
    sign = 1.0 - 2.0 * (leg & 1)
    level = book.legs[leg, L_STOP]
    place = nearest_close(book, rows, leg, STOP, -sign)
    if place != NO_ROW:
        price = rows.price[book.resting[place]]
        if sign * (price - level) > 0.0:
            return price, place
    return level, NO_ROW


@njit(cache=True)
def stop_out(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, leg: int, place: int
) -> None:
    """Fill the leg's stop, or the resting one at this place: at its level, or where the price
    already was beyond it."""
    sign = 1.0 - 2.0 * (leg & 1)
    held = book.legs[leg]
    level = held[L_STOP] if place == NO_ROW else rows.price[book.resting[place]]
    price = held[L_START] if beyond(level, held[L_START], -sign) else level
    if place == NO_ROW:
        reason = BY_TRAIL if held[L_TRAILED] > 0.0 else BY_STOP
        leave_as_taker(market, rules, book, rows, bar, leg, held[L_QUANTITY], price, reason)
    else:
        row = book.resting[place]
        book.resting[place] = NO_ROW
        leave_by_row(market, rules, book, rows, row, bar, price, True)


@njit(cache=True)
def stops_of_leg(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, leg: int, at_open: bool
) -> None:
    """Stops and the liquidation of one leg, as the price goes against it."""
    sign = 1.0 - 2.0 * (leg & 1)
    low = worst(market, leg, bar, at_open)
    is_isolated = not rules.is_cross and rules.maintenance >= 0.0
    while book.legs[leg, L_QUANTITY] > 0.0:
        level, place = next_stop(book, rows, leg)
        if is_isolated:
            last = liquidated_at(rules, book, leg)
            if beyond(last, level, -sign):
                if beyond(last, low, -sign):
                    liquidate(rules, book, rows, bar, leg, last)
                return
        if not beyond(level, low, -sign):
            return
        stop_out(market, rules, book, rows, bar, leg, place)


@njit(cache=True)
def liquidate(  # pragma: no cover
    rules: Rules, book: Book, rows: Rows, bar: int, leg: int, level: float
) -> None:
    sign = 1.0 - 2.0 * (leg & 1)
    start, quantity = book.legs[leg, L_START], book.legs[leg, L_QUANTITY]
    price = start if beyond(level, start, -sign) else level
    leave(rules, book, rows, bar, leg, quantity, price, rules.liquidation_fee, BY_LIQUIDATION)


@njit(cache=True)
def above_maintenance(
    rules: Rules, book: Book, leg: int, price: float
) -> float:  # pragma: no cover
    """What a leg adds to an account's distance from its liquidation, at a price."""
    held = book.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    gained = sign * (price - held[L_ENTRY]) - rules.maintenance * price
    return held[L_QUANTITY] * gained


@njit(cache=True)
def worst_end(  # pragma: no cover
    market: Market, rules: Rules, book: Book, symbol: int, bar: int, at_open: bool
) -> float:
    """The end of a bar that leaves least of both legs of a symbol."""
    low = lowest(market, symbol, bar, at_open)
    high = highest(market, symbol, bar, at_open)
    at_low = above_maintenance(rules, book, 2 * symbol, low)
    at_low += above_maintenance(rules, book, 2 * symbol + 1, low)
    at_high = above_maintenance(rules, book, 2 * symbol, high)
    at_high += above_maintenance(rules, book, 2 * symbol + 1, high)
    return low if at_low <= at_high else high


@njit(cache=True)
def way_to_liquidation(  # pragma: no cover
    market: Market, rules: Rules, book: Book, bar: int, at_open: bool
) -> float:
    """How far along the bar's worst way a cross account is liquidated: from 0 where it begins
    to 1 at its end, more if it is not. On that way all symbols move at once."""
    at_start = book.money[CASH]
    at_end = book.money[CASH]
    for symbol in range(len(book.legs) // 2):
        end = worst_end(market, rules, book, symbol, bar, at_open)
        for leg in range(2 * symbol, 2 * symbol + 2):
            at_start += above_maintenance(rules, book, leg, book.legs[leg, L_START])
            at_end += above_maintenance(rules, book, leg, end)
    if at_start <= 0.0:
        return 0.0
    return at_start / (at_start - at_end) if at_end <= 0.0 else 2.0


@njit(cache=True)
def next_stop_on_the_way(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, at_open: bool
) -> tuple[float, int, int]:
    """Of the stops on the worst way the first: how far along it, its leg and its place."""
    first, of_leg, of_place = 2.0, 0, NO_ROW
    for leg in range(len(book.legs)):
        if book.legs[leg, L_QUANTITY] == 0.0:
            continue
        end = worst_end(market, rules, book, leg >> 1, bar, at_open)
        sign = 1.0 - 2.0 * (leg & 1)
        start = book.legs[leg, L_START]
        level, place = next_stop(book, rows, leg)
        if not beyond(level, end, -sign):
            continue
        way = 0.0 if beyond(level, start, -sign) else (start - level) / (start - end)
        if way < first:
            first, of_leg, of_place = way, leg, place
    return first, of_leg, of_place


@njit(cache=True)
def liquidate_account(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, at_open: bool, way: float
) -> None:
    """Close all legs where they stand at this point of the worst way; nobody owes the rest."""
    fee = rules.liquidation_fee
    for symbol in range(len(book.legs) // 2):
        end = worst_end(market, rules, book, symbol, bar, at_open)
        for leg in range(2 * symbol, 2 * symbol + 2):
            quantity, start = book.legs[leg, L_QUANTITY], book.legs[leg, L_START]
            if quantity > 0.0:
                price = start + way * (end - start)
                leave(rules, book, rows, bar, leg, quantity, price, fee, BY_LIQUIDATION)
    if book.money[CASH] < 0.0:
        book.money[FORGIVEN] -= book.money[CASH]
        book.money[CASH] = 0.0


@njit(cache=True)
def stops(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, at_open: bool
) -> None:
    """Stops and liquidations of all legs."""
    if rules.is_cross and rules.maintenance >= 0.0:
        while book.legs[:, L_QUANTITY].sum() > 0.0:
            last = way_to_liquidation(market, rules, book, bar, at_open)
            if last > 1.0:
                break
            way, leg, place = next_stop_on_the_way(market, rules, book, rows, bar, at_open)
            if way >= last:
                liquidate_account(market, rules, book, rows, bar, at_open, last)
                break
            stop_out(market, rules, book, rows, bar, leg, place)
    for leg in range(len(book.legs)):
        stops_of_leg(market, rules, book, rows, bar, leg, at_open)


@njit(cache=True)
def targets_of_leg(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, leg: int, at_open: bool
) -> None:
    """The target and the resting limit closes of one leg, as the price goes its way."""
    sign = 1.0 - 2.0 * (leg & 1)
    high = best(market, leg, bar, at_open)
    held = book.legs[leg]
    while held[L_QUANTITY] > 0.0 and held[L_ENTERED] != INSIDE_BY_LIMIT:
        level = held[L_TARGET]
        place = nearest_close(book, rows, leg, LIMIT, sign)
        if place != NO_ROW:
            asked = rows.price[book.resting[place]]
            if sign * (level - asked) > 0.0:
                level = asked
            else:
                place = NO_ROW
        if not beyond(level, high, sign):
            return
        price = held[L_START] if beyond(level, held[L_START], sign) else level
        if place == NO_ROW:
            take_target(rules, book, rows, bar, leg, price)
        else:
            row = book.resting[place]
            book.resting[place] = NO_ROW
            leave_by_row(market, rules, book, rows, row, bar, price, False)


@njit(cache=True)
def take_target(  # pragma: no cover
    rules: Rules, book: Book, rows: Rows, bar: int, leg: int, price: float
) -> None:
    held = book.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    part = held[L_TARGET_PART]
    held[L_TARGET] = sign * np.inf
    quantity = held[L_QUANTITY]
    if part < 1.0:
        quantity = stepped(rules, leg >> 1, quantity * part)
    if quantity > 0.0:
        leave(rules, book, rows, bar, leg, quantity, price, rules.maker_fee, BY_TARGET)
    else:
        refuse(book, TOO_SMALL)


@njit(cache=True)
def targets(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, at_open: bool
) -> None:
    for leg in range(len(book.legs)):
        targets_of_leg(market, rules, book, rows, bar, leg, at_open)


# --- orders -----------------------------------------------------------------------------


@njit(cache=True)
def rest(book: Book, row: int) -> None:  # pragma: no cover
    book.resting[book.counts[N_RESTING]] = row
    book.counts[N_RESTING] += 1


@njit(cache=True)
def toward_of(rows: Rows, row: int) -> float:  # pragma: no cover
    """Which way the price must go to fill an order: buying limits and selling stops wait below."""
    side = 1.0 if (rows.action[row] == OPEN) == (rows.direction[row] == 0) else -1.0
    return side if rows.kind[row] == STOP else -side


@njit(cache=True)
def tidy(book: Book, rows: Rows, bar: int) -> None:  # pragma: no cover
    """Forget the orders that were filled, canceled or are too old."""
    kept = 0
    for place in range(book.counts[N_RESTING]):
        row = book.resting[place]
        if row == NO_ROW or (rows.bars[row] > 0 and bar > rows.bar[row] + rows.bars[row]):
            continue
        book.resting[kept] = row
        kept += 1
    book.counts[N_RESTING] = kept


@njit(cache=True)
def resting_entries(  # pragma: no cover
    market: Market,
    rules: Rules,
    book: Book,
    rows: Rows,
    bar: int,
    at_open: bool,
    with_reversals: bool,
) -> None:
    """Fill the resting entries that the price reaches, the oldest first."""
    for place in range(book.counts[N_RESTING]):
        row = book.resting[place]
        if row == NO_ROW or rows.action[row] != OPEN:
            continue
        leg = 2 * rows.symbol[row] + rows.direction[row]
        turns = not rules.is_hedged and book.legs[leg ^ 1, L_QUANTITY] > 0.0
        if turns and not with_reversals:
            continue
        toward, level = toward_of(rows, row), rows.price[row]
        symbol = rows.symbol[row]
        if toward > 0.0:
            end = highest(market, symbol, bar, at_open)
        else:
            end = lowest(market, symbol, bar, at_open)
        if not beyond(level, end, toward):
            continue
        book.resting[place] = NO_ROW
        is_taker = rows.kind[row] == STOP
        if at_open:
            enter(market, rules, book, rows, row, bar, end, is_taker, BEFORE)
        else:
            entered = INSIDE_BY_STOP if is_taker else INSIDE_BY_LIMIT
            enter(market, rules, book, rows, row, bar, level, is_taker, entered)


@njit(cache=True)
def arrive(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, row: int, bar: int
) -> None:
    """An order reaches the market at the open of the bar after it was asked for."""
    action = rows.action[row]
    symbol = rows.symbol[row]
    leg = 2 * symbol + rows.direction[row]
    if action == CANCEL:
        cancel(book, rows, leg, False)
        return
    is_held = book.legs[leg, L_QUANTITY] > 0.0
    if action == PROTECT:
        if is_held:
            protect(rules, book, rows, row, leg)
        else:
            refuse(book, NOTHING_HELD)
        return
    price = market.open[symbol, bar]
    is_market = rows.kind[row] == MARKET
    is_through = is_market or beyond(rows.price[row], price, toward_of(rows, row))
    if action == OPEN and is_through:
        enter(market, rules, book, rows, row, bar, price, True, BEFORE)
    elif action == CLOSE and is_through and is_held:
        leave_by_row(market, rules, book, rows, row, bar, price, True)
    elif is_market:
        refuse(book, NOTHING_HELD)
    else:
        rest(book, row)


# --- the bar ----------------------------------------------------------------------------


@njit(cache=True)
def pay_funding(market: Market, book: Book, bar: int) -> None:  # pragma: no cover
    """Longs pay a positive rate on what they hold at the open, shorts get it."""
    for leg in range(len(book.legs)):
        held = book.legs[leg]
        if held[L_QUANTITY] > 0.0:
            sign = 1.0 - 2.0 * (leg & 1)
            notional = held[L_QUANTITY] * market.open[leg >> 1, bar]
            paid = sign * notional * market.funding[leg >> 1, bar]
            held[L_FUNDING] += paid
            book.money[CASH] -= paid


@njit(cache=True)
def trail(market: Market, book: Book, bar: int) -> None:  # pragma: no cover
    """Let trailing stops follow the best price; what came before an entry is not its best."""
    for leg in range(len(book.legs)):
        held = book.legs[leg]
        if held[L_QUANTITY] == 0.0 or held[L_TRAIL] <= 0.0:
            continue
        sign = 1.0 - 2.0 * (leg & 1)
        seen = best(market, leg, bar, False)
        if held[L_ENTERED] == INSIDE_BY_LIMIT:
            seen = market.close[leg >> 1, bar]
        if sign * (seen - held[L_BEST]) > 0.0:
            held[L_BEST] = seen
        if sign * (held[L_BEST] - held[L_ENTRY] * (1.0 + sign * held[L_TRAIL_FROM])) < 0.0:
            continue
        stop = held[L_BEST] * (1.0 - sign * held[L_TRAIL])
        if sign * (stop - held[L_STOP]) > 0.0:
            held[L_STOP], held[L_TRAILED] = stop, 1.0


@njit(cache=True)
def one_bar(  # pragma: no cover
    market: Market,
    rules: Rules,
    book: Book,
    rows: Rows,
    bar: int,
    first: int,
    last: int,
    is_due: bool,
) -> None:
    """All that happens in a bar; the rows from `first` to before `last` arrive at its open."""
    for leg in range(len(book.legs)):
        book.legs[leg, L_START] = market.open[leg >> 1, bar]
        book.legs[leg, L_ENTERED] = BEFORE
    tidy(book, rows, bar)
    if is_due:
        pay_funding(market, book, bar)
    stops(market, rules, book, rows, bar, True)
    targets(market, rules, book, rows, bar, True)
    resting_entries(market, rules, book, rows, bar, True, True)
    for row in range(first, last):
        arrive(market, rules, book, rows, row, bar)
    resting_entries(market, rules, book, rows, bar, False, False)
    stops(market, rules, book, rows, bar, False)
    targets(market, rules, book, rows, bar, False)
    if book.counts[N_RESTING] > 0:
        resting_entries(market, rules, book, rows, bar, False, True)
        stops(market, rules, book, rows, bar, False)
        targets(market, rules, book, rows, bar, False)
    trail(market, book, bar)


@njit(cache=True)
def account_levels(
    rules: Rules, book: Book, symbol: int
) -> tuple[float, float]:  # pragma: no cover
    """Between which prices a cross account that holds this symbol alone is not liquidated,
    a little tighter than that: waking too early is no harm."""
    at_zero, a_unit = book.money[CASH], 0.0
    for leg in range(2 * symbol, 2 * symbol + 2):
        held = book.legs[leg]
        sign = 1.0 - 2.0 * (leg & 1)
        at_zero -= sign * held[L_QUANTITY] * held[L_ENTRY]
        a_unit += held[L_QUANTITY] * (sign - rules.maintenance)
    if a_unit > 0.0:
        return -at_zero / a_unit * (1.0 + 1e-9), np.inf
    if a_unit < 0.0:
        return -np.inf, -at_zero / a_unit * (1.0 - 1e-9)
    return -np.inf, np.inf


@njit(cache=True)
def levels_of_symbol(  # pragma: no cover
    rules: Rules, book: Book, rows: Rows, symbol: int
) -> tuple[float, float]:
    """Between which prices nothing happens to the legs and orders of a symbol."""
    low, high = -np.inf, np.inf
    if rules.is_cross and rules.maintenance >= 0.0:
        low, high = account_levels(rules, book, symbol)
    for leg in range(2 * symbol, 2 * symbol + 2):
        held = book.legs[leg]
        if held[L_QUANTITY] == 0.0:
            continue
        sign = 1.0 - 2.0 * (leg & 1)
        stop, target = held[L_STOP], held[L_TARGET]
        if not rules.is_cross and rules.maintenance >= 0.0:
            last = liquidated_at(rules, book, leg)
            stop = max(sign * stop, sign * last) * sign
        low, high = max(low, min(stop, target)), min(high, max(stop, target))
    for place in range(book.counts[N_RESTING]):
        row = book.resting[place]
        if row == NO_ROW or rows.symbol[row] != symbol:
            continue
        if toward_of(rows, row) > 0.0:
            high = min(high, rows.price[row])
        else:
            low = max(low, rows.price[row])
    return low, high


@njit(cache=True)
def holds_many(book: Book) -> bool:  # pragma: no cover
    """Whether more than one symbol is held."""
    held = 0
    for symbol in range(len(book.legs) // 2):
        if book.legs[2 * symbol, L_QUANTITY] + book.legs[2 * symbol + 1, L_QUANTITY] > 0.0:
            held += 1
    return held > 1


@njit(cache=True)
def next_touch(  # pragma: no cover
    market: Market, rules: Rules, book: Book, rows: Rows, bar: int, until: int
) -> int:
    """The first bar from this one on, and before `until`, on which something may happen."""
    for leg in range(len(book.legs)):
        if book.legs[leg, L_TRAIL] > 0.0:
            return bar
    if rules.is_cross and rules.maintenance >= 0.0 and holds_many(book):
        return bar
    for symbol in range(len(book.legs) // 2):
        low, high = levels_of_symbol(rules, book, rows, symbol)
        if low <= 0.0 and high == np.inf:
            continue
        lows, highs = market.low[symbol], market.high[symbol]
        calm = bar
        while calm < until and lows[calm] > low and highs[calm] < high:
            calm += 1
        until = calm
    return until


@njit(cache=True)
def mark(  # pragma: no cover
    market: Market, book: Book, curve: Floats, bar: int, until: int
) -> None:
    """Write what the account is worth at the closes from `bar` to before `until`."""
    curve[bar:until] = book.money[CASH]
    for leg in range(len(book.legs)):
        quantity, entry = book.legs[leg, L_QUANTITY], book.legs[leg, L_ENTRY]
        if quantity > 0.0:
            signed = quantity * (1.0 - 2.0 * (leg & 1))
            closes = market.close[leg >> 1]
            for at in range(bar, until):
                curve[at] += signed * (closes[at] - entry)


@njit(cache=True)
def end(market: Market, rules: Rules, book: Book, rows: Rows) -> None:  # pragma: no cover
    """Close what is still held at the last close."""
    bar = market.close.shape[1] - 1
    for leg in range(len(book.legs)):
        quantity = book.legs[leg, L_QUANTITY]
        if quantity > 0.0:
            price = market.close[leg >> 1, bar]
            leave_as_taker(market, rules, book, rows, bar, leg, quantity, price, BY_END)


@njit(cache=True)
def new_book(symbols: int, rules: Rules, count: int) -> Book:  # pragma: no cover
    """An order fills once and may turn a leg round; the leg it opens closes by target and at last."""
    records = 4 * count + 2 * symbols if rules.with_records else 0
    return Book(
        np.array([rules.cash, 0.0]),
        np.zeros((2 * symbols, LEG_FIELDS)),
        np.empty(count, np.int64),
        np.zeros(N_REFUSED + REFUSALS, np.int64),
        np.empty((records, F_WIDTH)),
        np.empty((records, T_WIDTH)),
    )


@njit(cache=True, nogil=True)
def simulate(market: Market, rows: Rows, rules: Rules) -> tuple[Book, Floats]:  # pragma: no cover
    """Every bar in turn, and the account's worth at each close where that is asked for."""
    symbols, bars = market.open.shape
    book = new_book(symbols, rules, len(rows.bar))
    curve = np.empty(bars if rules.with_curve else 0)
    bar, row, due = 0, 0, 0
    while bar < bars:
        first = row
        while row < len(rows.bar) and rows.bar[row] < bar:
            row += 1
        is_due = due < len(market.due) and market.due[due] == bar
        one_bar(market, rules, book, rows, bar, first, row, is_due)
        due += is_due
        until = bars
        if row < len(rows.bar):
            until = min(until, rows.bar[row] + 1)
        if due < len(market.due):
            until = min(until, market.due[due])
        until = next_touch(market, rules, book, rows, bar + 1, until)
        if rules.with_curve:
            mark(market, book, curve, bar, until)
        bar = until
    if rules.closes_at_end:
        end(market, rules, book, rows)
        if rules.with_curve:
            curve[bars - 1] = book.money[CASH]
    return book, curve
