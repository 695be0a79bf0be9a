"""A node's whole life through the Platform API."""

import pytest

from apps.nodes.models import Node
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import (
    NodeFactory,
    TenantFactory,
    TicketFactory,
    VenueAccountFactory,
    node_keys,
)

pytestmark = pytest.mark.django_db


def test_a_node_is_registered_joins_is_confirmed_and_goes():
    desk = Desk("operator")
    made = data_of(desk.post("nodes", code="tokyo-1", name="Tokyo"), 201)
    assert made["node"]["status"] == "pending"
    assert "join_hash" not in made["node"]
    one = f"nodes/{made['node']['id']}"
    keys = node_keys()
    assert refusal_of(desk.post(f"{one}/join", one_time_code="x", **keys)) == (400, "bad_input")
    joined = data_of(desk.post(f"{one}/join", one_time_code=made["one_time_code"], **keys))
    assert joined["node"]["status"] == "pending"
    assert refusal_of(desk.post(f"{one}/resume")) == (409, "conflict")
    assert refusal_of(desk.post(f"{one}/confirm", fingerprint="x")) == (400, "bad_input")
    confirmed = data_of(desk.post(f"{one}/confirm", fingerprint=joined["fingerprint"]))
    assert confirmed["status"] == "active"
    for verb, status in (
        ("drain", "draining"),
        ("resume", "active"),
        ("pause", "paused"),
        ("revoke", "revoked"),
    ):
        assert data_of(desk.post(f"{one}/{verb}"))["status"] == status
    assert refusal_of(desk.post(f"{one}/resume")) == (409, "conflict")


def test_accounts_are_given_to_a_node_in_bulk():
    desk, tokyo = Desk("operator"), NodeFactory()
    free, busy = VenueAccountFactory(), VenueAccountFactory()
    TicketFactory(subscription__venue_account=busy)
    address = f"nodes/{tokyo.pk}/accounts"
    given = data_of(desk.post(address, account_ids=[free.pk, busy.pk]))
    assert given == {"moved": [free.pk], "held": [busy.pk]}
    assert refusal_of(desk.post(address, account_ids=[10**9])) == (404, "not_found")
    assert desk.post(address, account_ids=[]).status_code == 400
    one = desk.post(f"venue-accounts/{busy.pk}/node", node_id=tokyo.pk)
    assert refusal_of(one) == (409, "conflict")


@pytest.mark.parametrize("who", ["finance", "staff"])
def test_whoever_may_not_change_nodes_does_nothing_to_them(who):
    node, account = NodeFactory(), VenueAccountFactory()
    tenant = TenantFactory() if who == "staff" else None
    desk = Desk(who, tenant=tenant)
    asks = {
        "nodes": {"code": "tokyo-1", "name": "Tokyo"},
        f"nodes/{node.pk}/confirm": {"fingerprint": "x"},
        f"nodes/{node.pk}/drain": {},
        f"nodes/{node.pk}/accounts": {"account_ids": [account.pk]},
    }
    for path, values in asks.items():
        assert desk.post(path, **values).status_code in {403, 404}
    assert set(Node.objects.values_list("status", flat=True)) == {"active"}
    account.refresh_from_db()
    assert account.node != node
