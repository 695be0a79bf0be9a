"""A merchant's existing client: plain requests, written from the published facts alone."""

import hashlib
import time
from decimal import Decimal

import pytest
import requests

from apps.members.models import Member
from apps.rewards.models import Withdrawal
from apps.rewards.services import approve_withdrawal
from apps.tenants.services import change_app_key
from tests.apps.merchant.shop import Shop
from tests.apps.rewards.shop import settle
from tests.factories import CloseFactory, PositionFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db(transaction=True)


class OldClient:
    """MD5 of key, time and secret in three headers; forms out, an envelope back."""

    def __init__(self, address, key, secret):
        self.address, self.key, self.secret = address, key, secret
        self.session = requests.Session()

    def headers(self):
        now = str(int(time.time()))
        sign = hashlib.md5((self.key + now + self.secret).encode()).hexdigest()
        return {"X-App-Key": self.key, "X-Timestamp": now, "X-Sign": sign}

    def get(self, path, **query):
        return self.told(
            self.session.get(self.address + path, params=query, headers=self.headers())
        )

    def post(self, path, **form):
        return self.told(self.session.post(self.address + path, data=form, headers=self.headers()))

    @staticmethod
    def told(answer):
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) >= {"code", "msg", "data"}
        assert body["code"] == 0, body
        return body["data"]


def profit_of(tenant, member_id, *, inviter):
    """A close of 5,000 on an account of the member, settled; the inviter holds enough."""
    members = Member.objects.of(tenant)
    VenueAccountFactory(member=members.get(pk=inviter), equity=Decimal(1000))
    account = VenueAccountFactory(member=members.get(pk=member_id))
    position = PositionFactory(subscription__venue_account=account, open_key=None)
    settle([CloseFactory(position=position, profit=Decimal(5000))])


@pytest.fixture
def shop():
    shop = Shop(own=Decimal(3000), gift=Decimal(500))
    change_app_key(app_key=shop.app_key, is_legacy=True)
    return shop


@pytest.fixture
def client(live_server, shop):
    return OldClient(live_server.url, shop.app_key.key, shop.secret)


def test_the_published_api_is_walked_from_a_member_to_a_withdrawal(client, shop):
    offered = shop.offer(display_name="Acme cross")
    assert requests.get(f"{client.address}/health", timeout=5).json()["status"] == "ok"
    root = client.get("/merchant/root-user")
    assert root["email"] == f"root@tenant{shop.tenant.pk}.local"

    alice = client.post("/merchant/user/create", email="alice@example.com", password="12345678")
    assert alice["inviter_id"] == root["user_id"]
    bob = client.post(
        "/merchant/user/create",
        email="bob@example.com",
        password="12345678",
        invite_code=alice["invite_code"],
    )
    assert bob["inviter_id"] == alice["user_id"]
    listed = client.get("/merchant/users", page=1, limit=2)
    assert (listed["total"], listed["page"], listed["limit"]) == (3, 1, 2)
    assert [line["email"] for line in listed["list"]] == ["bob@example.com", "alice@example.com"]

    cards = client.post("/merchant/user/recharge", email="bob@example.com", amount=60.5, type=1)
    assert cards == {
        "agent_before_total": 3500,
        "agent_after_total": 3439.5,
        "member_before_total": 0,
        "member_after_total": 60.5,
        "amount": 60.5,
    }
    client.post("/merchant/user/recharge", email="bob@example.com", amount=20)
    balance = client.get("/merchant/balance")
    assert balance == {
        "point_card_self": 2939.5,
        "point_card_gift": 480,
        "point_card_total": 3419.5,
    }
    handed = client.post(
        "/merchant/user/transfer-point-card",
        from_email="bob@example.com",
        to_email="alice@example.com",
        amount="10.00000001",
        type=1,
    )
    assert handed["from_self_after"] == 50.49999999
    assert (handed["to_self_after"], handed["to_gift_after"]) == (10.00000001, 0)

    logs = client.get("/merchant/point-card/logs")
    assert [(line["change_type"], line["amount"]) for line in logs["list"]] == [
        (3, -20),
        (3, -60.5),
        (2, 500),
        (1, 3000),
    ]
    assert [line["source_type"] for line in logs["list"]] == [2, 2, 1, 1]
    assert "source_type_name" not in logs["list"][0]
    newest = logs["list"][0]
    assert (newest["before_gift"], newest["after_gift"]) == (500, 480)
    assert newest["before_self"] == newest["after_self"] == 2939.5
    assert newest["member_id"] == bob["user_id"]
    mine = client.get("/merchant/point-card/logs", email="bob@example.com")
    assert [(line["change_type"], line["amount"], line["to_type"]) for line in mine["list"]] == [
        (3, -10.00000001, 1),
        (2, 20, 2),
        (1, 60.5, 1),
    ]
    sources = [(line["source_type"], line["source_type_name"]) for line in mine["list"]]
    assert sources == [(1, "self"), (2, "gift"), (1, "self")]

    account = client.post(
        "/merchant/user/apikey",
        email="bob@example.com",
        exchange="OKX",
        api_key="okx-key-1234",
        api_secret="okx-secret",
        passphrase="okx-pass",
    )
    strategies = client.get("/merchant/strategies")
    assert [(line["name"], line["amount_usdt"]) for line in strategies] == [("Acme cross", 200)]
    which = {
        "email": "bob@example.com",
        "strategy_id": strategies[0]["strategy_id"],
        "account_id": account["account_id"],
    }
    opened = client.post("/merchant/user/strategy/open", **which, capital=1000, risk_mode=2)
    assert (opened["amount_usdt"], opened["mode"]) == (300, 2)
    again = client.post("/merchant/user/strategy/open", **which, risk_mode=3)
    assert again["binding_id"] == opened["binding_id"]
    assert again["amount_usdt"] == 400
    updated = client.post("/merchant/user/strategy/update", **which, leverage=10)
    assert (updated["leverage"], updated["amount_usdt"]) == (10, 200)
    followed = client.get("/merchant/user/strategies", email="bob@example.com")
    assert [(line["status"], line["strategy_name"]) for line in followed] == [(1, "Acme cross")]
    info = client.get("/merchant/user/info", email="bob@example.com")
    assert (info["active_strategies"], info["bound_exchanges"]) == (1, ["okx"])
    assert info["accounts"][0]["api_secret"] == "okx-secret"
    assert client.post("/merchant/user/strategy/close", **which) is None
    assert client.get("/merchant/user/strategies", email="bob@example.com")[0]["status"] == 0
    which.pop("strategy_id")
    assert client.post("/merchant/user/apikey/unbind", **which) is None
    assert client.get("/merchant/user/info", email="bob@example.com")["accounts"] == []

    client.post("/merchant/user/set-market-node", email="alice@example.com", is_node=1)
    team = client.get("/merchant/user/team", email="alice@example.com")
    assert [line["email"] for line in team["list"]] == ["bob@example.com"]
    assert team["team_stats"] == {"direct_count": 1, "total_count": 1, "total_performance": 0}
    assert client.get("/merchant/user/info", email="alice@example.com")["is_market_node"] == 1

    client.post("/merchant/user/recharge", email="bob@example.com", amount=1500, type=1)
    profit_of(shop.tenant, bob["user_id"], inviter=alice["user_id"])
    rewards = client.get("/merchant/user/rewards", email="alice@example.com")
    told = [(line["reward_type"], line["amount"], line["source_email"]) for line in rewards["list"]]
    # A quarter of the network's fifth of the pool, and a tenth of it to the peer.
    assert sorted(told) == [("direct", 75, "bob@example.com"), ("peer", 30, "bob@example.com")]
    before = client.get("/merchant/user/info", email="alice@example.com")["reward_usdt"]
    asked = client.post(
        "/merchant/user/withdraw",
        email="alice@example.com",
        amount=50,
        wallet_address="0x52908400098527886E0F7030069857D2E4169EE7",
        wallet_network="ERC20",
    )
    assert (asked["fee"], asked["actual_amount"], asked["status"]) == (2.5, 47.5, 0)
    after = client.get("/merchant/user/info", email="alice@example.com")["reward_usdt"]
    assert round(before - after, 8) == 50
    row = Withdrawal.objects.of(shop.tenant).get()
    approve_withdrawal(withdrawal=row, by="staff", now=row.created_at)
    lines = client.get("/merchant/user/withdrawals", email="alice@example.com", status=1)
    assert [line["id"] for line in lines["list"]] == [asked["withdrawal_id"]]
    assert offered.tenant == shop.tenant
