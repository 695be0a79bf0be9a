"""Pages of the site that are made when it is built: the APIs' calls, and the decisions' list.

A hook of mkdocs. What it tells stands in `docs/openapi`, which the faces themselves write.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mkdocs.structure.files import File, Files

HERE = Path(__file__).resolve().parent
APIS = {
    "platform": "Platform API",
    "merchant-v2": "Merchant API",
    "merchant": "Merchant API, as published",
    "arena": "Arena",
}
METHODS = ("get", "post", "put", "patch", "delete")
# How deep the fields of an answer are told.
DEEPEST = 3
BOUNDS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "exclusiveMinimum": "above {}",
    "minLength": "at least {} signs",
    "maxLength": "at most {} signs",
    "pattern": "like `{}`",
    "default": "`{}` if left out",
}


def on_config(config):
    sections = {next(iter(section)): section for section in config.nav}
    for name, title in APIS.items():
        pages = [{tag: f"api/{name}/{slug(tag)}.md"} for tag in by_tag(read(name))]
        sections["API"]["API"].append({title: pages})
    decisions = sorted(path.name for path in (HERE / "decisions").glob("*.md"))
    listed = [{title_of(HERE / "decisions" / name): f"decisions/{name}"} for name in decisions]
    sections["How it is built"]["How it is built"].append({"Decisions": listed})
    return config


def on_files(files: Files, *, config) -> Files:
    for name, title in APIS.items():
        told = read(name)
        for tag, calls in by_tag(told).items():
            text = "\n".join(page_of(f"{title}: {tag}", calls, told))
            files.append(File.generated(config, f"api/{name}/{slug(tag)}.md", content=text))
    return files


def read(name: str) -> dict:
    return json.loads((HERE / "openapi" / f"{name}.json").read_text())


def title_of(path: Path) -> str:
    return path.read_text().partition("\n")[0].removeprefix("# ")


def slug(text: str) -> str:
    return re.sub(r"\W+", "-", text.lower()).strip("-")


def by_tag(told: dict) -> dict[str, list[tuple[str, str, dict]]]:
    found = defaultdict(list)
    for path, methods in told["paths"].items():
        for method in METHODS:
            if call := methods.get(method):
                found[call["tags"][0]].append((method.upper(), path, call))
    return dict(sorted(found.items()))


def page_of(title: str, calls: list[tuple[str, str, dict]], told: dict) -> Iterator[str]:
    yield from (f"# {title}", "")
    for method, path, call in calls:
        yield from (f"## `{method} {path}`", "", escaped(call["description"]), "")
        asked = [
            (
                one["name"],
                f"{type_of(one['schema'], told)}, in the {one['in']}",
                one.get("required", False),
                notes(one["schema"], one.get("description", "")),
            )
            for one in call.get("parameters", [])
        ]
        if body := schema_in(call.get("requestBody")):
            asked += fields_of(body, told)
        yield from rows("It takes", asked)
        for status, answer in call["responses"].items():
            if status != "default" and (schema := schema_in(answer)):
                yield from rows(f"It answers {status} with", list(fields_of(schema, told)))


def schema_in(told: dict | None) -> dict | None:
    content = (told or {}).get("content", {})
    return next((one["schema"] for one in content.values() if "schema" in one), None)


def rows(title: str, fields: list[tuple[str, str, bool, str]]) -> Iterator[str]:
    if not fields:
        return
    yield from (f"{title}:", "", "| field | | |", "|---|---|---|")
    for name, kind, is_needed, about in fields:
        needed = "" if is_needed else ", may be left out"
        yield f"| `{name}` | {kind}{needed} | {escaped(about)} |"
    yield ""


def fields_of(schema: dict, told: dict, *, before="", depth=0) -> Iterator[tuple]:
    """Every field of an object, those inside of it behind a dot."""
    schema = resolved(schema, told)
    if schema.get("type") == "array":
        yield from fields_of(schema.get("items", {}), told, before=f"{before}[]", depth=depth)
        return
    needed = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        whole = f"{before}.{name}".lstrip(".")
        about = notes(field, field.get("description", ""))
        yield (whole, type_of(field, told), name in needed or depth > 0, about)
        if depth < DEEPEST:
            yield from fields_of(field, told, before=whole, depth=depth + 1)


def resolved(schema: dict, told: dict) -> dict:
    """Itself, what it points to, or the first of what it may be that has fields."""
    if "$ref" in schema:
        return resolved(told["components"]["schemas"][schema["$ref"].rpartition("/")[2]], told)
    if "anyOf" in schema:
        choices = [resolved(one, told) for one in schema["anyOf"]]
        return next((one for one in choices if one.get("type") in ("object", "array")), choices[0])
    return schema


def type_of(schema: dict, told: dict) -> str:
    if "$ref" in schema:
        return type_of(resolved(schema, told), told)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(one, told) for one in schema["anyOf"]))
    if "enum" in schema:
        return " ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}), told)}"
    return {"string": "text", "integer": "whole number"}.get(
        schema.get("type", "anything"), schema.get("type", "anything")
    )


def notes(schema: dict, about: str) -> str:
    bounds = [text.format(schema[name]) for name, text in BOUNDS.items() if name in schema]
    return "; ".join([*filter(None, [about]), *bounds])


def escaped(text: str) -> str:
    """As it stands in a cell of a table, and in no tag."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n\n", "\n\n").strip()
