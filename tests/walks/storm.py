"""A storm over a running house: everything that can die or fall silent does, from one seed.

The seed decides what befalls whom, in which order and after which pauses. What the
machine does meanwhile it does not decide, so that a seed makes a fault likely again,
not certain.
"""

import json
import math
import random
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import requests
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from redis import Redis

from apps.orders.models import Ticket
from apps.positions.models import Position
from apps.signals.models import Signal
from engine.signal import Action
from tests.servers import Server, free_port
from tests.walks import oracle
from tests.walks.market import DIALECTS, Market
from tests.walks.proxy import Line
from tests.walks.running import CENTRE_QUEUES, Running, wait_for
from tests.walks.story import Story, keys_checked, tell

ROLES = {
    "scan": "centre.scan,centre.states,centre.default",
    "dispatch": "centre.dispatch",
    "reports": "centre.reports",
    "heartbeats": "centre.heartbeats",
}
VICTIMS = [*ROLES, "beat", "node", "exchange"]
FAILPOINTS = [
    *("orders.planning", "orders.planned", "orders.claimed", "orders.dispatched"),
    *("node.received", "node.journalled", "node.placed", "node.reported"),
    *("orders.recording", "orders.recorded", "rewards.charged", "rewards.settled"),
]
# What befalls requests at the exchange, by chance; and how long nobody finds a new order.
CHANCES = {
    "place": {
        "timeout_before": 0.04,
        "timeout_after": 0.06,
        "503_before": 0.03,
        "503_after": 0.04,
        "late_accept": 0.04,
        "duplicate": 0.03,
        "rate_limit": 0.03,
    },
    "look_up": {"not_found": 0.06, "503_before": 0.03, "timeout_before": 0.02, "rate_limit": 0.02},
    "read": {"503_before": 0.03},
}
HANG_MS = 1_000
LAG_MS = 1_500
# Nothing may be unfinished so long after the last fault; on a machine that is slow, so long after
# the last time that less was.
CALM_SECONDS = 120
# So long a machine that is busy may take for what it does at once otherwise.
PATIENCE = 240
# One death for so many tickets that ended, and one outage; on a machine that is slow, or where
# nothing goes on any more, after so many seconds.
DEATHS_APART = (6, 8.0)
OUTAGES_APART = (60, 20.0)
# A story whose tickets are still unanswered after this long is told on all the same.
IMPATIENCE_SECONDS = 15


# What may befall a house: its name, how likely it is beside the others, and the blow.
Kind = tuple[str, int, Callable[[random.Random], None]]


@dataclass
class Servers:
    """Servers of our own that may be killed; None on the embedded default."""

    redis: Server | None = None
    database: Server | None = None


@dataclass
class Result:
    seed: int
    orders: int = 0
    fills: int = 0
    blows: Counter = field(default_factory=Counter)
    outcomes: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    settled_in: float = 0.0
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return vars(self) | {"blows": dict(self.blows), "outcomes": dict(self.outcomes)}


class StormyHouse(Running):
    """Every role in a process of its own, the exchange too, and a proxy on every line."""

    def __init__(self, directory: Path, servers: Servers) -> None:
        super().__init__(directory)
        self.exchange_port, self.control_port = free_port(), free_port()
        self.lines = {"exchange": Line(self.exchange_port)}
        if servers.redis:
            self.lines["redis"] = Line(servers.redis.port)
        if servers.database:
            self.lines["database"] = Line(servers.database.port)

    @property
    def service(self):
        """Where the exchange answers us, past the proxy."""
        host = "http://127.0.0.1"
        return SimpleNamespace(
            address=f"{host}:{self.exchange_port}", control_address=f"{host}:{self.control_port}"
        )

    def stop(self) -> None:
        super().stop()
        for line in self.lines.values():
            line.close()

    def _command(self, name: str) -> list[str]:
        if name == "exchange":
            ports = ["--port", self.exchange_port, "--control-port", self.control_port]
            home = ["--home", self.directory / "exchange"]
            return [sys.executable, "manage.py", "paper_exchange", *map(str, [*ports, *home])]
        if name in ROLES:
            command = super()._command("centre")
            told = {"centre@walk": f"{name}@walk", CENTRE_QUEUES: ROLES[name]}
            return [told.get(word, word) for word in command]
        return super()._command(name)

    def _environment(self) -> dict[str, str]:
        base = f"http://127.0.0.1:{self.lines['exchange'].port}"
        told = super()._environment() | {
            "VENUE_BASE_URLS": json.dumps(dict.fromkeys(DIALECTS, base)),
            # A node that has come back opens its adapters anew, on a machine that is busy.
            "TICKET_SECONDS": "8",
        }
        for name, variable in (("redis", "BROKER_URL"), ("database", "DATABASE_URL")):
            if line := self.lines.get(name):
                told[variable] = told[variable].replace(f":{line.to_port}/", f":{line.port}/")
        return told


class Storm:
    """What befalls a house while it trades."""

    def __init__(self, seed: int, house: StormyHouse, market: Market, servers: Servers) -> None:
        self.seed, self.house, self.market, self.servers = seed, house, market, servers
        self.blows: Counter = Counter()
        self.ended = 0  # tickets, as far as is known
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._blow, args=(name, *told), daemon=True)
            for name, told in {
                "deaths": (self._deaths(), DEATHS_APART),
                "outages": (self._outages(), OUTAGES_APART),
            }.items()
        ]
        self._threads.append(threading.Thread(target=self._make_faults, daemon=True))

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """The last fault: everything is healed, and stays so."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for failpoint in self.house.failpoints.iterdir():
            failpoint.unlink(missing_ok=True)
        wait_for(self._is_calm, seconds=PATIENCE, what="the exchange to be without faults")
        # Our own line may have ended with its server.
        connection.close()

    def _is_calm(self) -> bool:
        with suppress(requests.RequestException):
            self.market.control.ask("DELETE", "/faults")
            return True
        return False

    def _blow(self, name: str, kinds: list[Kind], apart: tuple[int, float]) -> None:
        dice = random.Random(f"{self.seed}:{name}")
        weights = [weight for _, weight, _ in kinds]
        while self._is_due(dice, *apart):
            ((kind, _, strike),) = dice.choices(kinds, weights)
            self.blows[kind] += 1
            strike(dice)

    def _is_due(self, dice: random.Random, tickets: int, seconds: float) -> bool:
        """Wait for the next blow; False once the storm is over."""
        pause = dice.expovariate(1)
        until, wanted = time.monotonic() + seconds * pause, self.ended + tickets * pause
        while self.ended < wanted and time.monotonic() < until:
            if self._over.wait(0.1):
                return False
        return not self._over.is_set()

    # Deaths

    def _deaths(self) -> list[Kind]:
        return [("kill -9", 3, self._kill), ("killed at a failpoint", 2, self._arm)]

    def _kill(self, dice: random.Random) -> None:
        self.house.kill(dice.choice(VICTIMS))

    def _arm(self, dice: random.Random) -> None:
        self.house.arm(dice.choice(FAILPOINTS))

    # Outages

    def _outages(self) -> list[Kind]:
        found = [(f"{line} partitioned", 2, partial(self._part, line)) for line in self.house.lines]
        found.append(("broker emptied", 3, self._empty_broker))
        for name in ("redis", "database"):
            if server := getattr(self.servers, name):
                found.append((f"{name} restarted", 1, partial(self._restart, server)))
        return found

    def _part(self, line: str, dice: random.Random) -> None:
        proxy = self.house.lines[line]
        dice.choice([proxy.hold, proxy.cut])()
        self._over.wait(dice.uniform(0.5, 6))
        proxy.heal()

    def _restart(self, server: Server, dice: random.Random) -> None:
        server.kill()
        self._over.wait(dice.uniform(0.2, 4))
        server.start()

    def _empty_broker(self, _dice: random.Random) -> None:
        if self.servers.redis:
            Redis(port=self.servers.redis.port).flushall()
            return
        with sqlite3.connect(urlparse(settings.BROKER_URL).path, timeout=30) as database:
            database.execute("delete from message")
        database.close()

    # Faults at the exchange

    def _make_faults(self) -> None:
        """Ask for them anew whenever the exchange has been started anew: it forgets them."""
        asked_of, lives, counted = None, 0, Counter()
        while not self._over.wait(0.3):
            process = self.house.processes["exchange"]
            with suppress(requests.RequestException):
                if process is not asked_of:
                    lives += 1
                    told = {"seed": f"{self.seed}:{lives}", "delay_ms": HANG_MS, **CHANCES}
                    self.market.control.ask("POST", "/chances", told)
                    self.market.control.fault("lag", delay_ms=LAG_MS)
                    asked_of, counted = process, Counter()
                happened = Counter(self.market.control.ask("GET", "/faults")["happened"])
                self.blows += Counter(
                    {f"venue: {kind}": count for kind, count in (happened - counted).items()}
                )
                counted = happened


def run(
    *,
    seed: int,
    orders: int,
    seconds: float,
    directory: Path,
    servers: Servers,
    followers: int,
    say: Callable[[str], None] = print,
) -> Result:
    """One seed from its beginning to its end.

    There are two stories for each dialect, of so many followers each way.
    """
    began = time.monotonic()
    result = Result(seed)
    house = StormyHouse(directory, servers)
    try:
        node = house.enroll()
        house.start("exchange", *ROLES, "beat", "node")
        market = Market(house.service, cash=1_000_000)
        stories = tell_stories(node, house, market, followers)
        storm = Storm(seed, house, market, servers)
        storm.begin()
        publish_until(stories, storm, orders=orders, seconds=seconds, say=say)
        storm.end()
        say(f"seed {seed}: the storm is over, {house.deaths} deaths")
        result.settled_in = settle(result, say)
        close_all(stories, result)
        look(stories, market, result)
        result.blows = storm.blows + Counter(deaths=house.deaths)
        result.outcomes = oracle.outcomes()
    finally:
        if house._watching.is_alive():
            house.stop()
    result.seconds = time.monotonic() - began
    return result


def tell_stories(node, house: StormyHouse, market: Market, followers: int) -> list[Story]:
    wait_for(partial(is_up, house), seconds=PATIENCE, what="the house to be up")
    stories = []
    for dialect in DIALECTS:
        market.describe(dialect)
        stories += [
            tell(
                f"{dialect}-{number}",
                node,
                followers=followers,
                account_of=partial(market.account_of, dialect),
                # Large enough for more than one level of the book: an order has several fills.
                capital=Decimal(400_000),
                points=Decimal(50_000),
            )
            for number in range(2)
        ]
    wait_for(keys_checked, seconds=PATIENCE, what="the keys checked")
    return stories


def is_up(house: StormyHouse) -> bool:
    with suppress(requests.RequestException):
        served = requests.get(f"{house.service.control_address}/accounts", timeout=5).ok
        return served and house.is_alive()
    return False


@dataclass
class Telling:
    """How far a story has been told."""

    story: Story
    since: float = 0.0

    def go_on(self) -> None:
        """Publish what comes next, once what came before is done or has taken too long."""
        is_late = time.monotonic() - self.since > IMPATIENCE_SECONDS
        if is_late or self.is_done():
            self.story.publish(Action.CLOSE if self.is_held() else Action.OPEN)
            self.since = time.monotonic()

    def is_done(self) -> bool:
        signals = Signal.objects.filter(strategy__in=self.story.strategies.values())
        tickets = Ticket.objects.across_tenants().filter(
            subscription__in=self.story.subscriptions, status__in=Ticket.IN_FLIGHT
        )
        is_planned = not signals.filter(status=Signal.Status.PUBLISHED).exists()
        return is_planned and not tickets.exists()

    def is_held(self) -> bool:
        """By most of those who follow it: what the others miss, they are not asked for."""
        held = Position.objects.across_tenants().filter(status=Position.Status.OPEN)
        followers = self.story.subscriptions
        return 2 * held.filter(subscription__in=followers).count() >= len(followers)


def publish_until(
    stories: list[Story], storm: Storm, *, orders: int, seconds: float, say: Callable
) -> None:
    """Tell the stories on until so many tickets have ended, or the time is over."""
    tellings = [Telling(story) for story in stories]
    began = said_at = time.monotonic()
    while storm.ended < orders and time.monotonic() - began < seconds:
        time.sleep(0.5)
        try:
            for telling in tellings:
                telling.go_on()
            storm.ended = oracle.tickets_ended()
        except DatabaseError:
            # It is away, as it is to be: nothing was published, or all of it was.
            connection.close()
        if time.monotonic() - said_at > 10:
            said_at = time.monotonic()
            deaths = storm.house.deaths
            say(f"  {said_at - began:4.0f} s: {storm.ended} tickets ended, {deaths} deaths")


def settle(result: Result, say: Callable) -> float:
    """Until nothing is unfinished; how long that took."""
    began = fewer_at = time.monotonic()
    fewest = math.inf
    while (left := oracle.unfinished()) and time.monotonic() - fewer_at < CALM_SECONDS:
        if sum(left.values()) < fewest:
            fewest, fewer_at = sum(left.values()), time.monotonic()
        time.sleep(0.5)
    took = time.monotonic() - began
    say(f"  nothing unfinished after {took:.0f} s" if not left else f"  unfinished: {left}")
    if left:
        result.faults.append(f"unfinished after {took:.0f} s: {left}")
    return took


def close_all(stories: list[Story], result: Result) -> None:
    """In fair weather, so that cash can be compared to the last digit."""
    for story in stories:
        wait_for(partial(is_told, story), seconds=PATIENCE, what=f"{story.name} to be closed")
    settle(result, lambda _said: None)


def is_told(story: Story) -> bool:
    """Whether its closing signals are out; a database with a crowd before it is asked again."""
    with suppress(DatabaseError):
        story.publish(Action.CLOSE)
        return True
    return False


def look(stories: list[Story], market: Market, result: Result) -> None:
    findings = oracle.Findings()
    truth = market.control.truth()["accounts"]
    for story in stories:
        for subscription in story.subscriptions:
            name = market.names[subscription.member.pk]
            oracle.compare(subscription, truth[name], findings)
    result.orders, result.fills = findings.orders, findings.fills
    result.faults += findings.faults
