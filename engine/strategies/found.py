"""A merchant's own strategies: files in a directory, read and tried before any is used.

A file is shaped as the library's own are: a `Params` struct, `candles_needed(params)`, one pure
function `decide(candles, params)`, and `STRATEGY`, whose code is the file's name. It is read as
text first: what a rule has no business with, it may not even name. Then it is run on made-up
markets, forwards and backwards, with the future behind the cut and without it.

This keeps mistakes out, not enemies: the file runs in the platform's own process, so whoever
may write to the directory is trusted as the operator is.
"""

import ast
import functools
import importlib.util
import inspect
import signal
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, TracebackType
from typing import Any, NamedTuple

import msgspec
import numpy as np

from engine.candle import Candles
from engine.errors import BadParameters, EngineError, RuleFailed
from engine.signal import Action, Direction, Intent
from engine.strategies import LIBRARY
from engine.strategies.base import Params, Strategy, describe, first_bars
from engine.strategies.wishes import Wishes

# What a rule may be made of. Clocks, chance, files and networks are not among it.
MAY_IMPORT = (
    "__future__",
    "collections",
    "dataclasses",
    "decimal",
    "engine.candle",
    "engine.indicators",
    "engine.signal",
    "engine.strategies",
    "enum",
    "functools",
    "itertools",
    "math",
    "msgspec",
    "numpy",
    "operator",
    "statistics",
    "typing",
)
MAY_NOT_NAME = {
    "__builtins__",
    "__import__",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "exit",
    "getattr",
    "globals",
    "input",
    "locals",
    "open",
    "print",
    "quit",
    "setattr",
    "vars",
}
# Of what may be imported, what still reaches out, remembers, or looks behind a cut.
MAY_NOT_REACH = {
    "base",
    "cache",
    "ctypeslib",
    "fromfile",
    "load",
    "loadtxt",
    "genfromtxt",
    "lru_cache",
    "memmap",
    "random",
    "save",
    "savetxt",
    "savez",
    "tofile",
}
MOST_BYTES = 200_000
MOST_CANDLES = 5000
# Bars beyond the first answer that a rule is tried on, and the future behind them.
TRIED, BEHIND = 60, 20
SEEDS = (1, 2, 3)
# Of the processor's time, for one file: the slowest rule of the library takes 6 of them.
MOST_SECONDS = 15
PREFIX = "engine_strategies_found_"


@dataclass(frozen=True, slots=True)
class Fault:
    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


class Loaded(NamedTuple):
    """The sound strategies by their code, and what is wrong with every other file."""

    strategies: dict[str, Strategy]
    faults: list[Fault]


def load_directory(path: Path, *, known: Mapping[str, Strategy] = LIBRARY) -> Loaded:
    """Every sound strategy of a directory; a file with faults is left out and its faults told.

    Files that begin with `_` or `.` are none of ours, and directories are not entered.
    """
    found: dict[str, Strategy] = {}
    if not path.is_dir():
        return Loaded(found, [Fault(path, 0, "there is no such directory")])
    if path.stat().st_mode & stat.S_IWOTH:
        return Loaded(found, [Fault(path, 0, "everybody may write to this directory")])
    faults: list[Fault] = []
    for file in sorted(path.glob("*.py")):
        if not file.name.startswith(("_", ".")):
            strategy, wrong = load_file(file, known=known)
            faults += wrong
            if strategy is not None:
                found[strategy.code] = strategy
    return Loaded(found, faults)


def adopt_directory(path: Path) -> list[Fault]:
    """Add a directory's sound strategies to the library, once, at start; the faults are told."""
    told = load_directory(path)
    LIBRARY.update(told.strategies)
    return told.faults


def load_file(
    path: Path, *, known: Mapping[str, Strategy] = LIBRARY
) -> tuple[Strategy | None, list[Fault]]:
    """The strategy of one file, or its faults."""
    for reason in faults_of_place(path):
        return None, [Fault(path, 0, reason)]
    try:
        text = path.read_bytes()
        tree = ast.parse(text, str(path))
    except SyntaxError as error:
        return None, [Fault(path, error.lineno or 1, f"not Python: {error.msg}")]
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return None, [Fault(path, 1, f"cannot be read: {error}")]
    faults = [Fault(path, line, reason) for line, reason in faults_of_text(tree)]
    if faults:
        return None, sorted(faults, key=lambda fault: fault.line)

    noted = Noting(path)
    with noted, an_end():
        module = imported(path, text)
        strategy = getattr(module, "STRATEGY", None)
        told = faults_of_shape(strategy, tree, path, known)
        faults = [Fault(path, line, reason) for line, reason in told]
        if not faults and isinstance(strategy, Strategy):
            faults = faults_of_trial(strategy, path)
    if noted.fault is not None:
        return None, [noted.fault]
    if faults or not isinstance(strategy, Strategy):
        sys.modules.pop(PREFIX + path.stem, None)
        return None, faults
    return watched(strategy, path), []


def watched(strategy: Strategy, path: Path) -> Strategy:
    """As it was found; what it raises when it is at work is a refusal that names file and line,
    and an answer is looked at as it was when it was tried: rare bars come after the trial."""
    return replace(
        strategy,
        rule=told_of(path, judged(path, strategy.rule)),
        candles_needed=told_of(path, strategy.candles_needed),
        hedge=strategy.hedge and told_of(path, judged(path, strategy.hedge)),
        columns=strategy.columns and told_of(path, strategy.columns),
    )


def judged(path: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    def decide(candles: Candles, params: Any) -> Any:
        answer = function(candles, params)
        for one in answer if isinstance(answer, tuple) else (answer,):
            wrong = None if one is None else unsound(one, candles)
            if wrong:
                raise RuleFailed(f"{path.name}: {wrong}")
        return answer

    return decide


def told_of(path: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def asked(*given: Any) -> Any:
        try:
            return function(*given)
        except EngineError:
            raise
        except Exception as error:
            reason = f"{path.name}:{line_of_error(error, path)}: {type(error).__name__}: {error}"
            raise RuleFailed(" ".join(reason.split())[:300]) from error

    return asked


def line_of_error(error: BaseException, path: Path) -> int:
    """The last line of this file that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((at.lineno or 1 for at in reversed(frames) if at.filename == str(path)), 1)


class NeverEnds(BaseException):
    """Not an Exception: a rule that takes whatever comes does not take this."""


@contextmanager
def an_end() -> Iterator[None]:
    """What takes too much of the processor's time is ended, where Python lets it be: a signal
    is heard in the main thread, between two steps of Python."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*about: object) -> None:
        raise NeverEnds(f"it took more than {MOST_SECONDS} s of the processor's time")

    before = signal.signal(signal.SIGPROF, end)
    # Once more every second: whoever catches everything is asked again.
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def faults_of_place(path: Path) -> Iterator[str]:
    if not path.stem.isidentifier():
        yield "the name of the file is not a name"
    elif path.is_symlink() or not path.is_file():
        yield "not a file of its own"
    elif path.stat().st_mode & stat.S_IWOTH:
        yield "everybody may write to this file"
    elif path.stat().st_size > MOST_BYTES:
        yield f"longer than {MOST_BYTES} bytes"


def faults_of_text(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What the text names and may not."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Import):
            yield from (
                (line, f"may not import {alias.name}")
                for alias in node.names
                if not may_import(alias.name)
            )
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level or not may_import(source):
                yield line, f"may not import {'.' * node.level}{source}"
            for alias in node.names:
                if alias.name == "*" or alias.name in MAY_NOT_REACH:
                    yield line, f"may not import {alias.name} of {source}"
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield line, f"may not remember: {', '.join(node.names)}"
        elif isinstance(node, ast.Name) and node.id in MAY_NOT_NAME:
            yield line, f"may not use {node.id}"
        elif isinstance(node, ast.Attribute):
            is_hidden = node.attr.startswith("__") and node.attr.endswith("__")
            if node.attr in MAY_NOT_REACH or is_hidden:
                yield line, f"may not use {ast.unparse(node)[:80]}"
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield line, "may not wait: a rule is one plain function"


def may_import(name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in MAY_IMPORT)


class ReadText(SourceFileLoader):
    """Runs the text that was read and judged: nothing compiled earlier, and nothing written."""

    def __init__(self, name: str, path: Path, text: bytes) -> None:
        super().__init__(name, str(path))
        self.text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec", dont_inherit=True)


def imported(path: Path, text: bytes) -> ModuleType:
    name = PREFIX + path.stem
    loader = ReadText(name, path, text)
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    # Structs look up the names in their annotations there.
    sys.modules[name] = module
    loader.exec_module(module)
    return module


class Noting:
    """Whatever a merchant's code raises becomes a fault with the line of theirs that raised it."""

    def __init__(self, path: Path, *, doing: str = "") -> None:
        self.path, self.doing = path, doing
        self.fault: Fault | None = None

    def __enter__(self) -> "Noting":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if kind is None or error is None:
            return False
        # Ctrl-C is the operator's, not the file's.
        if issubclass(kind, KeyboardInterrupt):
            return False
        sys.modules.pop(PREFIX + self.path.stem, None)
        # In one line, whatever it says.
        reason = " ".join(f"{self.doing}{kind.__name__}: {error}".split())[:300]
        self.fault = Fault(self.path, line_of_error(error, self.path), reason)
        return True


def faults_of_shape(
    strategy: object, tree: ast.Module, path: Path, known: Mapping[str, Strategy]
) -> Iterator[tuple[int, str]]:
    """What is not as a strategy must be, before it has decided anything."""
    line = line_of(tree, "STRATEGY")
    if not isinstance(strategy, Strategy):
        yield line, "there is no STRATEGY = Strategy(code, Params, candles_needed, decide)"
        return
    if strategy.code != path.stem:
        yield line, f"the code must be the file's name, {path.stem}"
    if strategy.code in known:
        yield line, f"{strategy.code} is a strategy already"
    callables = [("decide", strategy.rule, 2), ("candles_needed", strategy.candles_needed, 1)]
    if strategy.hedge is not None:
        callables.append(("hedge", strategy.hedge, 2))
    for name, function, arguments in callables:
        yield from faults_of_function(name, function, arguments, line)
    yield from faults_of_params(strategy, tree, line)


def faults_of_function(
    name: str, function: object, arguments: int, line: int
) -> Iterator[tuple[int, str]]:
    wanted = ("candles", "params")[-arguments:]
    if not isinstance(function, FunctionType):
        yield line, f"{name} must be a plain function of ({', '.join(wanted)})"
        return
    line = function.__code__.co_firstlineno
    names = tuple(inspect.signature(function).parameters)
    if names != wanted:
        yield line, f"{name} takes ({', '.join(names)}), not ({', '.join(wanted)})"
    if inspect.isgeneratorfunction(function):
        yield line, f"{name} must return an answer, not yield"


def faults_of_params(strategy: Strategy, tree: ast.Module, line: int) -> Iterator[tuple[int, str]]:
    params: object = strategy.params
    if not (isinstance(params, type) and issubclass(params, Params)):
        yield line, "its parameters must be a subclass of Params"
        return
    if not params.__struct_config__.frozen:
        yield line_of(tree, params.__name__), "its parameters must be frozen"
    if not params.__struct_config__.forbid_unknown_fields:
        yield line_of(tree, params.__name__), "its parameters must refuse unknown fields"
    faulty = False
    for one in describe(strategy):
        at = line_of(tree, params.__name__, one.name)
        reasons = []
        if one.default is msgspec.NODEFAULT:
            reasons.append("has no default")
        if not one.meaning:
            reasons.append("has no description")
        if one.kind in ("int", "float") and (one.least is None or one.most is None):
            reasons.append("has no bounds (ge and le)")
        elif one.kind in ("int", "float") and not one.least < one.most:  # type: ignore[operator]
            reasons.append("has bounds with nothing between them")
        for reason in reasons:
            faulty = True
            yield at, f"parameter {one.name} {reason}"
    if faulty:
        return
    for name, values in {"the defaults": defaults_of(strategy), **strategy.presets}.items():
        try:
            strategy.read_params(values)
        except BadParameters as error:
            at = next(
                (
                    line_of(tree, params.__name__, one.name)
                    for one in describe(strategy)
                    if f"$.{one.name}`" in error.message
                ),
                line_of(tree, params.__name__),
            )
            yield at, f"{name}: {error.message}"


def defaults_of(strategy: Strategy) -> dict[str, Any]:
    """The defaults, to be read as if somebody had given them: a struct does not check its own."""
    return {one.name: one.default for one in describe(strategy)}


def line_of(tree: ast.Module, name: str, attribute: str = "") -> int:
    """Where a name stands at the top of a file, or an attribute in the class of that name."""
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.ClassDef) and node.name == name:
            for one in node.body:
                if isinstance(one, ast.AnnAssign) and ast.unparse(one.target) == attribute:
                    return one.lineno
            return node.lineno
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.lineno
    return 1


def faults_of_trial(strategy: Strategy, path: Path) -> list[Fault]:
    """What goes wrong when it decides: with its defaults, and with each of its presets."""
    for name, values in {"": {}, **strategy.presets}.items():
        doing = f"{name}: " if name else ""
        noted = Noting(path, doing=doing)
        reason: str | None = None
        culprit: object = strategy.rule
        with noted:
            params = strategy.read_params(values)
            reason, culprit = unusable(strategy.candles_needed(params)), strategy.candles_needed
            if reason is None:
                reason, culprit = trial(strategy, params), strategy.rule
        if noted.fault is not None:
            return [noted.fault]
        if reason is not None:
            return [Fault(path, first_line(path, culprit), doing + reason)]
    return []


def first_line(path: Path, function: object) -> int:
    """Where a function begins in its file; where it is the library's, what it was made of does."""
    if not isinstance(function, FunctionType):
        return 1
    made_of = [cell.cell_contents for cell in function.__closure__ or ()]
    codes = [each.__code__ for each in (function, *made_of) if isinstance(each, FunctionType)]
    return next((code.co_firstlineno for code in codes if code.co_filename == str(path)), 1)


def unusable(needed: object) -> str | None:
    """What is wrong with a number of candles."""
    if type(needed) is int and 1 <= needed <= MOST_CANDLES:
        return None
    return f"candles_needed answers {needed!r}, not a number from 1 to {MOST_CANDLES}"


def trial(strategy: Strategy, params: Params) -> str | None:
    """What is wrong with a strategy's answers on made-up markets."""
    needed = strategy.candles_needed(params)
    for seed in SEEDS:
        whole = market(seed, needed + TRIED + BEHIND)
        # A rule that counts its calls, or keeps what it saw, is asked in another order then.
        bars = range(needed, needed + TRIED)
        shown = {at: first_bars(whole, at, start=at - needed) for at in bars}
        if strategy.columns is not None:
            wrong = not_wishes(strategy.columns(shown[needed], params), 1)
            if wrong:
                return wrong
        first = {at: strategy.legs(shown[at], params) for at in bars}
        answers = {at: strategy.decide(shown[at], params) for at in bars}
        for at, answer in answers.items():
            for intent in (answer, *first[at]):
                wrong = None if intent is None else unsound(intent, shown[at])
                if wrong:
                    return wrong
        for at in reversed(bars):
            cut = apart(shown[at])
            if (
                strategy.decide(cut, params) != answers[at]
                or strategy.legs(cut, params) != first[at]
            ):
                return (
                    "answers otherwise when it is asked again with the later bars cut: "
                    "it remembers, guesses or looks ahead"
                )
        if strategy.columns is not None:
            # One bar less of the future is to change nothing.
            for shown_bars in (len(whole), len(whole) - 1):
                told = strategy.columns(first_bars(whole, shown_bars), params)
                wrong = not_wishes(told, shown_bars + 1 - needed) or unlike(told, answers, needed)
                if wrong:
                    return wrong
    return None


def not_wishes(told: object, places: int) -> str | None:
    """What is wrong with the answer of a rule over columns, before any of its places is read."""
    if not isinstance(told, Wishes):
        return f"answers {type(told).__name__}, not Wishes"
    columns = (told.way, told.opens, told.price, told.stop, told.target, told.confidence)
    lengths = {len(column) for column in columns}
    if lengths == {places}:
        return None
    return f"answers columns of {sorted(lengths)} places for {places} bars"


def unlike(told: Wishes, answers: Mapping[int, Intent | None], needed: int) -> str | None:
    """Whether a rule over columns, as backtests ask it, says something else of many bars than of
    one after the other, when nothing was shown of what came later."""
    if all(told.intent(at - needed) == answer for at, answer in answers.items()):
        return None
    return (
        "answers otherwise when it is asked of many bars at once: "
        "it looks ahead, or counts from where the candles begin"
    )


def market(seed: int, bars: int) -> Candles:
    """A made-up market with calm and wild stretches, that nobody can write on."""
    chance = np.random.default_rng(seed)
    wild = np.repeat(chance.uniform(0.1, 2.0, bars // 25 + 1), 25)[:bars]
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, bars) * wild))
    open_ = np.concatenate(([100.0], close[:-1]))
    wick = chance.exponential(0.005, (2, bars)) * wild
    columns = (
        np.arange(bars, dtype=np.int64) * 60,
        open_,
        np.maximum(open_, close) * (1 + wick[0]),
        np.minimum(open_, close) / (1 + wick[1]),
        close,
        chance.exponential(10.0, bars),
    )
    for column in columns:
        column.flags.writeable = False
    return Candles("1m", *columns)


def apart(candles: Candles) -> Candles:
    """A copy that shares no memory with the bars that came later."""
    columns = (
        candles.opened_at.copy(),
        candles.open.copy(),
        candles.high.copy(),
        candles.low.copy(),
        candles.close.copy(),
        candles.volume.copy(),
    )
    for column in columns:
        column.flags.writeable = False
    return Candles(candles.timeframe, *columns)


def unsound(intent: object, candles: Candles) -> str | None:
    """What is wrong with one answer."""
    if not isinstance(intent, Intent):
        return f"answers {type(intent).__name__}, not Intent or None"
    if not isinstance(intent.action, Action) or not isinstance(intent.direction, Direction):
        return "answers an action or a direction that is not one"
    if type(intent.confidence) is not int or not 0 <= intent.confidence <= 100:
        return f"answers the confidence {intent.confidence!r}, not a whole number from 0 to 100"
    for name in ("price", "stop", "target"):
        price = getattr(intent, name)
        may_miss = name != "price"
        if price is None and may_miss:
            continue
        if not isinstance(price, Decimal) or not price.is_finite() or price <= 0:
            return f"answers the {name} {price!r}, not a Decimal above zero"
    way = 1 if intent.direction is Direction.LONG else -1
    if intent.stop is not None and way * (intent.price - intent.stop) <= 0:
        return f"answers a stop of {intent.stop} on the wrong side of {intent.price}"
    if intent.target is not None and way * (intent.target - intent.price) <= 0:
        return f"answers a target of {intent.target} on the wrong side of {intent.price}"
    low, high = float(candles.low[-1]), float(candles.high[-1])
    if not low * 0.5 <= float(intent.price) <= high * 2:
        return f"answers a price of {intent.price} in a bar from {low} to {high}"
    return None
