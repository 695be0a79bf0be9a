"""Nodes become known, and are given venue accounts; what else is done to them are steps."""

from typing import Annotated

from django.utils import timezone
from msgspec import Meta, Struct

from apps.nodes.envelopes import centre_verify_key
from apps.nodes.services import confirm_node, join_node, register_node
from apps.orders.services import assign_accounts
from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Id, Visitor, face

CHANGE = "nodes.change_node"


class Register(Asked):
    code: str
    name: str


class Expected(Struct):
    node: lists.nodes.line
    # Told once.
    one_time_code: str
    # What the node's host has to be given beside it.
    centre_verify: str


@face.call(
    "POST", "api/nodes", scope="nodes.add_node", status=201, only=PLATFORM, tells_secret=True
)
def register(visitor: Visitor, asked: Register) -> Expected:
    """Expect a node, and make the code that it joins with within a day; again until confirmed."""
    made = register_node(code=asked.code, name=asked.name, now=timezone.now())
    line = lists.nodes.line_of(made.node)
    return Expected(line, made.one_time_code, centre_verify_key())


class Join(Asked):
    id: Id
    one_time_code: str
    seal_key: str
    verify_key: str


class Joined(Struct):
    node: lists.nodes.line
    fingerprint: str


@face.call("POST", "api/nodes/<int:id>/join", scope=CHANGE, only=PLATFORM)
def join(visitor: Visitor, asked: Join) -> Joined:
    """Take the public keys that a node's host has made; the one-time code is used up by it."""
    node = join_node(
        code=lists.nodes.one(visitor, asked.id).code,
        one_time_code=asked.one_time_code,
        seal_key=asked.seal_key,
        verify_key=asked.verify_key,
        now=timezone.now(),
    )
    return Joined(lists.nodes.line_of(node), node.fingerprint)


class Confirm(Asked):
    id: Id
    # As it was read on the node's host.
    fingerprint: str


@face.call("POST", "api/nodes/<int:id>/confirm", scope=CHANGE, only=PLATFORM)
def confirm(visitor: Visitor, asked: Confirm) -> lists.nodes.line:
    """Let a node begin that has joined, by the fingerprint that its host shows."""
    node = lists.nodes.one(visitor, asked.id)
    confirm_node(node=node, fingerprint=asked.fingerprint)
    return lists.nodes.line_of(node)


class AssignEach(Asked):
    id: Id
    account_ids: Annotated[list[Id], Meta(min_length=1, max_length=1000)]


class Given(Struct):
    moved: list[int]
    # These have a ticket under way.
    held: list[int]


@face.call("POST", "api/nodes/<int:id>/accounts", scope=CHANGE, only=PLATFORM)
def assign_each(visitor: Visitor, asked: AssignEach) -> Given:
    """Let this node trade the accounts, except those that have a ticket under way."""
    node = lists.nodes.one(visitor, asked.id)
    accounts = [lists.venue_accounts.model(pk=pk) for pk in asked.account_ids]
    done = assign_accounts(accounts=accounts, node=node, tenant=visitor.tenant)
    return Given(*([account.pk for account in those] for those in (done.moved, done.held)))
