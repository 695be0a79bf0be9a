"""A node from its bundle, away from the repository and without Django: it joins, and it trades."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.market_making.selectors import last_session
from apps.market_making.services import create_maker, start_maker, stop_maker
from apps.nodes.models import Node
from apps.orders.models import Ticket
from apps.orders.services import Wish, close_position, order_by_hand
from apps.positions.models import Position
from apps.venues.services import bind_account
from engine.signal import Direction
from tests.walks.running import centre_verify_key, empty_queues, running, wait_for
from tests.walks.story import SYMBOL, tell

pytestmark = [pytest.mark.walk, pytest.mark.timeout(300)]
CODE = "bundle"


@pytest.fixture
def bundle(tmp_path):
    call_command("node_bundle", str(tmp_path / "built"), stdout=StringIO())
    # What pip would bring is the libraries of this run, but for Django: nobody finds that.
    (tmp_path / "built" / "lib" / "django").mkdir(parents=True)
    hidden = tmp_path / "built" / "lib" / "django" / "__init__.py"
    hidden.write_text("raise ImportError('there is no Django on this host')\n")
    return tmp_path / "built"


def said(bundle, *arguments, **environment):
    done = subprocess.run(
        arguments,
        cwd=bundle,
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def join(bundle):
    """As an operator does it: at the centre, on the node's host, and at the centre again."""
    told = StringIO()
    call_command("node", "add", CODE, stdout=told)
    code = re.search(r"--code (\S+)", told.getvalue())[1]
    key = ["--centre-verify", centre_verify_key(), "--out", "node.json"]
    printed = said(bundle, "sh", "start.sh", "join", "--node", CODE, "--code", code, *key)
    answer = dict(re.findall(r"^(\w+)=(\S+)$", printed, re.MULTILINE))
    keys = ["--seal-key", answer["seal_key"], "--verify-key", answer["verify_key"]]
    call_command("node", "join", CODE, "--code", code, *keys, stdout=told)
    fingerprint = ["--fingerprint", answer["fingerprint"]]
    call_command("node", "confirm", CODE, *fingerprint, stdout=told)
    return Node.objects.get(code=CODE)


@contextmanager
def started(command, bundle, house, cwd=None):
    kept = house._environment()
    environment = {name: kept[name] for name in ("BROKER_URL", "PAPER_BOOK", "HEARTBEAT_SECONDS")}
    environment |= {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "PYTHONPATH": str(bundle / "lib"),
        "NODE_CODE": CODE,
        "NODE_KEY_FILE": str(bundle / "node.json"),
        "NODE_STATE": str(bundle / "state"),
    }
    with (house.directory / "bundle.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd or bundle,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def make_for_a_while(member, node):
    account = bind_account(
        member=member,
        venue="paper",
        api_key="of-a-maker",
        api_secret="s",
        node=node,
        position_mode="one_way",
        margin="cross",
    )
    asked = {"recovery_seconds": 0, "volatility_z": 10, "drawdown_percent": 80}
    maker = create_maker(account=account, symbol=SYMBOL, form="full", asked=asked)
    start_maker(maker=maker, now=timezone.now())
    wait_for(lambda: last_session(maker).status == "running", what="a maker on the one file")
    stop_maker(maker=maker, now=timezone.now())
    wait_for(lambda: last_session(maker).status == "idle", what="its rest")


def test_a_node_from_its_bundle_joins_and_trades(transactional_db, tmp_path, bundle):
    archive = [sys.executable, "ironbull-node.pyz"]
    assert "ccxt==" in said(bundle, *archive, "requirements")
    with running(tmp_path) as house:
        house.code = CODE
        empty_queues(CODE)
        node = join(bundle)
        house.start("centre", "heartbeats", "beat")
        story = tell("bundle", node)
        account = story.subscriptions[0].venue_account

        def is_done(ticket):
            wait_for(
                lambda: Ticket.objects.of(account.tenant).get(pk=ticket.pk).status == "done",
                what=house.log("bundle"),
            )

        with started(["sh", "start.sh"], bundle, house):
            wait_for(house.is_alive, what="the first heartbeat of the directory")
            wish = Wish(symbol=SYMBOL, direction=Direction.LONG, notional=Decimal(100), leverage=2)
            is_done(order_by_hand(account=account, wish=wish, now=timezone.now()))
        Node.objects.update(last_heartbeat_at=None)
        # Away from the directory: the one file is all that there is.
        alone = tmp_path / "alone"
        alone.mkdir()
        shutil.move(bundle / "ironbull-node.pyz", alone)
        with started(archive, bundle, house, cwd=alone):
            wait_for(house.is_alive, what="the first heartbeat of the file")
            position = Position.objects.of(account.tenant).get()
            is_done(close_position(position=position, now=timezone.now()))
            make_for_a_while(account.member, node)
        (opened, closed) = house.venue(account.pk).truth()["orders"]
        assert Decimal(opened["filled"]) == Decimal(closed["filled"]) > 0
        assert house.venue(account.pk).holdings() == []


def test_nothing_is_written_over(bundle):
    with pytest.raises(CommandError, match="is there already"):
        call_command("node_bundle", str(bundle))
