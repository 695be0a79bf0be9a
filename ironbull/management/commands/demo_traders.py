"""The demo's AI traders: four scripted models on this host, and a public trader of each on paper.

It runs as long as the demo does: the models answer while it lives. Their addresses change with
every start, and the rows follow them. What exists already is left as it is.
"""

import signal
import threading
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, close_old_connections, transaction
from django.utils import timezone

from apps.core import audit
from apps.core.commands import HouseCommand, Subject
from apps.core.errors import DomainError
from apps.members.models import Member
from apps.nodes.models import Node
from apps.traders.models import Mind, Trader
from apps.traders.services import (
    change_mind,
    create_mind,
    create_template,
    create_trader,
    start_trader,
)
from apps.venues.models import Venue, VenueAccount
from apps.venues.services import bind_account, record_equity
from engine.deciding.prompt import default_text
from engine.deciding.scripted import ScriptedModel
from engine.venues.paper import PaperVenue

FILE = settings.ROOT / "fixtures" / "demo_traders.json"
# What is not there yet may be a moment later.
TRY_SECONDS = 2
# Nobody has to ask them: they live as long as this process.
IDLE_SECONDS = 1_000_000


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the description."""


class TraderPart(Part, frozen=True, kw_only=True):
    code: str
    name: str
    # Which of the scripted minds decides.
    mind: str
    timeframes: list[str]
    limits: dict[str, Any]


class Description(Part, frozen=True, kw_only=True):
    node: str
    # Whose accounts they trade on, one each.
    member: str
    symbols: list[str]
    interval_seconds: int
    capital: Decimal
    traders: list[TraderPart]


class Command(HouseCommand):
    help = "Serve the demo's scripted models, and have a trader of each trade on paper."
    subject = Subject.START
    examples = """
        demo_traders
    """

    def handle(self, **options):
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        described = read(FILE)
        with ExitStack() as stack:
            addresses = {
                part.mind: stack.enter_context(
                    ScriptedModel(part.mind, idle_seconds=IDLE_SECONDS)
                ).address
                for part in described.traders
            }
            waits_for = ""
            while not stopping.is_set():
                told = seeded(described, addresses)
                if not told:
                    self.stdout.write(f"{len(described.traders)} scripted models answer")
                    close_old_connections()
                    stopping.wait()
                elif told != waits_for:
                    self.stdout.write(f"the demo's traders wait: {told}")
                waits_for = told
                stopping.wait(TRY_SECONDS)


def read(file: Path) -> Description:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Description)
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"{file.name}: {error}") from error


def seeded(described: Description, addresses: dict[str, str]) -> str:
    """Make and start what is not there yet; what it still waits for, else ""."""
    try:
        with audit.acting("demo"):
            member = Member.objects.across_tenants().filter(email=described.member).first()
            node = Node.objects.filter(code=described.node).first()
            if member is None or node is None:
                return "there is no demo here; run `manage.py demo`"
            for part in described.traders:
                seed(part, described, member=member, node=node, address=addresses[part.mind])
    except (DomainError, OperationalError) as error:
        return str(error)
    return ""


def seed(
    part: TraderPart, described: Description, *, member: Member, node: Node, address: str
) -> None:
    mind = reached(part, member=member, base_url=f"{address}/v1")
    trader = Trader.objects.of(member.tenant_id).filter(code=part.code).first()
    if trader is None:
        trader = made(part, described, member=member, node=node, mind=mind)
    # One that somebody stopped stays so.
    if trader.began_at is None and trader.status == Trader.Status.STOPPED:
        start_trader(trader=trader, now=timezone.now())


def reached(part: TraderPart, *, member: Member, base_url: str) -> Mind:
    """The model at its address of this start."""
    mind = Mind.objects.of(member.tenant_id).filter(name=f"scripted-{part.mind}").first()
    if mind is None:
        return create_mind(
            tenant=member.tenant,
            name=f"scripted-{part.mind}",
            protocol=Mind.Protocol.OPENAI,
            base_url=base_url,
            model=part.mind,
        )
    return mind if mind.base_url == base_url else change_mind(mind=mind, base_url=base_url)


@transaction.atomic
def made(
    part: TraderPart, described: Description, *, member: Member, node: Node, mind: Mind
) -> Trader:
    """A trader on a paper account of its own, all or nothing."""
    rows = VenueAccount.objects.of(member.tenant_id).filter(member=member, venue=Venue.PAPER)
    account = rows.filter(label=part.code).first()
    if account is None:
        account = bind_account(member=member, venue=Venue.PAPER, label=part.code, node=node)
    book, name = Path(settings.PAPER_BOOK), str(account.pk)
    with closing(PaperVenue(book, name, cash=described.capital)) as venue:
        record_equity(account=account, equity=venue.balance().total, now=timezone.now())
    template = create_template(tenant=member.tenant, name="house", text=default_text())
    return create_trader(
        account=account,
        code=part.code,
        name=part.name,
        minds=[mind],
        template=template,
        capital=described.capital,
        now=timezone.now(),
        symbols=described.symbols,
        timeframes=part.timeframes,
        limits=part.limits,
        interval_seconds=described.interval_seconds,
        is_public=True,
    )
