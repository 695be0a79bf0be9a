"""The paper exchange as a service: its parts put together, started and stopped."""

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from engine.errors import EngineError
from engine.paper.account import START_CASH
from engine.paper.exchange import Exchange
from engine.paper.generated import STEP_MS, GeneratedMarket
from engine.paper.journal import Journal
from engine.paper.margin import Rates
from engine.paper.market import HeldMarket, Market, Quoting
from engine.paper.service.binance import Binance
from engine.paper.service.control import Control
from engine.paper.service.desk import Desk
from engine.paper.service.faults import Faults
from engine.paper.service.gate import Gate
from engine.paper.service.keys import Key, Keys
from engine.paper.service.office import Office
from engine.paper.service.okx import Okx
from engine.paper.service.server import Server
from engine.paper.service.streaming.streams import Streams


class PaperService:
    """Answers on two addresses of this host until it is stopped.

    With a `home` it remembers: the journal and the keys lie there. Without one it
    starts empty and forgets.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        home: Path | None = None,
        port: int = 0,
        control_port: int = 0,
        market: Market | None = None,
        rates: Rates | None = None,
        quoting: Quoting | None = None,
        latency_ms: int = 0,
        cash: Decimal = START_CASH,
    ) -> None:
        held = HeldMarket(market or GeneratedMarket())
        self._journal = Journal(home / "journal.jsonl") if home else None
        exchange = Exchange(held.instruments(), journal=self._journal, rates=rates, quoting=quoting)
        keys = Keys(home / "keys.json" if home else None)
        desk = Desk(exchange, held, clock, keys, Faults())
        self.office = Office(desk, (Binance(), Okx(), Gate()), latency_ms)
        self.control = Control(self.office)
        self._server = Server(self.office.answer, port, streams=Streams(self.office).opened)
        self._control_server = Server(self.control.answer, control_port)
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        self._open_demo_accounts(cash)

    @property
    def address(self) -> str:
        return self._server.address

    @property
    def control_address(self) -> str:
        return self._control_server.address

    @property
    def keys(self) -> list[Key]:
        return list(self.office.desk.keys)

    def start(self) -> None:
        for thread in (self._server, self._control_server, self._ticking):
            thread.start()

    def stop(self) -> None:
        self.office.close()
        self._server.stop()
        self._control_server.stop()
        self._ticking.join()
        with self.office.lock:
            if self._journal:
                self._journal.close()

    def _open_demo_accounts(self, cash: Decimal) -> None:
        """One account in each dialect, the first time; a key that was lost is made anew."""
        desk = self.office.desk
        if self._journal and not desk.exchange.accounts:
            desk.exchange.begin(desk.clock())
        self.office.step()
        for dialect in self.office.dialects:
            name = f"{dialect.name}-demo"
            if name not in desk.exchange.accounts:
                self.office.open_account(dialect, name, cash)
            elif desk.keys.of(name) is None:
                desk.keys.make(dialect.name, name)

    def _shorten(self) -> None:
        with self.office.lock:
            if self._journal and self._journal.is_long:
                self.office.desk.exchange.shorten()

    def _tick(self) -> None:
        while not self.office.closing.wait(STEP_MS / 1000):
            try:
                self.office.step()
                self._shorten()
            except EngineError:
                # The exchange has stopped because its journal broke; every answer says so.
                return
