"""Lists, made of a model: its columns, its filters, search, ordering, paging and export.

What is sealed or hashed is no column. A tenant's staff, and whoever looks through a tenant, see
that tenant's rows; what belongs to no tenant is the platform's.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.db import models
from django.db.models import Q, QuerySet

from apps.core.errors import BadParameter
from apps.core.exports import csv_response, xlsx_response
from apps.core.face import check_year, found, plain
from apps.core.fields import PointsField, SealedField
from apps.core.models import AuditEntry, TenantOwned
from apps.core.scope import rows
from apps.platform.face import PLATFORM, Asked, Id, Rows, Visitor, face
from apps.tenants.models import Tenant

# A password is no column, and neither is what a session is known by.
SECRET = {
    "password",
    "refresh_hash",
    "family_hash",
    "open_key",
    "live_key",
    "lease",
    "totp_step",
    "join_hash",
}
LARGEST_PAGE = 500
# More rows than these are not counted at each look.
COUNTED = 100_000
# The key of the last row that a caller has.
AFTER = "after"
EXPORTS = {"csv": csv_response, "xlsx": xlsx_response}
PageNumber = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_PAGE)]


class Listed(Asked):
    page: PageNumber = 1
    page_size: PageSize = 20
    # A column, or one with a minus before it for the other way round.
    ordering: str = ""
    search: str = ""
    export: Literal["csv", "xlsx"] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One model as a list and, by id, one row at a time."""

    name: str
    model: type[models.Model]
    search: Sequence[str]
    columns: dict[str, models.Field]
    line: type[msgspec.Struct]

    @property
    def is_platforms(self) -> bool:
        return self.model is not Tenant and not names_tenant(self.model)

    def rows(self, visitor: Visitor) -> QuerySet:
        if issubclass(self.model, TenantOwned):
            return rows(self.model, visitor.tenant)
        every = self.model.objects.all()
        if visitor.tenant is None or self.is_platforms:
            return every
        if self.model is Tenant:
            return every.filter(pk=visitor.tenant.pk)
        return every.filter(tenant=visitor.tenant)

    def line_of(self, row: models.Model, hidden: Collection[str] = ()) -> msgspec.Struct:
        """The row as it is told; what is hidden is told as empty."""
        return self.line(
            *("" if name in hidden else told(getattr(row, name)) for name in self.columns)
        )

    def hidden_from(self, visitor: Visitor) -> Collection[str]:
        """What a tenant's own staff are not told: where the platform's people sit."""
        return ("source",) if self.model is AuditEntry and visitor.user.tenant_id else ()

    def one(self, visitor: Visitor, pk: object) -> models.Model:
        return found(self.rows(visitor), what=self.model._meta.verbose_name, pk=pk)


def told(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


def names_tenant(model: type[models.Model]) -> bool:
    return any(field.name == "tenant" for field in model._meta.fields)


def listing(name: str, model: type[models.Model], *, search: Sequence[str] = ()) -> Listing:
    """Publish a model under a name: GET api/<name>, and GET api/<name>/<id>."""
    columns = {
        field.attname: field
        for field in model._meta.concrete_fields
        if not isinstance(field, SealedField) and field.name not in SECRET
    }
    types = [(column, kind_of(field)) for column, field in columns.items()]
    line = msgspec.defstruct(f"{model.__name__}Line", types, module=__name__)
    made = Listing(name, model, search, columns, line)
    asked = asked_of(made)
    right = f"{model._meta.app_label}.view_{model._meta.model_name}"
    only = PLATFORM if made.is_platforms else ""

    def list_rows(visitor: Visitor, asked):
        return page_of(made, visitor, asked)

    def read_row(visitor: Visitor, asked):
        return made.line_of(made.one(visitor, asked.id), made.hidden_from(visitor))

    plural = str(model._meta.verbose_name_plural)
    described(list_rows, f"list_{name}", asked, Rows[line], f"{plural}, the latest first.")
    key = kind_of(model._meta.pk)
    # A number that is too large for any row is refused before it is looked for.
    key = Id if key is int else key
    one = msgspec.defstruct(f"One{model.__name__}", [("id", key)], bases=(Asked,))
    described(read_row, f"read_{name}", one, line, f"One row of {plural}.")
    face.call("GET", f"api/{name}", scope=right, only=only)(list_rows)
    place = {Id: "int", UUID: "uuid"}.get(key, "str")
    face.call("GET", f"api/{name}/<{place}:id>", scope=right, only=only)(read_row)
    return made


def described(do, name: str, asked: type, told: type, text: str) -> None:
    do.__name__ = name.replace("-", "_")
    do.__doc__ = text[0].upper() + text[1:]
    do.__annotations__ = {"visitor": Visitor, "asked": asked, "return": told}


def kind_of(field: models.Field) -> Any:
    kind = bare_kind(field)
    return kind | None if field.null else kind


def bare_kind(field: models.Field) -> Any:
    if isinstance(field, models.ForeignKey):
        return bare_kind(field.target_field)
    if isinstance(field, PointsField | models.DecimalField):
        return Decimal
    for kind, fields in KINDS.items():
        if isinstance(field, fields):
            return kind
    return Any


KINDS = {
    UUID: models.UUIDField,
    bool: models.BooleanField,
    int: models.IntegerField,
    datetime: models.DateTimeField,
    date: models.DateField,
    str: (models.CharField, models.TextField),
}


def asked_of(made: Listing) -> type:
    """What a list may be asked: each column that equals something, and spans of time."""
    fields = []
    for column, field in made.columns.items():
        kind = bare_kind(field)
        if kind is datetime:
            fields += [(f"{column}_from", datetime | None), (f"{column}_until", datetime | None)]
        elif kind is int:
            fields.append((column, Id | None))
        elif kind in (bool, UUID, date) or isinstance(field, models.CharField):
            fields.append((column, kind | None))
    known = {*Listed.__struct_fields__, "tenant_id"}
    fields = [(name, kind, None) for name, kind in fields if name not in known]
    key = kind_of(made.model._meta.pk)
    fields.append((AFTER, (Id if key is int else key) | None, None))
    return msgspec.defstruct(f"List{made.model.__name__}", fields, bases=(Listed,))


def page_of(made: Listing, visitor: Visitor, asked):
    rows = searched(made, filtered(made, made.rows(visitor), asked), asked.search)
    rows = ordered(made, rows, asked.ordering)
    if asked.export:
        hidden = made.hidden_from(visitor)
        columns = {name: name for name in made.columns if name not in hidden}
        return EXPORTS[asked.export](rows, columns, name=made.name)
    start = (asked.page - 1) * asked.page_size
    # The keys first: a database may read whole rows on the way to a page that is far away.
    keys = list(
        following(made, rows, asked).values_list("pk", flat=True)[start:][: asked.page_size + 1]
    )
    more = len(keys) > asked.page_size
    if more or asked.page > 1 or getattr(asked, AFTER) is not None:
        total = rows.order_by()[: COUNTED + 1].count()
    else:
        total = len(keys)
    shown = ordered(made, rows.filter(pk__in=keys[: asked.page_size]), asked.ordering)
    hidden = made.hidden_from(visitor)
    return Rows(
        [made.line_of(row, hidden) for row in shown],
        min(total, COUNTED),
        asked.page,
        asked.page_size,
        more=more,
        total_is_exact=total <= COUNTED,
    )


def following(made: Listing, rows: QuerySet, asked) -> QuerySet:
    """The rows that follow the one that was named; by its key, which is found at any depth."""
    after = getattr(asked, AFTER)
    if after is None:
        return rows
    key = made.model._meta.pk.attname
    if asked.ordering not in ("", key, f"-{key}") or asked.page != 1:
        raise BadParameter(f"{AFTER}: with ordering by {key}, and no page", field=AFTER)
    way = "gt" if asked.ordering == key else "lt"
    return rows.filter(**{f"pk__{way}": after})


def filtered(made: Listing, rows: QuerySet, asked) -> QuerySet:
    for name in asked.__struct_fields__:
        value = getattr(asked, name)
        if value is None or name in Listed.__struct_fields__ or name == AFTER:
            continue
        column, way = name, "exact"
        for ending, lookup in (("_from", "gte"), ("_until", "lt")):
            if name.endswith(ending) and name not in made.columns:
                column, way = name.removesuffix(ending), lookup
        if way != "exact":
            check_moment(value, field=name)
        rows = rows.filter(**{f"{column}__{way}": value})
    return rows


def check_moment(moment: datetime, *, field: str) -> None:
    if moment.tzinfo is None:
        raise BadParameter(f"{field}: a moment names its zone, as in Z", field=field)
    check_year(moment, field=field)


def searched(made: Listing, rows: QuerySet, text: str) -> QuerySet:
    if not text:
        return rows
    if not made.search:
        raise BadParameter("search: this list cannot be searched", field="search")
    anywhere = Q()
    for name in made.search:
        anywhere |= Q(**{f"{name}__icontains": text})
    return rows.filter(anywhere)


def ordered(made: Listing, rows: QuerySet, ordering: str) -> QuerySet:
    name = ordering.removeprefix("-")
    if not name:
        return rows.order_by("-pk")
    if name not in made.columns:
        known = ", ".join(made.columns)
        raise BadParameter(f"ordering: one of {known}", field="ordering")
    # The key decides between equals, so that no row is on two pages.
    return rows.order_by(ordering, "-pk")
