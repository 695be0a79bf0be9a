"""Signals through real workers, up to the venue: how soon orders are there, and for how long."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from apps.nodes.selectors import alive_nodes
from apps.orders.models import Fill, Ticket
from apps.signals.models import Signal
from apps.signals.services import publish_signal
from bench.fanouts.crowd import Crowd, queued
from bench.fanouts.house import House
from engine.signal import Action, Direction, Intent
from tests.walks.running import wait_for
from tests.walks.story import price_now

# How often a signal is published in the steady run, and how often its backlog is looked at.
EVERY_SECONDS = 1
LOOK_EVERY = 30


@contextmanager
def house(nodes: int) -> Iterator[tuple[House, list]]:
    seconds = {
        name: str(getattr(settings, name))
        for name in ("TICKET_SECONDS", "SWEEP_AFTER_SECONDS", "SIGNAL_SECONDS")
    }
    with tempfile.TemporaryDirectory() as directory:
        made = House(Path(directory), nodes=nodes, **seconds)
        try:
            enrolled = made.enroll_all()
            made.start("centre", "heartbeats", "beat", *made.codes)
            wait_for(
                lambda: alive_nodes(timezone.now()).filter(code__in=made.codes).count() == nodes,
                seconds=120,
                what="every node's first heartbeat",
            )
            yield made, enrolled
        finally:
            made.stop()


def publish(strategy, action: Action) -> Signal:
    now = timezone.now()
    intent = Intent(
        action=action, direction=Direction.LONG, price=price_now(), confidence=90, reason="bench"
    )
    return publish_signal(
        strategy=strategy, symbol="BTC/USDT", bar_at=now, intent=intent, bars_late=0, now=now
    )


def print_walk(accounts: int, nodes: int, *, turns: int = 2) -> None:
    with house(nodes) as (_, enrolled):
        crowd = Crowd("Walk", accounts=accounts, nodes=enrolled)
        print(f"\none signal to {accounts} accounts through {nodes} real nodes, seconds after it")
        print(f"{'':14}{'first sent':>12}{'half sent':>12}{'last sent':>12}{'last known':>12}")
        for action in (Action.OPEN, Action.CLOSE) * turns:
            signal = publish(crowd.strategies[0], action)
            wait_for(partial(all_done, signal, accounts), seconds=900, what=f"{action} orders")
            at = sorted(sent_after(signal))
            known = max(signal.tickets.values_list("done_at", flat=True)) - signal.created_at
            print(
                f"{action:14}{at[0]:>12.2f}{statistics.median(at):>12.2f}{at[-1]:>12.2f}"
                f"{known.total_seconds():>12.2f}"
            )


def all_done(signal: Signal, accounts: int) -> bool:
    tickets = Ticket.objects.across_tenants().filter(signal=signal)
    return tickets.filter(status=Ticket.Status.DONE).count() == accounts


def sent_after(signal: Signal) -> list[float]:
    """Seconds from the signal to each order at the exchange, by the exchange's own clock."""
    fills = Fill.objects.across_tenants().filter(order__ticket__signal=signal)
    moments = dict(fills.values_list("order", "filled_at"))
    return [(at - signal.created_at).total_seconds() for at in moments.values()]


def print_steady(accounts: int, nodes: int, *, rate: int, seconds: int) -> bool:
    """So many orders a second; whether the backlog at the end is that of the beginning."""
    with house(nodes) as (_, enrolled):
        groups = accounts // (rate * EVERY_SECONDS)
        crowd = Crowd("Steady", accounts=groups * rate, nodes=enrolled, groups=groups)
        print(
            f"\n{rate} orders a second for {seconds} s on {nodes} nodes, by the clock of a signal"
        )
        print(
            f"{'second':>8}{'signals':>9}{'done':>8}{'under way':>11}{'queued':>8}"
            f"{'p50 s':>8}{'p95 s':>8}"
        )
        began, published, seen = time.monotonic(), [], []
        since = timezone.now()
        for turn in range(seconds // EVERY_SECONDS):
            round_number, group = divmod(turn, groups)
            action = Action.CLOSE if round_number % 2 else Action.OPEN
            published.append(publish(crowd.strategies[group], action))
            if (turn + 1) * EVERY_SECONDS % LOOK_EVERY == 0:
                seen.append(look(since, published, enrolled, second=(turn + 1) * EVERY_SECONDS))
                since = timezone.now()
            time.sleep(max(0.0, began + (turn + 1) * EVERY_SECONDS - time.monotonic()))
        refused = Ticket.objects.across_tenants().filter(
            signal__in=published, status=Ticket.Status.REFUSED
        )
        print(f"refused by our rules: {refused.count()}, such as a close of what never opened")
        return seen[-1] <= 2 * seen[0] + rate


def look(since: datetime, published: Sequence[Signal], nodes, *, second: int) -> int:
    """Print how things stand; how many tickets are under way."""
    tickets = Ticket.objects.across_tenants().filter(signal__in=published)
    under_way = tickets.filter(status__in=Ticket.IN_FLIGHT).count()
    done = tickets.filter(status=Ticket.Status.DONE).count()
    lately = [signal for signal in published if signal.created_at >= since - timedelta(seconds=1)]
    waits = sorted(wait for signal in lately for wait in sent_after(signal))
    middle, most = (waits[len(waits) // 2], waits[len(waits) * 95 // 100]) if waits else (0, 0)
    print(
        f"{second:>8}{len(published):>9}{done:>8}{under_way:>11}{queued(nodes):>8}"
        f"{middle:>8.2f}{most:>8.2f}",
        flush=True,
    )
    return under_way
