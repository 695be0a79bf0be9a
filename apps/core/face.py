"""A face of the platform to other programs: a table of calls, each a function of a visitor and
what is asked.

A call's type hints are its contract: what may be asked is decoded by them, and the OpenAPI
document is made of them.
"""

import hashlib
import inspect
import re
import typing
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from functools import cache, partial
from typing import Any, Protocol

import msgspec
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, ValidationError
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import URLPattern, include, path, re_path
from django.utils import timezone
from django.utils.encoding import force_str
from django.views.decorators.csrf import csrf_exempt

from apps.core import audit, sealed
from apps.core.errors import (
    BadInput,
    BadParameter,
    Busy,
    Conflict,
    DomainError,
    KeyReused,
    NoSuchMethod,
    NotFound,
    TooLarge,
)
from apps.core.idempotency import once
from apps.core.middleware import address_of
from engine.ready import ready

FIRST_YEAR, LAST_YEAR = 1970, 2200
# Wide enough for every number that is told.
WIDE = Context(prec=60)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
IDEMPOTENCY = "Idempotency-Key"
# What an exact number looks like where it comes as text.
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?|[+-]?(NaN|Infinity)")
encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")
text_encoder = msgspec.json.Encoder(decimal_format="string", uuid_format="canonical")
decoder = msgspec.json.Decoder(float_hook=Decimal)


class Visitor(Protocol):
    """Who was let in."""

    # Their name in the audit trail.
    actor: str
    # Whose idempotency keys they bring.
    keys_of: str
    # Told with every answer.
    headers: dict[str, str]


@cache
def hints_of(do: Callable) -> dict[str, type]:
    return typing.get_type_hints(do, include_extras=True)


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    scope: str | None
    status: int
    do: Callable
    # Who alone may call, in the face's own words.
    only: str = ""
    # Whether its answer holds a secret: then it is kept sealed, for who asks again.
    tells_secret: bool = False
    # Whether the answer of another moment is worth nothing: then it is never repeated.
    is_of_now: bool = False

    @property
    def asked(self) -> type:
        return hints_of(self.do)["asked"]

    @property
    def told(self) -> type:
        return hints_of(self.do)["return"]

    @property
    def title(self) -> str:
        return inspect.getdoc(self.do) or self.path

    @property
    def name(self) -> str:
        return self.do.__name__


class Face:
    """What calls have in common: how answers and refusals are written."""

    # For its document: what it is, how refusals look, and what bodies it reads.
    title: str
    version: str
    # Where its addresses begin, and what its document is called.
    prefix: str
    name: str
    description: str
    refusal: type
    refusal_type = JSON
    refuses_with_200 = False
    bodies: tuple[str, ...] = (JSON,)
    security: dict[str, dict[str, str]]
    # Query parameters that every call takes, as the document tells them; `enter` reads them.
    parameters: tuple[dict[str, object], ...] = ()

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def call(self, method: str, path: str, *, scope: str | None, status: int = 200, **about):
        """Publish a function of (visitor, asked)."""

        def publish(do: Callable) -> Callable:
            self.calls.append(Call(method, path, scope, status, do, **about))
            return do

        return publish

    def urls(self) -> URLPattern:
        """Every address of this face, behind its prefix: others are not looked through for it."""
        by_path: dict[str, dict[str, Call]] = defaultdict(dict)
        for call in self.calls:
            ready(call.asked)
            by_path[call.path][call.method] = call
        inside = [
            path(where.removeprefix(f"{self.prefix}/"), csrf_exempt(self.view(calls)))
            for where, calls in by_path.items()
        ]
        # Last of all: whoever is lost is told so in this face's own way.
        inside.append(re_path("", csrf_exempt(self.lost)))
        return path(f"{self.prefix}/", include(inside))

    def lost(self, request) -> HttpResponse:
        return self.refused(NotFound("there is nothing at this address"))

    def no_such_method(self, method: str, calls: dict[str, Call]) -> HttpResponse:
        answer = self.refused(NoSuchMethod(f"{method} is not a method of this path"))
        answer.headers["Allow"] = ", ".join(sorted(calls))
        return answer

    def view(self, calls: dict[str, Call]):
        def view(request, **places):
            call = calls.get(request.method)
            if call is None:
                return self.no_such_method(request.method, calls)
            try:
                visitor = self.enter(request, call, now=timezone.now())
            except DomainError as error:
                return self.refused(error)
            with audit.acting(visitor.actor, source=address_of(request)):
                response = self.let_in(call, visitor, request, places)
            for name, value in visitor.headers.items():
                response.headers[name] = value
            return response

        view.calls = calls
        return view

    def let_in(self, call: Call, visitor: Visitor, request, places) -> HttpResponse:
        try:
            asked = decoded(call, request, places, without=self.parameters)
        except DomainError as error:
            return self.refused(error)
        try:
            text = self.run(call, visitor, asked, request)
        except (BadParameter, Busy, KeyReused) as error:
            return self.refused(error)
        except DomainError as error:
            return self.refused(error, by_the_verb=True)
        except ValidationError as error:
            # A field's own rule, met deeper than a door.
            return self.refused(BadInput("; ".join(error.messages)), by_the_verb=True)
        if isinstance(text, HttpResponseBase):
            return text
        return HttpResponse(text, status=call.status, content_type=JSON)

    def run(self, call: Call, visitor: Visitor, asked, request) -> str | HttpResponseBase:
        def do() -> str | HttpResponseBase:
            told = call.do(visitor, asked)
            # A file is told as it is.
            return told if isinstance(told, HttpResponseBase) else self.written(told)

        key = None if request.method == "GET" else request.headers.get(IDEMPOTENCY)
        # What anybody may ask has no owner whose keys these could be.
        if key is None or call.is_of_now or self.is_open(call):
            return do()
        body = hashlib.sha256(request.body).hexdigest()
        asked_for = [request.method, request.get_full_path(), body]
        ask = partial(once, scope=visitor.keys_of, key=key, request=asked_for)
        if not call.tells_secret:
            return ask(do=do)
        belongs = f"answer:{visitor.keys_of}:{key}"
        kept = ask(do=lambda: sealed.seal(do(), binding=belongs))
        try:
            return sealed.unseal(kept, binding=belongs)
        except sealed.CannotOpen as error:
            # It was sealed under a key that this host has dropped since: answers are not rotated.
            raise Conflict("what was told under this key is not told again", key=key) from error

    def enter(self, request, call: Call, *, now: datetime) -> Visitor:
        """Let a request in, or raise why not."""
        raise NotImplementedError

    def is_open(self, call: Call) -> bool:
        """Whether a call is for whoever asks."""
        return False

    def wrapped(self, told: type) -> type:
        """What an answer of this type looks like as it is written."""
        return told

    def shown(self, schema: dict) -> dict:
        """A schema as it is in this face."""
        return schema

    def written(self, told: object) -> str:
        raise NotImplementedError

    def refused(self, error: DomainError, *, by_the_verb: bool = False) -> HttpResponse:
        raise NotImplementedError


def decoded(call: Call, request, places: dict[str, object], *, without=()):
    """What is asked, checked against the call's type; a refusal names the parameter."""
    known = {parameter["name"] for parameter in without}
    asked = query_of(request).items()
    values = {name: value for name, value in asked if value != "" and name not in known}
    if request.method != "GET":
        values = body_values(request)
    refuse_odd_numbers(call, values)
    try:
        return msgspec.convert(values | places, call.asked, strict=False)
    except msgspec.ValidationError as error:
        raise bad_parameter(str(error)) from error


@cache
def decimals_of(asked: type) -> frozenset[str]:
    """What of a call's parameters are exact numbers."""
    hints = typing.get_type_hints(asked)
    return frozenset(
        name for name, hint in hints.items() if Decimal in (hint, *typing.get_args(hint))
    )


def refuse_odd_numbers(call: Call, values: dict[str, object]) -> None:
    """Python reads foreign digits, spaces and underscores, where others read another number."""
    for name in decimals_of(call.asked):
        value = values.get(name)
        if isinstance(value, str) and not NUMBER.fullmatch(value):
            raise BadParameter(f"{name}: not a number", field=name)


def query_of(request):
    try:
        return request.GET
    except TooManyFieldsSent as error:
        raise BadParameter("there are too many parameters", field="query") from error


def body_of(request) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as error:
        raise TooLarge("the body is too large") from error


def body_values(request) -> dict[str, object]:
    if request.content_type == JSON:
        try:
            values = decoder.decode(body_of(request) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadParameter(f"the body is not JSON: {error}"[:200], field="body") from error
        except (RecursionError, ArithmeticError) as error:
            raise BadParameter("the body is too deep, or holds no number", field="body") from error
        if not isinstance(values, dict):
            raise BadParameter("the body is not a JSON object", field="body")
        return values
    if request.content_type in (FORM, "") or not body_of(request):
        return {name: value for name, value in form_of(request).items() if value != ""}
    raise BadParameter(f"a body is {FORM} or {JSON}", field="body")


def form_of(request):
    try:
        # Django reads the form of a POST, and takes that of any other method for empty.
        return request.POST if request.method == "POST" else QueryDict(body_of(request))
    except TooManyFieldsSent as error:
        raise BadParameter("there are too many parameters", field="body") from error


def bad_parameter(told: str) -> BadParameter:
    """The decoder's words, and the parameter that they are about."""
    what, _at, place = told.partition(" - at `$")
    field = place.rstrip("`").lstrip(".")
    if not field and "`" in what:
        # "Object missing required field `email`"
        field = what.split("`")[1]
    what = what.replace("Object missing required field", "missing parameter")
    return BadParameter(f"{field}: {what}" if field else what, field=field)


def as_json(values: object) -> Any:
    """Values that no type was named for, as JSON has them: a fraction is a float there."""
    try:
        return msgspec.json.decode(encoder.encode(values))
    except msgspec.DecodeError as error:
        raise BadParameter(f"a number is too large: {error}", field="body") from error


def check_year(moment: datetime, *, field: str) -> None:
    """Refuse a moment that is a mistake, and that some databases do not keep."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        told = f"{field}: a moment is of the years {FIRST_YEAR} to {LAST_YEAR}"
        raise BadParameter(told, field=field)


def found(rows, *, what: str, **names):
    """The one row of these names, or a refusal that says what was looked for."""
    row = rows.filter(**names).first()
    if row is None:
        raise NotFound(f"{what} not found", what=what)
    return row


def context_of(error: DomainError) -> dict[str, str]:
    return {name: force_str(value) for name, value in error.context.items()}


def plain(amount: Decimal) -> Decimal:
    """The same number without zeros at its end, and without an exponent."""
    # A row that was made a moment ago may hold its default, which is an int.
    trimmed = Decimal(amount).normalize()
    return (
        trimmed.quantize(Decimal(1), context=WIDE)
        if trimmed == trimmed.to_integral_value()
        else trimmed
    )
