"""What a member may not be, and what changes about one: refused by name, told once."""

import pytest

from apps.core.errors import BadInput, Conflict
from apps.core.models import AuditEntry
from apps.ledger.models import Account
from apps.members.models import Member
from apps.members.services import create_member, open_tenant, set_market_node
from apps.tenants.models import Tenant
from tests.at_once import at_once
from tests.factories import LevelFactory, MemberFactory

PASSWORD = "a long password"


@pytest.fixture
def acme(db):
    LevelFactory()
    return open_tenant(name="Acme").tenant


def counted():
    return (
        Member.objects.across_tenants().count(),
        Account.objects.across_tenants().count(),
        AuditEntry.objects.count(),
    )


@pytest.mark.django_db
def test_without_levels_no_tenant_is_opened():
    with pytest.raises(Conflict, match="load_fixtures"):
        open_tenant(name="Acme")
    assert not Tenant.objects.exists()


@pytest.mark.parametrize(
    ("case", "given", "field"),
    [
        ("an address of 101 characters", {"email": f"{'a' * 40}@{'b' * 56}.com"}, "email"),
        ("a password of 129 characters", {"password": "x" * 129}, "password"),
        ("a code of another length", {"invite_code": "1" * 9}, "invite_code"),
    ],
)
def test_too_long_is_refused_by_name(acme, case, given, field):
    before = counted()
    with pytest.raises(BadInput) as refused:
        create_member(tenant=acme, **{"email": "a@example.com", "password": PASSWORD, **given})
    assert refused.value.context["field"] == field
    assert counted() == before


def test_a_line_of_inviters_ends_where_the_path_is_full(acme):
    last = MemberFactory(tenant=acme, path="1234567/" * 87 + "123/")
    before = counted()
    with pytest.raises(BadInput, match="line of inviters"):
        create_member(
            tenant=acme, email="a@example.com", password=PASSWORD, invite_code=last.invite_code
        )
    assert counted() == before


def test_an_address_is_one_address_however_it_is_spelt(acme):
    alice = create_member(tenant=acme, email=" Alice@Example.com ", password=PASSWORD)
    assert alice.email == "alice@example.com"
    before = counted()
    with pytest.raises(Conflict):
        create_member(tenant=acme, email="ALICE@example.com", password=PASSWORD)
    assert counted() == before


def told(member):
    entries = AuditEntry.objects.filter(subject=f"members.member:{member.pk}").order_by("number")
    return list(entries.values_list("action", "before", "after"))


def test_a_market_node_is_told_with_what_it_was(acme):
    alice = MemberFactory(tenant=acme)
    for is_node in (True, True, False):
        set_market_node(member=alice, is_market_node=is_node)
    assert told(alice) == [
        ("market_node_set", {"is_market_node": False}, {"is_market_node": True}),
        ("market_node_set", {"is_market_node": True}, {"is_market_node": False}),
    ]


@pytest.mark.django_db(transaction=True)
def test_one_address_asked_for_many_times_at_once_is_taken_once():
    LevelFactory()
    acme = open_tenant(name="Acme").tenant
    answers = at_once(
        4, lambda: create_member(tenant=acme, email="alice@example.com", password=PASSWORD)
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["Member"]
    assert Member.objects.of(acme).count() == 2
    owners = Account.objects.of(acme).values_list("owner", flat=True)
    assert {owner for owner in owners if owner.startswith("member:")} == {
        member.owner for member in Member.objects.of(acme)
    }


@pytest.mark.django_db(transaction=True)
def test_many_join_at_once():
    LevelFactory()
    acme = open_tenant(name="Acme").tenant

    def join(number):
        return create_member(tenant=acme, email=f"m{number}@example.com", password=PASSWORD)

    joined = at_once(4, join, range(4))
    assert [type(answer).__name__ for answer in joined] == ["Member"] * 4
    codes = set(Member.objects.of(acme).values_list("invite_code", flat=True))
    assert len(codes) == 5
    assert all(len(code) == 8 and code.isdigit() for code in codes)
