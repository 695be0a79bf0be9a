"""A trader with its whole record as one JSON file, and from that file back into a database.

The records are the lines of its journal, and are taken in as a dead worker's are; keys of models
never leave. To take the same file in twice changes nothing.
"""

import os
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction

from apps.core import audit
from apps.core.errors import BadInput, Conflict
from apps.traders.models import Allocation, Item, Manager, Mind, Sample, Shade, Trader
from apps.traders.selectors import journal_of, minds_of
from apps.traders.services.keeping import (
    OF_MANAGER,
    OF_MIND,
    OF_TRADER,
    create_manager,
    create_mind,
    create_template,
    create_trader,
)
from apps.traders.services.leasing import claim_any, give_back
from apps.traders.services.recording import journal, take_in
from apps.venues.models import VenueAccount
from engine.deciding.errors import ChangedRecord
from engine.deciding.journal import Head, line_of, read
from engine.deciding.record import Record

SCHEMA = 1
OF_SAMPLE = ("at", "capital", "equity", "realised", "unrealised", "hour", "minute", "positions")
OF_SHADE = (
    *("symbol", "direction", "quantity", "leverage", "entry_price", "entry_fee", "stop", "target"),
    *("opened_at", "exit_price", "exit_fee", "closed_at", "closed_by"),
)


OF_ALLOCATION = ("capital_before", "capital_after", "share_before", "share_after", "inputs")


class ToldRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A line of the journal."""

    hash: str
    record: Record


class ToldMind(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    protocol: str
    base_url: str
    model: str
    params: dict[str, Any] = {}


class ToldTemplate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    text: str


class ToldTrader(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A trader as a file tells it; what it leaves out is as a new trader has it."""

    code: str
    capital: Decimal
    template: ToldTemplate
    minds: list[ToldMind]
    is_shadow: bool = False
    settings: dict[str, Any] = {}
    began_at: datetime | None = None
    schema: int = SCHEMA
    records: list[ToldRecord] = []
    samples: list[dict[str, Any]] = []
    shades: list[dict[str, Any]] = []
    # Who gave it its capital, by name, and each change of it.
    managers: dict[str, dict[str, Any]] = {}
    allocations: list[dict[str, Any]] = []


def told(trader: Trader) -> ToldTrader:
    """All of it, after its journal was read from its first line to its last."""
    head = Head(trader.head_number, trader.head_hash)
    entries = list(read(journal_of(trader), head=head))[: head.number]
    allocations = list(ordered(Allocation, trader).select_related("manager"))
    return ToldTrader(
        code=trader.code,
        capital=trader.capital,
        template=ToldTemplate(name=trader.template.name, text=trader.template.text),
        minds=[
            ToldMind(name=mind.name, **{name: getattr(mind, name) for name in OF_MIND})
            for mind in minds_of(trader)
        ],
        is_shadow=trader.is_shadow,
        settings={name: getattr(trader, name) for name in OF_TRADER if name != "template"},
        began_at=trader.began_at,
        records=[ToldRecord(hash=one.head.hash, record=one.record) for one in entries],
        samples=[as_told(row, OF_SAMPLE) for row in ordered(Sample, trader)],
        shades=[
            {**as_told(row, OF_SHADE), "decision": str(row.item.decision_id)}
            for row in ordered(Shade, trader).select_related("item")
        ],
        managers={row.manager.name: as_told(row.manager, OF_MANAGER) for row in allocations},
        allocations=[
            {
                **as_told(row, OF_ALLOCATION),
                "id": str(row.pk),
                "manager": row.manager.name,
            }
            for row in allocations
        ],
    )


def export_trader(*, trader: Trader, path: Path) -> int:
    """Write the file whole or not at all: whoever reads sees the old one or the new one."""
    content = msgspec.json.format(msgspec.json.encode(told(trader), order="deterministic"))
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with written.open("wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(written, path)
    finally:
        written.unlink(missing_ok=True)
    return len(content)


def read_told(content: bytes) -> ToldTrader:
    """What a file tells, or BadInput naming the place that is wrong."""
    try:
        one = msgspec.json.decode(content, type=ToldTrader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the file tells of no trader: {error}", field="file") from error
    if one.schema != SCHEMA:
        raise BadInput(f"the file is of schema {one.schema}, and not {SCHEMA}", field="schema")
    if unknown := one.settings.keys() - set(OF_TRADER):
        raise BadInput(f"settings: there is no {sorted(unknown)[0]}", field="settings")
    head = Head()
    for place, line in enumerate(one.records):
        _, head = line_of(line.record, head)
        if head.hash != line.hash:
            raise BadInput(f"a record is not as it was written: $.records[{place}]", field="file")
    return one


def import_trader(*, account: VenueAccount, told: ToldTrader, now: datetime) -> Trader:
    """The trader of a file, with all that it has decided; what is known of it stays as it is."""
    with transaction.atomic():
        trader = known_or_new(account, told, now=now)
    mine = claim_any(trader=trader, now=now)
    try:
        take_in_records(mine, told.records, now=now)
        take_in_rows(mine, told)
        take_in_allocations(mine, told, now=now)
    finally:
        give_back(mine)
    return Trader.objects.of(account.tenant_id).get(pk=trader.pk)


# Inside.


def known_or_new(account: VenueAccount, told: ToldTrader, *, now: datetime) -> Trader:
    rows = Trader.objects.across_tenants().filter(code=told.code)
    if known := rows.first():
        if known.venue_account_id != account.pk:
            raise Conflict("there is another trader of this code", field="code")
        return known
    tenant = account.member.tenant
    template = create_template(tenant=tenant, name=told.template.name, text=told.template.text)
    trader = create_trader(
        account=account,
        code=told.code,
        minds=[mind_of(tenant, mind) for mind in told.minds],
        capital=told.capital,
        is_shadow=told.is_shadow,
        now=now,
        template=template,
        **told.settings,
    )
    if told.began_at:
        trader.began_at = told.began_at
        trader.save(update_fields=["began_at"])
    audit.record("trader.imported", trader, after={"records": len(told.records)})
    return trader


def mind_of(tenant, told: ToldMind) -> Mind:
    known = Mind.objects.of(tenant).filter(name=told.name).first()
    return known or create_mind(tenant=tenant, **msgspec.to_builtins(told))


def take_in_records(trader: Trader, records: Iterable[ToldRecord], *, now: datetime) -> None:
    """Append what its journal does not have, and take in what the database does not."""
    with journal(trader) as book:
        head = Head()
        for line in records:
            _, head = line_of(line.record, head)
            if head.number > book.head.number:
                book.append(line.record)
            if head == book.head and head.hash != line.hash:
                raise ChangedRecord("is another journal", at=head.number)
        for entry in read(journal_of(trader), head=Head(trader.head_number, trader.head_hash)):
            if entry.head.number > trader.head_number:
                take_in(trader=trader, entry=entry, lease=trader.lease, now=now)


@transaction.atomic
def take_in_rows(trader: Trader, told: ToldTrader) -> None:
    rows = Sample.objects.of(trader.tenant_id)
    samples = [from_told(Sample, one, OF_SAMPLE, trader) for one in told.samples]
    rows.bulk_create(samples, ignore_conflicts=True)
    items = {
        (str(item.decision_id), item.symbol): item
        for item in Item.objects.of(trader.tenant_id).filter(decision__trader=trader)
    }
    known = set(ordered(Shade, trader).values_list("item", flat=True))
    for one in told.shades:
        item = items.get((one.pop("decision", ""), one.get("symbol")))
        if item is None:
            raise BadInput("a shadow position is of no decision", field="shades")
        if item.pk not in known:
            shade = from_told(Shade, one, OF_SHADE, trader)
            shade.item = item
            shade.open_key = None if shade.closed_at else f"{trader.pk}:{shade.symbol}"
            shade.save()


@transaction.atomic
def take_in_allocations(trader: Trader, told: ToldTrader, *, now: datetime) -> None:
    """Who gave it what; a manager that nobody knows here shares nothing out by itself."""
    for one in told.allocations:
        name = one.pop("manager", "")
        allocation = from_told(Allocation, one, (*OF_ALLOCATION, "id"), trader)
        known = Allocation.objects.across_tenants().filter(pk=allocation.pk).first()
        if known is None:
            allocation.manager = manager_of(trader, name, told, now=now)
            allocation.save(force_insert=True)
        elif known.trader_id != trader.pk:
            raise Conflict("an allocation is another trader's", field="allocations")


def manager_of(trader: Trader, name: str, told: ToldTrader, *, now: datetime) -> Manager:
    known = Manager.objects.of(trader.tenant_id).filter(name=name).first()
    if known:
        return known
    values = told.managers.get(name, {})
    if set(values) != set(OF_MANAGER):
        raise BadInput(f"nothing is told of the manager {name!r}", field="managers")
    told_of = {key: read_value(Manager, key, value) for key, value in values.items()}
    tenant = trader.venue_account.member.tenant
    return create_manager(tenant=tenant, name=name, now=now, **told_of | {"is_active": False})


def ordered(model, trader: Trader):
    return model.objects.of(trader.tenant_id).filter(trader=trader).order_by("pk")


def as_told(row, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def from_told(model, told: dict[str, Any], names: tuple[str, ...], trader: Trader):
    if told.keys() - set(names):
        raise BadInput(f"a row of {model.__name__} has other fields", field="file")
    row = model(tenant_id=trader.tenant_id, trader=trader)
    for name, value in told.items():
        setattr(row, name, read_value(model, name, value))
    return row


def read_value(model, name: str, value: object):
    try:
        return model._meta.get_field(name).to_python(value)
    except (ValidationError, ArithmeticError, TypeError, ValueError) as error:
        told = f"a {model._meta.model_name}'s {name} cannot be {str(value)[:40]!r}"
        raise BadInput(told, field=name) from error
