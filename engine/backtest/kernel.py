"""The bar loop: what becomes of every order, bar by bar, compiled once and kept on disk.

All of it stands in this one file, because the code that is kept on disk is made anew when the
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

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from typing import Any, NamedTuple

import numpy as np

from engine.compiled import compiled
from engine.parts import Codes, Cube, Floats, Grid, Places, Whole, instruction, part

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

# What is counted: resting orders, trailing stops, fundings paid, fills, trades; refusals follow.
N_RESTING, N_TRAILS, N_PAID, N_FILLS, N_TRADES, N_REFUSED = range(6)
CASH, FORGIVEN = range(2)
NO_ROW = -1


# So many bars are marked side by side; and so many of each average are compared before the next
# pair's, so that they stay near.
STRETCH, BLOCK = 16, 2048
# So many are compared at once.
WORD = 64
# So many intents ahead the prices that they will trade at are fetched.
AHEAD = 8
# Of each byte the first bit, and of each four bits the first two.
FIRSTS, FOURS = np.uint64(0x0101010101010101), np.uint64(0x3333333333333333)

# A bar's phases: at the open exits, resting entries and what arrives; then inside the bar; then
# stops that follow its close.
OPEN_EXITS, OPEN_ENTRIES, ARRIVALS, INSIDE, REVERSALS, TRAILS = range(6)
PHASES = 6

# An intent's columns: whole numbers in `codes`, the others in `asked`, NaN where nothing is.
A_BAR, A_SYMBOL, A_ACTION, A_DIRECTION, A_KIND, A_BARS = range(6)
(
    A_PRICE,
    A_STOP,
    A_TARGET,
    A_TARGET_PART,
    A_TRAIL,
    A_TRAIL_FROM,
    A_SIZE,
    A_VOLATILITY,
) = range(8)


class Rules(NamedTuple):
    leverage: float
    is_cross: bool
    # Below zero: nobody is liquidated.
    maintenance: float
    liquidation_fee: float
    maker_fee: float
    taker_fee: float
    slippage: int
    slip: float
    may_leave_bar: bool
    sizing: int
    size: float
    is_hedged: bool
    may_add: bool
    from_entry: bool
    closes_at_end: bool
    with_curve: bool
    with_records: bool


class Run(NamedTuple):
    """One backtest: what it is given, and the books that change while the bars go by."""

    # One row a symbol.
    open: Grid
    high: Grid
    low: Grid
    close: Grid
    volume: Grid
    funding: Grid
    # The bars at whose open funding is paid.
    due: Whole
    # One row an intent, in order of their bars; or one row of `asked` for all of them.
    codes: Codes
    asked: Grid
    # A symbol's step, least quantity and least notional.
    limits: Grid
    rules: Rules
    money: Floats
    legs: Grid
    resting: Whole
    counts: Whole
    # A symbol's prices between which nothing happens to its legs and orders.
    calm: Grid
    fills: Grid
    trades: Grid
    curve: Floats


class Books(NamedTuple):
    """What changes while a run goes by, of several runs on the same bars: a place each."""

    money: Grid
    legs: Cube
    counts: Places
    calm: Cube


class Crosses(NamedTuple):
    """Pairs of averages, a run each: long while the first is above the second, short else."""

    averages: Grid
    pairs: Places
    # From which bar on an average is known.
    known: Whole


NO_CROSSES = Crosses(
    averages=np.empty((0, 0)),
    pairs=np.empty((0, 2), np.int64),
    known=np.empty(0, np.int64),
)


def own_books(run: Run) -> Books:
    return Books(run.money[None], run.legs[None], run.counts[None], run.calm[None])


def begun(run: Run, count: int) -> Books:
    """Books of so many runs that begin as this one does."""
    return Books(
        np.repeat(run.money[None], count, 0),
        np.repeat(run.legs[None], count, 0),
        np.repeat(run.counts[None], count, 0),
        np.repeat(run.calm[None], count, 0),
    )


@part
def orders_resting(run: Run) -> int:
    """How many orders rest: none where there is no place for them."""
    return run.counts[N_RESTING] if len(run.resting) > 0 else 0


@part
def lowest(run: Run, symbol: int, bar: int, at_open: bool) -> float:
    return run.open[symbol, bar] if at_open else run.low[symbol, bar]


@part
def highest(run: Run, symbol: int, bar: int, at_open: bool) -> float:
    return run.open[symbol, bar] if at_open else run.high[symbol, bar]


@part
def worst(run: Run, leg: int, bar: int, at_open: bool) -> float:
    """The price that hurts the leg most."""
    if leg & 1:
        return highest(run, leg >> 1, bar, at_open)
    return lowest(run, leg >> 1, bar, at_open)


@part
def best(run: Run, leg: int, bar: int, at_open: bool) -> float:
    if leg & 1:
        return lowest(run, leg >> 1, bar, at_open)
    return highest(run, leg >> 1, bar, at_open)


@part
def taken(run: Run, symbol: int, bar: int, price: float, side: float, quantity: float) -> float:
    """What a taker gets for a price: worse by the slippage, inside the bar unless let out."""
    if run.rules.slip == 0.0:
        return price
    high, low = run.high[symbol, bar], run.low[symbol, bar]
    if run.rules.slippage == FIXED:
        apart = price * run.rules.slip
    elif run.rules.slippage == RANGE:
        apart = (high - low) * run.rules.slip
    else:
        volume = run.volume[symbol, bar]
        apart = price * run.rules.slip
        if quantity < volume:
            apart *= quantity / volume
    slipped = price + side * apart
    if run.rules.may_leave_bar:
        return slipped
    return min(max(slipped, low), high)


@part
def liquidated_at(run: Run, leg: int) -> float:
    """Where the margin of an isolated leg is down to its maintenance."""
    held = run.legs[leg]
    a_unit = held[L_MARGIN] / held[L_QUANTITY]
    if leg & 1:
        return (held[L_ENTRY] + a_unit) / (1.0 + run.rules.maintenance)
    return (held[L_ENTRY] - a_unit) / (1.0 - run.rules.maintenance)


@part
def unrealized(run: Run, bar: int) -> float:
    """What all legs have gained at the open of the bar."""
    total = 0.0
    for leg in range(len(run.legs)):
        held = run.legs[leg]
        if held[L_QUANTITY] > 0.0:
            sign = 1.0 - 2.0 * (leg & 1)
            total += sign * held[L_QUANTITY] * (run.open[leg >> 1, bar] - held[L_ENTRY])
    return total


@part
def free_margin(run: Run, bar: int) -> float:
    """Cash less margins; a cross account also has what it gained, at the open."""
    free = run.money[CASH]
    for leg in range(len(run.legs)):
        free -= run.legs[leg, L_MARGIN]
    if run.rules.is_cross:
        free += unrealized(run, bar)
    return free


@part
def asked(run: Run, row: int, column: int) -> float:
    """What an intent asks, where all may ask the same."""
    return run.asked[row if len(run.asked) > 1 else 0, column]


@part
def leg_of(run: Run, row: int) -> int:
    return 2 * run.codes[row, A_SYMBOL] + run.codes[row, A_DIRECTION]


@part
def symbols_held(run: Run) -> int:
    held = 0
    for symbol in range(len(run.legs) // 2):
        held += run.legs[2 * symbol, L_QUANTITY] + run.legs[2 * symbol + 1, L_QUANTITY] > 0.0
    return held


@part
def refuse(run: Run, why: int) -> None:
    run.counts[N_REFUSED + why] += 1


@part
def write_fill(
    run: Run,
    bar: int,
    leg: int,
    action: int,
    price: float,
    quantity: float,
    fee: float,
    reason: int,
) -> None:
    if run.rules.with_records:
        fill = run.fills[run.counts[N_FILLS]]
        fill[0], fill[1], fill[2], fill[3] = bar, leg, action, price
        fill[4], fill[5], fill[6] = quantity, fee, reason
    run.counts[N_FILLS] += 1


@part
def write_trade(
    run: Run,
    bar: int,
    leg: int,
    quantity: float,
    price: float,
    profit: float,
    fees: float,
    funding: float,
    reason: int,
) -> None:
    if run.rules.with_records:
        held, trade = run.legs[leg], run.trades[run.counts[N_TRADES]]
        trade[0], trade[1], trade[2], trade[3] = leg, held[L_BAR], bar, quantity
        trade[4], trade[5], trade[6] = held[L_ENTRY], price, profit
        trade[7], trade[8], trade[9] = fees, funding, reason
    run.counts[N_TRADES] += 1


@part
def leave(
    run: Run, bar: int, leg: int, quantity: float, price: float, rate: float, reason: int
) -> None:
    """Close some of a leg at a price; the last of it takes the resting closes with it."""
    held = run.legs[leg]
    is_whole = quantity >= held[L_QUANTITY]
    if is_whole:
        quantity = held[L_QUANTITY]
    part = 1.0 if is_whole else quantity / held[L_QUANTITY]
    sign = 1.0 - 2.0 * (leg & 1)
    profit = sign * quantity * (price - held[L_ENTRY])
    fee = quantity * price * rate
    if reason == BY_LIQUIDATION and not run.rules.is_cross:
        # An isolated leg loses its margin and no more; a gap beyond it is not its owner's.
        left = held[L_MARGIN] + profit
        fee = min(fee, max(left, 0.0))
        if left < 0.0:
            run.money[FORGIVEN] -= left
            run.money[CASH] -= left
    entry_fees, funding = held[L_FEES] * part, held[L_FUNDING] * part
    run.money[CASH] += profit - fee
    write_fill(run, bar, leg, CLOSE, price, quantity, fee, reason)
    write_trade(run, bar, leg, quantity, price, profit, entry_fees + fee, funding, reason)
    if is_whole:
        held[L_QUANTITY], held[L_MARGIN], held[L_TRAIL] = 0.0, 0.0, 0.0
        cancel(run, leg, True)
    else:
        held[L_QUANTITY] -= quantity
        held[L_MARGIN] -= held[L_MARGIN] * part
        held[L_FEES] -= entry_fees
        held[L_FUNDING] -= funding


@part
def leave_as_taker(
    run: Run, bar: int, leg: int, quantity: float, price: float, reason: int
) -> None:
    side = 2.0 * (leg & 1) - 1.0
    paid = taken(run, leg >> 1, bar, price, side, quantity)
    leave(run, bar, leg, quantity, paid, run.rules.taker_fee, reason)


@part
def cancel(run: Run, leg: int, only_closes: bool) -> None:
    """Take the resting orders of a leg away."""
    for place in range(orders_resting(run)):
        row = run.resting[place]
        if row == NO_ROW or leg_of(run, row) != leg:
            continue
        if not only_closes or run.codes[row, A_ACTION] == CLOSE:
            run.resting[place] = NO_ROW


@part
def stepped(run: Run, symbol: int, quantity: float) -> float:
    """Down to the venue's step; a quantity that is a step but for its last bits stays one."""
    step = run.limits[symbol, 0]
    return np.floor(quantity / step + 1e-9) * step if step > 0.0 else quantity


@part
def wanted(run: Run, row: int, bar: int, price: float) -> float:
    """The quantity an order is for; NaN where what its size is made of was not told."""
    size = run.rules.size if np.isnan(asked(run, row, A_SIZE)) else asked(run, row, A_SIZE)
    if run.rules.sizing == QUANTITY:
        return size
    if run.rules.sizing == NOTIONAL:
        return size / price
    equity = run.money[CASH] + unrealized(run, bar)
    at_stake = equity * size
    if run.rules.sizing == MARGIN:
        return at_stake * run.rules.leverage / price
    if run.rules.sizing == VOLATILITY:
        distance = asked(run, row, A_VOLATILITY)
    elif run.rules.from_entry:
        distance = price * asked(run, row, A_STOP)
    else:
        distance = abs(price - asked(run, row, A_STOP))
    return at_stake / distance if distance > 0.0 else np.nan


@part
def protect(run: Run, row: int, leg: int) -> None:
    """Give a leg the levels its order asks for; what is not asked for stays."""
    held = run.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    stop, target = asked(run, row, A_STOP), asked(run, row, A_TARGET)
    if run.rules.from_entry:
        stop = held[L_ENTRY] * (1.0 - sign * stop)
        target = held[L_ENTRY] * (1.0 + sign * target)
    if not np.isnan(stop):
        held[L_STOP], held[L_TRAILED] = stop, 0.0
    if not np.isnan(target):
        held[L_TARGET] = target
        part = asked(run, row, A_TARGET_PART)
        held[L_TARGET_PART] = 1.0 if np.isnan(part) else part
    if not np.isnan(asked(run, row, A_TRAIL)):
        held[L_TRAIL] = asked(run, row, A_TRAIL)
        since = asked(run, row, A_TRAIL_FROM)
        held[L_TRAIL_FROM] = 0.0 if np.isnan(since) else since


@part
def hold(run: Run, row: int, bar: int, leg: int, quantity: float, paid: float, fee: float) -> None:
    held = run.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    if held[L_QUANTITY] == 0.0:
        held[L_STOP], held[L_TARGET] = -sign * np.inf, sign * np.inf
        held[L_FEES], held[L_FUNDING], held[L_TRAILED] = 0.0, 0.0, 0.0
        held[L_BAR], held[L_BEST], held[L_ENTRY] = bar, paid, paid
        held[L_QUANTITY] = quantity
    else:
        total = held[L_QUANTITY] + quantity
        held[L_ENTRY] = (held[L_QUANTITY] * held[L_ENTRY] + quantity * paid) / total
        held[L_QUANTITY] = total
    held[L_MARGIN] += quantity * paid / run.rules.leverage
    held[L_FEES] += fee
    run.money[CASH] -= fee
    protect(run, row, leg)


@part
def enter(run: Run, row: int, bar: int, price: float, is_taker: bool, entered: float) -> None:
    """Open what a row asks for; where both directions cannot be held, the other closes first."""
    leg = leg_of(run, row)
    symbol = leg >> 1
    side = 1.0 - 2.0 * (leg & 1)
    rate = run.rules.taker_fee if is_taker else run.rules.maker_fee
    other = run.legs[leg ^ 1, L_QUANTITY]
    if not run.rules.is_hedged and other > 0.0:
        paid = taken(run, symbol, bar, price, side, other) if is_taker else price
        leave(run, bar, leg ^ 1, other, paid, rate, BY_REVERSAL)
    if not run.rules.may_add and run.legs[leg, L_QUANTITY] > 0.0:
        refuse(run, HELD)
        return
    quantity = stepped(run, symbol, wanted(run, row, bar, price))
    if np.isnan(quantity):
        refuse(run, UNSIZED)
        return
    paid = taken(run, symbol, bar, price, side, quantity) if is_taker else price
    needed = paid * (1.0 / run.rules.leverage + rate)
    free = free_margin(run, bar)
    if quantity * needed > free:
        if run.rules.sizing <= NOTIONAL:
            refuse(run, NO_MARGIN)
            return
        quantity = stepped(run, symbol, max(free, 0.0) / needed)
    notional = quantity * price
    is_small = quantity < run.limits[symbol, 1] or notional < run.limits[symbol, 2]
    if quantity <= 0.0 or is_small:
        refuse(run, TOO_SMALL)
        return
    fee = quantity * paid * rate
    write_fill(run, bar, leg, OPEN, paid, quantity, fee, BY_SIGNAL)
    hold(run, row, bar, leg, quantity, paid, fee)
    if entered != BEFORE:
        run.legs[leg, L_START] = price
    else:
        run.legs[leg, L_START] = run.open[symbol, bar]
    run.legs[leg, L_ENTERED] = entered


@part
def closing(run: Run, row: int, leg: int) -> float:
    """How much a closing order takes: its share of what is held, all of it if none is told."""
    held = run.legs[leg, L_QUANTITY]
    share = asked(run, row, A_SIZE)
    if np.isnan(share) or share >= 1.0:
        return held
    return stepped(run, leg >> 1, held * share)


@part
def leave_by_row(run: Run, row: int, bar: int, price: float, is_taker: bool) -> None:
    leg = leg_of(run, row)
    quantity = closing(run, row, leg)
    if quantity <= 0.0:
        refuse(run, TOO_SMALL)
    elif is_taker:
        leave_as_taker(run, bar, leg, quantity, price, BY_SIGNAL)
    else:
        leave(run, bar, leg, quantity, price, run.rules.maker_fee, BY_SIGNAL)


@part
def nearest_close(run: Run, leg: int, kind: int, toward: float) -> int:
    """The place of the resting close of this kind that the price meets first, going up
    (toward is 1) or down (-1)."""
    found, nearest = NO_ROW, 0.0
    for place in range(orders_resting(run)):
        row = run.resting[place]
        if row == NO_ROW or run.codes[row, A_ACTION] != CLOSE or run.codes[row, A_KIND] != kind:
            continue
        if leg_of(run, row) != leg:
            continue
        price = asked(run, row, A_PRICE)
        if found == NO_ROW or toward * (nearest - price) > 0.0:
            found, nearest = place, price
    return found


@part
def beyond(level: float, price: float, toward: float) -> bool:
    """Whether the price, going up (toward is 1) or down (-1), is at the level or through."""
    return toward * (price - level) >= 0.0


@part
def next_stop(run: Run, leg: int) -> tuple[float, int]:
    """The stop that the leg meets first, and the place of its order if it is a resting one."""
    sign = 1.0 - 2.0 * (leg & 1)
    level = run.legs[leg, L_STOP]
    place = nearest_close(run, leg, STOP, -sign)
    if place != NO_ROW:
        price = asked(run, run.resting[place], A_PRICE)
        if sign * (price - level) > 0.0:
            return price, place
    return level, NO_ROW


@part
def stop_out(run: Run, bar: int, leg: int, place: int) -> None:
    """Fill the leg's stop, or the resting one at this place: at its level, or where the price
    already was beyond it."""
    sign = 1.0 - 2.0 * (leg & 1)
    held = run.legs[leg]
    level = held[L_STOP] if place == NO_ROW else asked(run, run.resting[place], A_PRICE)
    price = held[L_START] if beyond(level, held[L_START], -sign) else level
    if place == NO_ROW:
        reason = BY_TRAIL if held[L_TRAILED] > 0.0 else BY_STOP
        leave_as_taker(run, bar, leg, held[L_QUANTITY], price, reason)
    else:
        row = run.resting[place]
        run.resting[place] = NO_ROW
        leave_by_row(run, row, bar, price, True)


@part
def stops_of_leg(run: Run, bar: int, leg: int, at_open: bool) -> None:
    """Stops and the liquidation of one leg, as the price goes against it."""
    sign = 1.0 - 2.0 * (leg & 1)
    low = worst(run, leg, bar, at_open)
    is_isolated = not run.rules.is_cross and run.rules.maintenance >= 0.0
    while run.legs[leg, L_QUANTITY] > 0.0:
        level, place = next_stop(run, leg)
        if is_isolated:
            last = liquidated_at(run, leg)
            if beyond(last, level, -sign):
                if beyond(last, low, -sign):
                    liquidate(run, bar, leg, last)
                return
        if not beyond(level, low, -sign):
            return
        stop_out(run, bar, leg, place)


@part
def liquidate(run: Run, bar: int, leg: int, level: float) -> None:
    sign = 1.0 - 2.0 * (leg & 1)
    start, quantity = run.legs[leg, L_START], run.legs[leg, L_QUANTITY]
    price = start if beyond(level, start, -sign) else level
    leave(run, bar, leg, quantity, price, run.rules.liquidation_fee, BY_LIQUIDATION)


@part
def above_maintenance(run: Run, leg: int, price: float) -> float:
    """What a leg adds to an account's distance from its liquidation, at a price."""
    held = run.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    gained = sign * (price - held[L_ENTRY]) - run.rules.maintenance * price
    return held[L_QUANTITY] * gained


@part
def worst_end(run: Run, symbol: int, bar: int, at_open: bool) -> float:
    """The end of a bar that leaves least of both legs of a symbol."""
    low = lowest(run, symbol, bar, at_open)
    high = highest(run, symbol, bar, at_open)
    at_low = above_maintenance(run, 2 * symbol, low)
    at_low += above_maintenance(run, 2 * symbol + 1, low)
    at_high = above_maintenance(run, 2 * symbol, high)
    at_high += above_maintenance(run, 2 * symbol + 1, high)
    return low if at_low <= at_high else high


@part
def way_to_liquidation(run: Run, bar: int, at_open: bool) -> float:
    """How far along the bar's worst way a cross account is liquidated: from 0 where it begins
    to 1 at its end, more if it is not. On that way all symbols move at once."""
    at_start = run.money[CASH]
    at_end = run.money[CASH]
    for symbol in range(len(run.legs) // 2):
        end = worst_end(run, symbol, bar, at_open)
        for leg in range(2 * symbol, 2 * symbol + 2):
            at_start += above_maintenance(run, leg, run.legs[leg, L_START])
            at_end += above_maintenance(run, leg, end)
    if at_start <= 0.0:
        return 0.0
    return at_start / (at_start - at_end) if at_end <= 0.0 else 2.0


@part
def next_stop_on_the_way(run: Run, bar: int, at_open: bool) -> tuple[float, int, int]:
    """Of the stops on the worst way the first: how far along it, its leg and its place."""
    first, of_leg, of_place = 2.0, 0, NO_ROW
    for leg in range(len(run.legs)):
        if run.legs[leg, L_QUANTITY] == 0.0:
            continue
        end = worst_end(run, leg >> 1, bar, at_open)
        sign = 1.0 - 2.0 * (leg & 1)
        start = run.legs[leg, L_START]
        level, place = next_stop(run, leg)
        if not beyond(level, end, -sign):
            continue
        way = 0.0 if beyond(level, start, -sign) else (start - level) / (start - end)
        if way < first:
            first, of_leg, of_place = way, leg, place
    return first, of_leg, of_place


@part
def liquidate_account(run: Run, bar: int, at_open: bool, way: float) -> None:
    """Close all legs where they stand at this point of the worst way; nobody owes the rest."""
    fee = run.rules.liquidation_fee
    for symbol in range(len(run.legs) // 2):
        end = worst_end(run, symbol, bar, at_open)
        for leg in range(2 * symbol, 2 * symbol + 2):
            quantity, start = run.legs[leg, L_QUANTITY], run.legs[leg, L_START]
            if quantity > 0.0:
                price = start + way * (end - start)
                leave(run, bar, leg, quantity, price, fee, BY_LIQUIDATION)
    if run.money[CASH] < 0.0:
        run.money[FORGIVEN] -= run.money[CASH]
        run.money[CASH] = 0.0


@part
def stops(run: Run, bar: int, at_open: bool) -> None:
    """Stops and liquidations of all legs."""
    if run.rules.is_cross and run.rules.maintenance >= 0.0:
        while symbols_held(run) > 0:
            last = way_to_liquidation(run, bar, at_open)
            if last > 1.0:
                break
            way, leg, place = next_stop_on_the_way(run, bar, at_open)
            if way >= last:
                liquidate_account(run, bar, at_open, last)
                break
            stop_out(run, bar, leg, place)
    for leg in range(len(run.legs)):
        stops_of_leg(run, bar, leg, at_open)


@part
def targets_of_leg(run: Run, bar: int, leg: int, at_open: bool) -> None:
    """The target and the resting limit closes of one leg, as the price goes its way."""
    sign = 1.0 - 2.0 * (leg & 1)
    high = best(run, leg, bar, at_open)
    held = run.legs[leg]
    while held[L_QUANTITY] > 0.0 and held[L_ENTERED] != INSIDE_BY_LIMIT:
        level = held[L_TARGET]
        place = nearest_close(run, leg, LIMIT, sign)
        if place != NO_ROW:
            price_asked = asked(run, run.resting[place], A_PRICE)
            if sign * (level - price_asked) > 0.0:
                level = price_asked
            else:
                place = NO_ROW
        if not beyond(level, high, sign):
            return
        price = held[L_START] if beyond(level, held[L_START], sign) else level
        if place == NO_ROW:
            take_target(run, bar, leg, price)
        else:
            row = run.resting[place]
            run.resting[place] = NO_ROW
            leave_by_row(run, row, bar, price, False)


@part
def take_target(run: Run, bar: int, leg: int, price: float) -> None:
    held = run.legs[leg]
    sign = 1.0 - 2.0 * (leg & 1)
    part = held[L_TARGET_PART]
    held[L_TARGET] = sign * np.inf
    quantity = held[L_QUANTITY]
    if part < 1.0:
        quantity = stepped(run, leg >> 1, quantity * part)
    if quantity > 0.0:
        leave(run, bar, leg, quantity, price, run.rules.maker_fee, BY_TARGET)
    else:
        refuse(run, TOO_SMALL)


@part
def targets(run: Run, bar: int, at_open: bool) -> None:
    for leg in range(len(run.legs)):
        targets_of_leg(run, bar, leg, at_open)


@part
def rest(run: Run, row: int) -> None:
    run.resting[run.counts[N_RESTING]] = row
    run.counts[N_RESTING] += 1


@part
def toward_of(run: Run, row: int) -> float:
    """Which way the price must go to fill an order: buying limits and selling stops wait below."""
    side = 1.0 if (run.codes[row, A_ACTION] == OPEN) == (run.codes[row, A_DIRECTION] == 0) else -1.0
    return side if run.codes[row, A_KIND] == STOP else -side


@part
def tidy(run: Run, bar: int) -> None:
    """Forget the orders that were filled, canceled or are too old."""
    kept = 0
    for place in range(orders_resting(run)):
        row = run.resting[place]
        if row == NO_ROW or (
            run.codes[row, A_BARS] > 0 and bar > run.codes[row, A_BAR] + run.codes[row, A_BARS]
        ):
            continue
        run.resting[kept] = row
        kept += 1
    if len(run.resting) > 0:
        run.counts[N_RESTING] = kept


@part
def resting_entries(run: Run, bar: int, at_open: bool, with_reversals: bool) -> None:
    """Fill the resting entries that the price reaches, the oldest first."""
    for place in range(orders_resting(run)):
        row = run.resting[place]
        if row == NO_ROW or run.codes[row, A_ACTION] != OPEN:
            continue
        leg = leg_of(run, row)
        turns = not run.rules.is_hedged and run.legs[leg ^ 1, L_QUANTITY] > 0.0
        if turns and not with_reversals:
            continue
        toward, level = toward_of(run, row), asked(run, row, A_PRICE)
        symbol = leg >> 1
        if toward > 0.0:
            end = highest(run, symbol, bar, at_open)
        else:
            end = lowest(run, symbol, bar, at_open)
        if not beyond(level, end, toward):
            continue
        run.resting[place] = NO_ROW
        is_taker = run.codes[row, A_KIND] == STOP
        if at_open:
            enter(run, row, bar, end, is_taker, BEFORE)
        else:
            entered = INSIDE_BY_STOP if is_taker else INSIDE_BY_LIMIT
            enter(run, row, bar, level, is_taker, entered)


@part
def arrive(run: Run, row: int, bar: int) -> None:
    """An order reaches the market at the open of the bar after it was asked for."""
    action = run.codes[row, A_ACTION]
    leg = leg_of(run, row)
    symbol = leg >> 1
    if action == CANCEL:
        cancel(run, leg, False)
        return
    is_held = run.legs[leg, L_QUANTITY] > 0.0
    if action == PROTECT:
        if is_held:
            protect(run, row, leg)
        else:
            refuse(run, NOTHING_HELD)
        return
    price = run.open[symbol, bar]
    is_market = run.codes[row, A_KIND] == MARKET
    is_through = is_market or beyond(asked(run, row, A_PRICE), price, toward_of(run, row))
    if action == OPEN and is_through:
        enter(run, row, bar, price, True, BEFORE)
    elif action == CLOSE and is_through and is_held:
        leave_by_row(run, row, bar, price, True)
    elif is_market:
        refuse(run, NOTHING_HELD)
    else:
        rest(run, row)


@part
def pay_funding(run: Run, bar: int) -> None:
    """Longs pay a positive rate on what they hold at the open, shorts get it."""
    for leg in range(len(run.legs)):
        held = run.legs[leg]
        if held[L_QUANTITY] > 0.0:
            sign = 1.0 - 2.0 * (leg & 1)
            notional = held[L_QUANTITY] * run.open[leg >> 1, bar]
            paid = sign * notional * run.funding[leg >> 1, bar]
            held[L_FUNDING] += paid
            run.money[CASH] -= paid


@part
def trail(run: Run, bar: int) -> None:
    """Let trailing stops follow the best price; what came before an entry is not its best."""
    for leg in range(len(run.legs)):
        held = run.legs[leg]
        if held[L_QUANTITY] == 0.0 or held[L_TRAIL] <= 0.0:
            continue
        sign = 1.0 - 2.0 * (leg & 1)
        seen = best(run, leg, bar, False)
        if held[L_ENTERED] == INSIDE_BY_LIMIT:
            seen = run.close[leg >> 1, bar]
        if sign * (seen - held[L_BEST]) > 0.0:
            held[L_BEST] = seen
        if sign * (held[L_BEST] - held[L_ENTRY] * (1.0 + sign * held[L_TRAIL_FROM])) < 0.0:
            continue
        stop = held[L_BEST] * (1.0 - sign * held[L_TRAIL])
        if sign * (stop - held[L_STOP]) > 0.0:
            held[L_STOP], held[L_TRAILED] = stop, 1.0


@part
def account_levels(run: Run, symbol: int) -> tuple[float, float]:
    """Between which prices a cross account that holds this symbol alone is not liquidated,
    a little tighter than that: waking too early is no harm."""
    at_zero, a_unit = run.money[CASH], 0.0
    for leg in range(2 * symbol, 2 * symbol + 2):
        held = run.legs[leg]
        sign = 1.0 - 2.0 * (leg & 1)
        at_zero -= sign * held[L_QUANTITY] * held[L_ENTRY]
        a_unit += held[L_QUANTITY] * (sign - run.rules.maintenance)
    if a_unit > 0.0:
        return -at_zero / a_unit * (1.0 + 1e-9), np.inf
    if a_unit < 0.0:
        return -np.inf, -at_zero / a_unit * (1.0 - 1e-9)
    return -np.inf, np.inf


@part
def is_account_watched(run: Run) -> bool:
    """Whether a cross account holds several symbols: no price alone says when it is liquidated."""
    return run.rules.is_cross and run.rules.maintenance >= 0.0 and symbols_held(run) > 1


@part
def levels_of_symbol(run: Run, symbol: int) -> tuple[float, float]:
    """Between which prices nothing happens to the legs and orders of a symbol."""
    low, high = -np.inf, np.inf
    if run.rules.is_cross and run.rules.maintenance >= 0.0:
        low, high = account_levels(run, symbol)
    for leg in range(2 * symbol, 2 * symbol + 2):
        held = run.legs[leg]
        if held[L_QUANTITY] == 0.0:
            continue
        sign = 1.0 - 2.0 * (leg & 1)
        stop, target = held[L_STOP], held[L_TARGET]
        if not run.rules.is_cross and run.rules.maintenance >= 0.0:
            last = liquidated_at(run, leg)
            stop = max(sign * stop, sign * last) * sign
        # Either may stand on the wrong side of the price, and is then reached at once.
        low, high = max(low, target if leg & 1 else stop), min(high, stop if leg & 1 else target)
    for place in range(orders_resting(run)):
        row = run.resting[place]
        if row == NO_ROW or run.codes[row, A_SYMBOL] != symbol:
            continue
        if toward_of(run, row) > 0.0:
            high = min(high, asked(run, row, A_PRICE))
        else:
            low = max(low, asked(run, row, A_PRICE))
    return low, high


@part
def watch(run: Run) -> None:
    """Note between which prices nothing happens; of a watched account there are none."""
    is_watched = is_account_watched(run)
    run.counts[N_TRAILS] = 0
    for leg in range(len(run.legs)):
        run.counts[N_TRAILS] += run.legs[leg, L_TRAIL] > 0.0
    for symbol in range(len(run.calm)):
        low, high = levels_of_symbol(run, symbol)
        run.calm[symbol, 0] = np.inf if is_watched else low
        run.calm[symbol, 1] = -np.inf if is_watched else high


@part
def is_calm(run: Run, bar: int, at_open: bool) -> bool:
    """Whether the open, or the whole bar, reaches no level of any leg or order."""
    for symbol in range(len(run.calm)):
        low, high = run.calm[symbol, 0], run.calm[symbol, 1]
        # Prices that nothing waits for are not read: what is not near costs more than all else.
        if low > 0.0 and lowest(run, symbol, bar, at_open) <= low:
            return False
        if high < np.inf and highest(run, symbol, bar, at_open) >= high:
            return False
    return True


@part
def start(run: Run, bar: int) -> None:
    """Prices are at the open, and nothing was entered inside the bar."""
    for leg in range(len(run.legs)):
        run.legs[leg, L_START] = run.open[leg >> 1, bar]
        run.legs[leg, L_ENTERED] = BEFORE


@part
def one_bar(run: Run, bar: int, first: int, last: int, is_due: bool) -> None:
    """All that happens in a bar; the rows from `first` to before `last` arrive at its open."""
    tidy(run, bar)
    if is_due:
        pay_funding(run, bar)
    phase = OPEN_EXITS if is_due or not is_calm(run, bar, True) else ARRIVALS
    while phase < PHASES:
        at_open = phase < ARRIVALS
        if phase in (OPEN_EXITS, INSIDE):
            start(run, bar)
        if phase == ARRIVALS:
            for row in range(first, last):
                arrive(run, row, bar)
        elif phase == TRAILS:
            trail(run, bar)
        else:
            if phase != OPEN_EXITS:
                resting_entries(run, bar, at_open, phase != INSIDE)
            if phase != OPEN_ENTRIES:
                stops(run, bar, at_open)
                targets(run, bar, at_open)
        if phase != ARRIVALS or first < last:
            watch(run)
        phase += 1
        if phase == INSIDE and is_calm(run, bar, False):
            if run.counts[N_TRAILS] == 0:
                return
            start(run, bar)
            phase = TRAILS
        if phase == REVERSALS and orders_resting(run) == 0:
            phase = TRAILS
        if phase == TRAILS and run.counts[N_TRAILS] == 0:
            return


@instruction
def reached(lows: Floats, highs: Floats, low: float, high: float, first: int) -> Any:
    """Which of the 64 bars from the first on reach a level: a bit each."""
    bars = slice(first, first + WORD)
    is_reached = (lows[bars] <= low) | (highs[bars] >= high)
    return np.packbits(is_reached, bitorder="little").view(np.uint64)[0]


@part
def lowest_bit(bits: np.uint64) -> Any:
    """The place of the first bit that is set, of which there is one."""
    return np.int64(ones((bits ^ (bits & (bits - np.uint64(1)))) - np.uint64(1)))


@part
def next_touch(run: Run, first: int, until: int) -> int:
    """The first bar from this one on, and before `until`, on which something may happen."""
    if run.counts[N_TRAILS] > 0:
        return first
    for symbol in range(len(run.calm)):
        low, high = run.calm[symbol, 0], run.calm[symbol, 1]
        if low <= 0.0 and high == np.inf:
            continue
        lows, highs, bar, bits = run.low[symbol], run.high[symbol], first, np.uint64(0)
        while bar < until and bar + WORD <= len(lows) and bits == 0:
            bits = reached(lows, highs, low, high, bar)
            bar += lowest_bit(bits) if bits != 0 else WORD
        while bits == 0 and bar < until and lows[bar] > low and highs[bar] < high:
            bar += 1
        until = min(bar, until)
    return until


@instruction
def mark_stretch(
    curve: Floats, closes: Floats, cash: float, signed: float, entry: float, first: int
) -> None:
    """Cash and what is held, at the 16 closes from the first on."""
    bars = slice(first, first + STRETCH)
    curve[bars] = cash + signed * (closes[bars] - entry)


@part
def mark(run: Run, bar: int, until: int) -> None:
    """Write what the account is worth at the closes from `bar` to before `until`."""
    # Whole stretches, side by side: what is written behind the last is written anew later.
    whole = bar + (until - bar + STRETCH - 1) // STRETCH * STRETCH
    if whole > len(run.curve):
        whole = bar
    is_first = True
    for leg in range(len(run.legs)):
        quantity, entry = run.legs[leg, L_QUANTITY], run.legs[leg, L_ENTRY]
        if quantity == 0.0:
            continue
        signed, closes = quantity * (1.0 - 2.0 * (leg & 1)), run.close[leg >> 1]
        if is_first:
            cash = run.money[CASH]
            for first in range(bar, whole, STRETCH):
                mark_stretch(run.curve, closes, cash, signed, entry, first)
            for at in range(whole, until):
                run.curve[at] = cash + signed * (closes[at] - entry)
        else:
            for at in range(bar, until):
                run.curve[at] += signed * (closes[at] - entry)
        is_first = False
    if is_first:
        run.curve[bar:until] = run.money[CASH]


@part
def end(run: Run) -> None:
    """Close what is still held at the last close."""
    bar = run.close.shape[1] - 1
    for leg in range(len(run.legs)):
        quantity = run.legs[leg, L_QUANTITY]
        if quantity > 0.0:
            price = run.close[leg >> 1, bar]
            leave_as_taker(run, bar, leg, quantity, price, BY_END)
    if run.rules.with_curve:
        run.curve[bar] = run.money[CASH]


@instruction
def fetch(column: Floats, place: int) -> None:
    """Have a place of a column near by the time it is read; what it tells is the same."""


@part
def play(run: Run, first: int, last: int, intents: int) -> None:
    """The bars from `first` to before `last`, with so many of the intents; a run may be played
    in parts, one after the other."""
    bar, quiet, row = first, first, 0
    watch(run)
    while bar < last:
        until = last
        if row < intents:
            until = min(until, run.codes[row, A_BAR] + 1)
        if run.counts[N_PAID] < len(run.due):
            until = min(until, run.due[run.counts[N_PAID]])
        until = next_touch(run, quiet, until)
        if run.rules.with_curve:
            mark(run, bar, until)
        bar = until
        if bar == last:
            break
        arriving = row
        while row < intents and run.codes[row, A_BAR] < bar:
            row += 1
        if row + AHEAD < intents:
            soon = run.codes[row + AHEAD]
            fetch(run.open[soon[A_SYMBOL]], soon[A_BAR] + 1)
        paid = run.counts[N_PAID]
        is_due = paid < len(run.due) and run.due[paid] == bar
        run.counts[N_PAID] += is_due
        one_bar(run, bar, arriving, row, is_due)
        quiet = bar + 1


@part
def ones(bits: np.uint64) -> np.uint64:
    """How many bits are set, counted in twos, fours, eights and then all together."""
    bits -= (bits >> np.uint64(1)) & np.uint64(0x5555555555555555)
    bits = (bits & FOURS) + ((bits >> np.uint64(2)) & FOURS)
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bits * FIRSTS) >> np.uint64(56)


@instruction
def above(one: Floats, other: Floats, first: int) -> Any:
    """Where one is above the other in the 64 places from the first on: a bit each."""
    places = slice(first, first + WORD)
    return np.packbits(one[places] > other[places], bitorder="little").view(np.uint64)[0]


@part
def word_above(one: Floats, other: Floats, first: int) -> Any:
    """The same, also where fewer places are left; those that are not there are as the last."""
    if first + WORD <= len(one):
        return above(one, other, first)
    bits, is_above = np.uint64(0), False
    for place in range(WORD):
        if first + place < len(one):
            is_above = one[first + place] > other[first + place]
        bits |= np.uint64(is_above) << np.uint64(place)
    return bits


@part
def write_turns(one: Floats, other: Floats, was: bool, begin: int, bars: Any) -> int:
    """The bars on which one column is on another side of the other than before, and how many:
    64 of them are compared at once, and looked at as the bits of one number."""
    count, before = 0, np.uint64(was)
    for first in range(0, len(one), WORD):
        bits = word_above(one, other, first)
        turned = bits ^ ((bits << np.uint64(1)) | before)
        before = bits >> np.uint64(63)
        while turned != 0:
            others = turned & (turned - np.uint64(1))
            bars[count] = begin + first + lowest_bit(turned)
            turned = others
            count += 1
    return count


@compiled()
def write_crossings(one: Floats, other: Floats, bars: Whole) -> int:
    """The turns of two columns that are known from their first place on."""
    return write_turns(one, other, one[0] > other[0], 0, bars)


@part
def write_intents(run: Run, crosses: Crosses, pair: int, first: int, last: int) -> int:
    """Turn round wherever one average of the pair goes through the other, and how often."""
    one, other = crosses.pairs[pair, 0], crosses.pairs[pair, 1]
    known = max(crosses.known[one], crosses.known[other])
    begin = max(first, known)
    if begin >= last:
        return 0
    # Before both are known there is no side to turn from.
    before = max(begin - 1, known)
    was = crosses.averages[one, before] > crosses.averages[other, before]
    fast, slow = crosses.averages[one, begin:last], crosses.averages[other, begin:last]
    count = write_turns(fast, slow, was, begin, run.codes[:, A_BAR])
    for row in range(count):
        run.codes[row, A_DIRECTION] = was ^ (row & 1)
    return count


@part
def is_lean(run: Run) -> bool:
    """Whether this is what most runs are: one symbol that is held one way at a time, and orders
    that all fill at the open. Where it is, the compiler leaves out what cannot happen then, and
    the same loop takes a fraction of the time."""
    rules = run.rules
    if len(run.legs) != 2 or len(run.calm) != 1 or len(run.resting) > 0 or len(run.due) > 0:
        return False
    if rules.is_cross or rules.is_hedged or rules.may_add:
        return False
    return rules.slip == 0.0


@compiled()
def simulate(run: Run, books: Books, crosses: Crosses) -> None:
    """Play a run for each of the books, all on the same bars: of the run's own intents if there
    is one book, else of the crosses, some bars of every run before the next bars of any."""
    bars = run.close.shape[1]
    is_alone = len(crosses.pairs) == 0
    block = bars if is_alone else BLOCK
    for first in range(0, bars, block):
        last = min(first + block, bars)
        for place in range(len(books.money)):
            own = Run(
                run.open,
                run.high,
                run.low,
                run.close,
                run.volume,
                run.funding,
                run.due,
                run.codes,
                run.asked,
                run.limits,
                run.rules,
                books.money[place],
                books.legs[place],
                run.resting,
                books.counts[place],
                books.calm[place],
                run.fills,
                run.trades,
                run.curve,
            )
            count = len(run.codes)
            if not is_alone:
                count = write_intents(own, crosses, place, first, last)
            # What is told on the last bar of a block acts on the first of the next.
            since, until = first + (first > 0), min(last + 1, bars)
            # Compiled twice, each with what is known on its way.
            if is_lean(own):
                play(own, since, until, count)
            else:
                play(own, since, until, count)
            if last == bars and own.rules.closes_at_end:
                end(own)
