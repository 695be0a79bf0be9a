"""Alerts that nobody in their right mind sends: each is answered, and none breaks the door."""

import json

import pytest

from apps.intake.models import Incoming
from apps.signals.models import Signal
from tests.apps.intake.test_hearing import OPEN, SECRET
from tests.factories import IntakeFactory

pytestmark = pytest.mark.django_db

# As they would stand in JSON.
VALUES = [
    *("1e99999999999999999999", "1e999999", "1e-999999999", "9" * 4299, "9" * 4400, "NaN"),
    *("Infinity", "-0", "[]", "{}", "true", '""', '"NaN"', '"sNaN"', '"1e999999"', '"0x10"'),
    *('"\\u0000"', '"\\ud800"', '"１２３"', '"1_000"', '"2026-01-01T00:00:00+99:99"'),
    *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', f'"{"A" * 9000}"'),
]
FIELDS = ["price", "stop", "confidence", "time", "symbol", "action", "reason", "id", "other"]


def post(client, intake, body):
    return client.post(f"/intake/{intake.token}", body, content_type="text/plain")


def with_field(field, value):
    told = {**OPEN, "secret": SECRET}
    told.pop(field, None)
    return f'{json.dumps(told)[:-1]}, "{field}": {value}}}'.encode()


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_a_field_says_is_answered(client, field, monkeypatch):
    monkeypatch.setattr("apps.intake.services.MOST_A_MINUTE", 1000)
    intake = IntakeFactory()
    for value in VALUES:
        answer = post(client, intake, with_field(field, value))
        assert answer.status_code in (200, 202, 400, 422), value[:30]
        if answer.status_code in (400, 422):
            assert answer.json()["message"], value[:30]
    # Numbers that are none never become a signal's.
    assert all(signal.price.is_finite() for signal in Signal.objects.all())


@pytest.mark.parametrize("value", ['"\\ud800"', "1e99999999999999999999", "[" * 900 + "]" * 900])
def test_nobody_without_the_secret_breaks_the_door(client, value):
    answer = post(client, IntakeFactory(), f'{{"secret": {value}}}'.encode())
    assert answer.status_code in (400, 401)
    assert not Incoming.objects.exists()


@pytest.mark.parametrize("levels", [49, 60, 890, 900, 1000])
def test_what_is_nested_is_kept_or_refused(client, levels):
    answer = post(client, IntakeFactory(), with_field("other", "[" * levels + "]" * levels))
    assert answer.status_code == (202 if levels < 50 else 400)
