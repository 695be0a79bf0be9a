"""A merchant for the tests: an opened tenant, and a client that signs as the documentation says."""

import hashlib
import hmac
import json
import time
import uuid
from decimal import Decimal
from urllib.parse import parse_qsl, quote, urlencode

from django.test import Client

from apps.ledger.models import Account
from apps.members.services import open_tenant
from apps.pointcards.services import recharge_tenant
from apps.tenants.models import AppKey
from apps.tenants.services import change_app_key
from tests.factories import LevelFactory, StrategyFactory, TenantStrategyFactory

EVERY_SCOPE = list(AppKey.Scope.values)


def signed(key, secret, method, path, *, query="", body=b"", at=None, nonce=None):
    """The four headers of today's signature, spelt out from the documentation alone."""
    timestamp = str(int(time.time() if at is None else at))
    nonce = uuid.uuid4().hex if nonce is None else nonce
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    sorted_query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in pairs)
    body_hash = hashlib.sha256(body).hexdigest()
    text = "\n".join([method, path, sorted_query, body_hash, timestamp, nonce])
    sign = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"X-App-Key": key, "X-Timestamp": timestamp, "X-Nonce": nonce, "X-Sign": sign}


def signed_as_of_old(key, secret, *, at=None):
    timestamp = str(int(time.time() if at is None else at))
    sign = hashlib.md5(f"{key}{timestamp}{secret}".encode()).hexdigest()
    return {"X-App-Key": key, "X-Timestamp": timestamp, "X-Sign": sign}


class Shop:
    """A tenant and its server."""

    def __init__(self, name="Acme", *, scopes=EVERY_SCOPE, plan=None, own=Decimal(1000), gift=None):
        LevelFactory()
        opened = open_tenant(name=name, plan=plan)
        self.tenant, self.secret = opened.tenant, opened.first_key.secret
        self.app_key = change_app_key(app_key=opened.first_key.app_key, scopes=scopes)
        self.http = Client()
        for kind, amount in ((Account.Kind.SELF, own), (Account.Kind.GIFT, gift)):
            if amount:
                key = f"{name}-{kind}"
                recharge_tenant(key=key, tenant=self.tenant, kind=kind, amount=amount)

    def offer(self, **terms):
        return TenantStrategyFactory(
            tenant=self.tenant, strategy=StrategyFactory(venue="paper"), **terms
        )

    def get(self, path, headers=None, **query):
        text = urlencode(query)
        sign = signed(self.app_key.key, self.secret, "GET", path, query=text)
        return self.http.get(f"{path}?{text}", headers=sign | (headers or {}))

    def send(self, method, path, body, content_type, headers=None):
        sign = signed(self.app_key.key, self.secret, method, path, body=body)
        return self.http.generic(
            method, path, body, content_type=content_type, headers=sign | (headers or {})
        )

    def post(self, path, headers=None, **form):
        body = urlencode(form).encode()
        return self.send("POST", path, body, "application/x-www-form-urlencoded", headers)

    def json(self, method, path, headers=None, **values):
        return self.send(method, path, json.dumps(values).encode(), "application/json", headers)

    def post_json(self, path, headers=None, **values):
        return self.json("POST", path, headers, **values)

    def member(self, email="alice@example.com", **form):
        """A member created through the door; its id."""
        told = self.post("/merchant/user/create", email=email, password="12345678", **form)
        assert told.json()["code"] == 0, told.content
        return told.json()["data"]["user_id"]


def data_of(answer):
    body = answer.json()
    assert (answer.status_code, body["code"]) == (200, 0), body
    return body["data"]


def refusal_of(answer):
    """HTTP status, code and rule of a refusal; never data."""
    body = answer.json()
    assert body["data"] is None
    assert body["msg"]
    return answer.status_code, body["code"], body["error"]
