"""Points are sold and given from the admin, once per form, by whom it is allowed."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account
from apps.members.services import create_member, open_tenant
from apps.pointcards.services import recharge_tenant
from tests.factories import LevelFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    LevelFactory()
    return open_tenant(name="Acme")


@pytest.fixture
def alice(acme):
    recharge_tenant(key="t", tenant=acme, kind=Account.Kind.SELF, amount=Decimal(50))
    return create_member(tenant=acme, email="alice@example.com", password="long enough")


@pytest.fixture
def platform(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    return client


def ask(client, address, **changes):
    key = client.get(address).context["form"]["key"].value()
    return client.post(address, {"key": key, "kind": "self", "amount": "20", **changes})


def test_a_tenant_is_recharged(platform, acme):
    ask(platform, reverse("console:recharge-tenant", args=[acme.pk]), kind="gift")
    assert account(f"tenant:{acme.pk}", Account.Kind.GIFT).balance == 20


def test_a_member_is_recharged_from_the_tenants_cards(platform, acme, alice):
    ask(platform, reverse("console:recharge-member", args=[alice.pk]))
    assert account(alice.owner, Account.Kind.SELF).balance == 20
    assert account(f"tenant:{acme.pk}", Account.Kind.SELF).balance == 30


def test_a_double_click_moves_once(platform, alice):
    address = reverse("console:recharge-member", args=[alice.pk])
    key = platform.get(address).context["form"]["key"].value()
    for _ in range(2):
        platform.post(address, {"key": key, "kind": "self", "amount": "20"})
    assert account(alice.owner, Account.Kind.SELF).balance == 20


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "0.000000001", "51", "1e30", "much"])
def test_what_cannot_move_is_refused_on_the_form(platform, alice, amount):
    before = Transfer.objects.across_tenants().count()
    answer = ask(platform, reverse("console:recharge-member", args=[alice.pk]), amount=amount)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert Transfer.objects.across_tenants().count() == before


def test_a_tenants_staff_recharge_no_tenant_and_no_other_tenants_member(client, acme, alice):
    client.force_login(UserFactory(is_superuser=True))
    member = client.get(reverse("console:recharge-member", args=[alice.pk]))
    tenant = client.get(reverse("console:recharge-tenant", args=[acme.pk]))
    assert (member.status_code, tenant.status_code) == (404, 403)


def test_the_platform_looks_through_one_tenant(platform, acme, alice):
    other = open_tenant(name="Globex")
    bob = create_member(tenant=other, email="bob@example.com", password="long enough")
    platform.post(reverse("console:switch-tenant"), {"tenant": acme.pk})
    shown = platform.get(reverse("admin:members_member_changelist")).content.decode()
    assert "alice@example.com" in shown
    assert bob.email not in shown
    platform.post(reverse("console:switch-tenant"), {"tenant": ""})
    assert bob.email in platform.get(reverse("admin:members_member_changelist")).content.decode()


def test_a_tenants_staff_cannot_switch(client, acme):
    client.force_login(UserFactory(is_superuser=True))
    answer = client.post(reverse("console:switch-tenant"), {"tenant": acme.pk})
    assert answer.status_code == 403
