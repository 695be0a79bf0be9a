"""What a model may decide: the published schema, and a decision as it is once it has passed it."""

import enum
from decimal import Decimal
from typing import Any

import msgspec

from engine.signal import Direction

MOST_DECISIONS = 20
MOST_LEVERAGE = 1_000
# No amount or price is larger, in the quote currency.
LARGEST = 10**12


class Wanted(enum.StrEnum):
    BUY_TO_ENTER = "buy_to_enter"
    SELL_TO_ENTER = "sell_to_enter"
    HOLD = "hold"
    CLOSE = "close"


OPENS = {Wanted.BUY_TO_ENTER: Direction.LONG, Wanted.SELL_TO_ENTER: Direction.SHORT}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One wish about one symbol. A price or amount is zero where it says nothing."""

    signal: Wanted
    symbol: str
    leverage: int
    position_size_usd: Decimal
    entry_price: Decimal
    stop_loss: Decimal
    take_profit: Decimal
    risk_usd: Decimal
    confidence: int
    invalidation_condition: str
    reasoning: str

    @property
    def opens(self) -> Direction | None:
        return OPENS.get(self.signal)


AMOUNT = {"type": "number", "minimum": 0, "maximum": LARGEST}
DECISION: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": list(Decision.__struct_fields__),
    "properties": {
        "signal": {"type": "string", "enum": [one.value for one in Wanted]},
        "symbol": {"type": "string", "minLength": 1, "maxLength": 64},
        "leverage": {"type": "integer", "minimum": 0, "maximum": MOST_LEVERAGE},
        "position_size_usd": AMOUNT,
        "entry_price": AMOUNT,
        "stop_loss": AMOUNT,
        "take_profit": AMOUNT,
        "risk_usd": AMOUNT,
        "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
        "invalidation_condition": {"type": "string", "maxLength": 1_000},
        "reasoning": {"type": "string", "maxLength": 4_000},
    },
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["decisions"],
    "properties": {"decisions": {"type": "array", "maxItems": MOST_DECISIONS, "items": DECISION}},
}
