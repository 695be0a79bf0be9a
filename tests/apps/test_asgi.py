"""Every page is answered under ASGI as it is under WSGI."""

import io
import json

import pytest
from django.urls import reverse

from ironbull import asgi
from tests.apps.console.streams import ask, logged_in, play, scope_of, streams  # noqa: F401
from tests.factories import MemberFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.usefixtures("streams")


def asked(*about):
    return play(ask(*about))


def test_a_page_is_told_whole_and_its_head_without_a_body():
    status, headers, body = asked("GET", "/admin/login/", {})
    assert (status, int(headers["content-length"])) == (200, len(body))
    assert "csrftoken" in headers["set-cookie"]
    status, headers, body = asked("HEAD", "/admin/login/", {})
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_a_body_comes_in_pieces_and_with_no_length_said():
    user = UserFactory(tenant=None, is_superuser=True)
    told = json.dumps({"username": user.username, "password": "wrong"}).encode()
    pieces = [told[:7], told[7:]]
    status, _headers, body = asked(
        "POST", "/api/auth/login", {"content-type": "application/json"}, *pieces
    )
    assert (status, json.loads(body)["code"]) == (401, "wrong_credentials")


def test_a_body_that_is_too_long_is_refused_by_the_call_itself(settings, monkeypatch):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    monkeypatch.setattr(asgi, "LONGEST_BODY", 1001)
    json_ = {"content-type": "application/json"}
    for headers in (json_, json_ | {"content-length": "900000"}):
        status, _headers, body = asked("POST", "/api/auth/login", headers, *[b"x" * 600] * 5)
        assert 400 <= status < 500
        assert json.loads(body)["code"]


def test_an_export_comes_in_pieces():
    tenant = TenantFactory()
    for number in range(3):
        MemberFactory(tenant=tenant, email=f"m{number}@example.com")
    cookie = logged_in(UserFactory(tenant=None, is_superuser=True))
    address = reverse("admin:members_member_changelist")
    status, _headers, body = asked("GET", f"{address}?q=m1%40example.com", cookie)
    assert (status, b"m1@example.com" in body, b"m2@example.com" in body) == (200, True, False)
    status, headers, body = asked("GET", "/static/ironbull/live.js", {})
    assert (status, int(headers["content-length"])) == (200, len(body))


def test_a_word_that_is_not_ascii_arrives_as_it_was_meant():
    status, _headers, _body = asked("GET", "/admin/%E4%B8%AD/", {})
    assert status in (302, 404)
    status, _headers, _body = asked("GET", "/%FF", {})
    assert status == 404


def test_a_header_cannot_pass_for_another_one():
    scope = scope_of(
        "GET", "/admin/login/", {"x-forwarded-for": "10.0.0.1", "x_forwarded-for": "1.1.1.1"}
    )
    assert asgi.environ_of(scope, io.BytesIO(), 0)["HTTP_X_FORWARDED_FOR"] == "10.0.0.1"


def test_who_leaves_before_all_was_sent_is_answered_nothing():
    told = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        told.append(message)

    play(asgi.application(scope_of("POST", "/api/auth/login", {}), receive, send))
    assert told == []
