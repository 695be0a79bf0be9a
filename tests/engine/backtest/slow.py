"""The bar loop, slowly: every bar, every order, one after the other, to be read and compared with.

It knows nothing of the compiled one: no codes, no skipping of quiet bars, no arrays.
"""

from dataclasses import dataclass, field
from math import floor, inf, isnan

from engine.backtest import Do, Kind, Margin, Reason, Refusal, Sizing, Slippage
from engine.backtest.settings import Limits


@dataclass
class Order:
    number: int
    bar: int
    symbol: str
    action: Do
    sign: int
    kind: Kind
    price: float
    stop: float
    target: float
    target_part: float
    trail: float
    trail_from: float
    size: float
    volatility: float
    bars: int

    @property
    def side(self):
        return self.sign if self.action is Do.OPEN else -self.sign

    @property
    def waits_below(self):
        """Buying limits and selling stops wait for the price to fall."""
        return (self.side > 0) == (self.kind is Kind.LIMIT)

    def is_met(self, low, high):
        return low <= self.price if self.waits_below else high >= self.price


@dataclass
class Leg:
    symbol: str
    sign: int
    bar: int
    quantity: float = 0.0
    entry: float = 0.0
    stop: float | None = None
    target: float | None = None
    target_part: float = 1.0
    trail: float | None = None
    trail_from: float = 0.0
    best: float = 0.0
    is_trailed: bool = False
    margin: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    # Where the price stood when this bar began for it, and by which order inside the bar.
    start: float = 0.0
    entered_by: Kind | None = None

    def gain(self, price):
        return self.sign * self.quantity * (price - self.entry)


@dataclass
class Slow:
    candles: dict
    settings: object
    rates: dict
    cash: float = 0.0
    forgiven: float = 0.0
    legs: dict = field(default_factory=dict)
    resting: list = field(default_factory=list)
    fills: list = field(default_factory=list)
    trades: list = field(default_factory=list)
    curve: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    bar: int = 0
    at_open: bool = True

    # What the market shows.

    def price(self, symbol, name):
        return getattr(self.candles[symbol], name)[self.bar].item()

    def low(self, symbol):
        return self.price(symbol, "open" if self.at_open else "low")

    def high(self, symbol):
        return self.price(symbol, "open" if self.at_open else "high")

    def worst(self, leg):
        return self.low(leg.symbol) if leg.sign > 0 else self.high(leg.symbol)

    def best(self, leg):
        return self.high(leg.symbol) if leg.sign > 0 else self.low(leg.symbol)

    def slipped(self, symbol, price, side, quantity):
        settings = self.settings
        apart = price * settings.slip
        if settings.slippage is Slippage.RANGE:
            apart = (self.price(symbol, "high") - self.price(symbol, "low")) * settings.slip
        if settings.slippage is Slippage.VOLUME:
            volume = self.price(symbol, "volume")
            apart *= min(1.0, quantity / volume) if volume else 1.0
        told = price + side * apart
        if settings.slip == 0 or settings.slip_may_leave_bar:
            return told
        return min(max(told, self.price(symbol, "low")), self.price(symbol, "high"))

    # The account.

    def gained(self):
        return sum(leg.gain(self.price(leg.symbol, "open")) for leg in self.in_order())

    def free(self):
        free = self.cash - sum(leg.margin for leg in self.legs.values())
        return free + self.gained() if self.settings.margin is Margin.CROSS else free

    def in_order(self):
        """Legs by symbol, the long one first."""
        places = list(self.candles)
        return sorted(self.legs.values(), key=lambda leg: (places.index(leg.symbol), -leg.sign))

    def stepped(self, symbol, quantity):
        step = self.settings.limits.get(symbol, Limits()).step
        return floor(quantity / step + 1e-9) * step if step else quantity

    def close(self, leg, quantity, price, rate, reason):
        share = quantity / leg.quantity
        profit = leg.sign * quantity * (price - leg.entry)
        fee = quantity * price * rate
        if reason is Reason.LIQUIDATION and self.settings.margin is Margin.ISOLATED:
            left = leg.margin + profit
            fee = min(fee, max(0.0, left))
            self.forgiven += max(0.0, -left)
            self.cash += max(0.0, -left)
        self.cash += profit - fee
        self.fills.append((self.bar, leg.symbol, leg.sign, Do.CLOSE, price, quantity, fee, reason))
        costs = (leg.fees * share + fee, leg.funding * share)
        prices = (leg.entry, price)
        self.trades.append(
            (leg.symbol, leg.sign, leg.bar, self.bar, quantity, *prices, profit, *costs, reason)
        )
        leg.fees -= leg.fees * share
        leg.funding -= leg.funding * share
        leg.margin -= leg.margin * share
        leg.quantity -= quantity
        if share == 1:
            del self.legs[leg.symbol, leg.sign]
            self.cancel(leg, (Do.CLOSE,))

    def take(self, leg, quantity, price, reason):
        """Close as a taker."""
        paid = self.slipped(leg.symbol, price, -leg.sign, quantity)
        self.close(leg, quantity, paid, self.settings.taker_fee, reason)

    def cancel(self, of, actions=(Do.OPEN, Do.CLOSE)):
        self.resting = [
            order
            for order in self.resting
            if (order.symbol, order.sign) != (of.symbol, of.sign) or order.action not in actions
        ]

    # Entries.

    def quantity(self, order, price):
        settings = self.settings
        size = settings.size if isnan(order.size) else order.size
        if settings.sizing is Sizing.QUANTITY:
            return size
        if settings.sizing is Sizing.NOTIONAL:
            return size / price
        stake = size * (self.cash + self.gained())
        if settings.sizing is Sizing.MARGIN:
            return stake * settings.leverage / price
        distance = order.volatility
        if settings.sizing is Sizing.RISK:
            is_share = settings.levels_from_entry
            distance = price * order.stop if is_share else abs(price - order.stop)
        return stake / distance if distance > 0 else None

    def enter(self, order, price, *, is_taker, entered_by=None):
        settings, symbol, key = self.settings, order.symbol, (order.symbol, order.sign)
        rate = settings.taker_fee if is_taker else settings.maker_fee
        against = self.legs.get((symbol, -order.sign))
        if against and not settings.hedge:
            quantity = against.quantity
            paid = self.slipped(symbol, price, order.sign, quantity) if is_taker else price
            self.close(against, quantity, paid, rate, Reason.REVERSAL)
        if key in self.legs and not settings.adds:
            return self.refused.append(Refusal.HELD)
        quantity = self.quantity(order, price)
        if quantity is None:
            return self.refused.append(Refusal.UNSIZED)
        quantity = self.stepped(symbol, quantity)
        paid = self.slipped(symbol, price, order.sign, quantity) if is_taker else price
        needed = paid * (1 / settings.leverage + rate)
        if quantity * needed > self.free():
            if settings.sizing in (Sizing.QUANTITY, Sizing.NOTIONAL):
                return self.refused.append(Refusal.NO_MARGIN)
            quantity = self.stepped(symbol, max(0.0, self.free()) / needed)
        limits = settings.limits.get(symbol, Limits())
        is_least = quantity >= limits.least_quantity and quantity * price >= limits.least_notional
        if quantity <= 0 or not is_least:
            return self.refused.append(Refusal.TOO_SMALL)
        return self.hold(order, quantity, price, paid, quantity * paid * rate, entered_by)

    def hold(self, order, quantity, price, paid, fee, entered_by):
        leg = self.legs.setdefault(
            (order.symbol, order.sign), Leg(order.symbol, order.sign, self.bar, best=paid)
        )
        total = leg.quantity + quantity
        # The first price as it is: a product divided again may end in another last digit.
        held = leg.quantity * leg.entry
        leg.entry = (held + quantity * paid) / total if held else paid
        leg.quantity = total
        leg.margin += quantity * paid / self.settings.leverage
        leg.fees += fee
        self.cash -= fee
        leg.start, leg.entered_by = price, entered_by
        self.protect(leg, order)
        what = (self.bar, order.symbol, order.sign, Do.OPEN, paid, quantity, fee, Reason.SIGNAL)
        self.fills.append(what)

    def protect(self, leg, order):
        from_entry = self.settings.levels_from_entry
        if not isnan(order.stop):
            leg.stop = leg.entry * (1 - leg.sign * order.stop) if from_entry else order.stop
            leg.is_trailed = False
        if not isnan(order.target):
            leg.target = leg.entry * (1 + leg.sign * order.target) if from_entry else order.target
            leg.target_part = 1.0 if isnan(order.target_part) else order.target_part
        if not isnan(order.trail):
            leg.trail = order.trail
            leg.trail_from = 0.0 if isnan(order.trail_from) else order.trail_from

    # Exits.

    def close_by(self, leg, order, price, *, is_taker):
        quantity = leg.quantity
        if order.size < 1:
            quantity = self.stepped(leg.symbol, quantity * order.size)
        if quantity <= 0:
            self.refused.append(Refusal.TOO_SMALL)
        elif is_taker:
            self.take(leg, quantity, price, Reason.SIGNAL)
        else:
            self.close(leg, quantity, price, self.settings.maker_fee, Reason.SIGNAL)

    def closes(self, leg, kind):
        """The resting closes of a leg."""
        return [
            order
            for order in self.resting
            if (order.symbol, order.sign) == (leg.symbol, leg.sign)
            and order.action is Do.CLOSE
            and order.kind is kind
        ]

    def next_stop(self, leg):
        """The level that hurts first; among equal ones the leg's own, then the oldest order."""
        levels = [] if leg.stop is None else [(leg.stop, None)]
        levels += [(order.price, order) for order in self.closes(leg, Kind.STOP)]
        return max(levels, key=lambda level: leg.sign * level[0], default=None)

    def stop_out(self, leg, level, order):
        # Already beyond it: filled where the price is.
        price = min(level, leg.start) if leg.sign > 0 else max(level, leg.start)
        if order:
            self.resting.remove(order)
            self.close_by(leg, order, price, is_taker=True)
        else:
            reason = Reason.TRAIL if leg.is_trailed else Reason.STOP
            self.take(leg, leg.quantity, price, reason)

    def is_hurt(self, leg, level, price):
        return price <= level if leg.sign > 0 else price >= level

    def isolated_liquidation(self, leg):
        if self.settings.margin is Margin.CROSS or self.settings.maintenance is None:
            return None
        # margin + sign * quantity * (level - entry) == maintenance * quantity * level
        share = leg.sign - self.settings.maintenance
        return (leg.sign * leg.entry - leg.margin / leg.quantity) / share

    def stops_of(self, leg):
        while (leg.symbol, leg.sign) in self.legs:
            nearest = self.next_stop(leg)
            last = self.isolated_liquidation(leg)
            worst = self.worst(leg)
            if last is not None and (not nearest or leg.sign * last >= leg.sign * nearest[0]):
                if self.is_hurt(leg, last, worst):
                    price = min(last, leg.start) if leg.sign > 0 else max(last, leg.start)
                    fee = self.settings.liquidation_fee
                    self.close(leg, leg.quantity, price, fee, Reason.LIQUIDATION)
                return
            if not nearest or not self.is_hurt(leg, nearest[0], worst):
                return
            self.stop_out(leg, *nearest)

    def above_maintenance(self, leg, price):
        return leg.gain(price) - self.settings.maintenance * leg.quantity * price

    def worst_end(self, symbol):
        legs = [leg for leg in self.in_order() if leg.symbol == symbol]
        ends = (self.low(symbol), self.high(symbol))
        return min(ends, key=lambda end: sum(self.above_maintenance(leg, end) for leg in legs))

    def liquidation_on_the_way(self):
        """All prices go to their worst ends together; how far they get, None if all the way."""
        legs = self.in_order()
        begun = self.cash + sum(self.above_maintenance(leg, leg.start) for leg in legs)
        ended = self.cash + sum(
            self.above_maintenance(leg, self.worst_end(leg.symbol)) for leg in legs
        )
        if begun <= 0:
            return 0.0
        return begun / (begun - ended) if ended <= 0 else None

    def stops_on_the_way(self):
        found = []
        for leg in self.in_order():
            end, nearest = self.worst_end(leg.symbol), self.next_stop(leg)
            if nearest and self.is_hurt(leg, nearest[0], end):
                way = 0.0
                if not self.is_hurt(leg, nearest[0], leg.start):
                    way = (leg.start - nearest[0]) / (leg.start - end)
                found.append((way, leg, nearest))
        return found

    def watch_account(self):
        """The liquidation of a cross account, and the stops that come before it."""
        while self.legs:
            last = self.liquidation_on_the_way()
            if last is None:
                return
            found = min(self.stops_on_the_way(), key=lambda stop: stop[0], default=(inf, 0, 0))
            if found[0] >= last:
                self.liquidate_account(last)
                return
            self.stop_out(found[1], *found[2])

    def liquidate_account(self, way):
        ends = {symbol: self.worst_end(symbol) for symbol in self.candles}
        for leg in self.in_order():
            price = leg.start + way * (ends[leg.symbol] - leg.start)
            fee = self.settings.liquidation_fee
            self.close(leg, leg.quantity, price, fee, Reason.LIQUIDATION)
        self.forgiven += max(0.0, -self.cash)
        self.cash = max(0.0, self.cash)

    def stops(self):
        if self.settings.margin is Margin.CROSS and self.settings.maintenance is not None:
            self.watch_account()
        for leg in self.in_order():
            self.stops_of(leg)

    def targets(self):
        for leg in self.in_order():
            # The price may have been at the target before a limit order was filled.
            while (leg.symbol, leg.sign) in self.legs and leg.entered_by is not Kind.LIMIT:
                levels = [] if leg.target is None else [(leg.target, None)]
                levels += [(order.price, order) for order in self.closes(leg, Kind.LIMIT)]
                level, order = min(
                    levels, key=lambda level: leg.sign * level[0], default=(leg.sign * inf, None)
                )
                if leg.sign * (self.best(leg) - level) < 0:
                    break
                price = max(level, leg.start) if leg.sign > 0 else min(level, leg.start)
                if order:
                    self.resting.remove(order)
                    self.close_by(leg, order, price, is_taker=False)
                else:
                    self.take_target(leg, price)

    def take_target(self, leg, price):
        leg.target = None
        quantity = leg.quantity
        if leg.target_part < 1:
            quantity = self.stepped(leg.symbol, quantity * leg.target_part)
        if quantity > 0:
            self.close(leg, quantity, price, self.settings.maker_fee, Reason.TARGET)
        else:
            self.refused.append(Refusal.TOO_SMALL)

    # Orders.

    def entries(self, *, with_reversals):
        for order in list(self.resting):
            if order not in self.resting or order.action is not Do.OPEN:
                continue
            turns = (order.symbol, -order.sign) in self.legs and not self.settings.hedge
            if turns and not with_reversals:
                continue
            low, high = self.low(order.symbol), self.high(order.symbol)
            if not order.is_met(low, high):
                continue
            self.resting.remove(order)
            price = low if self.at_open else order.price
            entered_by = None if self.at_open else order.kind
            self.enter(order, price, is_taker=order.kind is Kind.STOP, entered_by=entered_by)

    def arrive(self, order):
        leg = self.legs.get((order.symbol, order.sign))
        price = self.price(order.symbol, "open")
        is_now = order.kind is Kind.MARKET or order.is_met(price, price)
        if order.action is Do.CANCEL:
            self.cancel(order)
        elif order.action is Do.PROTECT and leg:
            self.protect(leg, order)
        elif order.action is Do.PROTECT:
            self.refused.append(Refusal.NOTHING_HELD)
        elif order.action is Do.OPEN and is_now:
            self.enter(order, price, is_taker=True)
        elif order.action is Do.CLOSE and is_now and leg:
            self.close_by(leg, order, price, is_taker=True)
        elif order.kind is Kind.MARKET:
            self.refused.append(Refusal.NOTHING_HELD)
        else:
            self.resting.append(order)

    # The bar.

    def pay_funding(self):
        for leg in self.in_order():
            rate = self.rates[leg.symbol][self.bar]
            paid = leg.sign * leg.quantity * self.price(leg.symbol, "open") * rate
            leg.funding += paid
            self.cash -= paid

    def trail(self):
        for leg in self.in_order():
            if leg.trail is None:
                continue
            is_unsure = leg.entered_by is Kind.LIMIT
            seen = self.price(leg.symbol, "close") if is_unsure else self.best(leg)
            further = max if leg.sign > 0 else min
            leg.best = further(leg.best, seen)
            if leg.sign * (leg.best - leg.entry * (1 + leg.sign * leg.trail_from)) >= 0:
                stop = leg.best * (1 - leg.sign * leg.trail)
                if leg.stop is None or leg.sign * (stop - leg.stop) > 0:
                    leg.stop, leg.is_trailed = stop, True

    def one_bar(self, orders):
        for leg in self.legs.values():
            leg.start, leg.entered_by = self.price(leg.symbol, "open"), None
        self.resting = [
            order for order in self.resting if not order.bars or self.bar <= order.bar + order.bars
        ]
        self.pay_funding()
        self.at_open = True
        self.stops()
        self.targets()
        self.entries(with_reversals=True)
        for order in orders:
            self.arrive(order)
        self.at_open = False
        self.entries(with_reversals=False)
        self.stops()
        self.targets()
        self.entries(with_reversals=True)
        self.stops()
        self.targets()
        self.trail()

    def end(self):
        for leg in self.in_order():
            self.take(leg, leg.quantity, self.price(leg.symbol, "close"), Reason.END)

    def worth(self):
        held = sum(leg.gain(self.price(leg.symbol, "close")) for leg in self.legs.values())
        return self.cash + held


def run_slowly(candles, orders, settings, rates):
    slow = Slow(candles, settings, rates, cash=settings.cash)
    bars = len(next(iter(candles.values())))
    for bar in range(bars):
        slow.bar = bar
        slow.one_bar([order for order in orders if order.bar == bar - 1])
        slow.curve.append(slow.worth())
    if settings.closes_at_end:
        slow.end()
        slow.curve[-1] = slow.worth()
    return slow
