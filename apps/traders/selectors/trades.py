"""Completed trades of traders, from their fills; and what they said, and when they woke."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from apps.orders.models import Fill
from apps.positions.models import Close, Position
from apps.traders.models import Decision, Item, Shade, Trader
from apps.traders.selectors.books import plans_of
from engine.deciding.analytics import Said, Woken
from engine.deciding.decision import Wanted
from engine.deciding.trades import Closed
from engine.money import ZERO
from engine.position import won
from engine.signal import Action, Direction

# Rows that are written in one transaction are written this close to each other.
TOGETHER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of a trade: the first of its orders and fills names it."""

    order_id: str
    fill_id: str
    at: datetime
    price: Decimal
    quantity: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A position from its first fill to its last."""

    id: str
    trader: Trader
    symbol: str
    direction: Direction
    quantity: Decimal
    entry: Side
    exit: Side
    gross: Decimal
    funding: Decimal = ZERO
    leverage: int | None = None
    confidence: int = 0
    equity: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    invalidation: str = ""
    # By which prompt it was opened.
    template_id: object = None

    @property
    def fees(self) -> Decimal:
        return self.entry.fee + self.exit.fee

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees + self.funding

    def closed(self) -> Closed:
        return Closed(
            id=self.id,
            symbol=self.symbol,
            direction=self.direction,
            quantity=self.quantity,
            entry_price=self.entry.price,
            entry_time=seconds(self.entry.at),
            exit_time=seconds(self.exit.at),
            fees=self.fees,
            gross=self.gross,
            net=self.net,
            leverage=self.leverage,
            equity=self.equity,
            stop=self.stop,
            target=self.target,
        )


def seconds(at: datetime) -> Decimal:
    return Decimal(f"{at.timestamp():.6f}")


def closed_trades(trader: Trader) -> list[Closed]:
    """As analytics count them, the newest last."""
    return [trade.closed() for trade in reversed(trade_rows([trader]))]


def trade_rows(traders: Iterable[Trader], limit: int | None = None) -> list[Trade]:
    """Completed trades of these traders, the newest first; as many queries as for one."""
    by_id = {trader.pk: trader for trader in traders}
    if not by_id:
        return []
    positions = Position.objects.across_tenants().filter(
        trader__in=by_id, status=Position.Status.CLOSED
    )
    shades = Shade.objects.across_tenants().filter(trader__in=by_id, closed_at__isnull=False)
    rows = list(positions.order_by("-closed_at", "-pk")[:limit])
    trades = [*real_trades(rows, by_id)]
    for shade in shades.select_related("item__decision").order_by("-closed_at", "-pk")[:limit]:
        trades.append(shaded_trade(shade, by_id[shade.trader_id]))
    trades.sort(key=lambda trade: (trade.exit.at, trade.id), reverse=True)
    return trades[:limit]


def real_trades(rows: list[Position], traders: dict[int, Trader]) -> Iterable[Trade]:
    if not rows:
        return
    entries, exits = entry_fills(rows), exit_fills(rows)
    plans = plans_of(rows)
    for row in rows:
        came, went = entries.get(row.pk, []), exits.get(row.pk, [])
        if came and went:
            yield trade_of(row, came, went, plans.get(row.pk), traders[row.trader_id])


def trade_of(
    row: Position, came: list[Fill], went: list[Fill], item: Item | None, trader: Trader
) -> Trade:
    entry, left = side_of(came), side_of(went)
    return Trade(
        id=str(row.pk),
        trader=trader,
        symbol=row.symbol,
        direction=Direction(row.direction),
        quantity=entry.quantity,
        entry=entry,
        exit=left,
        gross=row.realized,
        funding=row.funding,
        **planned(item),
    )


def planned(item: Item | None) -> dict[str, object]:
    if item is None:
        return {}
    equity = item.decision.before.get("equity")
    return {
        "leverage": item.leverage,
        "confidence": item.confidence,
        "equity": None if equity is None else Decimal(equity),
        "stop": item.stop,
        "target": item.target,
        "invalidation": item.invalidation,
        "template_id": item.decision.template_id,
    }


def side_of(fills: list[Fill]) -> Side:
    first, last = fills[0], fills[-1]
    quantity = sum((fill.quantity for fill in fills), ZERO)
    value = sum((fill.quantity * fill.price for fill in fills), ZERO)
    is_entry = first.order.ticket.action == Action.OPEN
    return Side(
        order_id=first.order.venue_order_id,
        fill_id=first.venue_fill_id,
        at=first.filled_at if is_entry else last.filled_at,
        price=value / quantity,
        quantity=quantity,
        fee=sum((fill.fee for fill in fills), ZERO),
    )


def entry_fills(rows: list[Position]) -> dict[object, list[Fill]]:
    """Of each position the fills that opened it: those since the one before it was closed."""
    fills = Fill.objects.across_tenants().filter(
        order__ticket__trader__in={row.trader_id for row in rows},
        order__ticket__action=Action.OPEN,
        order__symbol__in={row.symbol for row in rows},
        created_at__gte=min(row.created_at for row in rows) - TOGETHER,
    )
    by_side = defaultdict(list)
    for fill in fills.select_related("order__ticket").order_by("filled_at", "pk"):
        ticket = fill.order.ticket
        by_side[ticket.trader_id, ticket.symbol, ticket.direction].append(fill)
    found = {}
    for row in rows:
        fills = by_side[row.trader_id, row.symbol, row.direction]
        # A position's row is made with its first fill, in one transaction.
        began = row.created_at - TOGETHER
        found[row.pk] = [fill for fill in fills if began <= fill.created_at <= row.closed_at]
    return found


def exit_fills(rows: list[Position]) -> dict[object, list[Fill]]:
    closes = Close.objects.across_tenants().filter(position__in=rows)
    keys = {}
    for position, key in closes.values_list("position", "fill_key"):
        keys[key.partition("@")[0]] = position
    fills = Fill.objects.across_tenants().filter(key__in=keys).select_related("order__ticket")
    found = defaultdict(list)
    for fill in fills.order_by("filled_at", "pk"):
        found[keys[fill.key]].append(fill)
    return found


def shaded_trade(shade: Shade, trader: Trader) -> Trade:
    direction = Direction(shade.direction)
    quantity, price = shade.quantity, shade.exit_price
    return Trade(
        id=str(shade.pk),
        trader=trader,
        symbol=shade.symbol,
        direction=direction,
        quantity=quantity,
        entry=shaded_side(shade.opened_at, shade.entry_price, quantity, shade.entry_fee),
        exit=shaded_side(shade.closed_at, price, quantity, shade.exit_fee),
        gross=quantity * won(direction, shade.entry_price, price),
        **planned(shade.item),
    )


def shaded_side(at: datetime, price: Decimal, quantity: Decimal, fee: Decimal) -> Side:
    return Side(order_id="", fill_id="", at=at, price=price, quantity=quantity, fee=fee)


def said(traders: Iterable[Trader]) -> dict[int, list[Said]]:
    """Every signal that each of them gave, oldest first, also those that were refused."""
    by_id: dict[int, list[Said]] = {trader.pk: [] for trader in traders}
    items = Item.objects.across_tenants().filter(decision__trader__in=by_id).order_by("pk")
    rows = items.values_list("decision__trader", "signal", "confidence", "leverage")
    for trader, signal, confidence, leverage in rows:
        one = Said(signal=Wanted(signal), confidence=confidence, leverage=leverage)
        by_id[trader].append(one)
    return by_id


def woken(traders: Iterable[Trader]) -> dict[int, list[Woken]]:
    """When each of them decided, oldest first, and what it held then."""
    by_id: dict[int, list[Woken]] = {trader.pk: [] for trader in traders}
    rows = Decision.objects.across_tenants().filter(trader__in=by_id).order_by("number")
    for trader, at, before in rows.values_list("trader", "at", "before"):
        one = Woken(
            at_ms=round(at.timestamp() * 1000),
            symbols=frozenset(before.get("symbols", ())),
            held={symbol: Direction(side) for symbol, side in before.get("held", {}).items()},
        )
        by_id[trader].append(one)
    return by_id
