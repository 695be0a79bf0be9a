"""After a whole run, with refusals and errors, secrets are searched where nobody may see them."""

import base64
import os
import re
import subprocess
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlparse

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.members.services import create_member
from apps.platform import lists
from apps.platform.listing import Listing
from apps.tenants.models import AppKey, User
from apps.tenants.services import (
    begin_second_factor,
    create_app_key,
    create_endpoint,
    create_user,
)
from apps.venues.services import bind_account
from engine.paper.service.faults import Kind
from engine.signal import Action
from tests.apps.merchant.shop import signed
from tests.apps.platform.desk import Desk
from tests.engine.paper.clients import serving
from tests.walks.market import DIALECTS, Market
from tests.walks.proxy import Proxy
from tests.walks.running import Running, wait_for
from tests.walks.story import keys_checked, tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]
PASSWORD = "canary password 71fb0c"


class House(Running):
    """Its line to Redis is listened to; the embedded broker's file keeps what passed by itself."""

    line = None

    def _environment(self):
        told = super()._environment()
        address = urlparse(settings.BROKER_URL)
        if address.scheme.startswith("redis"):
            if self.line is None:
                self.line = Proxy(address.port or 6379)
                self.line.heard = []
            replaced = address._replace(netloc=f"127.0.0.1:{self.line.port}")
            told["BROKER_URL"] = replaced.geturl()
        return told


def test_no_secret_is_found_anywhere(transactional_db, tmp_path, subtests):
    house = House(tmp_path)
    with serving() as service:
        market = Market(service)
        house.environment["VENUE_BASE_URLS"] = str(
            dict.fromkeys(DIALECTS, service.address)
        ).replace("'", '"')
        node = house.enroll()
        secrets = {}
        try:
            story = trade(house, market, node, secrets)
        finally:
            house.stop()
    secrets |= doors(story, tmp_path)
    places = {path.name: path.read_bytes() for path in written(tmp_path)}
    places["database"] = database_dump()
    places["answers"] = answers(story, secrets["app secret"])
    if house.line:
        places["redis"] = b"".join(house.line.heard)
        house.line.close()
    else:
        for path in Path(urlparse(settings.BROKER_URL).path).parent.glob("broker*"):
            places[path.name] = read_apart(path)

    for place, content in places.items():
        with subtests.test(place):
            assert len(content), "nothing was searched"
            assert found(secrets, content) == []
    # What was searched is what there is: names that are no secret stand in it.
    told = str(story.subscriptions[0].pk).encode()
    assert told in places["database"]
    assert b"node.execute" in places["node.log"]
    assert b"BTC/USDT" in places["answers"]
    broker = places.get("redis") or b"".join(
        content for place, content in places.items() if place.startswith("broker")
    )
    assert b"node.execute" in broker


@pytest.mark.parametrize("way", ["plain", "base64", "hex", "url"])
@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
def test_the_search_finds_what_was_planted(way, before):
    secret = "a secret + 3f9c/52"
    ways = {
        "plain": lambda told: told,
        "base64": base64.b64encode,
        "hex": lambda told: told.hex().encode(),
        "url": lambda told: quote(told.decode(), safe="").encode(),
    }
    content = b"{" + ways[way](before + secret.encode() + b"zz") + b"}"
    assert found({"planted": secret}, content) == ["planted"]
    assert found({"other": "another secret"}, content) == []


def trade(house, market, node, secrets):
    """In and out at three venues, past faults, with keys that are wrong in every way."""
    house.start("centre", "heartbeats", "node", "beat")
    wait_for(house.is_alive, what="the first heartbeat")
    stories = []
    for dialect in DIALECTS:
        market.describe(dialect)
        stories.append(tell(dialect, node, account_of=partial(market.account_of, dialect)))
    wait_for(keys_checked, seconds=120, what="the keys checked")
    for story in stories:
        market.plan(story, [{"kind": Kind.UNAVAILABLE_AFTER}])
    for key in market.control.ask("GET", "/accounts"):
        secrets |= {
            f"{key['account']} {name}": key[name] for name in ("api_key", "secret", "passphrase")
        }
    names = ("api_key", "api_secret", "passphrase")
    wrong = {
        "unknown": {name: f"canary-{name}-771a02" for name in names},
        # No header can carry it: whoever tries says so, and quotes it.
        "unsendable": {name: f"canary-{name}-密882b13" for name in names},
    }
    for case, keys in wrong.items():
        for dialect in DIALECTS:
            member = create_member(
                tenant=stories[0].subscriptions[0].tenant,
                email=f"{case}-{dialect}@example.com",
                password=PASSWORD,
            )
            bind_account(member=member, node=node, venue=dialect, **keys)
        secrets |= {f"{case} {name}": value for name, value in keys.items()}
    for action in (Action.OPEN, Action.CLOSE):
        for story in stories:
            story.publish(action)
        for story in stories:
            wait_for(partial(story.is_done, action), seconds=90, what=f"{story.name} {action}")
    return stories[0]


def doors(story, home):
    """Secrets of people and programs, each made as it is made for them."""
    tenant = story.subscriptions[0].tenant
    user = create_user(username="canary", password=PASSWORD, role=User.Role.OPERATOR)
    node_keys = (home / "node.json").read_text()
    told = re.findall(r'"(\w*private\w*)":\s*"([^"]+)"', node_keys)
    assert told
    return {
        "password": PASSWORD,
        "totp": re.search(r"secret=(\w+)", begin_second_factor(user=user))[1],
        "app secret": create_app_key(tenant=tenant, name="canary").secret,
        "webhook secret": create_endpoint(tenant=tenant, url="https://example.com/hook").secret,
        "centre key": os.environ["CENTRE_SIGNING_KEY"],
        "seal key": os.environ["SEAL_KEYS"],
        **{f"node {name}": value for name, value in told},
    }


def read_apart(path) -> bytes:
    """A file of SQLite's, read by another process: whoever closes one gives up the locks that
    this process has on it, and a neighbour may then cut it down under its feet.
    """
    return subprocess.run(["cat", path], capture_output=True, check=True).stdout


def written(home):
    """Every file of the house but the one that is there to keep the node's keys."""
    return [
        path
        for path in home.rglob("*")
        if path.is_file() and path.name != "node.json" and path.stat().st_size
    ]


def database_dump() -> bytes:
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"select * from {connection.ops.quote_name(table)}")
            rows += [table.encode(), *(plain(value) for row in cursor for value in row)]
    return b"\n".join(rows)


def plain(value) -> bytes:
    return bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()


def answers(story, secret) -> bytes:
    """What the three doors answer: lists, their exports, and every page of the admin."""
    tenant = story.subscriptions[0].tenant
    desk = Desk()
    said = []
    for made in vars(lists).values():
        if isinstance(made, Listing):
            said.append(desk.get(made.name))
            said.append(desk.get(f"{made.name}/export"))
    key = AppKey.objects.of(tenant).get(name="canary")
    for path in ("cards", "members", "subscriptions", "venue-accounts", "strategies"):
        where = f"/merchant/v2/{path}"
        said.append(Client().get(where, headers=signed(key.key, secret, "GET", where)))
    page = Client()
    page.force_login(desk.user)
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        said.append(page.get(reverse(f"{name}_changelist")))
        manager = getattr(model.objects, "across_tenants", model.objects.all)
        for row in manager()[:3]:
            said.append(page.get(reverse(f"{name}_change", args=[row.pk])))
    assert sum(one.status_code == 200 for one in said) > len(said) / 2, [
        (one.status_code, one.request["PATH_INFO"]) for one in said if one.status_code != 200
    ]
    return b"\n".join(
        b"".join(one.streaming_content) if one.streaming else one.content for one in said
    )


def found(secrets, content: bytes) -> list[str]:
    """The names of the secrets that stand in it, in whatever coat they came."""
    return [
        name for name, secret in secrets.items() if any(one in content for one in coats(secret))
    ]


def coats(secret: str) -> set[bytes]:
    """As it is, in hex, in an address, and in base64 wherever in the text it begins."""
    raw = secret.encode()
    worn = {raw, raw.hex().encode(), quote(secret, safe="").encode()}
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + raw)
        # The ends depend on what stands beside it.
        worn.add(text[4 if shift else 0 : len(text) // 4 * 4 - 4])
    return {one for one in worn if len(one) >= 8}
