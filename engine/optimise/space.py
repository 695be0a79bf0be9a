"""Where parameters are sought: all of a strategy's bounds, or the part of them that is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import floor, inf, prod
from typing import Any

import msgspec

from engine.errors import BadParameters
from engine.strategies.base import Span, Strategy, space

Space = Mapping[str, Span]
Values = dict[str, Any]
# Values are told and compared by so many digits, that 0.1 + 0.2 is 0.3.
DIGITS = 9
MOST_STEPS = 100_000


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one parameter: a range, in steps or not, or some values."""

    least: float | None = None
    most: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()


def space_of(
    strategy: Strategy,
    asked: Mapping[str, Mapping[str, Any]] | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> dict[str, Span]:
    """Where to look: `asked` as `{"fast": {"least": 5, "most": 50, "step": 5}}`, or with
    `{"choices": [5, 10]}`; without it, every parameter that is not fixed, within its bounds.

    BadParameters names the field and the rule that it breaks.
    """
    whole, fixed = space(strategy), fixed or {}
    wishes = asked if asked is not None else {name: {} for name in whole if name not in fixed}
    if not wishes:
        raise BadParameters("nothing is sought", known=sorted(whole))
    told = {}
    for name, wish in wishes.items():
        if name not in whole:
            raise BadParameters("unknown parameter", field=name, known=sorted(whole))
        if name in fixed:
            raise BadParameters("a parameter is sought and fixed", field=name)
        told[name] = narrowed(name, whole[name], wish)
    return told


def narrowed(name: str, bounds: Span, asked: Mapping[str, Any]) -> Span:
    """The part of a parameter's bounds that is asked."""
    try:
        wish = msgspec.convert(dict(asked), Wish)
    except msgspec.ValidationError as error:
        raise BadParameters(f"{name}: {error}", field=name) from error
    if "choices" in asked:
        if not wish.choices or len(asked) > 1:
            raise BadParameters("choices are some values, and no range", field=name)
        for value in wish.choices:
            check_value(name, bounds, value)
        return Span("choice", choices=tuple(dict.fromkeys(wish.choices)))
    if bounds.choices:
        if wish != Wish():
            raise BadParameters("has choices, and no range", field=name, known=bounds.choices)
        return bounds
    lowest, highest = ends_of(bounds)
    least = lowest if wish.least is None else whole_if(bounds, wish.least)
    most = highest if wish.most is None else whole_if(bounds, wish.most)
    step = None if wish.step is None else whole_if(bounds, wish.step)
    for value in (least, most):
        check_value(name, bounds, value)
    if least > most:
        raise BadParameters("least is above most", field=name, least=least, most=most)
    if step is not None and not 0 < step < inf:
        raise BadParameters("a step must be above zero", field=name, value=step)
    if bounds.kind == "int" and isinstance(step, float):
        raise BadParameters("a step must be whole", field=name, value=step)
    if step is not None and (most - least) / step > MOST_STEPS:
        raise BadParameters("too many steps", field=name, value=step, most=MOST_STEPS)
    return Span(bounds.kind, least, most, step=step)


def whole_if(bounds: Span, value: float) -> float:
    """A whole number as one, where whole numbers are sought."""
    return int(value) if bounds.kind == "int" and value % 1 == 0 else value


def check_value(name: str, bounds: Span, value: Any) -> None:
    if bounds.choices:
        if value not in bounds.choices:
            raise BadParameters("unknown choice", field=name, value=value, known=bounds.choices)
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (bounds.kind == "int" and not isinstance(value, int)):
        raise BadParameters(f"must be {bounds.kind}", field=name, value=value)
    least, most = ends_of(bounds)
    if not least <= value <= most:
        raise BadParameters("out of bounds", field=name, value=value, least=least, most=most)


def ends_of(span: Span) -> tuple[float, float]:
    if span.least is None or span.most is None:
        raise BadParameters("a range has two ends", least=span.least, most=span.most)
    return span.least, span.most


def values_of(span: Span) -> tuple[Any, ...] | None:
    """Every value that may be tried, in order; None between floats without a step."""
    if span.choices:
        return span.choices
    least, most = ends_of(span)
    if least == most:
        return (least,)
    step = span.step or (1 if span.kind == "int" else None)
    if step is None:
        return None
    count = floor((most - least) / step + 1e-9) + 1
    return tuple(tidy(least + step * place) for place in range(count))


@dataclass(frozen=True, slots=True)
class Floats:
    """Any number between two."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Ordered:
    """Numbers of which one is nearer to another."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Unordered:
    values: tuple[Any, ...]


def divided(space: Space) -> dict[str, Floats | Ordered | Unordered]:
    """The space as those who learn in it must know it."""
    return {name: kind_of(span) for name, span in space.items()}


def kind_of(span: Span) -> Floats | Ordered | Unordered:
    values = values_of(span)
    if values is None:
        return Floats(*ends_of(span))
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
    return Ordered(tuple(sorted(values))) if numbers and len(values) > 1 else Unordered(values)


def tidy(value: float) -> float:
    return value if isinstance(value, int) else round(value, DIGITS)


def combinations(space: Space) -> Iterator[Values]:
    """Every combination, the last parameter's value changing first."""
    for values in product(*columns_of(space)):
        yield dict(zip(space, values, strict=True))


def combination_count(space: Space) -> int:
    return prod(len(values) for values in columns_of(space))


def columns_of(space: Space) -> list[tuple[Any, ...]]:
    columns = []
    for name, span in space.items():
        values = values_of(span)
        if values is None:
            raise BadParameters("a grid needs a step or choices", field=name)
        columns.append(values)
    return columns


def key_of(values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Two sets of values are the same if this is."""
    return tuple(sorted(values.items()))
