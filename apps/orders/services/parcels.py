"""Tickets on their way to their nodes: many in one message, which is signed once.

Sealing to a node is the dear part, so a parcel's credentials are sealed under a key of its
own, each to its account, and only that key is sealed to the node.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil
from typing import NamedTuple

import msgspec

from apps.core.later import publish
from apps.nodes.envelopes import sign_to
from apps.nodes.models import Node
from apps.venues.credentials import seal_key_of
from engine import envelope, messages
from engine.messages import MAX_BYTES, TICKETS_PER_PARCEL

# A message that no node took within this time is dropped: a sweep has sent another by then.
MESSAGE_SECONDS = 60
# How many messages a node works on at the same time, and for how few tickets one will do.
SLOTS = 2
FEW = 8

encode = msgspec.json.Encoder().encode


class Outgoing(NamedTuple):
    """A ticket that is to leave, without its credentials, and what those are."""

    node: Node
    ticket: messages.Ticket
    secret: bytes


class Letter(NamedTuple):
    """A parcel as it leaves, sealed and signed."""

    queue: str
    envelope: str


def send_parcels(outgoing: Iterable[Outgoing]) -> None:
    post(letters_of(outgoing))


def post(letters: Iterable[Letter]) -> None:
    for queue, envelope_text in letters:
        publish(
            "node.execute",
            {"envelope": envelope_text},
            queue=queue,
            expires_seconds=MESSAGE_SECONDS,
        )


def letters_of(outgoing: Iterable[Outgoing]) -> list[Letter]:
    """Everything that costs time before a ticket can leave; the database is not asked."""
    by_node: dict[int, list[Outgoing]] = defaultdict(list)
    for one in outgoing:
        by_node[one.node.pk].append(one)
    return [
        Letter(those[0].node.queue, sign_to(those[0].node, parcel))
        for those in by_node.values()
        for part in parts(those)
        for parcel in pack(those[0].node, part)
    ]


def parts(outgoing: list[Outgoing]) -> Iterator[list[Outgoing]]:
    """As few as will do, alike in size, and so many that each of the node's hands has as many.

    An account's tickets stand together and in their order.
    """
    by_account: dict[str, list[Outgoing]] = defaultdict(list)
    for one in outgoing:
        by_account[one.ticket.account].append(one)
    ordered = [one for own in by_account.values() for one in own]
    count = ceil(len(ordered) / TICKETS_PER_PARCEL)
    if len(ordered) > FEW:
        count = ceil(count / SLOTS) * SLOTS
    size = ceil(len(ordered) / count)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def pack(node: Node, outgoing: list[Outgoing]) -> Iterator[messages.Parcel]:
    """One parcel; more, if their content would be too long for a message."""
    key, sealed_key = envelope.new_key(to=seal_key_of(node))
    tickets = [
        msgspec.Raw(
            encode(
                msgspec.structs.replace(
                    ticket,
                    sealed_credentials=envelope.seal_under(key, secret, place=ticket.account),
                )
            )
        )
        for _, ticket, secret in outgoing
    ]
    if sum(map(len, map(bytes, tickets))) > MAX_BYTES and len(outgoing) > 1:
        half = len(outgoing) // 2
        yield from pack(node, outgoing[:half])
        yield from pack(node, outgoing[half:])
    else:
        yield messages.Parcel(tickets=tickets, sealed_key=sealed_key)
