"""From candles, intents and settings to a result."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from engine.backtest import kernel
from engine.backtest.intents import Intents
from engine.backtest.result import Held, Refusal, Result, fills_of, trades_of
from engine.backtest.settings import Limits, Margin, Settings
from engine.candle import Candles, seconds
from engine.errors import BadCandles, BadParameters

Floats = NDArray[np.float64]
Rates = Mapping[str, Floats]


def run(
    candles_by_symbol: Mapping[str, Candles],
    intents_by_symbol: Mapping[str, Intents],
    settings: Settings,
    rates_by_symbol: Rates | None = None,
) -> Result:
    """Trade the intents on the candles, all symbols with one account's cash.

    Symbols stand on the same bars. Within a bar they take turns in the order given: orders
    of the first have first call on the cash. `rates_by_symbol` are funding rates, one a bar,
    due at its open; without them the settings' own rate is due at its hours.
    """
    symbols = tuple(candles_by_symbol)
    market = market_of(candles_by_symbol, settings, rates_by_symbol)
    bars = market.open.shape[1]
    rows = rows_of(symbols, intents_by_symbol, bars)
    book, curve = kernel.simulate(market, rows, rules_of(symbols, settings))
    first = next(iter(candles_by_symbol.values()))
    return result_of(symbols, first, settings, book, curve, market.close[:, -1])


def market_of(
    candles_by_symbol: Mapping[str, Candles], settings: Settings, rates: Rates | None
) -> kernel.Market:
    series = list(candles_by_symbol.values())
    if not series:
        raise BadCandles("no symbols")
    first = series[0]
    for symbol, candles in candles_by_symbol.items():
        is_same = candles is first or np.array_equal(candles.opened_at, first.opened_at)
        if candles.timeframe != first.timeframe or not is_same:
            raise BadCandles("symbols stand on different bars", symbol=symbol)
    funding = funding_of(candles_by_symbol, settings, rates)
    return kernel.Market(
        *(
            grid([getattr(candles, name) for candles in series])
            for name in ("open", "high", "low", "close", "volume")
        ),
        funding=funding,
        due=np.flatnonzero(funding.any(axis=0)),
    )


def grid(columns: Sequence[Floats]) -> Floats:
    """One row a symbol; a single column is not copied."""
    if len(columns) == 1:
        return np.ascontiguousarray(columns[0], dtype=np.float64).reshape(1, -1)
    return np.stack(columns).astype(np.float64, copy=False)


def funding_of(
    candles_by_symbol: Mapping[str, Candles], settings: Settings, rates: Rates | None
) -> Floats:
    """The rate due at each bar's open, one row a symbol; no bars where nothing is ever due."""
    series = list(candles_by_symbol.values())
    if rates is not None:
        return np.stack([rates_of(rates, symbol, len(series[0])) for symbol in candles_by_symbol])
    if settings.funding == 0:
        return np.zeros((len(series), 0))
    is_due = series[0].opened_at % settings.funding_seconds == 0
    return np.tile(np.where(is_due, settings.funding, 0.0), (len(series), 1))


def rates_of(rates: Rates, symbol: str, bars: int) -> Floats:
    told = np.asarray(rates.get(symbol, np.zeros(bars)), dtype=np.float64)
    if told.shape != (bars,) or not np.isfinite(told).all():
        raise BadParameters("funding needs one rate a bar", symbol=symbol, bars=bars)
    return told


def rows_of(
    symbols: tuple[str, ...], intents_by_symbol: Mapping[str, Intents], bars: int
) -> kernel.Rows:
    """All intents in order of their bars; on one bar those of the first symbol come first."""
    unknown = intents_by_symbol.keys() - set(symbols)
    if unknown:
        raise BadParameters("intents of symbols without candles", symbols=sorted(unknown))
    for symbol, intents in intents_by_symbol.items():
        if len(intents) and int(intents.bar[-1]) >= bars:
            raise BadParameters("an intent is after the last bar", symbol=symbol, bars=bars)
    named = [(symbols.index(symbol), intents_by_symbol[symbol]) for symbol in intents_by_symbol]
    named.sort(key=lambda pair: pair[0])
    places = [np.full(len(intents), place, np.int64) for place, intents in named]
    if len(named) == 1:
        return kernel.Rows(symbol=places[0], **columns_of(named[0][1]))
    return joined(places, [intents for _, intents in named])


def columns_of(intents: Intents) -> dict[str, NDArray[np.generic]]:
    return {each.name: getattr(intents, each.name) for each in fields(intents)}


def joined(places: list[NDArray[np.int64]], several: list[Intents]) -> kernel.Rows:
    empty = [] if several else [Intents.of([])]
    parts = [columns_of(intents) for intents in several or empty]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    symbol = np.concatenate([*places, np.zeros(0, np.int64)])
    order = np.argsort(whole["bar"], kind="stable")
    return kernel.Rows(
        symbol=symbol[order], **{name: column[order] for name, column in whole.items()}
    )


def rules_of(symbols: tuple[str, ...], settings: Settings) -> kernel.Rules:
    limits = [settings.limits.get(symbol, Limits()) for symbol in symbols]
    maintenance = -1.0 if settings.maintenance is None else settings.maintenance
    return kernel.Rules(
        cash=np.float64(settings.cash),
        leverage=np.float64(settings.leverage),
        is_cross=settings.margin is Margin.CROSS,
        maintenance=np.float64(maintenance),
        liquidation_fee=np.float64(settings.liquidation_fee),
        maker_fee=np.float64(settings.maker_fee),
        taker_fee=np.float64(settings.taker_fee),
        slippage=int(settings.slippage),
        slip=np.float64(settings.slip),
        may_leave_bar=settings.slip_may_leave_bar,
        sizing=int(settings.sizing),
        size=np.float64(settings.size),
        is_hedged=settings.hedge,
        may_add=settings.adds,
        from_entry=settings.levels_from_entry,
        closes_at_end=settings.closes_at_end,
        with_curve=settings.with_curve,
        with_records=settings.with_records,
        step=np.array([limit.step for limit in limits], np.float64),
        least_quantity=np.array([limit.least_quantity for limit in limits], np.float64),
        least_notional=np.array([limit.least_notional for limit in limits], np.float64),
    )


def result_of(
    symbols: tuple[str, ...],
    candles: Candles,
    settings: Settings,
    book: kernel.Book,
    curve: Floats,
    last_close: Floats,
) -> Result:
    counts, legs = book.counts.tolist(), book.legs
    cash, forgiven = book.money.tolist()
    held, gained = [], 0.0
    for leg in np.flatnonzero(legs[:, kernel.L_QUANTITY]).tolist():
        quantity, entry = legs[leg, [kernel.L_QUANTITY, kernel.L_ENTRY]].tolist()
        held.append(Held(symbols[leg // 2], leg % 2, quantity, entry))
        gained += (1 - 2 * (leg % 2)) * quantity * (last_close[leg // 2].item() - entry)
    recorded = settings.with_records
    return Result(
        symbols=symbols,
        opened_at=candles.opened_at,
        bar_seconds=seconds(candles.timeframe),
        start=settings.cash,
        equity=cash + gained,
        cash=cash,
        forgiven=forgiven,
        fill_count=counts[kernel.N_FILLS],
        trade_count=counts[kernel.N_TRADES],
        fills=fills_of(book.fills[: counts[kernel.N_FILLS] if recorded else 0]),
        trades=trades_of(book.trades[: counts[kernel.N_TRADES] if recorded else 0]),
        curve=curve,
        held=tuple(held),
        refused={why: count for why in Refusal if (count := counts[kernel.N_REFUSED + why])},
    )
