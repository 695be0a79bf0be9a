"""From a model's raw answer to decisions, or to BadAnswer naming the field and the rule.

There may be words around the JSON, but only one value in it: where a reader would have to choose
between two, somebody else may have written one of them.
"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from engine.deciding.decision import ANSWER, Decision
from engine.deciding.errors import BadAnswer, shown
from engine.deciding.schema import check

MOST_CHARACTERS = 64 * 1024
# No amount needs more digits; beyond, reading them is work that somebody else asks for.
MOST_DIGITS = 40
BRACKET = re.compile(r"[{\[]")
THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


def read_answer(raw: str) -> list[Decision]:
    """Every decision of an answer: an object of `decisions`, a list of them, or one alone."""
    if len(raw) > MOST_CHARACTERS:
        raise BadAnswer("", "size", f"has {len(raw)} of {MOST_CHARACTERS} characters")
    value = one_value(THOUGHT.sub("", raw))
    if isinstance(value, list):
        value = {"decisions": value}
    elif "decisions" not in value:
        value = {"decisions": [value]}
    check(value, ANSWER)
    decisions = msgspec.convert(value["decisions"], list[Decision])
    check_once(decisions)
    return decisions


def one_value(text: str) -> Any:
    """The only object or list in the text."""
    begin = bracket_from(text, 0)
    if begin is None:
        raise BadAnswer("", "json", "has no JSON in it")
    try:
        value, end = DECODER.raw_decode(text, begin)
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        raise BadAnswer("", "whole" if is_cut else "json", f"{error.msg} at {error.pos}") from error
    except RecursionError as error:
        raise BadAnswer("", "depth", "is nested too deep") from error
    if bracket_from(text, end) is not None:
        raise BadAnswer("", "one_value", "has more than one value in it")
    return value


def bracket_from(text: str, start: int) -> int | None:
    found = BRACKET.search(text, start)
    return found.start() if found else None


def whole(text: str) -> int:
    return int(decimal(text))


def decimal(text: str) -> Decimal:
    if len(text) > MOST_DIGITS:
        raise BadAnswer("", "number", f"has a number of {len(text)} characters")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise BadAnswer("", "number", f"has {shown(text)}, which nobody counts to") from error


def whole_or_decimal(text: str) -> int | Decimal:
    """`10.0` is whole, as JSON Schema has it."""
    value = decimal(text)
    is_whole = value.adjusted() < MOST_DIGITS and value == value.to_integral_value()
    return int(value) if is_whole else value


def no_number(text: str) -> object:
    raise BadAnswer("", "number", f"has {text}, which is no number")


def no_doubles(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise BadAnswer(name, "duplicate_key", "stands there twice")
        found[name] = value
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=no_doubles,
    parse_int=whole,
    parse_float=whole_or_decimal,
    parse_constant=no_number,
)


def check_once(decisions: Sequence[Decision]) -> None:
    seen: set[str] = set()
    for place, decision in enumerate(decisions):
        if decision.symbol in seen:
            raise BadAnswer(f"decisions[{place}].symbol", "one_decision", "is decided on twice")
        seen.add(decision.symbol)
