"""The one error handler of every JSON door."""

from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.core.errors import DomainError


def answer(error, context):
    """Turn a refusal into its status, code, message and context; the rest is the framework's."""
    if not isinstance(error, DomainError):
        return exception_handler(error, context)
    told = {name: str(value) for name, value in error.context.items()}
    body = {"code": error.code, "message": error.message, "context": told}
    return Response(body, status=error.http_status)
