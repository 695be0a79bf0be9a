"""A person makes a maker, starts it, watches its fills, changes it, halts and releases it."""

import asyncio
import re
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from apps.market_making.models import Maker, Version
from apps.nodes.models import Node
from engine.signal import Side
from tests.apps.console.browsing import log_in
from tests.apps.console.streams import logged_in, play, streams, watching  # noqa: F401
from tests.apps.market_making.desk import Desk, order
from tests.apps.market_making.test_hearing import figures
from tests.factories import PASSWORD, MakerFactory, TenantFactory, UserFactory


@pytest.fixture
def desk(transactional_db):
    return Desk()


@pytest.fixture
def staff(desk):
    return UserFactory(tenant=None, is_superuser=True)


def in_a_thread(do):
    """Beside the page: playwright's own loop runs in this one."""
    failed = []

    def run():
        try:
            do()
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failed == []


@pytest.mark.browser
def test_a_maker_is_made_started_watched_changed_and_halted(page, live_server, desk, staff):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    log_in(page, live_server, staff)
    page.goto(live_server.url + "/admin/market_making/maker/")
    page.get_by_role("link", name="New maker").click()
    page.select_option("[name=which-account]", str(desk.account.pk))
    page.fill("[name=which-symbol]", "ETH/USDT")
    page.fill("[name=params-gamma]", "0.2")
    page.get_by_role("button", name="Show what it comes to").click()
    assert "Half spread" in page.locator("#maker-preview").inner_text()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/makers/\d+/$"))
    desk.maker = Maker.objects.across_tenants().get(symbol="ETH/USDT")
    assert page.locator("#maker-status").inner_text() == "Idle"
    assert page.locator("[data-verb=stop]").is_hidden()

    page.locator("[data-verb=start] button").click()
    page.wait_for_selector("#maker-status[data-status=starting]")
    in_a_thread(lambda: desk.hear("starting", "running", figures=figures()))
    page.wait_for_selector("#maker-status[data-status=running]")
    told = {"figures": figures() | {"mid": "3000", "equity": "10001"}}
    told |= {
        "told_at_ms": desk.now_ms + 1000,
        "orders": [order(desk.name(1), Side.SELL, price="3000")],
    }
    in_a_thread(lambda: desk.hear("starting", "running", **told))
    page.wait_for_selector("#maker-fills td.maker-sell")
    assert page.locator("[data-figure=equity] dd").inner_text() == "10,001"

    page.get_by_role("link", name="Change", exact=True).click()
    page.fill("[name=params-gamma]", "0.3")
    page.get_by_role("button", name="Show what it comes to").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(re.compile(r"/makers/\d+/$"))
    assert Version.objects.across_tenants().get(maker=desk.maker, number=2).asked["gamma"] == 0.3

    page.locator("[data-verb=halt] button").click()
    page.wait_for_selector("[data-verb=halt]", state="hidden")
    in_a_thread(lambda: desk.hear("starting", "running", "stopping", "halted", done=3))
    page.wait_for_selector("#maker-status[data-status=halted]")
    page.locator("[data-verb=release] button").click()
    page.wait_for_selector("#maker-status[data-status=idle]")
    assert errors == []


@pytest.mark.browser
def test_the_page_fits_a_phone(page, live_server, desk, staff):
    desk.run()
    page.set_viewport_size({"width": 390, "height": 800})
    log_in(page, live_server, staff)
    page.goto(live_server.url + reverse("console:maker", args=[desk.maker.pk]))
    page.wait_for_selector("#maker-status[data-status=running]")
    assert page.locator("[data-verb=stop] button").is_visible()
    wide = page.evaluate("document.querySelector('#maker').scrollWidth - window.innerWidth")
    assert wide <= 0


def test_a_stream_goes_on_where_its_reader_was(streams, hints, monkeypatch):  # noqa: F811
    desk = Desk()
    desk.run()
    for second in (1, 2):
        at_ms = desk.now_ms + 1000 * second
        desk.hear("starting", "running", figures=figures(), told_at_ms=at_ms)
    cookie = logged_in(UserFactory(tenant=None, is_superuser=True))
    address = reverse("console:maker-stream", args=[desk.maker.pk])

    async def story():
        async with watching(address, cookie) as first:
            await first.until(lambda one: one.events)
        seen, told = first.events[0]
        assert len(told["readings"]) == 2
        async with watching(address, cookie, **{"last-event-id": seen}) as again:
            await again.until(lambda one: one.events)
            assert again.events[0][1]["readings"] == []
            later = {"figures": figures(), "told_at_ms": desk.now_ms + 3000}
            await asyncio.to_thread(lambda: desk.hear("starting", "running", **later))
            await again.until(lambda one: len(one.events[-1][1]["readings"]) == 1)

    play(story())


@pytest.mark.django_db
def test_another_tenants_maker_is_not_there(client):
    maker = MakerFactory()
    globex = UserFactory(tenant=TenantFactory(name="Globex"), role="staff")
    client.login(username=globex.username, password=PASSWORD)
    for name in ("maker", "maker-state", "maker-stream", "change-maker"):
        assert client.get(reverse(f"console:{name}", args=[maker.pk])).status_code in (403, 404)
    answer = client.post(reverse("console:act-on-maker", args=[maker.pk, "start"]))
    assert answer.status_code in (403, 404)


@pytest.mark.django_db
def test_a_maker_whose_node_is_gone_is_given_up_by_a_button(client, hints, monkeypatch):
    desk = Desk()
    desk.run()
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    state = reverse("console:maker-state", args=[desk.maker.pk])
    address = reverse("console:act-on-maker", args=[desk.maker.pk, "give-up"])
    assert not client.get(state).json()["may"]["give-up"]
    client.post(address)
    assert desk.session.status == "running"
    late = timezone.now() + timedelta(minutes=10)
    monkeypatch.setattr(timezone, "now", lambda: late)
    Node.objects.update(last_heartbeat_at=None)
    assert client.get(state).json()["may"]["give-up"]
    client.post(address)
    assert desk.session.status == "halted"


@pytest.mark.django_db
def test_a_bad_value_is_told_on_the_form(client, hints):
    desk = Desk()
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    address = reverse("console:change-maker", args=[desk.maker.pk]) + "?form=full"
    shown = client.get(address)
    values = {
        f"params-{field.name}": field.initial
        for field in shown.context["params"]
        if field.initial not in (None, False)
    }
    answer = client.post(
        address, values | {"form": "full", "params-min_spread_bps": "900", "confirm": "1"}
    )
    assert "min_spread_bps" in answer.content.decode()
    assert Version.objects.of(desk.maker.tenant).count() == 1


def test_a_new_maker_begins_with_the_figures_of_its_venue_and_symbol(client, desk, staff):
    client.force_login(staff)
    page = client.get(reverse("console:new-maker"))
    assert [symbol for venue, _, symbol in page.context["presets"] if venue == "grvt"] == [
        *("BNB/USDT", "XRP/USDT", "SUI/USDT", "HYPE/USDT")
    ]
    asked = {"preset": "grvt", "symbol": "HYPE/USDT"}
    page = client.get(reverse("console:new-maker"), asked)
    assert page.context["which"]["symbol"].value() == "HYPE/USDT"
    assert (page.context["params"]["k"].value(), page.context["params"]["sigma"].value()) == (
        0.8,
        0.0018,
    )
    usual = client.get(reverse("console:new-maker"), {"preset": "nobody"})
    assert usual.context["params"]["k"].value() == 1.5
