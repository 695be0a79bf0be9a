"""A node's settings: from the environment only, checked by name at the start."""

import os
from pathlib import Path
from typing import Annotated

import msgspec

from engine.venues import DIALECTS

Whole = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
# Real keys would go where such an address leads: nowhere but to this host itself.
Loopback = Annotated[str, msgspec.Meta(pattern=r"^http://(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}\Z")]


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
    # Venues that are a local exchange for this node: {"binance": "http://127.0.0.1:9000"}.
    venue_base_urls: dict[str, Loopback] = {}

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
        values["VENUE_BASE_URLS"] = base_urls(str(values["VENUE_BASE_URLS"]))
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SystemExit(f"The node cannot start: {error}") from None


def base_urls(text: str) -> dict[str, object]:
    try:
        told = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise SystemExit(f"The node cannot start: VENUE_BASE_URLS: {error}") from None
    unknown = sorted(set(told) - set(DIALECTS))
    if unknown:
        raise SystemExit(f"The node cannot start: VENUE_BASE_URLS: no venue {unknown[0]!r}")
    return told
