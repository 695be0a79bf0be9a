"""A consumer that keeps what it cannot read: refused once, acknowledged, never looped.

A message is looked at here, before Celery takes it apart: Celery's own checks come
late and leave cases in which the worker dies of what it was sent.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from celery.worker.consumer import Consumer

from workers import raw
from workers.refusals import NotKept, bytes_of, refuse

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Headers(msgspec.Struct):
    """The headers that Celery believes. Delays and time limits are no message's to set."""

    task: Name
    id: Name
    eta: None = None
    expires: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=0)] = 0
    timelimit: tuple[None, None] | None = None
    group: None = None
    shadow: None = None
    root_id: str | None = None
    parent_id: str | None = None
    argsrepr: str = ""
    kwargsrepr: str = ""
    ignore_result: bool | None = None
    replaced_task_nesting: int = 0
    stamped_headers: None = None
    stamps: dict[str, Any] = {}


class Embedded(msgspec.Struct, forbid_unknown_fields=True):
    """What may ride along with a task's arguments: nothing."""

    callbacks: None = None
    errbacks: None = None
    chain: None = None
    chord: None = None


Body = tuple[list[Any], dict[str, Any], Embedded]


class RefusingConsumer(Consumer):
    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> Any:
            reason = self._wrong_with(message)
            return self._refuse(message, reason) if reason else handle(message)

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._refuse(message, f"the body cannot be read: {exc}")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._refuse(message, "the message names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"nobody here knows the task {exc}")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"the message is not a task: {exc}")

    def _wrong_with(self, message: Any) -> str:
        """Why the message is refused; empty where Celery may have it."""
        if message.content_type == raw.UNREADABLE:
            return str(message.headers.get("reason"))
        if (message.content_type, message.content_encoding) != ("application/json", "utf-8"):
            return f"not JSON in UTF-8, but {message.content_type!r}, {message.content_encoding!r}"
        if "task" not in message.headers:
            return "the message names no task"
        try:
            headers = msgspec.convert(message.headers, Headers)
            if headers.task not in self.strategies:
                return f"nobody here knows the task {headers.task!r}"
            msgspec.json.decode(message.body or b"", type=Body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return f"the message is not a task: {error}"
        return ""

    def _refuse(self, message: Any, reason: str) -> None:
        queue = message.delivery_info.get("routing_key") or "unknown"
        try:
            refuse(self.app, queue=queue, reason=reason, body=bytes_of(message.body))
        except NotKept:
            message.requeue()
        else:
            message.ack()
