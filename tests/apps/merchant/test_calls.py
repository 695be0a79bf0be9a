"""What holds for every call: parameters that cannot be read, quotas, and the same thing twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.core.memory import memory
from apps.ledger.models import Transfer
from apps.members.models import Member
from apps.members.services import create_member, disable_member, enable_member
from apps.quotas.errors import PlanFull
from apps.quotas.models import Plan, Usage
from apps.quotas.services import admit, assign_plan, change_plan, keep_usage
from apps.quotas.services.calls import day_of
from apps.strategies.services import subscribe
from apps.tenants.models import Tenant
from apps.tenants.services import ACCESS
from apps.venues.services import bind_account, pause_account, resume_account
from tests.apps.merchant.shop import Shop, data_of, refusal_of
from tests.at_once import at_once
from tests.factories import PlanFactory
from tests.memory import forget
from tests.points import give

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop():
    return Shop()


@pytest.mark.parametrize(
    ("case", "path", "query", "field"),
    [
        ("nothing named", "/merchant/user/info", {}, "email"),
        ("a page of words", "/merchant/users", {"page": "two"}, "page"),
        ("page zero", "/merchant/users", {"page": "0"}, "page"),
        ("a page beyond any", "/merchant/users", {"page": "9" * 30}, "page"),
        ("too many at once", "/merchant/users", {"limit": "101"}, "limit"),
        ("no such status", "/merchant/users", {"status": "3"}, "status"),
        ("no day", "/merchant/point-card/logs", {"start_time": "soon"}, "start_time"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(shop, case, path, query, field):
    answer = shop.get(path, **query)
    assert refusal_of(answer) == (422, 422, "bad_parameter")
    assert answer.json()["msg"].startswith(field)
    assert field in answer.json()["detail"][0]["loc"]


BAD_AMOUNTS = ["0", "-1", "NaN", "Infinity", "1e-9", "0.000000001", "1e30", "", "ten", "1,5"]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
@pytest.mark.parametrize("way", ["form", "json"])
def test_an_amount_that_cannot_be_moved_is_refused_and_no_row_written(shop, amount, way):
    shop.member()
    moved = Transfer.objects.of(shop.tenant).count()
    send = shop.post if way == "form" else shop.post_json
    answer = send("/merchant/user/recharge", email="alice@example.com", amount=amount, type=1)
    status, code, _rule = refusal_of(answer)
    assert (status, code) in {(200, 1), (422, 422)}
    assert "amount" in answer.json()["msg"] or "enough" in answer.json()["msg"]
    assert Transfer.objects.of(shop.tenant).count() == moved


@pytest.mark.parametrize(
    ("case", "body", "content_type"),
    [
        ("no JSON", b"{", "application/json"),
        ("no object", b"[1]", "application/json"),
        ("no UTF-8", b"\xff\xfe", "application/json"),
        ("another type", b"<a/>", "application/xml"),
        ("JSON of wrong types", b'{"email": {"a": 1}, "amount": 1}', "application/json"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(shop, case, body, content_type):
    answer = shop.send("POST", "/merchant/user/recharge", body, content_type)
    assert refusal_of(answer) == (422, 422, "bad_parameter")


def test_json_amounts_are_exact(shop):
    shop.member()
    body = b'{"email": "alice@example.com", "amount": 0.10000001, "type": 1}'
    told = data_of(shop.send("POST", "/merchant/user/recharge", body, "application/json"))
    assert told["amount"] == 0.10000001
    last = Transfer.objects.of(shop.tenant).order_by("pk").last()
    assert last.amount == Decimal("0.10000001")


def test_another_method_is_refused_in_the_envelope(shop):
    answer = shop.send("DELETE", "/merchant/balance", b"", "text/plain")
    assert refusal_of(answer) == (405, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"
    assert shop.json("PUT", "/merchant/v2/members").headers["Allow"] == "GET, POST"


def test_a_refusal_of_the_business_is_code_one(shop):
    answer = shop.get("/merchant/user/info", email="nobody@example.com")
    assert refusal_of(answer) == (200, 1, "not_found")
    empty = data_of(shop.get("/merchant/point-card/logs", email="nobody@example.com"))
    assert (empty["list"], empty["total"]) == ([], 0)


# --- the same thing twice


def test_the_same_key_and_body_get_the_first_answer_and_one_row(shop):
    shop.member()
    asked = {"email": "alice@example.com", "amount": "10", "type": "1"}
    key = {"Idempotency-Key": "order-7"}
    first = shop.post("/merchant/user/recharge", key, **asked)
    again = shop.post("/merchant/user/recharge", key, **asked)
    assert first.content == again.content
    assert data_of(shop.get("/merchant/balance"))["point_card_self"] == 990
    other = shop.post("/merchant/user/recharge", key, **asked | {"amount": "11"})
    assert refusal_of(other) == (409, 409, "key_reused")
    elsewhere = shop.post("/merchant/user/set-market-node", key, email=asked["email"], is_node=1)
    assert refusal_of(elsewhere) == (409, 409, "key_reused")
    assert data_of(shop.get("/merchant/balance"))["point_card_self"] == 990
    too_long = shop.post("/merchant/user/recharge", {"Idempotency-Key": "k" * 101}, **asked)
    assert too_long.json()["code"] != 0


def test_two_tenants_may_use_the_same_key(shop):
    globex = Shop("Globex")
    for each in (shop, globex):
        told = each.post(
            "/merchant/user/create",
            {"Idempotency-Key": "k"},
            email="alice@example.com",
            password="12345678",
        )
        assert data_of(told)["user_id"]
    assert Member.objects.across_tenants().filter(email="alice@example.com").count() == 2


def test_a_key_whose_request_was_refused_is_free_again(shop):
    key, asked = {"Idempotency-Key": "k"}, {"email": "alice@example.com", "amount": "1"}
    assert refusal_of(shop.post("/merchant/user/recharge", key, **asked))[2] == "not_found"
    shop.member()
    assert data_of(shop.post("/merchant/user/recharge", key, **asked | {"type": "1"}))


def test_the_same_key_many_times_at_once_moves_once(shop):
    shop.member()
    asked = {"email": "alice@example.com", "amount": "10", "type": "1"}
    answers = at_once(
        4, lambda: shop.post("/merchant/user/recharge", {"Idempotency-Key": "k"}, **asked)
    )
    done = [answer for answer in answers if answer.json()["code"] == 0]
    # One that came while the first was running may be told so; nobody is told anything else.
    rules = {answer.json().get("error") for answer in answers} - {None}
    assert done
    assert rules <= {"conflict", "busy"}
    assert data_of(shop.get("/merchant/balance"))["point_card_self"] == 990


# --- plans


def plan(shop, **limits):
    given = {"calls_daily": 0, "calls_monthly": 0} | limits
    assign_plan(tenant=shop.tenant, plan=PlanFactory(**given))


def test_the_call_after_the_last_of_the_day_is_refused(shop):
    plan(shop, calls_daily=3)
    lefts = [shop.get("/merchant/balance").headers for _ in range(3)]
    assert [left["X-RateLimit-Remaining-Day"] for left in lefts] == ["2", "1", "0"]
    assert lefts[0]["X-RateLimit-Limit-Day"] == "3"
    answer = shop.get("/merchant/balance")
    assert refusal_of(answer) == (429, 429, "calls_used_up")
    assert "3 calls per day" in answer.json()["msg"]
    assert 0 < int(answer.headers["Retry-After"]) <= 25 * 3600
    assert answer.headers["X-RateLimit-Remaining-Day"] == "0"
    assert answer.headers["X-RateLimit-Limit-Day"] == "3"
    assert answer.json()["detail"] == answer.json()["msg"]
    rest = shop.get("/merchant/v2/cards")
    assert (rest.status_code, rest.json()["code"]) == (429, "calls_used_up")
    told = ("Retry-After", "X-RateLimit-Limit-Day", "X-RateLimit-Remaining-Day")
    assert [rest.headers[name] for name in told[1:]] == ["3", "0"]
    assert 0 < int(rest.headers["Retry-After"]) <= 25 * 3600


def test_a_plan_that_is_changed_allows_so_from_the_next_call_on(shop):
    plan(shop, calls_daily=9)
    shop.get("/merchant/balance")
    change_plan(plan=Plan.objects.get(), calls_daily=1)
    assert refusal_of(shop.get("/merchant/balance")) == (429, 429, "calls_used_up")
    change_plan(plan=Plan.objects.get(), calls_daily=0)
    assert shop.get("/merchant/balance").status_code == 200


def test_what_is_refused_is_not_counted(shop):
    plan(shop, calls_daily=2, calls_monthly=10)
    for _ in range(4):
        shop.get("/merchant/balance")
    shop.http.get("/merchant/balance")
    keep_usage(now=timezone.now())
    assert Usage.objects.of(shop.tenant).get().calls == 2


def test_a_refusal_of_the_business_is_counted(shop):
    shop.get("/merchant/user/info", email="nobody@example.com")
    keep_usage(now=timezone.now())
    keep_usage(now=timezone.now())
    assert Usage.objects.of(shop.tenant).get().calls == 1


def call_at(shop, now, **allowance):
    row = Tenant.objects.get(pk=shop.tenant.pk)
    limits = row.plan_row.plan
    from_memory = memory().read([ACCESS])
    return admit(
        tenant_id=row.pk,
        allowance=type("A", (), {"daily": limits.calls_daily, "monthly": limits.calls_monthly}),
        nonce=None,
        nonce_seconds=1,
        version=(ACCESS, from_memory[ACCESS]),
        now=now,
    ).verdict.name


def test_calls_begin_anew_with_the_merchants_day_and_month(shop):
    plan(shop, calls_daily=1, calls_monthly=3)
    # Midnight in Shanghai.
    midnight = datetime(2026, 1, 30, 16, 0, tzinfo=UTC)
    second, day = timedelta(seconds=1), timedelta(days=1)
    told = [call_at(shop, midnight - second) for _ in range(2)]
    told += [call_at(shop, midnight) for _ in range(2)]
    assert told == ["ADMITTED", "FULL", "ADMITTED", "FULL"]
    # The first of February.
    assert call_at(shop, midnight + day) == "ADMITTED"
    assert call_at(shop, midnight + 2 * day) == "ADMITTED"
    assert call_at(shop, midnight + 3 * day) == "ADMITTED"
    assert call_at(shop, midnight + 4 * day) == "FULL"


def test_forty_at_once_are_counted_exactly(shop):
    plan(shop, calls_daily=25)
    answers = at_once(8, lambda: [shop.get("/merchant/balance").status_code for _ in range(5)])
    statuses = [status for answer in answers for status in answer]
    assert (statuses.count(200), statuses.count(429)) == (25, 15)


def test_a_lost_memory_goes_on_from_what_was_kept(shop):
    plan(shop, calls_daily=3)
    shop.get("/merchant/balance")
    shop.get("/merchant/balance")
    keep_usage(now=timezone.now())
    forget(memory(), f"calls:{shop.tenant.pk}:{day_of(timezone.now())}")
    assert shop.get("/merchant/balance").status_code == 200
    assert shop.get("/merchant/balance").status_code == 429


def test_another_plan_holds_from_the_next_call_on(shop):
    plan(shop, calls_daily=1)
    shop.get("/merchant/balance")
    assert shop.get("/merchant/balance").status_code == 429
    plan(shop, code="larger", calls_daily=2)
    assert shop.get("/merchant/balance").status_code == 200


def test_a_plan_allows_so_many_members_without_the_root(shop):
    plan(shop, max_members=2)
    alice = create_member(tenant=shop.tenant, email="alice@example.com", password="12345678")
    shop.member("bob@example.com")
    answer = shop.post("/merchant/user/create", email="carol@example.com", password="12345678")
    assert refusal_of(answer) == (200, 1, "plan_full")
    assert "2 members" in answer.json()["msg"]
    disable_member(member=alice)
    shop.member("carol@example.com")
    with pytest.raises(PlanFull):
        enable_member(member=alice)
    assert Member.objects.of(shop.tenant).filter(status="active", root_of=None).count() == 2


def test_a_plan_allows_so_many_accounts_and_subscriptions(shop):
    plan(shop, max_venue_accounts=2, max_subscriptions=1)
    member = create_member(tenant=shop.tenant, email="alice@example.com", password="12345678")
    first, second = (bind_account(member=member, venue="paper", label=name) for name in "ab")
    with pytest.raises(PlanFull):
        bind_account(member=member, venue="paper", label="c")
    # Bound again it is no further one.
    bind_account(member=member, venue="paper", label="a")
    pause_account(account=first)
    bind_account(member=member, venue="paper", label="c")
    with pytest.raises(PlanFull):
        resume_account(account=first)
    give(member)
    offers = [shop.offer(), shop.offer()]
    subscribe(tenant_strategy=offers[0], venue_account=second, capital=Decimal(1000))
    with pytest.raises(PlanFull):
        subscribe(tenant_strategy=offers[1], venue_account=second, capital=Decimal(1000))


def test_of_two_last_members_at_once_one_is_made(shop):
    plan(shop, max_members=1)

    def make(email):
        return create_member(tenant=shop.tenant, email=email, password="12345678")

    made = at_once(2, make, ["a@example.com", "b@example.com"])
    assert sum(isinstance(each, PlanFull) for each in made) == 1
    assert Member.objects.of(shop.tenant).filter(root_of=None).count() == 1
