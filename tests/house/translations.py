"""The Chinese catalogue: what it has to hold, and how it is written and compiled.

    python -m tests.house.translations

adds what the source says and the catalogue does not know yet, with an empty
translation, drops what nobody says any more, and compiles it. Unfold ships no
catalogue of its own, so its strings that Django has no Chinese for are ours to
translate, too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import django
import import_export
import polib
import unfold
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "ironbull/locale/zh_Hans/LC_MESSAGES/django.po"
MARKS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
UNFOLD = Path(unfold.__file__).parent
KNOWN_ELSEWHERE = [
    *Path(django.__file__).parent.rglob("zh_Hans/LC_MESSAGES/django.po"),
    *Path(import_export.__file__).parent.rglob("zh_Hans/LC_MESSAGES/django.po"),
]
# What templatize leaves behind for a marked string, and for one that is said of one and of many.
TEXT = r"""u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
SAID = re.compile(rf"\b(?:gettext|_)\({TEXT}\)")
COUNTED = re.compile(rf"\bngettext\({TEXT}, *{TEXT},")


class Said(NamedTuple):
    one: str
    # How it is said of many, where it counts.
    many: str = ""


def said() -> set[Said]:
    """Everything that a reader of ours may see in another language."""
    ours = set(said_in(ROOT / "apps")) | set(said_in(ROOT / "ironbull"))
    ours |= set(said_in(ROOT / "templates"))
    known = {entry.msgid for path in KNOWN_ELSEWHERE for entry in polib.pofile(path)}
    return ours | {told for told in said_in(UNFOLD) if told.one not in known}


def said_in(folder: Path) -> Iterator[Said]:
    for path in folder.rglob("*.py"):
        if "migrations" not in path.parts:
            yield from said_in_python(path.read_text())
    for path in folder.rglob("*.html"):
        yield from said_in_template(path.read_text())


def said_in_template(source: str) -> Iterator[Said]:
    code = templatize(source)
    for text in SAID.findall(code):
        yield Said(ast.literal_eval(text))
    for one, many in COUNTED.findall(code):
        yield Said(ast.literal_eval(one), ast.literal_eval(many))


def said_in_python(source: str) -> Iterator[Said]:
    for call in marked(source):
        words = [told.value for told in call.args if is_text(told)]
        if len(words) >= needed(call):
            yield Said(*words[: needed(call)])


def unreadable_in_python(source: str) -> Iterator[int]:
    """Lines of marked strings that nobody can find before they are said."""
    for call in marked(source):
        if not all(map(is_text, call.args[: needed(call)])):
            yield call.lineno


def marked(source: str) -> Iterator[ast.Call]:
    tree = ast.parse(source)
    # By whatever name a file calls them.
    marks = MARKS | {
        told.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for told in node.names
        if told.asname and told.name in MARKS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in marks and node.args:
            yield node


def needed(call: ast.Call) -> int:
    return 2 if "ngettext" in name_of(call.func) else 1


def is_text(told: ast.expr) -> bool:
    return isinstance(told, ast.Constant) and isinstance(told.value, str)


# What is the same in every language.
NAMES = {"IronBull", "UTC", "API", "Ctrl", "Esc"}
# What has a tongue of its own, what is marked already, and what a browser does not show.
UNSPOKEN = re.compile(
    r"{%\s*comment.*?endcomment\s*%}|{%\s*blocktrans.*?endblocktrans(?:late)?\s*%}|{#.*?#}"
    r"|{%.*?%}|{{.*?}}|<!--.*?-->"
    r"|<(script|style|svg)\b.*?</\1>"
    r"|<span class=\"material-symbols.*?</span>",
    re.S,
)
SHOWN = re.compile(r'\b(?:title|placeholder|aria-label|alt)="([^"]*)"')
LITERAL = re.compile(r'"([^"\n]*)"|\'([^\'\n]*)\'|`([^`]*)`')
SENTENCE = re.compile(r"[A-Z][a-z]+ [a-z]+|^[A-Z][a-z]{2,}$")


def unmarked_in_template(source: str) -> list[str]:
    """What a reader sees in one language only."""
    left = UNSPOKEN.sub("", source)
    told = [*SHOWN.findall(left), *re.sub(r"<[^>]*>", "\n", left).splitlines()]
    return [one.strip() for one in told if set(re.findall(r"[A-Za-z]{3,}", one)) - NAMES]


def unmarked_in_script(source: str) -> list[str]:
    """Sentences in a script: what it says to people comes to it with the page."""
    code = re.sub(r"(?<![:\"'])//[^\n]*|/\*.*?\*/", "", source, flags=re.S)
    literals = ("".join(found) for found in LITERAL.findall(code))
    return [one for one in literals if SENTENCE.search(one)]


def name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def compiled(catalogue: polib.POFile) -> bytes:
    return bytes(catalogue.to_binary())


def main() -> None:
    old = polib.pofile(CATALOGUE) if CATALOGUE.exists() else polib.POFile()
    known = {entry.msgid: entry for entry in old}
    new = polib.POFile(wrapwidth=0)
    new.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Language": "zh_Hans",
        # What counts is said of one as of many.
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    for told in sorted(said()):
        flags = ["python-format"] if re.search(r"%\(\w+\)s|%s", told.one) else []
        new.append(entry_of(told, known.get(told.one), flags))
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    new.save(str(CATALOGUE))
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(polib.pofile(CATALOGUE)))
    for entry in new.untranslated_entries():
        print(entry.msgid)


def entry_of(told: Said, before: polib.POEntry | None, flags: list[str]) -> polib.POEntry:
    entry = polib.POEntry(msgid=told.one, flags=flags)
    text = text_of(before) if before else ""
    if told.many:
        entry.msgid_plural = told.many
        entry.msgstr_plural = {0: text}
    else:
        entry.msgstr = text
    return entry


def text_of(entry: polib.POEntry) -> str:
    return entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr


if __name__ == "__main__":
    main()
