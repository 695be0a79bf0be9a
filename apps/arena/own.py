"""Public traders of ours, in the published shapes; only what is told of them is known here.

A coin is called as published where it is quoted in USDT, and by its whole symbol otherwise. Numbers
of orders and fills are the venue's where they are numbers; others are told by a number that is
always the same for them, as ids are integers there.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec
from django.db.models import Max, QuerySet

from apps.arena.models import Record
from apps.arena.published.shapes import BASELINE, Kind
from apps.core.face import plain
from apps.tenants.models import Tenant
from apps.traders import selectors as traders_told
from apps.traders.models import Sample, Trader
from apps.venues.selectors import candles
from engine.candle import TIMEFRAMES, seconds
from engine.deciding.analytics import (
    INITIAL,
    analytics,
    board_line,
    return_percent,
    sharpe_of_steps,
)
from engine.deciding.trades import MOST_TOLD
from engine.errors import EngineError
from engine.money import ZERO
from engine.signal import Direction

Told = dict[str, Any]
WRITE = msgspec.json.Encoder(decimal_format="number").encode
COIN = "BTC/USDT"
AMOUNTS = ("quantity", "entry", "mark", "margin", "unrealised", "stop", "target", "risk")
MOST_TALKS = 200
# So many bars of the baseline are told at most.
MOST_BARS = 600
FINE = timedelta(hours=72)
NAMES = uuid.UUID("5f0c3c62-59b2-4f0e-9c0e-2f6f7f5b7c11")
MINUTE, HOUR = 60, 3600


def public() -> list[Trader]:
    """Who may be seen by everybody: marked so, and of a tenant that is active."""
    told = traders_told.public_traders()
    if not told:
        return []
    tenants = Tenant.objects.filter(pk__in={one.tenant_id for one in told})
    active = set(tenants.filter(status=Tenant.Status.ACTIVE).values_list("pk", flat=True))
    return [one for one in told if one.tenant_id in active]


def rows_of(kind: Kind, *, now: datetime) -> list[Told]:
    """Every row of one kind; as many queries for many traders as for one."""
    told = public()
    return BY_KIND[kind](told, now) if told and kind in BY_KIND else []


def trades(told: Sequence[Trader], now: datetime) -> list[Told]:
    """Of each trader the newest hundred."""
    shown: dict[str, int] = defaultdict(int)
    found = []
    for trade in traders_told.trade_rows(told):
        shown[trade.trader.code] += 1
        if shown[trade.trader.code] <= MOST_TOLD:
            found.append(trade_row(trade))
    return found


def trade_row(trade: Any) -> Told:
    model_id, side = trade.trader.code, trade.direction.value
    sign = 1 if trade.direction is Direction.LONG else -1
    entry_at, exit_at = epoch(trade.entry.at), epoch(trade.exit.at)
    symbol, quantity = coin(trade.symbol), trade.quantity
    return {
        "id": f"{model_id}_{trade.id}",
        "trade_id": f"{entry_at}_{symbol}_{exit_at}_{model_id}",
        "model_id": model_id,
        "symbol": symbol,
        "side": side,
        "trade_type": side,
        "quantity": plain(sign * quantity),
        "leverage": trade.leverage or 1,
        "confidence": trade.confidence,
        "entry_price": plain(trade.entry.price),
        "exit_price": plain(trade.exit.price),
        "entry_time": entry_at,
        "exit_time": exit_at,
        "entry_human_time": human(trade.entry.at),
        "exit_human_time": human(trade.exit.at),
        "entry_sz": plain(quantity),
        "exit_sz": plain(quantity),
        "entry_oid": number(trade.entry.order_id),
        "exit_oid": number(trade.exit.order_id),
        "entry_tid": number(trade.entry.fill_id),
        "exit_tid": number(trade.exit.fill_id),
        "entry_crossed": True,
        "exit_crossed": True,
        "entry_liquidation": None,
        "exit_liquidation": None,
        "entry_commission_dollars": plain(trade.entry.fee),
        "exit_commission_dollars": plain(trade.exit.fee),
        "total_commission_dollars": plain(trade.fees),
        "entry_closed_pnl": plain(-trade.entry.fee),
        "exit_closed_pnl": plain(trade.net + trade.entry.fee),
        "exit_plan": {},
        "realized_gross_pnl": plain(trade.gross),
        "realized_net_pnl": plain(trade.net),
    }


def positions(told: Sequence[Trader], now: datetime) -> list[Told]:
    held = traders_told.holdings(told, now=now)
    return [
        {
            "model_id": one.code,
            "positions": held_rows(
                {each.symbol: traders_told.held_told(each) for each in held.get(one.pk, [])}
            ),
        }
        for one in told
    ]


def held_rows(held: dict[str, Told]) -> dict[str, Told]:
    return {coin(symbol): held_row(coin(symbol), one) for symbol, one in held.items()}


def held_row(symbol: str, held: Told) -> Told:
    """A position as it is now, or was at the moment of a sample."""
    amounts = {name: if_told(held[name]) for name in AMOUNTS}
    return {
        "entry_oid": number(held.get("id", "")),
        "risk_usd": amounts["risk"],
        "confidence": plain(Decimal(held["confidence"]) / 100),
        "exit_plan": {
            "profit_target": amounts["target"],
            "stop_loss": amounts["stop"],
            "invalidation_condition": held["invalidation"],
        },
        "entry_time": int(held["entry_at"]),
        "symbol": symbol,
        "entry_price": amounts["entry"],
        "margin": amounts["margin"],
        "leverage": held["leverage"],
        "quantity": amounts["quantity"],
        "current_price": amounts["mark"],
        "unrealized_pnl": amounts["unrealised"],
        "closed_pnl": plain(Decimal(held["realised"]) - Decimal(held["fees"])),
    }


def if_told(value: str | None) -> Decimal | None:
    return None if value is None else plain(Decimal(value))


def account_totals(told: Sequence[Trader], now: datetime) -> list[Told]:
    """Of each hour the last sample; the positions of the newest are those that are held now."""
    by_id = {one.pk: one for one in told}
    held = {row["model_id"]: row["positions"] for row in positions(told, now)}
    equities: dict[int, list[Decimal]] = defaultdict(list)
    found: dict[tuple[int, int], Told] = {}
    newest: dict[int, Told] = {}
    for row in hourly(told):
        equities[row.trader_id].append(row.equity)
        steps = sharpe_of_steps(equities[row.trader_id][-MOST_BARS:])
        code = by_id[row.trader_id].code
        found[row.trader_id, row.hour] = newest[row.trader_id] = {
            "id": f"{code}_{row.hour}",
            "model_id": code,
            "timestamp": epoch(row.at),
            "dollar_equity": plain(row.equity),
            "realized_pnl": plain(row.realised),
            "total_unrealized_pnl": plain(row.unrealised),
            "cum_pnl_pct": return_percent(row.equity, initial=row.capital or INITIAL),
            "sharpe_ratio": round(steps or 0, 3),
            "since_inception_hourly_marker": row.hour,
            "since_inception_minute_marker": row.minute,
            "positions": held_rows(row.positions),
        }
    for row in newest.values():
        row["positions"] = held.get(row["model_id"], {})
    return [*found.values(), *baseline(told, now)]


def hourly(told: Sequence[Trader]) -> QuerySet[Sample]:
    """Of each hour of each of them the last sample, oldest first."""
    every = traders_told.samples(told)
    last = every.order_by().values("trader", "hour").annotate(last=Max("pk")).values("last")
    return every.filter(pk__in=last)


def baseline(told: Sequence[Trader], now: datetime) -> list[Told]:
    """What the first of them would have, had it bought BTC when it began, and held it."""
    if Record.objects.filter(model_id=BASELINE).exists():
        return []
    hours: dict[int, Told] = {}
    for at, equity, entry, price in held_coin(told, now):
        hour = int((at - began(told).timestamp()) // HOUR)
        hours[hour] = {
            "id": f"{BASELINE}_{hour}",
            "model_id": BASELINE,
            "timestamp": Decimal(at),
            "dollar_equity": equity,
            "realized_pnl": ZERO,
            "total_unrealized_pnl": equity - INITIAL,
            "cum_pnl_pct": return_percent(equity),
            "since_inception_hourly_marker": hour,
            "since_inception_minute_marker": int((at - began(told).timestamp()) // MINUTE),
            "positions": {"BTC": hold_row(at, equity, entry, price)},
        }
    return list(hours.values())


def hold_row(at: int, equity: Decimal, entry: Decimal, price: Decimal) -> Told:
    return {
        "entry_oid": -1,
        "risk_usd": None,
        "confidence": None,
        "exit_plan": "N/A",
        "entry_time": Decimal(at),
        "symbol": "BTC",
        "entry_price": plain(entry),
        "current_price": plain(price),
        "margin": INITIAL,
        "leverage": 1,
        "quantity": round(INITIAL / entry, 8),
        "unrealized_pnl": equity - INITIAL,
        "closed_pnl": ZERO,
    }


def began(told: Sequence[Trader]) -> datetime:
    return min(one.began_at or one.created_at for one in told)


def held_coin(told: Sequence[Trader], now: datetime) -> list[tuple[int, Decimal, Decimal, Decimal]]:
    """When, what it was worth, the price then paid and the price at that moment."""
    age = (now - began(told)).total_seconds()
    # Samples are taken every minute: finer bars would only look restless beside them.
    steps = sorted((one for one in TIMEFRAMES if seconds(one) >= MINUTE), key=seconds)
    timeframe = next((step for step in steps if age / seconds(step) < MOST_BARS), steps[-1])
    bars = int(age // seconds(timeframe))
    if bars < 1:
        return []
    try:
        known = candles(venue=told[0].market, symbol=COIN, timeframe=timeframe, bars=bars, now=now)
    except EngineError:
        # No candles of it there: there is nothing to compare with.
        return []
    prices = [Decimal(str(price)) for price in known.close]
    opened = [int(at) for at in known.opened_at]
    if not prices or prices[0] <= 0:
        return []
    ends = [at + seconds(timeframe) for at in opened]
    return [
        (at, round(INITIAL * price / prices[0], 2), prices[0], price)
        for at, price in zip(ends, prices, strict=True)
    ]


def leaderboard(told: Sequence[Trader], now: datetime) -> list[Told]:
    closed = closed_by(told)
    books = traders_told.books_of(told, now=now)
    equities: dict[int, list[Decimal]] = defaultdict(list)
    for trader, equity in hourly(told).values_list("trader", "equity"):
        equities[trader].append(equity)
    return [
        msgspec.to_builtins(
            board_line(
                one.code,
                closed[one.code],
                equity=books[one.pk].equity,
                sharpe=sharpe_of_steps(equities[one.pk]),
                initial=one.capital or INITIAL,
            )
        )
        for one in told
    ]


def closed_by(told: Sequence[Trader]) -> dict[str, list[Any]]:
    """Every completed trade, by its trader's code, the newest last."""
    found: dict[str, list[Any]] = defaultdict(list)
    for trade in reversed(traders_told.trade_rows(told)):
        found[trade.trader.code].append(trade.closed())
    return found


def analytics_rows(told: Sequence[Trader], now: datetime) -> list[Told]:
    closed = closed_by(told)
    said_by, woken_by = traders_told.said(told), traders_told.woken(told)
    found = []
    for one in told:
        trades_of, woken = closed[one.code], woken_by[one.pk]
        tables = analytics(trades_of, said_by[one.pk], woken)
        last = trades_of[-1] if trades_of else None
        spoke = Decimal(woken[-1].at_ms) / 1000 if woken else None
        about = {
            "id": one.code,
            "model_id": one.code,
            "updated_at": epoch(now),
            "last_trade_exit_time": last and last.exit_time,
            "last_trade_doc_id": last and f"{one.code}_{last.id}",
            "last_convo_doc_id": spoke and f"{one.code}_{spoke}",
            "last_convo_timestamp": spoke,
        }
        found.append(about | msgspec.to_builtins(tables))
    return found


def inceptions(told: Sequence[Trader], now: datetime) -> list[Told]:
    return [
        {
            "id": str(uuid.uuid5(NAMES, one.code)),
            "model_id": one.code,
            "nav_since_inception": plain(one.capital),
            "inception_date": epoch(one.began_at or one.created_at),
            "num_invocations": one.decided,
        }
        for one in told
    ]


def prices(told: Sequence[Trader], now: datetime) -> list[Told]:
    symbols = {symbol for one in told for symbol in one.symbols}
    seen = traders_told.prices_for(told, symbols, now=now)
    found = {}
    for (_venue, symbol), (price, at) in sorted(seen.items()):
        found[coin(symbol)] = {
            "symbol": coin(symbol),
            "price": plain(price),
            "timestamp": int(at.timestamp() * 1000),
        }
    return list(found.values())


def conversations(told: Sequence[Trader], now: datetime) -> list[Told]:
    return [talk_row(one) for one in traders_told.conversations(told, MOST_TALKS)]


def talk_row(talk: Any) -> Told:
    at = int(talk.at.timestamp())
    said = [("system", talk.system), ("user", talk.user), ("assistant", talk.assistant)]
    return {
        "model_id": talk.trader.code,
        "messages": [{"role": role, "content": content, "timestamp": at} for role, content in said],
        "user_prompt": talk.user,
        "cot_trace": None,
        "cot_trace_summary": talk.reason or None,
        "llm_response": talk.assistant,
        "timestamp": at,
        "inserted_at": at,
    }


BY_KIND = {
    Kind.TRADES: trades,
    Kind.POSITIONS: positions,
    Kind.ACCOUNTS: account_totals,
    Kind.LEADERBOARD: leaderboard,
    Kind.ANALYTICS: analytics_rows,
    Kind.INCEPTION: inceptions,
    Kind.PRICES: prices,
    Kind.CONVERSATIONS: conversations,
}


def curves(*, now: datetime) -> dict[str, list[tuple[int, Decimal]]]:
    """Minute by minute of the last days, what is told hour by hour otherwise."""
    told = public()
    if not told:
        return {}
    codes = {one.pk: one.code for one in told}
    coarse = hourly(told).filter(at__lt=now - FINE)
    fine = traders_told.samples(told, since=now - FINE)
    found: dict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for one in told:
        found[one.code].append((int((one.began_at or one.created_at).timestamp()), one.capital))
    for rows in (coarse, fine):
        for trader, at, equity in rows.values_list("trader", "at", "equity"):
            found[codes[trader]].append((int(at.timestamp()), equity))
    if not Record.objects.filter(model_id=BASELINE).exists():
        found[BASELINE] = [(at, equity) for at, equity, _entry, _price in held_coin(told, now)]
    return {name: sorted(points) for name, points in found.items() if points}


def coin(symbol: str) -> str:
    return symbol.removesuffix("/USDT")


def epoch(at: datetime) -> Decimal:
    """As published: seconds, with a point in them."""
    text = f"{at.timestamp():.6f}".rstrip("0")
    return Decimal(f"{text}0" if text.endswith(".") else text)


def human(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def number(name: str) -> int:
    """A venue's number; of another name a positive one that is always the same."""
    if name.isascii() and name.isdigit() and len(name) < 19:
        return int(name)
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") >> 1 if name else -1


def written(rows: Iterable[Told]) -> list[bytes]:
    return [WRITE(row) for row in rows]
