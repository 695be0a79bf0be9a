"""The published shapes of an arena: nine calls that anybody may make, from any page.

Fields inside are in snake_case, the names around them in camelCase. What nobody has done is empty,
and no error; zeroes are told. `serverTime` is the moment of the answer in milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Generic, TypeVar, get_args

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from msgspec import Meta, Struct

from apps.arena import telling
from apps.arena.published.shapes import (
    AccountTotal,
    BoardRow,
    Conversation,
    Inception,
    Kind,
    ModelAnalytics,
    Positions,
    Price,
)
from apps.arena.selectors import Line
from apps.core.errors import BadInput, BadParameter, DomainError
from apps.core.face import JSON, Call, Face, context_of, text_encoder
from engine.deciding.analytics import analytics
from engine.deciding.trades import PublishedTrade

T = TypeVar("T")
ANYBODY = "anybody"
HEADERS = {"Access-Control-Allow-Origin": "*"}
PREFLIGHT = HEADERS | {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "3600",
}
Hour = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=10_000)]


class Asked(Struct):
    """What a call asks; what it does not know it leaves aside, as the published ones do."""


class Refusal(Struct):
    code: str
    message: str
    context: dict[str, str]


@dataclass(frozen=True, slots=True)
class Visitor:
    actor: str = "anonymous"
    keys_of: str = "arena:anonymous"
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))


@dataclass(frozen=True, slots=True)
class Served(Generic[T]):
    """An answer of this shape, already as text."""

    text: str


class Arena(Face):
    title = "IronBull arena"
    version = "1"
    name = "arena"
    prefix = "arena"
    description = __doc__ or ""
    refusal = Refusal
    security: dict[str, dict[str, str]] = {}

    def is_open(self, call: Call) -> bool:
        return True

    def enter(self, request, call: Call, *, now: datetime) -> Visitor:
        return Visitor()

    def views(self) -> dict[str, object]:
        """What answers at each path; where they stand, the addresses of `api/` say."""
        return {call.path: open_to_pages(self.view({"GET": call})) for call in self.calls}

    def wrapped(self, told: type) -> type:
        return get_args(told)[0]

    def shown(self, schema: dict) -> dict:
        """Amounts are numbers here."""
        if schema.get("type") == "string" and schema.get("format") == "decimal":
            return {"type": "number"}
        return {name: self.shown_part(part) for name, part in schema.items()}

    def shown_part(self, part):
        if isinstance(part, list):
            return [self.shown_part(each) for each in part]
        return self.shown(part) if isinstance(part, dict) else part

    def written(self, told: Served) -> str:
        return told.text

    def refused(self, error: DomainError, *, by_the_verb: bool = False) -> HttpResponse:
        body = Refusal(error.code, error.message, context_of(error))
        status = BadInput.http_status if isinstance(error, BadParameter) else error.http_status
        text = text_encoder.encode(body)
        return HttpResponse(text, status=status, content_type=JSON, headers=HEADERS)


face = Arena()


def open_to_pages(view):
    """Pages of other hosts may ask, and ask before whether they may."""

    def published(request, **places):
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=PREFLIGHT)
        if request.method == "HEAD":
            request.method = "GET"
        return view(request, **places)

    published.calls = view.calls
    return published


def listed(name: str, lines: Iterable[Line], **beside: int) -> str:
    rows = b",".join(line.text for line in lines).decode()
    around = "".join(f',"{key}":{value}' for key, value in beside.items())
    return f'{{"{name}":[{rows}]{around}}}'


def server_time() -> int:
    return int(timezone.now().timestamp() * 1000)


class AccountTotals(Struct):
    accountTotals: list[AccountTotal]  # noqa: N815 - published names, here and below
    lastHourlyMarkerRead: int  # noqa: N815
    serverTime: int  # noqa: N815


class SinceHour(Asked, rename={"hour": "lastHourlyMarker"}):
    # Rows of this hour and after it.
    hour: Hour = 0


@face.call("GET", "api/account-totals", scope=ANYBODY)
def account_totals(visitor: Visitor, asked: SinceHour) -> Served[AccountTotals]:
    """What every account was worth, hour by hour since it began."""
    lines = telling.told(Kind.ACCOUNTS).lines
    rows = [line for line in lines if line.row.since_inception_hourly_marker >= asked.hour]
    last = max((line.row.since_inception_hourly_marker for line in lines), default=0)
    told = listed("accountTotals", rows, lastHourlyMarkerRead=last, serverTime=server_time())
    return Served(told)


class AnalyticsList(Struct):
    analytics: list[ModelAnalytics]
    serverTime: int  # noqa: N815


@face.call("GET", "api/analytics", scope=ANYBODY)
def analytics_of_all(visitor: Visitor, asked: Asked) -> Served[AnalyticsList]:
    """Six tables of each model."""
    lines = telling.told(Kind.ANALYTICS).lines
    return Served(listed("analytics", lines, serverTime=server_time()))


class AnalyticsOne(Struct):
    analytics: ModelAnalytics
    serverTime: int  # noqa: N815


class OneModel(Asked):
    model_id: str


@face.call("GET", "api/analytics/<str:model_id>", scope=ANYBODY)
def analytics_of_one(visitor: Visitor, asked: OneModel) -> Served[AnalyticsOne]:
    """The tables of one model; of an unknown one they are empty."""
    found = analytics_line(asked.model_id)
    text = found.text.decode() if found else empty_analytics(asked.model_id)
    return Served(f'{{"analytics":{text},"serverTime":{server_time()}}}')


def analytics_line(model_id: str) -> Line | None:
    """What was told of it by itself, before what the list tells."""
    for kind in (Kind.MODEL_ANALYTICS, Kind.ANALYTICS):
        for line in telling.told(kind).lines:
            # Some pages write a dash for each dot.
            if model_id in (line.model_id, line.model_id.replace(".", "-")):
                return line
    return None


def empty_analytics(model_id: str) -> str:
    about = {
        "id": model_id,
        "model_id": model_id,
        "updated_at": 0,
        "last_trade_exit_time": 0,
        "last_trade_doc_id": "",
        "last_convo_doc_id": "",
        "last_convo_timestamp": 0,
    }
    return msgspec.json.encode(about | msgspec.to_builtins(analytics(()))).decode()


class Prices(Struct):
    prices: dict[str, Price]
    serverTime: int  # noqa: N815


@face.call("GET", "api/crypto-prices", scope=ANYBODY)
def crypto_prices(visitor: Visitor, asked: Asked) -> Served[Prices]:
    """The last price of each coin; `serverTime` is when the latest of them was so."""
    lines = telling.told(Kind.PRICES).lines
    inside = ",".join(
        f"{msgspec.json.encode(one.key).decode()}:{one.text.decode()}" for one in lines
    )
    latest = max((line.row.timestamp for line in lines), default=0)
    return Served(f'{{"prices":{{{inside}}},"serverTime":{latest}}}')


class Leaderboard(Struct):
    leaderboard: list[BoardRow]


@face.call("GET", "api/leaderboard", scope=ANYBODY)
def leaderboard(visitor: Visitor, asked: Asked) -> Served[Leaderboard]:
    """Equity, return, wins and losses of each model."""
    return Served(listed("leaderboard", telling.told(Kind.LEADERBOARD).lines))


class Inceptions(Struct):
    sinceInceptionValues: list[Inception]  # noqa: N815
    serverTime: int  # noqa: N815


@face.call("GET", "api/since-inception-values", scope=ANYBODY)
def since_inception_values(visitor: Visitor, asked: Asked) -> Served[Inceptions]:
    """When each model began, and with what."""
    lines = telling.told(Kind.INCEPTION).lines
    return Served(listed("sinceInceptionValues", lines, serverTime=server_time()))


class Trades(Struct):
    trades: list[PublishedTrade]
    serverTime: int  # noqa: N815


@face.call("GET", "api/trades", scope=ANYBODY)
def trades(visitor: Visitor, asked: Asked) -> Served[Trades]:
    """Completed trades; of each model the newest hundred."""
    return Served(listed("trades", telling.told(Kind.TRADES).lines, serverTime=server_time()))


class PositionsList(Struct):
    accountTotals: list[Positions]  # noqa: N815
    serverTime: int  # noqa: N815


class Some(Asked):
    # So many positions at most; a model that does not fit is left out.
    limit: Count = 1000


@face.call("GET", "api/positions", scope=ANYBODY)
def positions(visitor: Visitor, asked: Some) -> Served[PositionsList]:
    """What each model holds now, by symbol."""
    lines = first_positions(telling.told(Kind.POSITIONS).lines, asked.limit)
    return Served(listed("accountTotals", lines, serverTime=server_time()))


def first_positions(lines: Sequence[Line], most: int) -> list[Line]:
    shown, left = [], most
    for line in lines:
        count = len(line.row.positions)
        if count > left:
            break
        left -= count
        shown.append(line)
    return shown


class Conversations(Struct):
    conversations: list[Conversation]
    serverTime: int  # noqa: N815


@face.call("GET", "api/conversations", scope=ANYBODY)
def conversations(visitor: Visitor, asked: Asked) -> Served[Conversations]:
    """What each model was told, and what it answered."""
    lines = telling.told(Kind.CONVERSATIONS).lines
    return Served(listed("conversations", lines, serverTime=server_time()))
