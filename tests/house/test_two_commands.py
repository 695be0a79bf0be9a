"""`make run` and `make test` on a bare machine: what they install, refuse, start and leave."""

import ast
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from ironbull import bootstrap, secrets_file
from ironbull.installation import node_environment
from ironbull.supervisor import LIBC, PR_SET_PDEATHSIG
from tests.environment import SECRETS, SETTINGS
from tests.house.planted import ROOT, copy_of_tree
from tests.servers import free_port

NOBODY = 65534


def bare_environment(**changes):
    """An ordinary user's environment: nothing of this test run's own set-up."""
    ours = {*SECRETS, *SETTINGS, "DATABASE_URL", "BROKER_URL", "IRONBULL_VAR"}
    # This run may itself have been started by make, with arguments meant for it alone.
    ours |= {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PYTHON": python_outside_venv()} | changes


def python_outside_venv():
    return os.path.realpath(sys.executable)


def make(tree, *arguments, **environment):
    environment = bare_environment(**environment)
    return subprocess.run(
        ["make", "-s", *arguments, f"PYTHON={environment['PYTHON']}"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
    )


def said(failed):
    """The one line that a failed start says; make adds a line of its own."""
    lines = [line for line in failed.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, failed.stderr
    return lines[0]


# --- what is refused, before anything is made


def test_an_old_python_can_still_read_the_bootstrap():
    source = (ROOT / "ironbull/bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 7))
    assert not re.search(r"""\bf["']""", source)


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 9), (3, 14, 0)])
def test_a_python_out_of_range_is_told_what_to_do(version):
    started = subprocess.run(
        [
            *(sys.executable, "-c"),
            f"import sys, runpy; sys.version_info = {version}; "
            "sys.argv = ['bootstrap.py', 'run']; "
            f"runpy.run_path({str(ROOT / 'ironbull/bootstrap.py')!r}, run_name='__main__')",
        ],
        capture_output=True,
        text=True,
    )
    assert started.returncode == 1
    assert f"needs Python 3.11 to 3.13, this is {version[0]}.{version[1]}:" in said(started)
    assert "make run PYTHON=python3.11" in said(started)


def test_a_taken_port_is_told_what_to_do(tmp_path):
    tree = copy_of_tree(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        started = make(tree, "run", PORT=port)
    assert started.returncode != 0
    assert f"port {port} is taken" in said(started)
    assert "PORT=8001 make run" in said(started)
    assert not (tree / ".venv").exists()
    assert not (tree / "var").exists()


@pytest.mark.parametrize("port", ["web", "0", "70000"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    tree = copy_of_tree(tmp_path)
    started = make(tree, "run", PORT=port)
    assert started.returncode != 0
    assert f"PORT={port} is not a port" in said(started)
    assert not (tree / ".venv").exists()


def test_a_directory_without_write_permission_is_told_what_to_do():
    with tempfile.TemporaryDirectory(prefix="ironbull-readonly-") as directory:
        tree = copy_of_tree(Path(directory))
        Path(directory).chmod(0o755)
        tree.chmod(0o555)
        started = run_without_root([python_of_everyone(), "ironbull/bootstrap.py", "run"], tree)
        tree.chmod(0o755)
        assert started.returncode == 1
        assert f"no permission to write to {tree}" in said(started)
        assert not (tree / ".venv").exists()
        assert not (tree / "var").exists()


def run_without_root(command, tree):
    environment = bare_environment(PORT=str(free_port()), HOME="/tmp")
    if os.geteuid() == 0:
        lower = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        command = [*lower, *command]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)


def python_of_everyone():
    """A Python that a user without any rights can start."""
    for candidate in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if os.path.exists(candidate):
            return candidate
    return python_outside_venv()


def test_a_machine_with_neither_venv_nor_pip_is_told_which_package_to_install(
    monkeypatch, capsys, venv
):
    monkeypatch.setattr(bootstrap, "has", lambda module: module == "venv")
    with pytest.raises(SystemExit):
        bootstrap.install("centre")
    assert "apt-get install python3-venv" in capsys.readouterr().err


# --- what is installed


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """The bootstrap at work in a directory of its own, with a lock that asks for nothing."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/centre.txt").write_text("# nothing\n")
    home = tmp_path / ".venv"
    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    monkeypatch.setattr(bootstrap, "VENV", str(home))
    monkeypatch.setattr(bootstrap, "PYTHON", str(home / "bin/python"))
    monkeypatch.setattr(bootstrap, "UNFINISHED", str(home / "unfinished"))
    return home


@pytest.fixture
def pip_runs(monkeypatch):
    runs = []
    monkeypatch.setattr(bootstrap, "run_pip", runs.append)
    return runs


def test_installs_once_and_again_only_when_the_lock_has_changed(venv, pip_runs):
    bootstrap.install("centre")
    bootstrap.install("centre")
    assert len(pip_runs) == 1

    (venv.parent / "requirements/centre.txt").write_text("# something else\n")
    bootstrap.install("centre")
    assert len(pip_runs) == 2


def test_a_half_made_environment_is_made_again(venv, pip_runs, monkeypatch):
    def die(locks):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(bootstrap, "run_pip", die)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.install("centre")
    (venv / "half-written").touch()

    bootstrap.install("centre")
    assert not (venv / "half-written").exists()
    assert not (venv / "unfinished").exists()
    assert pip_runs == [("centre",)]


@pytest.mark.parametrize("python", ["#!/bin/false\n", "#!/bin/echo (3, 8)\n"])
def test_an_environment_of_another_python_is_made_again(venv, pip_runs, python):
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").write_text(python)
    (venv / "bin/python").chmod(0o755)
    bootstrap.install("centre")
    assert bootstrap.is_ours()
    assert pip_runs == [("centre",)]


def test_without_ensurepip_the_systems_pip_installs(venv, monkeypatch):
    (venv.parent / "requirements/centre.txt").write_text(f"{tiny_wheel(venv.parent)}\n")
    monkeypatch.setattr(bootstrap, "has", lambda module: module != "ensurepip")
    bootstrap.install("centre")
    assert not list(venv.glob("lib/python3*/site-packages/pip"))
    assert list(venv.glob("lib/python3*/site-packages/tiny.py"))


def tiny_wheel(directory):
    wheel = directory / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return wheel


def test_no_package_index_is_one_line(venv, monkeypatch, capsys):
    (venv.parent / "requirements/centre.txt").write_text("celery==5.7.0\n")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{free_port()}/simple")
    with pytest.raises(SystemExit):
        bootstrap.install("centre")
    assert "pip cannot reach its package index" in capsys.readouterr().err
    # The next start begins again.
    assert (venv / "unfinished").exists()


# --- the secrets of the first start


def test_the_first_start_makes_secrets_that_only_the_owner_reads(tmp_path):
    var = tmp_path / "var"
    secrets_file.ensure(var, {})
    file = var / "ironbull.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    assert [path.name for path in var.iterdir()] == ["ironbull.env"]

    before = file.read_text()
    secrets_file.ensure(var, {})
    assert file.read_text() == before


@pytest.mark.parametrize("name", ["SECRET_KEY", "SEAL_KEYS_FILE", "DATABASE_URL"])
def test_an_environment_that_brings_its_own_is_left_alone(tmp_path, name):
    secrets_file.ensure(tmp_path / "var", {name: "given"})
    assert not (tmp_path / "var").exists()


def test_lost_secrets_are_never_replaced_beside_a_database(tmp_path):
    (tmp_path / "ironbull.sqlite3").touch()
    with pytest.raises(SystemExit, match="restore the file from a backup"):
        secrets_file.ensure(tmp_path, {})
    assert not (tmp_path / "ironbull.env").exists()


# --- manage.py setup, up and add_node


@pytest.fixture
def installation(tmp_path):
    """An installation of its own on SQLite, with secrets; nothing in it yet."""
    var = tmp_path / "var"
    secrets_file.ensure(var, {})
    return var


def manage(var, *arguments):
    environment = bare_environment(IRONBULL_VAR=str(var))
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


def rows(var, query):
    with contextlib.closing(sqlite3.connect(var / "ironbull.sqlite3")) as database:
        return database.execute(query).fetchall()


def test_setup_may_run_again_and_changes_nothing(installation):
    first = manage(installation, "setup", "--no-demo")
    assert first.returncode == 0, first.stderr
    assert re.search(r"Admin user 'admin', password \S{12,}", first.stdout)
    key_file = installation / "nodes/local.json"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    stored = rows(installation, "select username, password from tenants_user")
    assert [name for name, _ in stored] == ["admin"]
    assert stored[0][1].startswith("bcrypt")
    keys, nodes = key_file.read_text(), rows(installation, "select * from nodes_node")

    again = manage(installation, "setup", "--no-demo")
    assert again.returncode == 0, again.stderr
    assert "password" not in again.stdout
    assert rows(installation, "select username, password from tenants_user") == stored
    assert rows(installation, "select * from nodes_node") == nodes
    assert key_file.read_text() == keys

    # A node whose private keys are lost is not quietly given new ones.
    key_file.unlink()
    refused = manage(installation, "setup", "--no-demo")
    assert refused.returncode == 1
    assert "node local is enrolled, but its key file" in said(refused)
    assert not key_file.exists()

    # Another node is another key file, and none is written over.
    added = manage(installation, "add_node", "tokyo-1", "--key-file", str(key_file))
    assert added.returncode == 0, added.stderr
    assert "NODE_CODE=tokyo-1" in added.stdout
    over = manage(installation, "add_node", "tokyo-2", "--key-file", str(key_file))
    assert "never written over" in said(over)
    asked = manage(installation, "add_node", "tokyo-2")
    assert "make-key --node tokyo-2" in asked.stdout
    half = manage(installation, "add_node", "tokyo-2", "--seal-key", "x")
    assert "give both public keys" in said(half)
    bad = manage(installation, "add_node", "tokyo-2", "--seal-key", "x", "--verify-key", "y")
    assert "a key is" in said(bad)
    twice = manage(installation, "add_node", "tokyo-1", "--key-file", str(installation / "x"))
    assert "tokyo-1 is enrolled already" in said(twice)
    assert not (installation / "x").exists()
    assert rows(installation, "select code from nodes_node order by code") == [
        ("local",),
        ("tokyo-1",),
    ]


def test_up_refuses_a_second_start_on_the_same_data(installation):
    with (installation / "up.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = manage(installation, "up", "--port", str(free_port()))
    assert started.returncode == 1
    assert "already runs from" in said(started)
    assert not (installation / "ironbull.sqlite3").exists()


def test_up_refuses_a_taken_port(installation):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        started = manage(installation, "up", "--port", str(holder.getsockname()[1]))
    assert started.returncode == 1
    assert "PORT=8001 make run" in said(started)
    assert not (installation / "ironbull.sqlite3").exists()


def test_up_refuses_a_process_that_it_does_not_know(installation):
    started = manage(installation, "up", "--only", "web,wbe")
    assert started.returncode == 1
    assert "no process is called wbe" in said(started)
    assert not (installation / "ironbull.sqlite3").exists()


def test_a_node_is_never_handed_the_centres_secrets(monkeypatch):
    for name in ("SECRET_KEY", "SEAL_KEYS_FILE", "DATABASE_URL", "HARMLESS"):
        monkeypatch.setenv(name, "given")
    told = node_environment("local")
    assert told["NODE_CODE"] == "local"
    assert told["HARMLESS"] == "given"
    theirs = {*secrets_file.BROUGHT, "DJANGO_SETTINGS_MODULE"}
    assert not {name for name in told if name.removesuffix("_FILE") in theirs}


# --- the supervisor

SUPERVISE = """
import json, os, sys
from ironbull.supervisor import Program, Supervisor
programs = [
    Program(name, [sys.executable, "-c", code], os.environ)
    for name, code in json.loads(sys.argv[1]).items()
]
Supervisor(programs, on_round=lambda: None).run()
print("all stopped", flush=True)
"""
FAMILY = """
import subprocess, os, time
child = subprocess.Popen(["sleep", "987"])
print("pids", os.getpid(), child.pid, flush=True)
time.sleep(987)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + FAMILY
MORTAL = "import sys; print('born', flush=True); sys.exit(3)"


@contextlib.contextmanager
def supervised(**programs):
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, json.dumps(programs)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def pids_of(process):
    for line in process.stdout:
        if "pids" in line:
            return [int(word) for word in line.split()[-2:]]
    raise AssertionError("the program never started")


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(true, *, seconds, why):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, why() if callable(why) else why
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_leaves_no_process_behind(number):
    with supervised(family=FAMILY) as process:
        pids = pids_of(process)
        process.send_signal(number)
        assert "all stopped" in process.communicate(timeout=10)[0]
        assert process.returncode == 0
        wait_until(lambda: not any(map(is_alive, pids)), seconds=1, why="some are left")


def test_what_will_not_stop_is_killed_within_ten_seconds():
    with supervised(stubborn=STUBBORN) as process:
        pids = pids_of(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        wait_until(lambda: not any(map(is_alive, pids)), seconds=1, why="some are left")


def test_a_second_ctrl_c_kills_at_once():
    with supervised(stubborn=STUBBORN) as process:
        pids = pids_of(process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=3)
        wait_until(lambda: not any(map(is_alive, pids)), seconds=1, why="some are left")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_a_killed_supervisor_takes_its_processes_along():
    with supervised(stubborn=STUBBORN) as process:
        pid, grandchild = pids_of(process)
        process.kill()
        wait_until(lambda: not is_alive(pid), seconds=5, why="the child lives on")
        os.kill(grandchild, signal.SIGKILL)


def test_the_dead_are_started_again_ever_more_slowly():
    with supervised(mortal=MORTAL) as process:
        lines = [process.stdout.readline().strip() for _ in range(4)]
    assert lines == [
        "mortal | born",
        "mortal | ended with exit code 3; starting it again in 1 s",
        "mortal | born",
        "mortal | ended with exit code 3; starting it again in 2 s",
    ]


def test_a_killed_process_is_said_by_its_signal():
    with supervised(family=FAMILY) as process:
        pid, grandchild = pids_of(process)
        os.kill(pid, signal.SIGKILL)
        assert "ended by SIGKILL" in process.stdout.readline()
        # What the dead one had started goes with it.
        wait_until(lambda: not is_alive(grandchild), seconds=2, why="the grandchild lives on")


def test_it_stops_when_nobody_reads_its_output():
    with supervised(
        family="import time\nwhile True: print('x', flush=True); time.sleep(0.1)"
    ) as it:
        it.stdout.readline()
        it.stdout.close()
        it.wait(timeout=10)


# --- the whole story

needs_git = pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"), reason="this tree is no git clone"
)
told_once = pytest.mark.skipif(
    bool(os.environ.get("DATABASE_URL") or os.environ.get("BROKER_URL")),
    reason="told once, on the embedded default",
)


@pytest.fixture
def clone(tmp_path):
    trusting = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    subprocess.run(
        ["git", "clone", "-q", ROOT, tmp_path / "clone"],
        env=os.environ | trusting,
        check=True,
    )
    return tmp_path / "clone"


class Run:
    """`make run` as at a terminal: its own process group, its output in a file."""

    def __init__(self, tree, *, port):
        self.tree = tree
        self.address = f"http://127.0.0.1:{port}"
        self.output = tree.parent / "output"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                ["make", "-s", "run", f"PYTHON={python_outside_venv()}"],
                cwd=tree,
                env=bare_environment(PORT=str(port)),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A test run that is killed leaves no house behind: make hands SIGTERM on.
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
            )

    def wait_for(self, words, *, seconds):
        def is_there():
            assert self.process.poll() is None, self.said()
            return words in self.said()

        wait_until(is_there, seconds=seconds, why=self.said)

    def said(self):
        return self.output.read_text(errors="replace")

    def count(self, table):
        with contextlib.closing(sqlite3.connect(self.tree / "var/ironbull.sqlite3")) as database:
            return database.execute(f"select count(*) from {table}").fetchone()[0]

    def ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=12)

    def left_over(self):
        """Processes of this tree that are still alive."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.tree).encode() in (directory / "cmdline").read_bytes():
                    found.append(int(directory.name))
        return [pid for pid in found if is_alive(pid)]

    def kill_everything(self):
        for pid in self.left_over():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def log_in(address, password):
    """The page that the admin user sees after logging in."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    login = f"{address}/admin/login/"
    page = browser.open(login).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
    form["next"] = "/admin/"
    answer = browser.open(
        urllib.request.Request(
            login, urllib.parse.urlencode(form).encode(), headers={"Referer": login}
        )
    )
    return answer.url, answer.read().decode()


@pytest.mark.walk
@pytest.mark.timeout(600)
@needs_git
@told_once
def test_a_fresh_clone_runs_and_keeps_its_data(clone):
    port = free_port()
    run = Run(clone, port=port)
    try:
        run.wait_for(f"IronBull runs at {run.address}/admin/", seconds=240)
        password = re.search(r"Log in as admin with (\S+)", run.said()).group(1)
        url, page = log_in(run.address, password)
        assert url == f"{run.address}/admin/"
        assert "IronBull" in page

        wait_until(lambda: run.count("orders_order") > 0, seconds=60, why=run.said)
        assert stat.S_IMODE((clone / "var/ironbull.env").stat().st_mode) == 0o600

        run.ctrl_c()
        assert run.left_over() == []
        orders = run.count("orders_order")

        again = Run(clone, port=port)
        again.wait_for("IronBull runs at", seconds=60)
        assert "Log in as admin with" not in again.said()
        assert "changepassword admin" in again.said()
        assert "installed" not in again.said()
        assert again.count("orders_order") >= orders
        assert log_in(again.address, password)[0] == f"{run.address}/admin/"

        (up,) = [
            pid
            for pid in again.left_over()
            if b"manage.py\0up" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(up, signal.SIGKILL)
        wait_until(lambda: not again.left_over(), seconds=10, why=lambda: str(again.left_over()))
    finally:
        run.kill_everything()
