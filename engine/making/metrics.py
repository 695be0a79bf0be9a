"""Every figure of a running maker, from what it was told and what it did; counted from its start.

One place for live sessions and for replays. Money is exact; what looks at the market is a float.
"""

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from math import ceil
from typing import Any

import msgspec

from engine.making.actions import Action, Close, Moved, Place, Quoted, State
from engine.making.events import (
    AccountTold,
    BookSeen,
    Event,
    Failed,
    Filled,
    OrderTold,
    Start,
    Told,
)
from engine.making.grid import Grid
from engine.making.sides import Open
from engine.making.units import between
from engine.money import ZERO
from engine.signal import Side

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
TEN_THOUSAND = Decimal(10_000)
# Of ended orders and answers, so many of the last make their times.
LAST = 500


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Prices are money, sizes base units, distances basis points, times seconds, latencies ms."""

    at_ms: int
    state: State
    run_seconds: float
    # The market and the quotes in it.
    mid: Decimal | None
    best_bid: Decimal | None
    best_ask: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    quote_size: Decimal
    quote_notional: Decimal
    spread_bps: float | None
    half_bps: float
    shift_bps: float
    distance_bid_bps: float | None
    distance_ask_bps: float | None
    sigma: float
    sigma_z: float
    gamma: float
    k: float
    a: float
    imbalance: float
    sides: Open
    reasons: tuple[str, ...]
    # What is held, and by what.
    inventory: Decimal
    inventory_notional: Decimal
    capacity: Decimal
    inventory_usage: float
    equity: Decimal
    peak_equity: Decimal = ZERO
    # What it came to: all of it, and its parts.
    pnl_total: Decimal
    pnl_daily: Decimal
    pnl_traded: Decimal
    pnl_spread: Decimal
    pnl_inventory: Decimal
    drawdown_percent: Decimal
    fee_total: Decimal
    fees_paid: Decimal
    fees_rebated: Decimal
    fills: int
    maker_fills: int
    fills_a_minute: int
    volume: Decimal
    volume_1h: Decimal
    wear_per_10k: Decimal | None
    target_share: float | None
    target_share_1h: float | None = None
    # The orders.
    placed: int
    canceled: int
    cancels_a_minute: int
    fill_to_cancel: float
    refused: int
    failures: int
    open_orders: int
    time_in_book_p50: float
    time_in_book_p90: float
    oldest_bid_seconds: float
    oldest_ask_seconds: float
    latency_p50_ms: float
    latency_p99_ms: float


class Metrics:
    def __init__(self, grid: Grid, *, target_hourly_notional: Decimal | None = None) -> None:
        self.grid = grid
        self.target = target_hourly_notional
        self.state = State.IDLE
        self.begin(0)

    def begin(self, at_ms: int) -> None:
        self.started_at_ms = at_ms
        self.twice_mid = 0
        self.best = (0, 0)
        self.quoted: Quoted | None = None
        self.is_funded = False
        self.equity = self.first_equity = self.day_equity = self.peak = ZERO
        self.deepest = ZERO
        self.day = -1
        self.position = 0
        # In ticks times steps: bought is below zero. And twice what was earned against the mid.
        self.cash = self.twice_spread = 0
        self.fees_paid = self.fees_rebated = self.volume = ZERO
        self.fills = self.maker_fills = self.placed = self.canceled = self.refused = 0
        self.failures = 0
        self._seen: set[str] = set()
        self._hour: deque[tuple[int, Decimal]] = deque()
        self._hour_volume = ZERO
        self._filled_at: deque[int] = deque()
        self._canceled_at: deque[int] = deque()
        # Of what was asked for, when, on which side, and how much of it is left to fill.
        self._asked: dict[str, tuple[int, Side]] = {}
        self._left: dict[str, int] = {}
        self._opened: dict[str, tuple[int, Side]] = {}
        self._lives: deque[float] = deque(maxlen=LAST)
        self._latencies: deque[int] = deque(maxlen=LAST)

    def go_on(self, before: Figures, counted: Iterable[str]) -> None:
        """What an earlier life of the session came to is part of it; in that the fills of these
        names are counted."""
        unit, tick = self.grid.unit, self.grid.tick
        self.started_at_ms = before.at_ms - round(before.run_seconds * 1000)
        self.equity, self.peak = before.equity, before.peak_equity
        self.is_funded = before.equity > 0
        self.first_equity = before.equity - before.pnl_total
        self.day, self.day_equity = before.at_ms // DAY_MS, before.equity - before.pnl_daily
        self.deepest = before.drawdown_percent
        self.twice_mid = int(2 * before.mid / tick) if before.mid else 0
        self.position = int(before.inventory / self.grid.step)
        fees = before.fees_paid - before.fees_rebated
        worth = int(2 * (before.pnl_traded + fees) / unit)
        self.cash = (worth - self.position * self.twice_mid) // 2
        self.twice_spread = int(2 * before.pnl_spread / unit)
        for name in ADDED:
            setattr(self, name, getattr(before, name))
        # When in that hour it was traded is not known any more: as late as can be.
        self._hour.append((before.at_ms, before.volume_1h))
        self._hour_volume = before.volume_1h
        self._seen.update(counted)

    # What comes in

    def heard(self, event: Event) -> None:
        hear = HEARD.get(type(event))
        if hear:
            hear(self, event)

    def _book(self, event: BookSeen) -> None:
        if event.bids and event.asks:
            self.best = event.bids[0][0], event.asks[0][0]
            self.twice_mid = sum(self.best)

    def _failed(self, event: Failed) -> None:
        self.failures += 1

    def _start(self, event: Start) -> None:
        self.begin(event.at_ms)

    def did(self, at_ms: int, actions: list[Action]) -> None:
        for one in actions:
            if isinstance(one, Quoted):
                self.quoted = one
            elif isinstance(one, Place | Close):
                self.placed += 1
                self._asked[one.client_id] = (at_ms, one.side)
                self._left[one.client_id] = one.quantity
            elif isinstance(one, Moved):
                self.state = one.to

    def _fill(self, fill: Filled) -> None:
        if fill.fill_id in self._seen:
            return
        self._seen.add(fill.fill_id)
        sign = 1 if fill.side is Side.BUY else -1
        worth = self.grid.notional(fill.price, fill.quantity)
        self.position += sign * fill.quantity
        self.cash -= sign * fill.price * fill.quantity
        if self.twice_mid:
            self.twice_spread += sign * fill.quantity * (self.twice_mid - 2 * fill.price)
        if fill.fee > 0:
            self.fees_paid += fill.fee
        else:
            self.fees_rebated -= fill.fee
        self.fills += 1
        self.maker_fills += fill.is_maker
        self.volume += worth
        self._hour.append((fill.at_ms, worth))
        self._hour_volume += worth
        self._filled_at.append(fill.at_ms)
        if fill.client_id in self._left:
            self._left[fill.client_id] -= fill.quantity
            if self._left[fill.client_id] <= 0:
                # Its fills may be all that is ever told of its end.
                self._end(fill.client_id, fill.at_ms)

    def _order(self, told: OrderTold) -> None:
        asked = self._asked.pop(told.client_id, None)
        if asked:
            self._latencies.append(told.at_ms - asked[0])
        if told.status is Told.OPEN:
            if asked and told.client_id in self._left:
                self._opened[told.client_id] = (told.placed_at_ms or told.at_ms, told.side)
            return
        was_open = self._end(told.client_id, told.at_ms)
        if told.status is Told.CANCELED and was_open:
            self.canceled += 1
            self._canceled_at.append(told.at_ms)
        self.refused += told.status is Told.REJECTED and not told.would_take

    def _end(self, client_id: str, at_ms: int) -> bool:
        """Whether it was open until then."""
        self._left.pop(client_id, None)
        opened = self._opened.pop(client_id, None)
        if opened:
            self._lives.append((at_ms - opened[0]) / 1000)
        return opened is not None

    def _funds(self, told: AccountTold) -> None:
        if not self.is_funded:
            self.is_funded, self.first_equity, self.peak = True, told.equity, told.equity
        day = told.at_ms // DAY_MS
        if day != self.day:
            self.day, self.day_equity = day, told.equity
        self.equity = told.equity
        self.peak = max(self.peak, told.equity)
        self.deepest = max(self.deepest, self.drawdown_percent)

    # What it comes to

    @property
    def drawdown_percent(self) -> Decimal:
        return 100 * (self.peak - self.equity) / self.peak if self.peak > 0 else ZERO

    @property
    def traded(self) -> Decimal:
        """Of the fills alone, what is held at the mid, fees taken off: exact."""
        worth = 2 * self.cash + self.position * self.twice_mid
        return worth * self.grid.unit / 2 - self.fees_paid + self.fees_rebated

    def figures(self, now_ms: int) -> Figures:
        self._forget(now_ms)
        quoted, unit = self.quoted, self.grid.unit
        is_seen = bool(self.twice_mid)
        bid, ask = (quoted.bid, quoted.ask) if quoted else (0, 0)
        size = (quoted.bid_quantity or quoted.ask_quantity) if quoted else 0
        best_bid, best_ask = self.best
        mid = self.twice_mid / 2
        notional = abs(self.position) * self.twice_mid * unit / 2
        capacity = quoted.capacity if quoted else ZERO
        fees = self.fees_paid - self.fees_rebated
        spread = self.twice_spread * unit / 2
        pnl = self.equity - self.first_equity
        hours = max((now_ms - self.started_at_ms) / HOUR_MS, 1 / 60)
        ages = [(now_ms - at, side) for at, side in self._opened.values()]
        lives = sorted([*self._lives, *(age / 1000 for age, _ in ages)])
        latencies = sorted(self._latencies)
        return Figures(
            at_ms=now_ms,
            state=self.state,
            run_seconds=(now_ms - self.started_at_ms) / 1000,
            mid=self.twice_mid * self.grid.tick / 2 if is_seen else None,
            best_bid=self.grid.price(best_bid) if is_seen else None,
            best_ask=self.grid.price(best_ask) if is_seen else None,
            bid=self.grid.price(bid) if bid else None,
            ask=self.grid.price(ask) if ask else None,
            quote_size=self.grid.quantity(size),
            quote_notional=self.grid.notional(bid or ask, size),
            spread_bps=between(ask, bid, mid=mid) if bid and ask and is_seen else None,
            half_bps=quoted.half_bps if quoted else 0.0,
            shift_bps=quoted.shift_bps if quoted else 0.0,
            distance_bid_bps=max(between(best_bid, bid, mid=best_bid), 0.0) if bid else None,
            distance_ask_bps=max(between(ask, best_ask, mid=best_ask), 0.0) if ask else None,
            sigma=quoted.sigma if quoted else 0.0,
            sigma_z=quoted.z if quoted else 0.0,
            gamma=quoted.gamma if quoted else 0.0,
            k=quoted.k if quoted else 0.0,
            a=quoted.a if quoted else 0.0,
            imbalance=quoted.imbalance if quoted else 0.0,
            sides=quoted.sides if quoted else Open.BOTH,
            reasons=tuple(quoted.reasons) if quoted else (),
            inventory=self.grid.quantity(self.position),
            inventory_notional=notional,
            capacity=capacity,
            inventory_usage=float(notional / capacity) if capacity else 0.0,
            equity=self.equity,
            peak_equity=self.peak,
            pnl_total=pnl,
            pnl_daily=self.equity - self.day_equity,
            pnl_traded=self.traded,
            pnl_spread=spread,
            pnl_inventory=self.traded - spread + fees,
            drawdown_percent=self.drawdown_percent,
            fee_total=fees,
            fees_paid=self.fees_paid,
            fees_rebated=self.fees_rebated,
            fills=self.fills,
            maker_fills=self.maker_fills,
            fills_a_minute=len(self._filled_at),
            volume=self.volume,
            volume_1h=self._hour_volume,
            wear_per_10k=-pnl / self.volume * TEN_THOUSAND if self.volume else None,
            target_share=float(self.volume / self.target) / hours if self.target else None,
            target_share_1h=float(self._hour_volume / self.target) if self.target else None,
            placed=self.placed,
            canceled=self.canceled,
            cancels_a_minute=len(self._canceled_at),
            fill_to_cancel=self.fills / self.canceled if self.canceled else float(self.fills),
            refused=self.refused,
            failures=self.failures,
            open_orders=len(ages),
            time_in_book_p50=quantile(lives, 0.5),
            time_in_book_p90=quantile(lives, 0.9),
            oldest_bid_seconds=oldest(ages, Side.BUY),
            oldest_ask_seconds=oldest(ages, Side.SELL),
            latency_p50_ms=quantile(latencies, 0.5),
            latency_p99_ms=quantile(latencies, 0.99),
        )

    def summary(self, now_ms: int) -> dict[str, str]:
        """What a person wants to hear of it now and then."""
        told = self.figures(now_ms)
        return {name: str(getattr(told, name)) for name in SUMMARY}

    def _forget(self, now_ms: int) -> None:
        while self._hour and self._hour[0][0] <= now_ms - HOUR_MS:
            self._hour_volume -= self._hour.popleft()[1]
        for moments in (self._filled_at, self._canceled_at):
            while moments and moments[0] <= now_ms - MINUTE_MS:
                moments.popleft()


SUMMARY = (
    *("run_seconds", "inventory", "equity", "pnl_total", "pnl_daily"),
    *("fills", "volume", "fees_paid", "fees_rebated"),
)
# What is simply counted on.
ADDED = (
    *("fees_paid", "fees_rebated", "fills", "maker_fills", "volume"),
    *("placed", "canceled", "refused", "failures"),
)
HEARD: dict[type, Callable[[Metrics, Any], None]] = {
    BookSeen: Metrics._book,
    Filled: Metrics._fill,
    OrderTold: Metrics._order,
    AccountTold: Metrics._funds,
    Failed: Metrics._failed,
    Start: Metrics._start,
}


def quantile(ordered: list[float] | list[int], share: float) -> float:
    """The value at place ceil((n - 1) share); nothing of nothing is 0."""
    return float(ordered[ceil((len(ordered) - 1) * share)]) if ordered else 0.0


def oldest(ages: list[tuple[int, Side]], side: Side) -> float:
    return max((age / 1000 for age, own in ages if own is side), default=0.0)
