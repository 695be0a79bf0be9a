"""Every list of the admin, page of the console and list of the Platform API, on a large database.

    DATABASE_URL=… python -m bench.pages --save small.json      (filled by `manage.py crowd`)
    DATABASE_URL=… python -m bench.pages --beside small.json

Prints the slowest, beside the same page on the smaller database: how much longer it took, the
queries of each, and how many rows MariaDB read for it. Queries that grow, and rows that grow with
the table, are what to look at; times are of this host. Nothing that a page writes is kept.
"""

import tests.environment  # noqa: F401, I001  (secrets and files of its own, before settings)

import argparse
import json
import os
import time
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.core.admin import HouseAdmin  # noqa: E402
from apps.members.models import Member  # noqa: E402
from apps.orders.models import Order  # noqa: E402
from apps.platform import lists  # noqa: E402
from apps.platform.listing import Listing  # noqa: E402
from apps.rewards.models import Pool  # noqa: E402
from apps.signals.models import Signal  # noqa: E402
from apps.tenants.models import Tenant  # noqa: E402
from apps.venues.models import VenueAccount  # noqa: E402
from bench.statements import counted  # noqa: E402
from tests.apps.platform.desk import Desk  # noqa: E402
from tests.factories import UserFactory  # noqa: E402

READ = "SHOW SESSION STATUS LIKE 'Handler_read%%'"


def addresses() -> dict[str, str]:
    """Every page that is measured, by its name."""
    found = {"dashboard": reverse("admin:index")}
    for days in (30, 90):
        found[f"dashboard, {days} days"] = f"{found['dashboard']}?days={days}"
    for model, model_admin in admin.site._registry.items():
        if isinstance(model_admin, HouseAdmin):
            found |= of_list(model, model_admin)
    for name in ("money", "logins", "start-run", "new-maker", "password"):
        found[f"console {name}"] = reverse(f"console:{name}")
    for name, row in {
        "trace": Pool.objects.across_tenants().last(),
        "trace of a signal": Signal.objects.last(),
        "pool": Pool.objects.across_tenants().last(),
        "order-by-hand": VenueAccount.objects.across_tenants().last(),
    }.items():
        if row:
            page = name.partition(" ")[0]
            found[f"console {name}"] = reverse(f"console:{page}", args=[row.pk])
    for listing in vars(lists).values():
        if isinstance(listing, Listing):
            found[f"api {listing.name}"] = f"/api/{listing.name}"
    return found


def of_list(model, model_admin) -> dict[str, str]:
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    address = reverse(f"admin:{name}_changelist")
    found = {f"list {name}": address}
    for field in model_admin.list_filter:
        if field == "status":
            for status, _title in model._meta.get_field("status").flatchoices:
                found[f"list {name}, {status}"] = f"{address}?status__exact={status}"
    if "tenant" in model_admin.list_filter:
        found[f"list {name}, a tenant's"] = (
            f"{address}?tenant__id__exact={Tenant.objects.last().pk}"
        )
    if model_admin.search_fields:
        found[f"list {name}, searched in vain"] = f"{address}?q=nothing-is-called-so"
    row = model._base_manager.order_by("pk").last()
    if row is not None:
        found[f"row {name}"] = reverse(f"admin:{name}_change", args=[row.pk])
    if model_admin.has_add_permission(type("Asked", (), {"user": OWNER})):
        found[f"new {name}"] = reverse(f"admin:{name}_add")
    return found


def rows_read() -> int:
    if connection.vendor != "mysql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return sum(int(number) for _name, number in cursor.fetchall())


def measure(client, address: str, headers: dict[str, str]) -> tuple[int, int, int, int]:
    """How the second look at a page ends, and what it took: status, ms, queries, rows read."""
    client.get(address, headers=headers)
    before, started = rows_read(), time.perf_counter()
    with counted() as queries:
        answer = client.get(address, headers=headers)
    took = time.perf_counter() - started
    return answer.status_code, round(took * 1000), queries[0], rows_read() - before


def measured(only: str) -> dict[str, tuple[int, int, int, int]]:
    client, desk = Client(), Desk()
    client.force_login(OWNER)
    found = {}
    for name, address in addresses().items():
        if only in name:
            headers = desk.headers if address.startswith("/api/") else {}
            found[name] = measure(client, address, headers)
    return found


def main() -> None:
    global OWNER
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--only", default="", help="pages whose names hold this")
    parser.add_argument("--most", type=int, default=40)
    asked = parser.parse_args()
    settings.ALLOWED_HOSTS.append("testserver")
    with transaction.atomic():
        OWNER = UserFactory(tenant=None, is_superuser=True)
        found = measured(asked.only)
        transaction.set_rollback(True)
    if asked.save:
        asked.save.write_text(json.dumps(found))
    small = json.loads(asked.beside.read_text()) if asked.beside else {}
    orders, members = Order.objects.across_tenants(), Member.objects.across_tenants()
    print(f"{orders.count()} orders, {members.count()} members, {len(found)} pages")
    print(
        f"{'page':56} {'ms':>6} {'ratio':>6} {'queries':>8} {'before':>7} {'rows':>9} {'before':>8}"
    )
    slowest = sorted(found.items(), key=lambda one: -one[1][1])
    for name, (status, took, queries, read) in slowest[: asked.most]:
        _status, took_before, queries_before, read_before = small.get(name, (0, 0, 0, 0))
        ratio = f"{took / took_before:.1f}" if took_before else ""
        bad = "" if status == 200 else f"  ended with {status}"
        print(
            f"{name[:56]:56} {took:6} {ratio:>6} {queries:8} {queries_before:7} {read:9} "
            f"{read_before:8}{bad}"
        )
    grown = [name for name in found if name in small and found[name][2] > small[name][2]]
    print(f"{len(grown)} pages ask more often than before: {', '.join(grown) or 'none'}")
    over = [name for name, one in found.items() if one[1] > 1000]
    print(f"{len(over)} pages take over a second: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()
