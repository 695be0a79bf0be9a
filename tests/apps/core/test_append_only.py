"""What is written once stays: the database refuses to change or delete it, whoever asks."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction

from apps.backtests.models import Trial
from apps.core import append_only
from apps.core.audit import record
from apps.core.models import AuditEntry
from apps.ledger.models import Transfer
from apps.market_making.models import Version
from apps.members.models import LevelChange
from apps.tenants.models import Policy
from apps.traders.models import Allocation, Template
from tests.append_only import unprotected
from tests.factories import (
    AllocationFactory,
    LevelChangeFactory,
    MakerFactory,
    PolicyFactory,
    TemplateFactory,
    TransferFactory,
    TrialFactory,
)

ROWS = {
    Transfer: lambda: TransferFactory(amount=Decimal(10)),
    AuditEntry: lambda: record("test.done", "nothing:1", after={"n": 1}),
    Policy: lambda: PolicyFactory(version=1),
    LevelChange: lambda: LevelChangeFactory(),
    Trial: lambda: TrialFactory(),
    Version: lambda: MakerFactory().versions.get(),
    Template: lambda: TemplateFactory(),
    Allocation: lambda: AllocationFactory(),
}
CHANGES = {
    Transfer: {"amount": Decimal(11)},
    AuditEntry: {"actor": "mallory"},
    Policy: {"charge_rate": Decimal("0.99")},
    LevelChange: {"own_holding": Decimal(11)},
    Trial: {"score": Decimal(11)},
    Version: {"changed_by": "mallory"},
    Template: {"text": "Sell everything."},
    Allocation: {"capital_after": Decimal(11)},
}
EVERY = pytest.mark.parametrize(
    "model", append_only.append_only_models(), ids=lambda model: model._meta.label
)


def test_what_is_written_once_is_tried_here():
    assert set(append_only.append_only_models()) == set(ROWS)


@EVERY
@pytest.mark.django_db
def test_the_triggers_stand_after_every_migration(model):
    assert append_only.missing(connection, model._meta.db_table) == []


@EVERY
@pytest.mark.django_db
def test_a_row_is_never_changed(model):
    row = ROWS[model]()
    with pytest.raises(DatabaseError, match="is never changed"), transaction.atomic():
        model._base_manager.filter(pk=row.pk).update(**CHANGES[model])
    with pytest.raises(DatabaseError, match="is never changed"), transaction.atomic():
        row.save()
    kept = model._base_manager.get(pk=row.pk)
    assert [getattr(kept, name) for name in CHANGES[model]] == [
        getattr(row, name) for name in CHANGES[model]
    ]


@EVERY
@pytest.mark.django_db
def test_a_row_is_never_deleted(model):
    row = ROWS[model]()
    with pytest.raises(DatabaseError, match="is never deleted"), transaction.atomic():
        model._base_manager.filter(pk=row.pk).delete()
    with pytest.raises(DatabaseError, match="is never deleted"), transaction.atomic():
        row.delete()
    assert model._base_manager.count() == 1


@pytest.mark.django_db(transaction=True)
def test_triggers_that_are_gone_are_laid_again():
    with unprotected():
        assert append_only.missing(connection, "ledger_transfer")
        call_command("protect_rows", stdout=StringIO())
        assert append_only.missing(connection, "ledger_transfer") == []
    call_command("protect_rows", stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_who_may_not_create_triggers_is_told_what_to_do(monkeypatch):
    def refuse(*arguments):
        raise OperationalError(append_only.MAY_NOT_LAY, "you need SUPER")

    with unprotected():
        with monkeypatch.context() as patched:
            patched.setattr(append_only, "statement", refuse)
            with pytest.raises(CommandError, match="log_bin_trust_function_creators"):
                call_command("protect_rows")
        assert append_only.missing(connection, "ledger_transfer")
