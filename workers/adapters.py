"""Accounts' adapters: one for all that is done on an account, kept as long as there is room.

An adapter holds a line and the keys it was made with. It is made anew when the
keys have changed, closed when others were wanted more lately, and never while
somebody uses it.
"""

import logging
import threading
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from engine.errors import VenueRefused
from engine.venues import open_venue
from engine.venues.base import Exchange
from engine.venues.paper import PaperVenue
from workers.pace import Turnstiles
from workers.settings import Settings
from workers.vault import Credentials

log = logging.getLogger(__name__)


class Account(Protocol):
    """Whose venue is meant: what is said of it in a ticket."""

    @property
    def venue(self) -> str: ...
    @property
    def account(self) -> str: ...


@dataclass(slots=True, eq=False)
class Kept:
    exchange: Exchange
    credentials: Credentials
    users: int = 0
    is_dropped: bool = False


class Adapters:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # The one that was wanted last stands last.
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._turnstiles = Turnstiles()

    def lend(self, account: Account, credentials: Credentials) -> AbstractContextManager[Exchange]:
        """The account's adapter for as long as the block takes; VenueRefused if there is none."""
        with self._lock:
            kept = self._opened(account, credentials)
            kept.users += 1
        return self._lent(kept)

    def _opened(self, account: Account, credentials: Credentials) -> Kept:
        key = (account.venue, account.account)
        kept = self._kept.get(key)
        if kept and kept.credentials != credentials:
            self._drop(key)
            kept = None
        if kept is None:
            kept = self._kept[key] = Kept(self._open(account, credentials), credentials)
        self._kept.move_to_end(key)
        while len(self._kept) > self._settings.node_adapters:
            self._drop(next(iter(self._kept)))
        return kept

    def _drop(self, key: tuple[str, str]) -> None:
        kept = self._kept.pop(key)
        kept.is_dropped = True
        close_unused(kept)

    @contextmanager
    def _lent(self, kept: Kept) -> Iterator[Exchange]:
        try:
            yield kept.exchange
        finally:
            with self._lock:
                kept.users -= 1
                close_unused(kept)

    def _open(self, account: Account, credentials: Credentials) -> Exchange:
        try:
            if account.venue == PaperVenue.name:
                return PaperVenue(Path(self._settings.paper_book), account.account)
            base_url = self._settings.venue_base_urls.get(account.venue)
            turnstile_for = partial(self._turnstiles.of, account.venue, account.account)
            return open_venue(
                account.venue, credentials, base_url=base_url, turnstile_for=turnstile_for
            )
        except VenueRefused:
            raise
        except Exception as error:  # noqa: BLE001  (nothing was sent yet; its words may quote a key)
            reason = f"{account.venue} does not open with these keys: {type(error).__name__}"
            log.error("account %s, %s at %s", account.account, reason, place_of(error))
            raise VenueRefused(reason) from None


def close_unused(kept: Kept) -> None:
    if kept.is_dropped and not kept.users:
        kept.exchange.close()


def place_of(error: Exception) -> str:
    """Where it was raised: module and line, without any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
