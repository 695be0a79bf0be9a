"""The same and other things at the same moment, with twenty hands."""

import threading
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client

from apps.ledger.models import Account
from apps.members import services as members
from apps.members.models import Member
from apps.strategies.models import Subscription
from apps.venues.models import VenueAccount
from apps.venues.services import bind_account
from tests.apps.merchant.shop import Shop, signed
from tests.at_once import at_once
from tests.factories import PlanFactory, StrategyFactory, TenantStrategyFactory
from tests.points import give

pytestmark = pytest.mark.django_db(transaction=True)
N = 20


def door(shop, method, path, headers=None, **values):
    """A call with a client of its own: threads share none."""
    import json

    body = json.dumps(values).encode() if method != "GET" else b""
    sign = signed(shop.app_key.key, shop.secret, method, path, body=body)
    http = Client(raise_request_exception=False)
    return http.generic(
        method, path, body, content_type="application/json", headers=sign | (headers or {})
    )


def codes(answers):
    return Counter(getattr(answer, "status_code", repr(answer)) for answer in answers)


def balance(owner, kind):
    return Account.objects.across_tenants().get(owner=owner, kind=kind).balance


def test_one_nonce_is_admitted_once():
    shop = Shop()
    sign = signed(shop.app_key.key, shop.secret, "GET", "/merchant/v2/cards")
    found = codes(at_once(N, lambda: Client().get("/merchant/v2/cards", headers=sign)))
    assert found == {200: 1, 401: N - 1}


def test_the_calls_of_a_plan_are_counted_exactly():
    shop = Shop(plan=PlanFactory(calls_daily=7, calls_monthly=0))
    found = codes(at_once(N, lambda: door(shop, "GET", "/merchant/v2/cards")))
    assert found == {200: 7, 429: N - 7}


def test_one_idempotency_key_moves_points_once():
    shop = Shop()
    pk = shop.member()
    path = f"/merchant/v2/members/{pk}/recharges"
    found = codes(
        at_once(
            N, lambda: door(shop, "POST", path, {"Idempotency-Key": "k"}, kind="self", amount="10")
        )
    )
    assert set(found) <= {201, 409, 503}, found
    assert balance(f"member:{pk}", "self") == 10


def test_one_idempotency_key_with_other_bodies_moves_points_once():
    shop = Shop()
    pk = shop.member()
    path = f"/merchant/v2/members/{pk}/recharges"
    found = codes(
        at_once(
            N,
            lambda n: door(
                shop, "POST", path, {"Idempotency-Key": "k"}, kind="self", amount=str(n)
            ),
            list(range(1, N + 1)),
        )
    )
    assert set(found) <= {201, 409, 503}, found
    assert found[201] == 1


def test_nobody_spends_more_than_there_is():
    shop = Shop(own=Decimal(100))
    pk = shop.member()
    path = f"/merchant/v2/members/{pk}/recharges"
    found = codes(at_once(N, lambda: door(shop, "POST", path, kind="self", amount="30")))
    assert set(found) <= {201, 400, 409, 503}, found
    assert found[201] == 3
    assert balance(f"member:{pk}", "self") == 90


def test_cards_go_to_and_fro():
    shop = Shop(own=Decimal(1000))
    root = Member.objects.of(shop.tenant).get(root_of=shop.tenant)
    pk = shop.member()
    for who in (root.pk, pk):
        assert (
            door(
                shop, "POST", f"/merchant/v2/members/{who}/recharges", kind="self", amount="100"
            ).status_code
            == 201
        )
    found = codes(
        at_once(
            N,
            lambda n: door(
                shop,
                "POST",
                f"/merchant/v2/members/{(root.pk, pk)[n % 2]}/transfers",
                to_member_id=(pk, root.pk)[n % 2],
                kind="self",
                amount="7",
            ),
            list(range(N)),
        )
    )
    assert set(found) <= {201, 503}, found
    assert balance(f"member:{pk}", "self") + balance(root.owner, "self") == 200


def test_a_plan_is_never_overfull_of_members():
    shop = Shop(plan=PlanFactory(max_members=3, calls_daily=0, calls_monthly=0))
    found = codes(
        at_once(
            N,
            lambda n: door(
                shop, "POST", "/merchant/v2/members", email=f"m{n}@x.yz", password="12345678"
            ),
            list(range(N)),
        )
    )
    assert set(found) <= {201, 400, 409, 429, 503}, found
    assert found[201] == 3


def test_a_plan_is_never_overfull_of_accounts():
    shop = Shop(
        plan=PlanFactory(max_venue_accounts=3, calls_daily=0, calls_monthly=0, max_members=0)
    )
    who = [shop.member(f"m{n}@x.yz") for n in range(4)]
    found = codes(
        at_once(
            N,
            lambda n: door(
                shop,
                "POST",
                "/merchant/v2/venue-accounts",
                member_id=who[n % 4],
                venue="paper",
                label=f"l{n}",
            ),
            list(range(N)),
        )
    )
    assert set(found) <= {201, 400, 409, 429, 503}, found
    assert VenueAccount.objects.of(shop.tenant).filter(status="active").count() == 3


def test_a_plan_is_never_overfull_of_subscriptions():
    shop = Shop(
        plan=PlanFactory(
            max_subscriptions=3, calls_daily=0, calls_monthly=0, max_members=0, max_venue_accounts=0
        )
    )
    offers = [
        TenantStrategyFactory(tenant=shop.tenant, strategy=StrategyFactory(venue="paper"))
        for _ in range(5)
    ]
    who = [Member.objects.of(shop.tenant).get(pk=shop.member(f"m{n}@x.yz")) for n in range(4)]
    accounts = [bind_account(member=give(member), venue="paper") for member in who]
    pairs = [(account.pk, offer.pk) for account in accounts for offer in offers]
    found = codes(
        at_once(
            N,
            lambda p: door(
                shop,
                "POST",
                "/merchant/v2/subscriptions",
                account_id=p[0],
                strategy_id=p[1],
                capital="1000",
            ),
            pairs,
        )
    )
    assert set(found) <= {201, 400, 409, 429, 503}, found
    assert Subscription.objects.of(shop.tenant).exclude(status="stopped").count() == 3


def test_the_same_account_bound_at_once():
    shop = Shop()
    pk = shop.member()
    found = codes(
        at_once(
            N,
            lambda: door(shop, "POST", "/merchant/v2/venue-accounts", member_id=pk, venue="paper"),
        )
    )
    assert set(found) <= {201, 503}, found


def test_the_same_email_at_once():
    shop = Shop()
    found = codes(
        at_once(
            N,
            lambda: door(shop, "POST", "/merchant/v2/members", email="a@b.cd", password="12345678"),
        )
    )
    assert set(found) <= {201, 409, 503}, found
    assert found[201] == 1


def test_members_change_at_once():
    shop = Shop()
    who = [shop.member(f"m{n}@x.yz") for n in range(5)]

    def change(n):
        me, other = who[n % 5], who[(n + 1) % 5]
        what = [
            {"status": "disabled"},
            {"status": "active"},
            {"inviter_id": other},
            {"is_market_node": bool(n % 2)},
        ][n % 4]
        more = {"is_market_node": n % 3 == 0, "inviter_id": other}
        return door(shop, "PATCH", f"/merchant/v2/members/{me}", **(what | (more if n % 2 else {})))

    found = codes([answer for _ in range(3) for answer in at_once(N, change, list(range(N)))])
    assert set(found) <= {200, 400, 409, 503}, found


def test_subscriptions_change_at_once():
    shop = Shop()
    member = Member.objects.of(shop.tenant).get(pk=shop.member())
    account = bind_account(member=give(member), venue="paper")
    offers = [shop.offer() for _ in range(3)]
    told = [
        door(
            shop,
            "POST",
            "/merchant/v2/subscriptions",
            account_id=account.pk,
            strategy_id=o.pk,
            capital="1000",
        )
        for o in offers
    ]
    subs = [one.json()["id"] for one in told]

    def change(n):
        sub = subs[n % 3]
        kind = n % 6
        if kind == 0:
            return door(shop, "POST", f"/merchant/v2/subscriptions/{sub}/stop")
        if kind == 1:
            return door(shop, "POST", f"/merchant/v2/subscriptions/{sub}/resume")
        if kind == 2:
            return door(
                shop, "POST", "/merchant/v2/venue-accounts", member_id=member.pk, venue="paper"
            )
        if kind == 3:
            return door(shop, "DELETE", f"/merchant/v2/venue-accounts/{account.pk}")
        if kind == 4:
            return door(
                shop, "POST", f"/merchant/v2/members/{member.pk}/recharges", kind="self", amount="1"
            )
        return door(shop, "PATCH", f"/merchant/v2/subscriptions/{sub}", capital=str(1000 + n))

    found = codes([answer for _ in range(3) for answer in at_once(N, change, list(range(N)))])
    assert set(found) <= {200, 201, 400, 409, 503}, found


@pytest.mark.mariadb
def test_a_member_who_joins_while_the_inviter_moves_has_the_inviters_line(monkeypatch):
    shop = Shop()
    upper, inviter = (
        Member.objects.of(shop.tenant).get(pk=shop.member(f"{n}@x.yz"))
        for n in ("upper", "inviter")
    )
    hashed = members.make_password

    def slow(password):
        # The password takes a fifth of a second to hash; somebody moves the inviter meanwhile.
        def move():
            try:
                members.move_member(member=inviter, inviter=upper)
            finally:
                connection.close()

        mover = threading.Thread(target=move)
        mover.start()
        mover.join(2)
        movers.append(mover)
        return hashed(password)

    movers = []
    monkeypatch.setattr(members, "make_password", slow)
    pk = shop.member("new@x.yz", invite_code=inviter.invite_code)
    for mover in movers:
        mover.join(30)
    new = Member.objects.of(shop.tenant).get(pk=pk)
    inviter.refresh_from_db()
    assert inviter.inviter_id == upper.pk
    assert new.path == f"{inviter.path}{inviter.pk}/"
