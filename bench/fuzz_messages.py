"""Messages that nobody sent, laid onto every queue of a running house.

    python -m bench.fuzz_messages [--messages 100000] [--seed 1] [--seconds 600]

Real messages are recorded and then changed: bytes, fields, types, sizes, signatures, versions,
the keys of another node, the queue. Not one may become an order or end a worker, and what asks
for anything that nobody asked for has to be kept with a reason. The set-up is the one that
DATABASE_URL and BROKER_URL name, or the embedded default. It ends with 1 if something was not so.
"""

import tests.environment  # noqa: I001  (secrets and files of its own, before settings)

import argparse
import math
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.db import connection  # noqa: E402

from apps.core.models import RefusedMessage  # noqa: E402
from ironbull.celery import app  # noqa: E402
from tests.walks.fuzz import attacked  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf, help="no more after these")
    asked = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = (
        str(tests.environment.VAR / "bench.sqlite3")
        if connection.vendor == "sqlite"
        else f"test_ironbull_bench_{os.getpid()}"
    )
    old_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        print(f"database {connection.vendor}, broker {app.conf.broker_url.partition(':')[0]}")
        return fuzz(asked.seed, asked.messages, asked.seconds)
    finally:
        connection.creation.destroy_test_db(old_name, verbosity=0)


def fuzz(seed: int, messages: int, seconds: float) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        say = partial(print, flush=True)
        done = attacked(Path(directory), seed, messages, seconds=seconds, say=say)
    print(
        f"seed {seed}: {done.pushed} messages in {time.monotonic() - began:.0f} s, "
        f"{done.to_refuse} to be refused, {done.foreign} reports of another node, "
        f"{RefusedMessage.objects.count()} kept under different names"
    )
    for fault in done.faults[:20]:
        print(f"  FAULT: {fault}")
    if not done.faults:
        print("  0 orders, 0 worker exits, each kept with a reason")
    return bool(done.faults)


if __name__ == "__main__":
    sys.exit(main())
