"""The paper exchange as a service on this host, in the dialects of Binance, OKX and Gate.

It needs no database and reaches no network: clients made for the real venues
trade here with play money, once their host is this one.
"""

import json
import signal
import threading
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from apps.core.commands import HouseCommand, Subject, add_json
from engine.paper.account import START_CASH
from engine.paper.errors import JournalBroken
from engine.paper.service.service import PaperService

LAST_PORT = 65_535
LONGEST_LATENCY_MS = 60_000
LARGEST_CASH = 10**12


class Command(HouseCommand):
    help = "Serve the paper exchange on 127.0.0.1 until SIGTERM or Ctrl-C."
    subject = Subject.TRY
    examples = """
        paper_exchange --port 9000 --forget
        paper_exchange --json
    """
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
        parser.add_argument("--control-port", type=int, default=0, help="0 takes a free one")
        parser.add_argument(
            "--home", type=Path, help="where the journal and the keys lie", default=None
        )
        parser.add_argument(
            "--forget", action="store_true", help="keep nothing: no journal and no keys"
        )
        parser.add_argument("--latency-ms", type=int, default=0, help="each way")
        parser.add_argument("--cash", default=str(START_CASH), help="of each new demo account")
        add_json(parser)

    def handle(self, *, port, control_port, home, forget, latency_ms, cash, **options):
        for name, number in (("port", port), ("control-port", control_port)):
            if not 0 <= number <= LAST_PORT:
                raise CommandError(f"--{name}: {number} is no port, 0 to {LAST_PORT}")
        if not 0 <= latency_ms <= LONGEST_LATENCY_MS:
            raise CommandError(f"--latency-ms: 0 to {LONGEST_LATENCY_MS}")
        start_cash = amount(cash)
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        try:
            service = PaperService(
                clock=now_ms,
                home=None if forget else home or settings.VAR / "paper_exchange",
                port=port,
                control_port=control_port,
                latency_ms=latency_ms,
                cash=start_cash,
            )
        except (JournalBroken, OSError) as error:
            raise CommandError(f"the paper exchange cannot start: {error}") from error
        service.start()
        try:
            self.greet(service)
            stopping.wait()
        finally:
            service.stop()

    def greet(self, service):
        told = {
            "address": service.address,
            "control": service.control_address,
            "keys": [asdict(key) for key in service.keys],
        }
        if self.as_json:
            # One line: who started it reads one.
            self.stdout.write(json.dumps(told))
            self.stdout.flush()
            return
        self.say(f"The paper exchange answers at {service.address}")
        self.say(f"Faults, prices and the truth: {service.control_address}")
        for key in service.keys:
            self.say(f"\n{key.account} ({key.dialect}), play money only")
            self.say(f"  API key     {key.api_key}")
            self.say(f"  Secret      {key.secret}")
            if key.dialect == "okx":
                self.say(f"  Passphrase  {key.passphrase}")


def amount(text):
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and 0 <= value <= LARGEST_CASH):
        raise CommandError(f"--cash: {text} is no amount from 0 to {LARGEST_CASH}")
    return value


def now_ms():
    return int(timezone.now().timestamp() * 1000)
