"""How the REST face answers: amounts as text, moments in UTC, lists by cursor.

A refusal is a problem: `code` names the rule that refused and does not change; `field` names
the parameter, where one is to blame.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponse
from msgspec import Meta, Struct

from apps.core import pages
from apps.core.errors import DomainError
from apps.core.face import Call, Face, context_of, found, text_encoder
from apps.members.models import Member
from apps.merchant.gate import SECURITY, Visitor, enter, headers_of

T = TypeVar("T")
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Meta(ge=1, le=pages.LARGEST)]
PROBLEM = "application/problem+json"


class Asked(Struct, forbid_unknown_fields=True):
    """What a call asks; what it does not know is refused by name."""


class Problem(Struct, omit_defaults=True):
    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    field: str = ""
    context: dict[str, str] = {}


class Listed(Asked):
    # The `next` of the page before.
    cursor: str = ""
    limit: Limit = pages.USUAL


class Page(Struct, Generic[T]):
    items: Sequence[T]
    # Ask with this as `cursor` for the following page; null on the last one.
    next: str | None


TITLES = {
    401: "Not let in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Bad parameter",
    429: "Limit reached",
    503: "Busy",
}


class V2(Face):
    title = "IronBull Merchant API v2"
    version = "2"
    name = "merchant-v2"
    prefix = "merchant/v2"
    security = SECURITY
    description = __doc__ or ""
    refusal = Problem
    refusal_type = PROBLEM

    def enter(self, request, call: Call, *, now: datetime) -> Visitor:
        return enter(request, scope=call.scope, now=now)

    def written(self, told: object) -> str:
        return text_encoder.encode(told).decode()

    def refused(self, error: DomainError, *, by_the_verb: bool = False) -> HttpResponse:
        context = context_of(error)
        status = error.http_status
        problem = Problem(
            title=TITLES.get(status, "Refused"),
            status=status,
            detail=error.message,
            code=error.code,
            field=context.pop("field", ""),
            context=context,
        )
        return HttpResponse(
            text_encoder.encode(problem),
            status=status,
            content_type=PROBLEM,
            headers=headers_of(error),
        )


face = V2()


def listed(rows: QuerySet, asked: Listed, line: Callable) -> Page:
    page = pages.page(rows, cursor=asked.cursor, limit=asked.limit)
    return Page([line(row) for row in page.rows], page.cursor)


def member_of(visitor: Visitor, member_id: int) -> Member:
    rows = Member.objects.of(visitor.key.tenant).select_related("level", "tenant")
    return found(rows, what="member", pk=member_id)
