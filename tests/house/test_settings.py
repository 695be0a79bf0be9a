"""Settings come from the environment; a wrong or missing value stops the start, by its name."""

import os
import re
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from ironbull import addresses
from ironbull.env import Reader, to_flag, to_keys
from tests.house.planted import ROOT
from workers.settings import Settings

READ = re.compile(r"""(?:env|Reader\(\))\.(?:text|flag|whole|words|keys|read)\(\s*"([A-Z_]+)\"""")


def manage(*arguments, without=(), **environment):
    # Browser tests set this one for their own process.
    left_out = {*without, "DJANGO_ALLOW_ASYNC_UNSAFE"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
    )


def test_the_default_production_environment_passes_the_deployment_check(tmp_path):
    checked = manage(
        *("check", "--deploy", "--fail-level", "WARNING"),
        without=("HTTPS", "DEBUG"),
        ALLOWED_HOSTS="ironbull.example",
        IRONBULL_VAR=str(tmp_path),
    )
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def test_the_deployment_check_warns_of_plain_http(tmp_path):
    checked = manage(
        *("check", "--deploy", "--fail-level", "WARNING"),
        HTTPS="false",
        IRONBULL_VAR=str(tmp_path),
    )
    assert checked.returncode == 1
    assert "security.W" in checked.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "SEAL_KEYS", "AUDIT_KEY", "CENTRE_SIGNING_KEY"])
def test_a_missing_secret_is_one_line_that_names_it(tmp_path, name):
    started = manage("check", without=(name,), IRONBULL_VAR=str(tmp_path))
    assert started.returncode == 1
    assert started.stderr.strip().count("\n") == 0
    assert f"{name} is not set" in started.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DEBUG", "maybe", "neither true nor false"),
        ("TICKET_SECONDS", "soon", "not a whole number"),
        ("TICKET_SECONDS", "1", "of at least 2"),
        ("AUDIT_KEY", "c2hvcnQ=", "5 bytes, not 32"),
        ("AUDIT_KEY", "not base64", "not base64"),
        ("SEAL_KEYS", ",", "no key"),
        ("DATABASE_URL", "postgres://root:hidden@host/name", "not a sqlite"),
        ("DATABASE_URL", "mysql://root:hidden@host", "needs a host and a database name"),
        ("DATABASE_URL", "sqlite://", "needs the path"),
        ("BROKER_URL", "redis://:hidden@host:99999/0", "Port out of range"),
        ("BROKER_URL", "https://host", "not an embedded"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(tmp_path, name, value, reason):
    started = manage("check", IRONBULL_VAR=str(tmp_path), **{name: value})
    assert started.returncode == 1
    assert started.stderr.strip().count("\n") == 0
    assert f"{name}: " in started.stderr
    assert reason in started.stderr
    assert "hidden" not in started.stderr


def test_a_value_may_come_from_a_file(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("$whisper\n")
    monkeypatch.setenv("PASSWORD_FILE", str(tmp_path / "secret"))
    assert Reader().text("PASSWORD") == "$whisper"


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PASSWORD_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured, match="PASSWORD_FILE"):
        Reader().text("PASSWORD")


def test_the_environment_wins_over_the_file_and_the_file_stays_out_of_it(tmp_path, monkeypatch):
    (tmp_path / "ironbull.env").write_text("GREETING=from the file\nONLY_HERE=yes\n")
    monkeypatch.setenv("GREETING", "from the environment")
    reader = Reader(tmp_path / "ironbull.env")
    assert reader.text("GREETING") == "from the environment"
    assert reader.flag("ONLY_HERE") is True
    assert "ONLY_HERE" not in os.environ


@pytest.mark.parametrize(("raw", "flag"), [("TRUE", True), ("no", False), ("0", False)])
def test_reads_a_flag(raw, flag):
    assert to_flag(raw) is flag


def test_the_first_key_is_the_current_one():
    first, second = "QUFB" * 10 + "QUE=", "QkJC" * 10 + "QkI="
    assert to_keys(f"{first}, {second}") == [b"A" * 32, b"B" * 32]


def test_mysql_passwords_may_hold_any_character():
    configured = addresses.database("mysql://iron:p%40ss%2F@db:3307/ironbull")
    assert configured["PASSWORD"] == "p@ss/"
    assert configured["PORT"] == 3307


def test_every_variable_is_explained_to_operators():
    centre = set(READ.findall((ROOT / "ironbull/settings.py").read_text()))
    node = {name.upper() for name in Settings.__struct_fields__}
    explained = (ROOT / "docs/operations.md").read_text()
    assert len(centre) > 15
    read = centre | node
    assert not {name for name in read if f"`{name}`" not in explained}
