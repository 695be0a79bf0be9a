"""What goes wrong outside of every rule is told in the words of the door that was asked."""

import pytest
from django.test import Client

from tests.apps.merchant.conftest import nothing_remembered  # noqa: F401
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def broken(monkeypatch):
    """A fault that no rule knows, in what every door reads."""

    def fail(*_args, **_names):
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setattr("apps.core.face.hints_of", fail)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/merchant/v2/cards", {"code": "fault", "status": 500}),
        ("/merchant/balance", {"error": "fault", "code": 500}),
    ],
)
def test_a_merchant_is_told_of_a_fault_in_the_words_of_the_door(path, told, broken):
    shop = Shop()
    shop.http.raise_request_exception = False
    answer = shop.get(path)
    assert answer.status_code == 500
    assert told.items() <= answer.json().items()
    assert b"secret of the house" not in answer.content


def test_so_is_a_program_of_the_platform(broken):
    desk = Desk()
    desk.http.raise_request_exception = False
    answer = desk.http.get("/api/auth/me", headers=desk.headers)
    assert (answer.status_code, answer.json()["code"]) == (500, "fault")


def test_a_page_has_the_page_of_the_framework(monkeypatch):
    def fail(request):
        raise ZeroDivisionError

    monkeypatch.setattr("apps.console.logins.hold", fail)
    client = Client(raise_request_exception=False)
    client.force_login(Desk().user)
    answer = client.get("/admin/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_a_request_that_cannot_be_read_is_refused_in_the_words_of_the_door():
    answer = Client(raise_request_exception=False).get("/api/auth/me", HTTP_HOST="a b")
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_parameter"
