"""Backtests beside backtesting.py, vectorbt and a plain Python loop, in one run.

    python -m bench.backtest [--quick]

One cross of two exponential averages (12 and 26) on a year of one-minute bars, filled at the
next open with five basis points of fees, without and with a stop (0.5 %) and a target (1 %)
inside the bar. Each ends with every trade, the account's worth at each bar and the deepest
fall. Warm is the best of several runs in one process, in that process's own time; cold is a
new process from its start to its end, by the clock, with what the product keeps on disk.

The sweep is 1,000 pairs of averages on 100,000 bars, each to its final worth; vectorbt is
given 100 columns at a time, which is what its memory allows.

The worth at every bar is compared. backtesting.py closes what is held at the end, so that its
last bar is another; with stops vectorbt's own rules differ from the day on which they first do.

Absolute times are this host's: look at the ratios. The peers are installed apart, from
bench/requirements-backtest.txt. nautilus_trader is not here: it needs an older pandas than
these two, and minutes for what they do in seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.backtests import market

ROOT = Path(__file__).resolve().parent.parent
CONTENDERS = ("ours", "plain", "by_vectorbt", "by_backtesting")
BARS = 525_600


class Bench:
    def __init__(self, peers: str, path: Path) -> None:
        self.environment = os.environ | {"PYTHONPATH": peers}
        self.path = path

    def run(self, contender: str, *words: object) -> str:
        # Peers stand behind what the product itself brings, as its own packages do for it.
        program = [sys.executable, "-m", f"bench.backtests.{contender}", *map(str, words)]
        environment = os.environ if contender in ("ours", "plain") else self.environment
        done = subprocess.run(
            program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{contender} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout

    def warm(self, contender: str, stops: str, rounds: int) -> float:
        told = self.run(contender, "warm", self.path, stops, rounds, contender)
        return json.loads(told.splitlines()[-1])["seconds"]

    def cold(self, contender: str, stops: str) -> float:
        taken = []
        for _ in range(2):
            begun = time.perf_counter()
            self.run(contender, "once", self.path, stops, 0)
            taken.append(time.perf_counter() - begun)
        return min(taken)

    def sweep(self, contender: str, stops: str, pairs: int, threads: int = 1) -> dict:
        told = self.run(contender, "sweep", self.path, stops, pairs, threads)
        return json.loads(told.splitlines()[-1])

    def curve(self, contender: str) -> np.ndarray:
        return np.load(f"{self.path}.{contender}.npy")


def tell(what: str, seconds: dict[str, float], goals: dict[str, float]) -> None:
    print(f"\n{what}")
    for name, taken in seconds.items():
        ratio, goal = taken / seconds["ours"], goals.get(name)
        wanted = f"  (goal {goal:g}: {'met' if ratio >= goal else 'MISSED'})" if goal else ""
        beside = "" if name == "ours" else f"  ours is {ratio:8.1f} times as fast{wanted}"
        print(f"  {name:16}{taken * 1000:12,.2f} ms{beside}")


def measure_one(bench: Bench, stops: str) -> None:
    rounds = {"ours": 30, "plain": 3, "by_vectorbt": 15, "by_backtesting": 1}
    warm = {name: bench.warm(name, stops, rounds[name]) for name in CONTENDERS}
    tell(f"Warm, {stops}", warm, {"by_vectorbt": 40})
    ours = bench.curve("ours")
    for name in CONTENDERS[1:]:
        other = bench.curve(name)
        apart = np.abs(other / ours - 1)
        print(
            f"  worth beside {name}: {(apart > 1e-9).sum()} of {len(apart)} bars are apart by more"
        )
        print(f"    than 1e-9, the most is {apart.max():.1e}")
    cold = {name: bench.cold(name, stops) for name in CONTENDERS}
    tell(f"Cold, {stops}", cold, {"by_backtesting": 7})


def measure_sweep(bench: Bench, stops: str, pairs: int, goal: float) -> None:
    peer = bench.sweep("by_vectorbt", stops, pairs)
    every = len(market.PAIRS)
    rounds = [[bench.sweep("ours", stops, every, threads) for threads in (1, 2)] for _ in range(3)]
    scale = every / pairs
    note = "" if pairs == every else f", vectorbt's {pairs} pairs scaled"
    own = {"ours": min(one["own"] for one, _ in rounds), "by_vectorbt": peer["own"] * scale}
    tell(f"Sweep, {stops}{note}, own time, 1 thread", own, {})
    taken = min(two["seconds"] for _, two in rounds)
    clock = {"ours": taken, "by_vectorbt": peer["seconds"] * scale}
    tell(f"Sweep, {stops}{note}, by the clock, 2 threads", clock, {"by_vectorbt": goal})
    apart = np.abs(np.array(peer["worth"]) / np.array(rounds[0][0]["worth"][:pairs]) - 1)
    print(f"  worths beside vectorbt: at most {apart.max():.1e} apart")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the bars and pairs")
    parser.add_argument("--peers", help="a directory in which the peers already are")
    asked = parser.parse_args()
    share = 5 if asked.quick else 1
    with tempfile.TemporaryDirectory(prefix="ironbull-backtests-") as made:
        peers = asked.peers or install(Path(made) / "peers")
        path = Path(made) / "market.npy"
        market.write(path, BARS // share)
        bench = Bench(peers, path)
        for stops in ("plain", "stops"):
            measure_one(bench, stops)
        measure_sweep(bench, "plain", len(market.PAIRS) // share, 500)
        measure_sweep(bench, "stops", len(market.PAIRS) // share, 150)


def install(peers: Path) -> str:
    peer_list = str(ROOT / "bench" / "requirements-backtest.txt")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(peers), "-r", peer_list]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return str(peers)


if __name__ == "__main__":
    main()
