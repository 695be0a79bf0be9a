"""Lists as files, made in the background: asked for, worked on, stopped, fetched, forgotten.

What a list shows is asked anew when the file is made, as the person who wanted it: with the rights
that they have by then.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import IO

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import DatabaseError
from django.test import RequestFactory
from django.utils import timezone, translation
from openpyxl import Workbook

from apps.console.models import Export, ExportPart
from apps.core import audit
from apps.core.admin import TENANT_KEY, HouseAdmin
from apps.core.errors import BadInput, Conflict, DomainError, LimitReached, NotAllowed
from apps.core.exports import CHUNK, XLSX
from apps.core.later import publish
from apps.core.middleware import zone_of
from apps.core.states import move

Status = Export.Status
TYPES = {Export.Form.CSV: "text/csv; charset=utf-8", Export.Form.XLSX: XLSX}
PART = 512 * 1024
# How many of one person are under way at once.
MOST_OPEN = 3
# What a sheet holds beside its headings; a CSV holds everything.
LONGEST_SHEET = 1_048_575
KEPT = timedelta(days=7)
# A worker that was silent so long is dead; what was not made in a day never is.
SILENT, GIVEN_UP = timedelta(minutes=2), timedelta(days=1)


class Overtaken(Exception):
    """It was stopped, or somebody else took it up: what this worker made is thrown away."""


def ask_export(*, user, tenant, of: str, query: str, form: str) -> Export:
    """Have a list made into a file, as it is filtered."""
    if form not in Export.Form.values:
        raise BadInput("a file is csv or xlsx", field="form")
    if len(query) > Export._meta.get_field("query").max_length:
        raise BadInput("this filter is too long", field="query")
    if user.exports.filter(status__in=Export.OPEN).count() >= MOST_OPEN:
        raise LimitReached(f"{MOST_OPEN} of your exports are under way: wait, or stop one")
    language = translation.get_language() or settings.LANGUAGE_CODE
    export = Export(user=user, tenant=tenant, of=of, query=query, form=form, language=language)
    # What may not be seen, or cannot be filtered so, is refused here already.
    export.total = rows_of(export)[1].count()
    if form == Export.Form.XLSX and export.total > LONGEST_SHEET:
        raise BadInput(f"a sheet holds {LONGEST_SHEET:,} rows: take CSV", field="form")
    export.save()
    audit.record("export.asked", export, after={"of": of, "query": query}, tenant=tenant)
    publish("console.export", {"export_id": export.pk})
    return export


def rows_of(export: Export):
    """The list's own resource and rows, as its person sees them at this moment."""
    model = apps.get_model(export.of)
    model_admin = admin.site._registry.get(model)
    request = RequestFactory().get(f"/?{export.query}")
    request.user, request.session = export.user, {TENANT_KEY: export.tenant_id}
    if not (
        export.user.is_active
        and isinstance(model_admin, HouseAdmin)
        and model_admin.has_export_permission(request)
    ):
        raise NotAllowed(f"{model._meta.verbose_name_plural} are not yours to see")
    try:
        rows = model_admin.get_export_queryset(request)
    except IncorrectLookupParameters as error:
        raise BadInput("the list cannot be filtered so", field="query") from error
    return model_admin.get_export_resource_classes(request)[0](), rows


def work(*, export_id: int) -> None:
    """Make the file that was asked for, unless it was stopped or another has it."""
    export = Export.objects.select_related("user__tenant", "tenant").get(pk=export_id)
    started = timezone.now()
    try:
        move(export, to=Status.RUNNING, allowed=Export.MOVES, seen_at=started, done=0)
    except Conflict:
        return
    try:
        with translation.override(export.language), timezone.override(zone_of(export.user)):
            size = write(export)
        move(export, to=Status.DONE, allowed=Export.MOVES, size=size, expires_at=started + KEPT)
    except (Overtaken, Conflict):
        # Who stopped it has removed what there was then.
        ExportPart.objects.filter(export=export, export__status=Status.STOPPED).delete()
    except (DomainError, DatabaseError, LookupError) as error:
        told = {"problem": str(error)[:300], "seen_at": timezone.now()}
        Export.objects.filter(pk=export.pk, status=Status.RUNNING).update(
            status=Status.FAILED, **told
        )


def write(export: Export) -> int:
    resource, rows = rows_of(export)
    with tempfile.TemporaryFile() as file:
        lines = lines_of(export, resource, rows)
        WRITERS[export.form](file, resource.get_export_headers(), lines)
        size = file.tell()
        file.seek(0)
        export.parts.all().delete()
        for number, content in enumerate(iter(lambda: file.read(PART), b"")):
            note(export)
            ExportPart.objects.create(export=export, number=number, content=content)
    return size


def lines_of(export: Export, resource, rows) -> Iterator[list[object]]:
    """The cells of each row, newest first; after each page it is asked whether to go on."""
    is_native, last, done = export.form == Export.Form.XLSX, None, 0
    ordered = rows.order_by("-pk")
    while page := list((ordered if last is None else ordered.filter(pk__lt=last))[:CHUNK]):
        for row in page:
            yield resource.export_resource(row, force_native_type=is_native)
        last, done = page[-1].pk, done + len(page)
        note(export, done=done)


def note(export: Export, **about) -> None:
    """Say that it is worked on, unless it is no longer this worker's."""
    mine = Export.objects.filter(pk=export.pk, status=Status.RUNNING, seen_at=export.seen_at)
    export.seen_at = timezone.now()
    if not mine.update(seen_at=export.seen_at, **about):
        raise Overtaken


def write_csv(file: IO[bytes], headings: list[str], lines: Iterable[list[object]]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows(lines)
    text.detach()


def write_xlsx(file: IO[bytes], headings: list[str], lines: Iterable[list[object]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(headings)
    for line in lines:
        sheet.append(line)
    book.save(file)


WRITERS = {Export.Form.CSV: write_csv, Export.Form.XLSX: write_xlsx}


def stop_export(*, export: Export) -> None:
    """Have it made no further; what there is of it goes."""
    move(export, to=Status.STOPPED, allowed=Export.MOVES)
    export.parts.all().delete()


def content_of(export: Export) -> Iterator[bytes]:
    """The file, a part at a time: it may be larger than memory."""
    for number in range(export.parts.count()):
        yield bytes(export.parts.get(number=number).content)


def sweep(*, now: datetime) -> None:
    """Name again what nobody works on, and forget files whose time is over."""
    left = Export.objects.filter(status=Status.RUNNING, seen_at__lt=now - SILENT)
    old = left.filter(created_at__lt=now - GIVEN_UP)
    old.update(status=Status.FAILED, problem="it could not be made within a day")
    left.update(status=Status.QUEUED, seen_at=None)
    waiting = Export.objects.filter(status=Status.QUEUED, created_at__lt=now - SILENT)
    for key in waiting.values_list("pk", flat=True):
        publish("console.export", {"export_id": key})
    for export in Export.objects.filter(status=Status.DONE, expires_at__lt=now):
        move(export, to=Status.EXPIRED, allowed=Export.MOVES)
        export.parts.all().delete()
