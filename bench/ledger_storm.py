"""Many processes transfer among few accounts, and the books are looked at afterwards.

    python -m bench.ledger_storm [--seconds 30] [--processes 8] [--accounts 20]

On the database that DATABASE_URL names, or SQLite. Nothing may be lost, nothing made twice, and
no process may meet anything but a named refusal. It ends with 1 if something was.
"""

import tests.environment  # noqa: I001  (secrets and files of its own, before settings)

import argparse
import json
import os
import subprocess
import sys
from collections import Counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.db import connection  # noqa: E402

from apps.ledger.models import Transfer  # noqa: E402
from apps.ledger.services import transfer_many  # noqa: E402
from apps.ledger.verification import first_misfit  # noqa: E402
from tests.apps.ledger.books import balances, movement, open_books  # noqa: E402
from tests.apps.ledger.test_processes import address  # noqa: E402

NAMED = {"insufficient_points", "busy"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--accounts", type=int, default=20)
    asked = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = (
        str(tests.environment.VAR / "bench.sqlite3")
        if connection.vendor == "sqlite"
        else f"test_ironbull_bench_{os.getpid()}"
    )
    old_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        return storm(asked.processes, asked.seconds, asked.accounts)
    finally:
        connection.creation.destroy_test_db(old_name, verbosity=0)


def storm(processes: int, seconds: int, accounts: int) -> int:
    issued, *cards = open_books(accounts)
    transfer_many([movement(f"start:{card.pk}", issued, card, 100) for card in cards])
    connection.close()
    clerks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.apps.ledger.clerk", f"clerk-{number}", f"{seconds}s"],
            env=os.environ | {"DATABASE_URL": address()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    said = [clerk.communicate() for clerk in clerks]
    faults = [
        err.strip().splitlines()[-1:]
        for clerk, (_, err) in zip(clerks, said, strict=True)
        if clerk.returncode or err
    ]
    told = [json.loads(out) for (out, _err) in said if out]
    refused = sum((Counter(one["refused"]) for one in told), Counter())
    made: dict[str, str] = {}
    for one in told:
        made |= one["made"]
    rows = Transfer.objects.across_tenants().exclude(key__startswith="start:")
    kept = {row.key: str(row.amount) for row in rows}
    problems = {
        "a process ended with": faults,
        "a refusal without a name": sorted(set(refused) - NAMED),
        "transfers that were told and are not there": sorted(made.keys() - kept.keys())[:3],
        "transfers that are there and were not told": sorted(kept.keys() - made.keys())[:3],
        "other amounts than were told": [key for key in made if made[key] != kept.get(key)][:3],
        "the books": [told for told in [first_misfit()] if told],
        "an account owes": [str(row) for row in balances()[1:] if row < 0],
        "the sum is not zero": [str(sum(balances()))] if sum(balances()) else [],
    }
    print(
        f"{connection.vendor}: {processes} processes, {accounts} accounts, {seconds} s: "
        f"{len(kept)} transfers, refused {dict(refused)}"
    )
    found = {what: which for what, which in problems.items() if which}
    for what, which in found.items():
        print(f"  FAULT: {what}: {which}")
    print("  nothing lost, nothing twice, every refusal by name" if not found else "  NOT GOOD")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
