"""What the platform remembers for a while is gone."""

import pytest

from apps.core.memory import memory
from tests.apps.merchant.shop import Shop, signed
from tests.memory import forget

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
    forget(memory())
    assert send().status_code == 401
