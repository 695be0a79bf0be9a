"""The images and the compose file, without an engine to run them.

Each image is laid out in a directory by its own COPY lines, and its own command is run
there as a plain process, in the environment that the compose file gives to it.
"""

import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlparse

import pytest
import redis
import yaml

from ironbull import celery_settings
from ironbull.addresses import database
from tests.house.planted import ROOT
from tests.servers import free_port

try:
    import MySQLdb
except ImportError:
    MySQLdb = None

WORKERS = ["centre", "heartbeats", "backtests", "minds", "searches"]
OURS = ["setup", "web", *WORKERS, "watch", "beat", "node"]
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def stages():
    """Every stage of the Dockerfile: what it stands on, and its instructions in order."""
    text = (ROOT / "docker/Dockerfile").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.split()
            found[name] = [("FROM", base)]
        elif word and not word.startswith("#"):
            found[name].append((word, rest.strip()))
    return found


def image(name):
    """The instructions of an image with those of the stages below it, lowest first."""
    found = stages()
    (_, base), *own = found[name]
    return (image(base) if base in found else []) + own


def last(name, word):
    return [rest for found, rest in image(name) if found == word][-1]


def compose():
    return yaml.safe_load((ROOT / "docker/compose.yaml").read_text())


def filled(value, values):
    """A compose value with its variables in place; a required one must be among the values."""

    def fill(match):
        name, kind, default = match.groups()
        if kind == "-":
            return values.get(name, default)
        return values[name]

    return VARIABLE.sub(fill, str(value))


# --- what is written there


@pytest.mark.parametrize("name", OURS)
def test_an_image_runs_as_an_ordinary_user(name):
    assert last(name, "USER") == "ironbull"


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_built_from_its_target_and_cannot_gain_rights(name):
    service = compose()["services"][name]
    assert service["build"]["target"] == name
    assert (ROOT / "docker" / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).exists()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", [*OURS, "mysql", "redis"])
def test_a_service_that_stays_has_a_health_check(name):
    service = compose()["services"][name]
    if name == "setup":
        assert service["restart"] == "no"
    elif name in OURS:
        assert json.loads(last(name, "HEALTHCHECK").partition("CMD ")[2])
    else:
        assert service["healthcheck"]["test"]


def test_the_node_image_has_no_django_and_none_of_the_centre():
    copied = " ".join(rest for word, rest in image("node") if word == "COPY")
    for theirs in ("apps", "ironbull", "manage.py", "centre.txt"):
        assert theirs not in copied
    installs = " ".join(rest for word, rest in image("node-packages") if word == "RUN")
    assert re.findall(r"-r (\S+)", installs) == ["requirements/node.txt"]


def test_the_node_is_given_the_broker_and_no_secret_of_the_centre():
    assert set(compose()["services"]["node"]["environment"]) == {"NODE_CODE", "BROKER_URL"}


def test_no_secret_is_written_down():
    secret = re.compile(r"PASSWORD|SECRET|KEY|URL")
    for name, service in compose()["services"].items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable) and variable != "MYSQL_RANDOM_ROOT_PASSWORD":
                assert re.search(r"\$\{\w+:\?\}", value), f"{name}: {variable}"
    for name in OURS:
        for word, rest in image(name):
            assert word != "ARG"
            if word == "ENV":
                assert not re.search(r"(SECRET_KEY|SEAL_KEYS|SIGNING_KEY|PASSWORD)=", rest)


def test_only_the_web_can_be_reached_and_only_from_its_host():
    ports = {name: service.get("ports") for name, service in compose()["services"].items()}
    assert ports.pop("web") == ["127.0.0.1:8000:8000"]
    assert not any(ports.values())


def test_every_centre_queue_has_a_worker():
    consumed = set()
    for name in WORKERS:
        command = json.loads(last(name, "CMD"))
        consumed |= set(command[command.index("-Q") + 1].split(","))
    routed = {route["queue"] for route in celery_settings.task_routes.values()}
    assert consumed == {*routed, celery_settings.task_default_queue}


# --- what happens when it runs


class Host:
    """Where the images of one test run stand: directories, and one environment for all."""

    def __init__(self, directory, database_url, broker_url):
        self.directory = directory
        self.port = free_port()
        key = base64.b64encode(secrets.token_bytes(32)).decode
        self.values = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            **{name: key() for name in ("SEAL_KEYS", "AUDIT_KEY", "CENTRE_SIGNING_KEY")},
            "ALLOWED_HOSTS": "ironbull.example",
            "MYSQL_PASSWORD": "unused",
            "REDIS_PASSWORD": "unused",
        }
        var = directory / "var"
        self.addresses = {"DATABASE_URL": database_url, "BROKER_URL": broker_url}
        self.places = {
            "IRONBULL_VAR": str(var),
            "NODE_KEY_FILE": str(var / "nodes/local.json"),
            "NODE_STATE": str(var / "nodes/local"),
            "PAPER_BOOK": str(var / "nodes/paper"),
            "GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{self.port} --workers=2 --threads=2",
            "PORT": str(self.port),
        }

    def tree(self, name):
        """The image's files, as its COPY lines say."""
        tree = self.directory / name
        if tree.exists():
            return tree
        for word, rest in image(name):
            if word == "COPY" and not rest.startswith("--from"):
                *sources, target = rest.split()
                for source in sources:
                    put(ROOT / source, tree / target)
        return tree

    def environment(self, name):
        given = compose()["services"][name]["environment"]
        filled_in = {variable: filled(value, self.values) for variable, value in given.items()}
        ours = {**self.addresses, **self.places}
        # What the image and the compose file set, and nothing else; addresses and places are ours.
        lines = [rest for word, rest in image(name) if word == "ENV"]
        by_image = dict(re.findall(r'(\w+)=("[^"]*"|\S+)', " ".join(lines)))
        known = {variable: ours[variable] for variable in ours if variable in {*given, *by_image}}
        system = by_image | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "PORT": self.places["PORT"],
            "PYTHONUNBUFFERED": "1",
        }
        return system | filled_in | known

    def start(self, name, out):
        return subprocess.Popen(
            json.loads(last(name, "CMD")),
            cwd=self.tree(name),
            env=self.environment(name),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_healthy(self, name):
        check = json.loads(last(name, "HEALTHCHECK").partition("CMD ")[2])
        return (
            subprocess.run(
                check, cwd=self.tree(name), env=self.environment(name), capture_output=True
            ).returncode
            == 0
        )


def put(source, target):
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    elif target.suffix and not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target / source.name)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host on the set-up of this run, on which the image `setup` has done its work."""
    directory = tmp_path_factory.mktemp("docker")
    with contextlib.ExitStack() as stack:
        (directory / "var").mkdir()
        host = Host(
            directory,
            stack.enter_context(database_of_our_own(directory)),
            stack.enter_context(broker_of_our_own(directory)),
        )
        output = directory / "setup.log"
        with output.open("wb") as out:
            assert host.start("setup", out).wait(timeout=120) == 0, output.read_text()
        host.setup_said = output.read_text()
        yield host


@contextlib.contextmanager
def database_of_our_own(directory):
    address = os.environ.get("DATABASE_URL", "")
    if urlparse(address).scheme != "mysql":
        yield f"sqlite:///{directory / 'var/ironbull.sqlite3'}"
        return
    name = f"test_ironbull_docker_{os.getpid()}"
    settings = database(address)
    server = MySQLdb.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        password=settings["PASSWORD"],
    )
    with contextlib.closing(server), contextlib.closing(server.cursor()) as cursor:
        cursor.execute(f"create database {name} character set utf8mb4")
        try:
            yield urlparse(address)._replace(path=f"/{name}").geturl()
        finally:
            cursor.execute(f"drop database {name}")


@contextlib.contextmanager
def broker_of_our_own(directory):
    address = os.environ.get("BROKER_URL", "")
    if urlparse(address).scheme not in {"redis", "rediss"}:
        yield f"embedded:///{directory / 'var/broker.sqlite3'}"
        return
    # Another database of the same server, so that other stories do not get our messages.
    ours = urlparse(address)._replace(path="/8").geturl()
    queues = ["scan", "dispatch", "reports", "default", "heartbeats", "backtests"]
    yield ours
    with redis.Redis.from_url(ours) as server:
        server.delete("node.local", *(f"centre.{queue}" for queue in queues))


@pytest.mark.walk
def test_setup_ends_well_and_says_the_first_password(host):
    assert re.search(r"Admin user 'admin', password \S{12,}", host.setup_said)
    key_file = host.directory / "var/nodes/local.json"
    assert key_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.walk
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("web", None),
        ("centre", "ready."),
        ("heartbeats", "ready."),
        ("backtests", "ready."),
        ("beat", "Sending due task"),
        ("node", "ready."),
    ],
)
def test_an_images_command_comes_up_and_stops_when_asked(host, name, words):
    output = host.directory / f"{name}.log"
    with output.open("wb") as out:
        process = host.start(name, out)
    try:
        deadline = time.monotonic() + 60
        while not (host.is_healthy(name) and (words is None or words in output.read_text())):
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.3)
        process.terminate()
        assert process.wait(timeout=20) in {0, -signal.SIGTERM}, output.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert "Traceback" not in output.read_text()
