"""Backtests beside backtesting.py, vectorbt, nautilus_trader and a plain Python loop, in one run.

    python -m bench.backtest [--quick]

One cross of two exponential averages (12 and 26) on a year of one-minute bars, filled at the
next open with five basis points of fees, without and with a stop (0.5 %) and a target (1 %)
inside the bar. Each ends with every trade, the account's worth at each bar and the deepest
fall. Warm is the best of several runs, in the process's own time; cold is a new process from its
start to its end, by the clock, with what the product keeps on disk. The contenders take turns,
and the best of each counts: what else the machine does is less in it.

The sweep is 1,000 pairs of averages on 100,000 bars, each to its final worth; vectorbt is
given 100 columns at a time, which is what its memory allows.

Trades and the worth at every bar are compared. backtesting.py closes what is held at the end, so
that its last bar is another; with stops vectorbt's own rules differ from the day on which they
first do. nautilus_trader is given a tenth of the bars, in which its cost is linear, and its
time is scaled: it rounds prices to ticks, so that nothing of it is compared but that.

Absolute times are this host's: look at the ratios. The peers are installed apart, from
bench/requirements-backtest.txt and bench/requirements-nautilus.txt, for they need other pandas.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from bench.backtests import market

ROOT = Path(__file__).resolve().parent.parent
CONTENDERS = ("ours", "plain", "by_vectorbt", "by_backtesting")
PEERS = {"by_vectorbt": "backtest", "by_backtesting": "backtest", "by_nautilus": "nautilus"}
BARS = 525_600
# How much less nautilus_trader is given.
SHARE = 10
TURNS = 3


class Bench:
    def __init__(self, peers: Path, path: Path, bars: int) -> None:
        self.peers, self.path, self.bars = peers, path, bars

    def run(self, contender: str, what: str, bars: int, *words: object) -> str:
        program = [sys.executable, "-m", f"bench.backtests.{contender}", what, str(self.path)]
        environment = dict(os.environ)
        if contender in PEERS:
            environment["PYTHONPATH"] = str(self.peers / PEERS[contender])
        done = subprocess.run(
            [*program, str(bars), *map(str, words)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{contender} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout

    def warm(self, contender: str, stops: str, rounds: int, bars: int | None = None) -> float:
        told = self.run(contender, "warm", bars or self.bars, stops, rounds, contender)
        return json.loads(told.splitlines()[-1])["seconds"]

    def cold(self, contender: str, stops: str) -> float:
        begun = time.perf_counter()
        self.run(contender, "once", self.bars, stops, 0)
        return time.perf_counter() - begun

    def sweep(self, contender: str, stops: str, pairs: int, threads: int = 1) -> dict:
        told = self.run(contender, "sweep", market.SWEEP_BARS, stops, pairs, threads)
        return json.loads(told.splitlines()[-1])

    def column(self, contender: str, name: str) -> np.ndarray:
        return np.load(f"{self.path}.{contender}.{name}.npy")


def tell(what: str, seconds: dict[str, float], goals: dict[str, float]) -> None:
    print(f"\n{what}")
    for name, taken in seconds.items():
        ratio, goal = taken / seconds["ours"], goals.get(name)
        wanted = f"  (goal {goal:g}: {'met' if ratio >= goal else 'MISSED'})" if goal else ""
        beside = "" if name == "ours" else f"  ours is {ratio:8.1f} times as fast{wanted}"
        print(f"  {name:16}{taken * 1000:12,.2f} ms{beside}", flush=True)


def best_in_turns(
    names: Iterable[str], turns: int, work: Callable[[str], float]
) -> dict[str, float]:
    """Everybody once, then everybody again: the best of each."""
    taken = [{name: work(name) for name in names} for _ in range(turns)]
    return {name: min(turn[name] for turn in taken) for name in names}


def measure_one(bench: Bench, stops: str) -> None:
    rounds = {"ours": 30, "plain": 2, "by_vectorbt": 10, "by_backtesting": 1}
    warm = best_in_turns(CONTENDERS, TURNS, lambda name: bench.warm(name, stops, rounds[name]))
    if stops == "plain":
        warm["by_nautilus"] = SHARE * bench.warm("by_nautilus", stops, 1, bench.bars // SHARE)
    tell(f"Warm, {stops}", warm, {"by_vectorbt": 40})
    for name in CONTENDERS[1:]:
        compare(bench, name)
    cold = best_in_turns(CONTENDERS, TURNS, lambda name: bench.cold(name, stops))
    tell(f"Cold, {stops}", cold, {"by_backtesting": 7})


def compare(bench: Bench, name: str) -> None:
    apart = np.abs(bench.column(name, "curve") / bench.column("ours", "curve") - 1)
    is_apart = (apart > 1e-9).sum()
    print(f"  worth beside {name}: {is_apart} of {len(apart)} bars are apart by more than 1e-9,")
    print(f"    the most is {apart.max():.1e}")
    if name not in PEERS:
        return
    own, other = (
        {trade[0]: trade for trade in bench.column(each, "trades").tolist()}
        for each in ("ours", name)
    )
    same = sum(entry in other and np.allclose(own[entry], other[entry], 1e-9, 0) for entry in own)
    print(f"  trades beside {name}: {same} of {len(own)} on the same bars, at prices to 1e-9")


def measure_sweep(bench: Bench, stops: str, pairs: int, goal: float) -> None:
    every = len(market.PAIRS)
    scale = every / pairs
    note = "" if pairs == every else f", vectorbt's {pairs} pairs scaled"
    turns = [
        [bench.sweep("ours", stops, every, threads) for threads in (1, 2)] for _ in range(TURNS)
    ]
    peer = bench.sweep("by_vectorbt", stops, pairs)
    turns += [
        [bench.sweep("ours", stops, every, threads) for threads in (1, 2)] for _ in range(TURNS)
    ]
    own = {"ours": min(one["own"] for one, _ in turns), "by_vectorbt": peer["own"] * scale}
    tell(f"Sweep, {stops}{note}, own time, 1 thread", own, {})
    taken = min(two["seconds"] for _, two in turns)
    clock = {"ours": taken, "by_vectorbt": peer["seconds"] * scale}
    tell(f"Sweep, {stops}{note}, by the clock, 2 threads", clock, {"by_vectorbt": goal})
    apart = np.abs(np.array(peer["worth"]) / np.array(turns[0][0]["worth"][:pairs]) - 1)
    print(f"  worths beside vectorbt: at most {apart.max():.1e} apart")


def measure_growth(bench: Bench) -> None:
    print(
        "\nGrowth: own time for each bar, and for each pair of a sweep with what it takes at most"
    )
    for bars in (bench.bars // 4, bench.bars // 2, bench.bars):
        taken = min(bench.warm("ours", "stops", 30, bars) for _ in range(TURNS))
        print(f"  {bars:8,} bars{taken / bars * 1e9:10.2f} ns a bar")
    for pairs in (250, 500, 1000):
        turns = [bench.sweep("ours", "stops", pairs) for _ in range(TURNS)]
        each = min(turn["own"] for turn in turns) / pairs
        peak = min(turn["peak"] for turn in turns)
        print(f"  {pairs:8,} pairs{each * 1e6:9.1f} us a pair{peak / 1024:9.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the bars and pairs")
    parser.add_argument("--peers", type=Path, help="a directory in which the peers already are")
    asked = parser.parse_args()
    share = 5 if asked.quick else 1
    with tempfile.TemporaryDirectory(prefix="ironbull-backtests-") as made:
        peers = asked.peers or install(Path(made) / "peers")
        path = Path(made) / "market.npy"
        market.write(path, BARS // share)
        bench = Bench(peers, path, BARS // share)
        for stops in ("plain", "stops"):
            measure_one(bench, stops)
        measure_sweep(bench, "plain", len(market.PAIRS) // share, 500)
        measure_sweep(bench, "stops", len(market.PAIRS) // share, 150)
        measure_growth(bench)


def install(peers: Path) -> Path:
    for name in set(PEERS.values()):
        peer_list = str(ROOT / "bench" / f"requirements-{name}.txt")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(peers / name)]
        subprocess.run([*pip, "-r", peer_list], check=True, stderr=subprocess.DEVNULL)
    return peers


if __name__ == "__main__":
    main()
