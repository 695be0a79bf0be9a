"""What an alert says: its fields found by a template, each checked, errors by field and rule."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from apps.core.errors import BadInput, TooLarge
from engine.signal import Action, Direction, Intent

MOST_BYTES = 16_384
# Objects inside of objects; what is deeper no template reaches.
DEEPEST = 50
FIELDS = (
    *("secret", "id", "time", "symbol", "action", "direction", "position", "was", "price"),
    *("stop", "target", "confidence", "reason"),
)
# Before this a constant stands in a template, and not the place of a value.
CONSTANT = "="
FLAT = "flat"
ACTIONS = {
    **dict.fromkeys(["open", "enter", "entry"], Action.OPEN),
    **dict.fromkeys(["close", "exit"], Action.CLOSE),
}
DIRECTIONS = {
    **dict.fromkeys(["long", "buy"], Direction.LONG),
    **dict.fromkeys(["short", "sell"], Direction.SHORT),
}
LARGEST = Decimal(10) ** 12
SMALLEST = Decimal(10) ** -12
# Seconds since the epoch have not so many digits until the year 5138.
MILLISECONDS_FROM = 10**11
# As charts write a market: an exchange before it, a kind of contract behind it.
WRITTEN = re.compile(r"(?:\w+:)?([A-Z0-9/_-]{2,31}?)(?:\.P|PERP|-SWAP)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Said:
    """An alert, read. Of two wishes the close comes first."""

    symbol: str
    wishes: tuple[tuple[Action, Direction], ...]
    name: str
    at: datetime | None
    price: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    confidence: int
    reason: str

    @property
    def in_words(self) -> str:
        wishes = ", ".join(f"{action} {direction}" for action, direction in self.wishes)
        return f"{self.symbol}: {wishes}" if wishes else self.symbol

    def intent(self, action: Action, direction: Direction, price: Decimal) -> Intent:
        opens = action is Action.OPEN
        return Intent(
            action=action,
            direction=direction,
            price=price,
            confidence=self.confidence,
            reason=self.reason,
            stop=self.stop if opens else None,
            target=self.target if opens else None,
        )


def unpacked(body: bytes) -> dict[str, object]:
    if len(body) > MOST_BYTES:
        raise TooLarge(f"an alert has at most {MOST_BYTES} bytes", field="body")
    try:
        told = json.loads(body, parse_float=Decimal, parse_constant=refuse_constant)
        refuse_deep(told, DEEPEST)
        # Half a sign, as JSON may write it, can be kept nowhere.
        json.dumps(told, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise BadInput("an alert is a JSON object", field="body") from error
    if not isinstance(told, dict):
        raise BadInput("an alert is a JSON object", field="body")
    return told


def refuse_deep(value: object, levels: int) -> None:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        if not levels:
            raise ValueError("it is nested too deep")
        refuse_deep(one, levels - 1)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def checked_template(template: object) -> dict[str, str]:
    """A template that names our fields, and for each where it is found."""
    if not isinstance(template, dict):
        raise BadInput("a template is an object: our fields, and where each is", field="template")
    for name, place in template.items():
        if name not in FIELDS:
            known = ", ".join(FIELDS)
            raise BadInput(f"{name!r} is no field of an alert: {known}"[:300], field="template")
        if not isinstance(place, str) or not 0 < len(place) <= 100:
            raise BadInput(f"{name}: where it is takes 1 to 100 characters", field="template")
        if name == "secret" and place.startswith(CONSTANT):
            raise BadInput("a secret is found in the alert, never given here", field="template")
    return template


def found(told: Mapping[str, object], template: Mapping[str, str], name: str) -> str:
    """The text of one field, empty where it is not told."""
    place = template.get(name, name)
    if place.startswith(CONSTANT):
        return place.removeprefix(CONSTANT)
    value: object = told
    for step in place.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadInput(f"{name} is a text or a number", field=name)
    return str(value).strip()


def without_secret(told: dict[str, object], template: Mapping[str, str]) -> str:
    """The alert as it may be kept."""
    *steps, last = template.get("secret", "secret").split(".")
    holder: object = told
    for step in steps:
        holder = holder.get(step) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and last in holder:
        holder[last] = "…"
    return json.dumps(told, ensure_ascii=False, default=str)


def read(told: Mapping[str, object], template: Mapping[str, str], symbols: list[str]) -> Said:
    texts = {name: found(told, template, name) for name in FIELDS if name != "secret"}
    price, stop, target = (number(texts[name], name) for name in ("price", "stop", "target"))
    return Said(
        symbol=symbol_of(texts["symbol"], symbols),
        wishes=wishes(texts),
        name=texts["id"][:60],
        at=moment(texts["time"]),
        price=price,
        stop=stop,
        target=target,
        confidence=percent(texts["confidence"]),
        reason=(texts["reason"] or "alert")[:200],
    )


def symbol_of(text: str, symbols: list[str]) -> str:
    """Which of a strategy's symbols is meant, however a chart writes it."""
    if not text:
        raise BadInput("symbol is missing", field="symbol")
    written = WRITTEN.fullmatch(text.upper())
    plain = re.sub("[/_-]", "", written[1]) if written else ""
    for symbol in symbols:
        if symbol.replace("/", "") == plain:
            return symbol
    known = ", ".join(symbols)
    raise BadInput(
        f"symbol: {text[:40]!r} is none of the strategy's: {known}"[:300], field="symbol"
    )


def wishes(texts: Mapping[str, str]) -> tuple[tuple[Action, Direction], ...]:
    """An action and a direction, or the position that is wanted and the one that was."""
    if texts["action"]:
        return ((chosen(texts, "action", ACTIONS), chosen(texts, "direction", DIRECTIONS)),)
    if not texts["position"]:
        raise BadInput("action is missing, and so is position", field="action")
    sides = {**DIRECTIONS, FLAT: None}
    wanted = chosen(texts, "position", sides)
    was = chosen(texts, "was", sides) if texts["was"] else None
    if wanted is None and not texts["was"]:
        raise BadInput("was is missing: which position ends?", field="was")
    if wanted is was:
        return ()
    closing = () if was is None else ((Action.CLOSE, was),)
    opening = () if wanted is None else ((Action.OPEN, wanted),)
    return closing + opening


def chosen(texts: Mapping[str, str], name: str, known: Mapping[str, object]):
    word = texts[name].lower()
    if word not in known:
        said = f"not {word[:40]!r}" if word else "missing"
        raise BadInput(f"{name} is one of {', '.join(known)}: {said}", field=name)
    return known[word]


def number(text: str, name: str) -> Decimal | None:
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"{name} is no number: {text[:40]!r}", field=name) from error
    if not value.is_finite() or not SMALLEST <= value <= LARGEST:
        raise BadInput(f"{name} is above zero, and at most {LARGEST:,f}", field=name)
    return value


def percent(text: str) -> int:
    """How sure the sender is; of one who does not say, entirely."""
    if not text:
        return 100
    if not re.fullmatch("[0-9]{1,3}", text, re.ASCII) or int(text) > 100:
        raise BadInput("confidence is a whole number from 0 to 100", field="confidence")
    return int(text)


def moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        if re.fullmatch("[0-9]{9,14}", text, re.ASCII):
            number = int(text)
            seconds, rest = divmod(number, 1000) if number >= MILLISECONDS_FROM else (number, 0)
            return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
        at = datetime.fromisoformat(text)
        # At either end of the calendar there is no such moment in UTC.
        in_utc = at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("time is ISO 8601 or seconds since 1970", field="time") from error
    if at.tzinfo is None:
        raise BadInput("time has no zone: end it with Z or an offset", field="time")
    return in_utc


def judge_price(said: Said, market: Decimal, *, most_off_percent: int) -> Decimal:
    """The price that an order is sized by, beside what the market's was a moment ago."""
    price = market if said.price is None else said.price
    if abs(price - market) * 100 > most_off_percent * market:
        raise BadInput(
            f"price {price} is more than {most_off_percent} % off the market's {market}",
            field="price",
        )
    opening = [direction for action, direction in said.wishes if action is Action.OPEN]
    for direction in opening:
        for name, level, is_above in (
            ("stop", said.stop, direction is Direction.SHORT),
            ("target", said.target, direction is Direction.LONG),
        ):
            if level is not None and (level <= price if is_above else level >= price):
                side = "above" if is_above else "below"
                raise BadInput(f"{name} of a {direction} is {side} its price", field=name)
    return price
