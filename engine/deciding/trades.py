"""Completed trades as they are published, read exactly and written back the same.

Times are epoch seconds and a short's quantity is negative, as published; what analytics count from
is a `Closed`, whoever it came from.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from engine.deciding.errors import BadTrades
from engine.signal import Direction

# Of a model's trades the source tells so many, the newest by their exit.
MOST_TOLD = 100
# What the published amounts may be off by: they are sums of floats.
DUST = Decimal("0.000001")


class PublishedTrade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of `trades.json`, all of it."""

    id: str
    trade_id: str
    model_id: str
    symbol: str
    side: Literal["long", "short"]
    trade_type: str
    quantity: Decimal
    leverage: int
    confidence: int
    entry_price: Decimal
    exit_price: Decimal
    entry_time: Decimal
    exit_time: Decimal
    entry_human_time: str
    exit_human_time: str
    entry_sz: Decimal
    exit_sz: Decimal
    entry_oid: int
    exit_oid: int
    entry_tid: int
    exit_tid: int
    entry_crossed: bool
    exit_crossed: bool
    entry_liquidation: dict[str, Any] | None
    exit_liquidation: dict[str, Any] | None
    entry_commission_dollars: Decimal
    exit_commission_dollars: Decimal
    total_commission_dollars: Decimal
    entry_closed_pnl: Decimal
    exit_closed_pnl: Decimal
    exit_plan: dict[str, Any]
    realized_gross_pnl: Decimal
    realized_net_pnl: Decimal


class PublishedTrades(msgspec.Struct, kw_only=True):
    trades: list[PublishedTrade]
    serverTime: int | None = None  # noqa: N815 - the published name


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """One completed trade; equity, stop and target as they were at its entry, where known."""

    id: str
    symbol: str
    direction: Direction
    quantity: Decimal  # without a sign
    entry_price: Decimal
    entry_time: Decimal
    exit_time: Decimal
    fees: Decimal
    gross: Decimal
    net: Decimal
    leverage: int | None = None
    equity: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None

    @property
    def minutes(self) -> Decimal:
        return (self.exit_time - self.entry_time) / 60

    @property
    def notional(self) -> Decimal:
        return abs(self.entry_price * self.quantity)


def read_trades(content: bytes) -> dict[str, PublishedTrade]:
    """Every trade by its id, in the file's order; BadTrades naming the row that is none."""
    try:
        rows = msgspec.json.decode(content, type=PublishedTrades).trades
    except msgspec.DecodeError as error:
        raise BadTrades(str(error)) from error
    found: dict[str, PublishedTrade] = {}
    for place, row in enumerate(rows):
        reason = contradiction(row)
        if reason:
            raise BadTrades(f"{reason} - at `$.trades[{place}]`", id=row.id)
        if found.setdefault(row.id, row) != row:
            raise BadTrades(f"its id is another trade's - at `$.trades[{place}]`", id=row.id)
    return found


def contradiction(row: PublishedTrade) -> str:
    """Why a row cannot be; empty where it can."""
    values = (getattr(row, name) for name in row.__struct_fields__)
    if not all(value.is_finite() for value in values if isinstance(value, Decimal)):
        return "not so: every number is one"
    gross = (row.exit_price - row.entry_price) * row.quantity
    holds = {
        "a short's quantity is negative, a long's positive": (row.quantity > 0)
        == (row.side == "long")
        and row.quantity != 0,
        "prices are more than zero": min(row.entry_price, row.exit_price) > 0,
        "it ends after it began": row.exit_time >= row.entry_time,
        "gross is the move times the quantity": near(row.realized_gross_pnl, gross),
        "net is what both ends closed": near(
            row.realized_net_pnl, row.entry_closed_pnl + row.exit_closed_pnl
        ),
        "the commission is that of both ends": near(
            row.total_commission_dollars,
            row.entry_commission_dollars + row.exit_commission_dollars,
        ),
        "it is named after its model": row.id.startswith(f"{row.model_id}_"),
    }
    return next((f"not so: {what}" for what, is_so in holds.items() if not is_so), "")


def near(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= DUST


def merged(
    known: Mapping[str, PublishedTrade], more: Mapping[str, PublishedTrade]
) -> dict[str, PublishedTrade]:
    """Both; a trade that is known stays as it is, and cannot become another one."""
    for name in known.keys() & more.keys():
        if known[name] != more[name]:
            raise BadTrades("a known trade is told otherwise", id=name)
    return {**known, **more}


def write_trades(rows: Iterable[PublishedTrade], *, server_time: int | None = None) -> bytes:
    told = PublishedTrades(trades=list(rows), serverTime=server_time)
    return msgspec.json.Encoder(decimal_format="number").encode(told)


def closed(row: PublishedTrade) -> Closed:
    """As analytics count it; the published leverage is always 1, and says nothing."""
    return Closed(
        id=row.id,
        symbol=row.symbol,
        direction=Direction(row.side),
        quantity=abs(row.quantity),
        entry_price=row.entry_price,
        entry_time=row.entry_time,
        exit_time=row.exit_time,
        fees=row.total_commission_dollars,
        gross=row.realized_gross_pnl,
        net=row.realized_net_pnl,
    )


def by_model(rows: Iterable[PublishedTrade]) -> dict[str, list[Closed]]:
    told: dict[str, list[Closed]] = {}
    for row in rows:
        told.setdefault(row.model_id, []).append(closed(row))
    return told


def missing(trades: Sequence[Closed], *, published: int | None = None) -> str:
    """What of a model's trades is not there: "100 of 158", or that nobody can tell; else empty."""
    if published is not None and len(trades) < published:
        return f"{len(trades)} of {published}"
    if published is None and len(trades) >= MOST_TOLD:
        return f"{len(trades)}, where the source stops telling"
    return ""
