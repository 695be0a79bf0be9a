"""The Merchant API's gate, lists and writes beside Django REST Framework's, served in one run.

    python -m bench.api [--rows 100000] [--rounds 5]

The database is the one that DATABASE_URL names, or a SQLite file of its own. Gunicorn serves all
contenders with two workers of threads; callers on this host ask them in turns, so that
what else the machine does hits all of them. What a request costs is the processor time of the
server: that of the callers, who share the two cores, is not in it. The best round counts.
Absolute figures are this host's: look at the ratios.
"""

import tests.environment  # noqa: F401, I001  (secrets and files of its own, before settings)

import argparse
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
os.environ["LOG_LEVEL"] = "ERROR"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.db import connections  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.generics import ListAPIView  # noqa: E402
from rest_framework.pagination import PageNumberPagination  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from apps.core.memory import memory  # noqa: E402
from apps.ledger.models import Account  # noqa: E402
from apps.members.models import Level, Member  # noqa: E402
from apps.members.services import MEMBER_KINDS, open_tenant  # noqa: E402
from apps.merchant.gate import Visitor  # noqa: E402
from apps.merchant.ring import BEGAN, keyring  # noqa: E402
from apps.merchant.v2 import members as calls  # noqa: E402
from apps.merchant.v2.problem import V2, Asked  # noqa: E402
from apps.tenants.models import AppKey  # noqa: E402
from ironbull.urls import urlpatterns  # noqa: E402
from tests.apps.merchant.shop import signed  # noqa: E402

PAGE = 20
GOAL_LIST, GOAL_GATE = 3, 0.20
CALLERS = 2
OPTIONS = {
    "workers": 2,
    "worker_class": "gthread",
    "threads": 1,
    "keepalive": 60,
    "loglevel": "error",
    "control_socket_disable": True,
}


class Ungated(V2):
    """The same calls with an open door."""

    def enter(self, request, call, *, now):
        return VISITOR


class MemberOut(serializers.ModelSerializer):
    self_cards = serializers.SerializerMethodField()

    class Meta:
        model = Member
        fields = [
            *("id", "email", "invite_code", "inviter", "is_market_node", "level", "status"),
            *("self_cards", "created_at"),
        ]

    def get_self_cards(self, member):
        return str(self.context["cards"][member.owner])


class SignedByKey(BaseAuthentication):
    """As one would write it: the key's row, and an HMAC of the request."""

    def authenticate(self, request):
        key = AppKey.objects.across_tenants().filter(key=request.headers["X-App-Key"]).first()
        if key is None:
            raise AuthenticationFailed
        secret = AppKey._meta.get_field("secret").unseal(key)
        lines = [
            request.method,
            request.path,
            request.META["QUERY_STRING"],
            hashlib.sha256(request.body).hexdigest(),
            request.headers["X-Timestamp"],
            request.headers["X-Nonce"],
        ]
        expected = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["X-Sign"]):
            raise AuthenticationFailed
        return key, None


class Pages(PageNumberPagination):
    page_size = PAGE


class StockList(ListAPIView):
    authentication_classes = [SignedByKey]
    serializer_class = MemberOut
    pagination_class = Pages

    def get_queryset(self):
        rows = Member.objects.of(self.request.user.tenant_id)
        return rows.select_related("level").order_by("-pk")

    def get_serializer(self, rows, **kwargs):
        owners = [member.owner for member in rows]
        books = Account.objects.across_tenants().filter(owner__in=owners, kind="self")
        kwargs["context"] = {"cards": {book.owner: book.balance for book in books}}
        return super().get_serializer(rows, **kwargs)


class BareView(APIView):
    authentication_classes = []
    permission_classes = []

    def get(self, request):
        return Response({"status": "ok"})


class Nothing(Asked):
    pass


def ping(visitor: Visitor, asked: Nothing) -> str:
    """As little as a call can do."""
    return "ok"


VISITOR: Visitor
gated = V2()
gated.prefix = "gated"
gated.call("GET", "gated/ping", scope="read")(ping)
ungated = Ungated()
ungated.prefix = "ungated"
ungated.call("GET", "ungated/ping", scope="read")(ping)
ungated.call("GET", "ungated/members", scope="read")(calls.list_members)
ungated.call("PATCH", "ungated/members/<int:member_id>", scope="write")(calls.change_member)
# Behind the others, as far to look for as they are.
urlpatterns += [
    gated.urls(),
    ungated.urls(),
    path("bench/stock", StockList.as_view()),
    path("bench/bare", csrf_exempt(BareView.as_view())),
]


class Bench:
    def __init__(self, rows: int) -> None:
        for number in range(2):
            Level.objects.get_or_create(
                number=number, defaults={"name": f"S{number}", "min_team_holding": 0, "rate": 0}
            )
        self.opened = open_tenant(name="Acme")
        self.tenant = self.opened.tenant
        self.root = Member.objects.of(self.tenant).get(root_of=self.tenant)
        self.grow(rows)
        # What is signed in the second in which memory begins would be refused.
        memory().remember(BEGAN, 0, seconds=86400)

    def grow(self, rows: int) -> None:
        """Add members until there are so many."""
        have = Member.objects.of(self.tenant).count()
        for start in range(have, rows, 5000):
            numbers = range(start, min(start + 5000, rows))
            members = [
                Member(
                    tenant=self.tenant,
                    email=f"m{number}@example.com",
                    password="!",
                    invite_code=f"{number:08d}",
                    inviter=self.root,
                    path=f"{self.root.pk}/",
                )
                for number in numbers
            ]
            Member.objects.of(self.tenant).bulk_create(members)
            emails = [member.email for member in members]
            made = Member.objects.of(self.tenant).filter(email__in=emails)
            Account.objects.of(self.tenant).bulk_create(
                Account(tenant=self.tenant, owner=member.owner, kind=kind)
                for member in made
                for kind in MEMBER_KINDS
            )

    def request(
        self, method: str, where: str, *, query: str = "", body: bytes = b"", **forged: str
    ) -> bytes:
        """A signed request, as it goes over the line; with `forged` headers, if any are named."""
        key = self.opened.first_key
        headers = signed(key.app_key.key, key.secret, method, where, query=query, body=body)
        headers |= {name.replace("_", "-"): value for name, value in forged.items()}
        lines = [
            f"{method} {where}{'?' if query else ''}{query} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Served(BaseApplication):
    """Gunicorn with Django's handler, in a process of its own that was forked from this one."""

    def load_config(self) -> None:
        for name, value in OPTIONS.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIHandler:
        return WSGIHandler()


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """Serve in the background; the server's process and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    connections.close_all()
    pid = os.fork()
    if not pid:
        OPTIONS["bind"] = f"127.0.0.1:{port}"
        try:
            Served().run()
        finally:
            # What the parent tidies up in the end is the parent's.
            os._exit(0)
    try:
        for _ in range(200):
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield pid, port
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def processor_seconds(pid: int) -> float:
    """What the server's workers have used so far."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    told = [Path(f"/proc/{worker}/stat").read_text().rpartition(") ")[2] for worker in workers]
    ticks = sum(int(fields.split()[11]) + int(fields.split()[12]) for fields in told)
    return ticks / os.sysconf("SC_CLK_TCK")


def call(port: int, requests: Sequence[bytes]) -> None:
    """Ask one after the other, over one connection."""
    with socket.create_connection(("127.0.0.1", port)) as line, line.makefile("rb") as answers:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            line.sendall(request)
            status = answers.readline()
            length = 0
            while (header := answers.readline()) != b"\r\n":
                name, _colon, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = answers.read(length)
            if b" 200 " not in status and b" 401 " not in status:
                raise SystemExit(f"{request[:60]!r}: {status!r} {body[:300]!r}")


@dataclass(frozen=True)
class Cost:
    """Of one request: the server's processor time in microseconds; and how many in a second."""

    processor: float
    rate: float


def costs(
    doing: dict[str, Callable[[int], bytes]], pid: int, port: int, *, rounds: int, times: int
) -> dict[str, Cost]:
    """The best round of each, in rounds in which they take turns."""
    found: dict[str, list[Cost]] = {name: [] for name in doing}
    for turn in range(rounds + 1):
        for name, request in doing.items():
            asked = [[request(n) for n in range(times // CALLERS)] for _ in range(CALLERS)]
            used, started = processor_seconds(pid), time.perf_counter()
            with ThreadPoolExecutor(CALLERS) as pool:
                list(pool.map(partial(call, port), asked))
            passed, used = time.perf_counter() - started, processor_seconds(pid) - used
            # The first turn is for what is read once.
            if turn:
                found[name].append(Cost(used / times * 1e6, times / passed))
    return {
        name: Cost(min(c.processor for c in told), max(c.rate for c in told))
        for name, told in found.items()
    }


def told(what: str, value: float, goal: str, is_met: bool) -> None:
    print(f"  {what}: {value:.2f}  (goal {goal}: {'met' if is_met else 'MISSED'})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS = ["localhost"]
    if connections["default"].vendor == "sqlite":
        # A file: what is in memory is not shared with another process.
        connections["default"].settings_dict["TEST"]["NAME"] = str(settings.VAR / "bench.sqlite3")
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure(asked.rows, asked.rounds)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(rows: int, rounds: int) -> None:
    global VISITOR
    bench = Bench(1000)
    key = bench.opened.first_key.app_key.key
    VISITOR = Visitor(keyring().now().keys[key], {})
    query = f"limit={PAGE}"
    doing = {
        "bare DRF view": lambda n: bench.request("GET", "/bench/bare"),
        "our call, no gate": lambda n: bench.request("GET", "/ungated/ping"),
        "our call, signed": lambda n: bench.request("GET", "/gated/ping"),
        "our list, no gate": lambda n: bench.request("GET", "/ungated/members", query=query),
        "our list, signed": lambda n: bench.request("GET", "/merchant/v2/members", query=query),
        "stock DRF list, signed": lambda n: bench.request("GET", "/bench/stock"),
    }
    with server() as (pid, port):
        small = costs(doing, pid, port, rounds=rounds, times=400)
        bench.grow(rows)
        large = costs(doing, pid, port, rounds=rounds, times=800)
        print(f"\nA page of {PAGE}: of 1,000 rows in microseconds; of {rows:,}, and in a second")
        for name, cost in large.items():
            figures = (small[name].processor, cost.processor, cost.rate)
            print(f"  {name:24}" + "".join(f"{figure:10,.0f}" for figure in figures))
        ours, stock = large["our list, signed"].processor, large["stock DRF list, signed"].processor
        gate = large["our call, signed"].processor - large["our call, no gate"].processor
        bare = large["bare DRF view"].processor
        growth = ours / small["our list, signed"].processor
        told("stock signed list / our signed list", stock / ours, f"{GOAL_LIST}", stock / ours >= 3)
        told("our gate / bare DRF view", gate / bare, f"{GOAL_GATE}", gate / bare < GOAL_GATE)
        told("our list, many rows / few", growth, "1.2", growth < 1.2)
        tell_refusals(bench, pid, port, rounds)
        tell_writes(bench, pid, port, rounds)


def tell_refusals(bench: Bench, pid: int, port: int, rounds: int) -> None:
    """Whether somebody without a key could tell by the time which keys there are."""
    refused = costs(
        {
            "wrong key": lambda n: bench.request("GET", "/gated/ping", X_App_Key="0" * 32),
            "wrong signature": lambda n: bench.request("GET", "/gated/ping", X_Sign="0" * 64),
        },
        pid,
        port,
        rounds=rounds * 2,
        times=800,
    )
    print("\nWho is not let in; microseconds, and in a second")
    for name, cost in refused.items():
        print(f"  {name:24}{cost.processor:10,.0f}{cost.rate:10,.0f}")
    ratio = refused["wrong key"].processor / refused["wrong signature"].processor
    print(f"  a wrong key takes {ratio:.2f} of what a wrong signature takes")


def tell_writes(bench: Bench, pid: int, port: int, rounds: int) -> None:
    rows = Member.objects.of(bench.tenant).order_by("-pk")
    members = list(rows.values_list("pk", flat=True)[:400])

    def change(where: str, number: int) -> bytes:
        # Each call changes what it finds.
        body = json.dumps({"is_market_node": secrets.randbelow(2) == 1}).encode()
        return bench.request("PATCH", f"{where}/{members[number]}", body=body)

    writes = costs(
        {
            "our write, no gate": partial(change, "/ungated/members"),
            "our write, signed": partial(change, "/merchant/v2/members"),
        },
        pid,
        port,
        rounds=rounds,
        times=200,
    )
    print("\nA member is made a market node, or no longer: audited; microseconds, and in a second")
    for name, cost in writes.items():
        print(f"  {name:24}{cost.processor:10,.0f}{cost.rate:10,.0f}")


if __name__ == "__main__":
    main()
