"""What compiled functions are made of: plain functions, until `engine/compiling.py` takes them.

Here is nothing of numba or llvmlite: a node has neither, and runs them as they stand.
"""

from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = Annotated[NDArray[np.float64], 1]
Grid = Annotated[NDArray[np.float64], 2]
Cube = Annotated[NDArray[np.float64], 3]
Whole = Annotated[NDArray[np.int64], 1]
Places = Annotated[NDArray[np.int64], 2]
Codes = Annotated[NDArray[np.int32], 2]
Signs = Annotated[NDArray[np.int8], 1]
Flags = Annotated[NDArray[np.bool_], 1]

Given = ParamSpec("Given")
Told = TypeVar("Told")
Function = Callable[Given, Told]


class Making(Protocol):
    """How this process compiles; None in all but the one that does."""

    def part(self, function: Function[Given, Told]) -> Function[Given, Told]: ...

    def instruction(self, function: Function[Given, Told]) -> Function[Given, Told]: ...

    def whole(
        self, function: Function[Given, Told], options: dict[str, Any]
    ) -> Function[Given, Told]: ...


making: Making | None = None


def part(function: Function[Given, Told]) -> Function[Given, Told]:
    """A part of a compiled function, which it becomes with all of its parts."""
    return making.part(function) if making else function


def instruction(function: Function[Given, Told]) -> Function[Given, Told]:
    """What a processor does at once and its compiler does not find by itself: `engine/compiling.py`
    says how, and the function what it means."""
    return making.instruction(function) if making else function
