"""Every command: its help with examples that can be typed, its JSON, its exit codes, completion."""

import argparse
import inspect
import json
import re
import shlex
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from apps.core.commands import CODES, TELL_EVERY_SECONDS, Bar, HouseCommand, Subject, table
from apps.core.errors import BadInput
from ironbull.management.listing import HouseUtility, house_commands
from tests.factories import TenantFactory

COMMANDS = dict(house_commands())
# What lists rows at once, on no data: all other --json of a command follows the same way.
LISTS = [
    "backtest list --json",
    "brake list --json",
    "candles list --json",
    "candles check --json",
    "clear_trading_data --all --dry-run --json",
    "ironbull --json",
    "load_fixtures --json",
    "maker list --json",
    "maker paper --paths 2 --json",
    "node list --json",
    "recompute_levels --json",
    "rotate_keys --json",
    "settle_failed --json",
    "tallies --json",
    "trader list --json",
    "verify_audit --json",
    "verify_ledger --json",
    "verify_tenants --json",
    "watch --once --json",
]
# What needs rows, a venue or an hour to tell anything.
ELSEWHERE = {
    *("arena", "close_positions", "drill", "node_bundle", "optimise", "paper_exchange", "trace"),
    *("backup", "reconcile", "venue_check", "demo"),
}


def parser_of(name):
    return COMMANDS[name].create_parser("manage.py", name)


def options_of(parser):
    """Every option of a command and of its verbs."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from options_of(verb)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_tells_what_it_is_about_with_examples_that_can_be_typed(name):
    command = COMMANDS[name]
    assert isinstance(command, HouseCommand)
    assert command.subject in Subject
    told = parser_of(name).format_help()
    assert told.count(command.help.split()[0])
    assert told.rstrip().endswith(CODES)
    examples = [line.strip() for line in command.examples.strip().splitlines()]
    assert examples
    for example in examples:
        called, *words = shlex.split(example.split(" > ")[0])
        assert called == name
        assert f"  manage.py {example}" in told
        parser_of(name).parse_args(words)


def test_whatever_can_tell_rows_can_tell_them_as_json():
    speak = {name for name in COMMANDS if "--json" in options_of(parser_of(name))}
    assert {line.split()[0] for line in LISTS} | ELSEWHERE == speak
    for name, command in COMMANDS.items():
        source = inspect.getsource(inspect.getmodule(command))
        assert name in speak or ("self.tell(" not in source and "runs.tell(" not in source)


@pytest.mark.django_db
@pytest.mark.parametrize("line", LISTS)
def test_rows_are_told_as_json_and_nothing_else(line, tmp_path, settings):
    settings.CANDLE_DIRECTORY = tmp_path
    TenantFactory()
    name, *words = shlex.split(line)
    out = StringIO()
    call_command(name, *words, stdout=out, stderr=StringIO())
    assert isinstance(json.loads(out.getvalue()), list | dict)


class Refusing(HouseCommand):
    subject = Subject.CARE
    examples = "refusing"
    error: BaseException = BadInput("is none", field="price")

    def handle(self, **options):
        raise self.error


@pytest.mark.parametrize(
    ("case", "error", "told", "code"),
    [
        ("a refusal names its field", BadInput("is none", field="price"), "price: is none", 1),
        ("what was found wrong", CommandError("it drifts"), "it drifts", 1),
        ("ctrl-c", KeyboardInterrupt(), "stopped", 130),
    ],
)
def test_how_a_command_ends(case, error, told, code):
    refusing = Refusing()
    refusing.error = error
    with pytest.raises(CommandError, match=told) as ended:
        call_command(refusing)
    assert ended.value.returncode == code


def test_exit_codes_of_a_real_process(settings):
    def ended(*words):
        program = (
            "import sys, tests.environment, os; "
            "os.environ['DJANGO_SETTINGS_MODULE'] = 'ironbull.settings'; "
            "from ironbull.management.listing import HouseUtility; "
            "HouseUtility(['manage.py', *sys.argv[1:]]).execute()"
        )
        call = [sys.executable, "-c", program, *words]
        return subprocess.run(call, cwd=settings.ROOT, capture_output=True, text=True)

    well = ended("completion", "bash")
    assert well.returncode == 0
    ask = "; ".join(
        [
            "source /dev/stdin",
            'ask() { COMP_WORDS=(manage.py "$@"); COMP_CWORD=$#; COMPREPLY=()',
            '_shtab_manage_py manage.py "${@: -1}"; echo ${COMPREPLY[@]}; }',
            "ask mak; ask maker rel; ask maker list --js",
        ]
    )
    answered = subprocess.run(
        ["bash", "-c", ask], input=well.stdout, capture_output=True, text=True
    )
    assert answered.stdout.split() == ["maker", "release", "--json"]
    assert ended("candles", "import", "binance", "BTC/USDT", "nowhere.csv").returncode == 1
    wrong = ended("maker", "dance")
    assert (wrong.returncode, "invalid choice: 'dance'" in wrong.stderr) == (2, True)


def test_the_help_is_sorted_by_subject():
    told = HouseUtility(["manage.py"]).main_help_text()
    assert [line[1:-1] for line in told.splitlines() if line.startswith("[")][:-1] == list(Subject)
    for name in COMMANDS:
        assert f"    {name} " in told


def test_zsh_is_completed_too():
    out = StringIO()
    call_command("completion", "zsh", stdout=out)
    assert out.getvalue().startswith("#compdef manage.py")


def test_numbers_stand_to_the_right():
    assert table(["of", "found"], [["orders", 7]]) == "of      found\n------  -----\norders      7"


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("out", "is_told"), [(Terminal(), True), (StringIO(), False)])
def test_progress_is_drawn_on_a_terminal_beside_what_is_told(out, is_told):
    command = BaseCommand(stderr=out)
    bar = Bar(command)
    bar.told_at = 0
    bar.show(10, 10, "rows")
    bar.end()
    assert ("10 / 10  rows" in out.getvalue()) == is_told


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["verify_ledger", "verify_tenants"])
def test_long_work_tells_how_far_it_is_beside_its_answer(name, monkeypatch):
    monkeypatch.setitem(TELL_EVERY_SECONDS, False, 0.0)
    out, beside = StringIO(), StringIO()
    call_command(name, "--json", stdout=out, stderr=beside)
    assert json.loads(out.getvalue())
    assert re.search(r"^\d+ / \d+  \w", beside.getvalue(), re.M)
