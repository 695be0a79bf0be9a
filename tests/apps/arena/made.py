"""Published files for the tests, made here; and the recorded ones, where they are."""

import json
from pathlib import Path

import msgspec
import pytest

from engine.deciding.analytics import analytics
from engine.deciding.trades import by_model, read_trades

WHERE = Path("shared/data/nof1")
FOUND = next((up / WHERE for up in Path(__file__).parents if (up / WHERE).exists()), None)
recorded = pytest.mark.skipif(FOUND is None, reason=f"{WHERE} is not beside the repository")
RECORDED_FILES = (
    *("trades", "analytics", "leaderboard", "since-inception-values", "crypto-prices"),
    "positions",
)


def trade(number, model="gpt-5", *, side="long", gain=10, at=1_761_000_000, **changes):
    """One that fits together: a gain of so much a coin, after a fee of one at each end."""
    quantity = 2 if side == "long" else -2
    exit_price = 100 + gain * (1 if side == "long" else -1)
    ended = at + 3600.5 + number * 60
    gross = (exit_price - 100) * quantity
    row = {
        "id": f"{model}_{number:08d}-0000-4000-8000-000000000000",
        "trade_id": f"{at}_BTC_{ended}_{model}",
        "model_id": model,
        "symbol": "BTC",
        "side": side,
        "trade_type": side,
        "quantity": quantity,
        "leverage": 1,
        "confidence": 0,
        "entry_price": 100,
        "exit_price": exit_price,
        "entry_time": at,
        "exit_time": ended,
        "entry_human_time": "2025-10-20 22:40:00.000000",
        "exit_human_time": "2025-10-20 23:40:00.500000",
        "entry_sz": 2,
        "exit_sz": 2,
        "entry_oid": 211_370_609_263 + number,
        "exit_oid": 2**62 + number,
        "entry_tid": 236_046_654_097_081,
        "exit_tid": 1_009_375_947_925_348,
        "entry_crossed": True,
        "exit_crossed": False,
        "entry_liquidation": None,
        "exit_liquidation": None,
        "entry_commission_dollars": 1,
        "exit_commission_dollars": 1,
        "total_commission_dollars": 2,
        "entry_closed_pnl": -1,
        "exit_closed_pnl": gross - 1,
        "exit_plan": {},
        "realized_gross_pnl": gross,
        "realized_net_pnl": gross - 2,
    }
    return row | changes


def analytics_row(model, rows):
    """What these trades come to, as it is published."""
    told = read_trades(json.dumps({"trades": rows}).encode())
    closed = by_model(told.values())[model]
    last = max(rows, key=lambda row: row["exit_time"])
    return {
        "id": model,
        "model_id": model,
        "updated_at": 1761452320.533801,
        "last_trade_exit_time": last["exit_time"],
        "last_trade_doc_id": last["id"],
        "last_convo_doc_id": f"{model}_1761452000.1",
        "last_convo_timestamp": 1761452000.1,
        **msgspec.to_builtins(analytics(closed)),
    }


def held(symbol="BTC", **changes):
    row = {
        "entry_oid": 1,
        "risk_usd": 300.5,
        "confidence": 0.62,
        "exit_plan": {
            "profit_target": 120,
            "stop_loss": 90,
            "invalidation_condition": "it <b>turns",
        },
        "entry_time": 1_761_000_000,
        "symbol": symbol,
        "entry_price": 100,
        "margin": 40.0,
        "leverage": 5,
        "quantity": -2,
        "current_price": 105,
        "unrealized_pnl": -10,
        "closed_pnl": -1,
    }
    return row | changes


def account(model="gpt-5", hour=0, equity=10_050, **changes):
    row = {
        "id": f"{model}_{hour}",
        "model_id": model,
        "timestamp": 1_761_000_000.25 + 3600 * hour,
        "dollar_equity": equity,
        "realized_pnl": equity - 9_990,
        "total_unrealized_pnl": -10,
        "cum_pnl_pct": round(equity / 10_000 - 1, 5) * 100,
        "sharpe_ratio": 0.125,
        "since_inception_hourly_marker": hour,
        "since_inception_minute_marker": 60 * hour + 59,
        "positions": {"BTC": held()},
    }
    return row | changes


def talk(model="gpt-5", at=1_761_000_000, said="I hold."):
    messages = [
        {"role": "system", "content": "You trade.", "timestamp": at},
        {"role": "user", "content": "It is late.", "timestamp": str(at)},
        {"role": "assistant", "content": said},
    ]
    return {"model_id": model, "messages": messages}


def everything():
    """One of each published file, by its name."""
    rows = [
        trade(1),
        trade(2, side="short", gain=-4),
        trade(3, gain=7.25),
        trade(4, "claude-4.5", at=1_761_000_007),
    ]
    mine = [row for row in rows if row["model_id"] == "gpt-5"]
    return {
        "trades": {"trades": rows, "serverTime": 1761452354435},
        "analytics": {"analytics": [analytics_row("gpt-5", mine)], "serverTime": 1761452353943},
        "analytics-claude-4.5": {"analytics": [analytics_row("claude-4.5", rows[3:])]},
        "leaderboard": {
            "leaderboard": [
                {
                    "id": "gpt-5",
                    "num_trades": 3,
                    "sharpe": 0,
                    "win_dollars": 30.5,
                    "num_losses": 1,
                    "lose_dollars": -10,
                    "return_pct": -69.36,
                    "equity": 3063.56,
                    "num_wins": 2,
                }
            ]
        },
        "since-inception-values": {
            "sinceInceptionValues": [
                {
                    "id": "117506d4-d377-47b2-a90b-b86853f796d7",
                    "nav_since_inception": 10000,
                    "inception_date": 1760738409.834185,
                    "num_invocations": 0,
                    "model_id": "gpt-5",
                }
            ],
            "serverTime": 1761452352829,
        },
        "crypto-prices": {
            "prices": {"BTC": {"symbol": "BTC", "price": 111317.5, "timestamp": 1761452335744}},
            "serverTime": 1761452335744,
        },
        "positions": {
            "accountTotals": [
                {"model_id": "gpt-5", "positions": {"BTC": held(), "ETH": held("ETH")}},
                {"model_id": "claude-4.5", "positions": {"BTC": held(quantity=3)}},
                {"model_id": "grok-4", "positions": {}},
            ]
        },
        "account-totals": {
            "accountTotals": [
                account(hour=0),
                account(hour=1, equity=9_990),
                account("claude-4.5", hour=0, equity=9_858.73, realized_pnl=-300),
                account("buynhold_btc", hour=0) | {"positions": {"BTC": held(exit_plan="N/A")}},
            ],
            "lastHourlyMarkerRead": 1,
        },
        "conversations": {"conversations": [talk(), talk("claude-4.5")]},
    }


def write(folder, files=None):
    folder.mkdir(exist_ok=True)
    for name, content in (everything() if files is None else files).items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1))
    return folder


def exactly(path):
    """A file's content with every number as it is spelt."""
    return json.loads(path.read_bytes(), parse_float=str, parse_int=str)
