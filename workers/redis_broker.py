"""Redis as kombu speaks it, except that a list item which is no message kills nobody.

kombu parses what it popped before anyone can refuse it, and an item that is no JSON
ends the worker. Here a popped item is always a message: see `raw.py`.
"""

from typing import Any

from kombu.transport import redis

from workers import raw


class Channel(redis.Channel):
    def _create_client(self, asynchronous: bool = False) -> Any:
        client = super()._create_client(asynchronous)
        client.set_response_callback("BRPOP", self._popped)
        return client

    def _popped(self, reply: Any, **options: Any) -> tuple[bytes, bytes] | None:
        """The reply to BRPOP: nothing, or a key and the item that was its last."""
        if not reply:
            return None
        key, item = reply
        queue = key.decode().rsplit(self.sep, 1)[0]
        return key, raw.packed(raw.read(item, queue=queue))


class Transport(redis.Transport):
    Channel = Channel
