"""Counting the levels of a large tree: `python -m bench.levels [--members 100000] [--depth 30]`.

Prints the time and the statements of one count, beside asking for one member's team after
another (a sample of them, on the same rows). Look at the ratio; absolute times are the machine's.
"""

import tests.environment  # noqa: I001  (secrets and files of its own, before settings)

import argparse
import os
import random
import time
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Sum  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.members.models import Member  # noqa: E402
from apps.members.services import open_tenant  # noqa: E402
from apps.rewards.services import recompute_levels  # noqa: E402
from apps.venues.models import Venue, VenueAccount  # noqa: E402

SAMPLE = 200


def grow(tenant, members: int, depth: int) -> None:
    """A tree of so many members, as deep as asked, each with one account of some equity."""
    chance = random.Random(1)
    root = tenant.root_member
    rows = [root]
    start = root.pk + 1
    made = []
    for number in range(members):
        above = rows[-1] if 0 < number < depth else rows[chance.randrange(len(rows))]
        while above.path.count("/") >= depth:
            above = rows[chance.randrange(len(rows))]
        member = Member(
            pk=start + number,
            tenant=tenant,
            email=f"member{number}@example.com",
            password="!",
            invite_code=f"B{number:07d}",
            inviter=above,
            path=f"{above.path}{above.pk}/",
        )
        rows.append(member)
        made.append(member)
    Member.objects.of(tenant).bulk_create(made, batch_size=5000)
    VenueAccount.objects.of(tenant).bulk_create(
        [
            VenueAccount(
                tenant=tenant,
                member=member,
                venue=Venue.PAPER,
                label="futures",
                equity=Decimal(chance.randrange(0, 5000)),
            )
            for member in made
        ],
        batch_size=5000,
    )


def one_by_one(tenant, sample: int) -> float:
    """Seconds to ask for the team holding of some members, a query each."""
    members = list(Member.objects.of(tenant).order_by("?")[:sample])
    started = time.perf_counter()
    for member in members:
        accounts = VenueAccount.objects.of(tenant).filter(
            member__path__startswith=f"{member.path}{member.pk}/"
        )
        accounts.aggregate(Sum("equity"))
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--depth", type=int, default=30)
    asked = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = (
        str(tests.environment.VAR / "bench.sqlite3")
        if connection.vendor == "sqlite"
        else f"test_ironbull_bench_{os.getpid()}"
    )
    old_name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        call_command("load_fixtures", verbosity=0)
        tenant = open_tenant(name="Acme").tenant
        grow(tenant, asked.members, asked.depth)
        for turn in ("first count, every standing new", "second count, nothing to change"):
            with CaptureQueriesContext(connection) as queries:
                started = time.perf_counter()
                counted = recompute_levels(tenant=tenant, now=timezone.now())
                took = time.perf_counter() - started
            print(
                f"{turn}: {counted.members} members, {counted.rose} rose: "
                f"{took:.2f} s, {len(queries)} statements"
            )
        slow = one_by_one(tenant, SAMPLE) / SAMPLE * counted.members
        print(f"one query per member would take {slow:.0f} s (from {SAMPLE}): {slow / took:.0f} x")
    finally:
        connection.creation.destroy_test_db(old_name, verbosity=0)


if __name__ == "__main__":
    main()
