"""Storms over a house that trades: is one order sent twice, or one fill lost?

    python -m bench.chaos [--seeds 20] [--orders 500] [--set-up both|embedded|servers] [--at-once 2]
    python -m bench.chaos --seeds 5 --first 16
    python -m bench.chaos --seed 7 --set-up servers

Real workers, and the paper exchange over HTTP in three dialects. Every process is killed
again and again, at random and at failpoints; the broker is emptied; Redis and MariaDB (our
own, on free ports) are killed and started; lines are held and cut; the exchange times out,
refuses, accepts late, and denies what it has done. `both` takes turns from seed to seed.
Afterwards every account is compared with the exchange's own truth. It ends with 1 if
anything differs, or if something is unfinished for 120 s after the last fault without
growing less. A seed is told of as it ends; stopped with Ctrl-C, it tells of those that have
ended.
"""

import tests.environment  # noqa: I001  (secrets and files of its own, before settings)

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import servers

SET_UPS = ("embedded", "servers")
MARK = "RESULT "


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="how many, counted from --first")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, help="one alone, in this process")
    parser.add_argument("--orders", type=int, default=500, help="tickets that end, for each seed")
    parser.add_argument("--seconds", type=float, default=600, help="the longest storm")
    parser.add_argument("--at-once", type=int, default=1, help="storms beside each other")
    parser.add_argument("--followers", type=int, default=6, help="a story's subscriptions each way")
    parser.add_argument("--set-up", choices=["both", *SET_UPS], default="both")
    parser.add_argument("--keep", type=Path, help="where the logs of the processes stay")
    asked = parser.parse_args()
    # Stopped either way, everything that was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if asked.seed is not None:
        return run_here(asked)
    seeds = range(asked.first, asked.first + asked.seeds)
    told = []
    try:
        for result in storms(seeds, asked):
            told.append(result)
            print(line_of(result), flush=True)
    except KeyboardInterrupt:
        print("stopped")
    return report(told, of=len(seeds))


def set_up_of(seed: int, asked: argparse.Namespace) -> str:
    return SET_UPS[seed % len(SET_UPS)] if asked.set_up == "both" else asked.set_up


def storms(seeds: range, asked: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Each seed in a process of its own, so many at once; results as they come."""
    running: set[subprocess.Popen[str]] = set()
    with ThreadPoolExecutor(asked.at_once) as pool:
        ahead = [pool.submit(run_apart, seed, asked, running) for seed in seeds]
        try:
            for one in as_completed(ahead):
                yield one.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise


def run_apart(seed: int, asked: argparse.Namespace, running: set) -> dict[str, object]:
    """A seed in a process of its own; what it prints is shown as it comes."""
    set_up = set_up_of(seed, asked)
    again = [
        *("--seed", str(seed), "--set-up", set_up),
        *("--orders", str(asked.orders), "--seconds", str(asked.seconds)),
        *("--followers", str(asked.followers)),
        *(["--keep", str(asked.keep)] if asked.keep else []),
    ]
    result = {"seed": seed, "faults": ["the run itself failed"]}
    with started([sys.executable, "-m", "bench.chaos", *again], running) as process:
        for line in process.stdout:
            if line.startswith(MARK):
                result = json.loads(line.removeprefix(MARK))
            else:
                print(f"{seed:>3}| {line}", end="", flush=True)
    return result | {"set_up": set_up, "again": " ".join(again)}


@contextmanager
def started(command: list[str], running: set) -> Iterator[subprocess.Popen[str]]:
    # In a group of its own: Ctrl-C is passed on once, by us.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        running.add(process)
        yield process
    running.discard(process)


def run_here(asked: argparse.Namespace) -> int:
    set_up = set_up_of(asked.seed, asked)
    with ExitStack() as stack:
        directory = asked.keep and asked.keep / f"seed-{asked.seed}-{time.time_ns()}"
        if directory:
            directory.mkdir(parents=True)
        else:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = database = None
        if set_up == "servers":
            redis = stack.enter_context(servers.own_redis())
            database = stack.enter_context(servers.own_mariadb())
            os.environ["BROKER_URL"] = f"redis://127.0.0.1:{redis.port}/0"
            os.environ["DATABASE_URL"] = f"mysql://root@127.0.0.1:{database.port}/test_chaos"
        else:
            for name in tests.environment.ADDRESSES:
                os.environ.pop(name, None)
        print(f"seed {asked.seed}, {set_up}", flush=True)
        result = storm_on_a_new_database(asked, directory, redis, database)
    for fault in result["faults"][:20]:
        print(f"  FAULT: {fault}")
    print(MARK + json.dumps(result), flush=True)
    return bool(result["faults"])


def storm_on_a_new_database(asked, directory, redis, database) -> dict[str, object]:
    # Settings are read when these are loaded, so the servers had to be there before.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
    importlib.import_module("django").setup()
    connection = importlib.import_module("django.db").connection
    override_settings = importlib.import_module("django.test.utils").override_settings
    storm = importlib.import_module("tests.walks.storm")
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tests.environment.VAR / "chaos.sqlite3")
    connection.creation.create_test_db(verbosity=0)
    # The members of a storm need no slow password hashes.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        result = storm.run(
            seed=asked.seed,
            orders=asked.orders,
            seconds=asked.seconds,
            directory=directory,
            servers=storm.Servers(redis, database),
            followers=asked.followers,
            say=lambda line: print(line, flush=True),
        )
    return result.told()


HEADS = f"{'seed':>5} {'set-up':<9}{'orders':>7}{'fills':>7}{'deaths':>7}"
HEADS += f"{'settled s':>10}{'took s':>8}  result"


def line_of(told: dict[str, object]) -> str:
    blows = Counter(told.get("blows", {}))
    counts = f"{told.get('orders', 0):>7}{told.get('fills', 0):>7}{blows['deaths']:>7}"
    times = f"{told.get('settled_in', 0):>10.0f}{told.get('seconds', 0):>8.0f}"
    end = f"{len(told['faults'])} FAULTS" if told["faults"] else "good"
    return f"{told['seed']:>5} {told['set_up']:<9}{counts}{times}  {end}"


def report(told: list[dict[str, object]], *, of: int) -> int:
    print(f"\n{HEADS}")
    total: Counter = Counter()
    for one in sorted(told, key=lambda one: one["seed"]):
        total += Counter(one.get("blows", {}))
        total += Counter({name: one.get(name, 0) for name in ("orders", "fills")})
        print(line_of(one))
    for name, count in sorted(total.items()):
        print(f"{name:>24}{count:>8}")
    bad = [one for one in told if one["faults"]]
    for one in bad:
        print(f"FAULTS with seed {one['seed']}: {one['faults'][:3]}")
        print(f"  alone: python -m bench.chaos {one['again']}")
    if told and not bad:
        print("not one order twice, not one fill lost, ledger minus venue exactly 0")
    if len(told) < of:
        print(f"{len(told)} of {of} seeds ran")
    return bool(bad or len(told) < of)


if __name__ == "__main__":
    sys.exit(main())
