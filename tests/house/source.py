"""The rules of the house, read from the source: each one takes a module and names its breaches.

They are about what is right and wrong. How long or how pretty a module is, is for eyes.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("apps", "engine", "workers", "ironbull")

# Where a float may look at the market; everything that touches money is a Decimal.
FLOAT_HOMES = (
    "apps/backtests/jobs.py",
    "apps/market_making/services/telling.py",
    "apps/traders/services/keeping.py",  # limits and prices of models are parameters
    "apps/monitoring/",  # what is measured: seconds, per cent
    "engine/candle.py",
    "engine/deciding/analytics.py",  # published figures are floats
    "engine/indicators/",
    "engine/making/",
    "engine/performance.py",
    "engine/market/",
    "engine/strategies/",
    "engine/paper/generated.py",
    "workers/embedded_broker.py",  # seconds
)
# Who asks the clock for an instant. Everybody else is given one, or measures with `monotonic`.
CLOCK_HOMES = (
    "engine/ids.py",
    "engine/envelope.py",
    "engine/venues/",  # a venue has a clock of its own
    "ironbull/bootstrap.py",
    "ironbull/supervisor.py",
    "workers/",
)
# Outermost loops, where anything at all may arrive and the process goes on.
LAST_RESORTS: tuple[str, ...] = (
    "apps/backtests/labour.py",
    "engine/strategies/found.py",  # a merchant's rule may raise anything, and is told as such
    "apps/monitoring/selectors.py",  # a check that fails is told as one
    "apps/monitoring/listening.py",  # a word that cannot be heard keeps no other from it
    "workers/adapters.py",
    "workers/making.py",
    "workers/eyes.py",
    "workers/hands.py",
    "workers/refusals.py",
    "workers/session.py",
    "workers/state.py",
    "workers/tasks.py",
)
# Where the unscoped manager is part of the work.
UNSCOPED_HOMES = ("apps/core/", "/admin.py", "ironbull/management/commands/load_fixtures.py")
# `binding` is what a sealed secret is bound to; never a subscription or a venue account.
# The published API keeps its words; they go no deeper than its own face.
PUBLISHED_HOMES = ("apps/merchant/v1/", "tests/apps/merchant/", "docs/openapi/merchant.json")
BINDING_HOMES = (
    "apps/core/sealed.py",
    "apps/core/fields.py",
    "apps/core/rotation.py",
    "apps/traders/models/",
    "apps/venues/models.py",
    "apps/venues/credentials.py",
    "workers/embedded_broker.py",  # kombu's word for a queue's place at an exchange
)
# The second names that `docs/vocabulary.md` refuses, as they would stand in an identifier.
RETIRED = {
    "agent": "tenant",
    "agents": "tenants",
    "amount_usdt": "notional",
    "binding": "subscription or venue account",
    "bindings": "subscriptions or venue accounts",
    "cancelled": "canceled",
    "deduct": "charge",
    "deduction": "charge",
    "position_side": "direction",
    "wallet": "account",
}
# Functions whose first argument names a task, and where a name is passed on.
NAME_TASKS = ("later", "publish", "send_task", "tell_centre")
PASS_NAMES_ON = ("apps/core/later.py", "workers/app.py")
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
LOADED = re.compile(
    r"""(?:src|href|url|import|fetch)\s*[=(]?\s*["'(]?\s*((?:https?:)?//[^\s"')>]+)"""
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Module:
    """One file, as a rule sees it."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def lives_in(self, homes: tuple[str, ...]) -> bool:
        return any(
            self.path.endswith(home) if home.startswith("/") else self.path.startswith(home)
            for home in homes
        )

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call, with the name it is called by: `datetime.now`, `float`."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node, ast.unparse(node.func)


Rule = Callable[[Module], Iterator[str]]


def files(*endings: str) -> list[Path]:
    """What git knows, and what it would be asked to add."""
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if told.returncode == 0:
        paths = [ROOT / name for name in told.stdout.split("\0") if name]
    else:
        # A copy without its history: everything in the rooms.
        paths = [path for room in (*ROOMS, "docs") for path in (ROOT / room).rglob("*")]
    return sorted({path for path in paths if path.is_file() and path.suffix in endings})


def modules() -> list[Module]:
    """Our own code: without tests, benches, and what Django writes for us."""
    found = []
    for path in files(".py"):
        name = path.relative_to(ROOT)
        if name.parts[0] in ROOMS and "migrations" not in name.parts:
            found.append(Module(name.as_posix(), path.read_text()))
    return found


def at(node: ast.AST, told: str) -> str:
    return f"line {node.lineno}: {told}"


def floats(module: Module) -> Iterator[str]:
    """Money never meets a float."""
    if not module.lives_in(FLOAT_HOMES):
        for call, name in module.calls():
            if name == "float":
                yield at(call, "a float outside its homes")


def naive_times(module: Module) -> Iterator[str]:
    """Instants are aware, and UTC."""
    for call, name in module.calls():
        last_two = ".".join(name.split(".")[-2:])
        zone_given = call.args or call.keywords
        if last_two in ("datetime.utcnow", "datetime.utcfromtimestamp", "datetime.today"):
            yield at(call, f"{last_two} is naive")
        if last_two == "date.today":
            yield at(call, "date.today is this host's day, not UTC's")
        if last_two == "datetime.now" and not zone_given:
            yield at(call, "datetime.now without a zone")
        if last_two == "datetime.fromtimestamp" and len(call.args) + len(call.keywords) < 2:
            yield at(call, "datetime.fromtimestamp without a zone")


def clocks(module: Module) -> Iterator[str]:
    """The engine never asks for the time, and few others do."""
    if module.lives_in(CLOCK_HOMES):
        return
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "time.time_ns"):
            yield at(node, f"{ast.unparse(node)} outside its homes")
        imported = isinstance(node, ast.ImportFrom) and node.module == "time"
        if imported and {alias.name for alias in node.names} & {"time", "time_ns"}:
            yield at(node, "the clock is asked as time.time, in its homes")
    for call, name in module.calls():
        if module.path.startswith("engine/") and name.endswith(("datetime.now", "timezone.now")):
            yield at(call, "the engine is given the time")


def hidden_imports(module: Module) -> Iterator[str]:
    """Imports stand at the top; one inside a function means that a stair is missing."""
    for function in module.nodes:
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield at(node, f"an import inside {function.name}")


def catch_alls(module: Module) -> Iterator[str]:
    """A handler names what it can handle."""
    if module.lives_in(LAST_RESORTS):
        return
    for node in module.nodes:
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if not caught or re.search(r"\b(Base)?Exception\b", caught):
                yield at(node, f"except {caught}".strip())


def signals(module: Module) -> Iterator[str]:
    """What happens is called by name; nothing happens because a row was saved."""
    for node in module.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = getattr(node, "module", "") or ""
            names = {f"{source}.{alias.name}".strip(".") for alias in node.names}
            if any(re.match(r"django\..*(\bsignals\b|\bdispatch\b)", name) for name in names):
                yield at(node, "Django's signals")


def unscoped_rows(module: Module) -> Iterator[str]:
    """Tenant-owned rows are asked for through a tenant."""
    if module.lives_in(UNSCOPED_HOMES):
        return
    for node in module.nodes:
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).split(".")[-1]
            of_a_model = node.attr == "rows" and owner[:1].isupper()
            if node.attr in ("_default_manager", "_base_manager") or of_a_model:
                yield at(node, f"{ast.unparse(node)} goes around the tenant")


def words_of(module: Module) -> Iterator[tuple[ast.AST, str]]:
    for node in module.nodes:
        for field in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield node, value


def retired_words(module: Module) -> Iterator[str]:
    """One word per thing."""
    if module.lives_in(PUBLISHED_HOMES):
        return
    for node, name in words_of(module):
        snake = CAMEL.sub("_", name).lower()
        for word, better in RETIRED.items():
            if word == "binding" and module.lives_in(BINDING_HOMES):
                continue
            if word == "binding" and isinstance(node, ast.keyword):
                continue  # an argument of seal and unseal
            if re.search(rf"(^|_){word}(_|$)", snake):
                yield f"line {getattr(node, 'lineno', '?')}: {name}: say {better}"


def points_in_sql(points: set[str]) -> Rule:
    """Points are added to points; a bare number would count as units of 1e-8."""

    def is_column(node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).split(".")[-1] == "F"
            and bool(node.args)
            and isinstance(node.args[0], ast.Constant)
            and node.args[0].value in points
        )

    def is_bare(node: ast.expr) -> bool:
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        is_number = isinstance(node, ast.Constant | ast.Name | ast.Attribute | ast.Subscript)
        return is_number or called in ("Decimal", "Value", "sum")

    def rule(module: Module) -> Iterator[str]:
        for node in module.nodes:
            if isinstance(node, ast.BinOp):
                for one, other in ((node.left, node.right), (node.right, node.left)):
                    if is_column(one) and is_bare(other):
                        yield at(node, f"{ast.unparse(node)}: write Points(…)")

    return rule


def names_of_tasks(module: Module) -> Iterator[tuple[ast.Call, ast.expr]]:
    """What `later`, `publish` and the like are given as the task's name."""
    for call, name in module.calls():
        if name.split(".")[-1] in NAME_TASKS and call.args:
            yield call, call.args[0]


def unknown_tasks(known: set[str]) -> Rule:
    """A hint names a task that exists: a misspelt one would be lost without a word."""

    def rule(module: Module) -> Iterator[str]:
        for call, name in names_of_tasks(module):
            if not isinstance(name, ast.Constant):
                if module.path in PASS_NAMES_ON:
                    continue
                yield at(call, f"{ast.unparse(name)}: a task is named where it is asked for")
            elif name.value not in known:
                yield at(call, f"no task is called {name.value}")

    return rule


def tasks_of_nodes(module: Module) -> set[str]:
    """The names that a module gives to its tasks."""
    return {
        keyword.value.value
        for function in module.nodes
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    }


def positional_services(called_elsewhere: set[tuple[str, str]]) -> Rule:
    """What others call is called with names: `transfer(debit=…, credit=…)` cannot be swapped."""

    def rule(module: Module) -> Iterator[str]:
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef):
                is_called = (dotted(module.path), node.name) in called_elsewhere
                positional = [*node.args.posonlyargs, *node.args.args]
                # One list of things to be done needs no name.
                if is_called and len(positional) > 1:
                    yield at(node, f"{node.name} takes arguments by place")

    return rule


def dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_names(module: Module) -> set[tuple[str, str]]:
    return {
        (node.module, alias.name)
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def nameless_homes(module: Module) -> Iterator[str]:
    """A module is named by what it holds."""
    for part in module.path.removesuffix(".py").split("/"):
        if part in NO_NAMES:
            yield f"{part} says nothing: name the thing, and its home appears"


def silent_packages(module: Module) -> Iterator[str]:
    """A package says what it is for."""
    if module.path.endswith("/__init__.py") and not ast.get_docstring(module.tree):
        yield "the package does not say what it is for"


def foreign_hosts(text: str) -> list[str]:
    """Addresses that a page would load from another host; a namespace is only a name."""
    found = re.findall(
        r"""(?:src|href|url|import|fetch|@import)\s*[=(]?\s*["'(]?\s*((?:https?:)?//[^\s"')>]+)""",
        text,
    )
    return [address for address in found if "www.w3.org" not in address]
