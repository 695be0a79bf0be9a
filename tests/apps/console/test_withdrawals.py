"""The withdrawals desk: what will move is shown, and moved once, by whom it is allowed."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse, reverse_lazy

from apps.core.admin import row_page
from apps.core.models import AuditEntry
from apps.rewards.models import Withdrawal
from apps.rewards.services import approve_withdrawal, request_withdrawal
from tests.apps.rewards.shop import Shop
from tests.apps.rewards.test_withdrawals import ADDRESS, HASH, NOW, earned, money
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def withdrawal():
    member = earned(Shop())
    return request_withdrawal(
        key="k", member=member, amount=Decimal(100), network="TRC20", address=ADDRESS, now=NOW
    )


@pytest.fixture
def platform(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True, username="ben"))
    return client


def address(withdrawal, step):
    return reverse("console:withdrawal", args=[withdrawal.pk, step])


def test_a_step_is_taken_only_when_it_is_confirmed(platform, withdrawal):
    shown = platform.get(address(withdrawal, "approve"))
    assert shown.context["moves"] == []
    withdrawal.refresh_from_db()
    assert withdrawal.status == "pending"
    platform.post(address(withdrawal, "approve"), {"confirmed": "yes"})
    withdrawal.refresh_from_db()
    assert (withdrawal.status, withdrawal.decided_by) == ("approved", "ben")


def test_what_a_rejection_gives_back_is_shown(platform, withdrawal):
    shown = platform.get(address(withdrawal, "reject"))
    assert [(before, after) for _account, before, after in shown.context["moves"]] == [
        (100, 0),
        (100, 200),
    ]
    assert platform.post(address(withdrawal, "reject"), {"because": ""}).context["form"].errors
    platform.post(address(withdrawal, "reject"), {"because": "not you"})
    assert money(withdrawal.member) == [200, 0, 0, 0]


def test_what_a_payment_moves_is_shown_and_its_hash_is_checked(platform, withdrawal):
    approve_withdrawal(withdrawal=withdrawal, by="ann", now=NOW)
    shown = platform.get(address(withdrawal, "complete"))
    assert [(before, after) for _account, before, after in shown.context["moves"]] == [
        (100, 0),
        (0, 95),
        (0, 5),
    ]
    refused = platform.post(address(withdrawal, "complete"), {"tx_hash": "paid"})
    assert refused.context["form"].errors["tx_hash"]
    for _ in range(2):
        platform.post(address(withdrawal, "complete"), {"tx_hash": HASH})
    assert money(withdrawal.member) == [100, 0, 95, 5]


def test_four_eyes_hold_on_the_desk(platform, withdrawal):
    approve_withdrawal(withdrawal=withdrawal, by="ben", now=NOW)
    refused = platform.post(address(withdrawal, "complete"), {"tx_hash": HASH})
    assert refused.context["form"].non_field_errors()
    assert money(withdrawal.member) == [100, 100, 0, 0]


def test_a_step_that_is_not_possible_says_so(platform, withdrawal):
    shown = platform.get(address(withdrawal, "complete"))
    assert not shown.context["is_possible"]
    refused = platform.post(address(withdrawal, "complete"), {"tx_hash": HASH})
    assert "pending" in str(refused.context["form"].errors)
    assert platform.get(address(withdrawal, "undo")).status_code == 404


def test_another_tenants_withdrawal_is_not_there_and_nobody_decides_unasked(client, withdrawal):
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(address(withdrawal, "approve")).status_code == 404
    client.force_login(UserFactory(tenant=None))
    assert client.post(address(withdrawal, "approve"), {"confirmed": "yes"}).status_code == 403
    assert Withdrawal.objects.across_tenants().get().status == "pending"


LIST = reverse_lazy("admin:rewards_withdrawal_changelist")


def test_the_list_leads_to_the_next_step(platform, withdrawal):
    shown = platform.get(LIST).content.decode()
    assert address(withdrawal, "approve") in shown
    assert address(withdrawal, "complete") not in shown


def staff_of(tenant, *permissions):
    staff = UserFactory(tenant=tenant, username="carl")
    staff.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return staff


def test_who_may_look_is_not_led_to_a_decision_nor_let_take_it(client, withdrawal):
    client.force_login(staff_of(withdrawal.tenant, "view_withdrawal", "change_withdrawal"))
    for page in (LIST, row_page(withdrawal)):
        assert address(withdrawal, "approve") not in client.get(page).content.decode()
    for step in ("approve", "reject", "complete"):
        assert client.get(address(withdrawal, step)).status_code == 403
        assert client.post(address(withdrawal, step), {"confirmed": "yes"}).status_code == 403
    withdrawal.refresh_from_db()
    assert withdrawal.status == "pending"


def test_a_tenants_staff_decides_on_its_own(client, withdrawal):
    client.force_login(staff_of(withdrawal.tenant, "view_withdrawal", "decide_withdrawal"))
    assert str(LIST) in client.get(LIST).content.decode()
    assert address(withdrawal, "approve") in client.get(LIST).content.decode()
    client.post(address(withdrawal, "approve"), {"confirmed": "yes"})
    withdrawal.refresh_from_db()
    assert (withdrawal.status, withdrawal.decided_by) == ("approved", "carl")


def test_a_second_click_does_nothing_and_says_so(platform, withdrawal):
    for _ in range(2):
        answer = platform.post(address(withdrawal, "reject"), {"because": "not you"}, follow=True)
    assert "rejected cannot become" in str(answer.context["form"].non_field_errors())
    assert money(withdrawal.member) == [200, 0, 0, 0]
    assert AuditEntry.objects.filter(action="withdrawal.rejected").count() == 1


def sums(answer):
    return {
        line["title"]: [line["figures"][0], *map(int, line["figures"][1:])]
        for line in answer.context["cl"].sums
    }


def test_the_list_says_what_each_status_comes_to(platform, withdrawal):
    other = request_withdrawal(
        key="o",
        member=withdrawal.member,
        amount=Decimal(60),
        network="TRC20",
        address=ADDRESS,
        now=NOW,
    )
    approve_withdrawal(withdrawal=other, by="ann", now=NOW)
    everything = {
        "Pending": [1, 100, 5, 95],
        "Approved": [1, 60, 3, 57],
        "Rejected": [0, 0, 0, 0],
        "Completed": [0, 0, 0, 0],
    }
    assert sums(platform.get(LIST)) == everything
    shown = platform.get(LIST, {"status__exact": "approved", "q": withdrawal.member.email})
    assert [row.pk for row in shown.context["cl"].result_list] == [other.pk]
    assert sums(shown) == everything
    lines = shown.context["cl"].sums
    assert [line["title"] for line in lines if line["is_shown"]] == ["Approved"]
    assert f"q={withdrawal.member.email.replace('@', '%40')}" in lines[0]["query"]
    nobody = platform.get(LIST, {"q": "nobody@example.com"})
    assert {count for count, *_ in sums(nobody).values()} == {0}


def test_the_sums_are_a_tenants_own(client, withdrawal):
    client.force_login(UserFactory(is_superuser=True))
    assert {count for count, *_ in sums(client.get(LIST)).values()} == {0}
