"""A transaction that lost a lock is tried again, whole, and ends in a named refusal at worst."""

import sqlite3
import threading

import pytest
from django.db import IntegrityError, OperationalError, transaction

from apps.core import deadlocks
from apps.core.deadlocks import TRIES, retried
from apps.core.errors import Busy
from apps.tenants.models import Tenant
from tests.at_once import at_once
from tests.factories import TenantFactory


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(deadlocks.time, "sleep", lambda seconds: None)


def sqlite_error(code):
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = code
    error = OperationalError("database is locked")
    error.__cause__ = cause
    return error


LOST = {
    "deadlock": OperationalError(1213, "Deadlock found"),
    "lock wait": OperationalError(1205, "Lock wait timeout exceeded"),
    "busy": sqlite_error(sqlite3.SQLITE_BUSY),
    "busy, extended": sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
}


class Service:
    def __init__(self, error, times):
        self.error, self.times, self.calls = error, times, 0
        self.run = retried(self.body)

    def body(self, *, answer):
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", LOST.values(), ids=LOST)
def test_it_is_tried_again(error):
    service = Service(error, times=TRIES - 1)
    assert service.run(answer=7) == 7
    assert service.calls == TRIES


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", LOST.values(), ids=LOST)
def test_in_the_end_the_caller_is_told_by_name(error):
    service = Service(error, times=TRIES)
    with pytest.raises(Busy):
        service.run(answer=7)
    assert service.calls == TRIES


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error",
    [
        OperationalError(2006, "the server has gone away"),
        IntegrityError(1062, "duplicate"),
        sqlite_error(sqlite3.SQLITE_FULL),
    ],
)
def test_another_error_is_not_tried_again(error):
    service = Service(error, times=1)
    with pytest.raises(type(error)):
        service.run(answer=7)
    assert service.calls == 1


@pytest.mark.django_db
def test_inside_a_transaction_only_the_outermost_is_tried_again():
    service = Service(LOST["deadlock"], times=1)
    with pytest.raises(OperationalError), transaction.atomic():
        service.run(answer=7)
    assert service.calls == 1


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)
def test_a_real_deadlock_costs_a_second_try_and_nothing_else():
    pairs = [TenantFactory().pk, TenantFactory().pk]
    both_hold_one = threading.Barrier(2, timeout=10)
    tries = []

    def rename(first, second):
        met = False

        @retried
        @transaction.atomic
        def whole():
            nonlocal met
            tries.append(first)
            Tenant.objects.select_for_update().get(pk=first)
            if not met:
                met = True
                both_hold_one.wait()
            Tenant.objects.filter(pk__in=[first, second]).update(name=f"by {first}")

        whole()
        return "done"

    assert at_once(2, rename, pairs, pairs[::-1]) == ["done", "done"]
    assert len(tries) == 3
    assert len(set(Tenant.objects.values_list("name", flat=True))) == 1


@pytest.mark.django_db(transaction=True)
def test_what_was_written_before_the_lock_was_lost_is_gone():
    calls = []

    @retried
    @transaction.atomic
    def open_and_lose():
        TenantFactory(name="Acme")
        calls.append(Tenant.objects.count())
        if len(calls) < 3:
            raise LOST["deadlock"]

    open_and_lose()
    assert calls == [1, 1, 1]
    assert Tenant.objects.count() == 1
