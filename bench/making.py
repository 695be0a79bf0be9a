"""Market making beside hftbacktest and plain Python loops, in one run.

    python -m bench.making RAW.gz [--peer PYTHON] [--turns N]

Replay: one recording of depth and trades (Binance ETHUSDT, 345 s), quoted by the closed form with
one order a side, the same latency, queue and fees, a look every 200 ms. Ours is the maker that
trades live: its looks and the floor are compiled, what it does with orders is Python; hftbacktest's
strategy is machine code and does less: no states, breakers, budget, chases, figures or books in
whole units. The plain loop is that
strategy on a floor of dictionaries. Each is given the recording ready in memory; what counts is
the process's own time, the best of several turns in which all take their turn.

The paper's experiment: its six rows, ours with their tables, against a path after the other.

A decision is what the maker does with a look: sample, model, quotes, comparison with what stands.

Absolute times are this host's: look at the ratios. hftbacktest is installed apart, from
bench/requirements-making.txt, for it needs another numba.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATHS = 100_000
# Of how many the plain loop does; its time is scaled.
PLAIN_PATHS = 1_000


def run(*program: object) -> dict:
    done = subprocess.run(
        [str(each) for each in program],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{program[1:4]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(*words: object) -> dict:
    return run(sys.executable, "-m", "bench.makings.ours", *words)


def best(turns: list[dict]) -> dict:
    return min(turns, key=lambda told: told["seconds"])


def tell(what: str, own: dict, others: dict[str, dict], goals: dict[str, float]) -> None:
    print(f"\n{what}")
    rate = f"{own['rows'] / own['seconds']:14,.0f} rows/s" if "rows" in own else ""
    print(f"  {'ours':14}{own['seconds'] * 1000:12,.1f} ms{rate}")
    for name, told in others.items():
        ratio, goal = told["seconds"] / own["seconds"], goals[name]
        rate = f"{told['rows'] / told['seconds']:14,.0f} rows/s" if "rows" in told else ""
        met = "met" if ratio >= goal else "MISSED"
        print(
            f"  {name:14}{told['seconds'] * 1000:12,.1f} ms{rate}  "
            f"ours is {ratio:.2f} times as fast (goal {goal:.2f}: {met})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--peer", type=Path, help="a Python that has hftbacktest")
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ironbull-making-") as made:
        peer = asked.peer or install(Path(made) / "peer")
        replays: dict[str, list[dict]] = {"ours": [], "hftbacktest": [], "plain loop": []}
        by_peer = ROOT / "bench" / "makings" / "by_hftbacktest.py"
        for _ in range(asked.turns):
            replays["ours"].append(ours("replay", asked.recording, 5))
            replays["hftbacktest"].append(run(peer, by_peer, asked.recording, 5))
            plain = run(sys.executable, "-m", "bench.makings.plain", asked.recording)
            replays["plain loop"].append(plain)
        own = best(replays.pop("ours"))
        goals = {"hftbacktest": 1 / 3, "plain loop": 20}
        tell("Replay", own, {name: best(turns) for name, turns in replays.items()}, goals)
        for name, told in {"ours": own, **{n: best(t) for n, t in replays.items()}}.items():
            print(f"  {name}: {told['looks']} looks, {told['fills']} fills")
        p50, p99 = own["decisions"]
        print(f"  a decision: p50 {p50:.0f} us, p99 {p99:.0f} us, own time")
        seconds, rows = own["with_best_seconds"], own["with_best_rows"]
        print(f"  with best prices: {seconds * 1000:,.1f} ms, {rows / seconds:,.0f} rows/s")
    turns = [
        (ours("paper", PATHS, 2), run(sys.executable, "-m", "bench.makings.plain_paper", 1000))
        for _ in range(asked.turns)
    ]
    own, plain = best([one for one, _ in turns]), best([other for _, other in turns])
    plain["seconds"] *= PATHS / PLAIN_PATHS
    tell(f"The paper's experiment, {PATHS:,} paths", own, {"plain loop": plain}, {"plain loop": 50})
    print(f"  profits, ours:  {[round(each, 2) for each in own['profits']]}")
    print(f"  profits, plain: {[round(each, 2) for each in plain['profits']]}")
    small = best([ours("paper", PLAIN_PATHS, 5) for _ in range(asked.turns)])
    plain["seconds"] *= PLAIN_PATHS / PATHS
    tell("The same, 1,000 paths", small, {"plain loop": plain}, {"plain loop": 50})


def install(where: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(where)], check=True)
    python, peers = where / "bin" / "python", ROOT / "bench" / "requirements-making.txt"
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", peers], check=True)
    return python


if __name__ == "__main__":
    main()
