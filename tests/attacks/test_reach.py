"""How far somebody reaches who should not."""

import pytest
from django.db import IntegrityError

from apps.members.models import Member
from apps.merchant.ring import keyring
from apps.venues.services import bind_account
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk

pytestmark = pytest.mark.django_db


def test_an_operator_does_not_read_the_secrets_of_venue_accounts():
    """Nobody of the platform reads them; an operator makes a key that does."""
    shop = Shop()
    member = Member.objects.of(shop.tenant).get(pk=shop.member())
    account = bind_account(member=member, venue="binance", api_key="kkkk", api_secret="the-secret")
    made = Desk("operator").post(
        "app-keys", for_tenant=shop.tenant.pk, name="mine", scopes=["read", "secrets:read"]
    )
    if made.status_code == 201:
        shop.secret, shop.app_key.key = (
            made.json()["data"]["secret"],
            made.json()["data"]["key"]["key"],
        )
    keyring.cache_clear()
    told = shop.get(f"/merchant/v2/venue-accounts/{account.pk}/keys")
    assert made.status_code == 403 or b"the-secret" not in told.content, told.content


def test_staff_without_a_tenant_see_nobodys_rows():
    shop = Shop()
    shop.member()
    try:
        desk = Desk("staff")
    except IntegrityError:
        return
    told = desk.get("members")
    assert told.status_code == 403 or told.json()["data"] == [], told.content[:200]


@pytest.mark.parametrize("role", ["operator", "finance", "support", "owner"])
def test_platform_roles_have_no_tenant(role):
    shop = Shop()
    with pytest.raises(IntegrityError):
        Desk(role, tenant=shop.tenant)


def test_a_browsers_session_opens_no_door():
    desk = Desk("owner")
    desk.http.force_login(desk.user)
    assert desk.http.get("/api/members").status_code == 401


def test_who_logs_in_while_the_password_changes_is_out(monkeypatch):
    """The old password takes a quarter of a second to check; it is changed meanwhile."""
    from django.test import Client
    from django.utils import timezone

    from apps.tenants.services import change_password, logins
    from tests.apps.platform.desk import log_in
    from tests.factories import PASSWORD

    desk = Desk("support")
    checked = logins.show_second_factor

    def meanwhile(**asked):
        change_password(
            user=desk.user,
            old=PASSWORD,
            new="another long word",
            keep=None,
            source="",
            now=timezone.now(),
        )
        return checked(**asked)

    monkeypatch.setattr(logins, "show_second_factor", meanwhile)
    told = log_in(Client(), desk.user.username)
    if told.status_code == 200:
        headers = {"Authorization": f"Bearer {told.json()['data']['access']}"}
        assert Client().get("/api/auth/me", headers=headers).status_code == 401
