"""Venue accounts: bound once per place, sealed at rest, given to active nodes, unbound for good."""

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection, connections

from apps.core import sealed
from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.members.models import Member
from apps.nodes.models import Node
from apps.tenants.models import Tenant
from apps.venues.models import VenueAccount
from apps.venues.selectors import holdings
from apps.venues.services import (
    bind_account,
    change_modes,
    pause_account,
    record_equity,
    resume_account,
    unbind_account,
)
from tests.factories import MemberFactory, NodeFactory, TenantFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CANARY = "canary-secret-5f3a"
KEYS = {"api_key": "key-alice-1234", "api_secret": CANARY, "passphrase": "canary-pass-77"}


def at_rest(account):
    binding = f"venue_account:{account.member_id}:{account.venue}:{account.label}"
    return json.loads(sealed.unseal(account.credentials, binding=binding))


def test_a_bound_account_is_sealed_to_its_place():
    alice, node = MemberFactory(), NodeFactory()
    account = bind_account(member=alice, venue="okx", node=node, **KEYS)
    account.refresh_from_db()
    assert (account.tenant, account.member, account.node) == (alice.tenant, alice, node)
    assert (account.status, account.key_hint) == (VenueAccount.Status.ACTIVE, "1234")
    assert at_rest(account) == KEYS
    account.label = "another"
    with pytest.raises(sealed.CannotOpen):
        at_rest(account)


def test_bound_again_the_keys_are_replaced_in_place():
    alice, node = MemberFactory(), NodeFactory()
    first = bind_account(member=alice, venue="binance", node=node, **KEYS)
    record_equity(account=first, equity=Decimal(700), now=NOW)
    unbind_account(account=first)
    second = bind_account(member=alice, venue="binance", api_key="key-alice-9999", api_secret="new")
    assert second.pk == first.pk
    assert (second.key_hint, second.status) == ("9999", VenueAccount.Status.ACTIVE)
    assert at_rest(second)["api_secret"] == "new"
    assert (second.node, second.equity) == (node, Decimal(700))
    assert VenueAccount.objects.of(alice.tenant).count() == 1
    actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    assert list(actions) == [
        "venue_account.bound",
        "venue_account.unbound",
        "venue_account.rebound",
    ]


def test_venues_labels_and_members_have_accounts_of_their_own():
    alice = MemberFactory()
    bob = MemberFactory(tenant=alice.tenant)
    for member, venue, label in [
        (alice, "binance", "futures"),
        (alice, "binance", "second"),
        (alice, "gate", "futures"),
        (bob, "binance", "futures"),
    ]:
        bind_account(member=member, venue=venue, label=label, **KEYS)
    assert VenueAccount.objects.of(alice.tenant).count() == 4


def test_the_paper_venue_makes_its_own_keys():
    alice = MemberFactory()
    first = bind_account(member=alice, venue="paper")
    second = bind_account(member=alice, venue="paper", label="second")
    assert at_rest(first)["api_secret"]
    assert at_rest(first) != at_rest(second)


@pytest.mark.parametrize(
    ("case", "field", "changes"),
    [
        ("an unknown venue", "venue", {"venue": "mtgox"}),
        ("no label", "label", {"label": ""}),
        ("a label in capitals", "label", {"label": "Futures"}),
        ("a label with a space at its end", "label", {"label": "futures "}),
        ("a label with a colon", "label", {"label": "a:b"}),
        ("a label too long", "label", {"label": "a" * 65}),
        ("no key", "api_key", {"api_key": ""}),
        ("a paper key without its secret", "api_secret", {"venue": "paper", "api_secret": ""}),
        ("no secret", "api_secret", {"api_secret": ""}),
        ("a secret too long", "api_secret", {"api_secret": "s" * 257}),
        ("a line break in the secret", "api_secret", {"api_secret": CANARY + "\n"}),
        ("no text", "api_secret", {"api_secret": 5}),
        ("no passphrase where one is needed", "passphrase", {"passphrase": ""}),
        ("a passphrase too long", "passphrase", {"passphrase": "p" * 257}),
        ("an unknown margin", "margin", {"margin": "both"}),
        ("an unknown position mode", "position_mode", {"position_mode": "net"}),
    ],
)
def test_unsound_input_is_refused_by_its_field(case, field, changes):
    asked = {"member": MemberFactory(), "venue": "okx", **KEYS} | changes
    with pytest.raises(BadInput) as refused:
        bind_account(**asked)
    assert refused.value.context["field"] == field
    assert CANARY not in f"{refused.value.message} {refused.value.context}"
    nothing_was_written()


def test_modes_are_isolated_and_hedge_unless_named_and_stay_when_bound_again():
    alice = MemberFactory()
    plain = bind_account(member=alice, venue="okx", **KEYS)
    assert (plain.margin, plain.position_mode) == ("isolated", "hedge")
    bind_account(member=alice, venue="okx", margin="cross", position_mode="one_way", **KEYS)
    again = bind_account(member=alice, venue="okx", **KEYS)
    assert (again.margin, again.position_mode) == ("cross", "one_way")


def test_modes_are_changed_by_name_and_audited_once():
    account = VenueAccountFactory()
    for _ in range(2):
        change_modes(account=account, position_mode="one_way")
    assert (account.margin, account.position_mode) == ("isolated", "one_way")
    entry = AuditEntry.objects.get(action="venue_account.modes_changed")
    assert (entry.before["position_mode"], entry.after["position_mode"]) == ("hedge", "one_way")
    with pytest.raises(BadInput):
        change_modes(account=account, margin="cross", position_mode="net")
    account.refresh_from_db()
    assert account.margin == "isolated"


def nothing_was_written():
    assert not VenueAccount.objects.across_tenants().exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("case", "make"),
    [
        ("a disabled member", lambda: {"member": MemberFactory(status=Member.Status.DISABLED)}),
        (
            "a suspended tenant",
            lambda: {"member": MemberFactory(tenant__status=Tenant.Status.SUSPENDED)},
        ),
        (
            "a paused node",
            lambda: {"member": MemberFactory(), "node": NodeFactory(status=Node.Status.PAUSED)},
        ),
    ],
)
def test_nobody_inactive_is_bound(case, make):
    with pytest.raises(Conflict):
        bind_account(venue="binance", **KEYS, **make())
    nothing_was_written()


def test_a_member_disabled_meanwhile_is_refused():
    alice = MemberFactory()
    Member.objects.of(alice.tenant).filter(pk=alice.pk).update(status=Member.Status.DISABLED)
    with pytest.raises(Conflict):
        bind_account(member=alice, venue="binance", **KEYS)
    nothing_was_written()


def test_the_secret_shows_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    alice = MemberFactory()
    account = bind_account(member=alice, venue="okx", node=NodeFactory(), **KEYS)
    bind_account(member=alice, venue="okx", **KEYS)
    unbind_account(account=account)
    bind_account(member=alice, venue="okx", **KEYS)
    account.refresh_from_db()
    entries = [str(vars(entry)) for entry in AuditEntry.objects.all()]
    assert len(entries) == 4
    shown = [repr(account), str(account), repr(vars(account)), caplog.text, *entries]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM venues_venueaccount")
        shown.append(repr(cursor.fetchall()))
    for secret in (CANARY, KEYS["passphrase"], KEYS["api_key"]):
        assert not [text for text in shown if secret in text]


def test_unbinding_forgets_the_keys_and_keeps_the_account():
    account = bind_account(member=MemberFactory(), venue="binance", **KEYS)
    unbind_account(account=account)
    unbind_account(account=account)
    account.refresh_from_db()
    assert (account.credentials, account.key_hint) == ("", "")
    assert account.status == VenueAccount.Status.PAUSED
    assert AuditEntry.objects.filter(action="venue_account.unbound").count() == 1
    with pytest.raises(Conflict, match="bind it again"):
        resume_account(account=account)
    assert account.status == VenueAccount.Status.PAUSED


def test_a_paused_account_resumes():
    account = VenueAccountFactory()
    pause_account(account=account)
    with pytest.raises(Conflict):
        pause_account(account=account)
    assert account.status == VenueAccount.Status.PAUSED
    resume_account(account=account)
    assert account.status == VenueAccount.Status.ACTIVE
    assert AuditEntry.objects.count() == 2


def test_an_account_is_not_moved_to_another_node_by_its_keys():
    account, tokyo = VenueAccountFactory(), NodeFactory()
    before = account.node
    asked = {"member": account.member, "venue": account.venue, "label": account.label}
    with pytest.raises(Conflict, match="assign it") as refused:
        bind_account(**asked, node=tokyo)
    assert refused.value.context["field"] == "node"
    account.refresh_from_db()
    assert account.node == before
    assert not AuditEntry.objects.exists()
    bind_account(**asked, node=before)


def test_an_older_equity_never_replaces_a_newer_one():
    account = VenueAccountFactory()
    record_equity(account=account, equity=Decimal("1000.123456789"), now=NOW)
    record_equity(account=account, equity=Decimal(5), now=NOW - timedelta(seconds=1))
    assert (account.equity, account.equity_at) == (Decimal("1000.12345678"), NOW)


@pytest.mark.parametrize("equity", ["NaN", "Infinity", "10000000000"])
def test_an_impossible_equity_is_refused(equity):
    account = VenueAccountFactory()
    with pytest.raises(BadInput):
        record_equity(account=account, equity=Decimal(equity), now=NOW)
    account.refresh_from_db()
    assert (account.equity, account.equity_at) == (0, None)


def test_a_holding_is_the_equity_of_active_accounts_in_one_query(django_assert_num_queries):
    alice, bob = MemberFactory(), MemberFactory()
    VenueAccountFactory(member=alice, equity=Decimal("600.00000001"))
    VenueAccountFactory(member=alice, equity=Decimal("400.5"))
    VenueAccountFactory(member=alice, equity=Decimal(9_000), status=VenueAccount.Status.PAUSED)
    VenueAccountFactory(equity=Decimal(70))
    with django_assert_num_queries(1):
        held = holdings([alice, bob])
    assert held == {alice.pk: Decimal("1000.50000001"), bob.pk: Decimal(0)}


@pytest.mark.django_db(transaction=True)
def test_two_bindings_at_once_make_one_account():
    alice = MemberFactory(tenant=TenantFactory())
    problems = []

    def bind(number):
        try:
            bind_account(member=alice, venue="binance", api_key=f"key-{number}", api_secret="s")
        except Exception as error:  # noqa: BLE001
            problems.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=bind, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    account = VenueAccount.objects.of(alice.tenant).get()
    assert account.key_hint == at_rest(account)["api_key"][-4:]
    assert AuditEntry.objects.filter(action="venue_account.bound").count() == 1
    assert AuditEntry.objects.filter(action="venue_account.rebound").count() == 3
