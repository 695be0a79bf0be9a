"""People's habits: what they look for, save, set, and have made into files."""

import csv
import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from apps.console import exporting
from apps.console.models import Export, ExportPart, SavedFilter
from apps.core import admin as house
from apps.core.errors import BadInput, Conflict, LimitReached, NotAllowed
from apps.members.models import Member
from apps.tenants.models import User
from apps.tenants.services import set_time_zone
from tests import factories
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


def logged_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner():
    return UserFactory(tenant=None, is_superuser=True)


@pytest.fixture
def platform(owner):
    return logged_in(owner)


def found(client, term):
    answer = client.get(reverse("admin:search"), {"s": term, "extended": 1})
    return [one.link for one in answer.context["results"]] if answer.context else []


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


# --- the palette


def test_everything_that_people_have_at_hand_is_found(platform):
    order = factories.OrderFactory(venue_order_id="V-77")
    account = order.ticket.venue_account
    alice, tenant = account.member, account.tenant
    for term, row in [
        (alice.email[:8], alice),
        (alice.invite_code.lower(), alice),
        (str(alice.pk), alice),
        (str(order.pk), order),
        (order.client_order_id, order),
        ("v-77", order),
        (tenant.name, tenant),
        (account.node.code, account.node),
        (str(account.pk), account),
        (alice.email, account),
    ]:
        assert page_of(row) in found(platform, term), term


def test_pages_and_commands_are_found_by_those_who_have_them(platform):
    assert reverse("console:money") in found(platform, "money")
    assert reverse("console:start-run") in found(platform, "new back")
    support = UserFactory(tenant=None, role=User.Role.SUPPORT)
    assert reverse("console:start-run") not in found(logged_in(support), "new back")


def test_a_large_table_is_asked_by_its_indexes_only(platform, django_assert_max_num_queries):
    for model, lookups in [
        (Member, ("email", "invite_code")),
        (factories.OrderFactory._meta.model, ("client_order_id", "venue_order_id")),
    ]:
        fields = {field.name: field for field in model._meta.fields}
        assert all(fields[name].db_index or fields[name].unique for name in lookups)
    with django_assert_max_num_queries(50) as asked:
        found(platform, "nobody@nowhere")
    told = [query["sql"] for query in asked.captured_queries if "orders_order" in query["sql"]]
    assert told
    assert not any("'%nobody" in sql for sql in told)


def test_what_was_found_is_asked_anew_through_another_tenant(platform):
    alice = factories.MemberFactory()
    assert page_of(alice) in found(platform, alice.email)
    other = TenantFactory()
    platform.post(reverse("console:switch-tenant"), {"tenant": other.pk})
    assert found(platform, alice.email) == []


# --- keys


def test_the_keys_lead_only_where_one_may_go(platform):
    told = platform.get(reverse("console:keys")).content.decode()
    assert 'data-keys="g o" href="/admin/orders/order/"' in told
    staff = logged_in(UserFactory(tenant=TenantFactory(), role=User.Role.STAFF))
    told = staff.get(reverse("console:keys")).content.decode()
    assert 'data-keys="g o"' in told
    assert 'data-keys="g n"' not in told


# --- time zones


def test_times_are_told_in_ones_own_zone_and_exports_say_which(platform, owner):
    acme = TenantFactory()
    set_time_zone(user=owner, time_zone="Asia/Shanghai")
    there = acme.created_at.astimezone(ZoneInfo("Asia/Shanghai"))
    listed = platform.get(reverse("admin:tenants_tenant_changelist")).content.decode()
    assert f"{there:%Y-%m-%d %H:%M:%S}" in listed
    file = platform.post(reverse("admin:tenants_tenant_export"), {"format": "0", "resource": "0"})
    assert there.isoformat() in file.content.decode()
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd"])
def test_a_zone_that_is_none_is_refused_and_a_stored_one_does_no_harm(platform, owner, zone):
    with pytest.raises(BadInput, match="no time zone"):
        set_time_zone(user=owner, time_zone=zone)
    User.objects.filter(pk=owner.pk).update(time_zone=zone)
    assert platform.get(reverse("console:settings")).status_code == 200
    told = platform.post(reverse("console:settings"), {"time_zone": "Europe/Berlin"})
    assert told.status_code == 302
    owner.refresh_from_db()
    assert owner.time_zone == "Europe/Berlin"


# --- saved filters


def test_a_filter_is_saved_replaced_shown_and_removed_by_its_owner_only(platform, owner):
    listed = reverse("admin:orders_order_changelist")
    for query in ("status__exact=open", "status__exact=filled"):
        asked = {"path": listed, "query": query, "title": "Mine"}
        assert platform.post(reverse("console:save-filter"), asked).url == f"{listed}?{query}"
    (saved,) = owner.saved_filters.all()
    assert saved.address == f"{listed}?status__exact=filled"
    assert saved.address in platform.get(listed).content.decode()
    assert saved.address in platform.get(reverse("console:settings")).content.decode()

    other = logged_in(UserFactory(tenant=None, is_superuser=True))
    assert saved.address not in other.get(listed).content.decode()
    remove = reverse("console:remove-filter", args=[saved.pk])
    assert other.post(remove).status_code == 404
    assert platform.post(remove).status_code == 302
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("path", ["https://evil.example/", "/admin/", "/merchant/v2/docs", ""])
def test_no_other_page_is_saved_as_a_list(platform, path):
    asked = {"path": path, "query": "", "title": "Mine"}
    assert platform.post(reverse("console:save-filter"), asked).status_code == 404
    assert not SavedFilter.objects.exists()


# --- exports


@pytest.fixture
def named(monkeypatch):
    """Which exports a worker was asked to make."""
    told = []
    monkeypatch.setattr(exporting, "publish", lambda name, about: told.append(about["export_id"]))
    return told


def asked(user, **about):
    wanted = {"tenant": None, "of": "members.member", "query": "", "form": "csv"} | about
    return exporting.ask_export(user=user, **wanted)


def rows_in(export):
    text = b"".join(exporting.content_of(export)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_large_list_is_made_beside_and_fetched_by_who_asked(platform, owner, named, monkeypatch):
    alice, bob = factories.MemberFactory(), factories.MemberFactory()
    monkeypatch.setattr(house, "EXPORTED_AT_ONCE", 1)
    monkeypatch.setattr(exporting, "CHUNK", 1)
    begun = platform.get(reverse("admin:members_member_export"), {"q": alice.email})
    assert begun.status_code == 200
    begun = platform.get(reverse("admin:members_member_export"))
    assert begun.url == reverse("console:new-export") + "?of=members.member"
    assert platform.get(begun.url).status_code == 200
    assert platform.post(begun.url, {"form": "csv"}).url == reverse("console:exports")
    export = Export.objects.get()
    assert (named, export.status) == ([export.pk], "queued")
    exporting.work(export_id=export.pk)
    export.refresh_from_db()
    assert (export.status, export.done, export.percent) == ("done", Member.rows.count(), 100)
    assert {alice.email, bob.email} <= {row["email"] for row in rows_in(export)}

    address = reverse("console:export-file", args=[export.pk])
    fetched = platform.get(address)
    assert len(b"".join(fetched.streaming_content)) == export.size
    assert address in platform.get(reverse("console:exports")).content.decode()
    stranger = logged_in(UserFactory(tenant=None, is_superuser=True))
    assert stranger.get(address).status_code == 404

    exporting.sweep(now=timezone.now() + timedelta(days=8))
    export.refresh_from_db()
    assert export.status == "expired"
    assert not ExportPart.objects.exists()
    assert platform.get(address).status_code == 404


def test_a_sheet_holds_the_same_rows(owner, named):
    alice = factories.MemberFactory()
    export = asked(owner, form="xlsx", query=f"q={alice.email}")
    exporting.work(export_id=export.pk)
    export.refresh_from_db()
    sheet = load_workbook(io.BytesIO(b"".join(exporting.content_of(export)))).active
    headings, *rows = sheet.values
    assert [dict(zip(headings, row, strict=True))["email"] for row in rows] == [alice.email]


def test_nobody_gets_by_waiting_what_they_do_not_see(named):
    acme, globex = TenantFactory(), TenantFactory()
    ours, theirs = factories.MemberFactory(tenant=acme), factories.MemberFactory(tenant=globex)
    staff = UserFactory(tenant=acme, role=User.Role.STAFF)
    with pytest.raises(NotAllowed):
        asked(staff, of="nodes.node")
    export = asked(staff, tenant=globex)
    exporting.work(export_id=export.pk)
    export.refresh_from_db()
    emails = {row["email"] for row in rows_in(export)}
    assert ours.email in emails
    assert theirs.email not in emails

    export = asked(staff)
    User.objects.filter(pk=staff.pk).update(is_active=False)
    exporting.work(export_id=export.pk)
    export.refresh_from_db()
    assert (export.status, "not yours" in export.problem) == ("failed", True)
    assert not export.parts.exists()


def test_it_is_stopped_while_it_is_made(platform, owner, named, monkeypatch):
    factories.MemberFactory.create_batch(3)
    monkeypatch.setattr(exporting, "CHUNK", 1)
    export = asked(owner)
    write = exporting.WRITERS["csv"]

    def stopped(file, headings, lines):
        first = next(lines)
        platform.post(reverse("console:stop-export", args=[export.pk]))
        write(file, headings, [first, *lines])

    monkeypatch.setitem(exporting.WRITERS, "csv", stopped)
    exporting.work(export_id=export.pk)
    export.refresh_from_db()
    assert export.status == "stopped"
    assert not export.parts.exists()
    with pytest.raises(Conflict):
        exporting.stop_export(export=export)


def test_what_a_dead_worker_left_is_taken_up_once(owner, named):
    factories.MemberFactory()
    export = asked(owner)
    named.clear()
    late = timezone.now() + timedelta(minutes=5)
    Export.objects.filter(pk=export.pk).update(status="running", seen_at=timezone.now())
    exporting.sweep(now=late)
    assert named == [export.pk]
    exporting.work(export_id=export.pk)
    exporting.work(export_id=export.pk)
    export.refresh_from_db()
    assert (export.status, export.parts.count()) == ("done", 1)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"form": "pdf"}, "csv or xlsx"),
        ({"query": "x" * 1001}, "too long"),
        ({"query": "created_at__gte=yesterday&bogus__x=1"}, "filtered"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(owner, named, about, why):
    with pytest.raises(BadInput, match=why):
        asked(owner, **about)
    assert not Export.objects.exists()


def test_one_person_has_a_few_under_way_at_once(owner, named):
    for _count in range(exporting.MOST_OPEN):
        asked(owner)
    with pytest.raises(LimitReached):
        asked(owner)


# --- many rows at once


def test_many_rows_are_shown_first_and_each_is_told_of(platform):
    members = factories.MemberFactory.create_batch(2)
    asked = {"action": "enable", "_selected_action": [row.pk for row in members]}
    address = reverse("admin:members_member_changelist")
    preview = platform.post(address, asked)
    assert preview.context["count"] == 2
    assert all(row.email in preview.content.decode() for row in members)
    Member.rows.filter(pk=members[0].pk).update(status="disabled")
    done = platform.post(address, asked | {"confirmed": "1"})
    assert [(row.pk, bool(refused)) for _to, row, refused in done.context["results"]] == [
        (row.pk, False) if row == members[0] else (row.pk, True)
        for row in sorted(members, key=lambda row: -row.pk)
    ]
    assert Member.rows.filter(status="active", pk__in=[row.pk for row in members]).count() == 2


def test_an_empty_list_says_what_to_do_next(platform):
    told = platform.get(reverse("admin:nodes_node_changelist")).content.decode()
    assert "begin with the first one" in told
    told = platform.get(reverse("admin:orders_order_changelist")).content.decode()
    assert "written here by itself" in told
    told = platform.get(reverse("admin:orders_order_changelist"), {"q": "x"}).content.decode()
    assert "Reset filters" in told
