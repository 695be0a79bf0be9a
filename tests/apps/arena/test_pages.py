"""The pages in a browser: by light and dark, wide and narrow, in both languages, and live."""

import re
from io import StringIO
from urllib.parse import urlparse

import pytest
from django.core.management import call_command

from apps.arena import pages, telling
from tests.apps.arena.made import account, everything, talk, trade, write

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NASTY = '<img src=x onerror="window.injected=1"><script>window.injected=1</script>'


def take(folder, files):
    call_command("arena", "import", str(write(folder, files)), stdout=StringIO())
    telling.forget_all()


@pytest.fixture
def files():
    told = everything()
    rows = [account(hour=hour, equity=10_000 + 40 * hour) for hour in range(100)]
    rows += [account("claude-4.5", hour=hour, equity=10_000 - 10 * hour) for hour in range(100)]
    rows += [account("buynhold_btc", hour=hour, equity=10_000 + hour) for hour in range(100)]
    told["account-totals"]["accountTotals"] = rows
    told["conversations"]["conversations"].append(talk(at=1_761_000_060, said=NASTY))
    return told


@pytest.fixture
def asked(page, tmp_path, files):
    """Every host that the page asks for anything, and every error on its console."""
    take(tmp_path, files)
    told = {"hosts": set(), "errors": []}
    page.on("request", lambda request: told["hosts"].add(urlparse(request.url).hostname))
    page.on("console", lambda line: told["errors"].append(line.text))
    page.on("pageerror", lambda error: told["errors"].append(str(error)))
    return told


def is_quiet(told):
    return told["errors"] == [] and told["hosts"] <= {"localhost"}


def test_a_visitor_sorts_draws_filters_and_reads(page, live_server, asked):
    page.goto(live_server.url + "/arena/")
    rows = page.locator(".board tbody tr")
    assert rows.count() == 3
    assert rows.first.get_attribute("data-model") == "gpt-5"
    assert "Mean over deviation" in page.locator("th a", has_text="Sharpe (trades)").get_attribute(
        "title"
    )
    page.locator("th a", has_text="Return").click()
    page.wait_for_url(re.compile("sort=returned"))
    assert page.locator(".board tbody tr").first.get_attribute("data-model") == "claude-4.5"

    curves = page.locator("#chart path.curve")
    assert curves.count() == 3
    assert page.locator("#chart .capital").count() == 1
    assert page.locator("#chart path.baseline").count() == 1
    whole = curves.first.get_attribute("d")
    page.get_by_role("button", name="72 h").click()
    assert curves.first.get_attribute("d") != whole
    page.get_by_role("button", name="%", exact=True).click()
    assert "%" in page.locator("#chart .end").first.text_content()
    page.locator("#legend button").first.click()
    assert curves.count() == 2
    page.locator("#chart svg").hover()
    assert page.locator("#chart .cross").count() == 1

    page.locator("#list summary").first.click()
    assert page.locator(".plan dd").first.is_visible()
    page.locator("#tabs a", has_text="Completed trades").click()
    assert page.locator("#list tbody tr").count() == 4
    page.select_option("[name=side]", "short")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("side=short"))
    assert page.locator("#list tbody tr").count() == 1
    page.locator("#list a", has_text="gpt-5").click()
    page.wait_for_url(re.compile("/arena/models/gpt-5/"))
    assert page.locator("h1").inner_text() == "gpt-5"
    assert page.locator("#analytics table").count() == 6
    assert is_quiet(asked), asked


def test_what_a_model_says_is_never_markup(page, live_server, asked):
    for place in ("/arena/?tab=conversations", "/arena/models/gpt-5/", "/arena/"):
        page.goto(live_server.url + place)
        for summary in page.locator(".talk summary").all():
            summary.click()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.injected") is None
        assert page.locator(".talk img, .talk script, .plan b").count() == 0
    page.goto(live_server.url + "/arena/?tab=conversations")
    assert any(NASTY in text for text in page.locator(".talk .prose").all_text_contents())
    assert is_quiet(asked), asked


def test_what_is_new_comes_by_itself_and_what_is_open_stays_open(
    page, live_server, asked, tmp_path, files, monkeypatch
):
    page.clock.install()
    page.goto(live_server.url + "/arena/?tab=trades")
    assert page.locator("#list tbody tr").count() == 4
    page.locator(".meanings summary").click()
    files["trades"]["trades"].insert(0, trade(8))
    take(tmp_path, files)
    # The server of these tests has no streams: the page asks.
    page.clock.run_for(6_000)
    page.wait_for_function("document.querySelectorAll('#list tbody tr').length === 5")
    assert page.locator(".meanings dl").is_visible()
    assert page.locator("#line").inner_text() == "asking"
    assert is_quiet(asked), asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_it_fits_a_phone_and_a_desk_by_light_and_dark(page, live_server, asked, scheme, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for place in ("/arena/", "/arena/?tab=conversations", "/arena/models/gpt-5/"):
        page.goto(live_server.url + place)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(map(int, re.findall(r"\d+", ground)[:3]))
        assert (brightness < 300) == (scheme == "dark")
    assert is_quiet(asked), asked


def test_the_language_is_chosen_and_stays(page, live_server, asked):
    page.goto(live_server.url + "/arena/")
    assert "Leaderboard" in page.content()
    page.locator(".languages a", has_text="简体中文").click()
    page.wait_for_url(re.compile("language=zh-hans"))
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    assert "排行榜" in page.content()
    page.goto(live_server.url + "/arena/models/gpt-5/")
    assert "排行榜" not in page.content()
    assert "未平仓" in page.content()
    assert is_quiet(asked), asked


def test_a_page_of_nobody_is_empty(page, live_server):
    telling.forget_all()
    page.goto(live_server.url + "/arena/")
    assert page.locator("#chart-empty").is_visible()
    assert "There are no public traders yet" in page.content()
    assert pages.current_board().standings == []
