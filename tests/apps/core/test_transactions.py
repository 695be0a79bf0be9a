"""What a transaction costs the server beside its statements."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from apps.tenants.models import Tenant
from tests.factories import TenantFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite is no server"),
]


def told() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SHOW SESSION STATUS WHERE Variable_name"
            " IN ('Com_set_option', 'Com_begin', 'Com_commit', 'Com_rollback')"
        )
        return {name: int(times) for name, times in cursor.fetchall()}


def since(before: dict[str, int]) -> dict[str, int]:
    return {name: times - before[name] for name, times in told().items()}


def test_a_transaction_is_begun_and_committed_and_nothing_else():
    before = told()
    with transaction.atomic():
        TenantFactory()
    assert since(before) == {
        "Com_set_option": 0,
        "Com_begin": 1,
        "Com_commit": 1,
        "Com_rollback": 0,
    }


def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_is_its_own():
    before = told()
    with pytest.raises(ZeroDivisionError):
        fail_after(TenantFactory)
    assert since(before)["Com_rollback"] == 1
    assert not Tenant.objects.exists()
    # A statement outside of a transaction is committed by itself.
    TenantFactory()
    connection.close()
    assert Tenant.objects.count() == 1


@transaction.atomic
def fail_after(do: Callable[[], object]) -> None:
    do()
    raise ZeroDivisionError
