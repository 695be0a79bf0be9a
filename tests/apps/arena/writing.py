"""A process of its own that writes sets into a folder, one after the other, until it is killed.

python -m tests.apps.arena.writing FOLDER NUMBER
"""

import sys
from itertools import count
from pathlib import Path

from apps.arena.published.folder import write_set

FILES = ("trades.json", "analytics.json", "leaderboard.json")
# More than goes to the disk at once.
LENGTH = 200_000


def files_of(number):
    """Every file of a set says which set it is of, from its first word to its last."""
    return {name: (f"{number:08d}" * (LENGTH // 8)).encode() for name in FILES}


if __name__ == "__main__":
    for number in count(int(sys.argv[2])):
        write_set(Path(sys.argv[1]), files_of(number))
        print(number, flush=True)
