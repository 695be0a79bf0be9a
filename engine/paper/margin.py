"""What positions and open orders tie up, and when an account can carry them no longer.

Pure questions about an account and the marks of the symbols. Isolated margin
is put up once, when a position opens; cross positions share what cash is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.messages import Margin
from engine.money import ZERO
from engine.paper.account import Account, Holding, opened_by, units_up
from engine.paper.orders import Order, reduced_by
from engine.signal import Direction, Side

Marks = Mapping[str, Decimal]
# Orders whose margin is reckoned together.
Kind = tuple[str, Side, Direction | None, Margin | None]


@dataclass(frozen=True, slots=True)
class Rates:
    """What the exchange charges, and how much margin it wants kept."""

    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")
    maintenance: Decimal = Decimal("0.004")
    funding: Decimal = Decimal("0.0001")
    funding_every_ms: int = 8 * 3600 * 1000
    most_leverage: int = 100


def initial(account: Account, holding: Holding) -> Decimal:
    """What the position ties up."""
    if holding.margin is Margin.ISOLATED:
        return holding.put_up
    leverage = account.leverage(holding.symbol, holding.margin, holding.direction)
    return units_up(holding.cost / leverage)


def maintenance(holding: Holding, marks: Marks, rates: Rates) -> Decimal:
    return holding.quantity * marks[holding.symbol] * rates.maintenance


def order_margin(account: Account) -> Decimal:
    """What open orders tie up: only what would be opened, and not what closes first."""
    values: dict[Kind, tuple[Decimal, Decimal]] = {}
    for order in account.open.values():
        ask = order.ask
        if order.closes is None and ask.price is not None:
            key = (ask.symbol, ask.side, ask.direction, ask.margin)
            quantity, value = values.get(key, (ZERO, ZERO))
            values[key] = (quantity + order.left, value + order.left * ask.price)
    total = ZERO
    for (symbol, side, direction, margin), (quantity, value) in values.items():
        closing = ZERO if direction else account.held(symbol, reduced_by(side))
        opening = max(quantity - closing, ZERO)
        leverage = leverage_of(account, symbol, direction or opened_by(side), margin)
        total += units_up(value * opening / quantity / leverage) if quantity else ZERO
    return total


def closable(account: Account, order: Order) -> Decimal:
    """What a one-way order may close, and no resting order of its side closes already."""
    ask = order.ask
    spoken_for = sum(
        (
            one.left
            for one in account.open.values()
            if one.ask.symbol == ask.symbol and one.ask.side is ask.side and one.closes is None
        ),
        ZERO,
    )
    return max(account.held(ask.symbol, reduced_by(ask.side)) - spoken_for, ZERO)


def leverage_of(
    account: Account, symbol: str, direction: Direction, margin: Margin | None = None
) -> int:
    holding = account.holdings.get((symbol, direction))
    kind = holding.margin if holding else margin or account.margin(symbol)
    return account.leverage(symbol, kind, direction)


def unrealised(account: Account, marks: Marks) -> Decimal:
    return sum((one.unrealised(marks[one.symbol]) for one in account.holdings.values()), ZERO)


def crossed(account: Account) -> list[Holding]:
    return [one for one in account.holdings.values() if one.margin is Margin.CROSS]


def cross_equity(account: Account, marks: Marks) -> Decimal:
    """What carries the cross positions: cash that no isolated position has, and their gains."""
    put_up = sum((one.put_up for one in account.holdings.values()), ZERO)
    gained = sum((one.unrealised(marks[one.symbol]) for one in crossed(account)), ZERO)
    return account.cash - put_up + gained


def available(account: Account, marks: Marks) -> Decimal:
    """What new orders may tie up: losses of cross positions count, their gains do not."""
    gained = sum((one.unrealised(marks[one.symbol]) for one in crossed(account)), ZERO)
    tied = sum((initial(account, one) for one in account.holdings.values()), ZERO)
    return account.cash - tied - order_margin(account) + min(gained, ZERO)


def needed(
    account: Account,
    order: Order,
    *,
    quantity: Decimal,
    value: Decimal,
    mark: Decimal,
    rates: Rates,
) -> Decimal:
    """What an order must find available: margin and fee, and what it loses at once at the mark.

    `quantity` is what can fill or rest of it, and `value` what that is worth.
    """
    ask = order.ask
    closing = ZERO if ask.direction else closable(account, order)
    opening = ZERO if order.closes is not None else max(quantity - closing, ZERO)
    if not opening:
        return ZERO
    share = value * opening / quantity
    lost = share - opening * mark if ask.side is Side.BUY else opening * mark - share
    leverage = leverage_of(account, ask.symbol, ask.direction or opened_by(ask.side), ask.margin)
    return units_up(share / leverage + share * rates.taker + max(lost, ZERO))


def cannot_carry(account: Account, marks: Marks, rates: Rates) -> list[Holding]:
    """The positions to liquidate now."""
    isolated = [
        one
        for one in account.holdings.values()
        if one.margin is Margin.ISOLATED
        and one.put_up + one.unrealised(marks[one.symbol]) <= maintenance(one, marks, rates)
    ]
    cross = crossed(account)
    floor = sum((maintenance(one, marks, rates) for one in cross), ZERO)
    return isolated + (cross if cross and cross_equity(account, marks) <= floor else [])


def liquidation_price(
    account: Account, holding: Holding, marks: Marks, rates: Rates
) -> Decimal | None:
    """The mark at which the position goes, all others staying where they are; none below zero."""
    backing = holding.put_up
    if holding.margin is Margin.CROSS:
        others = [one for one in crossed(account) if one is not holding]
        backing = cross_equity(account, marks) - holding.unrealised(marks[holding.symbol])
        backing -= sum((maintenance(one, marks, rates) for one in others), ZERO)
    if holding.direction is Direction.LONG:
        price = (holding.cost - backing) / (holding.quantity * (1 - rates.maintenance))
    else:
        price = (holding.cost + backing) / (holding.quantity * (1 + rates.maintenance))
    return price if price > 0 else None
