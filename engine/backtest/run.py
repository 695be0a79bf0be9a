"""From candles, intents and settings to a result."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.backtest import kernel
from engine.backtest.intents import Intents
from engine.backtest.result import Held, Refusal, Result
from engine.backtest.settings import Limits, Margin, Settings
from engine.candle import Candles, seconds
from engine.errors import BadCandles, BadParameters

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Rates = Mapping[str, Floats]
NO_INTENTS = Intents.of([])


def run(
    candles_by_symbol: Mapping[str, Candles],
    intents_by_symbol: Mapping[str, Intents],
    settings: Settings,
    rates_by_symbol: Rates | None = None,
) -> Result:
    """Trade the intents on the candles, all symbols with one account's cash."""
    return Backtest(candles_by_symbol, settings, rates_by_symbol).run(intents_by_symbol)


class Backtest:
    """Candles and settings made ready once, for as many runs as there are wishes to try.

    Symbols stand on the same bars. Within a bar they take turns in the order given: orders
    of the first have first call on the cash. `rates_by_symbol` are funding rates, one a bar,
    due at its open; without them the settings' own rate is due at its hours.
    """

    def __init__(
        self,
        candles_by_symbol: Mapping[str, Candles],
        settings: Settings,
        rates_by_symbol: Rates | None = None,
    ) -> None:
        check_bars(candles_by_symbol)
        self.symbols = tuple(candles_by_symbol)
        self.settings = settings
        series = list(candles_by_symbol.values())
        self.candles = series[0]
        funding = funding_of(candles_by_symbol, settings, rates_by_symbol)
        self._ground = kernel.Run(
            open=grid([candles.open for candles in series]),
            high=grid([candles.high for candles in series]),
            low=grid([candles.low for candles in series]),
            close=grid([candles.close for candles in series]),
            volume=grid([candles.volume for candles in series]),
            funding=funding,
            due=np.flatnonzero(funding.any(axis=0)),
            limits=limits_of(self.symbols, settings),
            rules=rules_of(settings),
            **books(NO_INTENTS.codes, NO_INTENTS.asked, 0, settings, 0),
        )

    def run(self, intents_by_symbol: Mapping[str, Intents]) -> Result:
        """Several threads may do this at once: nothing is shared that changes."""
        done = self.books(*rows_of(self.symbols, intents_by_symbol, len(self.candles)))
        kernel.simulate(done, kernel.own_books(done), kernel.NO_CROSSES)
        return result_of(self.symbols, self.candles, self.settings, done)

    def books(self, codes: Codes, asked: Floats) -> kernel.Run:
        """A run of these intents, not yet begun."""
        own = books(codes, asked, len(self.symbols), self.settings, len(self.candles))
        return self._ground._replace(**own)


def books(
    codes: Codes, asked: Floats, symbols: int, settings: Settings, bars: int
) -> dict[str, Any]:
    """What a run writes in: an order fills once and may turn a position round; the one it
    opens has a target and an end. What fills at the open never rests."""
    may_rest = (codes[:, kernel.A_KIND] != kernel.MARKET).any()
    records = 4 * len(codes) + 2 * symbols if settings.with_records else 0
    return {
        "codes": codes,
        "asked": asked,
        "money": np.array([settings.cash, 0.0]),
        "legs": np.zeros((2 * symbols, kernel.LEG_FIELDS)),
        "resting": np.empty(len(codes) if may_rest else 0, np.int64),
        "counts": np.zeros(kernel.N_REFUSED + kernel.REFUSALS, np.int64),
        "calm": np.empty((symbols, 2)),
        "fills": np.empty((records, kernel.F_WIDTH)),
        "trades": np.empty((records, kernel.T_WIDTH)),
        "curve": np.empty(bars if settings.with_curve else 0),
    }


def check_bars(candles_by_symbol: Mapping[str, Candles]) -> None:
    series = list(candles_by_symbol.values())
    if not series:
        raise BadCandles("no symbols")
    first = series[0]
    for symbol, candles in candles_by_symbol.items():
        is_same = candles is first or np.array_equal(candles.opened_at, first.opened_at)
        if candles.timeframe != first.timeframe or not is_same:
            raise BadCandles("symbols stand on different bars", symbol=symbol)


def grid(columns: Sequence[Floats]) -> Floats:
    """One row a symbol; a single column is not copied."""
    if len(columns) == 1:
        return kept(columns[0].reshape(1, -1))
    return kept(np.stack(columns))


def kept(values: Floats) -> Floats:
    """As the kernel was compiled for: what is read-only or has gaps would be another type."""
    return np.require(values, np.float64, ("C", "W"))


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
) -> tuple[Codes, Floats]:
    """All intents in order of their bars; on one bar those of the first symbol come first."""
    unknown = intents_by_symbol.keys() - set(symbols)
    if unknown:
        raise BadParameters("intents of symbols without candles", symbols=sorted(unknown))
    for symbol, intents in intents_by_symbol.items():
        if len(intents) and int(intents.bar[-1]) >= bars:
            raise BadParameters("an intent is after the last bar", symbol=symbol, bars=bars)
    if len(symbols) == 1 and intents_by_symbol:
        alone = intents_by_symbol[symbols[0]]
        return alone.codes, kept(alone.asked)
    told = [intents_by_symbol.get(symbol, NO_INTENTS) for symbol in symbols]
    codes = np.concatenate([intents.codes for intents in told])
    codes[:, kernel.A_SYMBOL] = np.repeat(np.arange(len(told)), [len(each) for each in told])
    order = np.argsort(codes[:, kernel.A_BAR], kind="stable")
    return codes[order], np.concatenate([intents.rows for intents in told])[order]


def limits_of(symbols: tuple[str, ...], settings: Settings) -> Floats:
    """One row a symbol."""
    limits = [settings.limits.get(symbol, Limits()) for symbol in symbols]
    return np.array([(each.step, each.least_quantity, each.least_notional) for each in limits])


def rules_of(settings: Settings) -> kernel.Rules:
    maintenance = -1.0 if settings.maintenance is None else settings.maintenance
    return kernel.Rules(
        leverage=as_float(settings.leverage),
        is_cross=settings.margin is Margin.CROSS,
        maintenance=as_float(maintenance),
        liquidation_fee=as_float(settings.liquidation_fee),
        maker_fee=as_float(settings.maker_fee),
        taker_fee=as_float(settings.taker_fee),
        slippage=int(settings.slippage),
        slip=as_float(settings.slip),
        may_leave_bar=settings.slip_may_leave_bar,
        sizing=int(settings.sizing),
        size=as_float(settings.size),
        is_hedged=settings.hedge,
        may_add=settings.adds,
        from_entry=settings.levels_from_entry,
        closes_at_end=settings.closes_at_end,
        with_curve=settings.with_curve,
        with_records=settings.with_records,
    )


def as_float(value: float) -> float:
    """A whole number given for a share would be another type, and be compiled for anew."""
    return np.float64(value).item()


def result_of(
    symbols: tuple[str, ...], candles: Candles, settings: Settings, done: kernel.Run
) -> Result:
    counts, legs = done.counts.tolist(), done.legs
    cash, forgiven = done.money.tolist()
    held, gained = [], 0.0
    for leg in np.flatnonzero(legs[:, kernel.L_QUANTITY]).tolist():
        quantity, entry = legs[leg, [kernel.L_QUANTITY, kernel.L_ENTRY]].tolist()
        since = int(legs[leg, kernel.L_BAR])
        held.append(Held(symbols[leg // 2], leg % 2, quantity, entry, since))
        gained += (1 - 2 * (leg % 2)) * quantity * (done.close[leg // 2, -1].item() - entry)
    fills, trades = counts[kernel.N_FILLS], counts[kernel.N_TRADES]
    return Result(
        symbols=symbols,
        opened_at=candles.opened_at,
        bar_seconds=seconds(candles.timeframe),
        start=as_float(settings.cash),
        equity=cash + gained,
        cash=cash,
        forgiven=forgiven,
        fill_count=fills,
        trade_count=trades,
        fill_table=done.fills[:fills],
        trade_table=done.trades[:trades],
        curve=done.curve,
        held=tuple(held),
        refused={why: count for why in Refusal if (count := counts[kernel.N_REFUSED + why])},
    )
