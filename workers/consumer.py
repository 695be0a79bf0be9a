"""A consumer that keeps what it cannot read: refused once, acknowledged, never looped."""

from typing import Any

from celery.worker.consumer import Consumer

from workers.refusals import refuse


class RefusingConsumer(Consumer):
    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._refuse(message, f"the body cannot be read: {exc}")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._refuse(message, "the message names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"nobody here knows the task {exc}")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._refuse(message, f"the message is not a task: {exc}")

    def _refuse(self, message: Any, reason: str) -> None:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        queue = message.delivery_info.get("routing_key") or "unknown"
        refuse(self.app, queue=queue, reason=reason, body=body)
        message.ack()
