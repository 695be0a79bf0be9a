"""The envelope `{code, msg, data}`, and what the published words stand for.

Code 0 is done, 1 a refusal of the business with HTTP 200; whoever is not let in, or asks what
cannot be read, gets the HTTP status and the same number as code. `error` names the rule.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar, get_args, get_origin
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponse
from msgspec import UNSET, Meta, Struct, UnsetType

from apps.core.errors import BadParameter, DomainError, NotFound
from apps.core.face import FORM, JSON, Call, Face, encoder
from apps.members.models import Member
from apps.members.selectors import member_with
from apps.merchant.gate import SECURITY, Visitor, enter, headers_of

T = TypeVar("T")
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
PageNumber = Annotated[int, Meta(ge=1, le=1_000_000)]
PageSize = Annotated[int, Meta(ge=1, le=1000)]
# Published numbers of ids begin here, so that a JSON reader holds them exactly.
EPOCH_MS = 1_704_067_200_000


class Envelope(Struct, Generic[T]):
    code: int
    msg: str
    data: T


class Detail(Struct):
    loc: Sequence[str]
    msg: str
    type: str


class Refusal(Struct):
    code: int
    msg: str
    data: None
    # Which rule refused, in a word that does not change.
    error: str
    # As it was published for parameters and for quotas.
    detail: list[Detail] | str | UnsetType = UNSET


class Page(Struct, Generic[T]):
    list: Sequence[T]
    total: int
    page: int
    limit: int


class Paged(Struct):
    page: PageNumber = 1
    limit: PageSize = 20


class V1(Face):
    title = "IronBull Merchant API"
    version = "1"
    name = "merchant"
    prefix = "merchant"
    security = SECURITY
    description = __doc__ or ""
    refusal = Refusal
    refuses_with_200 = True
    bodies = (FORM, JSON)

    def wrapped(self, told: type) -> type:
        if get_origin(told) is Said:
            (told,) = get_args(told)
        return Envelope[told]

    def shown(self, schema: dict) -> dict:
        """Amounts are numbers here."""
        if schema == {"type": "string", "format": "decimal"}:
            return {"type": "number"}
        return {name: self.shown_part(part) for name, part in schema.items()}

    def shown_part(self, part):
        if isinstance(part, list):
            return [self.shown_part(each) for each in part]
        return self.shown(part) if isinstance(part, dict) else part

    def enter(self, request, call: Call, *, now: datetime) -> Visitor:
        return enter(request, scope=call.scope, now=now)

    def written(self, told: object) -> str:
        msg = "success"
        if isinstance(told, Said):
            msg, told = told.msg, told.data
        return encoder.encode(Envelope(0, msg, told)).decode()

    def refused(self, error: DomainError, *, by_the_verb: bool = False) -> HttpResponse:
        status = 200 if by_the_verb else error.http_status
        body = Refusal(1 if by_the_verb else status, error.message, None, error.code)
        if isinstance(error, BadParameter):
            where = ["body", str(error.context.get("field", ""))]
            body.detail = [Detail(where, error.message, "value_error")]
        elif status == 429:
            body.detail = error.message
        return HttpResponse(
            encoder.encode(body), status=status, content_type=JSON, headers=headers_of(error)
        )


class Said(Struct, Generic[T]):
    """What is told, under another word than success."""

    msg: str
    data: T


face = V1()


def member_named(visitor: Visitor, email: str, *, what: str = "member") -> Member:
    rows = Member.objects.of(visitor.key.tenant).select_related("level", "inviter", "tenant")
    member = member_with(rows, email)
    if member is None:
        raise NotFound(f"{what} not found", what=what)
    return member


def paged(rows, asked, line) -> Page:
    """One page of a list, the newest first unless the rows say otherwise."""
    rows = rows if rows.ordered and rows.query.order_by else rows.order_by("-pk")
    start = (asked.page - 1) * asked.limit
    shown = [line(row) for row in rows[start : start + asked.limit]]
    return Page(shown, rows.count(), asked.page, asked.limit)


def local(at: datetime | None) -> str | None:
    """The published text of a moment: the merchants' clock, without a zone."""
    zone = ZoneInfo(settings.MERCHANT_TIME_ZONE)
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else None


def number_of(fact: uuid.UUID) -> int:
    """A fact's id as the whole number that was published for it: its time, in 53 bits."""
    milliseconds, fraction = fact.int >> 80, fact.int >> 64 & 0xFFF
    return (milliseconds - EPOCH_MS) << 12 | fraction


def status_of(is_active: bool) -> int:
    return 1 if is_active else 2
