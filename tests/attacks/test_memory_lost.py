"""What the platform remembers for a while is gone, or held by somebody."""

import sqlite3

import pytest
from django.conf import settings

from apps.core.memory import PREFIX, FileMemory, memory
from tests.apps.merchant.conftest import nothing_remembered  # noqa: F401
from tests.apps.merchant.shop import Shop, signed

pytestmark = pytest.mark.django_db


def test_a_request_is_not_good_again_after_memory_was_lost():
    """A Redis that was restarted has forgotten the nonces of the last five minutes."""
    shop = Shop()
    pk = shop.member()
    path = f"/merchant/v2/members/{pk}/recharges"
    body = b'{"kind": "self", "amount": "1"}'
    sign = signed(shop.app_key.key, shop.secret, "POST", path, body=body)

    def send():
        return shop.http.generic("POST", path, body, content_type="application/json", headers=sign)

    assert send().status_code == 201
    assert send().status_code == 401
    known = memory()
    if isinstance(known, FileMemory):
        known.line.execute("delete from memory")
    else:
        for key in known.redis.scan_iter(f"{PREFIX}*"):
            known.redis.delete(key)
    assert send().status_code == 401


def test_a_memory_that_is_held_is_busy_and_no_server_error():
    if not isinstance(memory(), FileMemory):
        pytest.skip("a Redis")
    shop = Shop()
    shop.http.raise_request_exception = False
    assert shop.get("/merchant/v2/cards").status_code == 200
    memory().line.execute("pragma busy_timeout=200")
    other = sqlite3.connect(settings.VAR / "memory.sqlite3", isolation_level=None)
    other.execute("begin immediate")
    try:
        assert shop.get("/merchant/v2/cards").status_code == 503
    finally:
        other.execute("rollback")
        other.close()
