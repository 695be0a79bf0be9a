"""Whether this installation can work, and its figures for who has the token."""

import hmac

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from apps.monitoring.checks.machine import broker
from apps.monitoring.metrics import exposition


@require_safe
def ready(request):
    """Whether requests can be served: 503 with what is missing, in one word each."""
    missing = {name: why for name, check in READY.items() if (why := check())}
    told = {"status": "unready" if missing else "ready", "missing": missing}
    return JsonResponse(told, status=503 if missing else 200)


def without_database() -> str:
    try:
        executor = MigrationExecutor(connection)
        is_behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "away"
    return "behind: migrate" if is_behind else ""


def without_broker() -> str:
    (found,) = broker(timezone.now())
    return "away" if found.value == float("inf") else ""


READY = {"database": without_database, "broker": without_broker}


@require_safe
def metrics(request):
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    is_known = hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    if not settings.METRICS_TOKEN or scheme.lower() != "bearer" or not is_known:
        answer = HttpResponse("METRICS_TOKEN is wanted as a bearer token\n", status=401)
        answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("ready", ready), path("metrics", metrics)]
