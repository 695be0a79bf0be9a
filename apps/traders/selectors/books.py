"""What traders hold and are worth: their own slices of the accounts that they share.

The same of who trades and of who is in the shadow, and as many queries for all of them as for one.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.traders.models import Item, Shade, Trader
from apps.venues.selectors import prices_seen
from engine.deciding.context import Account
from engine.deciding.decision import OPENS, Wanted
from engine.money import ZERO
from engine.position import won
from engine.signal import Action, Direction

Seen = dict[tuple[str, str], tuple[Decimal, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An open position of a trader, with the plan that it was opened by."""

    symbol: str
    direction: Direction
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    leverage: int
    margin: Decimal
    unrealised: Decimal
    opened_at: datetime
    # Of this position so far: what it realised, and what it paid.
    realised: Decimal
    fees: Decimal
    stop: Decimal | None = None
    target: Decimal | None = None
    invalidation: str = ""
    confidence: int = 0
    risk: Decimal = ZERO
    position: Position | None = None
    shade: Shade | None = None
    item: Item | None = None


@dataclass
class Books:
    """A trader's slice: what it holds, what it has realised, and what is about to be opened."""

    trader: Trader
    held: list[Held] = field(default_factory=list)
    realised: Decimal = ZERO
    # Margin of openings under way, by symbol, with their directions.
    opening: dict[str, Direction] = field(default_factory=dict)
    opening_margin: Decimal = ZERO
    closed_at: dict[str, datetime] = field(default_factory=dict)

    @property
    def unrealised(self) -> Decimal:
        return sum((one.unrealised for one in self.held), ZERO)

    @property
    def margin_used(self) -> Decimal:
        return sum((one.margin for one in self.held), self.opening_margin)

    @property
    def equity(self) -> Decimal:
        return self.trader.capital + self.realised + self.unrealised

    @property
    def directions(self) -> dict[str, Direction]:
        """What is held, or may be a moment from now."""
        return {**self.opening, **{one.symbol: one.direction for one in self.held}}

    @property
    def account(self) -> Account:
        return Account(
            equity=self.equity,
            available=self.equity - self.margin_used,
            margin_used=self.margin_used,
            realised=self.realised,
            unrealised=self.unrealised,
        )


def books_of(traders: Iterable[Trader], *, now: datetime) -> dict[int, Books]:
    """Each trader's slice, by the trader's id."""
    books = {trader.pk: Books(trader) for trader in traders}
    if not books:
        return books
    positions = list(Position.objects.across_tenants().filter(trader__in=books).order_by("pk"))
    shades = list(Shade.objects.across_tenants().filter(trader__in=books).select_related("item"))
    open_rows = [row for row in positions if row.status == Position.Status.OPEN]
    open_shades = [row for row in shades if row.closed_at is None]
    marks = marks_of(books, [*open_rows, *open_shades], now=now)
    plans = plans_of(open_rows)
    for row in positions:
        book = books[row.trader_id]
        book.realised += row.realized - row.fees + row.funding
        if row.closed_at:
            note_closed(book, row.symbol, row.closed_at)
        else:
            book.held.append(held_of(row, plans.get(row.pk), mark_of(book, row, marks)))
    for shade in shades:
        book = books[shade.trader_id]
        book.realised += net_of(shade)
        if shade.closed_at:
            note_closed(book, shade.symbol, shade.closed_at)
        else:
            book.held.append(shaded(shade, mark_of(book, shade, marks)))
    add_opening(books)
    return books


def prices_for(traders: Iterable[Trader], symbols: Iterable[str], *, now: datetime) -> Seen:
    """What these symbols cost where the traders' accounts are: a query a venue."""
    venues = {trader.venue_account.venue for trader in traders}
    return {
        (venue, symbol): told
        for venue in sorted(venues)
        for symbol, told in prices_seen(venue=venue, symbols=symbols, now=now).items()
    }


def marks_of(books: dict[int, Books], rows: list[Position | Shade], *, now: datetime) -> Seen:
    traders = [books[row.trader_id].trader for row in rows]
    return prices_for(traders, {row.symbol for row in rows}, now=now)


def mark_of(book: Books, row: Position | Shade, marks: Seen) -> Decimal:
    """Its price now; where nobody knows it, what was paid: nothing is earned by not knowing."""
    known = marks.get((book.trader.venue_account.venue, row.symbol))
    return known[0] if known else row.entry_price


def note_closed(book: Books, symbol: str, at: datetime) -> None:
    book.closed_at[symbol] = max(at, book.closed_at.get(symbol, at))


def plans_of(rows: list[Position]) -> dict[object, Item]:
    """The decision that each open position was opened by."""
    if not rows:
        return {}
    items = Item.objects.across_tenants().filter(
        decision__trader__in={row.trader_id for row in rows},
        symbol__in={row.symbol for row in rows},
        status=Item.Status.ORDERED,
        signal__in=list(OPENS),
    )
    by_side: dict[tuple[int, str, str], list[Item]] = defaultdict(list)
    for item in items.select_related("decision").order_by("pk"):
        side = OPENS[Wanted(item.signal)]
        by_side[item.decision.trader_id, item.symbol, side].append(item)
    found = {}
    for row in rows:
        before = [
            item
            for item in by_side[row.trader_id, row.symbol, Direction(row.direction)]
            if item.created_at <= row.created_at
        ]
        if before:
            found[row.pk] = before[-1]
    return found


def held_of(row: Position, item: Item | None, mark: Decimal) -> Held:
    direction = Direction(row.direction)
    leverage = max(item.leverage, 1) if item else 1
    return Held(
        symbol=row.symbol,
        direction=direction,
        quantity=row.quantity,
        entry=row.entry_price,
        mark=mark,
        leverage=leverage,
        margin=row.quantity * row.entry_price / leverage,
        unrealised=row.quantity * won(direction, row.entry_price, mark),
        opened_at=row.created_at,
        realised=row.realized,
        fees=row.fees,
        position=row,
        **(plan_of(item) if item else {}),
    )


def shaded(shade: Shade, mark: Decimal) -> Held:
    direction = Direction(shade.direction)
    return Held(
        symbol=shade.symbol,
        direction=direction,
        quantity=shade.quantity,
        entry=shade.entry_price,
        mark=mark,
        leverage=shade.leverage,
        margin=shade.quantity * shade.entry_price / shade.leverage,
        unrealised=shade.quantity * won(direction, shade.entry_price, mark),
        opened_at=shade.opened_at,
        realised=ZERO,
        fees=shade.entry_fee,
        shade=shade,
        **plan_of(shade.item),
    )


def plan_of(item: Item) -> dict[str, object]:
    return {
        "stop": item.stop,
        "target": item.target,
        "invalidation": item.invalidation,
        "confidence": item.confidence,
        "risk": item.risk,
        "item": item,
    }


def net_of(shade: Shade) -> Decimal:
    """What it has realised: of an open one, what it paid to enter."""
    if shade.exit_price is None:
        return -shade.entry_fee
    each = won(Direction(shade.direction), shade.entry_price, shade.exit_price)
    return shade.quantity * each - shade.entry_fee - (shade.exit_fee or ZERO)


def add_opening(books: dict[int, Books]) -> None:
    """Openings that are under way take their margin, and their symbol, before they have filled."""
    tickets = Ticket.objects.across_tenants().filter(
        trader__in=books, action=Action.OPEN, status__in=Ticket.IN_FLIGHT
    )
    rows = tickets.values_list("trader", "symbol", "direction", "leverage", "trader_item__size")
    for trader, symbol, direction, leverage, size in rows:
        book = books[trader]
        if any(one.symbol == symbol for one in book.held):
            continue
        book.opening[symbol] = Direction(direction)
        book.opening_margin += (size or ZERO) / leverage
