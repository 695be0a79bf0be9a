"""Signatures of one request on another one."""

import time

import pytest

from tests.apps.merchant.shop import Shop, signed, signed_as_of_old

pytestmark = pytest.mark.django_db
PATH = "/merchant/v2/members"


def ask(shop, target, sign, method="GET", body=b"", kind="application/json", **headers):
    return shop.http.generic(method, target, body, content_type=kind, headers=sign | headers)


def test_a_signature_is_of_its_method_path_query_body_time_and_nonce():
    shop = Shop()
    key, secret = shop.app_key.key, shop.secret
    body = b'{"email": "a@b.cd", "password": "12345678"}'

    def sign(method="POST", path=PATH, query="", body=body, **more):
        return signed(key, secret, method, path, query=query, body=body, **more)

    tries = {
        "method": ask(shop, PATH, sign("GET"), "POST", body),
        "path": ask(shop, PATH, sign(path="/merchant/user/create"), "POST", body),
        "path in capitals": ask(shop, PATH, sign(path=PATH.upper()), "POST", body),
        "query": ask(shop, f"{PATH}?a=1", sign(), "POST", body),
        "empty query value": ask(shop, f"{PATH}?a", sign(), "POST", body),
        "body": ask(shop, PATH, sign(body=b"{}"), "POST", body),
        "no body": ask(shop, PATH, sign(body=b""), "POST", body),
        "line in query": ask(shop, PATH, sign(query="a=%0Ab"), "POST", body),
        "time": ask(shop, PATH, sign() | {"X-Timestamp": str(int(time.time()) - 1)}, "POST", body),
        "nonce": ask(shop, PATH, sign() | {"X-Nonce": "another"}, "POST", body),
        "no nonce": ask(
            shop, PATH, {k: v for k, v in sign().items() if k != "X-Nonce"}, "POST", body
        ),
        "nonce of spaces": ask(shop, PATH, sign() | {"X-Nonce": "\xa0"}, "POST", body),
        "old": ask(shop, PATH, signed_as_of_old(key, secret), "POST", body),
        "old with nonce": ask(
            shop, PATH, signed_as_of_old(key, secret) | {"X-Nonce": "x"}, "POST", body
        ),
        "old time": ask(shop, PATH, sign(at=time.time() - 302), "POST", body),
        "new time": ask(shop, PATH, sign(at=time.time() + 302), "POST", body),
        "path with a line": ask(shop, PATH + "%0A", sign(), "POST", body),
    }
    assert {
        name: told.status_code for name, told in tries.items() if told.status_code not in (401, 404)
    } == {}
    assert ask(shop, PATH, sign(), "POST", body).status_code == 201


@pytest.mark.parametrize(
    "at",
    [
        "１７６７２２５６００",
        "٠",
        "1e9",
        "-1",
        "1.0",
        "0x10",
        " ",
        "9" * 13,
        "9" * 5000,
        "²",
        "True",
    ],
)
def test_such_a_time_is_none(at):
    shop = Shop()
    sign = signed(shop.app_key.key, shop.secret, "GET", PATH) | {
        "X-Timestamp": at.encode().decode("latin1")
    }
    assert ask(shop, PATH, sign).status_code == 401


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_no_header_overrides_the_method(name):
    shop = Shop()
    pk = shop.member()
    sign = signed(shop.app_key.key, shop.secret, "GET", f"{PATH}/{pk}")
    told = ask(shop, f"{PATH}/{pk}", sign, **{name: "PATCH"})
    assert told.json()["id"] == pk


def test_a_body_is_read_as_it_was_signed():
    """The signed bytes of a form are no JSON, and the other way round."""
    shop = Shop()
    where = "/merchant/user/create"
    form, json = b"email=a@b.cd&password=12345678", b'{"email": "a@b.cd", "password": "12345678"}'
    for body, kind in (
        (form, "application/json"),
        (json, "application/x-www-form-urlencoded"),
        (form, "multipart/form-data; boundary=x"),
        (form, "text/plain"),
    ):
        sign = signed(shop.app_key.key, shop.secret, "POST", where, body=body)
        assert ask(shop, where, sign, "POST", body, kind).status_code == 422


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("limit", ["0", "-1", "201", "1e9", "９", "9" * 30]),
        ("cursor", ["-1", "x", "9" * 30, "1;drop", "0x1"]),
    ],
)
def test_pages_end_somewhere(name, values):
    shop = Shop()
    for value in values:
        assert shop.get(PATH, **{name: value}).status_code in (400, 422), value
