"""What all dialects share: the exchange and its market, and what a caller may see of them.

A desk is asked under the lock of the service. Look-ups go through it, so that
orders can stay invisible for a while where a test wants a venue that lags.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.candle import TIMEFRAMES
from engine.money import points
from engine.paper import margin as carrying
from engine.paper.account import Account, Holding
from engine.paper.errors import Reason, Refused
from engine.paper.exchange import Exchange
from engine.paper.market import HeldMarket
from engine.paper.orders import Execution, Order, Trade, Trigger
from engine.paper.service.faults import Faults, Kind
from engine.paper.service.keys import Keys
from engine.paper.service.pictures import Album, Picture, Pictures

Row = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]


@dataclass(slots=True)
class Desk:
    exchange: Exchange
    market: HeldMarket
    clock: Callable[[], int]
    keys: Keys
    faults: Faults
    pictures: Pictures = field(default_factory=Pictures)

    def step(self) -> None:
        """Let the exchange see what time and which prices it is."""
        now_ms = self.clock()
        self.exchange.tick(now_ms, self.market.prices(now_ms))

    @property
    def now_ms(self) -> int:
        return self.exchange.now_ms

    def album(self, symbol: str) -> Album:
        """The symbol's pictures up to now; a market that is frozen has no new one."""
        album = self.pictures.of(symbol)
        if not (self.faults.stands(Kind.FROZEN) and album.last.number):
            album.take(self.exchange.book(symbol), self.now_ms)
        return album

    def picture(self, symbol: str) -> Picture:
        return self.album(symbol).last

    def tape(self, symbol: str, limit: int) -> list[Trade]:
        """The last trades, oldest first."""
        return list(self.exchange.tapes[symbol])[-max(limit, 1) :]

    def rows(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Row]:
        """Closed candles, oldest first: the latest, or those from `since_ms` on."""
        if timeframe not in TIMEFRAMES:
            raise Refused(Reason.BAD_REQUEST, "no such timeframe", timeframe=timeframe)
        self.exchange.instrument(symbol)
        bar_ms = TIMEFRAMES[timeframe] * 1000
        until_ms = self.now_ms
        if since_ms:
            until_ms = min(until_ms, -(-since_ms // bar_ms) * bar_ms + limit * bar_ms)
        candles = self.market.candles(symbol, timeframe, limit, until_ms)
        columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
        rows = []
        for row, opened_at in enumerate(candles.opened_at.tolist()):
            values = [points(Decimal(repr(column[row].item()))) for column in columns]
            rows.append((opened_at * 1000, values[0], values[1], values[2], values[3], values[4]))
        return [row for row in rows if row[0] >= since_ms]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, at which desk."""

    desk: Desk
    account: Account
    is_denied: bool = False  # a look-up of this caller finds nothing, whatever there is

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def withdraws(self) -> bool:
        key = self.desk.keys.of(self.name)
        return key is not None and key.withdraws

    @property
    def exchange(self) -> Exchange:
        return self.desk.exchange

    def find(self, number: int = 0, client_id: str = "") -> Order:
        """One order by either of its names, where it may be seen."""
        number = number or self.account.order_of.get(client_id, 0)
        order = self.account.orders.get(number)
        if order is None or self.is_denied or not self.sees(order.placed_at_ms):
            raise Refused(Reason.UNKNOWN_ORDER, "no such order")
        return order

    def find_trigger(self, number: int = 0, client_id: str = "") -> Trigger:
        number = number or self.account.trigger_of.get(client_id, 0)
        trigger = self.account.triggers.get(number)
        if trigger is None or self.is_denied or not self.sees(trigger.placed_at_ms):
            raise Refused(Reason.UNKNOWN_ORDER, "no such conditional order")
        return trigger

    def sees(self, happened_at_ms: int) -> bool:
        """Whether what happened then has come to where look-ups read."""
        lag_ms = self.desk.faults.lag_ms(self.name)
        return happened_at_ms <= self.desk.now_ms - lag_ms

    def orders(self, symbol: str | None, *, is_open: bool) -> list[Order]:
        """Oldest first."""
        kept = self.account.open if is_open else self.account.orders
        return [
            order
            for order in kept.values()
            if symbol in (None, order.ask.symbol)
            and order.is_open == is_open
            and self.sees(order.placed_at_ms)
        ]

    def triggers(self, symbol: str | None, *, is_waiting: bool) -> list[Trigger]:
        return [
            trigger
            for trigger in self.account.triggers.values()
            if symbol in (None, trigger.ask.order.symbol)
            and trigger.is_waiting == is_waiting
            and self.sees(trigger.placed_at_ms)
        ]

    def executions(self, symbol: str | None = None, number: int = 0) -> list[Execution]:
        """Oldest first."""
        return [
            one
            for one in self.account.executions
            if symbol in (None, one.symbol) and number in (0, one.order) and self.sees(one.at_ms)
        ]

    def holdings(self, symbol: str | None = None) -> list[Holding]:
        held = self.account.holdings.values()
        return [one for one in held if symbol in (None, one.symbol)]

    def mark(self, symbol: str) -> Decimal:
        return self.exchange.mark(symbol)

    def available(self) -> Decimal:
        return max(carrying.available(self.account, self.exchange.marks), Decimal(0))

    def unrealised(self) -> Decimal:
        return carrying.unrealised(self.account, self.exchange.marks)

    def initial(self, holding: Holding) -> Decimal:
        return carrying.initial(self.account, holding)

    def order_margin(self) -> Decimal:
        return carrying.order_margin(self.account)

    def maintenance(self, holding: Holding) -> Decimal:
        return carrying.maintenance(holding, self.exchange.marks, self.exchange.rates)

    def liquidation_price(self, holding: Holding) -> Decimal | None:
        return self.exchange.liquidation_price(self.account, holding.direction, holding.symbol)

    def leverage(self, holding: Holding) -> int:
        return self.account.leverage(holding.symbol, holding.margin, holding.direction)
