"""Points are sold and given from the admin, once per form, by whom it is allowed."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account
from apps.members.services import create_member, open_tenant
from apps.pointcards.services import recharge_member, recharge_tenant
from tests.factories import LevelFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    LevelFactory()
    return open_tenant(name="Acme").tenant


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
    return client.post(
        address, {"key": key, "kind": "self", "amount": "20", "confirmed": "yes", **changes}
    )


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
        platform.post(address, {"key": key, "kind": "self", "amount": "20", "confirmed": "yes"})
    assert account(alice.owner, Account.Kind.SELF).balance == 20


def test_what_will_move_is_shown_before_it_moves(platform, acme, alice):
    address = reverse("console:recharge-member", args=[alice.pk])
    before = Transfer.objects.across_tenants().count()
    shown = platform.post(address, {"key": "k", "kind": "self", "amount": "20"})
    effects = [(effect.owner, *effect.before, *effect.after) for effect in shown.context["effects"]]
    assert effects == [("Acme", 50, 0, 30, 0), (alice.email, 0, 0, 20, 0)]
    assert Transfer.objects.across_tenants().count() == before
    assert account(alice.owner, Account.Kind.SELF).balance == 0


@pytest.mark.parametrize("confirmed", [{}, {"confirmed": "yes"}])
@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "0.000000001", "51", "1e30", "much"])
def test_what_cannot_move_is_refused_on_the_form(platform, alice, amount, confirmed):
    address = reverse("console:recharge-member", args=[alice.pk])
    before = Transfer.objects.across_tenants().count()
    asked = {"key": "k", "kind": "self", "amount": amount}
    answer = platform.post(address, asked | confirmed)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert Transfer.objects.across_tenants().count() == before


def test_a_tenants_staff_recharge_no_tenant_and_no_other_tenants_member(client, acme, alice):
    client.force_login(UserFactory(is_superuser=True))
    member = client.get(reverse("console:recharge-member", args=[alice.pk]))
    tenant = client.get(reverse("console:recharge-tenant", args=[acme.pk]))
    assert (member.status_code, tenant.status_code) == (404, 403)


def test_the_platform_looks_through_one_tenant(platform, acme, alice):
    other = open_tenant(name="Globex").tenant
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


def test_a_member_hands_cards_on_along_the_line(platform, acme, alice):
    bob = create_member(
        tenant=acme, email="bob@example.com", password="long enough", invite_code=alice.invite_code
    )
    recharge_member(key="a", member=alice, kind=Account.Kind.SELF, amount=Decimal(30))
    address = reverse("console:transfer-cards", args=[alice.pk])
    asked = {"key": "k", "kind": "self", "amount": "20", "receiver": bob.email}
    shown = platform.post(address, asked)
    effects = [(effect.owner, *effect.before, *effect.after) for effect in shown.context["effects"]]
    assert effects == [(alice.email, 30, 0, 10, 0), (bob.email, 0, 0, 20, 0)]
    platform.post(address, asked | {"confirmed": "yes"})
    assert account(bob.owner, Account.Kind.SELF).balance == 20
    refused = platform.post(address, asked | {"key": "l", "receiver": "nobody@example.com"})
    assert refused.context["form"].errors["receiver"]
