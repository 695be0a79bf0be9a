"""One account's exchange, shared by every process that opens its journal.

Nobody runs it: whoever wants something of it comes for a visit, alone for that
long. What others did since is read first, then the market comes to the present,
and what the visit changes is written before it ends. So what a process holds is
what the lines say, and a process that dies leaves the account to the next one.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from engine.errors import UnknownInstrument, VenueRefused
from engine.instrument import Instrument
from engine.paper.account import START_CASH, Account, IdRule
from engine.paper.exchange import Exchange
from engine.paper.journal import Journal
from engine.paper.market import Tick


class Walkable(Protocol):
    """A market that can be gone through from one moment to another."""

    def instruments(self) -> dict[str, Instrument]: ...

    def prices(self, at_ms: int, symbols: Iterable[str]) -> Mapping[str, Decimal]: ...

    def path(self, symbols: Iterable[str], after_ms: int, until_ms: int) -> Iterable[Tick]: ...


class SharedExchange:
    def __init__(
        self, path: Path, account: str, market: Walkable, *, cash: Decimal = START_CASH
    ) -> None:
        self.name = account
        self.market = market
        self.cash = cash  # of an account that nobody has visited before
        self._journal = Journal(path, is_shared=True)
        self._exchange: Exchange | None = None
        self._here = threading.Lock()

    @contextmanager
    def visit(self, now_ms: int, *symbols: str) -> Iterator[Exchange]:
        """The exchange as it is now, with a price of each of these symbols."""
        with self._here, self._journal.turn():
            exchange = self._read()
            self._come_to(exchange, now_ms, symbols)
            try:
                yield exchange
            except (VenueRefused, UnknownInstrument):
                self._leave(exchange)
                raise
            self._leave(exchange)

    def close(self) -> None:
        with self._here:
            self._journal.close()

    def _read(self) -> Exchange:
        # Whoever fails half-way leaves nothing behind: what he held may be ahead of the lines.
        exchange, self._exchange = self._exchange, None
        if exchange is None or self._journal.is_another:
            self._journal.rewind()
            return Exchange(self.market.instruments(), journal=self._journal)
        exchange.catch_up()
        return exchange

    def _leave(self, exchange: Exchange) -> None:
        exchange.note_time()
        if self._journal.is_long:
            exchange.shorten()
        self._exchange = exchange

    def _come_to(self, exchange: Exchange, now_ms: int, symbols: Iterable[str]) -> None:
        account = exchange.accounts.get(self.name)
        if account is None:
            if not exchange.accounts:
                exchange.begin(now_ms)
            exchange.tick(now_ms, {})
            account = exchange.open_account(self.name, cash=self.cash, ids=IdRule.ALWAYS)
        watched = at_stake(account)
        if watched:
            for tick in self.market.path(sorted(watched), exchange.now_ms, now_ms):
                exchange.tick(tick.at_ms, tick.prices)
        if watched or symbols:
            exchange.tick(now_ms, self.market.prices(now_ms, sorted({*watched, *symbols})))


def at_stake(account: Account) -> set[str]:
    """The symbols whose prices can do something to the account by themselves."""
    held = {symbol for symbol, _ in account.holdings}
    standing = {order.ask.symbol for order in account.open.values()}
    return held | standing | {trigger.ask.order.symbol for trigger in account.waiting.values()}
