"""What a dialect is: paths and shapes, signatures, and its words for each refusal."""

from typing import Protocol

from engine.paper.account import IdRule
from engine.paper.errors import Refused
from engine.paper.service.desk import Caller, Desk
from engine.paper.service.keys import Key
from engine.paper.service.wire import Answer, Body, Operation, Request, Routes


class Dialect(Protocol):
    name: str
    prefixes: tuple[str, ...]
    ids: IdRule
    refuses_takers: bool  # whether a post-only order that would fill is refused, or just ended
    routes: Routes[Caller]
    public: Routes[Desk]

    def signer(self, desk: Desk, request: Request) -> Key:
        """Whose key signed the request in time; Denied where nobody's did."""

    def wrap(self, body: Body, method: str, operation: Operation) -> Answer:
        """What was done, in the envelope of this dialect."""

    def refuse(self, refusal: Refused, operation: Operation, path: str) -> Answer: ...

    def unavailable(self) -> Answer:
        """The outcome is anybody's guess."""

    def limited(self, wait_seconds: int) -> Answer: ...

    def duplicate(self) -> Answer: ...

    def unknown_path(self, path: str) -> Answer: ...
