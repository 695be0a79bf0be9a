"""The OpenAPI 3.1 document of a face, made of its calls and their types."""

import inspect
import re
import typing

import msgspec
from django.http import JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from apps.core.exports import XLSX
from apps.core.face import IDEMPOTENCY, JSON, Call, Face

REF = "#/components/schemas/{name}"
FILES = ("text/csv", XLSX)
KINDS = {
    "int": {"type": "integer"},
    "uuid": {"type": "string", "format": "uuid"},
    "str": {"type": "string"},
}
PLACE = re.compile(r"<([a-z]+):([a-z_]+)>")


def pages(face: Face) -> list[URLPattern]:
    """Where the document of a face is told, and where it is shown; both to anybody."""
    where = f"{face.name}-document"

    def tell(request):
        return JsonResponse(document(face))

    def show(request):
        return render(request, "openapi.html", {"face": face, "where": where})

    return [
        path(f"{face.prefix}/openapi.json", tell, name=where),
        path(f"{face.prefix}/docs", show, name=f"{face.name}-docs"),
    ]


def document(face: Face) -> dict[str, object]:
    """Everything that a client needs to know of a face."""
    types = [face.wrapped(call.told) for call in face.calls] + [face.refusal]
    refs, schemas = msgspec.json.schema_components(types, ref_template=REF)
    told = dict(zip(face.calls, refs, strict=False))
    paths: dict[str, dict[str, object]] = {}
    # In an order that does not depend on what was imported first.
    for call in sorted(face.calls, key=lambda call: (call.path, call.method)):
        operations = paths.setdefault("/" + PLACE.sub(r"{\2}", call.path), {})
        operations[call.method.lower()] = operation(call, told[call], refs[-1], face)
    return {
        "openapi": "3.1.0",
        "info": {"title": face.title, "version": face.version, "description": face.description},
        "security": [{name: [] for name in face.security}],
        "paths": paths,
        "components": {
            "schemas": {name: face.shown(schema) for name, schema in sorted(schemas.items())},
            "securitySchemes": face.security,
        },
    }


def operation(call: Call, told: dict, refusal: dict, face: Face) -> dict[str, object]:
    answers = {str(call.status): {"description": "Done.", "content": {JSON: {"schema": told}}}}
    refused = {"description": "Refused.", "content": {face.refusal_type: {"schema": refusal}}}
    if face.refuses_with_200:
        answers["200"]["content"][JSON]["schema"] = {"anyOf": [told, refusal]}
    asked = properties(call.asked)
    if "export" in asked["properties"]:
        # A list may be told as a file.
        answers["200"]["content"] |= {kind: {"schema": {"type": "string"}} for kind in FILES}
    places = {name: KINDS[kind] for kind, name in PLACE.findall(call.path)}
    parameters: list[dict[str, object]] = [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in places.items()
    ]
    found: dict[str, object] = {
        "operationId": call.name,
        "summary": call.title.partition("\n")[0],
        "description": f"{call.title}\n\nScope: `{call.scope}`",
        "tags": [inspect.getmodule(call.do).__name__.rpartition(".")[2]],
    }
    if face.is_open(call):
        found["security"] = []
    else:
        parameters += face.parameters
    rest = {name: schema for name, schema in asked["properties"].items() if name not in places}
    needed = [name for name in asked.get("required", []) if name not in places]
    if call.method == "GET":
        parameters += [
            {"name": name, "in": "query", "required": name in needed, "schema": schema}
            for name, schema in rest.items()
        ]
    else:
        schema = {"type": "object", "properties": rest, "required": needed}
        if "additionalProperties" in asked:
            schema["additionalProperties"] = False
        if rest:
            bodies = {kind: {"schema": schema} for kind in face.bodies}
            found["requestBody"] = {"required": bool(needed), "content": bodies}
        once = [
            {
                "name": IDEMPOTENCY,
                "in": "header",
                "required": False,
                "description": "The same key and body get the first answer again.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 100},
            }
        ]
        parameters += [] if face.is_open(call) else once
    return found | {"parameters": parameters, "responses": answers | {"default": refused}}


def properties(asked: type) -> dict[str, typing.Any]:
    """The schema of what is asked, with every part of it in place."""
    _refs, schemas = msgspec.json.schema_components([asked], ref_template=REF)
    return schemas[asked.__name__]
