"""From a signal to its first order, and to its last reward, through real workers.

    python -m bench.walk [--sizes 1,100,1000]

The set-up is the one that DATABASE_URL and BROKER_URL name, or the embedded
default. Beside our planning and dispatch runs what one would write first: a row
saved and a message sent for each subscription. Absolute times are of this host;
the ratios, the growth and the queries per ticket are what to look at.
"""

import tests.environment  # noqa: I001  (secrets and files of its own, before settings)

import argparse
import os
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.test.utils import override_settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.orders import services  # noqa: E402
from apps.orders.models import Order, Ticket  # noqa: E402
from apps.orders.services.planning import order_for  # noqa: E402
from apps.positions.models import Close  # noqa: E402
from apps.rewards.models import Reward  # noqa: E402
from apps.rewards.services import settle_closes  # noqa: E402
from apps.signals.models import Signal  # noqa: E402
from apps.strategies.selectors import followers  # noqa: E402
from bench.statements import counted  # noqa: E402
from engine.signal import Action, Direction  # noqa: E402
from ironbull.celery import app  # noqa: E402
from tests.apps.orders.desk import Desk, fill, report  # noqa: E402
from tests.walks.running import running, wait_for  # noqa: E402
from tests.walks.story import tell  # noqa: E402

CHUNK = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,100,1000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    connection.settings_dict["TEST"]["NAME"] = (
        str(tests.environment.VAR / "bench.sqlite3")
        if connection.vendor == "sqlite"
        else f"test_ironbull_bench_{os.getpid()}"
    )
    old_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    # The members of a measurement need no slow password hashes.
    weak = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    try:
        with weak:
            print(f"database {connection.vendor}, broker {app.conf.broker_url.partition(':')[0]}")
            print_queries(sizes)
            print_planning(sizes)
            print_walks(sizes)
    finally:
        connection.creation.destroy_test_db(old_name, verbosity=0)


@contextmanager
def silent_broker():
    """Messages go nowhere: the centre's own work is looked at alone."""
    send_task, app.send_task = app.send_task, lambda *args, **kwargs: None
    try:
        yield
    finally:
        app.send_task = send_task


def print_queries(sizes: list[int]) -> None:
    print("\nstatements of the centre, per step and per ticket (one signal opens, one closes)")
    print(
        f"{'subscriptions':>14}{'plan':>8}{'dispatch':>10}"
        f"{'reports':>9}{'settle':>8}{'a ticket':>10}"
    )
    with silent_broker():
        for size in sizes:
            desk = Desk(followers=size)
            steps = {}
            for action in (Action.OPEN, Action.CLOSE):
                signal = desk.new_signal(action=action, bar_at=timezone.now())
                with counted() as plan:
                    desk.plan(signal)
                with counted() as dispatch:
                    services.dispatch(now=desk.now)
                orders = list(
                    Order.objects.across_tenants()
                    .filter(ticket__signal=signal)
                    .select_related("ticket")
                )
                price = "50000" if action is Action.OPEN else "51000"
                with counted() as reports:
                    for start in range(0, size, CHUNK):
                        some = orders[start : start + CHUNK]
                        desk.hear(*[report(row, fills=[fill(row, price=price)]) for row in some])
                steps[action] = (plan[0], dispatch[0], reports[0])
            closes = Close.objects.across_tenants().filter(
                position__subscription__in=desk.subscriptions
            )
            ids = [str(pk) for pk in closes.values_list("pk", flat=True)]
            with counted() as settle:
                for start in range(0, size, CHUNK):
                    settle_closes(close_ids=ids[start : start + CHUNK])
            both = [sum(pair) for pair in zip(*steps.values(), strict=True)]
            each = (sum(both) + settle[0]) / (2 * size)
            print(f"{size:>14}{both[0]:>8}{both[1]:>10}{both[2]:>9}{settle[0]:>8}{each:>10.2f}")


def print_planning(sizes: list[int]) -> None:
    print("\nplanning and sending one signal, beside a saved row and a message per subscription")
    print(f"{'subscriptions':>14}{'ours s':>10}{'naive s':>10}{'ratio':>8}")
    for size in sizes:
        desk = Desk(followers=size)
        started = time.perf_counter()
        desk.plan()
        services.dispatch(now=desk.now)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        plan_naively(desk.new_signal(bar_at=timezone.now()))
        naive = time.perf_counter() - started
        print(f"{size:>14}{ours:>10.3f}{naive:>10.3f}{naive / ours:>8.1f}")


def plan_naively(signal: Signal) -> None:
    """A row saved and a message sent for each subscription; no rules, no secrets, no bulk."""
    for subscription in followers(signal.strategy):
        ticket = Ticket(
            tenant_id=subscription.tenant_id,
            signal=signal,
            subscription=subscription,
            venue_account=subscription.venue_account,
            node_id=subscription.venue_account.node_id,
            symbol=signal.symbol,
            action=Action.OPEN,
            direction=Direction.LONG,
            quantity=1,
            status=Ticket.Status.SENT,
        )
        ticket.save()
        order_for(ticket, venue="paper").save()
        app.send_task("node.execute", kwargs={"ticket": str(ticket.pk)}, queue="node.naive")


def print_walks(sizes: list[int]) -> None:
    print("\nthrough real workers; growth is the time per subscription beside the smallest size")
    print(
        f"{'subscriptions':>14}{'first order s':>15}{'last order s':>14}"
        f"{'last reward s':>15}{'ms each':>9}"
    )
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as house:
        node = house.enroll()
        house.start("centre", "heartbeats", "node", "beat")
        wait_for(house.is_alive, what="the first heartbeat")
        for size in sizes:
            # Half of the subscriptions go long and half short.
            story = tell(f"bench-{size}", node, followers=max(1, size // 2))
            story.publish(Action.OPEN)
            wait_for(partial(story.is_done, Action.OPEN), seconds=300, what="orders in")
            story.wait_for_a_move()
            signals = story.publish(Action.CLOSE)
            wait_for(partial(story.is_done, Action.CLOSE), seconds=300, what="orders out")
            wait_for(story.is_settled, seconds=300, what="settled")
            began = min(signal.created_at for signal in signals)
            first, last = span(story, began)
            paid = Reward.objects.across_tenants().filter(pool__charge__close__in=story.closes())
            rewarded = (paid.latest("created_at").created_at - began).total_seconds()
            each = 1000 * rewarded / len(story.subscriptions)
            print(f"{size:>14}{first:>15.2f}{last:>14.2f}{rewarded:>15.2f}{each:>9.1f}")


def span(story, began) -> tuple[float, float]:
    """Seconds to the first and to the last closing order that the centre heard of."""
    heard = Order.objects.across_tenants().filter(ticket__in=story.tickets(Action.CLOSE))
    times = [(at - began).total_seconds() for at in heard.values_list("reported_at", flat=True)]
    return min(times), max(times)


if __name__ == "__main__":
    main()
