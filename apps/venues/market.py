"""Where candles lie, and where they are fetched from."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from apps.venues.models import Venue
from engine.candle import Candles, seconds
from engine.market import CandleStore
from engine.venues import open_venue
from engine.venues.base import Bar, BarSource
from engine.venues.paper_market import PaperMarket


@dataclass(frozen=True, slots=True)
class NoCredentials:
    """Bars are told to everybody."""

    api_key: str = ""
    api_secret: str = ""
    passphrase: str = ""


class PaperBars:
    """The bars of the paper venue, which are computed and not asked for."""

    bars_at_once = 1000

    def bars(self, symbol: str, timeframe: str, *, since_ms: int, until_ms: int) -> list[Bar]:
        count = (until_ms - since_ms) // 1000 // seconds(timeframe)
        return bars_of(PaperMarket().candles(symbol, timeframe, count, until_ms / 1000))


def bars_of(candles: Candles) -> list[Bar]:
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    told = zip(*(column.tolist() for column in columns), strict=True)
    return [
        Bar(opened_at * 1000, *(Decimal(repr(value)) for value in values))
        for opened_at, values in zip(candles.opened_at.tolist(), told, strict=True)
    ]


def candle_store() -> CandleStore:
    return CandleStore(settings.CANDLE_DIRECTORY)


def bar_source(venue: str) -> BarSource:
    if venue == Venue.PAPER:
        return PaperBars()
    return open_venue(venue, NoCredentials(), base_url=settings.VENUE_BASE_URLS.get(venue))
