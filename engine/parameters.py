"""Parameters that say of themselves what they are: bounds, defaults and meanings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from engine.errors import BadParameters


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters: defaults, and bounds as msgspec.Meta."""


P = TypeVar("P", bound=Params)


def read_params(kind: type[P], values: Mapping[str, object], *, owner: str) -> P:
    """Parameters, or BadParameters naming their owner, the field and the rule it breaks."""
    try:
        return msgspec.convert(dict(values), kind)
    except msgspec.ValidationError as error:
        raise BadParameters(f"{owner}: {error}") from error


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as a form shows it; `least` and `most` are of a number or a list's items."""

    name: str
    kind: str
    default: Any
    meaning: str
    least: float | None = None
    most: float | None = None
    choices: tuple[Any, ...] = ()
    is_list: bool = False
    may_be_empty: bool = False


def parameters_of(params: type[Params]) -> list[Parameter]:
    told = []
    for one in struct_fields(params):
        kind, may_be_empty = stripped(one.type)
        is_list = isinstance(kind, inspect.VarTupleType | inspect.ListType)
        item, _ = stripped(kind.item_type) if is_list else (kind, False)
        least, most = getattr(item, "ge", None), getattr(item, "le", None)
        told.append(
            Parameter(
                name=one.name,
                kind=KINDS.get(type(item), "object"),
                default=default_of(one),
                meaning=meaning_of(one.type),
                least=least,
                most=most,
                choices=tuple(item.values) if isinstance(item, inspect.LiteralType) else (),
                is_list=is_list,
                may_be_empty=may_be_empty,
            )
        )
    return told


KINDS: dict[type, str] = {
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
    inspect.StrType: "text",
    inspect.LiteralType: "choice",
}


def struct_fields(params: type[Params]) -> tuple[Any, ...]:
    told = inspect.type_info(params)
    return told.fields if isinstance(told, inspect.StructType) else ()


def default_of(one: Any) -> Any:
    """A parameter's default, made anew where it is made; NODEFAULT where there is none."""
    made = one.default_factory
    return one.default if made is msgspec.NODEFAULT else made()


def stripped(kind: Any) -> tuple[Any, bool]:
    """A type without its description, and whether it may also be None."""
    if isinstance(kind, inspect.Metadata):
        return stripped(kind.type)
    if isinstance(kind, inspect.UnionType):
        filled = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return stripped(filled[0])[0], len(filled) < len(kind.types)
    return kind, False


def meaning_of(kind: Any) -> str:
    if isinstance(kind, inspect.Metadata):
        told = (kind.extra_json_schema or {}).get("description", "")
        return str(told) or meaning_of(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next((meaning_of(one) for one in kind.types if meaning_of(one)), "")
    return ""
