"""A sound answer in a sound situation, which each test bends in the one place that it is about."""

import json
from decimal import Decimal

from engine.deciding.context import Account, Context, Market, Performance, Position, Recent
from engine.deciding.limits import read_limits
from engine.signal import Direction

NOW_MS = 1_790_000_000_000
LIMITS = read_limits({"max_size": 5_000, "cooldown_seconds": 600})
# A long in ETH: 2 percent risked for 8, at a quarter of the equity.
LONG = {
    "signal": "buy_to_enter",
    "symbol": "ETH/USDT",
    "leverage": 5,
    "position_size_usd": 2_500,
    "entry_price": 4_000,
    "stop_loss": 3_920,
    "take_profit": 4_320,
    "risk_usd": 50,
    "confidence": 80,
    "invalidation_condition": "a 4h close below 3,900",
    "reasoning": "It rises.",
}
SHORT = LONG | {"signal": "sell_to_enter", "stop_loss": 4_080, "take_profit": 3_680}
CLOSE = dict.fromkeys(LONG, 0) | {
    "signal": "close",
    "symbol": "SOL/USDT",
    "invalidation_condition": "",
    "reasoning": "It has turned.",
}
HOLD = CLOSE | {"signal": "hold"}


def market(symbol, price, **changes):
    told = {
        "symbol": symbol,
        "price": Decimal(price),
        "seen_at_ms": NOW_MS - 500,
        "max_leverage": 50,
        "open_interest": Decimal(250_000),
        "funding": Decimal("0.0000125"),
        "indicators": {"3m": {"ema20": (3_990.5, 3_995.25), "rsi7": (55.0, 61.5)}},
    }
    return Market(**(told | changes))


def context(**changes):
    told = {
        "now_ms": NOW_MS,
        "began_at_ms": NOW_MS - 3_600_000,
        "account": Account(
            equity=Decimal(10_000), available=Decimal(9_000), margin_used=Decimal(1_000)
        ),
        "positions": (
            Position(
                symbol="SOL/USDT",
                direction=Direction.SHORT,
                quantity=Decimal(50),
                entry=Decimal(200),
                mark=Decimal(193),
                leverage=10,
                margin=Decimal(1_000),
                unrealised=Decimal(350),
                opened_at_ms=NOW_MS - 1_800_000,
                stop=Decimal(210),
                target=Decimal(170),
                invalidation="a close above 211",
            ),
        ),
        "markets": (
            market("BTC/USDT", 111_000),
            market("ETH/USDT", 4_000),
            market("SOL/USDT", 193),
            market("DOGE/USDT", "0.195"),
        ),
        "recent": (
            Recent(at_ms=NOW_MS - 180_000, symbol="SOL/USDT", signal="hold", outcome="done"),
        ),
        "performance": Performance(trades=12, win_rate=41.5, sharpe=0.4),
        "closed_at_ms": {"DOGE/USDT": NOW_MS - 60_000},
    }
    return Context(**(told | changes))


def answer(*decisions):
    return json.dumps({"decisions": list(decisions)})
