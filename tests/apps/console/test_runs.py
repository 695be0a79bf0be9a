"""A person starts a run, watches it, reads it, compares it, and trades with what it found."""

import re
import threading

import pytest
from django.db import connection
from django.urls import reverse

from apps.backtests.models import Run
from apps.backtests.services import work
from tests.apps.console.browsing import log_in
from tests.factories import (
    RunFactory,
    StrategyFactory,
    TenantFactory,
    TenantStrategyFactory,
    TrialFactory,
    UserFactory,
)


class Worker(threading.Thread):
    """Does what is queued, as the worker of `centre.backtests` would."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.3):
            for run in Run.objects.across_tenants().filter(status="queued"):
                work(run_id=run.pk)
        connection.close()


@pytest.fixture
def worker():
    worker = Worker()
    worker.start()
    yield worker
    worker.over.set()
    worker.join(timeout=30)


@pytest.fixture
def staff(page, live_server):
    staff = UserFactory(tenant=TenantFactory(), is_superuser=True)
    log_in(page, live_server, staff)
    return staff


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_from_the_form_to_a_tenant_strategy(page, live_server, staff, worker):
    master = StrategyFactory(rule="ma_cross", params={"fast_ma": 5})
    offer = TenantStrategyFactory(tenant=staff.tenant, strategy=master, display_name="Our cross")
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    start = live_server.url + reverse("console:start-run") + "?rule=ma_cross"

    # What is wrong is told on the form, and nothing is started.
    page.goto(start)
    page.fill("[name=params-fast_ma]", "30")
    page.get_by_role("button", name="Start").click()
    assert "fast_ma must be below slow_ma" in page.locator("[role=alert]").inner_text()
    assert not Run.objects.across_tenants().exists()

    page.fill("[name=params-fast_ma]", "7")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile("/runs/[0-9a-f-]{36}/"))
    # The page looks for itself, and shows the report once it is there.
    page.locator("iframe.run-report").wait_for(timeout=60_000)
    assert page.locator("#run-status").inner_text() == "Done"
    report = page.frame_locator("iframe.run-report")
    assert "ma_cross" in report.locator("h1").inner_text()
    first = page.url

    page.goto(start + "&kind=optimisation")
    page.locator("[name=space-seek-fast_ma]").check()
    page.fill("[name=space-least-fast_ma]", "3")
    page.fill("[name=space-most-fast_ma]", "6")
    page.select_option("[name=search-method]", "grid")
    page.select_option("[name=search-objective]", "return")
    page.fill("[name=search-least_trades]", "0")
    page.get_by_role("button", name="Start").click()
    page.locator("iframe[title='The search']").wait_for(timeout=60_000)
    assert page.locator(".run-trials tbody tr").count() == 4
    second = page.url

    keys = [url.rstrip("/").split("/")[-1] for url in (first, second)]
    page.goto(live_server.url + reverse("admin:backtests_run_changelist"))
    for key in keys:
        page.locator(f"input[name=_selected_action][value='{key}']").check()
    page.select_option("select[name=action]", "compare")
    page.locator(
        "form#changelist-form button[name=index], form#changelist-form [name=index]"
    ).first.click()
    page.wait_for_url(re.compile("/runs/compare/"))
    row = page.locator(".run-compared tr", has_text="Sharpe ratio")
    assert row.locator("td").count() == 3

    page.goto(second)
    page.get_by_role("link", name="Use these parameters").click()
    page.get_by_role("link", name="Our cross").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(second)
    offer.refresh_from_db()
    best = Run.objects.across_tenants().get(pk=keys[1]).findings["best"]
    assert offer.strategy.params["fast_ma"] == best["fast_ma"]
    assert offer.strategy.made_for == staff.tenant
    master.refresh_from_db()
    assert master.params == {"fast_ma": 5}
    assert errors == []


PAGES = {
    "run": [],
    "run-state": [],
    "run-report": [],
    "use-run": [],
    "act-on-run": ["stop"],
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_another_tenants_run_is_not_there(client, name):
    for row in (RunFactory(), RunFactory(tenant=None)):
        client.force_login(UserFactory(tenant=TenantFactory(), is_superuser=True))
        client.get("/admin/logins/")
        address = reverse(f"console:{name}", args=[row.pk, *PAGES[name]])
        method = client.post if PAGES[name] else client.get
        assert method(address).status_code == 404
        row.refresh_from_db()
        assert row.status == "queued"
    shown = client.get(reverse("console:compare-runs"), {"run": row.pk})
    assert str(row.pk) not in shown.content.decode()


@pytest.mark.django_db
def test_who_may_only_look_starts_stops_and_uses_nothing(client):
    run = RunFactory(figures={"returned": 0.1})
    client.force_login(UserFactory(tenant=None, role="support"))
    client.get("/admin/logins/")
    assert client.get(reverse("console:run", args=[run.pk])).status_code == 200
    for address in (
        reverse("console:start-run"),
        reverse("console:act-on-run", args=[run.pk, "stop"]),
        reverse("console:use-run", args=[run.pk]),
    ):
        assert client.post(address).status_code == 403
    run.refresh_from_db()
    assert run.status == "queued"


@pytest.mark.django_db
def test_what_the_addresses_cannot_mean_is_not_there(client):
    run = RunFactory(tenant=None, figures={"returned": 0.1})
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    client.get("/admin/logins/")
    for address in (
        reverse("console:start-run") + "?rule=dream",
        reverse("console:start-run") + "?rule=ma_cross&kind=dream",
        reverse("console:run-report", args=[run.pk]) + "?format=pdf",
        reverse("console:run-report", args=[run.pk]),
        reverse("console:use-run", args=[run.pk]) + "?trial=x",
        reverse("console:use-run", args=[run.pk]) + "?trial=987654",
        reverse("console:use-run", args=[run.pk]) + f"?trial={TrialFactory().pk}",
        reverse("console:use-run", args=[run.pk]) + "?tenant_strategy=-1",
    ):
        assert client.get(address).status_code == 404, address
    assert client.post(reverse("console:act-on-run", args=[run.pk, "eat"])).status_code == 404
    assert client.get(reverse("console:compare-runs") + "?run=x&run=1").status_code == 200
    # Presets, and every strategy's own form.
    for rule in ("market_regime", "portfolio", "smc_fibo_flex"):
        for kind in Run.Kind.values:
            shown = client.get(reverse("console:start-run"), {"rule": rule, "kind": kind})
            assert shown.status_code == 200


@pytest.mark.django_db
def test_any_trial_can_be_used(client):
    offer = TenantStrategyFactory(strategy=StrategyFactory(rule="ma_cross"))
    run = RunFactory(tenant=offer.tenant, kind="optimisation", status="done")
    trial = TrialFactory(run=run, values={"fast_ma": 9})
    client.force_login(UserFactory(tenant=offer.tenant, is_superuser=True))
    client.get("/admin/logins/")
    link = reverse("console:use-run", args=[run.pk]) + f"?trial={trial.pk}"
    assert f'href="{link}"' in client.get(reverse("console:run", args=[run.pk])).content.decode()
    asked = {"tenant_strategy": offer.pk, "trial": trial.pk}
    assert client.get(link).status_code == 200
    assert client.post(link.partition("?")[0], asked).status_code == 302
    offer.refresh_from_db()
    assert offer.strategy.params == {"fast_ma": 9}
