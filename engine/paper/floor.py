"""The trading floor: what happens to books, accounts and positions, and nothing of who asked.

Orders are checked, matched and booked; the house quotes and takes over what
nobody can carry; conditional orders fire; funding is paid. All of it follows
from the state alone, so that a journal of requests is enough to do it again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from engine.instrument import Instrument
from engine.messages import Margin, Style
from engine.money import ZERO, points
from engine.paper import margin as carrying
from engine.paper.account import HOUSE, Account, Holding, IdRule, opened_by, units_up
from engine.paper.book import Book
from engine.paper.checkpoint import BookState, State, account_of, account_state
from engine.paper.errors import JournalBroken, Reason, Refused
from engine.paper.margin import Rates
from engine.paper.market import Quoting
from engine.paper.orders import (
    Ask,
    Ending,
    Execution,
    Money,
    Moved,
    Order,
    Origin,
    Status,
    Trade,
    Trigger,
    TriggerAsk,
    closing_side,
)
from engine.signal import Direction, Side

# No order may ask for a price this much worse than the mark, and none is filled there.
BAND = Decimal("0.05")
# How many of a symbol's last trades everybody may see.
TAPE_LENGTH = 1_000


class Floor:
    def __init__(
        self, instruments: Mapping[str, Instrument], rates: Rates, quoting: Quoting
    ) -> None:
        self.instruments = instruments
        self.rates = rates
        self.quoting = quoting
        self.now_ms = 0
        self.marks: dict[str, Decimal] = {}
        self._books = {symbol: Book() for symbol in instruments}
        self.tapes: dict[str, deque[Trade]] = {
            symbol: deque(maxlen=TAPE_LENGTH) for symbol in instruments
        }
        self.house = Account(HOUSE, IdRule.LATEST)
        self.accounts: dict[str, Account] = {}
        self.fees = ZERO
        self.is_broken = False
        self._last_number = 0
        # How many things have happened: a tick that leaves this alone need not be remembered.
        self._happened = 0
        self._quotes: dict[str, list[Order]] = {}
        # Where somebody has traded with the house, and where it has yet to quote the last price.
        self._touched: set[str] = set()
        self._unquoted: set[str] = set()

    # What it tells

    @property
    def next_number(self) -> int:
        """The number that whatever is accepted next will have."""
        return self._last_number + 1

    def account(self, name: str) -> Account:
        self._refuse_if_broken()
        if name not in self.accounts:
            raise Refused(Reason.BAD_REQUEST, "no such account", account=name)
        return self.accounts[name]

    def instrument(self, symbol: str) -> Instrument:
        if symbol not in self.instruments:
            raise Refused(Reason.UNKNOWN_SYMBOL, "not traded here", symbol=symbol)
        return self.instruments[symbol]

    def mark(self, symbol: str) -> Decimal:
        self.instrument(symbol)
        if symbol not in self.marks:
            raise Refused(Reason.UNKNOWN_SYMBOL, "no price has come yet", symbol=symbol)
        return self.marks[symbol]

    def whole(self) -> State:
        """All that it is; what stands as this goes on as this exchange does."""
        return State(
            now_ms=self.now_ms,
            last_number=self._last_number,
            fees=self.fees,
            marks=self.marks,
            house=account_state(self.house),
            accounts=[account_state(account) for account in self.accounts.values()],
            books={symbol: self._book_state(symbol) for symbol in self._books},
            touched=sorted(self._touched),
            unquoted=sorted(self._unquoted),
        )

    def _book_state(self, symbol: str) -> BookState:
        quotes, book = self._quotes.get(symbol, []), self._books[symbol]
        place = {id(quote): -1 - number for number, quote in enumerate(quotes)}
        bids, asks = (
            [order.number or place[id(order)] for order in book.side(side).orders()]
            for side in (Side.BUY, Side.SELL)
        )
        return BookState(quotes=quotes, bids=bids, asks=asks, tape=list(self.tapes[symbol]))

    def _stand_as(self, state: State) -> None:
        self.now_ms, self._last_number = state.now_ms, state.last_number
        self.fees, self.marks = state.fees, state.marks
        self.house = account_of(state.house)
        self.accounts = {one.name: account_of(one) for one in state.accounts}
        self._touched, self._unquoted = set(state.touched), set(state.unquoted)
        guests = {
            number: order
            for account in self.accounts.values()
            for number, order in account.open.items()
        }
        for symbol, told in state.books.items():
            self._quotes[symbol] = told.quotes
            self.tapes[symbol].extend(told.tape)
            for number in told.bids + told.asks:
                order = guests[number] if number > 0 else told.quotes[-1 - number]
                self._books[symbol].rest(order)

    # Orders

    def _place(self, account: Account, ask: Ask, origin: Origin = Origin.OWNER) -> Order:
        order = Order(self._last_number + 1, account.name, ask, self.now_ms, origin)
        order.changed_at_ms = self.now_ms
        limit = self._check(account, order)
        account.check_id(ask.client_id, account.order_of, set(account.open))
        book = self.book(ask.symbol)
        takes = ask.price is not None and book.crosses(ask.side, ask.price)
        if ask.style is Style.POST_ONLY and takes and account.refuses_takers:
            raise Refused(Reason.WOULD_TAKE, "the order would fill at once")
        self._check_margin(account, order, limit)
        self._last_number += 1
        self._happened += 1
        account.keep(order)
        if ask.style is Style.POST_ONLY and takes:
            self._end(order, Ending.WOULD_TAKE)
        else:
            self._work(order, limit)
        return order

    def _check(self, account: Account, order: Order) -> Decimal:
        """Refuse what is no order at all; the worst price it may fill at."""
        ask = order.ask
        instrument, mark = self.instrument(ask.symbol), self.mark(ask.symbol)
        if ask.quantity <= 0 or ask.quantity % instrument.step:
            raise Refused(Reason.BAD_QUANTITY, "no multiple of the step", step=instrument.step)
        if (ask.direction is not None) != account.is_hedged:
            raise Refused(Reason.BAD_DIRECTION, "the direction does not fit the position mode")
        worst = mark * (1 + BAND if ask.side is Side.BUY else 1 - BAND)
        if ask.price is not None:
            self._check_price(ask, worst, instrument)
        is_small = ask.quantity < instrument.min_quantity
        is_small |= ask.quantity * (ask.price or mark) < instrument.min_notional
        if order.closes is None and is_small:
            raise Refused(Reason.TOO_SMALL, "below the minimum", quantity=ask.quantity)
        if order.closes is not None and not account.may_trade(order):
            raise Refused(Reason.NOTHING_HELD, "there is nothing to reduce")
        return worst if ask.price is None else ask.price

    def _check_price(self, ask: Ask, worst: Decimal, instrument: Instrument) -> None:
        price = ask.price or ZERO
        if price <= 0 or price % instrument.tick:
            raise Refused(Reason.BAD_PRICE, "no multiple of the tick", tick=instrument.tick)
        if price > worst if ask.side is Side.BUY else price < worst:
            raise Refused(Reason.PRICE_BAND, "too far from the mark", worst=worst)

    def _check_margin(self, account: Account, order: Order, limit: Decimal) -> None:
        ask = order.ask
        held = account.holdings.get((ask.symbol, ask.direction or opened_by(ask.side)))
        if ask.margin and held and held.margin is not ask.margin and order.closes is None:
            raise Refused(Reason.HAS_POSITION, "the position has another margin mode")
        quantity, value = self.book(ask.symbol).sweep(order, limit)
        if ask.price is not None and ask.style is not Style.IOC:
            value += (ask.quantity - quantity) * ask.price
            quantity = ask.quantity
        mark = self.marks[ask.symbol]
        needed = carrying.needed(
            account, order, quantity=quantity, value=value, mark=mark, rates=self.rates
        )
        if needed > max(carrying.available(account, self.marks), ZERO):
            raise Refused(Reason.NO_MARGIN, "not enough free margin", needed=needed)

    def _work(self, order: Order, limit: Decimal) -> None:
        """Fill what fills now; the rest rests, or ends."""
        book = self._books[order.ask.symbol]
        for match in book.match(order, limit, self._may_trade):
            if match.quantity:
                self._trade(order, match.maker, match.price, match.quantity)
            else:
                self._end(match.maker, Ending.GAVE_WAY)
        if not order.is_open:
            return
        may_rest = order.ask.price is not None and order.ask.style is not Style.IOC
        if may_rest and self._may_trade(order):
            book.rest(order)
        else:
            self._end(order, Ending.UNFILLED)

    def _may_trade(self, order: Order) -> Decimal:
        return order.left if order.account == HOUSE else self._owner(order).may_trade(order)

    def _owner(self, order: Order) -> Account:
        return self.house if order.account == HOUSE else self.accounts[order.account]

    def _end(self, order: Order, why: str) -> None:
        """Take an order out; what has filled stays filled."""
        self._books[order.ask.symbol].remove(order)
        order.status, order.why_ended = Status.CANCELED, why
        order.changed_at_ms = self.now_ms
        self._owner(order).open.pop(order.number, None)
        self._happened += 1

    # Trades

    def _trade(self, taker: Order, maker: Order, price: Decimal, quantity: Decimal) -> None:
        for order, rate in ((maker, self.rates.maker), (taker, self.rates.taker)):
            self._book(order, quantity, price, points(quantity * price * rate), order is maker)
        tape = self.tapes[taker.ask.symbol]
        tape.append(Trade(self._last_number, taker.ask.side, price, quantity, self.now_ms))
        for order in (maker, taker):
            self._cover(self._owner(order))

    def _book(
        self, order: Order, quantity: Decimal, price: Decimal, fee: Decimal, is_maker: bool
    ) -> Decimal:
        """One half of a trade; the profit that it realised, before the fee."""
        account = self._owner(order)
        profit = account.absorb(order, quantity, price, self.now_ms)
        order.filled += quantity
        order.value += quantity * price
        order.changed_at_ms = self.now_ms
        if not order.left:
            order.status = Status.FILLED
            account.open.pop(order.number, None)
        if account is self.house:
            self._touched.add(order.ask.symbol)
            return profit
        account.cash -= fee
        self.fees += fee
        order.fees += fee
        order.realized += profit
        self._tell_fill(account, order, quantity, price, fee, is_maker, profit)
        self._end_orphans(account, order.ask.symbol)
        return profit

    def _tell_fill(
        self,
        account: Account,
        order: Order,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        is_maker: bool,
        profit: Decimal,
    ) -> None:
        execution = Execution(
            number=self._number(),
            order=order.number,
            account=account.name,
            symbol=order.ask.symbol,
            side=order.ask.side,
            direction=order.ask.direction,
            price=price,
            quantity=quantity,
            fee=fee,
            is_maker=is_maker,
            realized=profit,
            at_ms=self.now_ms,
        )
        order.fills.append(execution)
        account.executions.append(execution)

    def _give(self, account: Account, kind: Money, symbol: str, amount: Decimal) -> None:
        account.cash += amount
        moved = Moved(self._number(), account.name, kind, symbol, amount, self.now_ms)
        account.moved.append(moved)

    def _cover(self, account: Account, symbol: str = "") -> None:
        """The house pays what an account can no longer owe to anybody."""
        if account is self.house or carrying.crossed(account):
            return
        put_up = sum((one.put_up for one in account.holdings.values()), ZERO)
        if account.cash < put_up:
            self.house.cash -= put_up - account.cash
            self._give(account, Money.INSURANCE, symbol, put_up - account.cash)

    # The house

    def book(self, symbol: str) -> Book:
        """The book with the quotes of the house in it."""
        if symbol in self._unquoted:
            self._quote(symbol)
        return self._books[symbol]

    def _move(self, symbol: str, price: Decimal) -> None:
        """The market has come to a price: the house quotes round it."""
        if self.marks.get(symbol) == price and symbol not in self._touched:
            return
        self.marks[symbol] = price
        self._unquoted.add(symbol)
        if self._books[symbol].guests:
            # Somebody's order may meet the new quotes. Otherwise they wait until somebody looks.
            self._quote(symbol)

    def _quote(self, symbol: str) -> None:
        self._unquoted.discard(symbol)
        book = self._books[symbol]
        for quote in self._quotes.pop(symbol, []):
            book.remove(quote)
        quotes = []
        ladder = self.quoting.ladder(self.instruments[symbol], self.marks[symbol])
        for side, level, quantity in ladder:
            quote = Order(0, HOUSE, Ask(symbol, side, quantity, level), self.now_ms)
            self._work(quote, level)
            quotes.append(quote)
        self._quotes[symbol] = quotes
        self._touched.discard(symbol)

    # Conditional orders

    def _check_trigger(self, account: Account, ask: TriggerAsk) -> None:
        order = ask.order
        mark = self.mark(order.symbol)
        instrument = self.instruments[order.symbol]
        if ask.level <= 0 or ask.level % instrument.tick:
            raise Refused(Reason.BAD_PRICE, "no multiple of the tick", tick=instrument.tick)
        if not ask.whole and (order.quantity <= 0 or order.quantity % instrument.step):
            raise Refused(Reason.BAD_QUANTITY, "no multiple of the step", step=instrument.step)
        if (order.direction is not None) != account.is_hedged:
            raise Refused(Reason.BAD_DIRECTION, "the direction does not fit the position mode")
        if ask.is_due(mark):
            raise Refused(Reason.WOULD_TRIGGER, "the order would trigger at once")
        if ask.whole and not account.held(order.symbol, closed_by(order)):
            raise Refused(Reason.NOTHING_HELD, "there is no position to close")
        account.check_id(ask.client_id, account.trigger_of, set(account.waiting))

    def _arm(self, account: Account, ask: TriggerAsk) -> Trigger:
        trigger = Trigger(self._number(), account.name, ask, self.now_ms)
        trigger.changed_at_ms = self.now_ms
        account.keep_trigger(trigger)
        return trigger

    def _fire_due(self, account: Account) -> bool:
        """Fire the first conditional order that is due; whether there was one."""
        for trigger in account.waiting.values():
            mark = self.marks.get(trigger.ask.order.symbol)
            if mark is not None and trigger.ask.is_due(mark):
                self._fire(account, trigger)
                return True
        return False

    def _fire(self, account: Account, trigger: Trigger) -> None:
        ask = trigger.ask.order
        self._end_trigger(trigger, Status.FIRED, "")
        if trigger.ask.group:
            for sibling in list(account.waiting.values()):
                if sibling.ask.group == trigger.ask.group:
                    self._end_trigger(sibling, Status.CANCELED, Ending.SIBLING)
        if trigger.ask.whole:
            held = account.held(ask.symbol, closed_by(ask))
            # Reduce-only, or it would have to find margin beside other orders that close.
            ask = replace(ask, quantity=held, is_reduce_only=True)
        try:
            trigger.order = self._place(account, ask, Origin.TRIGGER).number
        except Refused as refusal:
            trigger.status, trigger.why_ended = Status.FAILED, refusal.message

    def _end_trigger(self, trigger: Trigger, status: Status, why: str) -> None:
        trigger.status, trigger.why_ended = status, why
        trigger.changed_at_ms = self.now_ms
        self.accounts[trigger.account].waiting.pop(trigger.number, None)
        self._happened += 1

    def _end_orphans(self, account: Account, symbol: str) -> None:
        """What closes a whole position ends with it."""
        for trigger in list(account.waiting.values()):
            order = trigger.ask.order
            is_of_it = trigger.ask.whole and order.symbol == symbol
            if is_of_it and not account.held(symbol, closed_by(order)):
                self._end_trigger(trigger, Status.CANCELED, Ending.CLOSED)

    # Time and margin

    def _settle(self) -> None:
        """Fire what is due and liquidate what cannot be carried, until nothing is left to do."""
        for account in self.accounts.values():
            while account.waiting and self._fire_due(account):
                pass
            while account.holdings and self._liquidate_first(account):
                pass

    def _liquidate_first(self, account: Account) -> bool:
        doomed = carrying.cannot_carry(account, self.marks, self.rates)
        if doomed:
            self._liquidate(account, doomed[0])
        return bool(doomed)

    def _liquidate(self, account: Account, holding: Holding) -> None:
        """The house takes the position over at the mark, and pays what its margin does not."""
        is_isolated = holding.margin is Margin.ISOLATED
        for order in list(account.open.values()):
            if not is_isolated or order.ask.symbol == holding.symbol:
                self._end(order, Ending.LIQUIDATION)
        symbol, mark, quantity = holding.symbol, self.marks[holding.symbol], holding.quantity
        backing = holding.put_up if is_isolated else account.cash
        backing += holding.unrealised(mark)
        fee = min(points(quantity * mark * self.rates.taker), max(points(backing), ZERO))
        direction = holding.direction if account.is_hedged else None
        ask = Ask(symbol, closing_side(holding.direction), quantity, None, Style.IOC, direction)
        taken = Order(self._number(), account.name, ask, self.now_ms, Origin.LIQUIDATION)
        account.keep(taken)
        side = Side.BUY if ask.side is Side.SELL else Side.SELL
        taker = Order(0, HOUSE, Ask(symbol, side, quantity), self.now_ms)
        self._book(taker, quantity, mark, ZERO, False)
        self._book(taken, quantity, mark, fee, False)
        if is_isolated and backing < 0:
            self.house.cash += backing
            self._give(account, Money.INSURANCE, symbol, -backing)
        self._cover(account, symbol)

    def _funding_times(self, until_ms: int) -> int:
        """How often funding is due from now until then; never before the first price came."""
        every = self.rates.funding_every_ms
        return until_ms // every - self.now_ms // every if self.now_ms else 0

    def _pay_funding(self, rate: Decimal) -> None:
        for account in self.accounts.values():
            for holding in account.holdings.values():
                amount = points(holding.quantity * self.marks[holding.symbol] * rate)
                received = -amount if holding.direction is Direction.LONG else amount
                holding.funding += received
                self.house.cash -= received
                self._give(account, Money.FUNDING, holding.symbol, received)
        for account in self.accounts.values():
            self._cover(account)

    def _end_overdue(self) -> None:
        """Cancel what its owner asked to have canceled unless heard of again."""
        for account in self.accounts.values():
            due = [one for one, at_ms in account.deadlines.items() if at_ms <= self.now_ms]
            for group in due:
                del account.deadlines[group]
                self._happened += 1
                for order in list(account.open.values()):
                    if group in ("", order.ask.symbol, f"#{order.ask.tag}"):
                        self._end(order, Ending.SILENCE)

    def _carry_at(
        self,
        account: Account,
        symbol: str,
        margin: Margin,
        directions: list[Direction],
        leverage: int,
    ) -> None:
        before = dict(account.leverages)
        available = carrying.available(account, self.marks)
        put_up = {}
        for direction in directions:
            account.leverages[symbol, margin, direction] = leverage
            holding = account.holdings.get((symbol, direction))
            if holding and holding.margin is margin is Margin.ISOLATED:
                put_up[direction] = holding.put_up
                holding.put_up = units_up(holding.cost / leverage)
        is_short = carrying.available(account, self.marks) < min(available, ZERO)
        if is_short or carrying.cannot_carry(account, self.marks, self.rates):
            account.leverages = before
            for direction, was in put_up.items():
                account.holdings[symbol, direction].put_up = was
            raise Refused(Reason.NO_MARGIN, "not enough free margin for this leverage")

    def _refuse_if_busy(self, account: Account, symbol: str | None) -> None:
        if reason := account.is_busy(symbol):
            raise Refused(reason, "there is a position, or an order")

    def _number(self) -> int:
        self._last_number += 1
        self._happened += 1
        return self._last_number

    def _refuse_if_broken(self) -> None:
        if self.is_broken:
            raise JournalBroken("the journal could not be written, and the exchange stopped")


def closed_by(order: Ask) -> Direction:
    """The direction of the position that a closing order closes."""
    return order.direction or (Direction.LONG if order.side is Side.SELL else Direction.SHORT)
