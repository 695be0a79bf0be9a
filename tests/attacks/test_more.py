"""Idempotency, isolation, exports, keys, and what tenants are told of the platform's people."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import account
from apps.ledger.services import transfer
from apps.members.models import Member
from apps.rewards.models import Withdrawal
from apps.tenants.models import AppKey
from apps.tenants.services import rotate_app_key
from ironbull.management.commands.up import gunicorn_options
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk
from tests.at_once import at_once
from tests.attacks.test_at_once import balance, codes, door

TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


@pytest.mark.django_db
def test_a_key_is_one_tenants_one_paths_and_one_bodys():
    one, two = Shop("One"), Shop("Two")
    a, b = one.member("a@x.yz"), one.member("b@x.yz")
    other = two.member("a@x.yz")
    once = {"Idempotency-Key": "k"}
    path = "/merchant/v2/members/{}/recharges"
    first = one.post_json(path.format(a), once, kind="self", amount="1")
    assert first.status_code == 201
    assert one.post_json(path.format(b), once, kind="self", amount="1").status_code == 409
    assert one.post_json(path.format(a), once, kind="self", amount="2").status_code == 409
    assert two.post_json(path.format(other), once, kind="self", amount="1").status_code == 201
    assert one.post_json(path.format(a), once, kind="self", amount="1").json() == first.json()
    assert balance(f"member:{a}", "self") == 1
    for key in ("", "x" * 101):
        told = one.post_json(path.format(a), {"Idempotency-Key": key}, kind="self", amount="1")
        assert told.status_code == 400
    # A refusal frees the key.
    assert (
        one.post_json(
            path.format(a), {"Idempotency-Key": "f"}, kind="self", amount="9999"
        ).status_code
        == 409
    )
    assert (
        one.post_json(path.format(a), {"Idempotency-Key": "f"}, kind="self", amount="3").status_code
        == 201
    )


@pytest.mark.django_db
def test_nothing_of_another_tenant_is_reached_by_its_id():
    one, two = Shop("One"), Shop("Two")
    mine, theirs = one.member("a@x.yz"), two.member("b@x.yz")
    their_root = Member.objects.of(two.tenant).get(root_of=two.tenant)
    m = "/merchant/v2/members"
    tries = [
        one.get(f"{m}/{theirs}"),
        one.get(f"{m}/{theirs}/team"),
        one.get(f"{m}/{theirs}/statement"),
        one.post_json(f"{m}/{theirs}/recharges", kind="self", amount="1"),
        one.post_json(f"{m}/{mine}/transfers", to_member_id=theirs, kind="self", amount="1"),
        one.json("PATCH", f"{m}/{mine}", inviter_id=their_root.pk),
        one.json("PATCH", f"{m}/{theirs}", status="disabled"),
        one.post_json("/merchant/v2/withdrawals", member_id=theirs, amount="50", address=TRON),
        one.post_json("/merchant/v2/venue-accounts", member_id=theirs, venue="paper"),
        # The path wins over the body.
        one.post_json(f"{m}/{theirs}/recharges", member_id=mine, kind="self", amount="1"),
    ]
    assert {told.status_code for told in tries} == {404}
    assert (
        one.post_json(
            m, email="c@x.yz", password="12345678", invite_code=their_root.invite_code
        ).status_code
        == 400
    )
    for where in (
        "members?inviter_id",
        "withdrawals?member_id",
        "rewards?member_id",
        "venue-accounts?member_id",
        "subscriptions?member_id",
        "members?cursor",
    ):
        path, _, name = where.partition("?")
        rows = one.get(
            f"/merchant/v2/{path}", **{name: theirs + 1000 if name == "cursor" else theirs}
        ).json()["items"]
        assert theirs not in {row.get("member_id", row["id"]) for row in rows}


@pytest.mark.django_db
def test_exports_hold_no_formula():
    from apps.tenants.models import Tenant

    for start in ("=", "+", "-", "@", "\t=", "\r=", " =", "|", "＝", "\n="):
        Tenant.objects.create(name=f"{start}cmd()")
    told = b"".join(Desk().get("tenants", export="csv").streaming_content).decode()
    import csv
    import io

    for row in list(csv.reader(io.StringIO(told.lstrip("\ufeff"))))[1:]:
        assert row[2].startswith("'"), row


@pytest.mark.django_db
def test_rotation_goes_on_for_ever():
    """A key whose overlap is over counts against the fifty that a tenant may have."""
    shop = Shop()
    key, now = shop.app_key, timezone.now()
    for n in range(55):
        key = rotate_app_key(
            app_key=key, overlap=timedelta(0), now=now + timedelta(days=30 * n)
        ).app_key
    assert AppKey.objects.of(shop.tenant).count() == 56


@pytest.mark.django_db
def test_a_tenants_staff_are_not_told_where_the_platforms_people_sit():
    shop = Shop()
    pk = shop.member()
    Desk("operator", username="operator-ann").post(f"members/{pk}/disable")
    told = Desk("staff", tenant=shop.tenant).get("audit", search="operator-ann").json()
    assert [row["source"] for row in told.get("data", []) if row["source"]] == []


@pytest.mark.django_db
def test_guesses_of_a_members_password_are_slowed_down():
    shop = Shop()
    shop.member()
    where = "/merchant/v2/members/sign-in"
    told = [
        shop.post_json(where, email="alice@example.com", password=f"wrong {n}") for n in range(12)
    ]
    assert 429 in {answer.status_code for answer in told}


def test_the_server_takes_no_script_name_from_a_header():
    """`GET /x/admin/` with `SCRIPT_NAME: /x` is `/admin/`, past a proxy's rule for /admin."""
    assert "--forwarder-headers" in gunicorn_options(8000)


@pytest.mark.django_db
def test_dust_does_not_resume_what_was_paused_for_want_of_points():
    from apps.strategies.models import Subscription
    from apps.strategies.services import pause_short
    from tests.attacks.test_rules import following

    shop = Shop()
    member, pk = following(shop)
    pause_short(members=[member])
    shop.post_json(f"/merchant/v2/members/{member.pk}/recharges", kind="self", amount="0.00000001")
    assert Subscription.objects.across_tenants().get(pk=pk).status == Subscription.Status.PAUSED


def rewarded(shop, amount, email="alice@example.com"):
    pk = shop.member(email)
    pool = account(f"tenant:{shop.tenant.pk}", Account.Kind.SELF)
    transfer(
        key=f"gift-{pk}",
        debit=pool,
        credit=account(f"member:{pk}", "reward"),
        amount=Decimal(amount),
        reason=Transfer.Reason.REWARD,
    )
    return pk


@pytest.mark.django_db(transaction=True)
def test_rewards_are_withdrawn_once():
    shop = Shop()
    pk = rewarded(shop, 120)
    found = codes(
        at_once(
            20,
            lambda: door(
                shop, "POST", "/merchant/v2/withdrawals", member_id=pk, amount="50", address=TRON
            ),
        )
    )
    assert set(found) <= {201, 400, 409, 503}, found
    assert found[201] == 2
    assert balance(f"member:{pk}", "reward") == 20
    assert balance(f"member:{pk}", "held") == 100


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_is_decided_once():
    shop = Shop()
    pk = rewarded(shop, 120)
    told = door(
        shop, "POST", "/merchant/v2/withdrawals", member_id=pk, amount="50", address=TRON
    ).json()
    desks = [Desk("finance") for _ in range(4)]

    def decide(n):
        desk = desks[n % 4]
        verb, more = [
            ("approve", {}),
            ("reject", {"reason": "no"}),
            ("complete", {"tx_hash": "a" * 64}),
            ("reject", {"reason": "x"}),
        ][n % 4]
        http = Client(raise_request_exception=False)
        return http.generic(
            "POST",
            f"/api/withdrawals/{told['id']}/{verb}",
            json.dumps(more),
            content_type="application/json",
            headers=desk.headers,
        )

    found = codes(at_once(20, decide, list(range(20))))
    assert set(found) <= {200, 403, 409, 503}, found
    row = Withdrawal.objects.of(shop.tenant).get()
    assert (
        balance(f"member:{pk}", "reward")
        + balance(f"member:{pk}", "held")
        + (50 if row.status == "completed" else 0)
        == 120
    )


@pytest.mark.django_db(transaction=True)
def test_one_refresh_token_is_good_once():
    desk = Desk("support")

    def refresh():
        return Client(raise_request_exception=False).post(
            "/api/auth/refresh",
            json.dumps({"refresh": desk.tokens["refresh"]}),
            content_type="application/json",
        )

    found = codes(at_once(20, refresh))
    assert set(found) <= {200, 401, 503}
    assert found[200] <= 1, found


@pytest.mark.django_db(transaction=True)
def test_strategies_and_offers_change_at_once():
    shop = Shop()
    offer = shop.offer()
    desks = [Desk("operator") for _ in range(4)]
    pk = shop.member()

    def change(n):
        http = Client(raise_request_exception=False)
        path, method, body = [
            (f"tenant-strategies/{offer.pk}", "PATCH", {"capital": str(1000 + n)}),
            (
                f"tenants/{shop.tenant.pk}/suspend"
                if n % 8 < 4
                else f"tenants/{shop.tenant.pk}/resume",
                "POST",
                {},
            ),
            ("venue-accounts", "POST", {"member_id": pk, "venue": "paper", "label": f"l{n % 3}"}),
            (f"strategies/{offer.strategy_id}/{'pause' if n % 8 < 4 else 'resume'}", "POST", {}),
        ][n % 4]
        return http.generic(
            method,
            f"/api/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=desks[n % 4].headers,
        )

    found = codes([answer for _ in range(3) for answer in at_once(20, change, list(range(20)))])
    assert set(found) <= {200, 201, 400, 403, 409, 503}, found
