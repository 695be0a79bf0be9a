"""What a transaction costs the server beside its statements."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from apps.ledger.models import Account
from apps.ledger.services import open_accounts
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


def test_a_transaction_without_statements_is_told_to_nobody():
    before = told()
    with transaction.atomic():
        pass
    with pytest.raises(ZeroDivisionError):
        fail_after(lambda: None)
    assert not any(since(before).values())


def test_a_first_statement_that_is_refused_is_refused_by_its_kind():
    tenant = TenantFactory()
    open_accounts(tenant=tenant, owner="tenant:1", kinds=[Account.Kind.HELD])
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.across_tenants().update(debits=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Tenant.objects.create(pk=tenant.pk, name="Another")
    assert Tenant.objects.get() == tenant


def test_many_rows_at_once_may_be_the_first_statement():
    tenants = [TenantFactory(), TenantFactory()]
    with pytest.raises(ZeroDivisionError):
        fail_after(lambda: rename(tenants))
    assert not Tenant.objects.filter(name="Renamed").exists()
    with transaction.atomic():
        rename(tenants)
    assert Tenant.objects.filter(name="Renamed").count() == 2


def rename(tenants: list[Tenant]) -> None:
    rows = [("Renamed", tenant.pk) for tenant in tenants]
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE tenants_tenant SET name = %s WHERE id = %s", rows)


def test_what_a_lost_connection_was_about_to_begin_is_forgotten():
    with transaction.atomic():
        connection.close()
    # A new connection: it counts from nothing.
    assert told()["Com_begin"] == 0
