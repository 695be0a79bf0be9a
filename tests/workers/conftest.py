"""A node for tests: keys, settings and journal of its own; what it sends is kept in a list."""

import base64
import importlib
import json
import sys

import pytest
from nacl.signing import SigningKey

from tests.engine.paper.clients import serving
from workers import settings
from workers.adapters import Adapters
from workers.keys import make_keys

MAKING = tuple(
    f"workers.{name}" for name in ("telling", "session", "hands", "eyes", "quoting", "making")
)


@pytest.fixture
def centre_key():
    return SigningKey.generate()


@pytest.fixture
def host(tmp_path, monkeypatch, centre_key):
    verify = base64.b64encode(bytes(centre_key.verify_key)).decode()
    make_keys(tmp_path / "key.json", node="walk", centre_verify=verify)
    for name, value in {
        "NODE_CODE": "walk",
        "BROKER_URL": f"embedded://{tmp_path}/broker.sqlite3",
        "NODE_KEY_FILE": str(tmp_path / "key.json"),
        "NODE_STATE": str(tmp_path / "state"),
        "PAPER_BOOK": str(tmp_path / "paper"),
    }.items():
        monkeypatch.setenv(name, value)
    # The module makes its app from the environment: it is imported anew, for this test only.
    for name in ("workers.app", "workers.tasks", "workers.state", *MAKING):
        monkeypatch.delitem(sys.modules, name, raising=False)
    app = importlib.import_module("workers.app")
    made = app.Node(app.settings.read())
    made.sent = []
    monkeypatch.setattr(made, "tell_centre", lambda *told: made.sent.append(told))
    return made


@pytest.fixture
def tasks(host):
    """`workers.tasks`, as this host runs it."""
    return importlib.import_module("workers.tasks")


@pytest.fixture
def state(host, tasks):
    """`workers.state`, as this host runs it."""
    return importlib.import_module("workers.state")


@pytest.fixture
def exchange():
    with serving() as service:
        yield service


@pytest.fixture
def rebased(host, tasks, exchange, monkeypatch):
    """The host, with its venues at the local exchange."""
    monkeypatch.setenv(
        "VENUE_BASE_URLS", json.dumps(dict.fromkeys(("binance", "okx", "gate"), exchange.address))
    )
    monkeypatch.setattr(host, "settings", settings.read())
    monkeypatch.setattr(host, "adapters", Adapters(host.settings))
    return host


@pytest.fixture
def making(host, tasks):
    return importlib.import_module("workers.making")
