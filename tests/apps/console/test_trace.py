"""From any id of a chain the whole of it is found, and another tenant's is not."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.console.trace import TICKETS_SHOWN, trace
from apps.core.errors import NotFound
from apps.ledger.models import Transfer
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.positions.models import Close, Position
from apps.rewards.models import Pool, Reward
from apps.rewards.services import settle_closes
from engine.signal import Action
from tests.apps.orders.desk import Desk, fill, report
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    """A subscription that opened, closed at a profit, and was charged for it."""
    desk = Desk()
    (order,) = desk.plan_and_send()
    desk.hear(report(order))
    desk.closing = desk.new_signal(action=Action.CLOSE)
    last = desk.plan_and_send(desk.closing)[-1]
    desk.hear(report(last, fills=[fill(last, price="51000")]))
    settle_closes(close_ids=[str(close.pk) for close in Close.objects.across_tenants()])
    return desk


def ids(found):
    return [step.row.pk for _, step in found.lines]


@pytest.mark.parametrize("model", [Ticket, Order, Fill, Close, Charge, Pool, Reward, Transfer])
def test_any_id_of_a_chain_leads_to_all_of_it(desk, model):
    row = model.objects.across_tenants().order_by("pk").last()
    found = trace(row.pk)
    assert found.focus == row.pk
    assert found.first.row == desk.closing
    assert row.pk in ids(found)
    kinds = [step.row._meta.model_name for _, step in found.lines]
    chain = ["signal", "ticket", "order", "fill", "close", "charge", "pool", "reward", "transfer"]
    assert list(dict.fromkeys(kinds)) == chain
    rewards = Reward.objects.across_tenants().count()
    assert kinds.count("reward") == kinds.count("transfer") == rewards > 0


def test_a_charges_own_transfer_leads_to_its_chain(desk):
    taken = Transfer.objects.across_tenants().get(reason=Transfer.Reason.CHARGE)
    assert trace(taken.pk).first.row == desk.closing


def test_a_position_leads_to_what_closed_it(desk):
    assert trace(Position.objects.across_tenants().get().pk).first.row == desk.closing


def test_a_signal_shows_its_tickets_page_by_page():
    desk = Desk(followers=TICKETS_SHOWN + 3)
    desk.plan()
    first, second = trace(desk.signal.pk), trace(desk.signal.pk, page=2)
    assert (first.tickets, first.pages) == (TICKETS_SHOWN + 3, 2)
    assert [len(found.first.then) for found in (first, second)] == [TICKETS_SHOWN, 3]


def test_more_tickets_cost_no_more_queries():
    counts = []
    for followers in (2, TICKETS_SHOWN):
        desk = Desk(followers=followers)
        desk.plan_and_send()
        with CaptureQueriesContext(connection) as queries:
            trace(desk.signal.pk)
        counts.append(len(queries))
    assert counts[0] == counts[1] < 15


def test_an_id_that_nothing_has_is_not_found():
    with pytest.raises(NotFound):
        trace(uuid4())


@pytest.mark.parametrize("model", [Ticket, Order, Fill, Close, Charge, Pool, Reward, Transfer])
def test_another_tenants_id_is_not_found(desk, model):
    globex = TenantFactory(name="Globex")
    with pytest.raises(NotFound):
        trace(model.objects.across_tenants().last().pk, tenant=globex)


def test_a_signal_shows_a_tenant_its_own_tickets_only(desk):
    globex = TenantFactory(name="Globex")
    assert trace(desk.closing.pk, tenant=globex).first.then == []


def command(*arguments):
    out = StringIO()
    call_command("trace", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_tree(desk):
    reward = Reward.objects.across_tenants().first()
    lines = command(str(reward.pk)).splitlines()
    assert lines[0].split()[0] == "signal"
    assert next(line for line in lines if line.startswith("→")).strip().endswith(f"[{reward.pk}]")


def test_the_command_speaks_json(desk):
    told = json.loads(command(str(desk.closing.pk), "--json"))
    assert told["chain"]["kind"] == "signal"
    assert told["chain"]["then"][0]["then"][0]["kind"] == "order"


@pytest.mark.parametrize("wrong", ["nonsense", str(uuid4())])
def test_the_command_refuses_a_wrong_id_in_one_line(wrong):
    with pytest.raises(CommandError) as refused:
        command(wrong)
    assert wrong in str(refused.value)


def test_the_page_shows_the_chain_and_links_to_each_row(desk, client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    reward = Reward.objects.across_tenants().first()
    page = client.get(reverse("console:trace", args=[reward.pk])).content.decode()
    assert reverse("admin:rewards_reward_change", args=[reward.pk]) in page
    assert reverse("admin:signals_signal_change", args=[desk.closing.pk]) in page


def test_the_page_of_another_tenants_row_is_not_there(desk, client):
    client.force_login(UserFactory(tenant=TenantFactory(name="Globex"), is_superuser=True))
    reward = Reward.objects.across_tenants().first()
    assert client.get(reverse("console:trace", args=[reward.pk])).status_code == 404


def test_the_page_wants_a_login(desk, client):
    answer = client.get(reverse("console:trace", args=[desk.closing.pk]))
    assert answer.status_code == 302
