"""Exchanges as we trade them: one protocol, one file per venue.

`open_venue` makes the adapter of one account. The dialects stand on ccxt, which is
large: it is loaded where a real venue is opened, and never at a centre.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from engine.errors import VenueRefused

if TYPE_CHECKING:
    from engine.venues.base import Exchange, Limits
    from engine.venues.ccxt import CcxtVenue
    from engine.venues.line import Credentials, Turnstile

DIALECTS = {
    "binance": ("engine.venues.binance", "Binance"),
    "okx": ("engine.venues.okx", "Okx"),
    "gate": ("engine.venues.gate", "Gate"),
    "hyperliquid": ("engine.venues.hyperliquid", "Hyperliquid"),
    "grvt": ("engine.venues.grvt", "Grvt"),
}

# Venues with one position a symbol by their nature: there long and short are one.
NETTED = {"hyperliquid", "grvt"}


def open_venue(
    name: str,
    credentials: "Credentials",
    *,
    base_url: str | None = None,
    turnstile_for: "Callable[[Limits], Turnstile] | None" = None,
) -> "Exchange":
    """The adapter of one account; `base_url` sends everything to one other host, and only there."""
    if name not in DIALECTS:
        raise VenueRefused(f"there is no adapter for {name}")
    module, adapter = DIALECTS[name]
    dialect: type[CcxtVenue] = getattr(import_module(module), adapter)
    opened = dialect(credentials, base_url=base_url)
    opened.turnstile = turnstile_for(dialect.limits) if turnstile_for else None
    return opened
