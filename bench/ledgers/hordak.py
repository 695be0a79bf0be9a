"""django-hordak, as its own documentation uses it: `account.transfer_to(other, Money(...))`."""

import os
from collections.abc import Callable

import dj_database_url
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"])},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "mptt",
        "djmoney",
        "hordak",
    ],
    USE_TZ=True,
    SECRET_KEY="bench",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    HORDAK_DECIMAL_PLACES=8,
    HORDAK_MAX_DIGITS=20,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from hordak.models import Account  # noqa: E402
from moneyed import Money  # noqa: E402

from bench.ledgers import ACCOUNTS, pairs, play  # noqa: E402

ONE = Money(1, "EUR")


def prepare() -> Callable[[], None]:
    call_command("migrate", verbosity=0)
    for place in range(ACCOUNTS):
        Account.objects.create(
            name=f"account {place}", code=str(place), type="IN", currencies=["EUR"]
        )
    return lambda: None


def single(count: int, seed: int) -> Callable[[], None]:
    accounts = list(Account.objects.order_by("pk"))
    asked = list(pairs(count, seed))

    def run() -> None:
        for debit, credit in asked:
            with transaction.atomic():
                accounts[debit].transfer_to(accounts[credit], ONE)

    return run


def batch(count: int, size: int) -> Callable[[], None]:
    accounts = list(Account.objects.order_by("pk"))
    asked = list(pairs(count, size))

    def run() -> None:
        for start in range(0, count, size):
            with transaction.atomic():
                for debit, credit in asked[start : start + size]:
                    accounts[debit].transfer_to(accounts[credit], ONE)

    return run


def read(count: int, _seed: int) -> Callable[[], None]:
    account = Account.objects.order_by("pk").first()

    def run() -> None:
        for _ in range(count):
            account.get_balance()

    return run


if __name__ == "__main__":
    play(prepare=prepare, single=single, batch=batch, read=read)
