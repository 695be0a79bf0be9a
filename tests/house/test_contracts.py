"""Each import contract refuses a breach of it; otherwise it would be a sentence, not a rule."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.planted import ROOT, copy_of_tree, plant

BREACHES = [
    (
        "The root composes; apps and workers stand on the engine",
        "engine/planted.py",
        "import apps.core.errors",
    ),
    (
        "The engine is pure; only venues and LLM clients reach the network",
        "engine/planted.py",
        "import requests",
    ),
    (
        "A worker knows no Django and no business database",
        "workers/planted.py",
        "import django",
    ),
    (
        "Nouns stand on the nouns they need",
        "apps/ledger/planted.py",
        "import apps.rewards.models",
    ),
    (
        "Doors call services, services call selectors, selectors call models",
        "apps/orders/models.py",
        "import apps.orders.services",
    ),
    (
        "Nobody comes in by another app's doors",
        "apps/orders/models.py",
        "import apps.signals.tasks",
    ),
]


@pytest.mark.parametrize(("contract", "file", "line"), BREACHES)
def test_a_planted_breach_breaks_its_contract(tmp_path, contract, file, line):
    tree = copy_of_tree(tmp_path)
    plant(tree, file, line)

    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
    )

    assert linted.returncode == 1, linted.stdout
    assert f"{contract} BROKEN" in linted.stdout


def test_every_contract_has_its_breach():
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    names = [contract["name"] for contract in configured["contracts"]]
    assert names == [contract for contract, _, _ in BREACHES]
