"""Bodies, headers and queries that no client would send."""

import json
from io import BytesIO

import pytest
from django.core.signals import request_started
from django.db import close_old_connections
from django.test import Client, RequestFactory

from ironbull.wsgi import application
from tests.apps.merchant.shop import Shop, signed
from tests.apps.platform.desk import Desk

pytestmark = pytest.mark.django_db
JSON = "application/json"
BODIES = {
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "huge exponent": b'{"username": 1e99999999999999999999, "password": "x"}',
    "tiny exponent": b'{"username": 1e-99999999999999999999, "password": "x"}',
    "huge int": b'{"username": ' + b"9" * 100_000 + b', "password": "x"}',
    "surrogate": b'{"username": "\\ud800", "password": "x"}',
    "null byte": b'{"username": "a\\u0000b", "password": "x"}',
    "bom": b'\xef\xbb\xbf{"username": "a", "password": "x"}',
    "utf-16": '{"username": "a", "password": "x"}'.encode("utf-16"),
    "nan": b'{"username": NaN, "password": "x"}',
    "twice": b'{"username": "a", "username": "b", "password": "x"}',
    "not utf-8": b'{"username": "\xff", "password": "x"}',
    "long": json.dumps({"username": "a" * 1_000_000, "password": "b" * 1_000_000}).encode(),
    "10 MB": b" " * 10_000_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_never_a_server_error_at_the_login(body):
    http = Client(raise_request_exception=False)
    answer = http.generic("POST", "/api/auth/login", body, content_type=JSON)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert answer.headers["Content-Type"] == JSON


@pytest.mark.parametrize("where", ["/merchant/v2/members", "/merchant/user/create"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_never_a_server_error_at_the_merchants_door(body, where):
    shop = Shop()
    shop.http.raise_request_exception = False
    answer = shop.send("POST", where, body, JSON)
    assert 400 <= answer.status_code < 500, answer.status_code
    assert "json" in answer.headers["Content-Type"]


TYPES = {
    "rot13": "text/plain; charset=rot13",
    "utf-16": "text/plain; charset=utf-16",
    "form in utf-16": "application/x-www-form-urlencoded; charset=utf-16",
    "form in rot13": "application/x-www-form-urlencoded; charset=rot13",
    "multipart": "multipart/form-data; boundary=x",
    "multipart without": "multipart/form-data",
    "bad header": "application/json; charset*=utf-8''x'y",
    "none": "",
    "cp037": "text/plain; charset=cp037",
    "quote": 'application/json; a="',
}


def sent(method, path, kind, headers, *, query="", body=b""):
    """As the web server hands it in: status, content type, body."""
    environ = RequestFactory()._base_environ(
        REQUEST_METHOD=method,
        PATH_INFO=path,
        QUERY_STRING=query,
        CONTENT_TYPE=kind,
        CONTENT_LENGTH=str(len(body)),
        **{"wsgi.input": BytesIO(body)},
        **{f"HTTP_{name.upper().replace('-', '_')}": told for name, told in headers.items()},
    )
    told = []
    # As Django's own client does: the test's transaction goes on.
    request_started.disconnect(close_old_connections)
    content = b"".join(application(environ, lambda status, names: told.extend((status, names))))
    request_started.connect(close_old_connections)
    return int(told[0].split()[0]), dict(told[1])["Content-Type"], content


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("where", ["/merchant/v2/members", "/merchant/users"])
def test_a_content_type_is_never_a_server_error(kind, where):
    shop = Shop()
    query = "email=al%C3%A9ice"
    sign = signed(shop.app_key.key, shop.secret, "GET", where, query=query)
    status, told_as, content = sent("GET", where, kind, sign, query=query)
    assert status == 200, content[:200]
    assert "json" in told_as


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("where", ["/merchant/v2/members", "/merchant/user/create"])
def test_a_content_type_of_a_body_is_never_a_server_error(kind, where):
    shop = Shop()
    body = b"email=x@y.zz&password=12345678"
    sign = signed(shop.app_key.key, shop.secret, "POST", where, body=body)
    status, told_as, _content = sent("POST", where, kind, sign, body=body)
    assert status < 500
    assert "json" in told_as


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_a_content_type_is_never_a_server_error_at_the_platform(kind):
    desk = Desk()
    status, _as, content = sent("GET", "/api/members", kind, desk.headers, query="search=%C3%A9")
    assert status == 200, content[:200]


def test_the_content_type_is_not_signed_and_changes_no_query():
    shop = Shop()
    shop.member("alice@example.com")
    query = "email=%81%93%89%83%85"  # "alice" in EBCDIC
    sign = signed(shop.app_key.key, shop.secret, "GET", "/merchant/users", query=query)
    status, _as, content = sent("GET", "/merchant/users", "a/b; charset=cp037", sign, query=query)
    assert (status, json.loads(content)["data"]["total"]) == (200, 0)


MANY = "&".join(f"a{n}=1" for n in range(1200))


def test_many_parameters_are_refused_in_the_doors_own_words():
    desk = Desk()
    answer = desk.http.get(f"/api/members?{MANY}", headers=desk.headers)
    assert answer.headers["Content-Type"] == JSON


@pytest.mark.parametrize("where", ["/merchant/v2/members", "/merchant/users"])
def test_many_parameters_are_refused_in_the_merchants_doors_own_words(where):
    shop = Shop()
    sign = signed(shop.app_key.key, shop.secret, "GET", where, query=MANY)
    answer = shop.http.get(f"{where}?{MANY}", headers=sign)
    assert "json" in answer.headers["Content-Type"]


def test_many_fields_of_a_form_are_refused_in_the_doors_own_words():
    shop = Shop()
    form = "application/x-www-form-urlencoded"
    answer = shop.send("POST", "/merchant/user/create", MANY.encode(), form)
    assert "json" in answer.headers["Content-Type"]
