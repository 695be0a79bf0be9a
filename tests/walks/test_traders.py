"""AI traders in real processes, killed where it would hurt: one order, one record."""

import json
import subprocess
import sys
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from apps.orders.models import Order, Ticket
from apps.positions.models import Position
from apps.traders import services
from apps.traders.models import Decision, Item, Spending, Trader
from apps.traders.selectors import head_of, journal_of
from apps.venues.services import bind_account, record_equity
from engine.deciding.journal import read
from engine.deciding.prompt import default_text
from engine.deciding.record import Decided, Resulted
from engine.deciding.scripted import Act, ScriptedModel, Temper
from engine.order import OrderStatus
from tests.walks.running import ROOT, running, wait_for
from tests.walks.story import keys_checked, tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]
# Why an opening is refused that was approved a while ago.
MOVED = {"late", "stale", "entry", "order", "risk_reward", "risk", "told_risk"}
TRIES = 4
KILLED_AT = ("answered", "journalled", "recorded", "ordered", "resulted")
DARING = (lambda market: 1, Temper(share="0.02", leverage=5, stop="0.01", reward="4"))


@pytest.fixture
def house(transactional_db, tmp_path, settings):
    settings.TRADER_JOURNALS = settings.VAR / "traders"
    with running(tmp_path, TRADER_LEASE_SECONDS="2") as house:
        house.node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat", "minds", "minds2")
        wait_for(house.is_alive, what="the first heartbeat")
        house.member = tell("minds", house.node).subscriptions[0].member
        wait_for(keys_checked, what="keys checked")
        yield house


def trader(house, code, server, **params):
    member = house.member
    account = bind_account(
        member=member, node=house.node, venue="paper", label=code, api_key=code, api_secret="s"
    )
    record_equity(account=account, equity=Decimal(10_000), now=timezone.now())
    mind = services.create_mind(
        tenant=member.tenant,
        name=code,
        protocol="openai",
        base_url=server.address,
        model="scripted",
        params={"timeout_seconds": 2, "retries": 0, **params},
    )
    template = services.create_template(tenant=member.tenant, name="t", text=default_text())
    return services.create_trader(
        account=account,
        code=code,
        minds=[mind],
        capital=Decimal(10_000),
        template=template,
        symbols=["BTC/USDT"],
        timeframes=["1m"],
        interval_seconds=3600,
        now=timezone.now(),
    )


def is_done(made):
    rows = Decision.objects.across_tenants().filter(trader=made)
    return rows.filter(status=Decision.Status.DONE).exists()


def test_killed_anywhere_it_comes_to_one_order_and_one_record(house):
    with ScriptedModel() as server:
        server.mind = DARING
        made = {place: killed_at(house, server, place) for place in KILLED_AT}
    for place, one in made.items():
        check_once(place, one)


def killed_at(house, server, place):
    """A trader that ordered although its worker was killed there.

    The price goes on while it is dead: one that it has left is refused at the order, and leaves
    a record and nothing else. Then another one tries.
    """
    for number in range(TRIES):
        one = trader(house, f"at-{place}-{number}", server)
        house.arm(f"traders.{place}")
        services.start_trader(trader=one, now=timezone.now())
        wait_for(partial(house.has_fired, f"traders.{place}"), what=f"a death when {place}")
        wait_for(partial(is_done, one), what=f"a decision after one when {place}")
        item = Item.objects.across_tenants().get(decision__trader=one)
        if item.status == Item.Status.ORDERED:
            return one
        assert item.refused_by in MOVED, (item.refused_by, item.reason)
        assert not Ticket.objects.across_tenants().filter(trader=one).exists()
        assert len(list(read(journal_of(one)))) == 2
    raise AssertionError(f"{TRIES} in a row were refused at the order when {place}")


def check_once(place, one):
    one.refresh_from_db()
    decision = Decision.objects.across_tenants().get(trader=one)
    ticket = Ticket.objects.across_tenants().get(trader=one)
    records = [entry.record for entry in read(journal_of(one), head=head_of(one))]
    assert [type(record) for record in records] == [Decided, Resulted], place
    assert records[0].decision_id == str(decision.pk) == records[1].decision_id
    assert [told.ticket for told in records[1].tickets] == [str(ticket.pk)]
    assert decision.items.get().ticket == ticket
    assert one.decided == 1
    filled = Order.objects.across_tenants().filter(ticket=ticket, status=OrderStatus.FILLED)
    wait_for(filled.exists, what="its order to be filled")
    position = Position.objects.across_tenants().get(venue_account=one.venue_account)
    assert (position.trader, position.quantity) == (one, ticket.quantity)


def test_a_slow_model_keeps_nobody_else_waiting(house):
    with (
        ScriptedModel(acts=[Act.SLOW], slow_seconds=240) as slow,
        ScriptedModel() as quick,
    ):
        waiting = trader(house, "slow", slow, timeout_seconds=240)
        other = trader(house, "quick", quick)
        services.start_trader(trader=waiting, now=timezone.now())
        wait_for(lambda: slow.asked, what="the slow one to be asked")
        services.start_trader(trader=other, now=timezone.now())
        wait_for(partial(is_done, other), what="the other one's decision")
        assert not Decision.objects.across_tenants().filter(trader=waiting).exists()
        row = Trader.objects.across_tenants().get(pk=waiting.pk)
        assert row.lease


SPENDER = """
import sys, django
django.setup()
from decimal import Decimal
from django.utils import timezone
from apps.traders.models import Trader
from apps.traders.selectors import minds_of, model_of
from apps.traders.services.purse import DaysPurse
from engine.deciding.errors import OverBudget
from engine.deciding.models import Usage
trader = Trader.objects.across_tenants().get(pk=int(sys.argv[1]))
purse, models = DaysPurse(trader, timezone.now), [model_of(mind) for mind in minds_of(trader)]
made = {model.name: 0 for model in models}
for _ in range(40):
    for model in models:
        try:
            held = purse.reserve(model, Usage(input=1000, output=1000))
        except OverBudget:
            continue
        purse.settle(held, cost=held.cost, tokens=held.tokens)
        made[model.name] += 1
        break
import json
print(json.dumps(made))
"""


def test_several_processes_keep_one_budget(transactional_db, tmp_path):
    from tests.apps.traders.desk import Desk
    from tests.walks.running import database_url

    desk = Desk(budget={"daily_cost": 1.0})
    # A call of the dear one comes to 0.02, and of the cheap one to 0.002.
    dear = desk.mind("dear", input_price=10, output_price=10, daily_cost=0.5)
    cheap = desk.mind("cheap", input_price=1, output_price=1)
    services.change_trader(trader=desk.trader, minds=[dear, cheap], now=desk.now)
    import os

    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "ironbull.settings",
    }
    command = [sys.executable, "-c", SPENDER, str(desk.trader.pk)]
    running_now = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    made = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running_now]
    spent = Spending.objects.across_tenants().get(trader=desk.trader)
    assert sum(one["dear"] for one in made) == 25
    assert sum(one["cheap"] for one in made) == 160 - 25
    assert spent.by_mind == {"dear": "0.50", "cheap": "0.270"}
    assert spent.cost == Decimal("0.77")
    assert spent.cost <= 1
