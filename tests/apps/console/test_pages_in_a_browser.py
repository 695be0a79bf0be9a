"""Pages of admin, console and arena in chromium: nobody is shut out, nothing is asked elsewhere.

Each page is loaded once in English, wide and by light, and once in Chinese, narrow and by dark.
Lists share a template, and so do rows' pages: of each kind those stand here that differ.
"""

from urllib.parse import urlparse

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.urls import reverse

from tests import factories
from tests.apps.console.browsing import log_in
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Width and height, colours, and the rules that another shape can break; without any, all of them.
VISITS = {
    "en": ((1280, 900), "light", []),
    "zh-hans": ((390, 844), "dark", ["color-contrast", "scrollable-region-focusable"]),
}
GRAVE = {"serious", "critical"}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
LISTS = [
    *("tenants_tenant", "members_member", "orders_order", "backtests_run", "monitoring_alert"),
    *("market_making_maker", "core_refusedmessage"),
]
FORMS = ["members_member", "venues_venueaccount", "tenants_user"]
PLAIN = [
    *("money", "settings", "keys", "exports", "logins", "password", "second-factor"),
    *("start-run", "new-maker"),
]


def addresses():
    """What is looked at, on a row or two of everything."""
    pool = factories.PoolFactory()
    order = factories.OrderFactory()
    account = order.ticket.venue_account
    maker, run = factories.MakerFactory(), factories.RunFactory()
    factories.ExportFactory(user=UserFactory(tenant=None))
    yield reverse("admin:index")
    for name in LISTS:
        yield reverse(f"admin:{name}_changelist")
    for name in FORMS:
        yield reverse(f"admin:{name}_add")
    for row in (order, account, account.member):
        yield reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    for name in PLAIN:
        yield reverse(f"console:{name}")
    yield reverse("console:new-export") + "?of=orders.order"
    yield reverse("console:trace", args=[order.pk])
    yield reverse("console:pool", args=[pool.pk])
    yield reverse("console:maker", args=[maker.pk])
    yield reverse("console:run", args=[run.pk])
    yield reverse("console:order-by-hand", args=[account.pk])
    yield reverse("console:recharge-member", args=[account.member_id])
    yield reverse("arena")


@pytest.fixture
def heard(page):
    """What a page asks of whom, and what its console complains of."""
    told = {"hosts": set(), "errors": []}
    page.on("request", lambda asked: told["hosts"].add(urlparse(asked.url).hostname))
    page.on(
        "console",
        lambda line: told["errors"].append(line.text) if line.type == "error" else None,
    )
    page.on("pageerror", lambda error: told["errors"].append(str(error)))
    return told


def faults(page, *rules):
    """The grave faults of a page as it is, each with the first element that has it."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("only => axe.run({runOnly: only, resultTypes: ['violations']})", only)
    return {
        one["id"]: one["nodes"][0]["html"][:150]
        for one in found["violations"]
        if one["impact"] in GRAVE
    }


def bare(page, answer, language):
    """What a page lacks of what every page has: an answer, a title, its language, a way back."""
    has = {
        "answer": answer.status == 200,
        "title": page.title().strip(),
        "language": page.evaluate("document.documentElement.lang") == language,
        "way back": page.locator(f"a[href='{reverse('admin:index')}'], a[href='/arena/']").count(),
    }
    return {name: "missing" for name, is_there in has.items() if not is_there}


@pytest.mark.parametrize("language", VISITS)
def test_no_page_shuts_anybody_out(page, live_server, heard, language):
    wrong = {}
    owner = UserFactory(tenant=None, is_superuser=True)
    page.context.add_cookies(
        [{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}]
    )
    (width, height), colours, rules = VISITS[language]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=colours)
    page.goto(live_server.url + reverse("admin:login"))
    wrong["login"] = faults(page, *rules)
    log_in(page, live_server, owner)
    for address in addresses():
        answer = page.goto(live_server.url + address)
        wrong[address] = faults(page, *rules) | bare(page, answer, language)
    assert {where: what for where, what in wrong.items() if what} == {}
    page.goto(live_server.url + reverse("admin:index"))
    page.keyboard.press("?")
    page.locator("dialog.keys kbd", has_text="g o").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.type("go")
    page.wait_for_url("**/admin/orders/order/")
    assert heard == {"hosts": {"localhost"}, "errors": []}
