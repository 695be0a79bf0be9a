"""Words that one database holds for equal and another does not."""

import pytest
from django.test import Client

from apps.members.models import Member
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk, log_in
from tests.factories import PASSWORD

pytestmark = [pytest.mark.django_db]

NEARLY = [
    "alicé@example.com",
    "ALICE@example.com ",
    "alice@example.com\u200b",
    "ａlice@example.com",
    "alice@example.com\u00ad",
    "alice@exåmple.com",
    "alice@example.com\x00",
    "ALİCE@example.com",
    "alıce@example.com",
]


@pytest.mark.parametrize("email", NEARLY)
def test_points_go_to_the_very_member_that_was_named(email):
    shop = Shop()
    shop.member("alice@example.com")
    told = shop.post("/merchant/user/recharge", email=email, amount="1", type=1).json()
    assert told["code"] != 0 or email.strip().lower() == "alice@example.com", told


@pytest.mark.parametrize("email", NEARLY)
def test_only_who_is_named_signs_in(email):
    shop = Shop()
    shop.member("alice@example.com")
    told = shop.post_json("/merchant/v2/members/sign-in", email=email, password="12345678")
    assert told.status_code != 200 or email.strip().lower() == "alice@example.com"


@pytest.mark.parametrize("code", ["１{}", "{} "])
def test_an_invite_code_is_that_code(code):
    shop = Shop()
    root = Member.objects.of(shop.tenant).get(root_of=shop.tenant)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in root.invite_code)
    told = shop.post_json(
        "/merchant/v2/members", email="a@b.cd", password="12345678", invite_code=wide
    )
    assert told.status_code == 400, told.content


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda n: n.replace("u", "ü"),
        lambda n: n + "\u200b",
        lambda n: n.replace("s", "ß"),
        lambda n: "ｕ" + n[1:],
    ],
)
def test_a_lock_is_not_walked_around_by_another_spelling(change):
    """Many spellings of one name, each with five tries of its own."""
    Desk("support", username="ursus")
    http = Client()
    codes = [log_in(http, "ursus", "wrong").status_code for _ in range(5)]
    assert codes == [401] * 5
    told = log_in(http, change("ursus"), PASSWORD)
    assert told.status_code != 200, "logged in behind the lock"


@pytest.mark.parametrize("second", ["KEY", "kéy", "key\u00ad".encode().decode("latin1"), "key\xa0"])
def test_another_spelling_of_a_key_is_another_key_or_refused(second):
    shop = Shop()
    pk = shop.member()
    path = f"/merchant/v2/members/{pk}/recharges"
    one = shop.post_json(path, {"Idempotency-Key": "key"}, kind="self", amount="1")
    two = shop.post_json(path, {"Idempotency-Key": second}, kind="self", amount="1")
    assert one.status_code == 201
    assert two.status_code in (201, 409)
    assert two.status_code == 409 or two.json()["id"] != one.json()["id"]
