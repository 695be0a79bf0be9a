"""Requests that nobody thought of, made of the APIs' own documents: none finds a fault, and every
answer is what the document says.

    FUZZ_EXAMPLES=50 pytest tests/walks/test_documents.py     more than 10,000 requests
"""

import os
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.arena.api import face as arena
from apps.core.openapi import document
from apps.members.models import Member
from apps.merchant.urls import FACES as MERCHANTS
from apps.platform.urls import face as platform
from tests.apps.merchant.shop import Shop, signed
from tests.apps.platform.desk import Desk
from tests.factories import PlanFactory, SubscriptionFactory, VenueAccountFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.walk]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
# What would end the login that asks, or every one.
LEFT_OUT = {"/api/auth/logout", "/api/users/{id}/disable", "/api/tenants/{id}/suspend"}
LEFT_OUT |= {"/api/app-keys/{id}/revoke", "/api/auth/change-password"}
FACES = [*MERCHANTS, platform, arena]
OPERATIONS = [
    (face, path, method)
    for face in FACES
    for path, methods in document(face)["paths"].items()
    for method in methods
    if path not in LEFT_OUT
]


class Signer(requests.auth.AuthBase):
    def __init__(self, shop):
        self.shop = shop

    def __call__(self, request):
        url, body = urlsplit(request.url), request.body or b""
        body = body.encode() if isinstance(body, str) else body
        headers = signed(
            self.shop.app_key.key,
            self.shop.secret,
            request.method,
            requests.utils.unquote(url.path),
            query=url.query,
            body=body,
        )
        request.headers.update(headers)
        return request


class Bearer(requests.auth.AuthBase):
    def __init__(self, desk):
        self.desk = desk

    def __call__(self, request):
        request.headers.update(self.desk.headers)
        return request


@pytest.fixture
def shop():
    shop = Shop(gift=None)
    shop.member("bob@example.org")
    account = VenueAccountFactory(member=Member.objects.of(shop.tenant).get(root_of=None))
    SubscriptionFactory(venue_account=account, tenant_strategy=shop.offer())
    PlanFactory()
    return shop


@pytest.mark.parametrize(
    ("face", "path", "method"),
    OPERATIONS,
    ids=[f"{method.upper()} {path}" for _face, path, method in OPERATIONS],
)
def test_every_answer_is_what_the_document_says(live_server, shop, face, path, method):
    auth = None if face is arena else Bearer(Desk()) if face is platform else Signer(shop)
    schema = schemathesis.openapi.from_dict(document(face))
    operation = schema[path][method.upper()]
    session = requests.Session()
    asked = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    def ask(case):
        response = case.call(base_url=live_server.url, session=session, auth=auth)
        asked.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    assert asked
    print(f"{len(asked)} requests: {method.upper()} {path}")
    # The door was passed: what was tried is the call, not its lock.
    assert 401 not in asked or "auth" in path or "sign-in" in path
