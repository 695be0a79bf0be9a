"""Readings are kept by the second for a while, by the minute for longer, and then forgotten."""

from datetime import datetime, timedelta

from apps.market_making.models import Reading

SECONDS_KEPT, MINUTES_KEPT = timedelta(hours=2), timedelta(days=30)
CHUNK = 5000


def prune(*, now: datetime) -> int:
    """Forget old readings, a few at a time; how many went."""
    rows = Reading.objects.across_tenants().order_by("pk")
    gone = 0
    for old in (
        rows.filter(is_kept=False, read_at__lt=now - SECONDS_KEPT),
        rows.filter(is_kept=True, read_at__lt=now - MINUTES_KEPT),
    ):
        while keys := list(old.values_list("pk", flat=True)[:CHUNK]):
            Reading.objects.across_tenants().filter(pk__in=keys).delete()
            gone += len(keys)
    return gone
