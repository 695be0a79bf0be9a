"""A task whose arguments are checked against its annotations before its body runs.

What does not fit, and what the body itself refuses as a message, is handed to the
app's `refuse` and counts as done: it never loops.
"""

import inspect
import json
from functools import cached_property
from typing import Any

import msgspec
from celery import Task
from celery.exceptions import Reject

from engine.errors import MessageRefused
from workers.refusals import NotKept, refuse


class CheckedTask(Task):
    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.run, eval_str=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            bound = self._signature.bind(*args, **kwargs)
            for name, value in bound.arguments.items():
                wanted = self._signature.parameters[name].annotation
                bound.arguments[name] = msgspec.convert(value, wanted)
        except (TypeError, msgspec.ValidationError) as error:
            return self._refuse(str(error), args, kwargs)
        try:
            return super().__call__(*bound.args, **bound.kwargs)
        except MessageRefused as error:
            return self._refuse(f"{error.message} {error.context or ''}".strip(), args, kwargs)

    def _refuse(self, reason: str, args: Any, kwargs: Any) -> None:
        delivery = self.request.delivery_info or {}
        body = json.dumps([self.name, args, kwargs], default=repr).encode()
        queue = delivery.get("routing_key") or self.name
        try:
            refuse(self.app, queue=queue, reason=f"{self.name}: {reason}", body=body)
        except NotKept as error:
            raise Reject(str(error), requeue=True) from error
