"""Redis as we speak it: a message in hand is nobody else's, whatever it carries."""

import json
import uuid

import pytest
from kombu import Connection, Consumer, Queue

from workers.brokers import register

register()
pytestmark = pytest.mark.redis


def test_two_messages_that_carry_one_tag_are_two_in_hand(redis_url):
    queue = f"test.{uuid.uuid4()}"
    options = {"unacked_key": f"{queue}.unacked", "unacked_index_key": f"{queue}.index"}
    place = {"exchange": "", "routing_key": queue}
    items = [
        json.dumps({"body": body, "properties": {"delivery_tag": "one", "delivery_info": place}})
        for body in ("first", "second")
    ]
    taken = []
    with Connection(redis_url, transport_options=options) as connection:
        channel = connection.default_channel
        channel.client.lpush(queue, *items)
        with Consumer(channel, [Queue(queue)], on_message=taken.append):
            while len(taken) < len(items):
                connection.drain_events(timeout=5)
            first, second = taken
            first.ack()
            second.requeue()
        (left,) = channel.client.lrange(queue, 0, -1)
        channel.client.delete(queue)
    assert json.loads(left)["body"] == second.body.decode() == "second"
