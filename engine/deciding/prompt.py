"""From a template and a context to what a model is asked; the same ones always give the same text.

A template has a line `Version: 1.0.0`, then what a trader is always told, then a line of `======`,
then what changes from one decision to the next. `{{context}}` and its parts stand for JSON, in
which no text can end the place that it stands in.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec

from engine.deciding.context import Context, Plain
from engine.deciding.decision import ANSWER
from engine.deciding.errors import BadTemplate, shown
from engine.deciding.limits import Limits

LONGEST = 64 * 1024
HEADER = re.compile(r"^\s*Version:\s*(\S{1,32})\s*$", re.IGNORECASE | re.MULTILINE)
# Further down, a line that looks like it is the author's own text.
HEADER_WITHIN = 8 * 1024
DIVIDER = re.compile(r"^={3,}[ \t]*$", re.MULTILINE)
PLACE = re.compile(r"\{\{\s*(\w*)\s*\}\}")
# A figure of more digits tells a model nothing more.
DIGITS = 6
WRITE = msgspec.json.Encoder(order="sorted", decimal_format="number").encode
MINUTE_MS = 60_000


class Template(Plain, frozen=True):
    version: str
    always: str
    each_time: str


class Prompt(Plain, frozen=True):
    """What is asked: what never changes comes first, so that a provider can remember it."""

    version: str
    system: str
    user: str

    @property
    def digest(self) -> str:
        return sha256(WRITE([self.version, self.system, self.user])).hexdigest()


def read_template(text: str) -> Template:
    """BadTemplate where a version, the divider or the context is missing, or a place is unknown."""
    if len(text) > LONGEST:
        raise BadTemplate(f"a template has at most {LONGEST} characters")
    header = HEADER.search(text, 0, HEADER_WITHIN)
    if header is None:
        raise BadTemplate("a template says its version: a line `Version: 1.0.0`")
    parts = DIVIDER.split(text[: header.start()] + text[header.end() :])
    if len(parts) != 2:
        raise BadTemplate("one line of `===` stands before what changes each time")
    template = Template(
        version=header.group(1), always=parts[0].strip(), each_time=parts[1].strip()
    )
    check_places(template.always, STANDING)
    check_places(template.each_time, CHANGING | STANDING)
    if "schema" not in places(text):
        raise BadTemplate("nothing says what an answer looks like: {{schema}} is missing")
    if "context" not in places(text) and not {"account", "markets"} <= places(text):
        raise BadTemplate("nothing tells of the account and the markets: {{context}} is missing")
    return template


def places(text: str) -> set[str]:
    return set(PLACE.findall(text))


def check_places(text: str, known: frozenset[str]) -> None:
    for name in sorted(places(text) - known):
        raise BadTemplate(f"nothing stands for {{{{{shown(name)}}}}} here", known=sorted(known))


STANDING = frozenset({"limits", "schema"})
CHANGING = frozenset({"context", "minutes", *Context.__struct_fields__})


def digest_of_text(text: str) -> str:
    """By which a template's text is known, whatever it is called."""
    return sha256(text.encode()).hexdigest()


def default_text() -> str:
    return files("engine.deciding").joinpath("template.txt").read_text(encoding="utf-8")


def default_template() -> Template:
    return read_template(default_text())


def render(template: Template, context: Context, limits: Limits) -> Prompt:
    told = blocks(context, limits)
    return Prompt(
        version=template.version,
        system=filled(template.always, told),
        user=filled(template.each_time, told),
    )


def filled(text: str, told: Mapping[str, str]) -> str:
    """In one pass: what is filled in is never looked through for places."""
    return PLACE.sub(lambda place: told[place.group(1)], text)


def blocks(context: Context, limits: Limits) -> dict[str, str]:
    parts = plain(msgspec.to_builtins(context, builtin_types=(Decimal,)))
    return {
        "limits": block(msgspec.to_builtins(limits)),
        "schema": block(ANSWER),
        "context": block(parts),
        "minutes": block((context.now_ms - context.began_at_ms) // MINUTE_MS),
        **{name: block(part) for name, part in parts.items()},
    }


def plain(value: Any) -> Any:
    """Every figure with the digits that say something; amounts and prices are as they are."""
    if isinstance(value, float):
        return Decimal(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def block(value: object) -> str:
    """As JSON. A text in it cannot write a tag: it reads the same without its brackets."""
    return WRITE(value).decode().replace("<", "\\u003c").replace(">", "\\u003e")
