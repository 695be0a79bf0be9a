"""Every page has a content policy, and every audit entry an actor."""

import re

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse

from apps.core.audit import record
from apps.core.middleware import POLICY, address_of, audit_actor, content_security
from tests.factories import UserFactory

FORWARDED = "198.51.100.9, 203.0.113.7"


@pytest.mark.django_db
def test_a_page_comes_with_the_policy(client):
    response = client.get("/admin/login/")
    assert response.headers["Content-Security-Policy"] == POLICY
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_policy_lets_nothing_in_from_another_host():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    for name, sources in rules.items():
        allowed = set(sources.split())
        assert allowed <= {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "data:"}, name
    assert rules["object-src"] == rules["frame-ancestors"] == "'none'"
    assert "data:" not in rules["script-src"]


def test_a_view_may_be_stricter():
    strict = content_security(
        lambda _request: HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})
    )
    response = strict(RequestFactory().get("/"))
    assert response.headers["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.django_db
def test_the_pages_load_nothing_from_another_host(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    for path in ("/admin/login/", reverse("admin:index"), reverse("admin:password_change")):
        html = client.get(path, follow=True).content.decode()
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']([^\"']+)", html)
        assert loaded
        assert not [link for link in loaded if re.match(r"(https?:)?//", link)], path


@pytest.mark.django_db
def test_the_logged_in_user_is_the_actor(rf):
    user = UserFactory()
    entries = []

    def view(_request):
        entries.append(record("test.x", "x:1"))
        return HttpResponse()

    request = rf.get("/", REMOTE_ADDR="203.0.113.5")
    request.user = user
    audit_actor(view)(request)
    assert (entries[0].actor, entries[0].source) == (user.username, "203.0.113.5")
    assert record("test.y", "x:1").actor == "system"


@pytest.mark.parametrize(
    ("case", "header", "forwarded", "address"),
    [
        ("no proxy of ours: the header is a claim", None, FORWARDED, "127.0.0.1"),
        ("our proxy wrote the last hop", ("X", "https"), FORWARDED, "203.0.113.7"),
        ("our proxy wrote none", ("X", "https"), "", "127.0.0.1"),
    ],
)
def test_where_a_request_came_from(rf, settings, case, header, forwarded, address):
    settings.SECURE_PROXY_SSL_HEADER = header
    assert address_of(rf.get("/", HTTP_X_FORWARDED_FOR=forwarded)) == address
