"""Venues that are a local exchange, for rehearsals: {"binance": "http://127.0.0.1:9000"}."""

from typing import Annotated

import msgspec

from engine.venues import DIALECTS

# Real keys would go where such an address leads: nowhere but to this host itself.
Loopback = Annotated[str, msgspec.Meta(pattern=r"^http://(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}\Z")]


def local_venues(text: str) -> dict[str, str]:
    """Addresses by venue, of a JSON text; ValueError where one leads elsewhere."""
    try:
        told = msgspec.json.decode(text, type=dict[str, Loopback])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    unknown = sorted(set(told) - set(DIALECTS))
    if unknown:
        raise ValueError(f"no venue {unknown[0]!r}")
    return told
