"""Five hundred people who look at pages that change: over streams, and by asking again and again.

    DATABASE_URL=… python -m bench.live [--viewers 500] [--seconds 60] [--changes 5] [--every 5]

Of ten viewers six look at the dashboard, three at the orders, one at the arena, from another
process, with 25 to a login. The server is the product's own, with one worker. Told are the streams
that were kept, the time from a change to the last viewer who was told of it, and what it took:
memory and processor of the server, and the database's questions a second (MariaDB; whoever else
asks it is counted, too). Then as many ask for their page every few seconds.

The database is the one that DATABASE_URL names: one for measuring, for what is made is left there.
"""

import tests.environment  # noqa: F401, I001  (secrets and files of its own, before settings)

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
os.environ["LOG_LEVEL"] = "ERROR"
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from apps.core.models import RefusedMessage  # noqa: E402
from apps.orders.models import Order  # noqa: E402
from bench.lives.viewers import Seen, look  # noqa: E402
from ironbull.management.commands.up import answers, gunicorn_options  # noqa: E402
from tests.factories import UserFactory  # noqa: E402
from tests.servers import free_port  # noqa: E402

DASHBOARD, ORDERS, ARENA = "/admin/", "/admin/orders/order/", "/arena/"
PAGES = [DASHBOARD] * 6 + [ORDERS] * 3 + [ARENA]
TO_A_LOGIN = 25
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--changes", type=int, default=5)
    parser.add_argument("--every", type=float, default=5, help="seconds between two askings")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    settings.ALLOWED_HOSTS.append("testserver")
    cookies = [logged_in(number) for number in range(-(-asked.viewers // TO_A_LOGIN))]
    places = [
        (PAGES[number % len(PAGES)], cookies[number % len(cookies)])
        for number in range(asked.viewers)
    ]
    orders = Order.objects.across_tenants().count()
    print(f"{asked.viewers} viewers, {orders} orders, {connection.vendor}, load {load()}")
    for every in (None, asked.every):
        with server() as web:
            before = web.memory()
            with looking(web.port, places, every) as results:
                time.sleep(10)
                spent = Spent(web)
                changed = [change(number) for number in range(asked.changes)] if not every else []
                time.sleep(max(0, asked.seconds - spent.seconds()))
                spent.end()
            tell(every, results, changed, spent, before)


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def logged_in(number: int) -> str:
    client = Client()
    name = f"viewer-{time.time_ns()}-{number}"
    client.force_login(UserFactory(tenant=None, is_superuser=True, username=name))
    return f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"


def change(number: int) -> tuple[str, str, float]:
    """Something changes that the dashboard shows, or a row of the orders: page, part and moment."""
    time.sleep(6)
    if number % 2:
        order = Order.objects.across_tenants().first()
        renamed = f"{order.client_order_id.partition('~')[0]}~{number}"
        Order.objects.across_tenants().filter(pk=order.pk).update(client_order_id=renamed)
        return ORDERS, "rows", time.monotonic()
    RefusedMessage.objects.create(
        queue="bench", digest=f"{time.time_ns():064x}", reason="a bench's"
    )
    return DASHBOARD, "waiting", time.monotonic()


# --- the server, and who looks


class Web:
    def __init__(self, process: subprocess.Popen, port: int) -> None:
        self.process, self.port = process, port

    def pids(self) -> list[str]:
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [str(self.process.pid), *found.split()]

    def memory(self) -> float:
        """What all its processes hold, in MB."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def worked(self) -> float:
        """Processor seconds."""
        rows = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in self.pids()]
        return sum(int(ticks) for row in rows for ticks in row.split()[11:13]) / TICKS


@contextmanager
def server():
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", *gunicorn_options(port)]
    process = subprocess.Popen(command, env=dict(os.environ))
    try:
        while not answers(f"http://127.0.0.1:{port}"):
            time.sleep(0.2)
        yield Web(process, port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def looking(port, places, every):
    """Viewers in a process of their own; what they saw is in the list once they have left."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=look, args=(theirs, port, places, every))
    process.start()
    results: list[Seen] = []
    try:
        ours.recv()
        yield results
        ours.send("over")
        results.extend(ours.recv())
    finally:
        process.join(30)
        process.kill()


class Spent:
    """What the server and the database do in a stretch of time."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._since, self._worked, self._asked = time.monotonic(), web.worked(), questions()

    def seconds(self) -> float:
        return time.monotonic() - self._since

    def end(self) -> None:
        self.took = seconds = self.seconds()
        self.busy = (self._web.worked() - self._worked) / seconds
        self.asked = (questions() - self._asked) / seconds
        self.memory = self._web.memory()


def questions() -> int:
    if connection.vendor != "mysql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


# --- what came out


def tell(every, results: list[Seen], changed, spent: Spent, before: float) -> None:
    if every is None:
        kept = sum(one.is_kept for one in results)
        print(f"\nstreams: {kept} of {len(results)} kept", refusals(results))
        for page, part, at in changed:
            took = [since for one in results if one.page == page if (since := after(one, part, at))]
            watching = sum(one.page == page for one in results)
            print(
                f"  {part:8} {len(took)} of {watching} told; the first after {min(took):.2f} s, "
                f"half of them {statistics.median(took):.2f} s, the last {max(took):.2f} s"
            )
    else:
        took = sorted(one for seen in results for one in seen.took)
        wanted = len(results) * (spent.took + 10) / every
        print(f"\nasking every {every:g} s: {len(took)} of {wanted:.0f} answers", refusals(results))
        if took:
            print(
                f"  an answer took {statistics.median(took):.2f} s, "
                f"of twenty one {took[len(took) * 19 // 20]:.2f} s, the longest {took[-1]:.2f} s"
            )
    sent = sum(one.size for one in results) / 1e6
    print(
        f"  server: {spent.memory:.0f} MB ({before:.0f} before), {spent.busy:.2f} processors, "
        f"{sent:.0f} MB sent; database: {spent.asked:.0f} questions a second; load {load()}"
    )


def refusals(results: list[Seen]) -> str:
    wrong = sorted({one.status for one in results if one.status != 200})
    return f"(also ended with {', '.join(map(str, wrong))})" if wrong else ""


def after(seen: Seen, part: str, at: float) -> float | None:
    """How long after that moment this part was told."""
    return next((moment - at for moment, names in seen.told if moment > at and part in names), None)


if __name__ == "__main__":
    main()
