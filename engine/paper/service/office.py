"""From a request to its answer: who asks, what befalls the request, and what is done.

The lock is held while something is done, and never while a client waits.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from engine.errors import EngineError
from engine.paper.errors import JournalBroken, Refused
from engine.paper.service.desk import Caller, Desk
from engine.paper.service.dialect import Dialect
from engine.paper.service.faults import Fault, Kind
from engine.paper.service.keys import Key
from engine.paper.service.wire import Answer, Asked, Denied, Operation, Request, Route

NOTHING_DONE = {Kind.TIMEOUT_BEFORE, Kind.UNAVAILABLE_BEFORE, Kind.LATE, Kind.RATE_LIMIT}
NO_ANSWER = {Kind.TIMEOUT_BEFORE, Kind.TIMEOUT_AFTER, Kind.LATE}
UNAVAILABLE = {Kind.UNAVAILABLE_BEFORE, Kind.UNAVAILABLE_AFTER}


class HangUp(EngineError):
    """The client gets no answer at all."""

    code = "hang_up"


@dataclass
class Office:
    desk: Desk
    dialects: Sequence[Dialect]
    # How long a request, and then its answer, is on the way.
    latency_ms: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)
    _late: list[threading.Timer] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        dialect = self._dialect(request.path)
        if dialect is None:
            return Answer(404, {"message": "no dialect has this path", "path": request.path})
        self._wait(self.latency_ms)
        try:
            return self._answer(dialect, request)
        except Denied as denied:
            return denied.answer
        except Refused as refusal:
            return dialect.refuse(refusal, Operation.READ, request.path)
        except JournalBroken:
            # What was asked may be known to this process, and to nobody after it.
            return dialect.unavailable()
        finally:
            self._wait(self.latency_ms)

    def step(self) -> None:
        """The clock of the exchange: called again and again, whether anybody asks or not."""
        with self.lock:
            if self.closing.is_set():
                raise HangUp("the service has stopped")
            self.desk.step()

    def open_account(
        self, dialect: Dialect, name: str, cash: Decimal, *, withdraws: bool = False
    ) -> Key:
        """An account whose client ids are as unique as this dialect says, and a key to it."""
        self.desk.exchange.open_account(
            name, cash=cash, ids=dialect.ids, refuses_takers=dialect.refuses_takers
        )
        return self.desk.keys.make(dialect.name, name, withdraws=withdraws)

    def close(self) -> None:
        self.closing.set()
        for timer in self._late:
            timer.cancel()

    def _answer(self, dialect: Dialect, request: Request) -> Answer:
        if found := dialect.public.find(request.method, request.path):
            route, named = found
            return self._public(dialect, request, route, named)
        if private := dialect.routes.find(request.method, request.path):
            return self._private(dialect, request, *private)
        return dialect.unknown_path(request.path)

    def _public(
        self, dialect: Dialect, request: Request, route: Route[Desk], named: dict[str, str]
    ) -> Answer:
        with self.lock:
            self.step()
            fault = self.desk.faults.draw(Operation.PUBLIC, "")

        def does(_denied: bool) -> Answer:
            asked = Asked({**request.asked().told, **named})
            return dialect.wrap(route.does(self.desk, asked), request.method, Operation.PUBLIC)

        return self._under(fault, dialect, self._refusing(dialect, request, route.operation, does))

    def _private(
        self, dialect: Dialect, request: Request, route: Route[Caller], named: dict[str, str]
    ) -> Answer:
        with self.lock:
            self.step()
            key = dialect.signer(self.desk, request)
            fault = self.desk.faults.draw(route.operation, key.account)

        def does(denied: bool) -> Answer:
            # Again, because it may have become late on its way.
            signer = dialect.signer(self.desk, request)
            account = self.desk.exchange.account(signer.account)
            asked = Asked({**request.asked().told, **named})
            body = route.does(Caller(self.desk, account, denied), asked)
            return dialect.wrap(body, request.method, route.operation)

        return self._under(fault, dialect, self._refusing(dialect, request, route.operation, does))

    def _refusing(
        self,
        dialect: Dialect,
        request: Request,
        operation: Operation,
        does: Callable[[bool], Answer],
    ) -> Callable[[bool], Answer]:
        """Do it under the lock; a refusal is an answer in the words of the dialect."""

        def do(denied: bool) -> Answer:
            with self.lock:
                if self.closing.is_set():
                    raise HangUp("the service has stopped")
                try:
                    self.desk.step()
                    return does(denied)
                except Refused as refusal:
                    return dialect.refuse(refusal, operation, request.path)

        return do

    def _under(self, fault: Fault | None, dialect: Dialect, do: Callable[[bool], Answer]) -> Answer:
        """What the client is told when this fault befalls the request."""
        if fault is None:
            return do(False)
        if fault.kind is Kind.RATE_LIMIT:
            return dialect.limited(-(-fault.delay_ms // 1000))
        if fault.kind is Kind.LATE:
            self._do_late(fault.delay_ms, do)
        answer = None
        if fault.kind not in NOTHING_DONE:
            answer = do(fault.kind is Kind.NOT_FOUND)
        if fault.kind in NO_ANSWER:
            self._wait(fault.delay_ms)
            raise HangUp("no answer")
        if fault.kind in UNAVAILABLE or answer is None:
            return dialect.unavailable()
        return dialect.duplicate() if fault.kind is Kind.DUPLICATE else answer

    def _do_late(self, delay_ms: int, do: Callable[[bool], Answer]) -> None:
        # Twice the time that the client is kept waiting: it has surely given up by then.
        timer = threading.Timer(2 * delay_ms / 1000, self._arrive_late, args=(do,))
        timer.daemon = True
        timer.start()
        self._late = [one for one in self._late if one.is_alive()] + [timer]

    def _arrive_late(self, do: Callable[[bool], Answer]) -> None:
        # Nobody waits for the answer any more, whatever it is.
        with contextlib.suppress(HangUp, Denied, JournalBroken):
            do(False)

    def _dialect(self, path: str) -> Dialect | None:
        return next((one for one in self.dialects if path.startswith(one.prefixes)), None)

    def _wait(self, milliseconds: int) -> None:
        if milliseconds:
            self.closing.wait(milliseconds / 1000)
