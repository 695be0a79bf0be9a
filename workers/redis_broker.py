"""Redis as kombu speaks it, except that no message and no broken line ends or deafens a worker.

kombu parses what it popped before anyone can refuse it, and an item that is no JSON
ends the worker. Here a popped item is always a message: see `raw.py`.

kombu also goes on counting a message as in hand when Redis did not hear that it is
done. A worker whose hands seem full takes nothing more, not even notice of the line
that broke: it lives, and is deaf for good.
"""

import uuid
from typing import Any

from kombu.transport import redis, virtual

from workers import raw


class QoS(redis.QoS):
    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except redis.get_redis_ConnectionError():
            self._let_go(delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except redis.get_redis_ConnectionError():
            self._let_go(delivery_tag)
            raise

    def _let_go(self, delivery_tag: str) -> None:
        """Our hands are free; Redis gives the message out again later, which is harmless."""
        virtual.QoS.ack(self, delivery_tag)


class Channel(redis.Channel):
    QoS = QoS

    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)
        client.set_response_callback("BRPOP", self._popped)
        return client

    def _popped(self, reply: Any, **options: Any) -> tuple[bytes, bytes] | None:
        """The reply to BRPOP: nothing, or a key and the item that was its last."""
        if not reply:
            return None
        key, item = reply
        message = raw.read(item, queue=key.decode().rsplit(self.sep, 1)[0])
        # A tag of our own: what is in hand stands under it, and two items may carry the same one.
        message["properties"]["delivery_tag"] = str(uuid.uuid4())
        return key, raw.packed(message)


class Transport(redis.Transport):
    Channel = Channel
