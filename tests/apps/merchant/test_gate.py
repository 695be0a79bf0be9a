"""Who is let in, and the code of each refusal."""

import re
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.core.face import Face
from apps.core.models import AuditEntry
from apps.members.models import Member
from apps.merchant.ring import keyring
from apps.merchant.signing import Signed, canonical, signature, sorted_query
from apps.merchant.urls import FACES
from apps.tenants.models import AppKey
from apps.tenants.services import (
    change_app_key,
    create_app_key,
    resume_tenant,
    revoke_app_key,
    rotate_app_key,
    suspend_tenant,
)
from engine.ids import uuid7
from tests.apps.merchant.shop import Shop, data_of, refusal_of, signed, signed_as_of_old

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/merchant/balance"


@pytest.fixture
def shop():
    return Shop()


def ask(shop, headers, path=PATH, method="get", **rest):
    return getattr(shop.http, method)(path, headers=headers, **rest)


def sign(shop, *, method="GET", path=PATH, **changes):
    return signed(shop.app_key.key, shop.secret, method, path, **changes)


def test_a_signed_request_is_let_in(shop):
    assert data_of(ask(shop, sign(shop)))["point_card_self"] == 1000


@pytest.mark.parametrize("name", ["X-App-Key", "X-Timestamp", "X-Sign"])
def test_each_header_is_needed(shop, name):
    headers = sign(shop) | {name: "  "}
    answer = ask(shop, headers)
    assert refusal_of(answer) == (401, 401, "missing_header")
    assert name in answer.json()["msg"]


@pytest.mark.parametrize(
    ("case", "timestamp", "code"),
    [
        ("words", "yesterday", "bad_timestamp"),
        ("a fraction", "1700000000.5", "bad_timestamp"),
        ("negative", "-1700000000", "bad_timestamp"),
        ("other digits", "１７０００００００", "bad_timestamp"),
        ("very long", "9" * 400, "bad_timestamp"),
        ("long ago", "1700000000", "request_expired"),
    ],
)
def test_a_timestamp_is_whole_seconds_of_now(shop, case, timestamp, code):
    headers = sign(shop) | {"X-Timestamp": timestamp.encode().decode("latin-1")}
    assert refusal_of(ask(shop, headers)) == (401, 401, code)


@pytest.mark.parametrize(
    ("seconds", "is_let_in"), [(-299, True), (-301, False), (299, True), (302, False)]
)
def test_the_window_is_five_minutes_both_ways(shop, seconds, is_let_in):
    answer = ask(shop, sign(shop, at=time.time() + seconds))
    if is_let_in:
        data_of(answer)
    else:
        assert refusal_of(answer) == (401, 401, "request_expired")


def test_a_wrong_key_and_a_wrong_signature_have_codes_of_their_own(shop):
    unknown = signed("0" * 32, shop.secret, "GET", PATH)
    assert refusal_of(ask(shop, unknown)) == (401, 401, "wrong_key")
    forged = signed(shop.app_key.key, "0" * 64, "GET", PATH)
    assert refusal_of(ask(shop, forged)) == (401, 401, "wrong_signature")


@pytest.mark.parametrize(
    ("case", "changed"),
    [
        ("another method", {"method": "post"}),
        ("another path", {"path": "/merchant/root-user"}),
        ("another query", {"path": f"{PATH}?page=2"}),
        ("another body", {"method": "post", "data": "a=1", "content_type": "text/plain"}),
    ],
)
def test_what_was_signed_is_what_was_sent(shop, case, changed):
    answer = ask(shop, sign(shop), **changed)
    assert answer.status_code in (401, 405)
    assert answer.json()["error"] in ("wrong_signature", "method_not_allowed")


def test_a_changed_body_is_refused_and_nothing_is_written(shop):
    path = "/merchant/user/create"
    body = b"email=alice@example.com&password=12345678"
    headers = signed(shop.app_key.key, shop.secret, "POST", path, body=body)
    changed = body.replace(b"alice", b"mallory")
    form = "application/x-www-form-urlencoded"
    answer = shop.http.generic("POST", path, changed, content_type=form, headers=headers)
    assert refusal_of(answer) == (401, 401, "wrong_signature")
    assert not Member.objects.of(shop.tenant).filter(root_of=None).exists()


def test_a_nonce_is_good_once_even_for_another_request(shop):
    data_of(ask(shop, sign(shop, nonce="n-1")))
    assert refusal_of(ask(shop, sign(shop, nonce="n-1"))) == (401, 401, "nonce_replayed")
    other = sign(shop, path="/merchant/root-user", nonce="n-1")
    answer = ask(shop, other, path="/merchant/root-user")
    assert refusal_of(answer) == (401, 401, "nonce_replayed")
    long = sign(shop, nonce="n" * 65)
    assert refusal_of(ask(shop, long)) == (401, 401, "missing_header")


def test_a_forged_request_uses_up_no_nonce(shop):
    forged = signed(shop.app_key.key, "0" * 64, "GET", PATH, nonce="mine")
    assert refusal_of(ask(shop, forged))[2] == "wrong_signature"
    data_of(ask(shop, sign(shop, nonce="mine")))


def test_two_tenants_may_use_the_same_nonce(shop):
    globex = Shop("Globex")
    data_of(ask(shop, sign(shop, nonce="n-1")))
    data_of(ask(globex, sign(globex, nonce="n-1")))


def test_the_old_signature_is_taken_where_the_key_says_so(shop):
    old = signed_as_of_old(shop.app_key.key, shop.secret)
    assert refusal_of(ask(shop, old)) == (401, 401, "old_signature_refused")
    change_app_key(app_key=shop.app_key, is_legacy=True)
    data_of(ask(shop, old))
    data_of(ask(shop, old | {"X-Sign": old["X-Sign"].upper()}))
    wrong = signed_as_of_old(shop.app_key.key, "0" * 64)
    assert refusal_of(ask(shop, wrong)) == (401, 401, "wrong_signature")
    # It may sign as of today, too.
    data_of(ask(shop, sign(shop)))


def test_a_revoked_key_opens_nothing_at_once(shop):
    data_of(ask(shop, sign(shop)))
    revoke_app_key(app_key=shop.app_key)
    assert refusal_of(ask(shop, sign(shop))) == (401, 401, "key_revoked")


def test_a_rotated_key_is_good_beside_its_follower_until_its_time(shop):
    now = timezone.now()
    made = rotate_app_key(app_key=shop.app_key, overlap=timedelta(hours=1), now=now)
    data_of(ask(shop, sign(shop)))
    data_of(ask(shop, signed(made.app_key.key, made.secret, "GET", PATH)))
    AppKey.objects.of(shop.tenant).filter(pk=shop.app_key.pk).update(expires_at=now)
    keyring().read()
    assert refusal_of(ask(shop, sign(shop))) == (401, 401, "key_revoked")


def test_a_suspended_tenant_is_let_in_nowhere_until_it_is_resumed(shop):
    data_of(ask(shop, sign(shop)))
    suspend_tenant(tenant=shop.tenant)
    assert refusal_of(ask(shop, sign(shop))) == (401, 401, "tenant_suspended")
    resume_tenant(tenant=shop.tenant)
    data_of(ask(shop, sign(shop)))


def test_a_key_of_some_networks_is_used_from_nowhere_else(shop):
    change_app_key(app_key=shop.app_key, networks=["203.0.113.0/24", "2001:db8::/32"])
    assert refusal_of(ask(shop, sign(shop))) == (403, 403, "wrong_network")
    data_of(ask(shop, sign(shop), REMOTE_ADDR="203.0.113.9"))
    data_of(ask(shop, sign(shop), REMOTE_ADDR="2001:db8::7"))
    data_of(ask(shop, sign(shop), REMOTE_ADDR="::ffff:203.0.113.9"))
    mapped = ask(shop, sign(shop), REMOTE_ADDR="::ffff:198.51.100.9")
    assert refusal_of(mapped) == (403, 403, "wrong_network")
    # What a caller writes is no address, unless a proxy of ours did.
    forwarded = sign(shop) | {"X-Forwarded-For": "203.0.113.9"}
    assert refusal_of(ask(shop, forwarded)) == (403, 403, "wrong_network")


CALLS = [(face, call) for face in FACES for call in face.calls]


@pytest.mark.parametrize(
    ("face", "call"), CALLS, ids=[f"{call.method} {call.path}" for _face, call in CALLS]
)
def test_every_call_asks_for_its_scope_and_nothing_is_done_without(shop, face: Face, call):
    assert call.scope in AppKey.Scope.values
    others = [scope for scope in AppKey.Scope.values if scope != call.scope]
    change_app_key(app_key=shop.app_key, scopes=others)
    entries = AuditEntry.objects.count()
    path = "/" + re.sub("<uuid:[a-z_]+>", str(uuid7()), re.sub("<int:[a-z_]+>", "1", call.path))
    headers = sign(shop, method=call.method, path=path)
    answer = shop.http.generic(call.method, path, b"", headers=headers)
    assert answer.status_code == 403, answer.content
    assert "missing_scope" in answer.content.decode()
    assert AuditEntry.objects.count() == entries


def test_the_first_key_of_a_tenant_does_not_see_secrets(shop):
    opened = create_app_key(tenant=shop.tenant, name="usual")
    assert AppKey.Scope.SECRETS not in opened.app_key.scopes


def test_a_key_notes_when_it_was_used(shop):
    before = timezone.now()
    data_of(ask(shop, sign(shop)))
    shop.app_key.refresh_from_db()
    assert shop.app_key.last_used_at >= before


def test_a_secret_is_nowhere_in_the_database_in_clear(shop):
    row = AppKey.objects.of(shop.tenant).get()
    assert shop.secret not in row.secret
    assert AppKey._meta.get_field("secret").unseal(row) == shop.secret
    assert shop.secret not in str(list(AuditEntry.objects.values()))


def test_a_canonical_request_is_six_lines():
    request = Signed("get", "/merchant/users", "page=2&limit=20", b"", "1767225600", "n0nce-1")
    of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    lines = ["GET", "/merchant/users", "limit=20&page=2", of_nothing, "1767225600", "n0nce-1"]
    assert canonical(request).decode().split("\n") == lines


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=1&a=2"),
        ("a=", "a="),
        ("q=a+b%2Bc", "q=a%20b%2Bc"),
        ("n=%E6%B1%89", "n=%E6%B1%89"),
        ("t=~-._", "t=~-._"),
        ("", ""),
    ],
)
def test_a_query_is_sorted_and_encoded_one_way(query, expected):
    assert sorted_query(query) == expected


def test_a_signature_is_of_everything(shop):
    base = Signed("GET", "/a", "x=1", b"body", "1", "n")
    changes = [
        Signed("PUT", "/a", "x=1", b"body", "1", "n"),
        Signed("GET", "/b", "x=1", b"body", "1", "n"),
        Signed("GET", "/a", "x=2", b"body", "1", "n"),
        Signed("GET", "/a", "x=1", b"bodY", "1", "n"),
        Signed("GET", "/a", "x=1", b"body", "2", "n"),
        Signed("GET", "/a", "x=1", b"body", "1", "m"),
    ]
    signs = {signature("secret", request) for request in [base, *changes]}
    assert len(signs) == 7


def test_amounts_of_a_member_are_not_moved_by_a_replay(shop):
    shop.member()
    path, body = "/merchant/user/recharge", b"email=alice@example.com&amount=10&type=1"
    headers = signed(shop.app_key.key, shop.secret, "POST", path, body=body)
    form = "application/x-www-form-urlencoded"
    for expected in (200, 401):
        answer = shop.http.generic("POST", path, body, content_type=form, headers=headers)
        assert answer.status_code == expected
    left = data_of(shop.get(PATH))["point_card_self"]
    assert Decimal(str(left)) == 990
