"""A node starts with sound settings and its own keys, or says in one line why not."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from engine.envelope import fingerprint
from engine.venues.okx import Okx
from workers import settings
from workers.keys import make_keys, read_keys

ROOT = Path(__file__).resolve().parents[2]
CENTRE = base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
NEEDED = {
    "NODE_CODE": "walk",
    "BROKER_URL": "redis://127.0.0.1",
    "NODE_KEY_FILE": "key.json",
    "NODE_STATE": "state",
}


@pytest.fixture
def environment(monkeypatch):
    for name in [
        *NEEDED,
        "PAPER_BOOK",
        "HEARTBEAT_SECONDS",
        "NODE_CONCURRENCY",
        "LOG_LEVEL",
        "VENUE_LIMITS",
    ]:
        monkeypatch.delenv(name, raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment(environment):
    environment.setenv("HEARTBEAT_SECONDS", "3")
    told = settings.read()
    assert (told.node_code, told.queue, told.heartbeat_seconds) == ("walk", "node.walk", 3)


def test_a_venues_limits_are_what_the_operator_says(environment):
    environment.setenv("VENUE_LIMITS", '{"okx": {"units": 7, "orders": 11}}')
    told = settings.read().venue_limits["okx"].over(Okx.limits)
    assert (told.units, told.orders) == (7, 11)
    assert told.costs == Okx.limits.costs


@pytest.mark.parametrize(
    "value",
    ['{"okx": {"units": 0, "orders": 1}}', '{"kraken": {"units": 1, "orders": 1}}', "20", "{"],
)
def test_limits_that_are_none_are_refused_by_name(environment, value):
    environment.setenv("VENUE_LIMITS", value)
    with pytest.raises(SystemExit, match="VENUE_LIMITS"):
        settings.read()


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_setting_is_named(environment, name):
    environment.delenv(name)
    with pytest.raises(SystemExit, match=name):
        settings.read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NODE_CODE", "a b"),
        ("NODE_CODE", "../x"),
        ("NODE_CODE", "walk\n"),
        ("NODE_CODE", "x" * 33),
        ("HEARTBEAT_SECONDS", "0"),
        ("HEARTBEAT_SECONDS", "soon"),
        ("NODE_CONCURRENCY", "1001"),
    ],
)
def test_an_unsound_setting_is_named(environment, name, value):
    environment.setenv(name, value)
    with pytest.raises(SystemExit, match=name):
        settings.read()


def test_keys_are_made_once_and_for_their_owner_only(tmp_path):
    path = tmp_path / "key.json"
    sealing, verifying = make_keys(path, node="walk", centre_verify=CENTRE)
    assert path.stat().st_mode & 0o777 == 0o600
    keys = read_keys(path, node="walk")
    assert base64.b64encode(bytes(keys.seal_private.public_key)).decode() == sealing
    assert base64.b64encode(bytes(keys.sign_private.verify_key)).decode() == verifying
    assert base64.b64encode(bytes(keys.centre_verify)).decode() == CENTRE
    content = path.read_bytes()
    with pytest.raises(FileExistsError):
        make_keys(path, node="walk", centre_verify=CENTRE)
    assert path.read_bytes() == content
    secrets = [value for name, value in json.loads(content).items() if "private" in name]
    assert not any(secret in repr(keys) for secret in secrets)


@pytest.mark.parametrize("centre_verify", ["", "*", base64.b64encode(b"short").decode()])
def test_a_key_of_the_centre_that_is_none_makes_no_file(tmp_path, centre_verify):
    with pytest.raises((ValueError, TypeError)):
        make_keys(tmp_path / "key.json", node="walk", centre_verify=centre_verify)
    assert not (tmp_path / "key.json").exists()


def test_a_key_file_of_another_node_is_named(tmp_path):
    make_keys(tmp_path / "key.json", node="walk", centre_verify=CENTRE)
    with pytest.raises(SystemExit, match="belongs to node walk, not to other"):
        read_keys(tmp_path / "key.json", node="other")


def key_file(**changes):
    sound = {
        "node": "walk",
        "seal_private": base64.b64encode(bytes(PrivateKey.generate())).decode(),
        "sign_private": base64.b64encode(bytes(SigningKey.generate())).decode(),
        "centre_verify": CENTRE,
    }
    return json.dumps(sound | changes)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        key_file(seal_private="***"),
        key_file(seal_private=base64.b64encode(b"canary").decode()),
        key_file(sign_private=base64.b64encode(b"canary").decode()),
        key_file(centre_verify=base64.b64encode(b"canary").decode()),
    ],
)
def test_a_broken_key_file_is_one_line_and_quotes_nothing(tmp_path, content):
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(SystemExit, match="NODE_KEY_FILE") as refused:
        read_keys(path, node="walk")
    assert "canary" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(SystemExit, match="NODE_KEY_FILE"):
        read_keys(tmp_path / "none.json", node="walk")


def test_the_file_is_never_readable_by_others_not_even_while_it_is_made(tmp_path):
    umask = os.umask(0)
    try:
        make_keys(tmp_path / "key.json", node="walk", centre_verify=CENTRE)
    finally:
        os.umask(umask)
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments], capture_output=True, text=True, cwd=ROOT
    )


def test_a_host_that_joins_makes_its_keys_there_and_says_what_to_compare(tmp_path):
    path = tmp_path / "tokyo-1.json"
    asked = ["join", "--node", "tokyo-1", "--code", "0123", "--out", str(path)]
    done = run(*asked, "--centre-verify", CENTRE)
    assert done.returncode == 0, done.stderr
    keys = read_keys(path, node="tokyo-1")
    public = bytes(keys.seal_private.public_key), bytes(keys.sign_private.verify_key)
    sealing, verifying = (base64.b64encode(key).decode() for key in public)
    assert f"fingerprint={fingerprint('tokyo-1', *public)}" in done.stdout
    command = f"node join tokyo-1 --code 0123 --seal-key {sealing} --verify-key {verifying}"
    assert command in done.stdout
    private = [value for name, value in json.loads(path.read_text()).items() if "private" in name]
    assert not any(secret in done.stdout + done.stderr for secret in private)

    before = path.read_bytes()
    again = run(*asked, "--centre-verify", CENTRE)
    assert (again.returncode, path.read_bytes()) == (1, before)
    assert again.stderr.strip() == f"{path} is there already: a key file is never written over"


@pytest.mark.parametrize("command", ["join", "make-key"])
def test_a_wrong_key_of_the_centre_is_one_line(tmp_path, command):
    code = ["--code", "0123"] if command == "join" else []
    out = tmp_path / "key.json"
    done = run(command, "--node", "x", *code, "--centre-verify", "?", "--out", str(out))
    assert (done.returncode, out.exists()) == (1, False)
    assert done.stderr.strip() == "--centre-verify is not a public key of a centre"
