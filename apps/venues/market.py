"""Where candles lie, and where they are fetched from."""

from dataclasses import dataclass

from django.conf import settings

from apps.venues.models import Venue
from engine.market import CandleStore
from engine.venues import open_venue
from engine.venues.base import BarSource
from engine.venues.paper import PaperBars


@dataclass(frozen=True, slots=True)
class NoCredentials:
    """Bars are told to everybody."""

    api_key: str = ""
    api_secret: str = ""
    passphrase: str = ""


def candle_store() -> CandleStore:
    return CandleStore(settings.CANDLE_DIRECTORY)


def bar_source(venue: str) -> BarSource:
    if venue == Venue.PAPER:
        return PaperBars()
    return open_venue(venue, NoCredentials(), base_url=settings.VENUE_BASE_URLS.get(venue))
