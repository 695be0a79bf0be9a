"""Which stream stands at which path, under the lock of the service as everything is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.paper.service.desk import Desk
from engine.paper.service.faults import Kind
from engine.paper.service.office import HangUp, Office
from engine.paper.service.streaming.binance import BinanceTalk
from engine.paper.service.streaming.gate import GateTalk
from engine.paper.service.streaming.okx import OkxTalk
from engine.paper.service.streaming.talk import Talk

# The first that fits. Binance's paths are told apart by what they carry, and then numbered.
TALKS: dict[str, Callable[[Desk], Talk]] = {
    "/ws/v5/": OkxTalk,
    "/v4/ws/": GateTalk,
    "/public/ws": BinanceTalk,
    "/market/ws": BinanceTalk,
    "/ws": BinanceTalk,
}


@dataclass(frozen=True, slots=True)
class Locked:
    """A conversation that is only had while nothing else is done."""

    office: Office
    talk: Talk

    def hear(self, text: str) -> list[Any]:
        return self._under(lambda: self.talk.hear(text))

    def news(self) -> list[Any]:
        return self._under(self.talk.news)

    def _under(self, say: Callable[[], list[Any]]) -> list[Any]:
        with self.office.lock:
            self.office.step()
            if self.office.desk.faults.stands(Kind.CUT):
                raise HangUp("streams are cut off")
            return say()


@dataclass(frozen=True, slots=True)
class Streams:
    office: Office

    def opened(self, path: str) -> Locked | None:
        if self.office.desk.faults.stands(Kind.CUT):
            return None
        talk = next((made for prefix, made in TALKS.items() if path.startswith(prefix)), None)
        return Locked(self.office, talk(self.office.desk)) if talk else None
