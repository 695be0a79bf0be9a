"""Transfers per second beside django-hordak and beside plain SQL, on one MariaDB, in one run.

    python -m bench.ledger [--database mysql://root@127.0.0.1:3306] [--quick]

The contenders take turns, so that what else the machine does hits all of them; the best of
three rounds counts. Absolute rates are this host's: look at the ratios. django-hordak is
installed apart, from bench/requirements-ledger.txt.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
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
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, contender: str, *words: object) -> float:
        return seconds(self.start(contender, *words))

    def writers(self, contender: str, count: int) -> float:
        """Seconds that the slowest of several writers took, each with so many transfers."""
        begin = time.time() + 8
        started = [self.start(contender, "single", count, seed, begin) for seed in range(WRITERS)]
        return max([seconds(process) for process in started])

    def rates(self, count: int, work, contenders=CONTENDERS) -> dict[str, float]:
        best = dict.fromkeys(contenders, 0.0)
        for _ in range(ROUNDS):
            for contender in contenders:
                best[contender] = max(best[contender], count / work(contender))
        return best


def seconds(process: subprocess.Popen[str]) -> float:
    told, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a contender ended with {process.returncode}")
    return float(told.split()[-1])


def tell(what: str, rates: dict[str, float], goals: dict[str, float]) -> None:
    rivals = [name for name in rates if name != "ours"]
    print(f"\n{what}")
    for name, rate in rates.items():
        print(f"  {name:8}{rate:10,.0f} /s")
    for name in rivals:
        ratio, goal = rates["ours"] / rates[name], goals.get(name)
        wanted = f"  (goal {goal:g}: {'met' if ratio >= goal else 'MISSED'})" if goal else ""
        print(f"  ours is {ratio:.2f} x {name}{wanted}")


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
    count = 2000 // share
    tell(
        "One by one, one connection",
        bench.rates(count, lambda name: bench.run(name, "single", count, 1)),
        {"hordak": 3},
    )
    tell(
        f"One by one, {WRITERS} writers",
        bench.rates(count * 2, lambda name: bench.writers(name, count * 2 // WRITERS)),
        {"hordak": 6},
    )
    many = 50_000 // share
    batches = bench.rates(
        many, lambda name: bench.run(name, "batch", many, 1000), contenders=("ours", "raw")
    )
    few = 2000 // share
    batches |= bench.rates(
        few, lambda name: bench.run(name, "batch", few, 1000), contenders=("hordak",)
    )
    tell("In batches of 1,000", batches, {"hordak": 60, "raw": 0.6})
    print("\nOne balance, as its history grows")
    for _ in range(3):
        bench.run("ours", "batch", many, 1000)
        bench.run("hordak", "batch", few, 1000)
        ours, hordak = (bench.run(name, "read", 200, 1) / 200 for name in ("ours", "hordak"))
        print(f"  ours {ours * 1000:.3f} ms, hordak {hordak * 1000:.3f} ms")


if __name__ == "__main__":
    main()
