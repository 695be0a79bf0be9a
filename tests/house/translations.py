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

import django
import import_export
import polib
import unfold
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "ironbull/locale/zh_Hans/LC_MESSAGES/django.po"
MARKS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
UNFOLD = Path(unfold.__file__).parent
KNOWN_ELSEWHERE = [
    *Path(django.__file__).parent.rglob("zh_Hans/LC_MESSAGES/django.po"),
    *Path(import_export.__file__).parent.rglob("zh_Hans/LC_MESSAGES/django.po"),
]
# What templatize leaves behind for a marked string.
SAID = re.compile(r"""\b(?:gettext|_)\(u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\)""")


def said() -> set[str]:
    """Every string that a reader of ours may see in another language."""
    ours = set(said_in(ROOT / "apps")) | set(said_in(ROOT / "ironbull"))
    ours |= set(said_in(ROOT / "templates"))
    known = {entry.msgid for path in KNOWN_ELSEWHERE for entry in polib.pofile(path)}
    return ours | (set(said_in(UNFOLD)) - known)


def said_in(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        if "migrations" not in path.parts:
            yield from said_in_python(path.read_text())
    for path in folder.rglob("*.html"):
        for text in SAID.findall(templatize(path.read_text())):
            yield ast.literal_eval(text)


def said_in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and name_of(node.func) in MARKS and node.args:
            yield from texts(node)


def texts(call: ast.Call) -> Iterator[str]:
    for argument in call.args[: 2 if "ngettext" in name_of(call.func) else 1]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def compiled(catalogue: polib.POFile) -> bytes:
    return bytes(catalogue.to_binary())


def main() -> None:
    old = polib.pofile(CATALOGUE) if CATALOGUE.exists() else polib.POFile()
    known = {entry.msgid: entry.msgstr for entry in old}
    new = polib.POFile(wrapwidth=0)
    new.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Language": "zh_Hans",
    }
    for text in sorted(said()):
        flags = ["python-format"] if re.search(r"%\(\w+\)s|%s", text) else []
        new.append(polib.POEntry(msgid=text, msgstr=known.get(text, ""), flags=flags))
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    new.save(str(CATALOGUE))
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(polib.pofile(CATALOGUE)))
    for entry in new.untranslated_entries():
        print(entry.msgid)


if __name__ == "__main__":
    main()
