"""The Merchant API's gate and lists beside Django REST Framework's, in one process, in one run.

    python -m bench.api [--rows 100000] [--rounds 7]

The database is the one that DATABASE_URL names, or a SQLite file of its own. Every contender is
asked through Django's whole stack of middleware, in turns, so that what else the machine does hits
all of them; the best round counts. Absolute times are this host's: look at the ratios.
"""

import tests.environment  # noqa: F401, I001  (secrets and files of its own, before settings)

import argparse
import hashlib
import hmac
import io
import json
import os
import time
from collections.abc import Callable

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
os.environ["LOG_LEVEL"] = "ERROR"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.generics import ListAPIView  # noqa: E402
from rest_framework.pagination import PageNumberPagination  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from apps.ledger.models import Account  # noqa: E402
from apps.members.models import Level, Member  # noqa: E402
from apps.members.services import MEMBER_KINDS, open_tenant  # noqa: E402
from apps.merchant.gate import Visitor  # noqa: E402
from apps.merchant.ring import keyring  # noqa: E402
from apps.merchant.v2 import members as calls  # noqa: E402
from apps.merchant.v2.problem import V2, Asked  # noqa: E402
from apps.tenants.models import AppKey  # noqa: E402
from ironbull.urls import urlpatterns  # noqa: E402
from tests.apps.merchant.shop import signed  # noqa: E402

PAGE = 20
GOAL_LIST, GOAL_GATE = 3, 0.20


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
        self.handler = WSGIHandler()

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

    def ask(self, method: str, where: str, *, query: str = "", body: bytes = b"") -> None:
        headers = signed(
            self.opened.first_key.app_key.key,
            self.opened.first_key.secret,
            method,
            where,
            query=query,
            body=body,
        )
        environment = {
            "REQUEST_METHOD": method,
            "PATH_INFO": where,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        }
        told: list[str] = []
        answer = self.handler(environment, lambda status, _headers: told.append(status))
        text = b"".join(answer)
        if not told[0].startswith("200"):
            raise SystemExit(f"{method} {where}: {told[0]} {text[:300]!r}")

    def signing(self) -> Callable[[], None]:
        """What a caller costs: it is taken off every contender's time."""
        key = self.opened.first_key
        return lambda: signed(key.app_key.key, key.secret, "GET", "/merchant/v2/members") and None


def best(doing: dict[str, Callable[[], None]], *, rounds: int, times: int) -> dict[str, float]:
    """Microseconds of each, the best of some rounds in which they take turns."""
    found = dict.fromkeys(doing, float("inf"))
    for do in doing.values():
        for _ in range(5):
            do()
    for _ in range(rounds):
        for name, do in doing.items():
            started = time.perf_counter()
            for _ in range(times):
                do()
            found[name] = min(found[name], (time.perf_counter() - started) / times * 1e6)
    return found


def told(what: str, value: float, goal: str, is_met: bool) -> None:
    print(f"  {what}: {value:.2f}  (goal {goal}: {'met' if is_met else 'MISSED'})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS = ["localhost"]
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
        "a signature": bench.signing(),
        "bare DRF view": lambda: bench.ask("GET", "/bench/bare"),
        "our call, no gate": lambda: bench.ask("GET", "/ungated/ping"),
        "our call, signed": lambda: bench.ask("GET", "/gated/ping"),
        "our list, no gate": lambda: bench.ask("GET", "/ungated/members", query=query),
        "our list, signed": lambda: bench.ask("GET", "/merchant/v2/members", query=query),
        "stock DRF list, signed": lambda: bench.ask("GET", "/bench/stock"),
    }
    small = best(doing, rounds=rounds, times=100)
    bench.grow(rows)
    large = best(doing, rounds=rounds, times=100)
    print(
        f"\nA page of {PAGE}, of 1,000 and of {rows:,} rows, in microseconds without the caller's"
    )
    caller = large.pop("a signature")
    small_caller = small.pop("a signature")
    for name in large:
        print(f"  {name:24}{small[name] - small_caller:10,.0f}{large[name] - caller:10,.0f}")
    ours, stock = large["our list, signed"] - caller, large["stock DRF list, signed"] - caller
    gate = large["our call, signed"] - large["our call, no gate"]
    bare = large["bare DRF view"] - caller
    growth = ours / (small["our list, signed"] - small_caller)
    told("stock signed list / our signed list", stock / ours, f"{GOAL_LIST}", stock / ours >= 3)
    told("our gate / bare DRF view", gate / bare, f"{GOAL_GATE}", gate / bare < GOAL_GATE)
    told("our list, many rows / few", growth, "1.2", growth < 1.2)

    one = Member.objects.of(bench.tenant).order_by("-pk")[0].pk
    turn = {"is": False}

    def change(where: str) -> None:
        turn["is"] = not turn["is"]
        body = json.dumps({"is_market_node": turn["is"]}).encode()
        bench.ask("PATCH", f"{where}/{one}", body=body)

    writes = best(
        {
            "our write, no gate": lambda: change("/ungated/members"),
            "our write, signed": lambda: change("/merchant/v2/members"),
        },
        rounds=rounds,
        times=50,
    )
    print("\nA member is made a market node, or no longer: audited, in microseconds")
    for name, time_taken in writes.items():
        print(f"  {name:24}{time_taken - caller:10,.0f}")
    ratio = writes["our write, signed"] / writes["our write, no gate"]
    print(f"  signed is {ratio:.2f} x the write without the gate")
    print(
        f"\nSigned lists a second, one process: {1e6 / ours:,.0f}; bare DRF view: {1e6 / bare:,.0f}"
    )


if __name__ == "__main__":
    main()
