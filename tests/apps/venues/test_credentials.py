"""On the way, credentials open at the account's node and nowhere else."""

import json

import pytest

from apps.nodes.models import Node
from apps.venues.credentials import Credentials, sealed_to_nodes
from apps.venues.services import unbind_account
from engine import envelope
from engine.errors import MessageRefused
from tests.factories import CREDENTIALS, NodeFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db


def test_each_account_opens_at_its_own_node_only(django_assert_num_queries):
    tokyo, london = NodeFactory(), NodeFactory()
    accounts = [VenueAccountFactory(node=tokyo), VenueAccountFactory(node=london)]
    with django_assert_num_queries(0):
        texts = sealed_to_nodes([*accounts, accounts[0]])
    assert set(texts) == {account.pk for account in accounts}
    opened = envelope.unseal(texts[accounts[0].pk], key=tokyo.seal_private)
    assert json.loads(opened) == CREDENTIALS
    with pytest.raises(MessageRefused):
        envelope.unseal(texts[accounts[0].pk], key=london.seal_private)


def test_nothing_is_kept_between_two_calls():
    account = VenueAccountFactory()
    assert sealed_to_nodes([account]) != sealed_to_nodes([account])


def unbound():
    account = VenueAccountFactory()
    unbind_account(account=account)
    return account


def moved_to_another_account():
    return VenueAccountFactory(credentials=VenueAccountFactory().credentials)


@pytest.mark.parametrize(
    ("case", "make", "reason"),
    [
        ("no node", lambda: VenueAccountFactory(node=None), "no node"),
        (
            "a revoked node",
            lambda: VenueAccountFactory(node__status=Node.Status.REVOKED),
            "no node",
        ),
        ("unbound", unbound, "unbound"),
        ("another account's credentials", moved_to_another_account, "another row"),
    ],
)
def test_an_account_that_cannot_be_sealed_stops_no_other(caplog, case, make, reason):
    good, bad = VenueAccountFactory(), make()
    assert set(sealed_to_nodes([bad, good])) == {good.pk}
    assert f"venue account {bad.pk} cannot trade" in caplog.text
    assert reason in caplog.text
    assert CREDENTIALS["api_secret"] not in caplog.text


def test_a_paused_node_still_gets_what_it_needs_to_look_up():
    account = VenueAccountFactory(node__status=Node.Status.PAUSED)
    assert set(sealed_to_nodes([account])) == {account.pk}


def test_credentials_in_hand_tell_nothing():
    assert "secret" not in f"{Credentials('key', 'secret')!r} {Credentials('key', 'secret')}"
