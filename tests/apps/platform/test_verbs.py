"""What the Platform API does: the same verbs as the admin's, audited under the user's name."""

import secrets
from decimal import Decimal

import pyotp
import pytest
from django.contrib.auth.models import Permission

from apps.core.models import AuditEntry, IdempotencyKey
from apps.ledger.models import Transfer
from apps.members.models import Member
from apps.platform.urls import face
from apps.quotas.models import TenantPlan
from apps.rewards.services import request_withdrawal
from apps.tenants.models import AppKey, Tenant, User
from apps.tenants.selectors import policy_of
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.apps.rewards.shop import Shop
from tests.apps.rewards.test_withdrawals import ADDRESS, HASH, NOW, earned
from tests.factories import (
    PASSWORD,
    DeliveryFactory,
    LevelFactory,
    LoginFactory,
    NodeFactory,
    PlanFactory,
    StrategyFactory,
    TenantFactory,
    UserFactory,
    VenueAccountFactory,
)
from tests.points import give

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return Desk(username="ann")


@pytest.fixture
def opened(desk):
    LevelFactory()
    return data_of(desk.post("tenants", name="Acme", plan_id=PlanFactory().pk), 201)


def test_a_tenant_is_opened_with_its_key_on_a_plan(desk, opened):
    tenant = Tenant.objects.get(pk=opened["tenant"]["id"])
    key = AppKey.objects.of(tenant).get()
    assert key.key == opened["app_key"]
    assert AppKey._meta.get_field("secret").unseal(key) == opened["app_secret"]
    assert TenantPlan.objects.get(tenant=tenant)
    assert AuditEntry.objects.filter(action="tenant_opened").get().actor == "ann"
    unplanned = desk.post("tenants", name="Globex")
    assert refusal_of(unplanned) == (400, "bad_parameter")
    assert unplanned.json()["context"]["field"] == "plan_id"
    nowhere = desk.post("tenants", name="Globex", plan_id=987654)
    assert refusal_of(nowhere) == (404, "not_found")
    assert Tenant.objects.count() == 1


def test_a_tenant_is_renamed_recharged_put_on_a_plan_and_suspended(desk, opened):
    one = f"tenants/{opened['tenant']['id']}"
    assert data_of(desk.patch(one, name="Acme Ltd"))["name"] == "Acme Ltd"
    assert desk.patch(one, name=" ").json()["context"]["field"] == "name"
    moved = data_of(desk.post(f"{one}/recharge", kind="self", amount="100.5"))
    assert moved["credit_balance"] == "100.5"
    for amount in ("0", "-1", "NaN", "1e-9", "1e30"):
        assert desk.post(f"{one}/recharge", kind="self", amount=amount).status_code == 400
    plan = PlanFactory()
    assert data_of(desk.post(f"{one}/plan", plan_id=plan.pk))["plan_id"] == plan.pk
    rules = data_of(desk.post(f"{one}/policy", charge_rate="0.25"))
    assert (rules["version"], rules["charge_rate"]) == (2, "0.25")
    wrong = desk.post(f"{one}/policy", charge_rate="1.5")
    assert wrong.json()["context"]["field"] == "charge_rate"
    assert policy_of(Tenant.objects.get()).charge_rate == Decimal("0.25")
    assert data_of(desk.post(f"{one}/suspend"))["status"] == "suspended"
    assert refusal_of(desk.post(f"{one}/suspend")) == (409, "conflict")
    assert data_of(desk.post(f"{one}/resume"))["status"] == "active"


def test_the_same_key_recharges_once(desk, opened):
    one, key = f"tenants/{opened['tenant']['id']}/recharge", {"Idempotency-Key": "k"}
    first = desk.post(one, key, kind="self", amount="5")
    assert desk.post(one, key, kind="self", amount="5").content == first.content
    assert refusal_of(desk.post(one, key, kind="self", amount="6")) == (409, "key_reused")
    assert Transfer.objects.across_tenants().count() == 1


def test_a_secret_is_told_again_to_who_asks_again_and_kept_sealed(desk, opened):
    asked = {"for_tenant": opened["tenant"]["id"], "name": "shop"}
    key = {"Idempotency-Key": "k"}
    made = data_of(desk.post("app-keys", key, **asked), 201)
    assert data_of(desk.post("app-keys", key, **asked), 201) == made
    assert made["secret"] not in str(list(IdempotencyKey.objects.values()))
    assert AppKey.objects.across_tenants().count() == 2


def test_a_secret_that_no_key_opens_any_more_is_told_to_nobody(desk, opened, settings):
    asked = {"for_tenant": opened["tenant"]["id"], "name": "shop"}
    data_of(desk.post("app-keys", {"Idempotency-Key": "k"}, **asked), 201)
    settings.SEAL_KEYS = [secrets.token_bytes(32)]
    again = desk.post("app-keys", {"Idempotency-Key": "k"}, **asked)
    assert refusal_of(again) == (409, "conflict")
    assert AppKey.objects.across_tenants().count() == 2


def test_what_tells_a_secret_says_so():
    telling = {
        call.name
        for call in face.calls
        if {"secret", "app_secret", "codes", "one_time_code"}
        & set(getattr(call.told, "__struct_fields__", ()))
    }
    assert telling == {
        *("open_a_tenant", "create_key", "rotate_key", "create_hook", "rotate_hook"),
        *("confirm_factor", "register"),
    }
    # An authenticator's address holds its secret.
    telling.add("begin_factor")
    assert telling == {call.name for call in face.calls if call.tells_secret}


def test_keys_are_made_and_rotated_and_revoked(desk, opened):
    asked = {"for_tenant": opened["tenant"]["id"], "name": "shop", "scopes": ["read"]}
    made = data_of(desk.post("app-keys", **asked), 201)
    assert made["key"]["scopes"] == ["read"]
    one = f"app-keys/{made['key']['id']}"
    rotated = data_of(desk.post(f"{one}/rotate", overlap_hours=1))
    assert rotated["secret"] != made["secret"]
    assert data_of(desk.post(f"{one}/revoke"))["status"] == "revoked"
    wrong = desk.post("app-keys", **asked | {"networks": ["all"]})
    assert wrong.json()["context"]["field"] == "networks"


def test_users_are_made_in_a_role_and_disabled(desk, opened):
    asked = {"username": "bob", "password": "a long word of mine", "role": "finance"}
    bob = data_of(desk.post("users", **asked), 201)
    assert (bob["role"], bob["is_superuser"], bob["tenant_id"]) == ("finance", False, None)
    assert refusal_of(desk.post("users", **asked)) == (409, "conflict")
    staff = desk.post("users", **asked | {"username": "carl", "role": "staff"})
    assert staff.json()["context"]["field"] == "tenant_id"
    weak = desk.post("users", **asked | {"username": "carl", "password": "short"})
    assert weak.json()["context"]["field"] == "password"
    carl = {"username": "carl", "role": "staff", "for_tenant": opened["tenant"]["id"]}
    assert data_of(desk.post("users", **asked | carl), 201)["tenant_id"]
    assert data_of(desk.post(f"users/{bob['id']}/disable"))["is_active"] is False
    assert refusal_of(desk.post(f"users/{desk.user.pk}/disable")) == (409, "conflict")
    assert User.objects.get(pk=desk.user.pk).is_active


def test_nobody_gives_more_rights_than_they_have_nor_reaches_above_themselves(desk):
    clerk = Desk("", is_staff=True)
    rights = Permission.objects.filter(codename__in=["add_user", "change_user"])
    clerk.user.user_permissions.set(rights)
    asked = {"username": "eve", "password": "a long word of mine"}
    for role in ("owner", "finance", "operator", "support"):
        assert refusal_of(clerk.post("users", role=role, **asked)) == (403, "not_allowed")
    assert refusal_of(clerk.post(f"users/{desk.user.pk}/disable")) == (403, "not_allowed")
    assert not User.objects.filter(username="eve").exists()
    asked["for_tenant"] = TenantFactory().pk
    assert data_of(clerk.post("users", role="staff", **asked), 201)["role"] == "staff"


def test_members_are_created_recharged_moved_and_disabled(desk, opened):
    tenant = opened["tenant"]["id"]
    desk.post(f"tenants/{tenant}/recharge", kind="gift", amount="50")
    asked = {"for_tenant": tenant, "password": "12345678"}
    alice, bob = (
        data_of(desk.post("members", email=f"{name}@example.com", **asked), 201)
        for name in ("alice", "bob")
    )
    one = f"members/{bob['id']}"
    data_of(desk.post(f"{one}/recharge", kind="gift", amount="20"))
    assert data_of(desk.post(f"{one}/move", inviter_id=alice["id"]))["inviter_id"] == alice["id"]
    circle = desk.post(f"members/{alice['id']}/move", inviter_id=bob["id"])
    assert circle.json()["context"]["field"] == "inviter"
    assert data_of(desk.get(f"members/{alice['id']}/team"))["total_count"] == 1
    assert data_of(desk.post(f"{one}/market-node", is_market_node=True))["is_market_node"]
    assert data_of(desk.post(f"{one}/disable"))["status"] == "disabled"
    assert data_of(desk.post(f"{one}/enable"))["status"] == "active"


def test_a_strategy_is_offered_followed_and_stopped(desk):
    account, strategy = VenueAccountFactory(), StrategyFactory()
    give(account.member)
    asked = {"for_tenant": account.tenant_id, "strategy_id": strategy.pk, "min_capital": "300"}
    offered = data_of(desk.post("tenant-strategies", **asked), 201)
    one = f"tenant-strategies/{offered['id']}"
    assert data_of(desk.post(f"{one}/copy-from-master"))["display_name"] == strategy.name
    assert data_of(desk.patch(one, leverage=7))["leverage"] == 7
    follow = {"tenant_strategy_id": offered["id"], "venue_account_id": account.pk}
    small = desk.post("subscriptions", capital="299", **follow)
    assert small.json()["context"]["field"] == "capital"
    followed = data_of(desk.post("subscriptions", capital="300", **follow), 201)
    one = f"subscriptions/{followed['id']}"
    assert data_of(desk.patch(one, mode="once"))["mode"] == "once"
    assert data_of(desk.post(f"{one}/stop"))["status"] == "stopped"
    node = NodeFactory(code="two")
    assigned = desk.post(f"venue-accounts/{account.pk}/node", node_id=node.pk)
    assert data_of(assigned)["node_id"] == node.pk
    assert "credentials" not in data_of(assigned)
    crossed = data_of(desk.post(f"venue-accounts/{account.pk}/modes", margin="cross"))
    assert (crossed["margin"], crossed["position_mode"]) == ("cross", "hedge")
    wrong = desk.post(f"venue-accounts/{account.pk}/modes", position_mode="net")
    assert wrong.json()["context"]["field"] == "position_mode"


@pytest.fixture
def withdrawal():
    shop = Shop()
    member = earned(shop)
    asked = {"network": "TRC20", "address": ADDRESS, "now": NOW}
    return request_withdrawal(key="k", member=member, amount=Decimal(100), **asked)


def test_a_withdrawal_is_approved_by_one_and_completed_by_another(withdrawal):
    ann, bob = Desk("finance", username="ann"), Desk("finance", username="bob")
    one = f"withdrawals/{withdrawal.pk}"
    assert refusal_of(ann.post(f"{one}/complete", tx_hash=HASH))[0] == 409
    approved = data_of(ann.post(f"{one}/approve"))
    assert (approved["status"], approved["decided_by"]) == ("approved", "ann")
    assert refusal_of(ann.post(f"{one}/complete", tx_hash=HASH)) == (403, "not_allowed")
    done = data_of(bob.post(f"{one}/complete", tx_hash=HASH))
    assert (done["status"], done["completed_by"], done["payout"]) == ("completed", "bob", "95")
    assert refusal_of(bob.post(f"{one}/reject", reason="late")) == (409, "conflict")


def test_a_withdrawal_is_rejected_with_a_reason_by_who_may_decide(withdrawal):
    one = f"withdrawals/{withdrawal.pk}/reject"
    assert refusal_of(Desk("operator").post(one, reason="no")) == (403, "not_allowed")
    finance = Desk("finance")
    assert refusal_of(finance.post(one, reason=" "))[0] == 400
    assert data_of(finance.post(one, reason="not yours"))["rejected_because"] == "not yours"


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("operator", "tenants.change_tenant", "rewards.decide_withdrawal"),
        ("finance", "rewards.decide_withdrawal", "nodes.change_node"),
        ("support", "rewards.view_withdrawal", "members.change_member"),
        ("operator", "nodes.change_node", "tenants.add_user"),
    ],
)
def test_each_role_has_its_rights_and_no_more(role, may, may_not):
    user = Desk(role).user
    assert user.has_perm(may)
    assert not user.has_perm(may_not)
    user.is_active = False
    assert not user.has_perm(may)


def test_the_numbers_of_the_whole_are_those_of_the_tenant_in_view(desk, opened):
    TenantFactory()
    summary = data_of(desk.get("dashboard/summary"))
    assert (summary["tenants"], summary["members"]) == (2, 1)
    through = data_of(desk.get("dashboard/summary", tenant_id=opened["tenant"]["id"]))
    assert (through["tenants"], through["members"]) == (1, 1)
    days = data_of(desk.get("dashboard/trends", days=7))
    assert [len(days), days[-1]["new_members"], days[0]["realized"]] == [7, 1, "0"]
    assert refusal_of(desk.get("dashboard/trends", days=91)) == (400, "bad_parameter")
    checks = {check["name"]: check["is_well"] for check in data_of(desk.get("monitoring/status"))}
    assert checks["refused messages"]
    assert Member.objects.across_tenants().count() == 1


def test_a_master_strategy_is_made_and_changed(desk):
    asked = {
        "code": "fast",
        "name": "Fast cross",
        "rule": "ma_cross",
        "params": {"fast_ma": 5, "slow_ma": 20},
        "symbols": ["BTC/USDT"],
        "timeframe": "1m",
    }
    made = data_of(desk.post("strategies", **asked), 201)
    assert (made["code"], made["params"]) == ("fast", {"fast_ma": 5, "slow_ma": 20})
    wrong = desk.patch(f"strategies/{made['id']}", params={"fast_ma": "x"})
    assert wrong.json()["context"]["field"] == "params"
    changed = data_of(desk.patch(f"strategies/{made['id']}", symbols=["ETH/USDT"]))
    assert (changed["symbols"], changed["params"]) == (["ETH/USDT"], {"fast_ma": 5, "slow_ma": 20})
    finer = data_of(desk.patch(f"strategies/{made['id']}", params={"atr_sl_mult": 1.5}))
    assert finer["params"] == {"atr_sl_mult": 1.5}
    again = desk.post("strategies", **asked)
    assert refusal_of(again) == (409, "conflict")
    staff = Desk("staff", tenant=TenantFactory(), is_superuser=True)
    assert refusal_of(staff.post("strategies", **asked | {"code": "own"})) == (403, "not_allowed")


def test_an_owner_changes_users_and_nobody_else_does(desk):
    bob = UserFactory(tenant=None, role="support", username="bob")
    one = f"users/{bob.pk}"
    assert data_of(desk.patch(one, role="finance", email="bob@example.com"))["role"] == "finance"
    assert refusal_of(desk.patch(one, role="staff")) == (400, "bad_input")
    assert data_of(desk.post(f"{one}/reset-second-factor"))["totp_since"] is None
    clerk = Desk("", username="clerk")
    clerk.user.user_permissions.set(Permission.objects.filter(codename="change_user"))
    assert refusal_of(clerk.patch(one, role="owner")) == (403, "not_allowed")
    assert refusal_of(clerk.post(f"{one}/reset-second-factor")) == (403, "not_allowed")
    assert refusal_of(Desk("operator").patch(one, role="owner")) == (403, "not_allowed")


def test_anothers_login_is_ended(desk):
    login = LoginFactory(user=UserFactory(tenant=None, role="support"))
    ended = data_of(desk.post(f"logins/{login.pk}/end"))
    assert ended["ended_because"] == "ended by staff"
    assert refusal_of(Desk("support").post(f"logins/{login.pk}/end")) == (403, "not_allowed")


def test_a_second_factor_is_set_up_and_removed():
    desk = Desk("operator")
    address = data_of(desk.post("auth/second-factor"))["address"]
    code = pyotp.parse_uri(address).now()
    wrong = desk.post("auth/second-factor/confirm", code="000000")
    assert refusal_of(wrong) == (401, "wrong_code")
    codes = data_of(desk.post("auth/second-factor/confirm", code=code))["codes"]
    assert len(codes) == 10
    asked = {"password": PASSWORD, "code": codes[0]}
    bad = desk.post("auth/second-factor/remove", **asked | {"password": "no"})
    assert bad.json()["context"]["field"] == "password"
    assert data_of(desk.post("auth/second-factor/remove", **asked)) is None
    desk.user.refresh_from_db()
    assert desk.user.totp_since is None


def test_a_webhook_endpoint_is_made_and_its_secret_told_once(desk):
    tenant = TenantFactory()
    asked = {"for_tenant": tenant.pk, "url": "https://example.com/hook", "events": ["order"]}
    made = data_of(desk.post("webhook-endpoints", **asked), 201)
    one = f"webhook-endpoints/{made['endpoint']['id']}"
    assert "secret" not in data_of(desk.get(one))
    rotated = data_of(desk.post(f"{one}/rotate-secret"))
    assert rotated["secret"] != made["secret"]
    inside = desk.post("webhook-endpoints", **asked | {"url": "https://127.0.0.1/hook"})
    assert inside.json()["context"]["field"] == "url"


def test_a_delivery_is_sent_again(desk):
    row = DeliveryFactory(status="dead")
    assert data_of(desk.post(f"webhook-deliveries/{row.pk}/replay"))["status"] == "waiting"
    assert refusal_of(Desk("support").post(f"webhook-deliveries/{row.pk}/replay"))[0] == 403


def test_a_key_is_changed(desk, opened):
    key = AppKey.objects.of(opened["tenant"]["id"]).get()
    changed = data_of(desk.patch(f"app-keys/{key.pk}", name="server", networks=["203.0.113.7"]))
    assert (changed["name"], changed["networks"]) == ("server", ["203.0.113.7/32"])
    operator = Desk("operator")
    more = operator.patch(f"app-keys/{key.pk}", scopes=["read", "secrets:read"])
    assert refusal_of(more) == (403, "not_allowed")
    assert data_of(operator.patch(f"app-keys/{key.pk}", scopes=["read"]))["scopes"] == ["read"]


def test_plans_are_made_and_changed():
    owner = Desk()
    made = data_of(
        owner.post("plans", code="small", name="Small", price_monthly="9.50", calls_daily=10), 201
    )
    assert (made["code"], made["calls_daily"], made["max_members"]) == ("small", 10, 0)
    changed = data_of(owner.patch(f"plans/{made['id']}", max_members=5))
    assert (changed["calls_daily"], changed["max_members"]) == (10, 5)
    for name, value in (
        *(("code", "a b"), ("code", "small"), ("calls_daily", -1)),
        *(("price_monthly", "NaN"), ("price_monthly", "-1")),
    ):
        asked = {"code": "other", "name": "Other", "price_monthly": "1", name: value}
        assert refusal_of(owner.post("plans", **asked))[0] == 400
    assert refusal_of(owner.patch("plans/999", name="Nobody's"))[0] == 404
