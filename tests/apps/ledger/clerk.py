"""A process that moves points among many others: `python -m tests.apps.ledger.clerk NAME TURNS`.

It works on the database that its environment names, among all the accounts there, and
prints as JSON what it made and which refusals it was given. Anything else ends it.
"""

import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from apps.core.errors import DomainError  # noqa: E402
from apps.ledger.models import Account, Transfer  # noqa: E402
from apps.ledger.movement import Movement  # noqa: E402
from engine.money import UNIT  # noqa: E402
from tests.apps.ledger.books import make  # noqa: E402


def so_many(asked: str) -> Iterator[int]:
    """Turns until there were so many, or until so many seconds are over: "60", "30s"."""
    ends_at = time.monotonic() + int(asked[:-1]) if asked.endswith("s") else None
    for turn in itertools.count():
        if turn >= int(asked) if ends_at is None else time.monotonic() >= ends_at:
            return
        yield turn


def work(name: str, asked: str) -> dict[str, object]:
    chance = random.Random(name)
    accounts = list(Account.objects.across_tenants().filter(may_owe=False).order_by("pk"))
    made, refused = {}, Counter()
    for turn in so_many(asked):
        # The first ones are asked of every clerk, under the same keys.
        who = "everybody" if turn < 5 else name
        dice = random.Random(f"everybody:{turn}") if turn < 5 else chance
        batch = [
            Movement(
                key=f"{who}:{turn}:{place}",
                debit=debit,
                credit=credit,
                amount=dice.randrange(1, 40 * 10**8) * UNIT,
                reason=Transfer.Reason.RECHARGE,
            )
            for place in range(dice.choice([1, 1, 1, 5, 20]))
            for debit, credit in [dice.sample(accounts, 2)]
        ]
        try:
            make(batch)
        except DomainError as error:
            refused[error.code] += 1
            continue
        made |= {movement.key: str(movement.amount) for movement in batch}
    return {"made": made, "refused": refused}


if __name__ == "__main__":
    print(json.dumps(work(sys.argv[1], sys.argv[2])))
