"""Makes the machine code of a module's compiled functions, in a process of its own, for only
here is numba imported.

    python -m engine.compiling MODULE FILE
"""

import ctypes
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NewType

import llvmlite.binding as llvm
import llvmlite.ir as ir
import numba as untyped_numba
from numba.extending import intrinsic, typeof_impl

from engine import compiled, parts

# What it says of its own types is not what it takes.
numba: Any = untyped_numba
NUMBERS = {float: numba.float64, int: numba.int64, bool: numba.boolean, type(None): numba.void}
ALONE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
PART = {"forceinline": True, **ALONE}


@intrinsic
def above(typing: Any, one: Any, other: Any, first: Any) -> Any:
    """Compares two vectors as wide as the answer has bits."""
    wide = ir.VectorType(ir.DoubleType(), WORD)

    def built(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sides = []
        for kind, value in zip(signature.args[:2], given[:2], strict=True):
            column = context.make_array(kind)(context, builder, value).data
            place = builder.bitcast(builder.gep(column, [given[2]]), wide.as_pointer())
            sides.append(builder.load(place, align=8))
        return builder.bitcast(builder.fcmp_ordered(">", *sides), ir.IntType(WORD))

    return numba.uint64(one, other, numba.int64), built


@intrinsic
def reached(typing: Any, lows: Any, highs: Any, low: Any, high: Any, first: Any) -> Any:
    wide = ir.VectorType(ir.DoubleType(), WORD)

    def built(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        bits = []
        for side in (0, 1):
            column = context.make_array(signature.args[side])(context, builder, given[side]).data
            place = builder.bitcast(builder.gep(column, [given[4]]), wide.as_pointer())
            level, sign = spread(builder, given[2 + side], WORD), ("<=", ">=")[side]
            bits.append(builder.fcmp_ordered(sign, builder.load(place, align=8), level))
        return builder.bitcast(builder.or_(*bits), ir.IntType(WORD))

    told = numba.uint64(lows, highs, numba.float64, numba.float64, numba.int64)
    return told, built


@intrinsic
def mark_stretch(
    typing: Any, curve: Any, closes: Any, cash: Any, signed: Any, entry: Any, first: Any
) -> Any:
    def built(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        stretch = ir.VectorType(ir.DoubleType(), STRETCH)
        places = []
        for side in (0, 1):
            column = context.make_array(signature.args[side])(context, builder, given[side]).data
            places.append(builder.bitcast(builder.gep(column, [given[5]]), stretch.as_pointer()))
        told, wanted = places
        cash, signed, entry = (spread(builder, each, STRETCH) for each in given[2:5])
        apart = builder.fsub(builder.load(wanted, align=8), entry)
        builder.store(builder.fadd(cash, builder.fmul(signed, apart)), told, align=8)
        return context.get_dummy_value()

    float64 = numba.float64
    return numba.void(curve, closes, float64, float64, float64, numba.int64), built


def spread(builder: Any, value: Any, width: int) -> Any:
    """A vector of one value."""
    wide, places = ir.VectorType(value.type, width), ir.VectorType(ir.IntType(32), width)
    first = builder.insert_element(ir.Constant(wide, ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(places, [0] * width))


@intrinsic
def fetch(typing: Any, column: Any, place: Any) -> Any:
    """Has the processor read a place that is wanted soon, while it goes on."""
    address, number = ir.IntType(8).as_pointer(), ir.IntType(32)

    def built(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        told = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        asks = builder.module.declare_intrinsic("llvm.prefetch", [address], told)
        where = builder.bitcast(builder.gep(data, [given[1]]), address)
        # To be read, and to be kept as near as can be; it is data.
        builder.call(asks, [where, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return numba.void(column, numba.int64), built


WORD, STRETCH = 64, 16
INSTRUCTIONS = {
    "above": above,
    "fetch": fetch,
    "mark_stretch": mark_stretch,
    "reached": reached,
}


class Numba(parts.Making):
    def __init__(self) -> None:
        self.wholes: list[Any] = []

    def part(self, function: Any) -> Any:
        """Once, and not anew for each constant that it is called with."""
        made = numba.njit(**compiled.OPTIONS, **PART)(function)
        template = made.get_call_template
        made.get_call_template = lambda args, named: template(
            [numba.types.unliteral(each) for each in args], named
        )
        return made

    def instruction(self, function: Any) -> Any:
        return INSTRUCTIONS[function.__name__]

    def whole(self, function: Any, options: dict[str, Any]) -> Any:
        made = numba.njit(**compiled.OPTIONS, **PART, **options)(function)
        self.wholes.append(made)
        return made


@numba.njit(**compiled.OPTIONS, **PART)  # type: ignore[untyped-decorator]
def same(value: Any) -> Any:
    return value


@typeof_impl.register(NewType)
def new_type(value: Any, context: Any) -> Any:
    """For a type checker alone: what it is called with is what it gives."""
    return numba.typeof(same)


class Door:
    """A function as C calls it, with the address and the lengths of an array in its place."""

    def __init__(self, whole: Any) -> None:
        self.scope = {"carray": numba.carray, "whole": whole}
        self.names: list[str] = []
        self.types: list[Any] = []
        hints = compiled.fields_of(whole.py_func)
        self.told = NUMBERS[hints.pop("return")]
        given = ", ".join(self.built(name, hint) for name, hint in hints.items())
        self.source = f"def door({', '.join(self.names)}):\n    return whole({given})"

    def built(self, name: str, hint: Any) -> str:
        """What makes an argument of C's arguments."""
        array = compiled.array_of(hint)
        if array:
            lengths = [f"{name}_{each}" for each in range(array.dimensions)]
            pointer = numba.types.CPointer(numba.from_dtype(array.dtype))
            self.add([name, *lengths], [pointer] + [numba.int64] * len(lengths))
            return f"carray({name}, ({', '.join(lengths)},))"
        if hint in NUMBERS:
            self.add([name], [NUMBERS[hint]])
            return name
        self.scope[hint.__name__] = hint
        fields = compiled.fields_of(hint).items()
        return f"{hint.__name__}({', '.join(self.built(f'{name}_{f}', h) for f, h in fields)})"

    def add(self, names: list[str], types: list[Any]) -> None:
        self.names += names
        self.types += types

    def function(self) -> Callable[..., Any]:
        exec(self.source, self.scope)  # noqa: S102
        return self.scope["door"]  # type: ignore[no-any-return]


def module_of(whole: Any) -> Any:
    """As numba calls it: a status is returned, what is told goes where the first address says."""
    door = Door(whole)
    made = numba.njit(door.told(*door.types), error_model="numpy", **ALONE)(door.function())
    (signature,) = made.signatures
    module = llvm.parse_assembly(made.inspect_llvm(signature))
    for function in module.functions:
        if function.name == made.overloads[signature].fndesc.llvm_func_name:
            function.name = whole.py_func.__name__
        elif not function.is_declaration:
            function.linkage = "internal"
    return module


def without_rests(module: Any) -> Any:
    """A module without what nobody calls."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(compiled.machine(), llvm.PipelineTuningOptions()))
    for function in module.functions:
        is_known = function.name.startswith("llvm.") or hasattr(LIBC, function.name)
        if function.is_declaration and not is_known:
            raise SystemExit(f"{function.name} is numba's, and would not be there")
    return module


LIBC = ctypes.CDLL(None)


def main() -> None:
    name, path = sys.argv[1:]
    parts.making = maker = Numba()
    importlib.import_module(name)
    own = [whole for whole in maker.wholes if whole.py_func.__module__ == name]
    modules = [module_of(whole) for whole in own]
    linked = modules[0]
    for module in modules[1:]:
        linked.link_in(module)
    Path(path).write_bytes(compiled.machine().emit_object(without_rests(linked)))


if __name__ == "__main__":
    main()
