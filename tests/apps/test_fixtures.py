"""load_fixtures makes what is missing, keeps what was changed, and writes all or nothing."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.core.models import AuditEntry
from apps.members.models import Level
from apps.quotas.models import Plan
from apps.strategies.models import Strategy
from apps.venues.models import Instrument
from apps.venues.selectors import instruments
from engine.paper.generated import SYMBOLS, GeneratedMarket
from engine.strategies import strategy_named

pytestmark = pytest.mark.django_db
FIXTURES = settings.ROOT / "fixtures"
MODELS = (Level, Plan, Instrument, Strategy)


def run(capsys, **options):
    call_command("load_fixtures", json=True, **options)
    return {
        row.pop("rows"): ", ".join(f"{count} {word}" for word, count in row.items())
        for row in json.loads(capsys.readouterr().out)
    }


def contents():
    return [list(model.objects.order_by("pk").values()) for model in MODELS]


@pytest.fixture
def copy(tmp_path):
    for name in ("levels.json", "plans.json", "strategies.json"):
        shutil.copy(FIXTURES / name, tmp_path)
    return tmp_path


def rewrite(path: Path, change):
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))


def test_the_levels_are_those_of_the_business():
    call_command("load_fixtures", verbosity=0)
    levels = list(Level.objects.values_list("name", "min_team_holding", "rate"))
    assert levels == [
        ("S0", Decimal(0), Decimal("0")),
        ("S1", Decimal(10_000), Decimal("0.2")),
        ("S2", Decimal(50_000), Decimal("0.3")),
        ("S3", Decimal(200_000), Decimal("0.4")),
        ("S4", Decimal(500_000), Decimal("0.5")),
        ("S5", Decimal(1_000_000), Decimal("0.6")),
        ("S6", Decimal(3_000_000), Decimal("0.7")),
        ("S7", Decimal(10_000_000), Decimal("0.8")),
    ]


def test_the_plans_are_those_of_the_business():
    call_command("load_fixtures", verbosity=0)
    plans = Plan.objects.values_list(
        *("code", "calls_daily", "calls_monthly", "max_members"),
        *("max_subscriptions", "max_venue_accounts", "price_monthly"),
    )
    assert list(plans) == [
        ("free", 100, 3_000, 5, 2, 2, Decimal("0.00")),
        ("basic", 1_000, 30_000, 20, 10, 10, Decimal("99.00")),
        ("pro", 5_000, 150_000, 100, 50, 50, Decimal("399.00")),
        ("enterprise", 0, 0, 0, 0, 0, Decimal("0.00")),
    ]


def test_every_master_watches_what_the_paper_venue_trades():
    call_command("load_fixtures", verbosity=0)
    assert set(instruments("paper")) == set(SYMBOLS)
    assert instruments("paper")["BTC/USDT"] == GeneratedMarket().instruments()["BTC/USDT"]
    for strategy in Strategy.objects.all():
        assert set(strategy.symbols) <= set(SYMBOLS)
        assert strategy_named(strategy.rule).read_params(strategy.params)
    assert Strategy.objects.get(code="swift-cross").timeframe == "2s"


def test_a_second_run_changes_nothing(capsys):
    first = run(capsys)
    before, entries = contents(), AuditEntry.objects.count()
    second = run(capsys)
    assert first["levels.json"] == "8 created, 0 updated, 0 unchanged, 0 kept"
    assert second == {
        "levels.json": "0 created, 0 updated, 8 unchanged, 0 kept",
        "plans.json": "0 created, 0 updated, 4 unchanged, 0 kept",
        "paper instruments": f"0 created, 0 updated, {len(SYMBOLS)} unchanged, 0 kept",
        "strategies.json": "0 created, 0 updated, 4 unchanged, 0 kept",
    }
    assert contents() == before
    assert AuditEntry.objects.count() == entries


def test_what_the_operator_changed_is_kept_until_told_otherwise(capsys):
    run(capsys)
    Plan.objects.filter(code="pro").update(price_monthly=Decimal("499.00"))
    Strategy.objects.filter(code="swift-cross").update(name="My cross")
    told = run(capsys)
    assert told["plans.json"] == "0 created, 0 updated, 3 unchanged, 1 kept"
    assert Plan.objects.get(code="pro").price_monthly == Decimal("499.00")
    assert Strategy.objects.get(code="swift-cross").name == "My cross"

    told = run(capsys, update=True)
    assert told["plans.json"] == "0 created, 1 updated, 3 unchanged, 0 kept"
    assert told["strategies.json"] == "0 created, 1 updated, 3 unchanged, 0 kept"
    assert Plan.objects.get(code="pro").price_monthly == Decimal("399.00")
    entry = AuditEntry.objects.get(action="plan.updated")
    assert (entry.before["price_monthly"], entry.after["price_monthly"]) == ("499.00", "399.00")
    assert entry.actor == "load_fixtures"


@pytest.mark.parametrize(
    ("case", "name", "change", "told"),
    [
        (
            "an unknown field",
            "levels.json",
            lambda rows: rows[2].update(colour="green"),
            "levels.json, row 3, colour:",
        ),
        (
            "a missing field",
            "plans.json",
            lambda rows: rows[1].pop("price_monthly"),
            "plans.json, row 2, price_monthly:",
        ),
        (
            "no key",
            "strategies.json",
            lambda rows: rows[0].pop("code"),
            "strategies.json, row 1, code:",
        ),
        (
            "a key twice",
            "plans.json",
            lambda rows: rows.append(rows[0]),
            "plans.json, row 5, code:",
        ),
        (
            "no number",
            "levels.json",
            lambda rows: rows[0].update(rate="much"),
            "levels.json, row 1, rate:",
        ),
        (
            "part of a member",
            "plans.json",
            lambda rows: rows[0].update(max_members=2.5),
            "plans.json, row 1, max_members:",
        ),
        (
            "a ninth decimal",
            "levels.json",
            lambda rows: rows[1].update(min_team_holding="1.123456789"),
            "levels.json, row 2, min_team_holding:",
        ),
        (
            "parameters out of bounds, in the last file",
            "strategies.json",
            lambda rows: rows[3]["params"].update(fast_ma=0),
            "strategies.json, row 4, params:",
        ),
        ("no row", "levels.json", lambda rows: rows.insert(0, 7), "levels.json, row 1, number:"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(copy, case, name, change, told):
    rewrite(copy / name, change)
    with pytest.raises(CommandError) as refused:
        call_command("load_fixtures", directory=copy, verbosity=0)
    assert str(refused.value).startswith(told)
    assert contents() == [[], [], [], []]
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("case", "spoil", "told"),
    [
        ("half a file", lambda path: path.write_text("[{"), "levels.json is not JSON"),
        ("no list", lambda path: path.write_text("{}"), "levels.json is not a list"),
        ("no file", lambda path: path.unlink(), "levels.json is not in"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_written(copy, case, spoil, told):
    spoil(copy / "levels.json")
    with pytest.raises(CommandError, match=told):
        call_command("load_fixtures", directory=copy, verbosity=0)
    assert contents() == [[], [], [], []]
