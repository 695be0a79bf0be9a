"""What an exchange is, as one line: read instead of everything that led to it.

Whatever follows from something else is not in it: open orders from all orders, the
names of orders, and an account's fills, which are its orders' fills by number.
"""

from decimal import Decimal

import msgspec

from engine.messages import Margin
from engine.paper.account import Account, Holding, IdRule
from engine.paper.orders import Moved, Order, Trade, Trigger
from engine.signal import Direction


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ids: IdRule
    refuses_takers: bool
    cash: Decimal
    deposited: Decimal
    is_hedged: bool
    holdings: list[Holding]
    margins: dict[str, Margin]
    leverages: list[tuple[str, Margin, Direction, int]]
    orders: list[Order]
    triggers: list[Trigger]
    moved: list[Moved]
    deadlines: dict[str, int]


class BookState(msgspec.Struct, frozen=True, kw_only=True):
    """The house's quotes, and the two sides in the order in which they trade.

    A guest's order stands there by its number, a quote by its place among the quotes, below zero.
    """

    quotes: list[Order]
    bids: list[int]
    asks: list[int]
    tape: list[Trade]


class State(msgspec.Struct, frozen=True, kw_only=True):
    now_ms: int
    last_number: int
    fees: Decimal
    marks: dict[str, Decimal]
    house: AccountState
    accounts: list[AccountState]
    books: dict[str, BookState]
    touched: list[str]
    unquoted: list[str]


def account_state(account: Account) -> AccountState:
    return AccountState(
        name=account.name,
        ids=account.ids,
        refuses_takers=account.refuses_takers,
        cash=account.cash,
        deposited=account.deposited,
        is_hedged=account.is_hedged,
        holdings=list(account.holdings.values()),
        margins=account.margins,
        leverages=[(*key, leverage) for key, leverage in account.leverages.items()],
        orders=list(account.orders.values()),
        triggers=list(account.triggers.values()),
        moved=account.moved,
        deadlines=account.deadlines,
    )


def account_of(state: AccountState) -> Account:
    account = Account(
        state.name,
        state.ids,
        state.refuses_takers,
        cash=state.cash,
        deposited=state.deposited,
        is_hedged=state.is_hedged,
        holdings={(one.symbol, one.direction): one for one in state.holdings},
        margins=state.margins,
        leverages={
            (symbol, margin, direction): leverage
            for symbol, margin, direction, leverage in state.leverages
        },
        moved=state.moved,
        deadlines=state.deadlines,
    )
    for order in state.orders:
        account.keep(order)
        if not order.is_open:
            del account.open[order.number]
    for trigger in state.triggers:
        account.keep_trigger(trigger)
        if not trigger.is_waiting:
            del account.waiting[trigger.number]
    fills = [fill for order in state.orders for fill in order.fills]
    account.executions = sorted(fills, key=lambda fill: fill.number)
    return account
