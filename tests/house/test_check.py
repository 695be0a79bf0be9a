"""`make check` holds every rule that a commit must pass, and CI runs nothing less."""

import subprocess
import sys
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import servers
from tests.house.planted import ROOT, copy_of_tree, plant
from tests.run import ELSEWHERE, Outcome, parts, read_results, report


@pytest.mark.parametrize(
    "command",
    [
        "ruff check .",
        "ruff format --check .",
        "mypy engine workers",
        "lint-imports",
        "manage.py makemigrations --check --dry-run",
    ],
)
def test_make_check_runs(command):
    printed = subprocess.run(
        ["make", "--dry-run", "check"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert command in printed.stdout


def test_ci_runs_make_test_and_leaves_nothing_unrun():
    assert "make test ARGS=--all-must-run" in (ROOT / ".ci/run").read_text()
    assert '["make", "check"]' in (ROOT / "tests/run.py").read_text()


@pytest.mark.parametrize(
    ("case", "file", "text", "command"),
    [
        (
            "a missing migration",
            "apps/tenants/models/tenant.py",
            "class Planted(models.Model):\n    pass",
            [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        ),
        (
            "an untyped function in the engine",
            "engine/planted.py",
            "def planted(x):\n    return x",
            [Path(sys.executable).with_name("mypy"), "engine/planted.py"],
        ),
        (
            "an untyped function in the workers",
            "workers/planted.py",
            "def planted(x):\n    return x",
            [Path(sys.executable).with_name("mypy"), "workers/planted.py"],
        ),
        (
            "an unused import",
            "apps/core/planted.py",
            "import os",
            [Path(sys.executable).with_name("ruff"), "check", "apps/core/planted.py"],
        ),
        (
            "a line out of format",
            "apps/core/planted.py",
            "x  =  1",
            [Path(sys.executable).with_name("ruff"), "format", "--check", "apps/core/planted.py"],
        ),
    ],
)
def test_refuses(tmp_path, case, file, text, command):
    tree = copy_of_tree(tmp_path)
    before = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    plant(tree, file, text)
    after = subprocess.run(command, cwd=tree, capture_output=True, text=True)

    # A file that is only there once planted has no clean run before it.
    if (ROOT / file).exists():
        assert before.returncode == 0, before.stdout + before.stderr
    assert after.returncode == 1, after.stdout + after.stderr


# --- what `make test` says of itself

GOOD = Outcome("the embedded default", passed={"a", "b"})


@pytest.mark.parametrize(
    ("case", "given", "exit_code", "last_line"),
    [
        (
            "everything ran",
            {"outcomes": [GOOD, Outcome("MariaDB + Redis", passed={"a", "b"})]},
            0,
            "passed on the embedded default and on MariaDB + Redis: 2 tests; every test has run",
        ),
        (
            "no servers",
            {"missing": {"MariaDB": "none", "Redis": "none"}},
            0,
            "passed on the embedded default: 2 tests; NOT RUN: on MariaDB, on Redis (see above)",
        ),
        (
            "skipped on one set-up, run on the other",
            {"outcomes": [GOOD, Outcome("Redis", passed={"a"}, skipped={"b": "told once"})]},
            0,
            "passed on the embedded default and on Redis: 2 tests; every test has run",
        ),
        (
            "a test that ran nowhere",
            {"outcomes": [Outcome("here", passed={"a"}, skipped={"b": "no browser"})]},
            0,
            "passed on here: 1 tests; NOT RUN: 1 tests (see above)",
        ),
        ("the checks failed", {"checks_passed": False}, 1, "FAILED: make check"),
        (
            "a test failed",
            {"outcomes": [Outcome("here", failed=["a"], exit_code=1)]},
            1,
            "FAILED: the suite on here",
        ),
        (
            "pytest died without a word",
            {"outcomes": [Outcome("here", exit_code=-9)]},
            1,
            "FAILED: the suite on here",
        ),
        (
            "a server is missing where all must run",
            {"missing": {"Redis": "none"}, "all_must_run": True},
            1,
            "FAILED: no run on Redis",
        ),
        (
            "recorded data is elsewhere where all must run",
            {
                "outcomes": [
                    Outcome("here", passed={"a"}, skipped={"b": f"shared/data/x {ELSEWHERE}"})
                ],
                "all_must_run": True,
            },
            0,
            "passed on here: 1 tests; NOT RUN: 1 tests (see above)",
        ),
        (
            "a test ran nowhere where all must run",
            {"outcomes": [Outcome("here", skipped={"b": "no browser"})], "all_must_run": True},
            1,
            "FAILED: 1 tests that ran nowhere",
        ),
    ],
)
def test_the_last_line_is_honest(capsys, case, given, exit_code, last_line):
    plain = {"checks_passed": True, "outcomes": [GOOD], "missing": {}, "all_must_run": False}
    assert report(**plain | given) == exit_code
    assert capsys.readouterr().out.splitlines()[-1] == f"== make test: {last_line}"


def test_what_did_not_run_is_said_with_the_way_to_run_it(capsys):
    outcome = Outcome("here", passed={"a"}, skipped={"b": "no browser"})
    missing = {"Redis": "apt-get install redis-server"}
    report(checks_passed=True, outcomes=[outcome], missing=missing, all_must_run=False)
    said = capsys.readouterr().out
    assert "NOT RUN on Redis: apt-get install redis-server" in said
    assert "NOT RUN: b: no browser" in said


def test_results_are_read_from_what_pytest_wrote(tmp_path):
    results = tmp_path / "results.xml"
    results.write_text(
        '<testsuites><testsuite><testcase classname="t" name="good"/>'
        '<testcase classname="t" name="bad"><failure message="no"/></testcase>'
        '<testcase classname="t" name="broken"><error message="no"/></testcase>'
        '<testcase classname="t" name="left"><skipped message="why"/></testcase>'
        "</testsuite></testsuites>"
    )
    outcome = Outcome("here")
    read_results(results, outcome)
    assert outcome.passed == {"t::good"}
    assert outcome.failed == ["t::bad", "t::broken"]
    assert outcome.skipped == {"t::left": "why"}


THERE = servers.Offer("redis://127.0.0.1:1/0", "named")
NONE = servers.Offer(None, "none")


@pytest.mark.parametrize("mariadb", [THERE, NONE], ids=["mariadb", "none"])
@pytest.mark.parametrize("redis", [THERE, NONE], ids=["redis", "none"])
@pytest.mark.parametrize("has_another", [True, False])
def test_every_file_is_run_and_none_twice_on_a_set_up(monkeypatch, mariadb, redis, has_another):
    another = servers.Offer("redis://127.0.0.1:2/0", "started")
    monkeypatch.setattr(servers, "redis", lambda *_: another if has_another else redis)
    with ExitStack() as stack:
        offers = {"MariaDB": mariadb, "Redis": redis}
        told = list(parts(Namespace(pytest=[]), offers, stack))
    for path in (ROOT / "tests").rglob("test_*.py"):
        file = str(path.relative_to(ROOT))
        setups = [setup for setup, _, words in told if is_run(file, words)]
        assert setups, file
        assert len(setups) == len(set(setups)), file


def is_run(file, words):
    left = [word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")]
    asked = [word for word in words if word.startswith("tests/")] or ["tests/"]
    return file.startswith(tuple(asked)) and not file.startswith(tuple(left) or ("-",))


def test_a_database_that_may_be_production_is_never_tested_on():
    named = {"TEST_DATABASE_URL": "mysql://root@127.0.0.1/ironbull"}
    with ExitStack() as stack, pytest.raises(servers.Refused, match="`test` in its name"):
        servers.mariadb(stack, named)


def test_without_servers_it_is_said_how_to_get_them(monkeypatch):
    monkeypatch.setattr(servers, "redis_answers", lambda port: False)
    monkeypatch.setattr(servers.shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(servers, "MySQLdb", None)
    with ExitStack() as stack:
        assert servers.redis(stack, {}).address is None
        assert "apt-get install redis-server" in servers.redis(stack, {}).reason
        assert servers.mariadb(stack, {}).address is None
        assert "default-libmysqlclient-dev" in servers.mariadb(stack, {}).reason


@pytest.mark.parametrize(
    ("program", "start", "answers"),
    [
        ("redis-server", servers.own_redis, servers.redis_answers),
        pytest.param(
            *("mariadbd", servers.own_mariadb, servers.mariadb_answers),
            marks=pytest.mark.skipif(servers.MySQLdb is None, reason="mysqlclient is missing"),
        ),
    ],
)
def test_a_server_of_our_own_comes_back_and_is_gone_afterwards(program, start, answers):
    if not servers.shutil.which(program, path=servers.PLACES):
        pytest.skip(f"{program} is not installed")
    with start() as server:
        assert answers(server.port)
        server.kill()
        assert not answers(server.port)
        server.start()
        assert answers(server.port)
    assert not answers(server.port)
