"""The locks: what each kind of host installs, and that one does not contradict another."""

import re

import pytest
from packaging.requirements import Requirement

from tests.house.planted import ROOT


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
