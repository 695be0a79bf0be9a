"""Transfers per second beside django-hordak and beside plain SQL, on one MariaDB, in one run.

    python -m bench.ledger [--database mysql://root@127.0.0.1:3306] [--quick]

Every contender moves one amount at a time among the same twenty accounts, on its own database of
one server, so at the same durability (told first), and at the same isolation (read committed).

- ours: `apps.ledger.services`: keys once, refusals by name, balances and numbered lines;
- hordak: django-hordak's `transfer_to`, which keeps no balance: it sums the legs when asked;
- raw: what driver and server can do with a head, two legs and the balances, and no promises.

The goals are ratios to *one* connection of django-hordak that transfers one by one, also those of
many writers and of batches; what django-hordak does with many writers, or with 200 transfers in a
transaction, is told beside. Batches have a second goal: their share of raw ones.

The contenders take turns, so that what else the machine does hits all of them; the best of
three rounds counts. Absolute rates are this host's: look at the ratios. django-hordak is
installed apart, from bench/requirements-ledger.txt.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import MySQLdb

ROOT = Path(__file__).resolve().parent.parent
CONTENDERS = ("ours", "hordak", "raw")
ROUNDS = 3
WRITERS = 8


class Bench:
    def __init__(self, server: str, peers: str) -> None:
        self.server, self.peers = server, peers

    def address(self, contender: str) -> str:
        return f"{self.server}/test_ironbull_ledger_{contender}"

    def start(self, contender: str, *words: object) -> subprocess.Popen[str]:
        environment = os.environ | {"DATABASE_URL": self.address(contender)}
        if contender == "hordak":
            environment["PYTHONPATH"] = self.peers
        return subprocess.Popen(
            [sys.executable, "-m", f"bench.ledgers.{contender}", *map(str, words)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, contender: str, *words: object) -> float:
        return seconds(self.start(contender, *words))

    def rate(self, contender: str, what: str, count: int, size: int = 1) -> float:
        return count / self.run(contender, what, count, size)

    def writers(self, contender: str, count: int) -> float:
        """Transfers per second of several writers that begin together, until the last is done."""
        each = count // WRITERS
        started = [self.start(contender, "single", each, seed, "wait") for seed in range(WRITERS)]
        for process in started:
            process.stdout.readline()
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        return each * WRITERS / max([seconds(process) for process in started])


def best(works: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The best rate of each, in rounds in which they take turns."""
    rounds = [{name: work() for name, work in works.items()} for _ in range(ROUNDS)]
    return {name: max(rates[name] for rates in rounds) for name in works}


def seconds(process: subprocess.Popen[str]) -> float:
    told, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a contender ended with {process.returncode}")
    return float(told.split()[-1])


def tell(what: str, rates: dict[str, float], goals: dict[str, float]) -> None:
    print(f"\n{what}")
    for name, rate in rates.items():
        print(f"  {name:24}{rate:10,.0f} /s")
    for name in [name for name in rates if name != "ours"]:
        ratio, goal = rates["ours"] / rates[name], goals.get(name)
        wanted = f"  (goal {goal:g}: {'met' if ratio >= goal else 'MISSED'})" if goal else ""
        print(f"  ours is {ratio:.2f} x {name}{wanted}")


def tell_server(database: MySQLdb.Connection) -> None:
    cursor = database.cursor()
    cursor.execute(
        "SELECT VERSION(), @@innodb_flush_log_at_trx_commit, @@log_bin,"
        " @@innodb_buffer_pool_size DIV 1048576"
    )
    version, flush, log, pool = cursor.fetchone()
    print(f"{version}: flush_log_at_trx_commit={flush}, log_bin={log}, buffer pool {pool} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="mysql://root@127.0.0.1:3306")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    asked = parser.parse_args()
    share = 10 if asked.quick else 1
    server = urlparse(asked.database)
    database = MySQLdb.connect(
        host=server.hostname,
        port=server.port or 3306,
        user=server.username,
        passwd=server.password or "",
    )
    tell_server(database)
    names = [f"test_ironbull_ledger_{contender}" for contender in CONTENDERS]
    with tempfile.TemporaryDirectory(prefix="ironbull-hordak-") as peers:
        peer_list = str(ROOT / "bench" / "requirements-ledger.txt")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", peers, "-r", peer_list]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
        bench = Bench(asked.database, peers)
        try:
            for name in names:
                database.cursor().execute(f"DROP DATABASE IF EXISTS {name}")
                database.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            for contender in CONTENDERS:
                bench.run(contender, "prepare")
            measure(bench, share)
        finally:
            for name in names:
                database.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


def measure(bench: Bench, share: int) -> None:
    count, many = 2000 // share, 50_000 // share

    def one_by_one(name: str) -> Callable[[], float]:
        return lambda: bench.rate(name, "single", count)

    def writers(name: str) -> Callable[[], float]:
        return lambda: bench.writers(name, count * 4)

    tell(
        "One by one, one connection",
        best({name: one_by_one(name) for name in CONTENDERS}),
        {"hordak": 3},
    )
    tell(
        f"One by one, {WRITERS} writers",
        best(
            {
                "ours": writers("ours"),
                "hordak, one connection": one_by_one("hordak"),
                "hordak": writers("hordak"),
                "raw": writers("raw"),
            }
        ),
        {"hordak, one connection": 6},
    )
    tell(
        "In batches of 1,000",
        best(
            {
                "ours": lambda: bench.rate("ours", "batch", many, 1000),
                "hordak, one by one": one_by_one("hordak"),
                "hordak, batches of 200": lambda: bench.rate("hordak", "batch", count, 200),
                "raw": lambda: bench.rate("raw", "batch", many, 1000),
            }
        ),
        {"hordak, one by one": 60, "raw": 0.6},
    )
    print("\nOne balance, as its history grows")
    for _ in range(3):
        bench.run("ours", "batch", many, 1000)
        bench.run("hordak", "batch", count, 200)
        ours, hordak = (bench.run(name, "read", 200, 1) / 200 for name in ("ours", "hordak"))
        print(f"  ours {ours * 1000:.3f} ms, hordak {hordak * 1000:.3f} ms")


if __name__ == "__main__":
    main()
