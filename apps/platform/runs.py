"""Backtests and searches: started, read as files, compared, and used; what else is done to them
are steps."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from msgspec import Struct, field

from apps.backtests.files import file_of
from apps.backtests.models import Trial
from apps.backtests.selectors import compared
from apps.backtests.services import start_run, use_parameters
from apps.core.errors import BadInput
from apps.core.face import as_json, found
from apps.platform import lists
from apps.platform.face import Asked, Id, Visitor, face
from apps.platform.listing import check_moment
from apps.platform.people import tenant_of
from apps.strategies.models import TenantStrategy

MOST_COMPARED = 20


class Start(Asked, kw_only=True):
    # Without one it is the platform's own; a tenant's staff start their tenant's.
    for_tenant: Id | None = None
    kind: Literal["backtest", "optimisation", "walk_forward"] = "backtest"
    rule: str
    # Of a search: what is not sought.
    params: dict[str, Any] = field(default_factory=dict)
    # {"fast_ma": {"least": 5, "most": 50, "step": 5}}, or {"choices": [5, 10]}.
    space: dict[str, dict[str, Any]] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)
    venue: str
    symbols: list[str]
    timeframe: str
    from_at: datetime
    until_at: datetime


@face.call("POST", "api/backtests", scope="backtests.add_run", status=201)
def start_a_run(visitor: Visitor, asked: Start) -> lists.runs.line:
    """Put a backtest, an optimisation or a walk-forward in the queue."""
    check_moment(asked.from_at, field="from_at")
    check_moment(asked.until_at, field="until_at")
    run = start_run(
        tenant=visitor.tenant if asked.for_tenant is None else tenant_of(visitor, asked.for_tenant),
        asked_by=visitor.actor,
        now=timezone.now(),
        kind=asked.kind,
        rule=asked.rule,
        params=as_json(asked.params),
        space=as_json(asked.space),
        search=as_json(asked.search),
        terms=as_json(asked.terms),
        venue=asked.venue,
        symbols=asked.symbols,
        timeframe=asked.timeframe,
        from_at=asked.from_at,
        until_at=asked.until_at,
    )
    return lists.runs.line_of(run)


class ReadReport(Asked):
    id: UUID
    format: Literal["html", "search", "json", "csv", "parquet"] = "json"


@face.call("GET", "api/backtests/<uuid:id>/report", scope="backtests.view_run")
def read_report(visitor: Visitor, asked: ReadReport) -> dict[str, Any]:
    """What a run came to: everything as JSON, the page of its account or its search, or its
    trades as CSV or Parquet."""
    file = file_of(lists.runs.one(visitor, asked.id), asked.format)
    if asked.format == "json":
        return msgspec.json.decode(file.content)
    response = HttpResponse(file.content, content_type=file.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


class Compare(Asked):
    # Several are separated by commas.
    ids: str


class Figure(Struct):
    name: str
    # One for each run, in the order asked; null where it cannot be told.
    values: list[Any]


class Compared(Struct):
    runs: list[lists.runs.line]
    figures: list[Figure]


@face.call("GET", "api/backtests/compare", scope="backtests.view_run")
def compare_runs(visitor: Visitor, asked: Compare) -> Compared:
    """Several runs side by side."""
    found_runs = [lists.runs.one(visitor, key) for key in keys_of(asked.ids)]
    figures = [Figure(name, values) for name, values in compared(found_runs)]
    return Compared([lists.runs.line_of(run) for run in found_runs], figures)


def keys_of(text: str) -> list[UUID]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not 1 <= len(words) <= MOST_COMPARED:
        raise BadInput(f"ids: 1 to {MOST_COMPARED} of them", field="ids")
    try:
        return [UUID(word) for word in words]
    except ValueError as error:
        raise BadInput("ids: not the id of a run", field="ids") from error


class Use(Asked):
    id: UUID
    tenant_strategy_id: Id
    # One of its trials; without it, the best.
    trial_id: Id | None = None


@face.call("POST", "api/backtests/<uuid:id>/use", scope="strategies.change_tenantstrategy")
def use_run(visitor: Visitor, asked: Use) -> lists.tenant_strategies.line:
    """Trade a tenant strategy with what a run found, from the next bar on."""
    run = lists.runs.one(visitor, asked.id)
    offer: TenantStrategy = lists.tenant_strategies.one(visitor, asked.tenant_strategy_id)
    trial = None
    if asked.trial_id is not None:
        trial = found(
            Trial.objects.across_tenants().filter(run=run), what="trial", pk=asked.trial_id
        )
    return lists.tenant_strategies.line_of(
        use_parameters(run=run, tenant_strategy=offer, trial=trial)
    )
