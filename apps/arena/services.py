"""Published files are taken, whole or not at all, and written again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from django.db import transaction

from apps.arena.errors import BadFile
from apps.arena.models import Record, Source
from apps.arena.published.folder import Manifest, write_set
from apps.arena.published.reading import Published, Told, plain
from apps.arena.published.shapes import Kind
from apps.arena.selectors import files_told
from apps.core import audit
from apps.core.deadlocks import retried
from apps.traders.models import Trader

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT_ONCE = 500
WRITTEN = ["place", "content", "odd", "at", "model_id"]


@dataclass
class Taken:
    """What an import of one file came to."""

    name: str
    rows: int
    new: int = 0
    # Which rows are told otherwise than before, and in which fields.
    changed: dict[str, list[str]] = field(default_factory=dict)
    odd: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return not self.new and not self.changed


@retried
@transaction.atomic
def import_files(*, files: Sequence[Published], now: datetime) -> list[Taken]:
    """Take the rows of these files: what is known stays, what is told otherwise is told."""
    named = [file.name for file in files]
    for file in files:
        if named.count(file.name) > 1 and file.kind != Kind.TRADES:
            raise BadFile(f"{file.path}: another file of these is one of {file.name}, too")
        refuse_own(file)
    return [import_file(file, now=now) for file in files]


def refuse_own(file: Published) -> None:
    """Nobody is told of under the name of a trader of ours but that trader."""
    models = {row.model_id for row in file.rows}
    own = Trader.objects.across_tenants().filter(code__in=models)
    name = own.order_by("code").values_list("code", flat=True).first()
    if name is not None:
        place = next(place for place, row in enumerate(file.rows) if row.model_id == name)
        told = f"{file.path}: row {place}: model_id: {name} is a trader of ours"
        raise BadFile(told, file=file.path, field="model_id")


def import_file(file: Published, *, now: datetime) -> Taken:
    Source.objects.get_or_create(
        name=file.name,
        defaults={"kind": file.kind, "digest": "", "imported_at": now},
    )
    # Who imports the same file beside this waits here.
    source = Source.objects.select_for_update().get(name=file.name)
    known = {record.key_hash: record for record in source.records.order_by("place", "pk")}
    taken = Taken(file.path or file.name, rows=len(file.rows))
    fresh, moved = [], []
    told = [(hash_of(row.key), row) for row in file.rows]
    for place, (key_hash, row) in enumerate(told):
        if row.odd:
            taken.odd[row.key] = row.odd
        record = known.pop(key_hash, None)
        if record is None:
            taken.new += 1
            fresh.append(record_of(source, key_hash, row, place))
            continue
        differs = differing(record, row)
        if differs:
            taken.changed[row.key] = differs
        if differs or record.place != place:
            moved.append(rewritten(record, row, place, differs))
    # What this file does not tell of stays, behind it.
    for place, record in enumerate(known.values(), len(told)):
        if record.place != place:
            record.place = place
            moved.append(record)
    Record.objects.bulk_create(fresh, batch_size=AT_ONCE)
    Record.objects.bulk_update(moved, WRITTEN, batch_size=AT_ONCE)
    keep_source(source, file, has_moved=bool(fresh or moved), now=now)
    if not taken.is_known:
        audit.record(
            "arena.import",
            source,
            after={"file": taken.name, "new": taken.new, "changed": list(taken.changed)[:20]},
        )
    return taken


def keep_source(source: Source, file: Published, *, has_moved: bool, now: datetime) -> None:
    around = {"rest": file.rest, "is_list": file.is_list, "digest": file.digest}
    if not has_moved and all(getattr(source, name) == value for name, value in around.items()):
        return
    for name, value in around.items():
        setattr(source, name, value)
    source.version += 1
    source.imported_at = now
    source.save()


def record_of(source: Source, key_hash: str, row: Told, place: int) -> Record:
    return Record(
        source=source,
        key_hash=key_hash,
        key=row.key,
        model_id=row.model_id,
        place=place,
        at=moment(row.at),
        content=row.text,
        odd=row.odd,
    )


def rewritten(record: Record, row: Told, place: int, differs: list[str]) -> Record:
    record.place = place
    if differs:
        record.content, record.odd = row.text, row.odd
        record.at, record.model_id = moment(row.at), row.model_id
    return record


def differing(record: Record, row: Told) -> list[str]:
    """The fields in which a row says something else than before; never mere spelling."""
    if record.content == row.text:
        return []
    before, after = plain(record.content.encode()), row.content
    return sorted(
        name
        for name in before.keys() | after.keys()
        if before.get(name, ...) != after.get(name, ...)
    )


@retried
@transaction.atomic
def forget(*, name: str) -> int:
    """Take an imported model, or a whole published file, out of the arena again."""
    rows = Record.objects.filter(model_id=name) | Record.objects.filter(source__name=name)
    sources = list(Source.objects.select_for_update().filter(records__in=rows).distinct())
    count = rows.count()
    rows.delete()
    for source in sources:
        source.version += 1
        source.save(update_fields=["version"])
        if not source.records.exists():
            source.delete()
    if count:
        audit.record("arena.forget", f"arena.model:{name}", before={"rows": count})
    return count


def export_files(*, folder: Path, now: datetime) -> Manifest:
    """Write all that the arena tells into a folder, as one set."""
    # One transaction: what it reads is of one moment.
    with transaction.atomic():
        files = files_told(now=now)
    return write_set(folder, files)


def hash_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def moment(seconds: Decimal | None) -> datetime | None:
    if seconds is None:
        return None
    return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
