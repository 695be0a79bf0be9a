"""Contenders of `python -m bench.ledger`: each a process that moves amounts among accounts.

    python -m bench.ledgers.<name> prepare
    python -m bench.ledgers.<name> single COUNT SEED [wait]
    python -m bench.ledgers.<name> batch COUNT SIZE
    python -m bench.ledgers.<name> read

The database is the one that DATABASE_URL names. What is printed last is the seconds it took. Who
is to wait says "ready", and begins at the next line that it is told.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator

ACCOUNTS = 20


def pairs(count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Places of the two accounts of each transfer."""
    chance = random.Random(seed)
    for _ in range(count):
        first = chance.randrange(ACCOUNTS)
        yield first, (first + chance.randrange(1, ACCOUNTS)) % ACCOUNTS


def play(**doing: Callable[..., Callable[[], None]]) -> None:
    """Do what the command line asks for. Each gives back what is to be timed, made ready."""
    name, *rest = sys.argv[1:]
    arguments = [int(word) for word in rest[:2]]
    if name != "prepare":
        # Connections, caches and imports are not what is measured.
        doing[name](20, 10)()
    timed = doing[name](*arguments)
    if "wait" in rest:
        print("ready", flush=True)
        sys.stdin.readline()
    started = time.perf_counter()
    timed()
    print(time.perf_counter() - started)
