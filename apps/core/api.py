"""The one error handler of every JSON door: `{code, message, context}`, whatever went wrong."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError as ModelRefusal
from django.utils.encoding import force_str
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.core.errors import BadInput, DomainError, NotAllowed, NotFound

# The framework's words for what the house has a word of its own.
WORDS = {
    "invalid": BadInput.code,
    "parse_error": BadInput.code,
    "not_found": NotFound.code,
    "permission_denied": NotAllowed.code,
}


def answer(error, context):
    """Turn a refusal into its status, code, message and context; a fault stays a fault."""
    if isinstance(error, DomainError):
        told = {name: force_str(value) for name, value in error.context.items()}
        return reply(error.http_status, error.code, error.message, told)
    if isinstance(error, ModelRefusal):
        # A field's own rule, met deeper than a serializer: the caller can act on it all the same.
        error = exceptions.ValidationError(
            error.message_dict if hasattr(error, "error_dict") else error.messages
        )
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        fields = dict(by_field(error.detail))
        name, message = next(iter(fields.items()), ("", ""))
        response.data = body(BadInput.code, f"{name}: {message}" if name else message, fields)
    else:
        # Missing rows and rights come as Django's own exceptions; the answer says which.
        detail = response.data["detail"]
        code = WORDS.get(detail.code, detail.code)
        response.data = body(code, force_str(detail), {})
    return response


def reply(status: int, code: str, message: str, context: dict[str, str]) -> Response:
    return Response(body(code, message, context), status=status)


def body(code: str, message: str, context: dict[str, str]) -> dict[str, object]:
    return {"code": code, "message": message, "context": context}


def by_field(detail, name: str = "") -> Iterator[tuple[str, str]]:
    """Every field that was refused, with dots into nested ones, and its first reason."""
    if isinstance(detail, dict):
        for part, inner in detail.items():
            own = "" if part in ("non_field_errors", "__all__") else str(part)
            yield from by_field(inner, ".".join(filter(None, [name, own])))
    elif detail and all(isinstance(inner, str) for inner in detail):
        yield name, force_str(detail[0])
    else:
        for place, inner in enumerate(detail):
            if inner:
                yield from by_field(inner, ".".join(filter(None, [name, str(place)])))
