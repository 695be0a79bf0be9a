"""Tenant scope by construction: tenant-owned rows are asked for through a tenant.

`Member.objects.filter(…)` raises; `Member.objects.of(tenant)` and, where a job
serves the whole platform, `Member.objects.across_tenants()` do not.
"""

from django.core.exceptions import FieldError
from django.db import models

from apps.core.errors import StrangerRow, TenantNeeded
from apps.core.fields import NotPoints, PointsField


class RowsQuerySet(models.QuerySet):
    """Rows whose points are only ever written as points."""

    def update(self, **changes):
        for name, value in changes.items():
            if hasattr(value, "resolve_expression"):
                self._check_points(name, value)
        return super().update(**changes)

    update.alters_data = True

    def _check_points(self, name, value):
        field = self.model._meta.get_field(name)
        if isinstance(field, PointsField):
            resolved = value.resolve_expression(self.query.chain(), allow_joins=False)
            try:
                makes = resolved.output_field
            except FieldError:
                makes = None
            if not isinstance(makes, PointsField):
                NotPoints()


class ScopedQuerySet(RowsQuerySet):
    """Rows of one tenant; what is created through it belongs to that tenant."""

    _tenant_id = None

    def _clone(self):
        clone = super()._clone()
        clone._tenant_id = self._tenant_id
        return clone

    def create(self, **kwargs):
        if self._tenant_id is not None and "tenant" not in kwargs:
            kwargs.setdefault("tenant_id", self._tenant_id)
        row = self.model(**kwargs)
        self._refuse_others(row)
        self._for_write = True
        row.save(force_insert=True, using=self.db)
        return row

    create.alters_data = True

    def bulk_create(self, objs, *args, **kwargs):
        rows = list(objs)
        for row in rows:
            if row.tenant_id is None:
                row.tenant_id = self._tenant_id
            self._refuse_others(row)
            refuse_strangers(row)
        return super().bulk_create(rows, *args, **kwargs)

    bulk_create.alters_data = True

    def _refuse_others(self, row):
        if self._tenant_id not in (None, row.tenant_id):
            raise StrangerRow(f"a {row._meta.label} of another tenant than the one asked for")

    def update(self, **changes):
        if not changes.keys().isdisjoint({"tenant", "tenant_id"}):
            raise StrangerRow("a row never changes its tenant")
        return super().update(**changes)

    update.alters_data = True


class ScopedManager(models.Manager):
    use_in_migrations = False

    def get_queryset(self):
        raise TenantNeeded(
            f"{self.model.__name__}.objects.of(tenant) or .across_tenants(): say whose rows"
        )

    def of(self, tenant) -> ScopedQuerySet:
        """The rows of one tenant, named by its row or its id."""
        tenant_id = getattr(tenant, "pk", tenant)
        if tenant_id is None:
            raise TenantNeeded(f"{self.model.__name__}.objects.of(None): that is nobody's")
        rows = ScopedQuerySet(self.model, using=self._db)
        rows._tenant_id = tenant_id
        return rows.filter(tenant_id=tenant_id)

    def across_tenants(self) -> ScopedQuerySet:
        """Every tenant's rows: for beat jobs, sweeps and platform staff."""
        return ScopedQuerySet(self.model, using=self._db)


def rows(model, tenant) -> ScopedQuerySet:
    """A tenant's rows, or everybody's where no tenant is in view."""
    return model.objects.of(tenant) if tenant else model.objects.across_tenants()


def owned_links(model) -> list[models.Field]:
    """The model's foreign keys to rows that also belong to a tenant."""
    return [
        field
        for field in model._meta.concrete_fields
        if field.remote_field
        and isinstance(getattr(field.related_model, "objects", None), ScopedManager)
    ]


def refuse_strangers(row, *, look_up: bool = False) -> None:
    """Refuse a row that points at another tenant's row.

    Related rows in hand cost nothing to compare. Those known by id only are read with
    `look_up`; bulk writers do without, and `manage.py verify_tenants` reads them all.
    """
    for field in owned_links(type(row)):
        if field.is_cached(row):
            related = getattr(row, field.name)
            owner = row.tenant_id if related is None else related.tenant_id
        elif look_up and getattr(row, field.attname) is not None:
            found = field.related_model._base_manager.filter(pk=getattr(row, field.attname))
            owner = found.values_list("tenant_id", flat=True).first()
        else:
            continue
        # A related row that does not exist is for the database's own foreign key to refuse.
        if owner not in (row.tenant_id, None):
            raise StrangerRow(f"{row._meta.label}.{field.name} is a row of another tenant")


def strangers(model) -> dict[str, int]:
    """How many rows point at another tenant's row, by the name of the foreign key."""
    found = {}
    for field in owned_links(model):
        astray = models.Q(**{f"{field.name}__isnull": False}) & ~models.Q(
            **{f"{field.name}__tenant": models.F("tenant")}
        )
        count = model._base_manager.filter(astray).count()
        if count:
            found[field.name] = count
    return found
