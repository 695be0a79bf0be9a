"""The part of JSON Schema that answers are held to, naming the field and the keyword it breaks."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.deciding.errors import BadAnswer

Schema = Mapping[str, Any]
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, Decimal),
}
# What a value's length and size are held to; models' own checkers know few of these.
BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, bound: value >= bound, "is at least"),
    "maximum": (lambda value, bound: value <= bound, "is at most"),
    "minLength": (lambda value, bound: len(value) >= bound, "has characters, at least"),
    "maxLength": (lambda value, bound: len(value) <= bound, "has characters, at most"),
    "maxItems": (lambda value, bound: len(value) <= bound, "has items, at most"),
}


def check(value: object, schema: Schema, field: str = "") -> None:
    """BadAnswer where the value breaks the schema."""
    wanted = schema["type"]
    if not isinstance(value, TYPES[wanted]) or isinstance(value, bool):
        raise BadAnswer(field, "type", f"is a {type(value).__name__}, and no {wanted}")
    if "enum" in schema and value not in schema["enum"]:
        raise BadAnswer(field, "enum", f"is one of {', '.join(schema['enum'])}")
    for keyword, (holds, told) in BOUNDS.items():
        if keyword in schema and not holds(value, schema[keyword]):
            raise BadAnswer(field, keyword, f"{told} {schema[keyword]}")
    if isinstance(value, str):
        check_text(value, field)
    if isinstance(value, dict):
        check_object(value, schema, field)
    if isinstance(value, list):
        for place, item in enumerate(value):
            check(item, schema["items"], f"{field}[{place}]")


def check_object(value: Mapping[str, object], schema: Schema, field: str) -> None:
    for name in schema["required"]:
        if name not in value:
            raise BadAnswer(inside(field, name), "required", "is missing")
    for name, item in value.items():
        if name not in schema["properties"]:
            raise BadAnswer(inside(field, name), "additionalProperties", "is not asked for")
        check(item, schema["properties"][name], inside(field, name))


def check_text(text: str, field: str) -> None:
    """What cannot be written down or shown is refused: lone surrogates, control characters."""
    if any((char < " " and char not in "\n\r\t") or "\ud800" <= char <= "\udfff" for char in text):
        raise BadAnswer(field, "characters", "has characters that no text has")


def inside(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def without_bounds(schema: Schema) -> dict[str, Any]:
    """The shape alone, as models' own checkers take it; the bounds are ours to hold."""
    told: dict[str, Any] = {name: rule for name, rule in schema.items() if name not in BOUNDS}
    if "properties" in told:
        told["properties"] = {
            name: without_bounds(inner) for name, inner in told["properties"].items()
        }
    if "items" in told:
        told["items"] = without_bounds(told["items"])
    return told
