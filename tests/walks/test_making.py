"""A maker on the paper exchange, hosted by a real node: started, filled, changed, stopped, flat."""

from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from apps.market_making.models import Command, Maker, Notice, Reading, Session
from apps.market_making.selectors import fills_of, last_session, orders_of
from apps.market_making.services import (
    change_maker,
    create_maker,
    halt_maker,
    release_maker,
    start_maker,
    stop_maker,
)
from apps.members.services import create_member, open_tenant
from apps.positions.models import Position
from apps.venues.services import bind_account
from engine.order import LIVE
from tests.apps.console.browsing import log_in
from tests.factories import UserFactory
from tests.walks.running import running, wait_for

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]

SYMBOL = "BTC/USDT"
QUICK = {
    "recovery_seconds": 0,
    "quote_interval_seconds": 0.25,
    "min_spread_bps": 4,
    "volatility_z": 10,
    "drawdown_percent": 80,
    "max_order_notional": 100,
    "leverage": 10,
}


@pytest.fixture
def house(transactional_db, tmp_path):
    with running(tmp_path) as house:
        house.node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, seconds=60, what="the first heartbeat")
        yield house


@pytest.fixture
def maker(house):
    call_command("load_fixtures", verbosity=0)
    tenant = open_tenant(name="Acme").tenant
    member = create_member(tenant=tenant, email="alice@example.com", password="a long password")
    account = bind_account(
        member=member,
        venue="paper",
        api_key="key-1234",
        api_secret="s",
        node=house.node,
        position_mode="one_way",
        margin="cross",
    )
    return create_maker(account=account, symbol=SYMBOL, form="full", asked=QUICK)


def start(maker: Maker) -> None:
    start_maker(maker=maker, now=timezone.now())


def is_in(maker: Maker, status: str) -> bool:
    return last_session(maker).status == status


def has_fills(maker: Maker, count: int = 1) -> bool:
    return fills_of(maker).count() >= count


def held_in_books(maker: Maker) -> Decimal:
    rows = Position.objects.of(maker.tenant_id).filter(venue_account=maker.venue_account)
    signs = {"long": 1, "short": -1}
    return sum((row.quantity * signs[row.direction] for row in rows), Decimal(0))


def at_venue(house, maker: Maker):
    return house.venue(maker.venue_account_id)


def is_clean(house, maker: Maker) -> bool:
    venue = at_venue(house, maker)
    return not venue.holdings() and not venue.open_orders()


def books_agree(house, maker: Maker) -> bool:
    """Every fill of the exchange is a row, and nothing else is."""
    told = at_venue(house, maker).fills_since(SYMBOL, 0)
    rows = {fill.venue_fill_id: fill.quantity for fill in fills_of(maker)}
    return rows == {one.fill.venue_fill_id: Decimal(one.fill.quantity) for one in told}


def test_a_maker_is_started_filled_changed_and_stopped(house, maker):
    start(maker)
    wait_for(partial(is_in, maker, Session.Status.RUNNING), seconds=30, what="running")
    wait_for(partial(has_fills, maker, 4), seconds=90, what="fills")
    change_maker(maker=maker, form="full", asked={**QUICK, "gamma": 0.4}, now=timezone.now())
    changed = last_session(maker).commands.get(verb=Command.Verb.RETUNE)
    wait_for(lambda: is_acknowledged(changed), seconds=10, what="the change to be taken in")
    changed.refresh_from_db()
    assert (changed.acknowledged_at - changed.created_at).total_seconds() < 2

    stop_maker(maker=maker, now=timezone.now())
    wait_for(partial(is_in, maker, Session.Status.IDLE), seconds=60, what="idle")
    assert is_clean(house, maker)
    wait_for(partial(books_agree, house, maker), seconds=10, what="the books")
    assert held_in_books(maker) == 0
    assert not orders_of(maker).filter(status__in=LIVE).exists()
    assert Reading.objects.of(maker.tenant_id).exists()
    told = set(Notice.objects.of(maker.tenant_id).values_list("kind", flat=True))
    assert {"started", "stopped"} <= told
    maker.venue_account.refresh_from_db()
    assert maker.venue_account.quoted == []
    for command in Command.objects.of(maker.tenant_id):
        assert (command.acknowledged_at - command.created_at).total_seconds() < 2, command.verb


@pytest.mark.browser
def test_a_person_starts_it_watches_it_changes_it_and_sees_it_flat(house, maker, page, live_server):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    log_in(page, live_server, UserFactory(tenant=None, is_superuser=True))
    page.goto(live_server.url + reverse("console:maker", args=[maker.pk]))
    page.locator("[data-verb=start] button").click()
    page.wait_for_selector("#maker-status[data-status=running]", timeout=30_000)
    page.wait_for_selector("#maker-fills td", timeout=90_000)
    assert page.locator("#maker-line").inner_text() in ("live", "asking")

    page.get_by_role("link", name="Change", exact=True).click()
    page.fill("[name=params-gamma]", "0.7")
    page.get_by_role("button", name="Show what it comes to").click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_function(
        "Number(document.querySelector('[data-figure=gamma] dd')?.innerText) >= 0.7",
        timeout=20_000,
    )
    page.locator("[data-verb=stop] button").click()
    page.wait_for_selector("#maker-status[data-status=idle]", timeout=60_000)
    page.wait_for_function(
        "document.querySelector('[data-figure=inventory] dd').innerText === '0'", timeout=10_000
    )
    assert page.locator("#maker-quotes td").count() == 0
    assert page.locator("#maker-notices").inner_text().count("flat")
    assert errors == []
    assert is_clean(house, maker)


def is_acknowledged(command: Command) -> bool:
    command.refresh_from_db()
    return command.acknowledged_at is not None


def test_a_node_that_is_killed_while_quoting_owns_its_orders_again(house, maker):
    start(maker)
    wait_for(partial(has_fills, maker), seconds=90, what="a fill")
    for _ in range(3):
        life = last_session(maker).life
        house.kill("node")
        wait_for(lambda: last_session(maker).life > life, seconds=60, what="another life")  # noqa: B023
        wait_for(partial(is_in, maker, Session.Status.RUNNING), seconds=60, what="running again")
    stop_maker(maker=maker, now=timezone.now())
    wait_for(partial(is_in, maker, Session.Status.IDLE), seconds=60, what="idle")
    assert is_clean(house, maker)
    wait_for(partial(books_agree, house, maker), seconds=20, what="the books")
    assert held_in_books(maker) == 0


def test_a_centre_that_is_away_misses_nothing(house, maker):
    start(maker)
    wait_for(partial(has_fills, maker), seconds=90, what="a fill")
    for name in ("centre", "beat", "heartbeats"):
        house.kill(name)
    before = fills_of(maker).count()
    wait_for(partial(has_fills, maker, before + 2), seconds=90, what="more fills")
    halt_maker(maker=maker, reason="enough", now=timezone.now())
    wait_for(partial(is_in, maker, Session.Status.HALTED), seconds=60, what="halted")
    assert is_clean(house, maker)
    wait_for(partial(books_agree, house, maker), seconds=20, what="the books")
    release_maker(maker=maker, reason="looked", now=timezone.now())
    start(maker)
    wait_for(partial(is_in, maker, Session.Status.RUNNING), seconds=30, what="running")
