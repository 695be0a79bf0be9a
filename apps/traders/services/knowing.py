"""What a trader knows when it decides. What is missing or late is no knowledge: it is passed over.

Open interest and funding are None where nobody tells them, as on the paper venue.
"""

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from apps.orders.services.manual import LARGEST_LEVERAGE
from apps.traders.models import Item, Trader
from apps.traders.selectors import books_of, closed_trades, limits_of, prices_for, samples
from apps.traders.services.keeping import BARS
from apps.venues.selectors import candles, interest_seen
from engine.deciding.analytics import sharpe_of_steps
from engine.deciding.checks import Facts
from engine.deciding.context import Context, Market, Performance, Position, Recent
from engine.deciding.gauges import gauges
from engine.deciding.limits import Limits
from engine.errors import EngineError

RECENT, STEPS = 10, 200


class Unknown(Exception):
    """Something that it has to know is missing, or too old: nothing is decided."""


def context_of(trader: Trader, *, now: datetime) -> Context:
    """Everything that one decision is made by, or Unknown."""
    limits = limits_of(trader)
    books = books_of([trader], now=now)[trader.pk]
    symbols = sorted({*trader.symbols, *(one.symbol for one in books.held)})
    markets = markets_of(trader, symbols, limits, now=now)
    return Context(
        now_ms=ms(now),
        began_at_ms=ms(trader.began_at or now),
        account=books.account,
        positions=tuple(told(one) for one in books.held),
        markets=tuple(with_gauges(trader, market, now=now) for market in markets),
        recent=tuple(recent_of(trader)),
        performance=performance_of(trader),
        closed_at_ms={symbol: ms(at) for symbol, at in books.closed_at.items()},
    )


def facts_now(trader: Trader, *, now: datetime) -> Facts:
    """What is known just before an order: openings under way count as held."""
    books = books_of([trader], now=now)[trader.pk]
    symbols = sorted({*trader.symbols, *(one.symbol for one in books.held)})
    markets = bare_markets(trader, symbols, now=now)
    return Facts(
        now_ms=ms(now),
        account=books.account,
        held=books.directions,
        markets={market.symbol: market for market in markets},
        closed_at_ms={symbol: ms(at) for symbol, at in books.closed_at.items()},
    )


def markets_of(
    trader: Trader, symbols: list[str], limits: Limits, *, now: datetime
) -> list[Market]:
    markets = bare_markets(trader, symbols, now=now)
    if missing := set(symbols) - {market.symbol for market in markets}:
        raise Unknown(f"no price of {sorted(missing)[0]} is known")
    for market in markets:
        if ms(now) - market.seen_at_ms > limits.stale_seconds * 1000:
            raise Unknown(f"the price of {market.symbol} is too old")
    return markets


def bare_markets(trader: Trader, symbols: list[str], *, now: datetime) -> list[Market]:
    seen = prices_for([trader], symbols, now=now)
    told = interest_seen(venue=trader.venue_account.venue, symbols=symbols, now=now)
    unknown = None, None
    return [
        Market(
            symbol=symbol,
            price=price,
            seen_at_ms=ms(at),
            max_leverage=LARGEST_LEVERAGE,
            open_interest=told.get(symbol, unknown)[0],
            funding=told.get(symbol, unknown)[1],
        )
        for (_venue, symbol), (price, at) in sorted(seen.items())
    ]


def with_gauges(trader: Trader, market: Market, *, now: datetime) -> Market:
    told = {}
    for timeframe in trader.timeframes:
        try:
            bars = candles(
                venue=trader.market,
                symbol=market.symbol,
                timeframe=timeframe,
                bars=BARS,
                now=now,
            )
        except (EngineError, OSError) as error:
            raise Unknown(f"no candles of {market.symbol} {timeframe}: {error}") from error
        if len(bars.close) < BARS:
            raise Unknown(f"candles of {market.symbol} {timeframe} are missing")
        told[timeframe] = gauges(bars)
    return replace(market, indicators=told)


def told(held) -> Position:
    return Position(
        symbol=held.symbol,
        direction=held.direction,
        quantity=held.quantity,
        entry=held.entry,
        mark=held.mark,
        leverage=held.leverage,
        margin=held.margin,
        unrealised=held.unrealised,
        opened_at_ms=ms(held.opened_at),
        stop=held.stop,
        target=held.target,
        invalidation=held.invalidation,
    )


def recent_of(trader: Trader) -> list[Recent]:
    items = Item.objects.of(trader.tenant_id).filter(decision__trader=trader)
    rows = items.select_related("decision").order_by("-pk")[:RECENT]
    return [
        Recent(
            at_ms=ms(item.decision.at),
            symbol=item.symbol,
            signal=item.signal,
            outcome=f"refused: {item.refused_by}" if item.refused_by else item.status,
        )
        for item in reversed(rows)
    ]


def performance_of(trader: Trader) -> Performance | None:
    trades = closed_trades(trader)
    wins = sum(1 for trade in trades if trade.net > 0)
    return Performance(
        trades=len(trades),
        win_rate=100 * wins / len(trades) if trades else None,
        sharpe=sharpe_of(trader),
    )


def sharpe_of(trader: Trader) -> float | None:
    """Of the last steps from sample to sample of its profit on its capital."""
    newest = samples([trader]).order_by("-at", "-pk").values_list("capital", "equity")[:STEPS]
    values = [1 + (equity - capital) / capital for capital, equity in reversed(newest)]
    return sharpe_of_steps([Decimal(value) for value in values]) if len(values) > 1 else None


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
