"""Calls of tenants' servers are counted by day and by month, in memory; the database keeps a copy.

What is refused is not counted. Where memory was lost, counting goes on from the copy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from apps.core.memory import Admission, Counter, Verdict, memory
from apps.quotas.models import Usage
from apps.tenants.models import Tenant

# Longer than what they count, so that the last minute of it can still be copied.
DAY_SECONDS, MONTH_SECONDS = 2 * 86_400, 33 * 86_400


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a tenant may call: zero is without end."""

    daily: int = 0
    monthly: int = 0


def admit(
    *,
    tenant_id: int,
    allowance: Allowance,
    nonce: str | None,
    nonce_seconds: int,
    version: tuple[str, int],
    now: datetime,
) -> Admission:
    """Count one more call of the day and of the month, unless it is one too many or a replay."""
    counters = counters_of(tenant_id, allowance, day_of(now))
    while True:
        admission = memory().admit(
            version=version, nonce=nonce, nonce_seconds=nonce_seconds, counters=counters
        )
        if admission.verdict is not Verdict.BLANK:
            return admission
        begin(tenant_id, counters, day_of(now))


def day_of(now: datetime) -> date:
    """The day that the platform's merchants live in."""
    return now.astimezone(ZoneInfo(settings.MERCHANT_TIME_ZONE)).date()


def counters_of(tenant_id: int, allowance: Allowance, day: date) -> Sequence[Counter]:
    return (
        Counter(f"calls:{tenant_id}:{day}", allowance.daily, DAY_SECONDS),
        Counter(f"calls:{tenant_id}:{str(day)[:7]}", allowance.monthly, MONTH_SECONDS),
    )


def begin(tenant_id: int, counters: Sequence[Counter], day: date) -> None:
    """Remember what the database knows of the day and of the month."""
    rows = Usage.objects.of(tenant_id)
    daily, monthly = counters
    of_day = rows.filter(on=day).values_list("calls", flat=True).first() or 0
    of_month = rows.filter(on__gte=day.replace(day=1), on__lte=day).aggregate(sum=Sum("calls"))
    memory().remember(daily.name, of_day, seconds=daily.seconds)
    memory().remember(monthly.name, of_month["sum"] or 0, seconds=monthly.seconds)


def seconds_until_it_ends(*, counter: Counter, now: datetime) -> int:
    """How long until calls are counted anew: the day's at midnight, the month's on the first."""
    local = now.astimezone(ZoneInfo(settings.MERCHANT_TIME_ZONE))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    # Some day has 25 hours, and no month has 32 days.
    ends = (midnight + timedelta(hours=26)).replace(hour=0)
    if counter.seconds == MONTH_SECONDS:
        ends = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    # In UTC: between two clocks of one zone Python leaves out the hour that summer time takes.
    return max(1, math.ceil((ends.astimezone(UTC) - now).total_seconds()))


def keep_usage(*, now: datetime) -> int:
    """Copy what was counted today and yesterday; how many rows changed."""
    changed = 0
    for day in (day_of(now) - timedelta(days=1), day_of(now)):
        names = {
            tenant_id: counters_of(tenant_id, Allowance(), day)[0].name
            for tenant_id in Tenant.objects.values_list("pk", flat=True)
        }
        counted = memory().read(list(names.values()))
        known = dict(Usage.objects.across_tenants().filter(on=day).values_list("tenant", "calls"))
        for tenant_id, name in names.items():
            if counted.get(name, 0) > known.get(tenant_id, 0):
                keep(tenant_id, day, counted[name])
                changed += 1
    return changed


@transaction.atomic
def keep(tenant_id: int, day: date, calls: int) -> None:
    rows = Usage.objects.of(tenant_id)
    row, is_new = rows.select_for_update().get_or_create(on=day, defaults={"calls": calls})
    # Another worker may have copied a later number meanwhile.
    if not is_new and row.calls < calls:
        rows.filter(pk=row.pk).update(calls=calls)
