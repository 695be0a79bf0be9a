"""The paper exchange: what it is asked goes in, the floor changes, a journal remembers.

Everything that happens follows from the lines of the journal: ticks of the
market and requests that were accepted. The same lines always make the same
exchange, which is how one that was killed comes back. Nothing here asks for the
time, and nothing is safe for several threads at once: the service holds a lock.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from engine.instrument import Instrument
from engine.messages import Margin
from engine.money import ZERO, points
from engine.paper import margin as carrying
from engine.paper.account import HOUSE, Account, IdRule
from engine.paper.checkpoint import State
from engine.paper.errors import JournalBroken, Reason, Refused
from engine.paper.floor import Floor
from engine.paper.journal import Journal, Line
from engine.paper.margin import Rates
from engine.paper.market import Prices, Quoting
from engine.paper.orders import Ask, Ending, Money, Order, Status, Trigger, TriggerAsk
from engine.ready import ready
from engine.signal import Direction

# So many times its first millisecond a journal's numbers begin: none was ever another's.
NUMBERS_PER_MS = 1_000
# What a line may ask for, and of what kind each of its parts is.
REQUESTS: dict[str, dict[str, Any]] = {
    "begin": {"at_ms": int},
    "stand_as": {"state": ready(State)},
    "tick": {"at_ms": int, "prices": dict[str, Decimal]},
    "open_account": {"name": str, "cash": Decimal, "ids": IdRule, "refuses_takers": bool},
    "place": {"account": str, "ask": ready(Ask)},
    "cancel": {"account": str, "number": int},
    "arm": {"account": str, "ask": ready(TriggerAsk), "also": TriggerAsk | None},
    "disarm": {"account": str, "number": int},
    "set_hedge": {"account": str, "is_hedged": bool},
    "set_margin": {"account": str, "symbol": str, "margin": Margin},
    "set_leverage": {
        "account": str,
        "symbol": str,
        "leverage": int,
        "margin": Margin | None,
        "direction": Direction | None,
    },
    "cancel_all_at": {"account": str, "symbol": str, "at_ms": int},
    "pay_funding": {"rate": Decimal},
}


class Exchange(Floor):
    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        journal: Journal | None = None,
        rates: Rates | None = None,
        quoting: Quoting | None = None,
    ) -> None:
        super().__init__(instruments, rates or Rates(), quoting or Quoting())
        # Prices of ticks that changed nothing: they are written before the next line that did.
        self._untold: dict[str, str] = {}
        self._told_at_ms = 0
        self._journal = journal
        self._is_reading = False
        self.catch_up()

    # What it is asked

    def begin(self, at_ms: int) -> None:
        """Number what comes unlike any exchange that began at another moment."""
        if self._last_number:
            raise Refused(Reason.BAD_REQUEST, "this exchange has begun")
        self._last_number = at_ms * NUMBERS_PER_MS
        self._remember(do="begin", at_ms=at_ms)

    def stand_as(self, state: State) -> None:
        """Be what another exchange was; only what nothing has happened to can."""
        if self._happened:
            raise Refused(Reason.BAD_REQUEST, "this exchange has begun")
        self._stand_as(state)
        self._told_at_ms = self.now_ms
        self._remember(do="stand_as", state=state)

    def tick(self, at_ms: int, prices: Prices) -> None:
        """The time has come to `at_ms`, and the market to these prices."""
        self._refuse_if_broken()
        for symbol, price in prices.items():
            if self.instrument(symbol) and price <= 0:
                raise Refused(Reason.BAD_PRICE, "no such price", symbol=symbol)
        if at_ms < self.now_ms:
            return  # clocks are set back; what has happened stays
        before, funding_times = self._happened, self._funding_times(at_ms)
        if funding_times:
            # Funding goes by the prices and positions before it: the journal has to have them.
            self._remember()
        self.now_ms = at_ms
        for _ in range(funding_times):
            self._pay_funding(self.rates.funding)
        for symbol, price in prices.items():
            self._move(symbol, price)
        # Ticks that changed nothing become one: quotes depend on the last price alone. A symbol
        # that has not been told anew keeps its quotes as they are, here as when read again.
        self._untold |= {symbol: str(price) for symbol, price in prices.items()}
        self._end_overdue()
        self._settle()
        if self._happened != before:
            self._remember()

    def open_account(
        self, name: str, *, cash: Decimal, ids: IdRule, refuses_takers: bool = True
    ) -> Account:
        if name in self.accounts or name == HOUSE:
            raise Refused(Reason.BAD_REQUEST, "the account exists", account=name)
        if cash < 0:
            raise Refused(Reason.BAD_REQUEST, "nobody starts with debts")
        self.accounts[name] = account = Account(name, ids, refuses_takers)
        self._give(account, Money.DEPOSIT, "", points(cash))
        account.deposited += points(cash)
        self._remember(
            do="open_account", name=name, cash=cash, ids=ids, refuses_takers=refuses_takers
        )
        return account

    def open_interest(self, symbol: str) -> Decimal:
        """How much of it everybody but the house holds long."""
        held = (one.holdings.get((symbol, Direction.LONG)) for one in self.accounts.values())
        return sum((holding.quantity for holding in held if holding), ZERO)

    def place(self, account: str, ask: Ask) -> Order:
        """Accept an order and fill what fills; refused, it leaves no trace."""
        order = self._place(self.account(account), ask)
        self._settle()
        self._remember(do="place", account=account, ask=ask)
        return order

    def cancel(self, account: str, number: int) -> Order:
        owner = self.account(account)
        order = owner.orders.get(number)
        if order is None:
            raise Refused(Reason.UNKNOWN_ORDER, "no such order", number=number)
        if not order.is_open:
            raise Refused(Reason.NOT_OPEN, "the order is done", number=number)
        self._end(order, Ending.OWNER)
        self._remember(do="cancel", account=account, number=number)
        return order

    def arm(self, account: str, ask: TriggerAsk, also: TriggerAsk | None = None) -> Trigger:
        """Accept a conditional order, or two together; the first is told."""
        owner = self.account(account)
        asks = [one for one in (ask, also) if one]
        for one in asks:
            self._check_trigger(owner, one)
        first, *_ = [self._arm(owner, one) for one in asks]
        self._remember(do="arm", account=account, ask=ask, also=also)
        return first

    def disarm(self, account: str, number: int) -> Trigger:
        trigger = self.account(account).triggers.get(number)
        if trigger is None:
            raise Refused(Reason.UNKNOWN_ORDER, "no such conditional order", number=number)
        if not trigger.is_waiting:
            raise Refused(Reason.NOT_OPEN, "the conditional order is done", number=number)
        self._end_trigger(trigger, Status.CANCELED, Ending.OWNER)
        self._remember(do="disarm", account=account, number=number)
        return trigger

    def set_hedge(self, account: str, is_hedged: bool) -> None:
        """Both directions at once, or one at a time."""
        owner = self.account(account)
        if owner.is_hedged == is_hedged:
            raise Refused(Reason.UNCHANGED, "the position mode is that already")
        self._refuse_if_busy(owner, None)
        owner.is_hedged = is_hedged
        self._remember(do="set_hedge", account=account, is_hedged=is_hedged)

    def set_margin(self, account: str, symbol: str, margin: Margin) -> None:
        owner = self.account(account)
        self.instrument(symbol)
        if owner.margin(symbol) is margin:
            raise Refused(Reason.UNCHANGED, "the margin mode is that already")
        self._refuse_if_busy(owner, symbol)
        owner.margins[symbol] = margin
        self._remember(do="set_margin", account=account, symbol=symbol, margin=margin)

    def set_leverage(
        self,
        account: str,
        symbol: str,
        leverage: int,
        *,
        margin: Margin | None = None,
        direction: Direction | None = None,
    ) -> None:
        """For one direction or both; what is held already is carried at the new leverage."""
        owner = self.account(account)
        self.instrument(symbol)
        if not 1 <= leverage <= self.rates.most_leverage:
            raise Refused(Reason.BAD_LEVERAGE, "no such leverage", leverage=leverage)
        kind = margin or owner.margin(symbol)
        directions = [direction] if direction else list(Direction)
        self._carry_at(owner, symbol, kind, directions, leverage)
        self._remember(
            do="set_leverage",
            account=account,
            symbol=symbol,
            leverage=leverage,
            margin=kind,
            direction=direction,
        )

    def cancel_all_at(self, account: str, symbol: str, at_ms: int) -> None:
        """End all open orders at that moment unless asked again; no symbol is all, 0 is never.
        In place of a symbol may stand a group's tag, behind a `#`."""
        owner = self.account(account)
        owner.deadlines.pop(symbol, None)
        if at_ms:
            owner.deadlines[symbol] = at_ms
        self._remember(do="cancel_all_at", account=account, symbol=symbol, at_ms=at_ms)

    def pay_funding(self, rate: Decimal) -> None:
        """Funding out of its turn: a positive rate is paid by longs to shorts."""
        self._pay_funding(rate)
        self._settle()
        self._remember(do="pay_funding", rate=rate)

    # What it tells

    def by_client_id(self, account: str, client_id: str) -> Order | None:
        """The latest order of that name."""
        owner = self.account(account)
        number = owner.order_of.get(client_id)
        return None if number is None else owner.orders[number]

    def liquidation_price(
        self, account: Account, direction: Direction, symbol: str
    ) -> Decimal | None:
        """The mark at which the house would take the position over."""
        holding = account.holdings[symbol, direction]
        return carrying.liquidation_price(account, holding, self.marks, self.rates)

    def total(self) -> Decimal:
        """All cash less what holdings cost, and the fees: always what was deposited."""
        everyone = [*self.accounts.values(), self.house]
        return self.fees + sum((worth_at_cost(account) for account in everyone), ZERO)

    def deposited(self) -> Decimal:
        return sum((account.deposited for account in self.accounts.values()), ZERO)

    # The journal

    def catch_up(self) -> None:
        """Do what the journal has and this exchange has not done: at the start, all of it."""
        self._is_reading = True
        for line in self._journal.lines() if self._journal else ():
            self._again(line)
        self._is_reading = False

    def note_time(self) -> None:
        """Have the journal come as far as this exchange, even where nothing happened."""
        self._remember()

    def shorten(self) -> None:
        """Have the journal say what this exchange is, and no longer how it came to be."""
        self.note_time()
        if self._journal:
            self._journal.begin_with(msgspec.to_builtins({"do": "stand_as", "state": self.whole()}))

    def _remember(self, **line: object) -> None:
        """Write what has just happened, before anybody is told of it."""
        lines: list[Line] = []
        if self._untold or self._told_at_ms < self.now_ms:
            lines.append({"do": "tick", "at_ms": self.now_ms, "prices": self._untold})
        if line:
            lines.append(msgspec.to_builtins(line))
        self._untold, self._told_at_ms = {}, self.now_ms
        if self._journal is None or self._is_reading or not lines:
            return
        try:
            self._journal.write(lines)
        except JournalBroken:
            # What this process holds is ahead of what would come back: nobody may see it.
            self.is_broken = True
            raise

    def _again(self, line: Line) -> None:
        did = str(line.get("do"))
        if did not in REQUESTS:
            raise JournalBroken("a line asks for what this exchange does not do", did=did)
        try:
            told = {name: msgspec.convert(line[name], kind) for name, kind in REQUESTS[did].items()}
            getattr(self, did)(**told)
        except (KeyError, msgspec.ValidationError, Refused) as error:
            raise JournalBroken("a line cannot be done again", did=did) from error


def worth_at_cost(account: Account) -> Decimal:
    """Cash, and what is held, at what it cost."""
    worth = account.cash
    for holding in account.holdings.values():
        worth += -holding.cost if holding.direction is Direction.LONG else holding.cost
    return worth
