"""Rules of the house that a clever caller walks around."""

import hashlib
import json
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import jwt
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from apps.core.models import IdempotencyKey
from apps.members.models import Member
from apps.members.services import disable_member, set_password
from apps.strategies.models import Subscription
from apps.strategies.services import pause_short
from apps.tenants.models import Tenant
from apps.venues.services import bind_account
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk
from tests.points import give, take

pytestmark = pytest.mark.django_db


def following(shop):
    member = Member.objects.of(shop.tenant).get(pk=shop.member())
    give(member, 1)
    account = bind_account(member=member, venue="paper")
    offer = shop.offer()
    told = shop.post_json(
        "/merchant/v2/subscriptions", account_id=account.pk, strategy_id=offer.pk, capital="1000"
    )
    assert told.status_code == 201, told.content
    take(member)
    return member, told.json()["id"]


def test_a_subscription_paused_for_want_of_points_is_not_resumed_by_stopping_it_first():
    shop = Shop()
    member, pk = following(shop)
    pause_short(members=[member])
    where = f"/merchant/v2/subscriptions/{pk}"
    assert shop.post_json(f"{where}/resume").status_code == 409
    shop.post_json(f"{where}/stop")
    shop.post_json(f"{where}/resume")
    row = Subscription.objects.across_tenants().get(pk=pk)
    assert row.status != Subscription.Status.ACTIVE


def test_nor_by_subscribing_anew():
    shop = Shop()
    member, pk = following(shop)
    pause_short(members=[member])
    row = Subscription.objects.across_tenants().get(pk=pk)
    shop.post_json(f"/merchant/v2/subscriptions/{pk}/stop")
    shop.post_json(
        "/merchant/v2/subscriptions",
        account_id=row.venue_account_id,
        strategy_id=row.tenant_strategy_id,
        capital="1000",
    )
    row.refresh_from_db()
    assert row.status != Subscription.Status.ACTIVE


@pytest.mark.parametrize("role", ["operator", "support", "staff"])
def test_only_finance_and_owners_issue_point_cards(role):
    """docs/platform-api.md, Roles: recharge is finance's."""
    shop = Shop()
    desk = Desk(role, tenant=shop.tenant if role == "staff" else None)
    told = desk.post(f"tenants/{shop.tenant.pk}/recharge", kind="self", amount="1000000")
    assert told.status_code == 403, told.content


@pytest.mark.parametrize("role", ["operator", "support"])
def test_only_finance_and_owners_put_tenants_on_plans(role):
    from tests.factories import PlanFactory

    shop = Shop()
    told = Desk(role).post(f"tenants/{shop.tenant.pk}/plan", plan_id=PlanFactory().pk)
    assert told.status_code == 403, told.content


@pytest.mark.parametrize("role", ["operator", "support"])
def test_only_finance_owners_and_the_merchants_own_hand_cards_to_members(role):
    shop = Shop()
    pk = shop.member()
    desk = Desk(role, tenant=shop.tenant if role == "staff" else None)
    told = desk.post(f"members/{pk}/recharge", kind="self", amount="1000")
    assert told.status_code == 403, told.content


def test_finance_suspends_no_tenant():
    shop = Shop()
    told = Desk("finance").post(f"tenants/{shop.tenant.pk}/suspend")
    assert told.status_code == 403, told.content


def test_an_operator_makes_no_key_that_tells_venue_accounts_secrets_or_moves_money():
    shop = Shop()
    desk = Desk("operator")
    told = desk.post(
        "app-keys", for_tenant=shop.tenant.pk, name="mine", scopes=["secrets:read", "money"]
    )
    assert told.status_code == 403, told.content


def test_wrong_old_passwords_are_counted():
    desk = Desk("support")
    answers = [
        desk.post("auth/change-password", old_password=f"wrong {n}", new_password="a new one, long")
        for n in range(8)
    ]
    assert 429 in {answer.status_code for answer in answers}


def test_a_members_sign_in_is_never_repeated_for_a_key():
    shop = Shop()
    pk = shop.member()
    once = {"Idempotency-Key": "one"}
    form = {"email": "alice@example.com", "password": "12345678"}
    assert shop.post_json("/merchant/v2/members/sign-in", once, **form).status_code == 200
    member = Member.objects.of(shop.tenant).get(pk=pk)
    set_password(member=member, password="another one")
    disable_member(member=member)
    again = shop.post_json("/merchant/v2/members/sign-in", once, **form)
    assert again.status_code != 200, again.content


def test_no_fast_hash_of_a_members_password_is_kept():
    shop = Shop()
    once = {"Idempotency-Key": "one"}
    form = {"email": "alice@example.com", "password": "12345678"}
    assert shop.post_json("/merchant/v2/members", once, **form).status_code == 201
    row = IdempotencyKey.objects.get(key="one")
    # What somebody with a copy of the database tries, a billion times a second.
    guess = hashlib.sha256(json.dumps(form).encode()).hexdigest()
    plain = json.dumps(["one", ["POST", "/merchant/v2/members", guess]])
    assert row.request_hash not in (guess, hashlib.sha256(plain.encode()).hexdigest())


@pytest.mark.parametrize("amount", ["１", "1_0", "٣", " 1 ", "\u20031"])
def test_an_amount_is_written_in_ascii_digits(amount):
    shop = Shop()
    pk = shop.member()
    told = shop.post_json(f"/merchant/v2/members/{pk}/recharges", kind="self", amount=amount)
    assert told.status_code == 422, told.content


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-1",
        "NaN",
        "sNaN",
        "1e-9",
        "1e30",
        "Infinity",
        True,
        [],
        "1e999999999",
        "1e-999999999",
        {},
        None,
        "",
    ],
)
def test_no_such_amount_moves_points(amount):
    shop = Shop()
    pk = shop.member()
    told = shop.post_json(f"/merchant/v2/members/{pk}/recharges", kind="self", amount=amount)
    assert 400 <= told.status_code < 500
    told = shop.post("/merchant/user/recharge", email="alice@example.com", amount=amount, type=1)
    assert told.json()["code"] != 0
    told = shop.post(
        "/merchant/user/withdraw",
        email="alice@example.com",
        amount=amount,
        wallet_address="TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    )
    assert told.json()["code"] != 0


def test_a_name_does_not_break_the_sheet():
    desk = Desk()
    Tenant.objects.create(name="Acme \uffff\ufffe")
    told = desk.get("tenants", export="xlsx")
    assert told.status_code == 200
    rows = list(load_workbook(BytesIO(told.content)).active.rows)
    assert len(rows) == 2


def test_a_deep_page_of_the_card_log_reads_no_more_than_itself(django_assert_max_num_queries):
    shop = Shop()
    shop.member()
    from apps.ledger.models import Transfer
    from apps.pointcards.services import recharge_tenant

    for n in range(300):
        recharge_tenant(key=f"k{n}", tenant=shop.tenant, kind="self", amount=Decimal(1))
    made = []
    real = Transfer.from_db.__func__

    def counted(cls, *args):
        made.append(1)
        return real(cls, *args)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Transfer, "from_db", classmethod(counted))
        told = shop.get("/merchant/point-card/logs", page=30, limit=10)
    assert told.json()["data"]["total"] == 301
    assert len(made) < 100, len(made)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_forged_tokens():
    desk = Desk()
    http = Client()
    claims = jwt.decode(desk.tokens["access"], options={"verify_signature": False})
    forged = [
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, "x" * 50, algorithm="HS256"),
        jwt.encode(claims, settings.SECRET_KEY, algorithm="HS512"),
        jwt.encode(claims | {"aud": "other"}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode(
            claims | {"exp": timezone.now() - timedelta(1)}, settings.SECRET_KEY, algorithm="HS256"
        ),
        jwt.encode(
            {k: v for k, v in claims.items() if k != "exp"}, settings.SECRET_KEY, algorithm="HS256"
        ),
        jwt.encode(claims | {"login": "x"}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode(claims | {"login": 10**30}, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode(claims | {"login": 1e400}, settings.SECRET_KEY, algorithm="HS256"),
        desk.tokens["refresh"],
        "a.b.c",
        "..",
        "é",
        "x" * 7000,
    ]
    for token in forged:
        try:
            answer = http.get("/api/auth/me", headers=bearer(token))
        except OverflowError:
            pytest.fail(token[:80])
        assert answer.status_code == 401, (token[:200], answer.status_code)


def test_a_disabled_user_and_a_suspended_tenant_are_out_at_once():
    from apps.tenants.services import disable_user, suspend_tenant

    shop = Shop()
    desk, staff = Desk("support"), Desk("staff", tenant=shop.tenant)
    assert desk.get("members").status_code == 200
    disable_user(user=desk.user)
    assert desk.get("members").status_code == 401
    assert staff.get("members").status_code == 200
    suspend_tenant(tenant=shop.tenant)
    assert staff.get("members").status_code == 401
    assert (
        desk.http.post(
            "/api/auth/refresh",
            json.dumps({"refresh": desk.tokens["refresh"]}),
            content_type="application/json",
        ).status_code
        == 401
    )


def test_staff_switch_no_tenant():
    one, two = Shop("One"), Shop("Two")
    desk = Desk("staff", tenant=one.tenant)
    for where in (
        f"members?tenant_id={two.tenant.pk}",
        f"members?tenant_id={one.tenant.pk}&tenant_id={two.tenant.pk}",
        "members?tenant_id=0",
        "members?tenant_id=１",
    ):
        told = desk.http.get(f"/api/{where}", headers=desk.headers)
        assert told.status_code == 404, where
    told = desk.http.get(f"/api/members?tenant_id={two.tenant.pk}&tenant_id=", headers=desk.headers)
    assert {row["tenant_id"] for row in told.json()["data"]} <= {one.tenant.pk}
