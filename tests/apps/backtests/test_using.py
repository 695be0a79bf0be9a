"""What a run found is traded with: by one tenant, and by no other."""

import pytest

from apps.backtests import services
from apps.core.errors import BadInput, Conflict, NotAllowed
from apps.core.models import AuditEntry
from apps.strategies.models import Strategy
from apps.strategies.services import offer_strategy
from tests.factories import (
    RunFactory,
    StrategyFactory,
    TenantFactory,
    TenantStrategyFactory,
    TrialFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def master():
    return StrategyFactory(code="cross", rule="ma_cross", params={"fast_ma": 5})


@pytest.fixture
def acmes(master):
    return TenantStrategyFactory(strategy=master, tenant=TenantFactory())


def test_a_tenant_gets_a_version_of_its_own(master, acmes):
    globexs = TenantStrategyFactory(strategy=master, tenant=TenantFactory())
    run = RunFactory(tenant=acmes.tenant, params={"fast_ma": 7})
    services.use_parameters(run=run, tenant_strategy=acmes)
    for row in (acmes, globexs, master):
        row.refresh_from_db()
    own = acmes.strategy
    assert (own.params, own.rule, own.made_for) == ({"fast_ma": 7}, "ma_cross", acmes.tenant)
    assert (globexs.strategy, master.params) == (master, {"fast_ma": 5})
    actions = list(AuditEntry.objects.values_list("action", flat=True))
    assert {"tenant_strategy.tuned", "run.used"} <= set(actions)
    # Tuned again, it is the same version; used twice, nothing happens twice.
    best = TrialFactory(run=run, values={"fast_ma": 9})
    for _ in range(2):
        services.use_parameters(run=run, tenant_strategy=acmes, trial=best)
    own.refresh_from_db()
    assert own.params == {"fast_ma": 9}
    assert Strategy.objects.count() == 2
    with pytest.raises(NotAllowed):
        offer_strategy(tenant=globexs.tenant, strategy=own)


def test_a_platforms_run_is_used_for_any_tenant(acmes):
    run = RunFactory(tenant=None, kind="optimisation", findings={"best": {"fast_ma": 8}})
    services.use_parameters(run=run, tenant_strategy=acmes)
    acmes.refresh_from_db()
    assert acmes.strategy.params == {"fast_ma": 8}


def test_what_does_not_fit_is_refused(master, acmes):
    of_globex = RunFactory(tenant=TenantFactory(), params={"fast_ma": 7})
    of_another_rule = RunFactory(tenant=acmes.tenant, rule="ema_cross")
    unsuccessful = RunFactory(tenant=acmes.tenant, kind="optimisation")
    unsound = RunFactory(tenant=acmes.tenant, params={"fast_ma": 7000})
    for run, refusal in (
        (of_globex, NotAllowed),
        (of_another_rule, Conflict),
        (unsuccessful, Conflict),
        (unsound, BadInput),
    ):
        with pytest.raises(refusal):
            services.use_parameters(run=run, tenant_strategy=acmes)
    with pytest.raises(BadInput):
        services.use_parameters(
            run=RunFactory(tenant=acmes.tenant), tenant_strategy=acmes, trial=TrialFactory()
        )
    acmes.refresh_from_db()
    assert acmes.strategy == master
    assert Strategy.objects.count() == 1
