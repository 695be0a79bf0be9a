"""What truly happened at the exchange, whatever its answers said: tests compare with this."""

from typing import Any

import msgspec

from engine.messages import number
from engine.money import ZERO
from engine.paper import margin as carrying
from engine.paper.account import Account, Holding
from engine.paper.exchange import Exchange
from engine.paper.orders import Order

Told = dict[str, Any]


def truth(exchange: Exchange) -> Told:
    """Every order ever accepted, every fill, position and balance, of every account."""
    return {
        "at_ms": exchange.now_ms,
        "marks": {symbol: number(price) for symbol, price in exchange.marks.items()},
        "fees": number(exchange.fees),
        "deposited": number(exchange.deposited()),
        "total": number(exchange.total()),
        "house": {
            "cash": number(exchange.house.cash),
            "positions": [holding_told(one) for one in exchange.house.holdings.values()],
        },
        "accounts": {
            name: account_told(exchange, account) for name, account in exchange.accounts.items()
        },
    }


def account_told(exchange: Exchange, account: Account) -> Told:
    marks = exchange.marks
    return {
        "cash": number(account.cash),
        "available": number(carrying.available(account, marks)),
        "unrealised": number(carrying.unrealised(account, marks)),
        "is_hedged": account.is_hedged,
        "orders": [order_told(order) for order in account.orders.values()],
        "triggers": msgspec.to_builtins(list(account.triggers.values())),
        "fills": msgspec.to_builtins(account.executions),
        "positions": [holding_told(one) for one in account.holdings.values()],
        "payments": msgspec.to_builtins(account.moved),
        "leverages": [
            [symbol, margin, direction, leverage]
            for (symbol, margin, direction), leverage in account.leverages.items()
        ],
        "margins": dict(account.margins),
    }


def order_told(order: Order) -> Told:
    ask = order.ask
    return {
        "number": order.number,
        "client_id": ask.client_id,
        "symbol": ask.symbol,
        "side": ask.side,
        "direction": ask.direction,
        "price": None if ask.price is None else number(ask.price),
        "style": ask.style,
        "is_reduce_only": ask.is_reduce_only,
        "origin": order.origin,
        "quantity": number(ask.quantity),
        "filled": number(order.filled),
        "value": number(order.value),
        "fees": number(order.fees),
        "status": order.status,
        "why_ended": order.why_ended,
        "placed_at_ms": order.placed_at_ms,
        "fills": [fill.number for fill in order.fills],
    }


def holding_told(holding: Holding) -> Told:
    return {
        "symbol": holding.symbol,
        "direction": holding.direction,
        "margin": holding.margin,
        "quantity": number(holding.quantity),
        "cost": number(holding.cost),
        "put_up": number(holding.put_up),
        "realized": number(holding.realized),
        "funding": number(holding.funding + ZERO),
    }
