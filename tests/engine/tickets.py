"""Tickets as tests ask for them."""

from engine.messages import Task, Ticket
from engine.signal import Action, Direction, side_of

NOT_AFTER_MS = 1_700_000_010_000
NOW_MS = NOT_AFTER_MS - 5_000


def ticket(**changes) -> Ticket:
    action = changes.get("action", Action.OPEN)
    direction = changes.get("direction", Direction.LONG)
    told = {
        "order_id": "7",
        "task": Task.PLACE,
        "venue": "paper",
        "account": "1",
        "sealed_credentials": "",
        "client_order_id": "ibaaaa",
        "symbol": "BTC/USDT",
        "side": side_of(action, direction),
        "direction": direction,
        "action": action,
        "quantity": "0.01",
        "leverage": 10,
        "not_after_ms": NOT_AFTER_MS,
    }
    return Ticket(**told | changes)
