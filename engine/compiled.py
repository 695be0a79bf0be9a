"""Functions over arrays as machine code: made once by numba, kept on disk, and run without it.

numba works in a process of its own (`engine/compiling.py`). Whoever runs its code loads only
that: importing numba takes longer than to trade a year of bars. What is kept is named by all
that it was made of, so that it is made anew when any of that changes, and the processor's name
is among it.

A compiled function takes numbers, arrays without gaps and named tuples of these, as annotated
with the types of `engine/parts.py`, and gives a number or nothing. Its parts may be in other
modules.
"""

import ctypes
import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import (
    Any,
    NamedTuple,
    cast,
    get_args,
    get_type_hints,
)

import llvmlite.binding as llvm
import numpy as np

from engine import parts
from engine.parts import Function, Given, Told

NUMBERS: dict[Any, Any] = {
    float: ctypes.c_double,
    int: ctypes.c_int64,
    bool: ctypes.c_bool,
    type(None): ctypes.c_void_p,
}
# What numba is asked for beside the defaults. Nothing that is compiled makes an array or keeps
# one, so references are not counted: with every part inside its whole, it is thirty times as fast.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "nogil": True}


class Array(NamedTuple):
    dtype: np.dtype[Any]
    dimensions: int


def array_of(hint: object) -> Array | None:
    """What kind of array an annotation asks for, if it asks for one."""
    if not hasattr(hint, "__metadata__"):
        return None
    column, dimensions = get_args(hint)
    return Array(np.dtype(get_args(get_args(column)[1])[0]), dimensions)


def fields_of(hint: Any) -> dict[str, Any]:
    """The annotations of a function, or of a named tuple's fields: of a new type what it is made
    of."""
    hints = get_type_hints(hint, include_extras=True)
    return {name: getattr(one, "__supertype__", one) for name, one in hints.items()}


def compiled(
    **options: Any,
) -> Callable[[Function[Given, Told]], Function[Given, Told]]:
    def made(function: Function[Given, Told]) -> Function[Given, Told]:
        return (
            parts.making.whole(function, options) if parts.making else cast(Any, Compiled(function))
        )

    return made


class Compiled:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *given: Any) -> Any:
        told = self.told()
        status = self.door(ctypes.byref(told), None, *flat(self.hints, given))
        if status:
            raise RuntimeError(f"{self.function.__name__} ended with {status}")
        return told.value

    def again(self, *given: Any) -> Callable[..., Any]:
        """The function for these arrays, called with the numbers that come after them: for who
        calls it so often that telling the arrays anew would cost more than the work."""
        hints = self.hints[: len(given)]
        asked = (kind for hint in hints for kind in kinds(hint))
        fixed = tuple(kind(value) for kind, value in zip(asked, flat(hints, given), strict=True))
        told = self.told()
        place, door, name = ctypes.byref(told), self.door, self.function.__name__

        def call(*numbers: Any, arrays: Any = given) -> Any:
            status = door(place, None, *fixed, *numbers)
            if status:
                raise RuntimeError(f"{name} ended with {status}")
            return told.value

        return call

    @cached_property
    def hints(self) -> tuple[Any, ...]:
        return tuple(fields_of(self.function).values())[:-1]

    @cached_property
    def told(self) -> Any:
        return NUMBERS[fields_of(self.function)["return"]]

    @cached_property
    def door(self) -> Any:
        asked = [kind for hint in self.hints for kind in kinds(hint)]
        address = code_of(self.function.__module__).get_function_address(self.function.__name__)
        addresses = [ctypes.c_void_p] * 2
        return ctypes.CFUNCTYPE(ctypes.c_int32, *addresses, *asked)(address)


def again(function: Callable[..., Told], *given: Any) -> Callable[..., Told]:
    """A compiled function with its first arguments told once and for all."""
    return cast(Compiled, function).again(*given)


def kinds(hint: Any) -> Iterator[Any]:
    """What C is given for an argument: of an array its address and its lengths."""
    array = array_of(hint)
    if array:
        yield ctypes.c_void_p
        yield from [ctypes.c_int64] * array.dimensions
    elif hint in NUMBERS:
        yield NUMBERS[hint]
    else:
        for field in fields_of(hint).values():
            yield from kinds(field)


@cache
def plan(hint: Any) -> tuple[Any, ...] | Array | None:
    """An array, the fields of a named tuple, or None for a number."""
    if hint in NUMBERS:
        return None
    return array_of(hint) or tuple(fields_of(hint).values())


def flat(hints: tuple[Any, ...], given: tuple[Any, ...]) -> Iterator[Any]:
    for hint, value in zip(hints, given, strict=True):
        wanted = plan(hint)
        if wanted is None:
            yield value
        elif not isinstance(wanted, Array):
            yield from flat(wanted, value)
        elif value.dtype != wanted.dtype or value.ndim != wanted.dimensions:
            raise TypeError(f"{wanted} is wanted, not {value.dtype} of {value.ndim} dimensions")
        elif not value.flags.c_contiguous:
            raise TypeError("an array with gaps cannot be given to compiled code")
        else:
            yield value.__array_interface__["data"][0]
            yield from value.shape


WITH_PARTS = {"engine.compiled", "engine.parts"}
IMPORTED = re.compile(r"^from (engine\.[\w.]+) import", re.MULTILINE)

loaded: dict[str, Any] = {}
loading = Lock()


def code_of(module: str) -> Any:
    """The machine code of a module's compiled functions."""
    with loading:
        if module not in loaded:
            loaded[module] = load(kept_code(module))
        return loaded[module]


def load(code: bytes) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def machine() -> Any:
    """This processor, for code that is loaded where it is run."""
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static",
        codemodel="jitdefault",
    )


def kept_code(module: str) -> bytes:
    source = Path(str(sys.modules[module].__file__))
    name = f"{source.stem}.{fingerprint(source)}.o"
    kept = [place / name for place in places(source)]
    code = first_of(kept)
    if code is None:
        with one_at_a_time(kept):
            code = first_of(kept) or made(module, kept)
    return code


def first_of(kept: list[Path]) -> bytes | None:
    return next((path.read_bytes() for path in kept if path.is_file()), None)


def made(module: str, kept: list[Path]) -> bytes:
    code = make(module)
    for path in kept:
        if keep(code, path):
            break
    return code


@contextmanager
def one_at_a_time(kept: list[Path]) -> Iterator[None]:
    """Of the processes of this host one makes a code, and the others wait and take it."""
    with ExitStack() as stack:
        for path in kept:
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(path.with_name(f"{path.name}.lock").open("wb"))
                fcntl.flock(lock, fcntl.LOCK_EX)
                stack.callback(Path(lock.name).unlink, missing_ok=True)
                break
        yield


def places(source: Path) -> list[Path]:
    """Where code may be kept: beside its source, or with this user's things, if there are any."""
    found = [source.parent / "__pycache__"]
    with suppress(RuntimeError):
        found.append(Path.home() / ".cache" / "ironbull")
    return found


def fingerprint(source: Path) -> str:
    versions = map(version_file, ("numba", "llvmlite"))
    own = [Path(__file__), COMPILING]
    told = [path.read_bytes() for path in (*compiled_with(source), *own, *versions)]
    told += [llvm.get_host_cpu_name().encode(), llvm.get_host_cpu_features().flatten().encode()]
    return sha256(b"\0".join(told)).hexdigest()


def compiled_with(source: Path) -> list[Path]:
    """A module's source, and those of all modules of ours that parts and constants come from:
    what compiles nothing itself is not followed further."""
    found = [source]
    for path in found:
        names = IMPORTED.findall(path.read_text())
        if WITH_PARTS.intersection(names):
            others = (Path(str(sys.modules[name].__file__)) for name in names)
            found += [other for other in dict.fromkeys(others) if other not in found]
    return found


def version_file(package: str) -> Path:
    """Where a package says its version, found without importing it."""
    found = find_spec(package)
    if not found or not found.origin:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    return Path(found.origin).with_name("_version.py")


def keep(code: bytes, path: Path) -> bool:
    """Whether it is on disk now; what was made of an older source goes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as directory:
            whole = Path(directory) / path.name
            whole.write_bytes(code)
            whole.replace(path)
        for old in path.parent.glob(f"{path.name.split('.')[0]}.*.o"):
            if old != path:
                old.unlink(missing_ok=True)
    except OSError:
        return False
    return True


COMPILING = Path(__file__).with_name("compiling.py")


def make(module: str) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "code.o"
        program = [sys.executable, "-P", "-m", "engine.compiling", module, str(path)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(  # noqa: S603
            program, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{module} was not compiled:\n{done.stderr[-2000:]}")
        return path.read_bytes()
