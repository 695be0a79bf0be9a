"""A published file's bytes into rows, or a refusal that names file, row and field.

The text of a number is kept as it came: nothing is read into floats and written anew.
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from apps.arena.errors import BadFile
from apps.arena.published.shapes import NAME, SHAPES, Kind, Shape

MOST_BYTES = 64 << 20
FIRST_SECOND, LAST_SECOND = 0, 7_258_118_400  # 1970 to 2200
MOST_DIGITS, LARGEST = 60, Decimal("1e18")
LONGEST_KEY = 200
SINGLE = "analytics-"


@dataclass(frozen=True)
class Told:
    """A row: what it is called, whose it is, and its text."""

    key: str
    model_id: str
    text: str
    row: Any
    at: Decimal | None
    odd: list[str]

    @property
    def content(self) -> object:
        return plain(self.text.encode())


@dataclass(frozen=True)
class Published:
    """A file that was read: which one it is, its rows in their order, and what is around them."""

    name: str
    kind: Kind
    rows: list[Told]
    # The text of everything beside the rows, as serverTime.
    rest: str
    digest: str
    # Whether the one row of a model's own analytics stands in a list.
    is_list: bool = True
    path: str = field(default="", compare=False)


def plain(content: bytes) -> Any:
    """JSON as it is, with exact numbers; ValueError for a name twice, and for what is no number."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        told = dict(pairs)
        if len(told) < len(pairs):
            names = [name for name, _value in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{twice!r} stands twice in one object")
        return told

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number")

    return json.loads(content, parse_float=Decimal, object_pairs_hook=once, parse_constant=refuse)


def read_file(path: Path) -> Published:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadFile(f"{path.name}: it is larger than {MOST_BYTES >> 20} MiB", file=path.name)
        content = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path.name}: {error.strerror}", file=path.name) from error
    return read(content, name=path.name)


def read(content: bytes, *, name: str) -> Published:
    """The rows of a file; BadFile naming the first row that cannot be, and its field."""

    def refused(told: str, place: str = "") -> BadFile:
        where = f"{name}: {place}: {told}" if place else f"{name}: {told}"
        return BadFile(where, file=name, field=place)

    try:
        whole = plain(content)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise refused(f"not JSON: {error}"[:200]) from error
    if not isinstance(whole, dict):
        raise refused("not a JSON object")
    kind = kind_of(whole, name)
    if kind is None:
        raise refused("none of the published files")
    shape = SHAPES[kind]
    parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    texts = texts_of(shape, parts.pop(shape.envelope), whole[shape.envelope])
    if texts is None:
        raise refused(
            "its rows are no list" if not shape.is_map else "its rows are no object",
            f"$.{shape.envelope}",
        )
    if not isinstance(whole.get("serverTime", 0), int):
        raise refused("not a number of milliseconds", "$.serverTime")
    rows: dict[str, Told] = {}
    for place, text in texts.items():
        try:
            told = read_row(shape, text)
        except Astray as error:
            raise refused(error.told, f"{place}{error.field}") from error
        known = rows.setdefault(told.key, told)
        if known is not told:
            if known.content != told.content:
                raise refused("its name is another row's", place)
            raise refused("it stands here twice", place)
        if shape.is_map and place.partition('["')[2] != f'{told.key}"]':
            raise refused("it stands under another name", f"{place}.symbol")
    is_list = shape.is_map or isinstance(whole[shape.envelope], list)
    return Published(
        name=f"{SINGLE}{next(iter(rows.values())).model_id}"
        if kind is Kind.MODEL_ANALYTICS
        else kind.value,
        kind=kind,
        rows=list(rows.values()),
        rest=raw_text(parts),
        digest=sha256(content).hexdigest(),
        is_list=is_list,
        path=name,
    )


def kind_of(whole: dict[str, Any], name: str) -> Kind | None:
    """By what stands in it; its name tells only what that cannot."""
    if "accountTotals" in whole:
        rows = whole["accountTotals"]
        first = rows[0] if isinstance(rows, list) and rows else None
        if isinstance(first, dict):
            has_equity = "dollar_equity" in first or "id" in first
            return Kind.ACCOUNTS if has_equity else Kind.POSITIONS
        return Kind.ACCOUNTS if name.startswith(Kind.ACCOUNTS) else Kind.POSITIONS
    if "analytics" in whole:
        rows = whole["analytics"]
        is_one = isinstance(rows, dict) or (
            name.startswith(SINGLE) and isinstance(rows, list) and len(rows) == 1
        )
        return Kind.MODEL_ANALYTICS if is_one else Kind.ANALYTICS
    return next((kind for kind, shape in SHAPES.items() if shape.envelope in whole), None)


def plain_name(name: str) -> Kind | None:
    """Which of the published files one of this name is; exports are named so."""
    stem = name.removesuffix(".json")
    if stem in Kind.values and stem != Kind.MODEL_ANALYTICS:
        return Kind(stem)
    return Kind.MODEL_ANALYTICS if stem.startswith(SINGLE) else None


def texts_of(shape: Shape, raw: msgspec.Raw, plain_rows: object) -> dict[str, bytes] | None:
    """Each row's text by its place; None where the rows do not stand as they should."""
    if shape.is_map:
        if not isinstance(plain_rows, dict):
            return None
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        return {f'$.{shape.envelope}["{name}"]': bytes(text) for name, text in found.items()}
    if isinstance(plain_rows, dict) and shape is SHAPES[Kind.ANALYTICS]:
        return {f"$.{shape.envelope}": bytes(raw)}
    if not isinstance(plain_rows, list):
        return None
    rows = msgspec.json.decode(raw, type=list[msgspec.Raw])
    return {f"$.{shape.envelope}[{place}]": bytes(text) for place, text in enumerate(rows)}


class Astray(Exception):
    """A row cannot be: which field of it, and why."""

    def __init__(self, field: str, told: str) -> None:
        super().__init__(told)
        self.field, self.told = field, told


def read_row(shape: Shape, text: bytes) -> Told:
    try:
        row = msgspec.json.decode(text, type=shape.row)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
        told, _at, place = str(error).partition(" - at `$")
        raise Astray(place.rstrip("`") or named_in(told), told) from error
    check_numbers(row, plain(text), "")
    broken = shape.wrong(row)
    if broken:
        raise Astray(f".{broken[0]}", broken[1])
    key, model_id, at = shape.key_of(row), shape.model_of(row), shape.at_of(row)
    if not 0 < len(key) <= LONGEST_KEY:
        raise Astray(".id", f"a row is named by up to {LONGEST_KEY} characters")
    if model_id and not NAME.fullmatch(model_id):
        raise Astray(".model_id", "a model is named by up to 64 letters, digits and ._:@+-")
    if at is not None and not FIRST_SECOND <= at <= LAST_SECOND:
        raise Astray("", f"a moment is of the years 1970 to 2200, not {at} seconds of the epoch")
    compact = msgspec.json.format(text, indent=-1).decode()
    return Told(key, model_id, compact, row, at, shape.odd(row))


def named_in(told: str) -> str:
    """The field that a decoder names in its words: "missing required field `symbol`"."""
    return (
        f".{told.split('`')[1]}" if "required field `" in told or "unknown field `" in told else ""
    )


def check_numbers(value: object, raw: object, place: str) -> None:
    """A number stands as one, and is one that can be counted with."""
    if isinstance(value, Decimal):
        if isinstance(raw, str):
            raise Astray(place, "a number does not stand in quotes")
        digits = value.as_tuple()
        is_odd = not value.is_finite() or len(digits.digits) > MOST_DIGITS
        if is_odd or abs(value) >= LARGEST or digits.exponent < -MOST_DIGITS:
            raise Astray(place, "a number of up to 18 digits before the point")
    elif isinstance(value, msgspec.Struct) and isinstance(raw, dict):
        for name in value.__struct_fields__:
            if name in raw:
                check_numbers(getattr(value, name), raw[name], f"{place}.{name}")
    elif isinstance(value, dict) and isinstance(raw, dict):
        for name, each in value.items():
            check_numbers(each, raw[name], f"{place}.{name}")


def raw_text(parts: dict[str, msgspec.Raw]) -> str:
    """An object's text, of the texts of its parts."""
    inside = ",".join(
        f"{json.dumps(name)}:{msgspec.json.format(bytes(raw), indent=-1).decode()}"
        for name, raw in parts.items()
    )
    return f"{{{inside}}}"


def written(shape: Shape, rows: list[tuple[str, str]], rest: str, *, is_list: bool = True) -> bytes:
    """A file of its rows' texts, each by its key, and what is around them."""
    if shape.is_map:
        inside = "{" + ",".join(f"{json.dumps(key)}:{text}" for key, text in rows) + "}"
    elif is_list:
        inside = "[" + ",".join(text for _key, text in rows) + "]"
    else:
        inside = rows[0][1]
    beside = "" if rest == "{}" else "," + rest[1:-1]
    return f'{{"{shape.envelope}":{inside}{beside}}}'.encode()
