"""Reports that nobody keeps are dropped when they are old; everything else stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.backtests import services
from apps.backtests.models import Report, Run
from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from tests.factories import RunFactory, StrategyFactory, TenantStrategyFactory, TrialFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def run_over(days, **changes):
    run = RunFactory(status="done", finished_at=NOW - timedelta(days=days), **changes)
    Report.objects.create(run=run, account=b"report")
    return run


def test_old_reports_go_and_their_runs_stay(settings):
    settings.BACKTEST_REPORT_DAYS = 30
    old, new = run_over(31), run_over(29)
    trial = TrialFactory(run=old)
    assert services.drop_reports(now=NOW) == 1
    assert services.drop_reports(now=NOW) == 0
    assert [report.run for report in Report.objects.all()] == [new]
    assert trial in old.trials.all()


def test_what_is_kept_or_used_stays_until_it_is_released(settings):
    settings.BACKTEST_REPORT_DAYS = 30
    offer = TenantStrategyFactory(strategy=StrategyFactory(rule="ma_cross"))
    kept, used = run_over(400), run_over(400, tenant=offer.tenant, params={"fast_ma": 7})
    services.keep_run(run=kept)
    services.use_parameters(run=used, tenant_strategy=offer)
    assert services.drop_reports(now=NOW) == 0
    with pytest.raises(Conflict):
        services.keep_run(run=kept)
    services.release_run(run=kept)
    assert services.drop_reports(now=NOW) == 1
    assert Report.objects.get().run_id == used.pk
    assert AuditEntry.objects.filter(action="run.kept").count() == 2


def test_for_ever_is_for_ever(settings):
    settings.BACKTEST_REPORT_DAYS = 0
    run_over(4000)
    assert services.drop_reports(now=NOW) == 0
    assert Run.objects.across_tenants().get().report
