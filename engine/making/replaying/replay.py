"""The maker that trades live, on the floor of a recorded market.

What it asks for arrives there after a while, and what becomes of it is heard after a while. All
that it holds and has paid follows from its fills, in whole units; nothing here draws by chance.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled import again
from engine.errors import BadParameters
from engine.making.actions import (
    Action,
    Alert,
    AskAccount,
    AskOpen,
    Cancel,
    Close,
    LookUp,
    Moved,
    Place,
    Quoted,
    State,
)
from engine.making.events import (
    AccountTold,
    BookSeen,
    Event,
    Filled,
    Levels,
    Looked,
    OpenTold,
    OrderTold,
    Start,
    Stop,
    TimeCame,
    Told,
    TradeSeen,
)
from engine.making.grid import Grid, grid_of
from engine.making.maker import Maker
from engine.making.metrics import Figures, Metrics
from engine.making.names import Namer
from engine.making.params import MakerParams
from engine.making.replaying import floor as places
from engine.making.replaying.floor import Floor
from engine.making.replaying.going import (
    HELD,
    LOOKED,
    LOOKS,
    NS_A_MS,
    diary_of,
    go_on,
    looked,
    note,
)
from engine.making.replaying.recording import Recording
from engine.making.watch import ASKS
from engine.money import UNIT, ZERO, points
from engine.signal import Side

# Orders that may stand at once, and requests or answers that may be under way.
STANDING, RING = 64, 4096
# How long a maker has to come to rest after the record's end, in the market as it was then.
REST_NS = 60 * 1_000_000_000
SIDES = (Side.BUY, Side.SELL)
# What an exchange's terms can be.
BOUNDS = (
    *(("maker_fee", Decimal("-0.01"), Decimal("0.1")), ("taker_fee", Decimal(0), Decimal("0.1"))),
    *(("entry_ms", 0, 60_000), ("response_ms", 0, 60_000), ("queue_power", 0, 10)),
    ("cash", Decimal(1), Decimal(10**12)),
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the exchange takes, how far away it is, and how its queues are taken to move.

    A power of zero is the careful queue: only trades bring an order forward. Otherwise what
    vanishes without a trade is shared by that power of what stands behind and before.
    """

    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    entry_ms: float = 10
    response_ms: float = 10
    queue_power: float = 3
    cash: Decimal = Decimal(1_000)

    def __post_init__(self) -> None:
        """Fees are shares of what is traded; nothing arrives before it was sent."""
        for name, least, most in BOUNDS:
            value = getattr(self, name)
            if not least <= value <= most:
                raise BadParameters(f"{name} is from {least} to {most}", field=name)


@dataclass(frozen=True, slots=True)
class Deal:
    """One fill of ours, with the mid that was seen when it was heard of."""

    at_ns: int
    client_id: str
    side: Side
    price: int
    quantity: int
    fee: Decimal
    is_maker: bool
    twice_mid: int


@dataclass(slots=True)
class Standing:
    client_id: str
    number: int
    side: Side
    price: int
    quantity: int
    asked_at_ms: int
    status: Told | None = None
    filled: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    grid: Grid
    params: MakerParams
    terms: Terms
    figures: Figures
    deals: list[Deal]
    # By look: seconds, mid, bid, ask, position, worth; NaN where nothing is quoted.
    series: NDArray[np.float64]
    looks: int
    rows: int
    state: State
    cash: Decimal
    position: int
    deepest_percent: Decimal
    largest_position: int
    alerts: list[Alert]
    moves: list[tuple[int, Moved]]


@dataclass(slots=True)
class Replay:
    recording: Recording
    params: MakerParams
    terms: Terms = field(default_factory=Terms)
    session: int = 1
    maker: type[Maker] = Maker

    def run(self, progress: Callable[[float], None] | None = None) -> Outcome:
        return Run(self).run(progress)


class Run:
    def __init__(self, asked: Replay) -> None:
        self.recording, self.params, self.terms = asked.recording, asked.params, asked.terms
        self.grid = grid_of(asked.recording.instrument)
        namer = Namer(asked.session, 1)
        self.maker = asked.maker(self.grid, asked.params, namer, partial(again, looked))
        self.metrics = Metrics(self.grid)
        self._entry_ns = round(asked.terms.entry_ms * NS_A_MS)
        self.floor = floor_of(asked.recording, asked.terms)
        self.orders: dict[str, Standing] = {}
        self.by_number: list[Standing] = []
        self.cash, self.position, self.fees = 0, 0, ZERO
        self.deals: list[Deal] = []
        self.alerts: list[Alert] = []
        self.moves: list[tuple[int, Moved]] = []
        self.largest = self.twice_mid = 0
        self._open: dict[str, Standing] = {}
        # That were told of.
        self._looks = 0
        self._pending: deque[Event] = deque()
        self._trades = iter(trades_of(asked.recording) if asked.params.calibrates else ())
        self._trade = next(self._trades, None)

    def run(self, progress: Callable[[float], None] | None) -> Outcome:
        counts, recording = self.floor.counts, self.recording
        start, end = recording.starts_ns, recording.ends_ns
        # Looks fall on whole milliseconds.
        due = -(-start // NS_A_MS) * NS_A_MS
        every = round(self.params.quote_interval_seconds * 1000) * NS_A_MS
        self.diary = diary_of(due, every, end + REST_NS)
        self.tell(Start(due // NS_A_MS))
        go = again(go_on, self.floor, self.maker.eye, self.diary)
        turns = 0
        while self.maker.state not in (State.IDLE, State.HALTED):
            unneeded_ns = self.maker.unneeded_until_ms() * NS_A_MS
            outcome = go(min(unneeded_ns, end))
            now_ns = int(counts[places.N_NOW])
            self._see_trades(now_ns)
            if outcome == places.ANSWERED:
                self._hear(now_ns)
                continue
            if outcome == LOOKED:
                self.tell(Looked(now_ns // NS_A_MS))
            else:
                self._look(now_ns)
            turns += 1
            if progress and turns % 64 == 0:
                progress(min((now_ns - start) / max(end - start, 1), 1.0))
            if now_ns >= end:
                if self.maker.state in (State.STARTING, State.RUNNING):
                    self.tell(Stop(now_ns // NS_A_MS))
                if now_ns > end + REST_NS:
                    break
        return self._outcome(int(counts[places.N_NOW]))

    # What happens

    def _catch_up(self) -> None:
        """With the looks that were taken without being told of: what they saw, and what they came
        to."""
        looks = int(self.diary.now[LOOKS])
        if looks > self._looks:
            self._looks = looks
            now_ns, self.twice_mid, *_ = self.diary.looks[looks - 1].tolist()
            self.tell(BookSeen(now_ns // NS_A_MS, *levels_of(self.maker.eye.picture)))

    def _look(self, now_ns: int) -> None:
        self._catch_up()
        now_ms = now_ns // NS_A_MS
        book = self._book(now_ns)
        if book:
            self.tell(book)
        self.tell(TimeCame(now_ms))
        quoted = self.metrics.quoted
        is_new = quoted is not None and quoted.at_ms == now_ms
        bid = quoted.bid if quoted and is_new else 0
        ask = quoted.ask if quoted and is_new else 0
        note(self.diary, now_ns, self.twice_mid, bid, ask)
        self._looks += 1

    def _book(self, now_ns: int) -> BookSeen | None:
        counts, tape = self.floor.counts, self.floor.tape
        seen = int(counts[places.N_SEEN])
        if not seen:
            return None
        bids, asks = levels_of(counts[places.N_LEVELS :])
        if bids and asks:
            self.twice_mid = bids[0][0] + asks[0][0]
        last = int(tape[places.SEEN, tape[places.BY_SIGHT, seen - 1]])
        # After the record's end its last book stands: the maker is only asked to come to rest.
        at = now_ns if now_ns >= self.recording.ends_ns else last
        return BookSeen(at // NS_A_MS, bids, asks)

    def _see_trades(self, now_ns: int) -> None:
        while self._trade and self._trade[0] <= now_ns:
            at, is_buy, price, size = self._trade
            self.tell(TradeSeen(at // NS_A_MS, is_buy, price, size))
            self._trade = next(self._trades, None)

    def _hear(self, now_ns: int) -> None:
        """All answers that have come by now."""
        counts, answers = self.floor.counts, self.floor.answers
        answered, heard = counts[places.N_ANSWERED : places.N_HEARD + 1].tolist()
        for number in range(heard, answered):
            row = answers[number % RING].tolist()
            if row[places.A_AT] > now_ns:
                return
            counts[places.N_HEARD] = number + 1
            self._answer(row)

    def _answer(self, row: list[int]) -> None:
        now_ms, done_ms = row[places.A_AT] // NS_A_MS, row[places.A_DONE_AT] // NS_A_MS
        one, kind = self.by_number[row[places.A_NUMBER]], row[places.A_KIND]
        if kind in (places.MADE, places.TOOK):
            self._fill(one, row, now_ms, done_ms, is_maker=kind == places.MADE)
            if one.filled < one.quantity:
                return
            one.status = Told.FILLED
        elif kind == places.OPENED:
            one.status = Told.OPEN
        else:
            one.status = Told.REJECTED if kind == places.REFUSED else Told.CANCELED
        if one.status is Told.OPEN:
            self._open[one.client_id] = one
        else:
            self._open.pop(one.client_id, None)
        would_take = kind == places.REFUSED and bool(row[places.A_PRICE])
        self.tell(told_of(one, now_ms, done_ms, would_take=would_take))

    def _fill(
        self, one: Standing, row: list[int], now_ms: int, done_ms: int, *, is_maker: bool
    ) -> None:
        self._catch_up()
        price, size = row[places.A_PRICE], row[places.A_SIZE]
        rate = self.terms.maker_fee if is_maker else self.terms.taker_fee
        fee = points(self.grid.notional(price, size) * rate)
        sign = 1 if one.side is Side.BUY else -1
        one.filled += size
        self.position += sign * size
        self.cash -= sign * size * price
        self.fees += fee
        self.diary.now[HELD:] = self.position, self.cash, int(self.fees / UNIT)
        self.largest = max(self.largest, abs(self.position))
        self.deals.append(
            Deal(
                row[places.A_DONE_AT],
                one.client_id,
                one.side,
                price,
                size,
                fee,
                is_maker,
                self.twice_mid,
            )
        )
        self.tell(
            Filled(
                now_ms,
                one.client_id,
                str(len(self.deals)),
                one.side,
                price,
                size,
                fee,
                is_maker,
                done_ms,
            )
        )

    # Maker and exchange

    def tell(self, event: Event) -> None:
        self._pending.append(event)
        while self._pending:
            now = self._pending.popleft()
            self.metrics.heard(now)
            actions = self.maker.handle(now)
            self.metrics.did(now.at_ms, actions)
            for action in actions:
                self._do(now.at_ms, action)

    def _do(self, now_ms: int, action: Action) -> None:
        if isinstance(action, Quoted):
            return
        if isinstance(action, Place):
            price, size = action.price, action.quantity
            self._ask(now_ms, places.PLACE, action.client_id, action.side, price, size)
        elif isinstance(action, Close):
            self._ask(now_ms, places.CLOSE, action.client_id, action.side, 0, action.quantity)
        elif isinstance(action, Cancel):
            one = self.orders[action.client_id]
            self._send(now_ms, places.CANCEL, one)
        elif isinstance(action, LookUp):
            one = self.orders[action.client_id]
            if one.status:
                self._pending.append(told_of(one, now_ms, one.asked_at_ms))
        elif isinstance(action, AskOpen):
            told = tuple(told_of(one, now_ms, one.asked_at_ms) for one in self._open.values())
            self._pending.append(OpenTold(now_ms, now_ms, told))
        elif isinstance(action, AskAccount):
            worth = self.worth()
            self._pending.append(AccountTold(now_ms, now_ms, self.position, worth, worth))
        elif isinstance(action, Alert):
            self.alerts.append(action)
        else:
            self.moves.append((now_ms, action))

    def _ask(
        self, now_ms: int, kind: int, client_id: str, side: Side, price: int, size: int
    ) -> None:
        one = Standing(client_id, len(self.by_number), side, price, size, now_ms)
        self.orders[client_id] = one
        self.by_number.append(one)
        self._send(now_ms, kind, one)

    def _send(self, now_ms: int, kind: int, one: Standing) -> None:
        counts = self.floor.counts
        at, asked = int(counts[places.N_NOW]) + self._entry_ns, int(counts[places.N_ASKED])
        row = (at, kind, one.number, SIDES.index(one.side), one.price, one.quantity)
        self.floor.requests[asked % RING, : len(row)] = row
        counts[places.N_ASKED] = asked + 1

    def worth(self) -> Decimal:
        """What the account comes to, what is held at the mid that is seen."""
        units = 2 * self.cash + self.position * self.twice_mid
        return self.terms.cash + units * self.grid.unit / 2 - self.fees

    def _outcome(self, now_ns: int) -> Outcome:
        self._catch_up()
        self.tell(self._funds(now_ns // NS_A_MS))
        if self.metrics.quoted:
            # Of the looks since it was told last.
            self.metrics.did(now_ns // NS_A_MS, [self.maker.quoted()])
        return Outcome(
            grid=self.grid,
            params=self.params,
            terms=self.terms,
            figures=self.metrics.figures(now_ns // NS_A_MS),
            deals=self.deals,
            series=self._series(),
            looks=self._looks,
            rows=len(self.recording),
            state=self.maker.state,
            cash=self.terms.cash + self.cash * self.grid.unit - self.fees,
            position=self.position,
            deepest_percent=self.metrics.deepest,
            largest_position=self.largest,
            alerts=self.alerts,
            moves=self.moves,
        )

    def _series(self) -> NDArray[np.float64]:
        told = self.diary.looks[: self._looks].T
        at, twice_mid, bid, ask, held, cash, fees = told.astype(np.float64)
        worth = float(self.grid.unit / 2) * (2 * cash + held * twice_mid) - float(UNIT) * fees
        bid[bid == 0], ask[ask == 0] = np.nan, np.nan
        worth += float(self.terms.cash)
        return np.column_stack([at / 1e9, twice_mid / 2, bid, ask, held, worth])

    def _funds(self, now_ms: int) -> AccountTold:
        worth = self.worth()
        return AccountTold(now_ms, now_ms, self.position, worth, worth)


def told_of(one: Standing, now_ms: int, placed_ms: int, *, would_take: bool = False) -> OrderTold:
    if one.status is None:
        raise AssertionError("nothing is known of it yet")
    return OrderTold(
        at_ms=now_ms,
        client_id=one.client_id,
        status=one.status,
        side=one.side,
        price=one.price,
        quantity=one.quantity,
        filled=one.filled,
        would_take=would_take,
        placed_at_ms=placed_ms,
    )


def floor_of(recording: Recording, terms: Terms) -> Floor:
    depth, counts = places.empty_books(recording.width)
    rules = [
        recording.lowest,
        terms.entry_ms * NS_A_MS,
        round(terms.response_ms * NS_A_MS),
        terms.queue_power,
    ]
    return Floor(
        tape=recording.tape,
        depth=depth,
        orders=np.zeros((STANDING, places.ORDER_COLUMNS), np.int64),
        queues=np.zeros((STANDING, 2)),
        requests=np.zeros((RING, places.RING_COLUMNS), np.int64),
        answers=np.zeros((RING, places.RING_COLUMNS), np.int64),
        counts=counts,
        rules=np.array(rules, np.float64),
    )


def levels_of(picture: NDArray[np.int64]) -> tuple[Levels, Levels]:
    told: list[int] = picture.tolist()
    return pairs(told[:ASKS]), pairs(told[ASKS:])


def pairs(told: list[int]) -> tuple[tuple[int, int], ...]:
    sizes = told[1::2]
    levels = tuple(zip(told[::2], sizes, strict=True))
    return levels if all(sizes) else tuple([level for level in levels if level[1]])


def trades_of(recording: Recording) -> Iterator[tuple[int, bool, int, int]]:
    columns: tuple[Any, ...] = recording.trades
    yield from zip(*(column.tolist() for column in columns), strict=True)
