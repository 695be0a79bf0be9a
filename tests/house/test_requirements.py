"""The locks: what each kind of host installs, and that one does not contradict another."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from celery import Celery
from nacl.signing import SigningKey, VerifyKey
from packaging.requirements import Requirement

from engine import envelope
from engine.messages import Reports, Task, Ticket, Tickets
from engine.order import OrderStatus
from engine.signal import Action, Direction, Side
from ironbull.bootstrap import NO_INDEX
from tests.house.planted import ROOT
from workers.brokers import register
from workers.keys import make_keys

register()


def pins(name):
    found = {}
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        requirement = Requirement(line)
        found[requirement.name] = str(requirement.specifier).removeprefix("==")
    return found


def asked(name):
    lines = (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    return [Requirement(line) for line in lines if re.match(r"[a-z]", line)]


@pytest.mark.parametrize("name", ["node", "centre", "mysql", "dev"])
def test_a_lock_gives_what_is_asked(name):
    locked = pins(name)
    for requirement in asked(name):
        assert requirement.specifier.contains(locked[requirement.name.lower()]), requirement


@pytest.mark.parametrize("name", ["node", "centre", "mysql", "dev"])
def test_a_lock_pins_everything(name):
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins(name).values())


@pytest.mark.parametrize(("small", "large"), [("node", "centre"), ("centre", "dev")])
def test_a_larger_lock_holds_the_smaller_one_unchanged(small, large):
    assert pins(small).items() <= pins(large).items()


def test_a_node_has_no_django_and_the_first_command_needs_no_compiler():
    assert not [name for name in pins("node") if "django" in name]
    # mysqlclient has no Linux wheel.
    for name in ("node", "centre", "dev"):
        assert "mysqlclient" not in pins(name)


# --- a node's environment, made as its host makes it


@pytest.fixture
def node_python(tmp_path):
    """The Python of a fresh environment that holds requirements/node.txt and nothing else."""
    home = tmp_path / "venv"
    subprocess.run([os.path.realpath(sys.executable), "-m", "venv", home], check=True)
    installed = subprocess.run(
        [
            *(home / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps"),
            *("--retries", "1", "-r", ROOT / "requirements/node.txt"),
        ],
        capture_output=True,
        text=True,
    )
    if any(word in installed.stderr for word in NO_INDEX):
        pytest.skip("no package index is reachable")
    assert installed.returncode == 0, installed.stderr
    return home / "bin/python"


@pytest.mark.walk
@pytest.mark.skipif(
    bool(os.environ.get("DATABASE_URL")), reason="told once, not for every database"
)
def test_a_node_without_django_executes_on_paper(node_python, tmp_path):
    imported = subprocess.run([node_python, "-c", "import django"], capture_output=True, text=True)
    assert "No module named 'django'" in imported.stderr
    checked = subprocess.run(
        [node_python, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout

    # The host has the node's code only.
    host = tmp_path / "host"
    for floor in ("engine", "workers"):
        shutil.copytree(ROOT / floor, host / floor, ignore=shutil.ignore_patterns("__pycache__"))
    centre_key = SigningKey.generate()
    seal_key, verify_key = make_keys(
        host / "node.json",
        node="far",
        centre_verify=base64.b64encode(bytes(centre_key.verify_key)).decode(),
    )
    broker = os.environ.get("BROKER_URL") or f"embedded:///{host / 'broker.sqlite3'}"
    centre = Celery(broker=broker)

    with node_running(node_python, host, broker) as log:
        ticket = opening_ticket(seal_key=base64.b64decode(seal_key))
        batch = envelope.sign(
            Tickets(tickets=[ticket]), sender="centre", receiver="far", key=centre_key
        )
        centre.send_task("node.execute", kwargs={"envelope": batch}, queue="node.far")
        with centre.connection_for_read() as connection:
            text = answer_of(connection, log)

    claimed, payload, signature = envelope.read(text, receiver="centre")
    assert claimed.sender == "far"
    key = VerifyKey(base64.b64decode(verify_key))
    (report,) = envelope.verify(claimed, payload, signature, key=key, expected=Reports).reports
    assert report.order_id == "1"
    assert report.status == OrderStatus.FILLED
    assert Decimal(report.filled) == Decimal(ticket.quantity)
    assert report.client_order_id == ticket.client_order_id


@contextlib.contextmanager
def node_running(python, host, broker):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(host),
        "NODE_CODE": "far",
        "BROKER_URL": broker,
        "NODE_KEY_FILE": str(host / "node.json"),
        "NODE_STATE": str(host / "state"),
        "PAPER_BOOK": str(host / "paper"),
    }
    log = host / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [python, "-m", "workers"], cwd=host, env=environment, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + 60
        while "ready." not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield log
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def opening_ticket(*, seal_key):
    credentials = {"api_key": "k", "api_secret": "s", "passphrase": ""}
    return Ticket(
        order_id="1",
        task=Task.PLACE,
        venue="paper",
        account="1",
        sealed_credentials=envelope.seal(json.dumps(credentials).encode(), to=seal_key),
        client_order_id=envelope.client_order_id(account="1", ticket_id="1", generation=1),
        symbol="BTC/USDT",
        side=Side.BUY,
        direction=Direction.LONG,
        action=Action.OPEN,
        quantity="0.1",
        leverage=5,
        not_after_ms=int((time.time() + 30) * 1000),
    )


def answer_of(connection, log):
    """The first envelope on the centre's queue of reports."""
    with contextlib.closing(connection.SimpleQueue("centre.reports")) as queue:
        try:
            message = queue.get(timeout=30)
        except queue.Empty:
            pytest.fail(f"the node did not answer: {log.read_text()}")
        message.ack()
    _args, kwargs, _embed = message.payload
    return kwargs["envelope"]
