"""`manage.py node …`: the life of execution nodes, from the one-time code to the last word."""

from collections.abc import Callable
from datetime import datetime

from django.core.management.base import CommandError
from django.db.models import Count, QuerySet
from django.utils import timezone

from apps.core.audit import acting
from apps.core.commands import HouseCommand, Subject, add_json
from apps.core.errors import DomainError
from apps.nodes.envelopes import centre_verify_key
from apps.nodes.models import Node
from apps.nodes.selectors import alive_nodes
from apps.nodes.services import (
    confirm_node,
    drain_node,
    join_node,
    pause_node,
    register_node,
    resume_node,
    revoke_node,
)
from apps.orders.services import assign_accounts
from apps.venues.models import VenueAccount

HOW = """Node {code} may join until {until:%Y-%m-%d %H:%M} UTC.
On its host, with a code that is shown only this once:

    python -m workers join --node {code} --code {one_time_code} \\
        --centre-verify {centre} --out {code}.json

It prints what to run here next.
"""
NEXT = """Node {code} has joined. Compare on its host, and then:

    manage.py node confirm {code} --fingerprint ...
"""
HEADINGS = [
    *("node", "status", "alive", "heard", "clock ms", "tickets", "load %", "accounts"),
    *("venues ms", "version"),
]


class Command(HouseCommand):
    help = "Add, list, join, confirm, pause, drain, resume or revoke nodes, or give them accounts."
    subject = Subject.NODES
    examples = """
        node list --json
        node add tokyo-1 --name Tokyo
        node drain tokyo-1 osaka-1
        node assign osaka-1 --from tokyo-1
    """

    def add_arguments(self, parser):
        commands = parser.add_subparsers(dest="verb", required=True)
        commands.add_parser("list", help="all nodes, and how they are")
        add = commands.add_parser("add", help="expect a node, and make its one-time code")
        add.add_argument("node", help="small letters, digits and dashes, as in tokyo-1")
        add.add_argument("--name", help="what people call it; the code, if left out")
        join = commands.add_parser("join", help="take the public keys that its host has made")
        join.add_argument("node")
        join.add_argument("--code", required=True, help="the one-time code")
        join.add_argument("--seal-key", required=True, help="its public sealing key, base64")
        join.add_argument("--verify-key", required=True, help="its public verifying key, base64")
        confirm = commands.add_parser("confirm", help="let a node begin that has joined")
        confirm.add_argument("node")
        confirm.add_argument("--fingerprint", required=True, help="as read on its host")
        for verb, text in (
            ("pause", "give them no new tickets"),
            ("drain", "give them no new tickets, and tell when they are empty"),
            ("resume", "give them tickets again"),
            ("revoke", "believe them no more, for good"),
        ):
            many = commands.add_parser(verb, help=text)
            many.add_argument("nodes", nargs="+", metavar="node")
            if verb == "revoke":
                many.add_argument("--yes", action="store_true", help="it cannot be taken back")
        assign = commands.add_parser("assign", help="give a node venue accounts")
        assign.add_argument("node")
        which = assign.add_mutually_exclusive_group(required=True)
        which.add_argument("--accounts", nargs="+", type=int, help="their ids")
        which.add_argument("--from", dest="origin", help="all accounts of this node")
        for verb in commands.choices.values():
            add_json(verb)

    def handle(self, *, verb, **asked):
        with acting("manage.py node"):
            # To list them is to do nothing before the table.
            is_done = verb == "list" or getattr(self, verb)(**asked)
        self.tell(HEADINGS, lines(Node.objects.all(), now=timezone.now()))
        if is_done is False:
            raise CommandError("not everything was done: see above")

    def add(self, *, node, name, **_options):
        made = register_node(code=node, name=name or node, now=timezone.now())
        told = {"until": made.node.join_until, "one_time_code": made.one_time_code}
        self.say(HOW.format(code=node, centre=centre_verify_key(), **told))

    def join(self, *, node, code, seal_key, verify_key, **_options):
        keys = {"seal_key": seal_key, "verify_key": verify_key}
        join_node(code=node, one_time_code=code, now=timezone.now(), **keys)
        self.say(NEXT.format(code=node))

    def confirm(self, *, node, fingerprint, **_options):
        confirm_node(node=named(node), fingerprint=fingerprint)

    def pause(self, *, nodes, **_options):
        return self.each(nodes, lambda node: pause_node(node=node))

    def drain(self, *, nodes, **_options):
        return self.each(nodes, lambda node: drain_node(node=node, now=timezone.now()))

    def resume(self, *, nodes, **_options):
        return self.each(nodes, lambda node: resume_node(node=node))

    def revoke(self, *, nodes, yes, **_options):
        if not yes:
            raise CommandError(f"{', '.join(nodes)}: it cannot be taken back. Say --yes")
        return self.each(nodes, lambda node: revoke_node(node=node))

    def assign(self, *, node, accounts, origin, **_options):
        rows = VenueAccount.objects.across_tenants()
        if origin:
            chosen = list(rows.filter(node=named(origin)))
        else:
            chosen = [VenueAccount(pk=pk) for pk in accounts]
        done = assign_accounts(accounts=chosen, node=named(node))
        self.say(f"{len(done.moved)} accounts were given to {node}")
        for account in done.held:
            self.stderr.write(f"account {account.pk} {account}: a ticket is under way")
        return not done.held

    def each(self, codes: list[str], verb: Callable[[Node], None]) -> bool:
        """Do it to each node; one that is refused stops no other."""
        refused = 0
        for code in codes:
            try:
                verb(named(code))
            except (CommandError, DomainError) as error:
                refused += 1
                self.stderr.write(str(error))
        return not refused


def named(code: str) -> Node:
    node = Node.objects.filter(code=code).first()
    if node is None:
        raise CommandError(f"there is no node {code}")
    return node


def lines(nodes: QuerySet[Node], *, now: datetime) -> list[list[object]]:
    alive = set(alive_nodes(now))
    counted = nodes.order_by("code").annotate(accounts=Count("venue_accounts"))
    return [line(node, node in alive, now) for node in counted]


def line(node: Node, is_alive: bool, now: datetime) -> list[object]:
    return [
        node.code,
        f"{node.status}, empty" if node.drained_at else node.status,
        "yes" if is_alive else "no",
        heard(node, now),
        "" if node.clock_offset_ms is None else node.clock_offset_ms,
        node.running,
        node.load_percent,
        node.accounts,
        " ".join(f"{venue}:{'-' if ms is None else ms}" for venue, ms in node.venues.items()),
        node.version,
    ]


def heard(node: Node, now: datetime) -> str:
    if node.last_heartbeat_at is None:
        return "never"
    return f"{(now - node.last_heartbeat_at).total_seconds():.0f} s ago"
