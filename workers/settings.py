"""A node's settings: from the environment only, checked by name at the start."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec

from engine.venues import DIALECTS
from engine.venues.base import Limits
from engine.venues.local import local_venues

Whole = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a venue lets an account ask of it: units and orders a second."""

    units: Annotated[float, msgspec.Meta(gt=0)]
    orders: Annotated[float, msgspec.Meta(gt=0)]

    def over(self, limits: Limits) -> Limits:
        return replace(limits, units=self.units, orders=self.orders)


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    node_code: Annotated[str, msgspec.Meta(pattern=r"^[-a-zA-Z0-9_]{1,32}\Z")]
    broker_url: Text
    node_key_file: Text
    # Where this host remembers what it may have sent; it must survive restarts.
    node_state: Text
    paper_book: Text = "var/paper"
    heartbeat_seconds: Whole = 10
    node_concurrency: Whole = 4
    # Adapters that are kept open; each is an account's line to its venue.
    node_adapters: Whole = 200
    log_level: str = "INFO"
    # Venues that are a local exchange for this node.
    venue_base_urls: dict[str, str] = {}
    # Where they are others than the dialect says: a venue changes them, and is kinder to some.
    venue_limits: dict[str, Allowed] = {}

    @property
    def queue(self) -> str:
        return f"node.{self.node_code}"

    @property
    def state(self) -> Path:
        return Path(self.node_state)


def read() -> Settings:
    """The settings, or SystemExit with one line that names the variable."""
    known = {name.upper() for name in Settings.__struct_fields__}
    values: dict[str, object] = {
        name: value for name, value in os.environ.items() if name in known and value
    }
    if "VENUE_BASE_URLS" in values:
        try:
            values["VENUE_BASE_URLS"] = local_venues(str(values["VENUE_BASE_URLS"]))
        except ValueError as error:
            raise SystemExit(f"The node cannot start: VENUE_BASE_URLS: {error}") from None
    if "VENUE_LIMITS" in values:
        try:
            values["VENUE_LIMITS"] = limits(str(values["VENUE_LIMITS"]))
        except (ValueError, msgspec.DecodeError) as error:
            raise SystemExit(f"The node cannot start: VENUE_LIMITS: {error}") from None
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SystemExit(f"The node cannot start: {error}") from None


def limits(text: str) -> dict[str, Allowed]:
    """By venue, of a JSON text."""
    told = msgspec.json.decode(text, type=dict[str, Allowed])
    unknown = sorted(set(told) - set(DIALECTS))
    if unknown:
        raise ValueError(f"no venue {unknown[0]!r}")
    return told
