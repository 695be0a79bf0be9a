"""The floor of a recorded market, compiled: books as they were at the exchange and as they were
seen, and our own orders in the queue between them.

Nothing of ours is in the record, so that we never move the market. An order of ours that arrives
stands behind all that is shown at its price; trades at that price come off the front of the queue,
and what else vanishes is shared between before and behind us. It fills when the queue before it is
traded away, when a trade goes through its price, or when the other side comes to it: never because
its price was touched.

Requests take their time to the exchange, and answers and the market's own news theirs back. All of
it is whole ticks, steps and nanoseconds; only a place in a queue is a float.
"""

# What an array holds at a place is Any to mypy.
# mypy: disable-error-code="no-any-return"

from typing import NamedTuple

import numpy as np

from engine.compiled import compiled
from engine.parts import Floats, Grid, Places, Whole, part

# What a row of the tape says: a level's new size on either side, a trade by who came to the book,
# the best level of a side, and that a side is told anew from its best up to a price.
BID, ASK, SOLD, BOUGHT, BEST_BID, BEST_ASK, CLEAR_BID, CLEAR_ASK = range(8)
# Rows of the tape. `BY_SIGHT` is the order in which what happened was seen.
KIND, AT, SEEN, PRICE, SIZE, BY_SIGHT = range(6)
TAPE_ROWS = 6
# Rows of the books.
TRUE_BIDS, TRUE_ASKS, SEEN_BIDS, SEEN_ASKS = range(4)

# Columns of our orders, and of what is known of the queue they stand in.
# The first stands longest.
O_NUMBER, O_SIDE, O_PRICE, O_LEFT = range(4)
ORDER_COLUMNS = 4
Q_FRONT, Q_TRADED = range(2)
BUY, SELL = range(2)

# Columns of requests and answers, each a ring.
R_AT, R_KIND, R_NUMBER, R_SIDE, R_PRICE, R_SIZE = range(6)
PLACE, CANCEL, CLOSE = range(3)
A_AT, A_DONE_AT, A_KIND, A_NUMBER, A_PRICE, A_SIZE, A_LEFT = range(7)
RING_COLUMNS = 7
OPENED, REFUSED, MADE, TOOK, CANCELED = range(5)

# What is counted: rows done at the exchange and seen, both rings, the moment, our position.
N_DONE, N_SEEN, N_ASKED, N_TAKEN, N_ANSWERED, N_HEARD, N_NOW, N_POSITION, N_STANDING = range(9)
# Then the best price of each book, and the levels that are seen: price and size, bids first.
N_BEST = 9
N_LEVELS = 13
DEEP = 5
COUNTS = N_LEVELS + 4 * DEEP

# What the rules are: the lowest price of the books, times in nanoseconds, and the queue's power;
# a power of zero is the careful queue, in which only trades bring us forward.
R_LOWEST, R_ENTRY, R_RESPONSE, R_POWER = range(4)

ANSWERED, ELAPSED, OVER = range(3)
# How far from the best price levels are looked for.
SCANNED = 4096


class Floor(NamedTuple):
    tape: Places
    depth: Places
    orders: Places
    queues: Grid
    requests: Places
    answers: Places
    counts: Whole
    rules: Floats


@compiled()
def advance(floor: Floor, until: int) -> int:
    """Let the market go on until then, or until an answer arrives before; what is seen is then in
    the counts. OVER when the tape has ended."""
    counts, tape = floor.counts, floor.tape
    rows = tape.shape[1]
    outcome = ELAPSED
    while True:
        heard = 1 << 62
        if counts[N_HEARD] < counts[N_ANSWERED]:
            heard = floor.answers[counts[N_HEARD] % len(floor.answers), A_AT]
        asked = 1 << 62
        if counts[N_TAKEN] < counts[N_ASKED]:
            asked = floor.requests[counts[N_TAKEN] % len(floor.requests), R_AT]
        done = 1 << 62
        if counts[N_DONE] < rows:
            done = tape[AT, counts[N_DONE]]
        if heard <= until and heard <= done and heard <= asked:
            counts[N_NOW] = heard
            outcome = ANSWERED
            break
        if done > until and asked > until:
            counts[N_NOW] = until
            if done == 1 << 62 and asked == 1 << 62 and heard == 1 << 62:
                outcome = OVER
            break
        if asked < done:
            request(floor)
        else:
            happen(floor, counts[N_DONE])
            counts[N_DONE] += 1
    see(floor)
    return outcome


@part
def happen(floor: Floor, row: int) -> None:
    """A row of the tape, at the exchange."""
    tape, counts = floor.tape, floor.counts
    kind, at = tape[KIND, row], tape[AT, row]
    place, size = tape[PRICE, row] - int(floor.rules[R_LOWEST]), tape[SIZE, row]
    if kind in (SOLD, BOUGHT):
        if counts[N_STANDING]:
            trade(floor, BUY if kind == SOLD else SELL, place, size, at)
        return
    if kind in (BID, BEST_BID):
        if counts[N_STANDING]:
            shrink(floor, BUY, place, floor.depth[TRUE_BIDS, place], size)
        if kind == BEST_BID:
            best_bid(floor.depth, counts, TRUE_BIDS, place, size)
        else:
            bid(floor.depth, counts, TRUE_BIDS, place, size)
        if counts[N_STANDING]:
            reach(floor, SELL, counts[N_BEST + TRUE_BIDS], at)
    elif kind in (ASK, BEST_ASK):
        if counts[N_STANDING]:
            shrink(floor, SELL, place, floor.depth[TRUE_ASKS, place], size)
        if kind == BEST_ASK:
            best_ask(floor.depth, counts, TRUE_ASKS, place, size)
        else:
            ask(floor.depth, counts, TRUE_ASKS, place, size)
        if counts[N_STANDING]:
            reach(floor, BUY, counts[N_BEST + TRUE_ASKS], at)
    elif kind == CLEAR_BID:
        clear_bids(floor.depth, counts, TRUE_BIDS, place)
    else:
        clear_asks(floor.depth, counts, TRUE_ASKS, place)


@part
def see(floor: Floor) -> None:
    """All that was seen until now, and the levels as they are seen then."""
    tape, counts, depth = floor.tape, floor.counts, floor.depth
    rows, lowest = tape.shape[1], int(floor.rules[R_LOWEST])
    while counts[N_SEEN] < rows:
        row = tape[BY_SIGHT, counts[N_SEEN]]
        if tape[SEEN, row] > counts[N_NOW]:
            break
        kind, place, size = tape[KIND, row], tape[PRICE, row] - lowest, tape[SIZE, row]
        if kind == BID:
            bid(depth, counts, SEEN_BIDS, place, size)
        elif kind == ASK:
            ask(depth, counts, SEEN_ASKS, place, size)
        elif kind == BEST_BID:
            best_bid(depth, counts, SEEN_BIDS, place, size)
        elif kind == BEST_ASK:
            best_ask(depth, counts, SEEN_ASKS, place, size)
        elif kind == CLEAR_BID:
            clear_bids(depth, counts, SEEN_BIDS, place)
        elif kind == CLEAR_ASK:
            clear_asks(depth, counts, SEEN_ASKS, place)
        counts[N_SEEN] += 1
    levels(floor, SEEN_BIDS, -1, N_LEVELS)
    levels(floor, SEEN_ASKS, 1, N_LEVELS + 2 * DEEP)


@part
def levels(floor: Floor, book: int, way: int, first: int) -> None:
    counts, depth, lowest = floor.counts, floor.depth, int(floor.rules[R_LOWEST])
    for level in range(DEEP):
        counts[first + 2 * level] = 0
        counts[first + 2 * level + 1] = 0
    place, found, scanned = counts[N_BEST + book], 0, 0
    while found < DEEP and scanned < SCANNED and 0 <= place < depth.shape[1]:
        if depth[book, place]:
            counts[first + 2 * found] = place + lowest
            counts[first + 2 * found + 1] = depth[book, place]
            found += 1
        place += way
        scanned += 1


# Books: a side whose best price is -1, or beyond the last, is empty.


@part
def bid(depth: Places, counts: Whole, book: int, place: int, size: int) -> None:
    depth[book, place] = size
    best = counts[N_BEST + book]
    if size and place > best:
        counts[N_BEST + book] = place
        # Who bids where asks are shown is newer than these.
        if place >= counts[N_BEST + book + 1]:
            clear_asks(depth, counts, book + 1, place)
    elif not size and place == best:
        counts[N_BEST + book] = next_bid(depth, book, place)


@part
def ask(depth: Places, counts: Whole, book: int, place: int, size: int) -> None:
    depth[book, place] = size
    best = counts[N_BEST + book]
    if size and place < best:
        counts[N_BEST + book] = place
        if place <= counts[N_BEST + book - 1]:
            clear_bids(depth, counts, book - 1, place)
    elif not size and place == best:
        counts[N_BEST + book] = next_ask(depth, book, place)


@part
def best_bid(depth: Places, counts: Whole, book: int, place: int, size: int) -> None:
    """Nothing is bid above it."""
    above = counts[N_BEST + book]
    while above > place:
        depth[book, above] = 0
        above -= 1
    if counts[N_BEST + book] > place:
        counts[N_BEST + book] = place
    bid(depth, counts, book, place, size)


@part
def best_ask(depth: Places, counts: Whole, book: int, place: int, size: int) -> None:
    below = counts[N_BEST + book]
    if below < depth.shape[1]:
        while below < place:
            depth[book, below] = 0
            below += 1
        if counts[N_BEST + book] < place:
            counts[N_BEST + book] = place
    ask(depth, counts, book, place, size)


@part
def clear_bids(depth: Places, counts: Whole, book: int, place: int) -> None:
    """Down to a price, that one as well."""
    best = counts[N_BEST + book]
    while best >= place and best >= 0:
        depth[book, best] = 0
        best -= 1
    counts[N_BEST + book] = next_bid(depth, book, best + 1)


@part
def clear_asks(depth: Places, counts: Whole, book: int, place: int) -> None:
    best = counts[N_BEST + book]
    while best <= place and best < depth.shape[1]:
        depth[book, best] = 0
        best += 1
    counts[N_BEST + book] = next_ask(depth, book, best - 1)


@part
def next_bid(depth: Places, book: int, place: int) -> int:
    place -= 1
    while place >= 0 and not depth[book, place]:
        place -= 1
    return place


@part
def next_ask(depth: Places, book: int, place: int) -> int:
    place += 1
    while place < depth.shape[1] and not depth[book, place]:
        place += 1
    return place


# Our orders.


@part
def trade(floor: Floor, side: int, place: int, size: int, at: int) -> None:
    """A trade with the orders of a side; what one of ours takes of it the next does not."""
    orders, queues, counts = floor.orders, floor.queues, floor.counts
    rest, row = size, 0
    while row < counts[N_STANDING]:
        before = counts[N_STANDING]
        beyond = orders[row, O_PRICE] - place
        if side == SELL:
            beyond = -beyond
        if orders[row, O_SIDE] != side or beyond < 0:
            row += 1
            continue
        if beyond > 0:
            fill(floor, row, orders[row, O_LEFT], at)
        else:
            queues[row, Q_FRONT] -= size
            queues[row, Q_TRADED] += size
            if queues[row, Q_FRONT] < 0:
                part_of = min(int(-queues[row, Q_FRONT]), rest, orders[row, O_LEFT])
                queues[row, Q_FRONT] = 0.0
                if part_of > 0:
                    rest -= part_of
                    fill(floor, row, part_of, at)
        if counts[N_STANDING] == before:
            row += 1


@part
def shrink(floor: Floor, side: int, place: int, before: int, size: int) -> None:
    """A level has another size: what that means for who stands in its queue."""
    orders, queues, power = floor.orders, floor.queues, floor.rules[R_POWER]
    for row in range(floor.counts[N_STANDING]):
        if orders[row, O_SIDE] != side or orders[row, O_PRICE] != place:
            continue
        front = queues[row, Q_FRONT]
        gone = before - size - queues[row, Q_TRADED]
        queues[row, Q_TRADED] = 0.0
        if power > 0 and gone > 0:
            behind = before - front
            behind = max(behind, 0.0)
            in_front = max(front, 0.0)
            weight = behind**power + in_front**power
            share = behind**power / weight if weight > 0 else 0.5
            front = front - (1 - share) * gone + min(behind - share * gone, 0.0)
        queues[row, Q_FRONT] = max(min(front, float(size)), 0.0)


@part
def reach(floor: Floor, side: int, best: int, at: int) -> None:
    """The other side has come to a price: what of ours stands there or beyond is taken."""
    orders, counts = floor.orders, floor.counts
    if best < 0 or best >= floor.depth.shape[1]:
        return
    row = 0
    while row < counts[N_STANDING]:
        price = orders[row, O_PRICE]
        is_reached = best <= price if side == BUY else best >= price
        if orders[row, O_SIDE] == side and is_reached:
            fill(floor, row, orders[row, O_LEFT], at)
        else:
            row += 1


@part
def fill(floor: Floor, row: int, size: int, at: int) -> None:
    orders, counts = floor.orders, floor.counts
    orders[row, O_LEFT] -= size
    counts[N_POSITION] += size if orders[row, O_SIDE] == BUY else -size
    price = orders[row, O_PRICE] + int(floor.rules[R_LOWEST])
    answer(floor, at, MADE, orders[row, O_NUMBER], price, size, orders[row, O_LEFT])
    if not orders[row, O_LEFT]:
        leave(floor, row)


@part
def leave(floor: Floor, row: int) -> None:
    """An order goes, and those after it move up."""
    counts = floor.counts
    counts[N_STANDING] -= 1
    for after in range(row, counts[N_STANDING]):
        for column in range(ORDER_COLUMNS):
            floor.orders[after, column] = floor.orders[after + 1, column]
        floor.queues[after, Q_FRONT] = floor.queues[after + 1, Q_FRONT]
        floor.queues[after, Q_TRADED] = floor.queues[after + 1, Q_TRADED]


@part
def request(floor: Floor) -> None:
    """The next request arrives."""
    counts, requests = floor.counts, floor.requests
    row = counts[N_TAKEN] % len(requests)
    counts[N_TAKEN] += 1
    at, kind, number = requests[row, R_AT], requests[row, R_KIND], requests[row, R_NUMBER]
    side, size = requests[row, R_SIDE], requests[row, R_SIZE]
    if kind == PLACE:
        place = requests[row, R_PRICE] - int(floor.rules[R_LOWEST])
        stand(floor, at, number, side, place, size)
    elif kind == CLOSE:
        take(floor, at, number, side, size)
    else:
        one = 0
        while one < counts[N_STANDING] and floor.orders[one, O_NUMBER] != number:
            one += 1
        if one < counts[N_STANDING]:
            left = floor.orders[one, O_LEFT]
            leave(floor, one)
            answer(floor, at, CANCELED, number, 0, 0, left)


@part
def stand(floor: Floor, at: int, number: int, side: int, place: int, size: int) -> None:
    """Post-only: an order that would take is refused; so is one too many."""
    counts, orders = floor.counts, floor.orders
    bids, asks = counts[N_BEST + TRUE_BIDS], counts[N_BEST + TRUE_ASKS]
    takes = asks <= place if side == BUY else bids >= place
    free = counts[N_STANDING]
    if takes or free == len(orders) or place < 0 or place >= floor.depth.shape[1]:
        answer(floor, at, REFUSED, number, 1 if takes else 0, 0, size)
        return
    orders[free, O_NUMBER] = number
    orders[free, O_SIDE] = side
    orders[free, O_PRICE] = place
    orders[free, O_LEFT] = size
    floor.queues[free, Q_FRONT] = floor.depth[TRUE_BIDS if side == BUY else TRUE_ASKS, place]
    floor.queues[free, Q_TRADED] = 0.0
    counts[N_STANDING] += 1
    answer(floor, at, OPENED, number, place + int(floor.rules[R_LOWEST]), size, size)


@part
def take(floor: Floor, at: int, number: int, side: int, size: int) -> None:
    """Reduce-only, level by level; what nobody is there for is canceled."""
    counts, depth = floor.counts, floor.depth
    held = -counts[N_POSITION] if side == BUY else counts[N_POSITION]
    left = min(size, max(held, 0))
    unfilled = size - left
    book = TRUE_ASKS if side == BUY else TRUE_BIDS
    way = 1 if side == BUY else -1
    place = counts[N_BEST + book]
    while left > 0 and 0 <= place < depth.shape[1]:
        taken = min(left, depth[book, place])
        if taken > 0:
            left -= taken
            counts[N_POSITION] += taken if side == BUY else -taken
            price = place + int(floor.rules[R_LOWEST])
            answer(floor, at, TOOK, number, price, taken, left + unfilled)
        place += way
    if left + unfilled:
        answer(floor, at, CANCELED, number, 0, 0, left + unfilled)


@part
def answer(floor: Floor, at: int, kind: int, number: int, price: int, size: int, left: int) -> None:
    counts, answers = floor.counts, floor.answers
    row = counts[N_ANSWERED] % len(answers)
    counts[N_ANSWERED] += 1
    answers[row, A_AT] = at + int(floor.rules[R_RESPONSE])
    answers[row, A_DONE_AT] = at
    answers[row, A_KIND] = kind
    answers[row, A_NUMBER] = number
    answers[row, A_PRICE] = price
    answers[row, A_SIZE] = size
    answers[row, A_LEFT] = left


def empty_books(width: int) -> tuple[Places, Whole]:
    """Books without anything in them, and the counts that say so."""
    counts = np.zeros(COUNTS, np.int64)
    for book in (TRUE_BIDS, SEEN_BIDS):
        counts[N_BEST + book] = -1
    for book in (TRUE_ASKS, SEEN_ASKS):
        counts[N_BEST + book] = width
    return np.zeros((4, width), np.int64), counts
