"""Reports grow old: what a run came to in full is dropped after a while, unless it is kept.

Its figures, findings and trials stay; who runs it again on the same candles gets the same report.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.backtests.models import Report, Run
from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import Conflict

# So many in a statement, that nobody waits for a lock of ours.
TAKE = 200


@retried
@transaction.atomic
def keep_run(*, run: Run, is_kept: bool = True) -> None:
    """Never drop its report, or drop it again when it is old."""
    told = Run.objects.across_tenants().filter(pk=run.pk, is_kept=not is_kept)
    if told.update(is_kept=is_kept) != 1:
        raise Conflict("it is kept already" if is_kept else "it is not kept", kept=is_kept)
    run.refresh_from_db()
    audit.record("run.kept", run, before={"kept": not is_kept}, after={"kept": is_kept})


def release_run(*, run: Run) -> None:
    keep_run(run=run, is_kept=False)


def drop_reports(*, now: datetime) -> int:
    """Drop the reports of runs that were over long ago; how many they were."""
    if not settings.BACKTEST_REPORT_DAYS:
        return 0
    old = now - timedelta(days=settings.BACKTEST_REPORT_DAYS)
    rows = Report.objects.filter(run__is_kept=False, run__finished_at__lt=old)
    dropped = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:TAKE]):
        # Asked again: it may have been kept meanwhile.
        gone, _ = rows.filter(pk__in=keys).delete()
        dropped += gone
        if not gone:
            break
    return dropped
