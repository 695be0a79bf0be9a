"""A person walks from the dashboard to a trace, in English and in Chinese, by light and by dark."""

import re
from urllib.parse import urlparse

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from apps.positions.models import Close
from apps.rewards.models import Reward
from apps.rewards.services import settle_closes
from apps.strategies.models import TenantStrategy
from apps.tallies.services import catch_up
from apps.venues.models import VenueAccount
from engine.signal import Action
from tests.apps.console.browsing import log_in
from tests.apps.orders.desk import Desk, fill, report
from tests.factories import MakerFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def settled():
    desk = Desk()
    desk.hear(*[report(order) for order in desk.plan_and_send()])
    last = desk.plan_and_send(desk.new_signal(action=Action.CLOSE))[-1]
    desk.hear(report(last, fills=[fill(last, price="51000")]))
    settle_closes(close_ids=[str(close.pk) for close in Close.objects.across_tenants()])
    return desk


@pytest.fixture
def asked_of(page):
    """Every host that the page asks for anything, and every error on its console."""
    told = {"hosts": set(), "errors": []}
    page.on("request", lambda request: told["hosts"].add(urlparse(request.url).hostname))
    page.on(
        "console",
        lambda line: told["errors"].append(line.text) if line.type == "error" else None,
    )
    page.on("pageerror", lambda error: told["errors"].append(str(error)))
    return told


@pytest.fixture
def staff(page, live_server, settled):
    staff = UserFactory(tenant=None, is_superuser=True)
    log_in(page, live_server, staff)
    return staff


def test_from_the_dashboard_to_the_trace_of_a_signal(page, staff, asked_of):
    assert page.locator("canvas.chart").count() == 2
    page.locator(".tiles a", has_text="Signals").first.click()
    page.wait_for_url(re.compile("/signals/signal/"))
    rows = page.locator("#result_list tbody tr")
    assert rows.count() == 2
    page.goto(page.url.split("?")[0] + "?action__exact=close")
    assert rows.count() == 1
    rows.get_by_role("link", name="Trace").click()
    page.wait_for_url(re.compile("/trace/"))
    kinds = page.locator(".chain-kind").all_inner_texts()
    assert kinds[:4] == ["Signal", "Ticket", "Order", "Fill"]
    assert kinds.count("Reward") == Reward.objects.across_tenants().count()
    assert asked_of["errors"] == []
    assert asked_of["hosts"] == {"localhost"}


def test_the_language_is_switched_and_stays(page, staff, live_server):
    switch = page.locator("form[action*='setlang'] [value='zh-hans'], [name=language]").first
    page.evaluate(
        """form => {
            const field = form.querySelector('[name=language]');
            if (field.tagName === 'SELECT' || field.type === 'hidden') field.value = 'zh-hans';
            form.submit();
        }""",
        switch.locator("xpath=ancestor::form").element_handle(),
    )
    page.wait_for_load_state("networkidle")
    page.goto(live_server.url + "/admin/")
    assert "管理权益" in page.content()
    page.goto(live_server.url + "/admin/rewards/reward/")
    assert "奖励" in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_light_and_dark(page, staff, live_server, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(live_server.url + "/admin/")
    page.wait_for_load_state("networkidle")
    is_dark = page.evaluate("document.documentElement.classList.contains('dark')")
    assert is_dark == (scheme == "dark")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_dashboard_and_overviews_fit_a_phone(page, staff, live_server, settled, asked_of, language):
    list(catch_up(now=timezone.now()))
    [offer] = TenantStrategy.objects.across_tenants()
    account = VenueAccount.objects.across_tenants().get()
    page.set_viewport_size({"width": 390, "height": 844})
    page.context.add_cookies(
        [{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}]
    )
    for address, shown in (
        (reverse("admin:index") + "?days=30", ("Net profit", "净利润")),
        (reverse("console:member", args=[account.member_id]), ("Latest trades", "最近交易")),
        (reverse("console:tenant", args=[account.tenant_id]), ("Rewards by kind", "各类奖励")),
        (reverse("console:tune", args=[offer.pk]), ("What one trade comes to", "单笔交易规模")),
    ):
        page.goto(live_server.url + address)
        told = page.locator("body").inner_text()
        assert shown[language != "en"] in told
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert asked_of["errors"] == []
    assert asked_of["hosts"] == {"localhost"}


def test_the_charts_of_a_maker_keep_their_height_on_a_fine_screen(browser, live_server):
    maker = MakerFactory()
    context = browser.new_context(device_scale_factor=2)
    fine = context.new_page()
    log_in(fine, live_server, UserFactory(tenant=None, is_superuser=True))
    fine.goto(live_server.url + reverse("console:maker", args=[maker.pk]))
    fine.locator(".maker-chart[style*=height]").first.wait_for(state="attached")
    for _ in range(2):
        # It draws anew, as it does each second.
        fine.evaluate("document.querySelectorAll('.maker-chart').forEach(draw)")
    assert fine.locator(".maker-chart").first.evaluate("chart => chart.style.height") == "180px"
    context.close()
