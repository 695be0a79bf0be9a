"""The parts that pages are made of; whatever is said is escaped here."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path

from engine.report.words import Words

HERE = Path(__file__).parent
STYLE = (HERE / "page.css").read_text()
SCRIPT = (HERE / "page.js").read_text()
UNKNOWN = "—"


def allowed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


# The page's own style and script, and nothing from anywhere.
POLICY = f"default-src 'none'; style-src {allowed(STYLE)}; script-src {allowed(SCRIPT)}"


@dataclass(frozen=True, slots=True)
class Gain:
    """A figure that is good above zero and bad below; its text tells the sign as well."""

    text: str
    value: float | None


def page(title: str, body: str, words: Words, script: str = "") -> str:
    """A whole page; the policy travels in it, so that it holds for a file as well."""
    return (
        f'<!doctype html>\n<html lang="{words.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n{script}</body>\n</html>\n"
    )


def section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{inside}</section>\n" if inside else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str | Gain]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    lines = "".join(f"<tr>{''.join(map(cell, row))}</tr>\n" for row in rows)
    if not lines:
        return ""
    inside = f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="wide"><table>{inside}</table></div>\n'


def cell(told: str | Gain) -> str:
    if isinstance(told, str):
        return f"<td>{escape(told)}</td>"
    name = "up" if (told.value or 0) > 0 else "down" if (told.value or 0) < 0 else ""
    return f'<td class="{name}">{escape(told.text)}</td>'


def tiles(pairs: Iterable[tuple[str, str]]) -> str:
    inside = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs
    )
    return f'<dl class="tiles">{inside}</dl>'


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2%}"


def number(value: float | None) -> str:
    """Whole numbers as they are, others by two digits, small ones by their first four."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"
