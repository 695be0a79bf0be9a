"""One signal to a thousand accounts on three nodes, beside what one would write otherwise.

    python -m bench.fanout [--accounts 1000] [--nodes 3] [--rounds 7] [--embedded]
    python -m bench.fanout --accounts 10000 --alone [--ticket-seconds 120]
    python -m bench.fanout --steady [SECONDS] [--rate 50]

MariaDB and Redis, unless `--embedded` asks for SQLite and the broker in a file.

Measured first is the time from a published signal to its tickets queued: every row is committed,
every message lies at the broker.

- ours: planning and dispatch, with every rule asked, credentials opened and sealed to their
  nodes, messages signed;
- bulk_create + apply_async each: the rows by two `bulk_create` in one transaction, then a
  Celery message for each account. No rule is asked. Each message is sealed and signed, for a
  node trusts no other;
- save + apply_async each: the same with a row saved at a time, in one transaction;
- unsigned ids only: as the first, but its messages carry an id and nothing else: no node
  could act on them.

The contenders take turns, so that what else the machine does hits all of them, and the median
of the rounds counts. After each turn the queues are read as a node reads them: an order for
every account, and none twice. Absolute times are of this host: look at the ratios.

Then one signal walks through real workers: a centre, and nodes that trade on the paper exchange.
An order counts as sent when the exchange has it, by its own clock.

`--alone` leaves the others out, and tells the rows and the memory of so many accounts. Where one
host plays the exchange, the centre and all nodes, tickets may have to live longer than those of a
real installation (`--ticket-seconds`).

`--steady` publishes a signal every second, each to so many accounts that `--rate` orders a
second come of it, and tells every half minute what is under way and how long orders took.
"""

import argparse
import os
import resource
import statistics
import time


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=["queued", "walk"], help="one of the two measurements")
    parser.add_argument(
        "--steady", type=int, nargs="?", const=300, metavar="SECONDS", help="the steady run alone"
    )
    parser.add_argument("--alone", action="store_true", help="without anybody beside us")
    parser.add_argument("--ticket-seconds", type=int, help="how long a ticket may be placed")
    parser.add_argument("--rate", type=int, default=50, help="orders a second of the steady run")
    parser.add_argument("--embedded", action="store_true", help="SQLite, and the broker in a file")
    parser.add_argument("--database", default="mysql://root@127.0.0.1:3306/ironbull")
    parser.add_argument("--broker", default="redis://127.0.0.1:6379/7", help="its queues are used")
    return parser.parse_args()


ASKED = read_arguments()
if ASKED.embedded:
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("BROKER_URL", None)
else:
    os.environ |= {"DATABASE_URL": ASKED.database, "BROKER_URL": ASKED.broker}

import tests.environment  # noqa: E402, I001  (secrets and files of its own, before settings)

import django  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.orders import services  # noqa: E402
from apps.orders.models import Order, Ticket  # noqa: E402
from bench.fanouts.crowd import Crowd, empty, take  # noqa: E402
from bench.fanouts.peers import PEERS  # noqa: E402
from bench.fanouts.walked import print_steady, print_walk  # noqa: E402
from bench.statements import counted  # noqa: E402
from engine.order import OrderStatus  # noqa: E402
from ironbull.celery import app  # noqa: E402
from tests.factories import NodeFactory  # noqa: E402

OURS = "ours"
GOAL, BESIDE = 20, "bulk_create + apply_async each"
BEFORE = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    connection.settings_dict["TEST"]["NAME"] = (
        str(tests.environment.VAR / "bench.sqlite3")
        if connection.vendor == "sqlite"
        else f"test_ironbull_fanout_{os.getpid()}"
    )
    if ASKED.ticket_seconds:
        settings.TICKET_SECONDS = ASKED.ticket_seconds
        settings.SIGNAL_SECONDS = 6 * ASKED.ticket_seconds
    old_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        tell_set_up()
        if ASKED.steady:
            is_steady = print_steady(
                ASKED.accounts, ASKED.nodes, rate=ASKED.rate, seconds=ASKED.steady
            )
            print(f"the backlog {'does not grow' if is_steady else 'GROWS'}")
            return
        if ASKED.only != "walk":
            print_queued()
        if ASKED.only != "queued":
            print_walk(ASKED.accounts, ASKED.nodes, turns=1 if ASKED.alone else 2)
    finally:
        connection.creation.destroy_test_db(old_name, verbosity=0)


def tell_set_up() -> None:
    kept = connection.vendor
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT VERSION(), @@innodb_flush_log_at_trx_commit")
            version, flush = cursor.fetchone()
        kept = f"{version}, flush_log_at_trx_commit={flush}"
    print(f"database {kept}; broker {app.conf.broker_url.partition(':')[0]}")


def ours(signal, now) -> None:
    services.plan(signal_id=signal.pk, now=now)
    services.dispatch(now=now)


def print_queued() -> None:
    nodes = [
        NodeFactory(code=f"fan-{number}", last_heartbeat_at=timezone.now())
        for number in range(ASKED.nodes)
    ]
    crowd = Crowd("Fan", accounts=ASKED.accounts, nodes=nodes)
    empty(nodes)
    contenders = {OURS: ours} if ASKED.alone else {OURS: ours, **PEERS}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    messages, statements = {}, {}
    for turn in range(ASKED.rounds + 1):
        for name, work in contenders.items():
            signal = crowd.new_signal()
            for node in nodes:
                node.last_heartbeat_at = timezone.now()
                node.save()
            started = time.perf_counter()
            work(signal, timezone.now())
            seconds = time.perf_counter() - started
            messages[name] = look_at(signal, nodes)
            if name == OURS and turn == 0:
                statements[name] = repeated(signal, nodes)
            finish(signal)
            # The first turn warms everybody up.
            if turn:
                taken[name].append(seconds)
    for name, work in contenders.items():
        signal = crowd.new_signal()
        with counted() as count:
            work(signal, timezone.now())
        statements[name] = count[0]
        take(nodes)
        finish(signal)
    tell(taken, messages, statements)


def look_at(signal, nodes) -> int:
    """Every account has a row, and a message names its order; how many messages there were."""
    count, named = take(nodes)
    rows = Order.objects.across_tenants().filter(ticket__signal=signal, ticket__status="sent")
    written = {str(key) for key in rows.values_list("pk", flat=True)}
    if len(written) != ASKED.accounts or len(named) != len(written) or set(named) != written:
        raise SystemExit(f"{len(written)} orders written, {len(named)} sent, not one each")
    return count


def repeated(signal, nodes) -> None:
    """Planned and dispatched again, nothing is written and nothing sent."""
    ours(signal, timezone.now())
    count, _ = take(nodes)
    rows = Ticket.objects.across_tenants().filter(signal=signal).count()
    if count or rows != ASKED.accounts:
        raise SystemExit(f"a repeat wrote {rows - ASKED.accounts} rows and sent {count} messages")


def finish(signal) -> None:
    """As if every order had come to nothing, so that the next signal finds the accounts free."""
    tickets = Ticket.objects.across_tenants().filter(signal=signal)
    Order.objects.across_tenants().filter(ticket__in=tickets).update(status=OrderStatus.EXPIRED)
    tickets.update(status=Ticket.Status.EXPIRED, next_at=None)


def tell(taken, messages, statements) -> None:
    accounts = ASKED.accounts
    print(f"\nsignal to {accounts} tickets queued on {ASKED.nodes} nodes, {ASKED.rounds} rounds")
    print(
        f"{'':34}{'median ms':>10}{'best ms':>9}{'us each':>9}"
        f"{'statements':>12}{'a ticket':>10}{'messages':>10}{'a ticket':>10}"
    )
    middle = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        print(
            f"{name:34}{1000 * middle[name]:>10.1f}{1000 * min(times):>9.1f}"
            f"{1e6 * middle[name] / accounts:>9.1f}"
            f"{statements[name]:>12}{statements[name] / accounts:>10.3f}"
            f"{messages[name]:>10}{messages[name] / accounts:>10.3f}"
        )
    if ASKED.alone:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        tickets = Ticket.objects.across_tenants().count()
        orders = Order.objects.across_tenants().count()
        print(
            f"{tickets} tickets and {orders} orders in the database; "
            f"at most {peak:.0f} MB ({BEFORE:.0f} MB before the first); "
            f"load {os.getloadavg()[0]:.1f}"
        )
        return
    for name in PEERS:
        ratio = middle[name] / middle[OURS]
        best = min(taken[name]) / min(taken[OURS])
        goal = f"  (goal {GOAL}: {'met' if ratio >= GOAL else 'MISSED'})" if name == BESIDE else ""
        print(f"ours is {ratio:.1f} x {name}, {best:.1f} x best to best{goal}")


if __name__ == "__main__":
    main()
