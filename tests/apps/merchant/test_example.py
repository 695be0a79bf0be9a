"""The client and the table that merchants are given: both are as true as the platform itself."""

import importlib.util
import re
from pathlib import Path

import pytest
from django.conf import settings

from apps.merchant.signing import Signed, old_signature, signature
from tests.apps.merchant.shop import Shop

DOCS = Path(settings.ROOT) / "docs"
TABLE = (DOCS / "merchant-api.md").read_text()
SECRET = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
ROW = re.compile(
    r"^\| `(?P<method>[A-Z]+)` \| `(?P<path>[^`]+)` \| `(?P<query>[^`]*)` \| `(?P<body>[^`]*)` \|"
    r" `(?P<sign>[0-9a-f]{64})` \|$",
    re.MULTILINE,
)
VECTORS = [match.groupdict() for match in ROW.finditer(TABLE)]


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location(
        "merchant_client", DOCS / "examples" / "merchant_client.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(vector):
    none = {"query": "", "body": ""}
    return {
        name: none.get(name, value) if value == "-" else value for name, value in vector.items()
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["path"])
def test_the_table_of_signatures_is_true(example, vector):
    vector = told(vector)
    expected, body = vector.pop("sign"), vector.pop("body").encode()
    at = {"timestamp": "1767225600", "nonce": "3f1c9a7e5b2d4c60"}
    assert signature(SECRET, Signed(body=body, **vector, **at)) == expected
    assert example.sign(SECRET, body=body, **vector, **at) == expected


def test_the_table_has_every_kind_of_request():
    assert {vector["method"] for vector in VECTORS} == {"GET", "POST", "PATCH", "DELETE"}
    assert SECRET in TABLE
    assert old_signature("k" * 32, SECRET, "1767225600") in TABLE


@pytest.mark.django_db(transaction=True)
def test_the_client_walks(example, live_server):
    shop = Shop()
    client = example.MerchantClient(live_server.url, shop.app_key.key, shop.secret)
    alice = client.post(
        "/merchant/v2/members",
        email="alice+1@example.com",
        password="12345678",
        idempotency_key="join",
    )
    again = client.post(
        "/merchant/v2/members",
        email="alice+1@example.com",
        password="12345678",
        idempotency_key="join",
    )
    assert again == alice
    found = client.get("/merchant/v2/members", email="+1@", limit=10)
    assert [member["id"] for member in found["items"]] == [alice["id"]]
    one = f"/merchant/v2/members/{alice['id']}"
    assert client.patch(one, is_market_node=True)["is_market_node"] is True
    account = client.post("/merchant/v2/venue-accounts", member_id=alice["id"], venue="paper")
    assert client.delete(f"/merchant/v2/venue-accounts/{account['id']}")["status"] == "paused"
    assert client.get("/merchant/balance")["data"]["point_card_self"] == 1000
    with pytest.raises(example.Refused) as refused:
        client.get("/merchant/v2/members/987654")
    assert refused.value.status == 404
