"""The source keeps the rules of the house, and each rule sees a breach when there is one."""

import re

import pytest
from django.apps import apps
from django.db import models

from apps.core.fields import PointsField, PriceField
from apps.core.models import TenantOwned
from ironbull.celery import app
from ironbull.schedule import SCHEDULE
from tests.house import source
from tests.house.source import RETIRED, ROOT, Module

MODULES = source.modules()
SERVICES = [module for module in MODULES if re.search(r"/services(/\w+)?\.py$", module.path)]
OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def registered_tasks():
    app.loader.import_default_modules()
    on_nodes = [
        name
        for module in MODULES
        if module.path.startswith("workers/")
        for name in source.tasks_of_nodes(module)
    ]
    return {*app.tasks, *on_nodes}


def points_columns():
    """Columns that are exact only among themselves: points, and prices and quantities."""
    return {
        field.name
        for model in OURS
        for field in model._meta.concrete_fields
        if isinstance(field, PointsField | PriceField)
    }


def called_elsewhere():
    return {
        name
        for module in MODULES
        for name in source.imported_names(module)
        if name[0] != source.dotted(module.path)
    }


RULES = {
    "floats": source.floats,
    "naive times": source.naive_times,
    "clocks": source.clocks,
    "hidden imports": source.hidden_imports,
    "catch-alls": source.catch_alls,
    "signals": source.signals,
    "unscoped rows": source.unscoped_rows,
    "retired words": source.retired_words,
    "nameless homes": source.nameless_homes,
    "silent packages": source.silent_packages,
    "points in SQL": source.points_in_sql(points_columns()),
    "unknown tasks": source.unknown_tasks(registered_tasks()),
}
BREACHES = [
    ("floats", "amount = float(row.amount)"),
    ("floats", "amounts = [float(x) for x in rows]"),
    ("naive times", "now = datetime.now()"),
    ("naive times", "now = datetime.datetime.now()"),
    ("naive times", "now = datetime.utcnow()"),
    ("naive times", "day = date.today()"),
    ("naive times", "then = datetime.fromtimestamp(5)"),
    ("clocks", "import time\nnow = time.time()"),
    ("clocks", "field = Field(default=time.time_ns)"),
    ("clocks", "from time import time"),
    ("hidden imports", "def f():\n    import json"),
    ("hidden imports", "def f():\n    if True:\n        from a import b"),
    ("catch-alls", "try:\n    f()\nexcept:\n    pass"),
    ("catch-alls", "try:\n    f()\nexcept Exception:\n    pass"),
    ("catch-alls", "try:\n    f()\nexcept (ValueError, BaseException):\n    pass"),
    ("signals", "from django.db.models.signals import post_save"),
    ("signals", "from django.dispatch import receiver"),
    ("signals", "from django.db.models import signals"),
    ("unscoped rows", "found = Member.rows.all()"),
    ("unscoped rows", "found = models.Member.rows.all()"),
    ("unscoped rows", "found = row._default_manager.all()"),
    ("retired words", "def cancelled_orders(): ..."),
    ("retired words", "class AgentView: ..."),
    ("retired words", "order.amount_usdt = 5"),
    ("retired words", "def subscribe(*, binding): ..."),
    ("retired words", "class StrategyBinding: ..."),
    ("retired words", "from x import wallet"),
    ("retired words", "charge(position_side=1)"),
    ("points in SQL", "rows.update(credits=F('credits') + amount)"),
    ("points in SQL", "rows.update(credits=F('credits') - Decimal(5))"),
    ("points in SQL", "rows.update(credits=5 + models.F('credits'))"),
    ("points in SQL", "rows.update(filled=F('filled') + fill.quantity)"),
    ("unknown tasks", "later('orders.plann', signal_id=1)"),
    ("unknown tasks", "publish('rewards.setle', {})"),
    ("unknown tasks", "later(name, signal_id=1)"),
    ("unknown tasks", "app.send_task('orders.nothing')"),
]
FINE = [
    ("floats", "text = 'float(1)'  # float(1)"),
    ("naive times", "now = datetime.now(UTC)\nthen = datetime.fromtimestamp(5, UTC)"),
    ("clocks", "import time\nstarted = time.monotonic()"),
    ("hidden imports", "import json\ndef f():\n    return json"),
    ("catch-alls", "try:\n    f()\nexcept (ValueError, LookupError):\n    pass"),
    ("signals", "from apps.signals.models import Signal\nfrom engine import signal"),
    ("unscoped rows", "shown = page.rows\nfound = Member.objects.of(tenant)"),
    ("retired words", "canceled = 1\nseal(secret, binding='x')\nagenda = 2"),
    ("points in SQL", "rows.update(credits=F('credits') + Points(amount), times=F('times') + 1)"),
    ("points in SQL", "rows.annotate(balance=F('credits') - F('debits'))"),
    ("unknown tasks", "later('orders.plan', signal_id=1)"),
]


@pytest.mark.parametrize("rule", RULES)
def test_the_source_keeps_the_rule(rule):
    told = [f"{module.path} {breach}" for module in MODULES for breach in RULES[rule](module)]
    assert told == []


@pytest.mark.parametrize(("rule", "code"), BREACHES)
def test_a_breach_is_seen(rule, code):
    assert list(RULES[rule](Module("apps/planted/services.py", code)))


@pytest.mark.parametrize(("rule", "code"), FINE)
def test_what_is_right_is_left_alone(rule, code):
    assert list(RULES[rule](Module("apps/planted/services.py", code))) == []


@pytest.mark.parametrize(
    ("rule", "path", "code"),
    [
        ("nameless homes", "apps/orders/utils.py", ""),
        ("nameless homes", "engine/common/money.py", ""),
        ("silent packages", "apps/planted/__init__.py", "x = 1"),
        ("clocks", "engine/planted.py", "now = datetime.now(UTC)"),
    ],
)
def test_a_breach_of_place_is_seen(rule, path, code):
    assert list(RULES[rule](Module(path, code)))


def test_the_whole_tree_is_read():
    paths = {module.path for module in MODULES}
    assert {"apps/core/audit.py", "engine/messages.py", "ironbull/settings.py"} <= paths
    assert any(path.startswith("workers/") for path in paths)
    assert not any("/migrations/" in path or path.startswith("tests/") for path in paths)


def test_every_home_of_an_exception_to_a_rule_is_still_lived_in():
    homes = [
        *source.FLOAT_HOMES,
        *source.CLOCK_HOMES,
        *source.LAST_RESORTS,
        *source.BINDING_HOMES,
        *source.PUBLISHED_HOMES,
    ]
    assert [home for home in homes if not (ROOT / home).exists()] == []


def test_services_are_called_with_named_arguments():
    rule = source.positional_services(called_elsewhere())
    told = [f"{module.path} {breach}" for module in SERVICES for breach in rule(module)]
    assert told == []
    planted = Module("apps/planted/services.py", "def pay(debit, credit, *, amount): ...")
    rule = source.positional_services({("apps.planted.services", "pay")})
    assert list(rule(planted)) == ["line 1: pay takes arguments by place"]


def test_every_schedule_names_a_registered_task():
    app.loader.import_default_modules()
    assert SCHEDULE
    assert [entry["task"] for entry in SCHEDULE.values() if entry["task"] not in app.tasks] == []


def test_every_task_of_ours_has_a_public_name_and_takes_plain_arguments():
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    labels = {config.label for config in apps.get_app_configs()}
    assert ours
    assert [name for name in ours if name.split(".")[0] not in labels] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_model_has_a_name_for_people(model):
    given = model._meta.original_attrs
    assert {"verbose_name", "verbose_name_plural"} <= set(given)
    unnamed = [
        field.name
        for field in model._meta.local_fields
        if not field.primary_key
        and field.editable
        and isinstance(field.verbose_name, str)
        and not field.remote_field
    ]
    assert unnamed == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_row_can_be_read_aloud(model):
    assert model.__str__ is not models.Model.__str__


def test_every_row_of_a_tenant_keeps_the_scope():
    """A model that names a tenant is TenantOwned, or stands here with its reason."""
    # Of an export, who asked for it: what it holds is asked as that person.
    # Of a tally and of a limit, none is the platform's own.
    may_have_none = {
        *("core.AuditEntry", "tenants.User", "quotas.TenantPlan", "console.Export"),
        *("tallies.Tally", "risk.RiskRule"),
    }
    named = {
        model._meta.label
        for model in OURS
        if any(field.name == "tenant" for field in model._meta.concrete_fields)
        and not issubclass(model, TenantOwned)
    }
    assert named <= may_have_none
    managers = {
        model._meta.label: (model._meta.default_manager.name, model._meta.base_manager.name)
        for model in OURS
        if issubclass(model, TenantOwned)
    }
    assert set(managers.values()) == {("rows", "rows")}, managers


@pytest.mark.parametrize("word", [word for word in RETIRED if "_" in word or word == "cancelled"])
def test_no_text_of_ours_uses_a_retired_word(word):
    told = [
        str(path.relative_to(ROOT))
        for path in source.files(".py", ".md", ".html", ".js", ".json", ".toml", ".yml")
        if re.search(rf"\b{word}\b", path.read_text())
        and path.name not in ("vocabulary.md", "source.py", "test_source.py", "merchant.md")
        and not str(path.relative_to(ROOT)).startswith(source.PUBLISHED_HOMES)
    ]
    assert told == []


def test_pages_load_nothing_from_another_host():
    told = {
        str(path.relative_to(ROOT)): source.foreign_hosts(path.read_text())
        for path in source.files(".html", ".css", ".js", ".svg")
    }
    assert {path: hosts for path, hosts in told.items() if hosts} == {}


@pytest.mark.parametrize(
    ("page", "hosts"),
    [
        ('<script src="https://cdn.example/x.js">', 1),
        ("<link href='//fonts.example/x.css'>", 1),
        ("@import url(https://fonts.example/x)", 1),
        ("fetch('http://api.example')", 1),
        ('<svg xmlns="http://www.w3.org/2000/svg"><a href="/x">', 0),
        ('<script src="/static/x.js"> // a comment', 0),
    ],
)
def test_another_host_is_seen(page, hosts):
    assert len(source.foreign_hosts(page)) == hosts
