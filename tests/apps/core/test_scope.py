"""Tenant-owned rows are asked for through a tenant, and never point at another tenant's rows."""

import io

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from apps.core.errors import StrangerRow, TenantNeeded
from apps.core.models import TenantOwned
from apps.core.scope import owned_links
from apps.ledger.models import Account
from apps.members.models import Member
from apps.strategies.models import Subscription
from apps.venues.models import VenueAccount
from tests.factories import (
    AccountFactory,
    LevelFactory,
    MemberFactory,
    SubscriptionFactory,
    TenantFactory,
    TenantStrategyFactory,
    VenueAccountFactory,
)

pytestmark = pytest.mark.django_db
OWNED = [model for model in apps.get_models() if issubclass(model, TenantOwned)]
ASKS = {
    "all": lambda rows: rows.all(),
    "filter": lambda rows: rows.filter(pk=1),
    "exclude": lambda rows: rows.exclude(pk=1),
    "get": lambda rows: rows.get(pk=1),
    "first": lambda rows: rows.first(),
    "count": lambda rows: rows.count(),
    "exists": lambda rows: rows.exists(),
    "values": lambda rows: rows.values("pk"),
    "aggregate": lambda rows: rows.aggregate(),
    "select_for_update": lambda rows: rows.select_for_update(),
    "create": lambda rows: rows.create(),
    "get_or_create": lambda rows: rows.get_or_create(pk=1),
    "update_or_create": lambda rows: rows.update_or_create(pk=1),
    "bulk_create": lambda rows: rows.bulk_create([]),
    "update": lambda rows: rows.update(pk=1),
    "iterator": lambda rows: next(rows.iterator()),
    "in_bulk": lambda rows: rows.in_bulk([1]),
    "of nobody": lambda rows: rows.of(None),
}


@pytest.fixture
def acme():
    return TenantFactory(name="Acme")


@pytest.fixture
def globex():
    return TenantFactory(name="Globex")


def new_account(**changes):
    return {"owner": "member:1", "kind": Account.Kind.SELF, **changes}


def test_there_are_tenant_owned_models():
    assert {Member, Account, Subscription, VenueAccount} <= set(OWNED)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
def test_nothing_is_asked_without_a_tenant(model, ask):
    with pytest.raises(TenantNeeded, match=model.__name__):
        ASKS[ask](model.objects)
    assert not model.objects.across_tenants().exists()


def test_each_tenant_sees_its_own_rows(acme, globex):
    alice, bob = MemberFactory(tenant=acme), MemberFactory(tenant=globex)
    assert list(Member.objects.of(acme)) == [alice]
    assert list(Member.objects.of(globex.pk)) == [bob]
    assert set(Member.objects.across_tenants()) == {alice, bob}
    with pytest.raises(Member.DoesNotExist):
        Member.objects.of(globex).get(pk=alice.pk)
    assert not Member.objects.of(globex).filter(email=alice.email).exclude(pk=0).all().exists()


def test_what_is_made_through_a_tenant_is_the_tenants(acme, globex):
    rows = Account.objects.of(acme)
    made = rows.create(**new_account())
    got, is_new = rows.get_or_create(owner="member:2", kind="self")
    again, is_new_again = rows.get_or_create(owner="member:2", kind="self")
    updated, _ = rows.filter(kind="gift").update_or_create(
        owner="member:3", kind="gift", defaults={"may_owe": True}
    )
    (bulk,) = rows.bulk_create([Account(**new_account(owner="member:4"))])
    assert (is_new, is_new_again, got) == (True, False, again)
    assert {row.tenant_id for row in (made, got, updated, bulk)} == {acme.pk}
    assert Account.objects.of(acme).count() == 4
    assert not Account.objects.of(globex).exists()


@pytest.mark.parametrize(
    ("case", "write"),
    [
        ("created", lambda rows, other: rows.create(**new_account(tenant=other))),
        ("created by id", lambda rows, other: rows.create(**new_account(tenant_id=other.pk))),
        (
            "created in bulk",
            lambda rows, other: rows.bulk_create([Account(**new_account(tenant=other))]),
        ),
        (
            "got or created",
            lambda rows, other: rows.get_or_create(**new_account(), defaults={"tenant": other}),
        ),
    ],
)
def test_nothing_is_made_for_another_tenant(acme, globex, case, write):
    with pytest.raises(StrangerRow):
        write(Account.objects.of(acme), globex)
    assert not Account.objects.across_tenants().exists()


@pytest.mark.parametrize("name", ["tenant", "tenant_id"])
def test_a_row_never_changes_its_tenant(acme, globex, name):
    row = AccountFactory(tenant=acme)
    value = globex if name == "tenant" else globex.pk
    for rows in (Account.objects.of(acme), Account.objects.across_tenants()):
        with pytest.raises(StrangerRow):
            rows.update(**{name: value})
    row.refresh_from_db()
    assert row.tenant_id == acme.pk


def test_a_row_without_a_tenant_is_refused_by_the_database():
    LevelFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.across_tenants().create(**new_account())
    assert not Account.objects.across_tenants().exists()


def test_related_rows_come_with_their_parent(acme, globex):
    alice, bob = MemberFactory(tenant=acme), MemberFactory(tenant=globex)
    account = VenueAccountFactory(member=alice)
    assert list(alice.venue_accounts.all()) == [account]
    assert not bob.venue_accounts.exists()
    assert VenueAccount.objects.of(acme).select_related("member").get().member == alice
    assert VenueAccount.objects.of(globex).filter(member=alice).count() == 0


def test_a_row_never_points_at_another_tenants_row(acme, globex):
    account = VenueAccountFactory(member=MemberFactory(tenant=acme))
    foreign = TenantStrategyFactory(tenant=globex)
    with pytest.raises(StrangerRow, match="tenant_strategy"):
        SubscriptionFactory(venue_account=account, tenant_strategy=foreign)
    with pytest.raises(StrangerRow, match="tenant_strategy"):
        # The row is not in hand; its tenant is looked up.
        Subscription(
            tenant=acme,
            venue_account=account,
            member=account.member,
            tenant_strategy_id=foreign.pk,
            capital=1,
        ).save()
    with pytest.raises(StrangerRow, match="tenant_strategy"):
        Subscription.objects.of(acme).bulk_create(
            [
                Subscription(
                    venue_account=account,
                    member=account.member,
                    tenant_strategy=foreign,
                    capital=1,
                )
            ]
        )
    assert not Subscription.objects.across_tenants().exists()


def test_a_row_is_not_moved_to_another_tenants_row(acme, globex):
    subscription = SubscriptionFactory()
    subscription.tenant_strategy = TenantStrategyFactory(tenant=globex)
    with pytest.raises(StrangerRow):
        subscription.save()
    subscription.refresh_from_db()
    assert subscription.tenant_strategy.tenant_id == subscription.tenant_id


def test_rows_in_hand_cost_no_query(django_assert_num_queries):
    account = VenueAccountFactory()
    strategy = TenantStrategyFactory(tenant=account.tenant)
    with django_assert_num_queries(1):
        Subscription.objects.of(account.tenant).create(
            venue_account=account, member=account.member, tenant_strategy=strategy, capital=1
        )


def test_verify_tenants_finds_what_bulk_writing_by_id_let_through(acme, globex):
    subscription = SubscriptionFactory()
    out = io.StringIO()
    call_command("verify_tenants", stdout=out)
    assert "every row points at rows of its own tenant" in out.getvalue()

    foreign = TenantStrategyFactory(tenant=globex)
    Subscription.objects.of(subscription.tenant).update(tenant_strategy_id=foreign.pk)
    with pytest.raises(CommandError, match=r"strategies\.Subscription\.tenant_strategy: 1"):
        call_command("verify_tenants", stdout=out)


def test_links_between_tenants_rows_are_known():
    names = {field.name for field in owned_links(Subscription)}
    leaders = {"leader_account", "leader_trader"}
    assert names == {"tenant_strategy", "member", "venue_account"} | leaders
