"""What the docs name exists: commands, options, settings, paths, links; their site stands alone."""

import argparse
import functools
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from engine.strategies.found import load_directory
from tests.house.planted import ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
# Code that stands by itself, and code inside of a line.
CODE = re.compile(r"^```[a-z]*\n(.*?)^```|`([^`\n]+)`|((?:^ {4,}.*\n)+)", re.S | re.M)
CALL = re.compile(r"manage\.py((?: (?:[\w./:=+|,…<>\"-]+|\\\n *))+)")
# What stands for something else, where a command or its verb would be.
PLACEHOLDER = re.compile(r"[A-Z]+|…|\.\.\.|.*[<…].*")
SETTING = re.compile(r"(?<![\w.])[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9](?![\w<])")
CALLED = re.compile(r"(?:^|[\s(])(?:(GET|POST|PUT|PATCH|DELETE) )?/?(api/[^\s?`|,;)]+)")


def codes(page: Path) -> list[str]:
    return ["".join(found) for found in CODE.findall(page.read_text())]


# --- the site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    to = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", to],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    # Strictly: a link or an anchor that leads nowhere, or a page in no section, ends it.
    assert built.returncode == 0, built.stdout + built.stderr
    return to


class Asked(HTMLParser):
    """What a browser fetches by itself of a page."""

    FETCHED = {"src", "srcset", "poster", "data", "action"}

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            is_link = tag == "link" and name == "href"
            if (name in self.FETCHED or is_link) and value:
                self.found.append(value)


def fetched(page: str) -> list[str]:
    told = Asked()
    told.feed(page)
    return [one for one in told.found if re.match(r"(?:[a-z]+:)?//", one)]


def test_what_a_page_fetches_is_found():
    page = '<script src="https://a/x.js"></script><link href="//b"><a href="https://c">c</a>'
    assert fetched(page + '<img src="pictures/x.png">') == ["https://a/x.js", "//b"]


def test_no_page_asks_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    asked = {path.name: found for path in pages if (found := fetched(path.read_text()))}
    assert asked == {}
    # What would make the theme's own script fetch something from elsewhere.
    loading = 'class="mermaid"|data-md-component="source"|giscus'
    assert not [path for path in pages if re.search(loading, path.read_text())]
    styles = chain.from_iterable(
        re.findall(r"url\(([^)]*)\)|@import ([^;]*)", path.read_text())
        for path in site.rglob("*.css")
    )
    assert not [one for one in styles if re.match(r"['\"]?(?:https?:)?//", "".join(one))]
    assert (site / "search/search_index.json").exists()


def test_every_call_of_the_apis_has_its_place(site):
    for path in (ROOT / "docs/openapi").glob("*.json"):
        told = json.loads(path.read_text())
        pages = "".join(one.read_text() for one in (site / "api" / path.stem).glob("*.html"))
        calls = [
            f"{method.upper()} {where}"
            for where, methods in told["paths"].items()
            for method in methods
        ]
        assert [call for call in calls if f"<code>{call}</code>" not in pages] == [], path.name


# --- what pages name


def faults_of(call: str) -> list[str]:
    """What of a call of `manage.py` does not exist: its command, its verb, its options."""
    # The guide's own strategy is called as those of the library are.
    words = ["ma_cross" if word == "jump" else word for word in call.replace("\\\n", " ").split()]
    name = words[0]
    if PLACEHOLDER.fullmatch(name) or name == "help":
        return []
    owner = get_commands().get(name)
    if owner is None:
        return [f"no command {name}"]
    command = load_command_class(owner, name) if isinstance(owner, str) else owner
    parsers = [command.create_parser("manage.py", name)]
    faults = []
    verbs = verbs_of(parsers[0])
    if verbs and len(words) > 1 and not words[1].startswith("-"):
        if words[1] in verbs:
            parsers.append(verbs[words[1]])
        elif not (PLACEHOLDER.fullmatch(words[1]) or takes_words(parsers[0])):
            faults.append(f"{name} has no verb {words[1]}")
    known = {text for parser in parsers for text in parser._option_string_actions}
    options = (word.partition("=")[0] for word in words if word.startswith("--"))
    return faults + [f"{name} has no {one}" for one in options if one not in known]


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def takes_words(parser: argparse.ArgumentParser) -> bool:
    return any(
        not action.option_strings and not isinstance(action, argparse._SubParsersAction)
        for action in parser._actions
    )


def test_a_call_that_does_not_exist_is_found():
    assert faults_of("nothing") == ["no command nothing"]
    assert faults_of("node fly tokyo-1") == ["node has no verb fly"]
    assert faults_of("node list --jsn") == ["node has no --jsn"]
    assert faults_of("node add tokyo-1 --name Tokyo") == []
    assert faults_of("COMMAND --help") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page):
    calls = chain.from_iterable(CALL.findall(code) for code in codes(page))
    assert {call: found for call in calls if (found := faults_of(call))} == {}


def test_every_setting_exists():
    places = ["ironbull", "workers", "apps", "tests", "docker", "engine", "bench"]
    sources = "\n".join(
        path.read_text(errors="ignore")
        for place in places
        for path in (ROOT / place).rglob("*")
        if path.is_file()
        and path != Path(__file__)
        and path.suffix not in (".mo", ".pyc", ".gz", ".png")
    )
    known = set(SETTING.findall(sources)) | {"PIP_INDEX_URL"}
    named = {name for page in PAGES for code in codes(page) for name in SETTING.findall(code)}
    assert "STRATEGY_DIRECTORY" in named
    assert {one for one in named if not {one, one.removesuffix("_FILE")} & known} == set()


def calls_in(page: Path) -> set[tuple[str, str]]:
    found = chain.from_iterable(CALLED.findall(code) for code in codes(page))
    return {(method, "/" + path.rstrip(".")) for method, path in found}


@functools.cache
def documented() -> list[tuple[re.Pattern, set[str]]]:
    paths = chain.from_iterable(
        json.loads(path.read_text())["paths"].items()
        for path in (ROOT / "docs/openapi").glob("*.json")
    )
    return [
        (re.compile(re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(where))), set(methods))
        for where, methods in paths
    ]


def is_there(method: str, path: str) -> bool:
    """Whether some document tells of the call."""
    if "…" in path or path in ("/api/", "/api/docs", "/api/<list>/<id>"):
        return True
    return any(
        pattern.fullmatch(path) and (not method or method.lower() in methods)
        for pattern, methods in documented()
    )


def test_a_path_that_is_not_there_is_found():
    assert is_there("GET", "/api/members/7")
    assert not is_there("DELETE", "/api/members/7")
    assert not is_there("", "/api/no-such-thing")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_of_the_api_exists(page):
    assert sorted(call for call in calls_in(page) if not is_there(*call)) == []


def test_the_strategy_in_the_guide_is_a_sound_one(tmp_path):
    text = (ROOT / "docs/strategies.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    tmp_path.chmod(0o755)
    (tmp_path / "jump.py").write_text(source)
    (tmp_path / "jump.py").chmod(0o644)
    told = load_directory(tmp_path)
    assert (list(told.strategies), told.faults) == (["jump"], [])


def test_every_decision_has_its_number_once():
    names = [path.name for path in (ROOT / "docs/decisions").glob("*.md")]
    numbers = [name.partition("-")[0] for name in names]
    assert len(set(numbers)) == len(numbers)
