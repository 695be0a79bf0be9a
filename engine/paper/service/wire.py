"""Requests and answers as they stand between the sockets and the dialects."""

import enum
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from engine.errors import EngineError
from engine.paper.errors import Reason, Refused

Body = Any
# No number of this exchange is larger, or finer: what is beyond them is no number to trade with.
LARGEST, FINEST = Decimal(10) ** 15, -18
# Orders and fills are numbered on from the moment in which the exchange began.
LARGEST_NUMBER = Decimal(2**63 - 1)
Caller = TypeVar("Caller")
Told = TypeVar("Told")


class Operation(enum.StrEnum):
    """What a request is about; faults choose by it."""

    PLACE = "place"
    CANCEL = "cancel"
    LOOK_UP = "look_up"  # one order, by any of its names
    READ = "read"
    SETTING = "setting"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Body
    headers: dict[str, str] = field(default_factory=dict)


class Denied(EngineError):
    """The dialect refuses by itself, in its own words: a bad key, a late request, a bad value."""

    code = "denied"

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.body))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: str

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def asked(self) -> "Asked":
        """The parameters, wherever they stand."""
        told: dict[str, Any] = dict(parse_qsl(self.query, keep_blank_values=True))
        if self.body.startswith(("{", "[")):
            parsed = self.json()
            told |= parsed if isinstance(parsed, dict) else {"": parsed}
        else:
            told |= dict(parse_qsl(self.body, keep_blank_values=True))
        return Asked(told)

    def json(self) -> Body:
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(Reason.BAD_REQUEST, "the body is not JSON") from error


class Asked:
    """The parameters of one request, read as what they should be."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    def __contains__(self, name: str) -> bool:
        return self.told.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        told = self.told.get(name)
        return default if told is None else str(told)

    def needed(self, name: str) -> str:
        if name not in self:
            raise Refused(Reason.BAD_REQUEST, f"parameter '{name}' is missing", name=name)
        return str(self.told[name])

    def flag(self, name: str) -> bool:
        return str(self.told.get(name, "")).lower() == "true"

    def whole(self, name: str, default: int = 0) -> int:
        if name not in self:
            return default
        return int(self.exact(name, largest=LARGEST_NUMBER))

    def word(self, name: str, words: Mapping[str, Told]) -> Told:
        """One of these words, as what it stands for."""
        told = self.needed(name)
        if told not in words:
            raise Refused(Reason.BAD_REQUEST, f"'{name}' is none of {list(words)}", name=name)
        return words[told]

    def exact(self, name: str, *, largest: Decimal = LARGEST) -> Decimal:
        try:
            value = Decimal(self.needed(name))
        except InvalidOperation:
            raise Refused(Reason.BAD_REQUEST, f"'{name}' is no number", name=name) from None
        if not value.is_finite() or abs(value) > largest or is_finer(value):
            raise Refused(Reason.BAD_REQUEST, f"'{name}' is no number to trade with", name=name)
        return value

    def exact_or_none(self, name: str) -> Decimal | None:
        return self.exact(name) if name in self else None


def is_finer(value: Decimal) -> bool:
    exponent = value.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent < FINEST


@dataclass(frozen=True, slots=True)
class Route(Generic[Caller]):
    operation: Operation
    does: Callable[[Caller, Asked], Body]


class Routes(Generic[Caller]):
    """Which function answers which path; `{name}` in a path is a parameter."""

    def __init__(self, routes: Iterable[tuple[str, str, Route[Caller]]]) -> None:
        self._exact: dict[tuple[str, str], Route[Caller]] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Route[Caller]]] = []
        for method, path, route in routes:
            if "{" in path:
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
                self._patterns.append((method, re.compile(pattern + r"\Z"), route))
            else:
                self._exact[method, path] = route

    def find(self, method: str, path: str) -> tuple[Route[Caller], dict[str, str]] | None:
        if route := self._exact.get((method, path)):
            return route, {}
        for verb, pattern, route in self._patterns:
            if verb == method and (found := pattern.match(path)):
                return route, found.groupdict()
        return None
