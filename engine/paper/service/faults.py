"""Faults on demand, and by seeded chance: what real venues do to their clients.

A fault changes what the client is told and when, never what is true: an order
is accepted or it is not, and the truth knows which.
"""

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from engine.paper.service.wire import Operation


class Kind(enum.StrEnum):
    TIMEOUT_BEFORE = "timeout_before"  # no answer; nothing was done
    TIMEOUT_AFTER = "timeout_after"  # no answer; it was done
    UNAVAILABLE_BEFORE = "503_before"
    UNAVAILABLE_AFTER = "503_after"
    LATE = "late_accept"  # no answer; it is done some time after the client gave up
    DUPLICATE = "duplicate"  # it was done, and the answer is that the id is taken
    LAG = "lag"  # orders stay invisible for a while
    NOT_FOUND = "not_found"  # a look-up says that there is no such order
    RATE_LIMIT = "rate_limit"
    FROZEN = "frozen"  # the book that is told stays as it was, and so does its time
    CUT = "cut"  # streams are cut off, and none begins
    SILENT = "silent"  # streams stay open, and nothing comes


# What a fault meets unless the test says otherwise.
MEETS = {Kind.NOT_FOUND: Operation.LOOK_UP, Kind.LAG: Operation.LOOK_UP}
# What goes on until it is cleared away, whoever asks.
OF_THE_MARKET = {Kind.FROZEN, Kind.CUT, Kind.SILENT}
MEETS |= dict.fromkeys(OF_THE_MARKET, Operation.PUBLIC)
STANDING = {Kind.LAG} | OF_THE_MARKET


@dataclass(slots=True)
class Fault:
    kind: Kind
    operation: Operation
    times: int = 1
    # How long a request hangs, an acceptance is late, an order is invisible, a client must wait.
    delay_ms: int = 1_000
    account: str = ""  # nobody in particular

    def meets(self, operation: Operation, account: str) -> bool:
        is_theirs = self.account in ("", account)
        return is_theirs and self.times > 0 and self.operation is operation


@dataclass(slots=True)
class Chances:
    """How often each kind of fault befalls a request, drawn from a seed: the same each run."""

    seed: str = ""
    delay_ms: int = 1_000
    of: dict[Operation, dict[Kind, Decimal]] = field(default_factory=dict)
    _drawn: int = 0

    def draw(self, operation: Operation) -> Kind | None:
        if operation not in self.of:
            return None
        self._drawn += 1
        digest = hashlib.sha256(f"{self.seed}:{self._drawn}".encode()).digest()
        left = Decimal(int.from_bytes(digest[:6], "big")) / (1 << 48)
        for kind, chance in self.of[operation].items():
            if left < chance:
                return kind
            left -= chance
        return None


class Faults:
    """Asked once for each request, under the lock of the service."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []
        self.chances = Chances()
        self.happened: dict[str, int] = {}

    def plan(self, told: Mapping[str, Any]) -> Fault:
        kind = Kind(told["kind"])
        operation = Operation(told.get("operation", MEETS.get(kind, Operation.PLACE)))
        fault = Fault(
            kind,
            operation,
            times=int(told.get("times", 1)),
            delay_ms=int(told.get("delay_ms", 1_000)),
            account=str(told.get("account", "")),
        )
        self.planned.append(fault)
        return fault

    def set_chances(self, told: Mapping[str, Any]) -> None:
        """`{"seed": 7, "place": {"503_after": 0.03}, "look_up": {"not_found": 0.01}}`"""
        seed, delay_ms = str(told["seed"]), int(told.get("delay_ms", 1_000))
        of = {
            Operation(name): {Kind(kind): Decimal(str(chance)) for kind, chance in kinds.items()}
            for name, kinds in told.items()
            if name not in ("seed", "delay_ms")
        }
        for kinds in of.values():
            if STANDING & set(kinds) or not 0 <= sum(kinds.values()) <= 1:
                raise ValueError("chances are of single faults, and together at most one")
        self.chances = Chances(seed, delay_ms, of)

    def clear(self) -> None:
        self.planned.clear()
        self.chances = Chances()

    def draw(self, operation: Operation, account: str) -> Fault | None:
        """The fault that befalls this request; it is used up."""
        for fault in self.planned:
            if fault.kind not in STANDING and fault.meets(operation, account):
                fault.times -= 1
                return self._count(fault)
        kind = self.chances.draw(operation)
        return self._count(Fault(kind, operation, 0, self.chances.delay_ms)) if kind else None

    def lag_ms(self, account: str) -> int:
        """How long an order stays invisible."""
        lags = [one for one in self.planned if one.kind is Kind.LAG]
        return max((one.delay_ms for one in lags if one.account in ("", account)), default=0)

    def stands(self, kind: Kind) -> bool:
        return any(one.kind is kind for one in self.planned)

    def told(self) -> dict[str, Any]:
        return {"planned": [asdict(one) for one in self.planned], "happened": dict(self.happened)}

    def _count(self, fault: Fault) -> Fault:
        self.happened[fault.kind] = self.happened.get(fault.kind, 0) + 1
        return fault
