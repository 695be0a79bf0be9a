"""A node works with a Redis user of its own, which sees nothing of another node's.

The rules are those that docs/operations.md gives: they are read from there.
"""

import base64
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest
from nacl.signing import SigningKey

from engine.messages import CentreQueue
from tests.servers import PLACES
from workers.keys import make_keys

redis = pytest.importorskip("redis")
SERVER = shutil.which("redis-server", path=PLACES)
pytestmark = pytest.mark.skipif(not SERVER, reason="there is no redis-server")
ROOT = Path(__file__).resolve().parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text()
SECONDS = 40


def rules():
    (told,) = re.findall(r"ACL SETUSER tokyo-1 (.*?)\n\n", MANUAL, re.DOTALL)
    return told.replace("\\", " ").replace(">...", ">secret").split()


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    asked = [
        SERVER,
        "--port",
        str(number),
        "--save",
        "",
        "--dir",
        str(tmp_path_factory.mktemp("redis")),
    ]
    server = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    owner = redis.Redis(port=number)
    wait_for(lambda: answers(owner))
    yield number
    server.kill()
    server.wait()


def answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


def wait_for(what):
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until, "it did not come in time"
        time.sleep(0.1)


@pytest.fixture
def node(port, tmp_path):
    owner = redis.Redis(port=port)
    owner.execute_command("ACL", "SETUSER", "tokyo-1", *rules())
    verify = base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
    make_keys(tmp_path / "key.json", node="tokyo-1", centre_verify=verify)
    environment = {
        "NODE_CODE": "tokyo-1",
        "BROKER_URL": f"redis://tokyo-1:secret@127.0.0.1:{port}/0",
        "NODE_KEY_FILE": str(tmp_path / "key.json"),
        "NODE_STATE": str(tmp_path / "state"),
        "PAPER_BOOK": str(tmp_path / "paper"),
        "HEARTBEAT_SECONDS": "1",
    }
    with (tmp_path / "out").open("w") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", "workers"], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
        yield worker
        worker.kill()
        worker.wait()


def test_a_node_lives_and_works_with_no_more_than_its_own_keys(port, node):
    owner = redis.Redis(port=port)
    wait_for(lambda: owner.llen("centre.heartbeats") >= 2)
    # It takes what is sent to it, and says that it refuses it.
    queues = ("node.tokyo-1", "node.tokyo-1.making")
    for number, queue in enumerate(queues, 1):
        owner.lpush(queue, f"no message on {queue}")
        wait_for(lambda: refusals(owner) >= number)  # noqa: B023
        assert owner.llen(queue) == 0
    assert node.poll() is None
    # Nothing that it wanted was denied.
    assert owner.execute_command("ACL", "LOG") == []


def refusals(owner):
    told = owner.lrange("centre.heartbeats", 0, -1)
    return sum(b"nodes.refusal" in item for item in told)


FORBIDDEN = [
    "LRANGE node.osaka-1 0 -1",
    "RPOP node.osaka-1",
    "LPUSH node.osaka-1 forged",
    "HGETALL node.osaka-1.unacked",
    "RPOP node.tokyo-10",
    "HGETALL node.tokyo-10.unacked",
    "HGETALL unacked",
    "RPOP centre.reports",
    "LRANGE centre.heartbeats 0 -1",
    "LPUSH centre.scan forged",
    "LPUSH centre.dispatch forged",
    "SADD _kombu.binding.node.osaka-1 node.tokyo-1",
    "KEYS *",
    "FLUSHALL",
    "CONFIG GET *",
    "ACL LIST",
    "CLIENT LIST",
    "PUBLISH x y",
]


@pytest.fixture
def stranger(port):
    """Whoever has the node's password, and nothing else."""
    redis.Redis(port=port).execute_command("ACL", "SETUSER", "tokyo-1", *rules())
    return redis.Redis(port=port, username="tokyo-1", password="secret")


@pytest.mark.parametrize("command", FORBIDDEN)
def test_what_is_another_nodes_or_the_centres_is_denied(stranger, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        stranger.execute_command(*command.split())


@pytest.mark.parametrize("queue", get_args(CentreQueue))
def test_what_it_tells_the_centre_arrives_and_is_not_read_back(port, stranger, queue):
    stranger.execute_command("LPUSH", queue, "told")
    stranger.sadd(f"_kombu.binding.{queue}", queue)
    stranger.smembers(f"_kombu.binding.{queue}")
    assert b"told" in redis.Redis(port=port).lrange(queue, 0, -1)
    with pytest.raises(redis.exceptions.NoPermissionError):
        stranger.rpop(queue)
