"""`make check` holds every rule that a commit must pass, and CI runs nothing less."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.planted import ROOT, copy_of_tree, plant


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
            "apps/tenants/models.py",
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
