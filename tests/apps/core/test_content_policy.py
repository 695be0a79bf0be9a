"""The pages work under the content policy: a browser, walking through them, blocks nothing."""

import re

import pytest

from tests.factories import PASSWORD, NodeFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def blocked(page):
    """What the browser refused to run or to load, as it says on its console."""
    told = []
    page.on("console", lambda line: told.append(line.text) if "Policy" in line.text else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    return told


def test_the_admin_works_under_the_policy(page, live_server, blocked):
    staff = UserFactory(tenant=None, is_superuser=True)
    NodeFactory()
    page.goto(live_server.url + "/admin/")
    page.fill("input[name=username]", staff.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("form [type=submit]")
    page.wait_for_url(re.compile(r"/admin/$"))
    places = page.eval_on_selector_all("a[href^='/admin/']", "links => links.map(a => a.pathname)")
    for place in sorted(set(places) - {"/admin/logout/"}):
        page.goto(live_server.url + place)
        page.wait_for_load_state("networkidle")
    # Alpine is at work: what its expressions decide is on the page.
    assert page.evaluate("typeof window.Alpine") == "object"
    assert blocked == []


def test_a_script_inside_a_page_does_not_run(page, live_server, blocked):
    page.goto(live_server.url + "/admin/login/")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.injected = true';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="injected=true">');
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.injected") is None
    assert blocked
