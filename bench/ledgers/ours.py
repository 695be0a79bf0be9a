"""Our ledger: `apps.ledger.services`."""

import tests.environment  # noqa: F401, I001  (secrets and files of its own, before settings)

import os
import secrets
from collections.abc import Callable
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.core.management import call_command  # noqa: E402

from apps.ledger.models import Account, Transfer  # noqa: E402
from apps.ledger.movement import Movement  # noqa: E402
from apps.ledger.selectors import account  # noqa: E402
from apps.ledger.services import open_accounts, transfer, transfer_many  # noqa: E402
from apps.tenants.models import Tenant  # noqa: E402
from bench.ledgers import ACCOUNTS, pairs, play  # noqa: E402

ONE = Decimal(1)
REASON = Transfer.Reason.RECHARGE


def prepare() -> Callable[[], None]:
    call_command("migrate", verbosity=0)
    tenant = Tenant.objects.create(name="Acme")
    for place in range(ACCOUNTS):
        open_accounts(tenant=tenant, owner=f"member:{place}", kinds=[Account.Kind.ISSUED])
    return lambda: None


def movements(count: int, seed: int) -> list[Movement]:
    accounts = list(Account.objects.across_tenants().order_by("pk"))
    run = secrets.token_hex(8)
    return [
        Movement(f"{run}:{place}", accounts[debit], accounts[credit], ONE, REASON)
        for place, (debit, credit) in enumerate(pairs(count, seed))
    ]


def single(count: int, seed: int) -> Callable[[], None]:
    asked = movements(count, seed)

    def run() -> None:
        for movement in asked:
            transfer(
                key=movement.key,
                debit=movement.debit,
                credit=movement.credit,
                amount=movement.amount,
                reason=movement.reason,
            )

    return run


def batch(count: int, size: int) -> Callable[[], None]:
    asked = movements(count, size)

    def run() -> None:
        for start in range(0, count, size):
            transfer_many(asked[start : start + size])

    return run


def read(count: int, _seed: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(count):
            account("member:0", Account.Kind.ISSUED).balance  # noqa: B018 - it is what is timed

    return run


if __name__ == "__main__":
    play(prepare=prepare, single=single, batch=batch, read=read)
