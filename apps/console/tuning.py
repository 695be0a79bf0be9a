"""A tenant strategy's parameters: a form made of what they say of themselves, and what follows.

What one trade would come to is shown beside it; what it would have done is asked of a backtest.
"""

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.backtests.models import Run
from apps.backtests.services import start_run
from apps.console.pages import show
from apps.console.run_forms import ParametersForm
from apps.console.selectors import rows
from apps.console.sizes import sizes_table
from apps.core.admin import tenant_in_view
from apps.core.errors import DomainError
from apps.strategies.models import RISK_MODES, Strategy, TenantStrategy
from apps.strategies.services import change_params, master_of
from engine.errors import EngineError
from engine.strategies import LIBRARY, describe

LOOKED_BACK = timedelta(days=7)


def tune_page(request, tenant_strategy_id):
    """Change, copy from the platform's strategy, or try: each is a button of one form."""
    if not request.user.has_perm("strategies.change_tenantstrategy"):
        raise PermissionDenied
    found = rows(TenantStrategy, tenant_in_view(request)).select_related("strategy", "tenant")
    row = get_object_or_404(found, pk=tenant_strategy_id)
    strategy, master = row.strategy, master_of(row)
    told = describe(LIBRARY[strategy.rule])
    source = master if request.GET.get("from") == "master" else strategy
    form = ParametersForm(told, request.POST or None, initial=source.params)
    if request.POST and form.is_valid():
        try:
            if "try" in request.POST:
                return redirect("console:run", tried(request, row, form.values()).pk)
            change_params(tenant_strategy=row, params=form.values())
        except (DomainError, EngineError) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("It trades with these parameters from the next bar on."))
            return redirect(request.path)
    terms = asked_terms(request, row)
    return show(
        request,
        "console/tune.html",
        f"{_('Tune')}: {row}",
        row=row,
        strategy=strategy,
        master=master if master != strategy else None,
        form=form,
        sizes=sizes_table(strategy, strategy.venue, terms),
        terms=terms,
        risk_modes=RISK_MODES,
        may_try=request.user.has_perm("backtests.add_run"),
    )


def tried(request, row: TenantStrategy, params: dict[str, object]) -> Run:
    """A backtest of these parameters on the last days of what the strategy watches."""
    if not request.user.has_perm("backtests.add_run"):
        raise PermissionDenied
    strategy: Strategy = row.strategy
    now = timezone.now()
    until = now.replace(minute=0, second=0, microsecond=0)
    return start_run(
        tenant=row.tenant,
        asked_by=request.user.get_username(),
        now=now,
        kind=Run.Kind.BACKTEST,
        rule=strategy.rule,
        params=params,
        venue=strategy.venue,
        symbols=strategy.symbols,
        timeframe=strategy.timeframe,
        from_at=until - LOOKED_BACK,
        until_at=until,
        terms={
            "cash": int(row.capital),
            "leverage": row.leverage,
            "min_confidence": strategy.min_confidence,
        },
    )


def asked_terms(request, row: TenantStrategy) -> dict[str, int]:
    """The figures that the preview is of: the tenant's own, or those that were asked for."""
    own = {"capital": int(row.capital), "leverage": row.leverage, "risk_mode": row.risk_mode}
    most = {"capital": 10**9, "leverage": 125, "risk_mode": len(RISK_MODES)}
    return {
        name: min(int(asked), most[name])
        if (asked := request.GET.get(name, "")).isdecimal() and int(asked[:12]) > 0
        else value
        for name, value in own.items()
    }
