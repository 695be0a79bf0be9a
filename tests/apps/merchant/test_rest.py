"""The REST face: nouns, statuses, problems, pages by cursor."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.models import AuditEntry
from apps.members.models import Member
from apps.members.services import create_member
from apps.tenants.services import change_app_key
from tests.apps.merchant.shop import Shop
from tests.apps.merchant.test_published import profit_of

pytestmark = pytest.mark.django_db(transaction=True)

V2 = "/merchant/v2"


@pytest.fixture
def shop():
    return Shop(own=Decimal(3000))


def join(shop, email="alice@example.com", **values):
    answer = shop.post_json(f"{V2}/members", email=email, password="12345678", **values)
    assert answer.status_code == 201, answer.content
    return answer.json()


def problem_of(answer):
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    return body["status"], body["code"], body.get("field")


def test_a_member_is_walked_from_joining_to_withdrawing(shop):
    offered = shop.offer()
    alice = join(shop)
    bob = join(shop, "bob@example.com", invite_code=alice["invite_code"])
    assert bob["inviter_id"] == alice["id"]
    made = shop.post_json(f"{V2}/members/{bob['id']}/recharges", kind="self", amount="1500.5")
    assert (made.status_code, made.json()["receiver_balance"]) == (201, "1500.5")
    transfer = f"{V2}/members/{bob['id']}/transfers"
    handed = shop.post_json(transfer, to_member_id=alice["id"], kind="self", amount="0.5")
    assert handed.json()["payer_balance"] == "1500"
    account = shop.post_json(f"{V2}/venue-accounts", member_id=bob["id"], venue="paper").json()
    followed = shop.post_json(
        f"{V2}/subscriptions", account_id=account["id"], strategy_id=offered.pk
    )
    assert followed.status_code == 201
    one = f"{V2}/subscriptions/{followed.json()['id']}"
    assert shop.json("PATCH", one, leverage=5).json()["leverage"] == 5
    assert shop.post_json(f"{one}/stop").json()["status"] == "stopped"
    assert problem_of(shop.post_json(f"{one}/stop")) == (409, "conflict", None)
    assert shop.post_json(f"{one}/resume").json()["status"] == "active"
    shop.json("PATCH", f"{V2}/members/{alice['id']}", is_market_node=True)
    profit_of(shop.tenant, bob["id"], inviter=alice["id"])
    rewards = shop.get(f"{V2}/rewards", member_id=alice["id"]).json()["items"]
    assert {(line["kind"], line["amount"]) for line in rewards} == {
        ("direct", "75"),
        ("peer", "30"),
    }
    address = "0x52908400098527886E0F7030069857D2E4169EE7"
    asked = {"member_id": alice["id"], "amount": "50", "network": "ERC20", "address": address}
    withdrawal = shop.post_json(f"{V2}/withdrawals", **asked).json()
    assert (withdrawal["fee"], withdrawal["payout"]) == ("2.5", "47.5")
    assert shop.get(f"{V2}/withdrawals/{withdrawal['id']}").json() == withdrawal
    lines = shop.get(f"{V2}/members/{alice['id']}/statement", kind="reward").json()["items"]
    assert [line["reason"] for line in lines] == ["hold", "reward", "reward"]
    assert lines[0]["balance"] == "55"
    team = shop.get(f"{V2}/members/{alice['id']}/team").json()
    assert (team["direct_count"], team["own_holding"]) == (1, "1000")


def test_pages_follow_each_other_and_show_each_row_once(shop):
    for number in range(7):
        join(shop, f"m{number}@example.com")
    seen, cursor = [], ""
    while True:
        page = shop.get(f"{V2}/members", limit=3, cursor=cursor).json()
        seen += [line["email"] for line in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
        # Who joins meanwhile is above what was shown.
        join(shop, f"late{len(seen)}@example.com")
    assert len(seen) == len(set(seen)) == 8
    assert [email for email in seen if email.startswith("late")] == []


def test_a_list_costs_the_same_however_many_rows_it_shows(shop):
    def cost():
        shop.get(f"{V2}/cards")
        with CaptureQueriesContext(connection) as queries:
            assert shop.get(f"{V2}/members", limit=100).status_code == 200
        return len(queries)

    join(shop, "first@example.com")
    few = cost()
    for number in range(10):
        create_member(tenant=shop.tenant, email=f"m{number}@x.com", password="12345678")
    assert cost() == few <= 3


@pytest.mark.parametrize(
    ("case", "method", "path", "values", "told"),
    [
        ("no such member", "GET", "/members/9999999", {}, (404, "not_found", None)),
        ("no such path", "GET", "/members/1/dreams", {}, (404, "not_found", None)),
        ("an unknown field", "POST", "/members", {"nick": "x"}, (422, "bad_parameter", "nick")),
        ("nothing", "POST", "/members", {}, (422, "bad_parameter", "email")),
        ("no e-mail", "POST", "/members", {"email": "x", "password": "12345678"},
         (400, "bad_input", "email")),
        ("a short password", "POST", "/members", {"email": "x@y.com", "password": "1"},
         (400, "bad_input", "password")),
        ("a wrong cursor", "GET", "/members", {"cursor": "x"}, (400, "bad_input", "cursor")),
        ("too many", "GET", "/members", {"limit": "201"}, (422, "bad_parameter", "limit")),
        ("no such kind", "POST", "/members/1/recharges", {"kind": "gold", "amount": "1"},
         (422, "bad_parameter", "kind")),
        ("no JSON number", "POST", "/members/1/recharges", {"kind": "self", "amount": "x"},
         (422, "bad_parameter", "amount")),
        ("another method", "PUT", "/members", {}, (405, "method_not_allowed", None)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_problem_that_names_it(shop, case, method, path, values, told):
    members = Member.objects.of(shop.tenant).count()
    send = shop.get if method == "GET" else lambda where, **given: shop.json(method, where, **given)
    answer = send(f"{V2}{path}", **values)
    assert problem_of(answer) == told
    assert Member.objects.of(shop.tenant).count() == members


def test_a_change_of_several_things_is_done_whole_or_not_at_all(shop):
    alice = join(shop)
    bob = join(shop, "bob@example.com", invite_code=alice["invite_code"])
    one = f"{V2}/members/{alice['id']}"
    circle = shop.json("PATCH", one, is_market_node=True, inviter_id=bob["id"])
    assert problem_of(circle) == (400, "bad_input", "inviter")
    assert shop.get(one).json() == alice


def test_a_form_is_read_whatever_the_method(shop):
    one, form = f"{V2}/members/{join(shop)['id']}", "application/x-www-form-urlencoded"
    assert shop.send("PATCH", one, b"status=disabled", form).json()["status"] == "disabled"
    unknown = shop.send("PATCH", one, b"state=active", form)
    assert problem_of(unknown)[:2] == (422, "bad_parameter")
    many = b"&".join(b"a%d=1" % n for n in range(1001))
    assert problem_of(shop.send("PATCH", one, many, form))[:2] == (422, "bad_parameter")


def test_a_member_moves_with_all_below(shop):
    alice, carol = join(shop), join(shop, "carol@example.com")
    bob = join(shop, "bob@example.com", invite_code=alice["invite_code"])
    join(shop, "dave@example.com", invite_code=bob["invite_code"])
    moved = shop.json("PATCH", f"{V2}/members/{bob['id']}", inviter_id=carol["id"])
    assert moved.json()["inviter_id"] == carol["id"]
    assert shop.get(f"{V2}/members/{alice['id']}/team").json()["total_count"] == 0
    assert shop.get(f"{V2}/members/{carol['id']}/team").json()["total_count"] == 2


def test_a_disabled_member_is_given_nothing_and_enabled_again(shop):
    alice = join(shop)
    one = f"{V2}/members/{alice['id']}"
    assert shop.json("PATCH", one, status="disabled").json()["status"] == "disabled"
    refused = shop.post_json(f"{one}/recharges", kind="self", amount="1")
    assert problem_of(refused)[0] == 400
    signed_in = shop.post_json(f"{V2}/members/sign-in", email=alice["email"], password="12345678")
    assert problem_of(signed_in)[0] == 403
    assert shop.json("PATCH", one, status="active").json()["status"] == "active"


def test_a_member_signs_in_with_the_right_password_only(shop):
    alice = join(shop)
    path = f"{V2}/members/sign-in"
    right = shop.post_json(path, email="Alice@example.com", password="12345678")
    assert right.json()["id"] == alice["id"]
    for email, password in (("alice@example.com", "87654321"), ("nobody@example.com", "12345678")):
        wrong = shop.post_json(path, email=email, password=password)
        assert problem_of(wrong) == (401, "wrong_password", None)
    shop.json("PATCH", f"{V2}/members/{alice['id']}", password="another one")
    assert shop.post_json(path, email=alice["email"], password="another one").status_code == 200


def test_keys_of_accounts_are_masked_and_each_reading_in_full_is_written_down(shop):
    alice = join(shop)
    bound = shop.post_json(
        f"{V2}/venue-accounts",
        member_id=alice["id"],
        venue="gate",
        api_key="gate-key-1234",
        api_secret="gate-secret",
    )
    one = f"{V2}/venue-accounts/{bound.json()['id']}"
    for answer in (bound, shop.get(one), shop.get(f"{V2}/venue-accounts")):
        assert "gate-secret" not in answer.content.decode()
        assert "gate-key" not in answer.content.decode()
    reads = AuditEntry.objects.filter(action="venue_account.secrets_read")
    assert shop.get(f"{one}/keys").json()["api_secret"] == "gate-secret"
    assert reads.get().actor == f"app key {shop.app_key.key[:8]}"
    # The published call tells them to the same scope only, and writes that down, too.
    shop.get("/merchant/user/info", email=alice["email"])
    assert reads.count() == 2
    change_app_key(app_key=shop.app_key, scopes=["read"])
    assert problem_of(shop.get(f"{one}/keys"))[1] == "missing_scope"
    info = shop.get("/merchant/user/info", email=alice["email"]).content.decode()
    assert "gate-secret" not in info
    assert "1234" in info
    assert reads.count() == 2
    change_app_key(app_key=shop.app_key, scopes=["read", "write", "secrets:read"])
    assert shop.send("DELETE", one, b"", "").json()["status"] == "paused"
    assert problem_of(shop.get(f"{one}/keys")) == (404, "not_found", None)
