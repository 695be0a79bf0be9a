"""A client of the Platform API for the tests: logged in as somebody, in a role."""

import json
from urllib.parse import urlencode

from django.test import Client
from django.utils import timezone

from apps.platform.tokens import access_token
from apps.tenants.services import start_login
from tests.factories import PASSWORD, UserFactory


class Desk:
    """Its login is begun behind the door: to check a password is slow on purpose."""

    def __init__(self, role="owner", tenant=None, **user):
        rights = {"is_superuser": role == "owner"} | user
        self.user = UserFactory(role=role, tenant=tenant, **rights)
        self.http = Client()
        now = timezone.now()
        stay = start_login(user=self.user, source="127.0.0.1", program="tests", now=now)
        access = access_token(stay.login, now=now)
        self.tokens = {"access": access, "refresh": stay.refresh}

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.tokens['access']}"}

    def get(self, path, /, **query):
        return self.http.get(f"/api/{path}?{urlencode(query)}", headers=self.headers)

    def send(self, method, path, values, headers=None):
        body = json.dumps(values)
        everything = self.headers | (headers or {})
        return self.http.generic(
            method, f"/api/{path}", body, content_type="application/json", headers=everything
        )

    def post(self, path, headers=None, **values):
        return self.send("POST", path, values, headers)

    def patch(self, path, **values):
        return self.send("PATCH", path, values)


def log_in(http, username, password=PASSWORD, code="", **extra):
    body = json.dumps({"username": username, "password": password, "code": code})
    return http.post("/api/auth/login", body, content_type="application/json", **extra)


def data_of(answer, status=200):
    assert answer.status_code == status, answer.content
    return answer.json()["data"]


def refusal_of(answer):
    body = answer.json()
    assert set(body) == {"code", "message", "context"}
    assert body["message"]
    return answer.status_code, body["code"]
