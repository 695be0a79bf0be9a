"""Tenant scope by construction: tenant-owned rows are asked for through a tenant.

`Member.objects.filter(…)` raises; `Member.objects.of(tenant)` and, where a job
serves the whole platform, `Member.objects.across_tenants()` do not.
"""

from django.db import models

from apps.core.errors import TenantNeeded


class ScopedQuerySet(models.QuerySet):
    """Rows of one tenant; what is created through it belongs to that tenant."""

    _tenant = None

    def _clone(self):
        clone = super()._clone()
        clone._tenant = self._tenant
        return clone

    def create(self, **kwargs):
        if self._tenant is not None:
            kwargs.setdefault("tenant", self._tenant)
        return super().create(**kwargs)


class ScopedManager(models.Manager):
    use_in_migrations = False

    def get_queryset(self):
        raise TenantNeeded(
            f"{self.model.__name__}.objects.of(tenant) or .across_tenants(): say whose rows"
        )

    def of(self, tenant) -> ScopedQuerySet:
        rows = ScopedQuerySet(self.model, using=self._db)
        rows._tenant = tenant
        return rows.filter(tenant=tenant)

    def across_tenants(self) -> ScopedQuerySet:
        """Every tenant's rows: for beat jobs, sweeps and platform staff."""
        return ScopedQuerySet(self.model, using=self._db)
