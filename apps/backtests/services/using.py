"""What a run found is put to use."""

from collections.abc import Mapping

from django.db import transaction

from apps.backtests.models import Run, Trial
from apps.backtests.selectors import best_params
from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, NotAllowed
from apps.strategies.models import TenantStrategy
from apps.strategies.services import change_params


@retried
@transaction.atomic
def use_parameters(
    *, run: Run, tenant_strategy: TenantStrategy, trial: Trial | None = None
) -> TenantStrategy:
    """Trade a tenant strategy with a run's best parameters, or with those of one of its trials."""
    if run.tenant_id not in (None, tenant_strategy.tenant_id):
        raise NotAllowed("the run and the strategy are not of one tenant")
    if tenant_strategy.strategy.rule != run.rule:
        raise Conflict(
            f"the run is of the rule {run.rule}, the strategy of {tenant_strategy.strategy.rule}"
        )
    changed = change_params(tenant_strategy=tenant_strategy, params=params_of(run, trial))
    used = {"tenant_strategy": changed.pk, "trial": trial and trial.pk}
    Run.objects.across_tenants().filter(pk=run.pk).update(is_kept=True)
    audit.record("run.used", run, after=used, tenant=changed.tenant)
    return changed


def params_of(run: Run, trial: Trial | None) -> Mapping[str, object]:
    if trial is not None and trial.run_id != run.pk:
        raise BadInput("the trial is another run's", field="trial")
    found = best_params(run) if trial is None else {**run.params, **trial.values}
    if found is None:
        raise Conflict("the run has found no parameters", status=run.status)
    return found
