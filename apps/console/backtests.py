"""Pages of runs: asked for, watched, read, compared, and used."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from apps.backtests.files import PAGE, file_of
from apps.backtests.models import Run, Trial
from apps.backtests.selectors import account_of, best_params, best_trials, compared, search_of
from apps.backtests.services import retry_run, start_run, stop_run, use_parameters
from apps.console.pages import show
from apps.console.run_forms import ChooseForm, RunForm
from apps.console.selectors import rows
from apps.core.admin import tenant_in_view
from apps.core.errors import DomainError
from apps.strategies.models import TenantStrategy
from engine.report import POLICY
from engine.strategies import LIBRARY

BEST = 20
MOST_COMPARED = 8
# A report's own script may draw it, and may not act as who reads it.
REPORT_POLICY = f"{POLICY}; frame-ancestors 'self'; sandbox allow-scripts"
TITLES = {
    "returned": gettext_lazy("Return"),
    "annualised": gettext_lazy("Return a year"),
    "volatility": gettext_lazy("Volatility"),
    "sharpe": gettext_lazy("Sharpe ratio"),
    "sortino": gettext_lazy("Sortino ratio"),
    "calmar": gettext_lazy("Calmar ratio"),
    "drawdown": gettext_lazy("Deepest drawdown"),
    "drawdown_bars": gettext_lazy("Longest drawdown (bars)"),
    "trades": gettext_lazy("Trades"),
    "win_rate": gettext_lazy("Win rate"),
    "profit_factor": gettext_lazy("Profit factor"),
    "expectancy": gettext_lazy("Expectancy"),
    "expectancy_share": gettext_lazy("Expectancy (share)"),
    "average_win": gettext_lazy("Average win"),
    "average_loss": gettext_lazy("Average loss"),
    "exposure": gettext_lazy("Exposure"),
    "profit": gettext_lazy("Profit"),
    "fees": gettext_lazy("Fees"),
    "funding": gettext_lazy("Funding"),
    "liquidations": gettext_lazy("Liquidations"),
}
SHARES = {
    *("returned", "annualised", "volatility", "drawdown", "win_rate", "expectancy_share"),
    "exposure",
}


def need(request, right: str) -> None:
    if not request.user.has_perm(right):
        raise PermissionDenied


def run_of(request, run_id, right: str = "backtests.view_run") -> Run:
    """A run that this user sees; another tenant's is not there."""
    need(request, right)
    return get_object_or_404(rows(Run, tenant_in_view(request)), pk=run_id)


def start_page(request):
    need(request, "backtests.add_run")
    tenant = tenant_in_view(request)
    asked = request.POST or request.GET
    rule, kind = asked.get("rule", "ema_cross"), asked.get("kind", Run.Kind.BACKTEST)
    if rule not in LIBRARY or kind not in Run.Kind.values:
        raise Http404("no such rule, or kind of run")
    about = {"rule": rule, "kind": kind, "tenant": tenant, "preset": asked.get("preset", "")}
    form = RunForm(**about, data=request.POST or None)
    problem = ""
    if request.POST and form.is_valid():
        try:
            run = start_run(
                asked_by=request.user.get_username(), now=timezone.now(), **form.asked()
            )
        except DomainError as error:
            problem = error.message
        else:
            return redirect("console:run", run.pk)
    return show(
        request,
        "console/start_run.html",
        _("New run"),
        choose=ChooseForm(initial={"rule": rule, "kind": kind}),
        form=form,
        rule=rule,
        kind=kind,
        problem=problem,
    )


def run_page(request, run_id):
    run = run_of(request, run_id)
    trials = best_trials(run, count=BEST)
    return show(
        request,
        "console/run.html",
        f"{_('Run')}: {run}",
        run=run,
        best=best_params(run) if run.figures else None,
        trials=[(trial, plain_params(trial.values)) for trial in trials],
        has_account=bool(account_of(run)),
        has_search=bool(search_of(run)),
        downloads=("json", "csv", "parquet"),
        may_act=request.user.has_perm("backtests.change_run"),
        may_use=request.user.has_perm("strategies.change_tenantstrategy"),
    )


def state_page(request, run_id):
    """What the page of a run asks while it is watched."""
    run = run_of(request, run_id)
    return JsonResponse(
        {
            "status": run.status,
            "shown": run.get_status_display(),
            "done": run.done,
            "total": run.total,
            "percent": run.percent,
            "is_over": run.is_over,
        }
    )


@xframe_options_sameorigin
def report_page(request, run_id):
    run = run_of(request, run_id)
    try:
        file = file_of(run, request.GET.get("format", "html"), language=get_language())
    except DomainError as error:
        raise Http404(error.message) from None
    response = HttpResponse(file.content, content_type=file.content_type)
    response.headers["Content-Security-Policy"] = REPORT_POLICY
    if file.content_type != PAGE:
        response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@require_POST
def act_page(request, run_id, verb):
    run = run_of(request, run_id, "backtests.change_run")
    if verb not in ACTS:
        raise Http404(verb)
    try:
        ACTS[verb](run=run, now=timezone.now())
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("console:run", run.pk)


ACTS = {"stop": stop_run, "retry": retry_run}


def use_page(request, run_id):
    """What would change is shown, and then confirmed."""
    need(request, "strategies.change_tenantstrategy")
    run = run_of(request, run_id)
    asked = request.POST or request.GET
    trial = None
    if asked.get("trial"):
        trial = one_of(Trial.objects.across_tenants().filter(run=run), asked["trial"])
    offers = rows(TenantStrategy, run.tenant or tenant_in_view(request))
    offers = offers.filter(strategy__rule=run.rule).select_related("strategy", "tenant")
    chosen = None
    if asked.get("tenant_strategy"):
        chosen = one_of(offers, asked["tenant_strategy"])
    if chosen and request.method == "POST":
        try:
            use_parameters(run=run, tenant_strategy=chosen, trial=trial)
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(
                request, _("%(strategy)s trades with them now.") % {"strategy": chosen}
            )
            return redirect("console:run", run.pk)
    params = {**run.params, **trial.values} if trial else best_params(run)
    return show(
        request,
        "console/use_run.html",
        _("Use these parameters"),
        run=run,
        trial=trial,
        offers=offers.order_by("pk"),
        chosen=chosen,
        changes=changes(chosen.strategy.params, params or {}) if chosen else [],
    )


def one_of(found, key: str):
    """The row with this key, if it is one."""
    return get_object_or_404(found, pk=key if key.isascii() and key.isdigit() else None)


def changes(before: dict, after: dict) -> list[tuple[str, object, object]]:
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name, "–"), after.get(name, "–")) for name in names]


def compare_page(request):
    need(request, "backtests.view_run")
    keys = [key for key in request.GET.getlist("run")[:MOST_COMPARED] if is_key(key)]
    found = list(rows(Run, tenant_in_view(request)).filter(pk__in=keys).order_by("pk"))
    lines = [
        (title_of(name), [shown(name, value) for value in values])
        for name, values in compared(found)
    ]
    return show(
        request,
        "console/compare_runs.html",
        _("Runs side by side"),
        runs=[(run, plain_params(best_params(run) or run.params)) for run in found],
        lines=lines,
    )


def is_key(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# --- how it is shown


def title_of(name: str) -> object:
    return TITLES.get(name, name)


def shown(name: str, value: object) -> str:
    if value is None:
        return "–"
    if name in SHARES:
        return f"{100 * value:,.2f} %"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def plain_params(params: dict) -> str:
    return ", ".join(f"{name} = {value}" for name, value in params.items()) or "–"
