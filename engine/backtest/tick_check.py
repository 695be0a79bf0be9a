"""The same intents on the paper exchange, one price after the other: its fills beside a backtest's.

A bar does not tell its path, and the backtest takes the one that costs most. The exchange is led
along that path: the open, where what was asked for on the bar before arrives; from there against
what is held, through every level where something waits, to the end of the bar; then, from the open
again, its way to the other end. A target of what was opened at this open counts on that last part
only. What is fired on the way fills at its level, as in a backtest.

The house quotes one tick on either side of the price, which is what a fill here differs by. At a
venue a target is a conditional order that takes: fees are the same for makers here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import zip_longest

import numpy as np

from engine.backtest.intents import FLOATS, LONG, Do, Intents, Kind
from engine.backtest.result import Result
from engine.backtest.run import run
from engine.backtest.settings import Settings, Sizing
from engine.candle import Candles, seconds
from engine.errors import BadParameters
from engine.instrument import Instrument
from engine.messages import Margin
from engine.money import UNIT, ZERO, round_to_tick
from engine.paper.account import Account, IdRule, opened_by
from engine.paper.book import other
from engine.paper.exchange import Exchange
from engine.paper.margin import Rates
from engine.paper.market import Quoting
from engine.paper.orders import Ask, TriggerAsk, closing_side
from engine.signal import Action, Direction, Side

NAME = "check"
HOUSE_QUOTE = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Done:
    """One fill; prices without the tick that the house takes."""

    bar: int
    direction: Direction
    action: Action
    price: Decimal
    quantity: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Compared:
    exchange: list[Done]
    backtest: list[Done]
    # What a fee may differ by: the house's tick, and the last unit that is not charged.
    slack: Decimal

    def differences(self) -> list[tuple[Done | None, Done | None]]:
        """Where both did not do the same; the exchange's side first."""
        pairs = zip_longest(self.exchange, self.backtest)
        return [pair for pair in pairs if not self.is_same(*pair)]

    def is_same(self, one: Done | None, two: Done | None) -> bool:
        if one is None or two is None:
            return False
        return replace(one, fee=two.fee) == two and abs(one.fee - two.fee) <= self.slack


def compare(
    symbol: str, candles: Candles, intents: Intents, settings: Settings, *, tick: Decimal
) -> Compared:
    """The intents on the paper exchange and in a backtest; prices are brought to the tick."""
    on_tick = on_the_tick(intents, tick)
    result = run({symbol: candles}, {symbol: on_tick}, settings)
    return Compared(
        on_the_exchange(symbol, candles, on_tick, settings, tick),
        list(of_result(result, tick)),
        slack=tick * exact(settings.size) * exact(settings.taker_fee) + UNIT,
    )


def on_the_tick(intents: Intents, tick: Decimal) -> Intents:
    """Levels as an order states them."""
    asked = intents.rows.copy()
    for name in ("stop", "target"):
        column = asked[:, FLOATS.index(name)]
        for row in np.flatnonzero(~np.isnan(column)).tolist():
            column[row] = round_to_tick(exact(column[row].item()), tick)
    return Intents(intents.codes, asked)


def of_result(result: Result, tick: Decimal) -> Iterator[Done]:
    fills = result.fills
    for row in range(len(fills)):
        yield Done(
            bar=int(fills.bar[row]),
            direction=Direction.LONG if fills.direction[row] == LONG else Direction.SHORT,
            action=Action.OPEN if fills.action[row] == Do.OPEN else Action.CLOSE,
            price=round_to_tick(exact(fills.price[row].item()), tick),
            quantity=exact(fills.quantity[row].item()),
            fee=exact(fills.fee[row].item()),
        )


def on_the_exchange(
    symbol: str, candles: Candles, intents: Intents, settings: Settings, tick: Decimal
) -> list[Done]:
    refuse_what_is_not_the_same(intents, settings)
    floor = Floor(symbol, candles, settings, tick)
    arrivals: dict[int, list[int]] = {}
    for row in range(len(intents)):
        arrivals.setdefault(int(intents.bar[row]) + 1, []).append(row)
    for bar in range(len(candles)):
        floor.begin(bar)
        for row in arrivals.get(bar, []):
            floor.arrive(intents, row)
        floor.end()
    if settings.closes_at_end:
        floor.leave()
    return floor.done()


def refuse_what_is_not_the_same(intents: Intents, settings: Settings) -> None:
    wanted = {
        "sizing": settings.sizing is Sizing.QUANTITY,
        "maker_fee": settings.maker_fee == settings.taker_fee,
        "maintenance": settings.maintenance is None,
        "slip": settings.slip == 0,
        "funding": settings.funding == 0,
        "hedge": not settings.hedge,
        "adds": not settings.adds,
        "levels_from_entry": not settings.levels_from_entry,
        "kind": bool((intents.column("kind") == Kind.MARKET).all()),
        "action": bool((intents.column("action") <= Do.CLOSE).all()),
    }
    for name, is_so in wanted.items():
        if not is_so:
            raise BadParameters("the exchange does not do this as a backtest does", field=name)


class Floor:
    """An exchange with one account and one symbol, led through the bars."""

    def __init__(self, symbol: str, candles: Candles, settings: Settings, tick: Decimal) -> None:
        self.symbol, self.candles, self.tick = symbol, candles, tick
        self.size = exact(settings.size)
        fee = exact(settings.taker_fee)
        instrument = Instrument(symbol, tick, UNIT, UNIT, ZERO)
        self.exchange = Exchange(
            {symbol: instrument},
            rates=Rates(maker=fee, taker=fee, maintenance=ZERO, funding=ZERO),
            quoting=Quoting(levels=1, spacing=ZERO, notional=HOUSE_QUOTE),
        )
        self.account: Account | None = None
        self.cash = exact(settings.cash)
        self.leverage = int(settings.leverage)
        self.bar = 0
        # A target that was asked for at this bar's open, and has to wait for its other half.
        self.target: Decimal | None = None

    def begin(self, bar: int) -> None:
        """The open: what waits and is through fires there."""
        self.bar = bar
        opened_ms = int(self.candles.opened_at[bar]) * 1000
        self.exchange.tick(opened_ms, {self.symbol: self.price("open")})
        if self.account is None:
            self.account = self.exchange.open_account(NAME, cash=self.cash, ids=IdRule.LATEST)
            self.exchange.set_leverage(NAME, self.symbol, self.leverage, margin=Margin.CROSS)

    def arrive(self, intents: Intents, row: int) -> None:
        direction = Direction.LONG if intents.column("direction")[row] == LONG else Direction.SHORT
        held = self.held()
        if intents.column("action")[row] == Do.CLOSE:
            if held is direction:
                self.leave()
            return
        if held is direction:
            return
        if held:
            self.leave()
        self.exchange.place(NAME, Ask(self.symbol, opening_side(direction), self.size))
        stop, self.target = (level_of(intents, name, row) for name in ("stop", "target"))
        self.protect(stop, rises=direction is Direction.SHORT)

    def end(self) -> None:
        """Against what is held to the end of the bar, and from the open to its other end."""
        low, high = self.price("low"), self.price("high")
        is_short = self.held() is Direction.SHORT
        worst, best = (high, low) if is_short else (low, high)
        self.go(worst)
        self.step(self.price("open"))
        if self.held():
            self.protect(self.target, rises=not is_short)
        self.target = None
        self.go(best)
        self.step(self.price("close"))

    def go(self, end: Decimal) -> None:
        """To a price, and on the way to each level where something waits."""
        here = self.exchange.marks[self.symbol]
        levels = {trigger.ask.level for trigger in self.owner.waiting.values()}
        between = [level for level in levels if min(here, end) <= level <= max(here, end)]
        for level in sorted(between, reverse=end < here):
            self.step(level)
        self.step(end)

    def step(self, price: Decimal) -> None:
        self.exchange.tick(self.exchange.now_ms + 1, {self.symbol: price})

    def protect(self, level: Decimal | None, *, rises: bool) -> None:
        """Close all that is held at this price; one that is passed already closes it now."""
        held = self.held()
        if level is None or held is None:
            return
        closing = Ask(self.symbol, closing_side(held), ZERO)
        ask = TriggerAsk(closing, level, rises=rises, whole=True, group=self.symbol)
        if ask.is_due(self.exchange.marks[self.symbol]):
            self.leave()
        else:
            self.exchange.arm(NAME, ask)

    def leave(self) -> None:
        held = self.held()
        if held:
            quantity = self.owner.held(self.symbol, held)
            ask = Ask(self.symbol, closing_side(held), quantity, is_reduce_only=True)
            self.exchange.place(NAME, ask)

    @property
    def owner(self) -> Account:
        return self.exchange.account(NAME)

    def held(self) -> Direction | None:
        return next((direction for _, direction in self.owner.holdings), None)

    def price(self, column: str) -> Decimal:
        return round_to_tick(exact(getattr(self.candles, column)[self.bar].item()), self.tick)

    def done(self) -> list[Done]:
        length_ms = seconds(self.candles.timeframe) * 1000
        first_ms = int(self.candles.opened_at[0]) * 1000
        told = []
        for order in self.owner.orders.values():
            for fill in order.fills:
                bar = (fill.at_ms - first_ms) // length_ms
                price = fill.price + (self.tick if fill.side is Side.SELL else -self.tick)
                # What is held the other way was closed before, by an order of its own.
                closed = order.closes
                action = Action.CLOSE if closed else Action.OPEN
                direction = closed or opened_by(fill.side)
                told.append(Done(bar, direction, action, price, fill.quantity, fill.fee))
        return told


def opening_side(direction: Direction) -> Side:
    return other(closing_side(direction))


def level_of(intents: Intents, name: str, row: int) -> Decimal | None:
    value = intents.column(name)[row].item()
    return None if np.isnan(value) else exact(value)


def exact(value: float) -> Decimal:
    return Decimal(repr(value))
