"""A maker session of this host; the test plays the centre: what it wants, and has heard."""

import json
import threading
import time
from decimal import Decimal

from engine import envelope
from engine.messages import MakerReport, MakerVerb, MakerWish, Margin
from engine.paper.generated import STEP_MS, SYMBOLS, GeneratedMarket
from engine.paper.market import Tick
from engine.venues.paper import PaperVenue

SYMBOL = "BTC/USDT"
PERIOD_MS = 6_000
QUICK = {
    "recovery_seconds": 0,
    "quote_interval_seconds": 0.2,
    "min_order_age_seconds": 0,
    "min_spread_bps": 4,
    "max_spread_bps": 40,
    "k": 0.5,
    "volatility_z": 10,
    "drawdown_percent": 80,
    "max_order_notional": 200,
    "leverage": 10,
    "stale_seconds": 1,
    "close_delay_seconds": 0.05,
    "close_delay_most_seconds": 0.1,
    "orders_a_second": 100,
}


class Centre:
    """Says what is wanted, and that it has heard."""

    def __init__(self, host, making, *, venue="paper", key=None, symbol=SYMBOL, **params):
        self.host, self.venue, self.params = host, venue, QUICK | params
        self.key, self.symbol = key, symbol
        self.sessions = making.Sessions(host)
        self.reports = []
        self.life = self.number = 0
        self.verb = MakerVerb.RUN
        self.lease_seconds = 30
        self.began_ms = int(time.time() * 1000) - 5_000
        self.session = "session-1"
        self._heard = {"life": 0, "moves": 0, "orders": 0, "alerts": 0}
        self._lock = threading.Lock()
        self.answers = True
        host.tell_centre = self._hear

    def _hear(self, task, queue, message):
        if not isinstance(message, MakerReport):
            return
        self.reports.append(message)
        with self._lock:
            if message.life > self._heard["life"]:
                self._heard = {"life": message.life, "moves": 0, "orders": 0, "alerts": 0}
            heard = self._heard
            heard["moves"] = max(heard["moves"], len(message.moves))
            for kind in ("orders", "alerts"):
                upto = getattr(message, f"{kind}_before") + len(getattr(message, kind))
                heard[kind] = max(heard[kind], upto)
        self.life = max(self.life, message.life)
        if self.answers and self.number:
            is_over = self.state in ("idle", "halted")
            self._wish(MakerVerb.REST if is_over else self.verb)

    def wish(self, verb=None, **params):
        self.params |= params
        self.verb = MakerVerb(verb) if verb else self.verb
        self.number += 1
        self._wish(self.verb)

    def _wish(self, verb):
        self.sessions.wish(self.message(verb))

    def message(self, verb, **changes):
        secret = {"api_key": "k", "api_secret": "s", "passphrase": ""}
        if self.key:
            secret = {
                "api_key": self.key.api_key,
                "api_secret": self.key.secret,
                "passphrase": self.key.passphrase,
            }
        public = bytes(self.host.keys.seal_private.public_key)
        told = {
            "session": self.session,
            "maker": 7,
            "life": self.life,
            "number": self.number,
            "verb": verb,
            "reason": "enough",
            "venue": self.venue,
            "account": "1",
            "symbol": self.symbol,
            "margin": Margin.CROSS,
            "sealed_credentials": envelope.seal(json.dumps(secret).encode(), to=public),
            "params": self.params,
            "lease_seconds": self.lease_seconds,
            "fills_since_ms": self.began_ms,
            "heard_life": self._heard["life"],
            "moves_heard": self._heard["moves"],
            "orders_heard": self._heard["orders"],
            "alerts_heard": self._heard["alerts"],
        }
        return MakerWish(**told | changes)

    @property
    def last(self):
        return self.reports[-1]

    @property
    def state(self):
        moves = self.last.moves if self.reports else []
        return moves[-1].to if moves else ""

    def wait(self, state, seconds=20):
        self.until(lambda: self.reports and self.state == state, seconds, state)

    def until(self, condition, seconds=20, what="it"):
        ends_at = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends_at, f"waited for {what}; {self.told()}"
            time.sleep(0.02)

    def told(self):
        last = self.last if self.reports else None
        return [(one.kind, one.facts) for one in self.alerts()], last and last.moves

    def alerts(self, kind=""):
        seen = {}
        for report in list(self.reports):
            for number, one in enumerate(report.alerts, report.alerts_before):
                seen[report.life, number] = one
        return [one for one in seen.values() if kind in ("", one.kind)]

    def fills(self):
        told = [fill for one in list(self.reports) for order in one.orders for fill in order.fills]
        return {fill.venue_fill_id: Decimal(fill.quantity) for fill in told}

    def figure(self, name):
        return self.last.figures[name] if self.last.figures else None

    def is_quoting(self):
        sides = {one.side for one in self.last.quotes} if self.reports else set()
        return len(sides) == 2

    def run(self):
        self.wish("run")
        self.wait("running")
        self.until(self.is_quoting, what="quotes")

    def stop(self, to="idle", seconds=30):
        self.wish("stop" if to == "idle" else "halt")
        self.wait(to, seconds)

    def end(self):
        """Whatever a test left behind."""
        # Later than all that was asked before: its end is heard, too.
        self.answers, self.number, self.verb = True, 10_000, MakerVerb.HALT
        for session in list(self.sessions._running.values()):
            session.hear(self.message(MakerVerb.HALT))
        for session in list(self.sessions._running.values()):
            session._thread.join(timeout=15)


class Lively(GeneratedMarket):
    """Up and down by half a per cent, every few seconds: whoever quotes is filled soon."""

    def prices(self, at_ms, symbols=tuple(SYMBOLS)):
        others = super().prices(at_ms, symbols)
        return others | ({SYMBOL: price_at(at_ms)} if SYMBOL in others else {})

    def path(self, symbols, after_ms, until_ms):
        for step in range(after_ms // STEP_MS + 1, until_ms // STEP_MS + 1):
            yield Tick(step * STEP_MS, self.prices(step * STEP_MS, symbols))


def price_at(at_ms):
    phase = at_ms // STEP_MS * STEP_MS % PERIOD_MS
    way = min(phase, PERIOD_MS - phase) * 2
    return Decimal(60_000) + Decimal(300 * way // PERIOD_MS)


class Faulty(PaperVenue):
    """The paper venue, with a mishap for each call by its name: it is given the call to make."""

    mishaps: dict = {}

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        mishap = type(self).mishaps.get(name)
        if mishap is None:
            return found
        return lambda *args, **kwargs: mishap(found, *args, **kwargs)


def is_clean(venue):
    return not venue.holdings() and not venue.open_orders()


def held(venue):
    return sum((one.quantity for one in venue.holdings()), Decimal(0))
