"""Which adapter an account's tickets go through, and where it sends them."""

import json
import logging
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from engine import envelope
from engine.errors import VenueBusy, VenueRefused
from engine.order import OrderStatus
from engine.signal import Action
from engine.venues.binance import Binance
from tests.engine.paper.clients import Control
from tests.engine.tickets import ticket
from workers import pace, settings
from workers.adapters import Adapters
from workers.vault import Credentials, Opener

CANARY = "canary-55ce09"
KEYS = Credentials(f"{CANARY}-key", f"{CANARY}-secret", "phrase")


@dataclass(frozen=True)
class Account:
    venue: str = "binance"
    account: str = "1"


def test_an_account_keeps_its_adapter_until_its_keys_change(host, tasks):
    first = lent(host, Account(), KEYS)
    assert isinstance(first, Binance)
    assert lent(host, Account(), Credentials(KEYS.api_key, KEYS.api_secret, "phrase")) is first
    assert lent(host, Account(account="2"), KEYS) is not first
    changed = lent(host, Account(), Credentials(KEYS.api_key, "another", "phrase"))
    assert changed is not first
    assert (first.client.secret, changed.client.secret) == (None, "another")


def test_only_so_many_adapters_are_kept_and_nobodys_is_closed_while_it_is_used(
    host, tasks, monkeypatch
):
    monkeypatch.setenv("NODE_ADAPTERS", "2")
    kept = Adapters(settings.read())
    with kept.lend(Account(account="1"), KEYS) as used:
        lent_to = [lent_by(kept, Account(account=str(number)), KEYS) for number in (2, 3, 2, 4)]
        second, third, again, fourth = lent_to
        # The third was wanted before the second was wanted again; the first is in use.
        assert again is second
        keys = [one.client.apiKey for one in (used, second, third, fourth)]
        assert keys == [KEYS.api_key, KEYS.api_key, None, KEYS.api_key]
        assert lent_by(kept, Account(account="1"), KEYS) is not used
    assert used.client.apiKey is None
    assert CANARY not in repr(vars(used.client))


def test_a_closed_adapter_sends_nothing_more(rebased, exchange):
    venue = lent(rebased, Account(), KEYS)
    venue.close()
    with pytest.raises(VenueBusy):
        venue.balance()


def lent(host, account, keys):
    return lent_by(host.adapters, account, keys)


def lent_by(adapters, account, keys):
    with adapters.lend(account, keys) as venue:
        return venue


def test_a_venue_without_an_adapter_is_refused(host, tasks):
    with pytest.raises(VenueRefused, match="no adapter for nowhere"):
        host.adapters.lend(Account("nowhere"), KEYS)


def test_an_adapter_that_does_not_open_refuses_and_quotes_nothing(host, tasks, monkeypatch, caplog):
    def broken(name, credentials, **_told):
        raise ValueError(f"no such key: {credentials.api_secret}")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("workers.adapters.open_venue", broken)
    with pytest.raises(VenueRefused, match="does not open with these keys: ValueError") as refused:
        host.adapters.lend(Account(), KEYS)
    assert CANARY not in str(refused.value) + caplog.text


def test_a_venue_is_the_real_one_unless_the_node_says_otherwise(host, tasks):
    assert lent(host, Account(), KEYS).client.base_url is None


@pytest.mark.parametrize("venue", ["binance", "okx", "gate"])
def test_a_ticket_trades_at_the_local_exchange_once(rebased, tasks, exchange, venue):
    key = next(key for key in exchange.keys if key.dialect == venue)
    secret = {"api_key": key.api_key, "api_secret": key.secret, "passphrase": key.passphrase}
    asked = ticket(
        venue=venue,
        quantity="0.02",
        sealed_credentials=envelope.seal(
            json.dumps(secret).encode(), to=bytes(rebased.keys.seal_private.public_key)
        ),
        not_after_ms=tasks.now_ms() + 20_000,
        client_order_id="ib" + "a" * 24,
    )
    first, again = (
        tasks.answer(asked, rebased, Opener("", key=rebased.keys.seal_private), tasks.now_ms())
        for _ in range(2)
    )
    assert first.status is OrderStatus.FILLED, first.reason
    assert (again.status, again.fills) == (OrderStatus.FILLED, first.fills)
    (order,) = Control(exchange).truth(key.account)["orders"]
    assert order["client_id"].endswith(asked.client_order_id)
    assert order["filled"] == first.filled


@pytest.mark.parametrize("fault", [None, "timeout_after"])
@pytest.mark.parametrize("venue", ["binance", "okx", "gate"])
def test_what_is_opened_is_protected_even_where_its_answer_was_lost(
    rebased, tasks, exchange, venue, fault
):
    control = Control(exchange)
    control.hold(BTC=60_000)
    key = control.open(venue)
    if fault:
        control.fault(fault, account=key["account"], delay_ms=300)
    secret = {name: key[name] for name in ("api_key", "passphrase")} | {"api_secret": key["secret"]}
    to = bytes(rebased.keys.seal_private.public_key)
    asked = ticket(
        venue=venue,
        quantity="0.02",
        stop="55000",
        target="66000",
        sealed_credentials=envelope.seal(json.dumps(secret).encode(), to=to),
        not_after_ms=tasks.now_ms() + 20_000,
        client_order_id="ib" + "b" * 24,
    )
    for _ in range(2):
        report = tasks.answer(
            asked, rebased, Opener("", key=rebased.keys.seal_private), tasks.now_ms()
        )
        assert (report.status, report.reason) == (OrderStatus.FILLED, "")
    truth = control.truth(key["account"])
    assert len(truth["orders"]) == 1
    waiting = [one for one in truth["triggers"] if one["status"] == "waiting"]
    assert len(waiting) == 2


@pytest.mark.parametrize(
    "told",
    [
        "{",
        "[]",
        '{"binance": "https://fapi.binance.com"}',
        '{"binance": "http://10.0.0.7:9000"}',
        '{"binance": "http://127.0.0.1.example.com:80"}',
        '{"binance": "http://127.0.0.1:80@example.com"}',
        '{"binance": "http://127.0.0.1:9000/path"}',
        '{"binance": "http://localhost:9000"}',
        '{"nowhere": "http://127.0.0.1:9000"}',
        '{"binance": 5}',
    ],
)
def test_venues_are_sent_nowhere_but_to_this_host(host, monkeypatch, told):
    monkeypatch.setenv("VENUE_BASE_URLS", told)
    with pytest.raises(SystemExit, match="VENUE_BASE_URLS"):
        settings.read()


@pytest.mark.parametrize("venue", ["binance", "okx", "gate"])
def test_a_venue_that_says_when_to_come_again_hears_nothing_until_then(
    rebased, tasks, exchange, venue, monkeypatch
):
    control = Control(exchange)
    control.hold(BTC=60_000)
    key = control.open(venue)
    secret = {name: key[name] for name in ("api_key", "passphrase")} | {"api_secret": key["secret"]}
    sealed = envelope.seal(
        json.dumps(secret).encode(), to=bytes(rebased.keys.seal_private.public_key)
    )
    names = iter("abcde")

    def answer(action):
        asked = ticket(
            venue=venue,
            account=key["account"],
            quantity="0.02",
            action=action,
            sealed_credentials=sealed,
            not_after_ms=tasks.now_ms() + 20_000,
            client_order_id="ib" + next(names) * 24,
        )
        opener = Opener("", key=rebased.keys.seal_private)
        return tasks.answer(asked, rebased, opener, tasks.now_ms())

    assert answer(Action.OPEN).status is OrderStatus.FILLED
    control.fault("rate_limit", account=key["account"], delay_ms=600_000)
    assert answer(Action.CLOSE).status is OrderStatus.EXPIRED
    # The exchange would take it by now: the fault was for one request.
    told = answer(Action.CLOSE)
    assert (told.status, told.reason[:13]) == (OrderStatus.EXPIRED, "never placed:")
    (held,) = control.truth(key["account"])["positions"]
    assert held["quantity"] == "0.02"

    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 600, sleep=time.sleep)
    monkeypatch.setattr(pace, "time", later)
    assert answer(Action.CLOSE).status is OrderStatus.FILLED
    assert control.truth(key["account"])["positions"] == []
