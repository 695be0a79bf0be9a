"""Every list: who may see it, whose rows it shows, how it is filtered, ordered, paged, exported."""

import csv
import io
import re

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core import audit
from apps.core.models import AuditEntry, TenantOwned
from apps.members.models import Member
from apps.platform import listing, lists
from apps.platform.listing import SECRET, Listing
from apps.platform.urls import face
from apps.tenants.models import Tenant
from tests import factories
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import MemberFactory, RowFactory, TenantFactory

pytestmark = pytest.mark.django_db

LISTS = {made.name: made for made in vars(lists).values() if isinstance(made, Listing)}
FACTORIES = {
    factory._meta.model: factory
    for factory in vars(factories).values()
    if isinstance(factory, type) and issubclass(factory, RowFactory) and factory._meta.model
}
OPEN = {"api/auth/login", "api/auth/refresh"}
CALLS = [call for call in face.calls if call.path not in OPEN]


def name_of(call):
    return f"{call.method} {call.path}"


def row_of(made):
    if made.model is AuditEntry:
        tenant = TenantFactory()
        return audit.record("tried", tenant, tenant=tenant)
    return FACTORIES[made.model]()


def path_of(call, pk="1"):
    return re.sub("<[a-z]+:[a-z_]+>", str(pk), call.path.removeprefix("api/"))


@pytest.mark.parametrize("call", [call for call in CALLS if call.method != "GET"], ids=name_of)
def test_support_changes_nothing(call):
    if call.scope == "somebody":
        return
    desk = Desk("support")
    uuid = "00000000-0000-7000-8000-000000000000"
    path = path_of(call, uuid if "uuid:" in call.path else "1")
    assert refusal_of(desk.send(call.method, path, {}))[0] == 403


@pytest.mark.parametrize("made", LISTS.values(), ids=LISTS)
def test_a_list_and_its_rows_are_shown_without_secrets(made):
    row = row_of(made)
    desk = Desk()
    told = desk.get(made.name, page_size=500)
    listed = told.json()
    assert told.status_code == 200, told.content
    assert listed["total"] >= 1
    pk = made.model._meta.pk.attname
    assert str(row.pk) in [str(line[pk]) for line in listed["data"]]
    one = data_of(desk.get(f"{made.name}/{row.pk}"))
    assert str(one[pk]) == str(row.pk)
    hidden = {"secret", "credentials", *SECRET}
    assert not hidden & set(one)
    # Amounts are text.
    assert not [value for value in one.values() if isinstance(value, float)]
    assert refusal_of(desk.get(f"{made.name}/{unknown(made)}"))[0] == 404


def unknown(made):
    kind = made.model._meta.pk.get_internal_type()
    return "00000000-0000-7000-8000-000000000000" if kind == "UUIDField" else 987654


OWNED = {name: made for name, made in LISTS.items() if not made.is_platforms}


@pytest.mark.parametrize("made", OWNED.values(), ids=OWNED)
def test_a_tenants_staff_see_their_own_rows_only(made):
    row, globex = row_of(made), TenantFactory()
    desk = Desk("staff", tenant=globex)
    pk = made.model._meta.pk.attname
    for query in ({}, {"tenant_id": globex.pk}):
        listed = desk.get(made.name, page_size=500, **query).json()["data"]
        assert str(row.pk) not in [str(line[pk]) for line in listed]
        assert refusal_of(desk.get(f"{made.name}/{row.pk}", **query)) == (404, "not_found")
    exported = desk.get(made.name, export="csv")
    text = b"".join(exported.streaming_content).decode()
    assert str(row.pk) not in [line[0] for line in csv.reader(io.StringIO(text))]


@pytest.mark.parametrize(
    "made", [made for made in LISTS.values() if made.is_platforms], ids=lambda made: made.name
)
def test_what_is_the_platforms_is_not_for_a_tenants_staff(made):
    desk = Desk("staff", tenant=TenantFactory())
    assert refusal_of(desk.get(made.name)) == (403, "not_allowed")
    assert refusal_of(desk.get(f"{made.name}/{unknown(made)}"))[0] == 403


@pytest.mark.parametrize("path", ["dreams", "members/x", "members/1/dreams", ""])
def test_who_is_lost_is_told_so(path):
    assert refusal_of(Desk().get(path)) == (404, "not_found")


def test_platform_staff_look_through_one_tenant():
    mine, other = MemberFactory(), MemberFactory(tenant=TenantFactory())
    desk = Desk()
    assert desk.get("members").json()["total"] == 2
    listed = desk.get("members", tenant_id=mine.tenant_id).json()
    assert [line["id"] for line in listed["data"]] == [mine.pk]
    through = {"tenant_id": mine.tenant_id}
    assert refusal_of(desk.get(f"members/{other.pk}", **through)) == (404, "not_found")
    assert refusal_of(desk.get("members", tenant_id=987654)) == (404, "not_found")
    assert refusal_of(desk.get("members", tenant_id="acme")) == (404, "not_found")


# One's own logins are nobody else's: tests/apps/console/test_logins.py. A limit is named, and has
# a row of each tenant: test_risk.py.
WRITES = [
    call
    for call in CALLS
    if call.method != "GET"
    and "<" in call.path
    and call.scope not in ("somebody", "risk.change_riskrule")
]


@pytest.mark.parametrize("call", WRITES, ids=name_of)
def test_no_verb_touches_another_tenants_row(call):
    """Even with every right, as long as one belongs to another tenant."""
    name = call.path.split("/")[1]
    made = LISTS[name]
    row, globex = row_of(made), TenantFactory()
    desk = Desk("staff", tenant=globex, is_superuser=True)
    entries = AuditEntry.objects.count()
    values = {}
    for field in msgspec.structs.fields(call.asked):
        if field.required and field.name != "id":
            values[field.name] = HARMLESS[field.name]
    answer = desk.send(call.method, path_of(call, row.pk), values)
    assert refusal_of(answer) in {(404, "not_found"), (403, "not_allowed")}
    before = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    again = made.model._base_manager.get(pk=row.pk)
    assert {name: getattr(again, name) for name in before} == before
    assert AuditEntry.objects.count() == entries


HARMLESS = {
    "name": "Mine now",
    "kind": "self",
    "amount": "1",
    "plan_id": 1,
    "node_id": 1,
    "inviter_id": 1,
    "is_market_node": True,
    "reason": "mine",
    "trader_id": 1,
    "share_percent": 10,
    "tx_hash": "ab" * 32,
    "one_time_code": "mine",
    "venue_order_id": "mine",
    "seal_key": "mine",
    "verify_key": "mine",
    "fingerprint": "mine",
    "account_ids": [1],
    "tenant_strategy_id": 1,
}


@pytest.mark.parametrize("made", LISTS.values(), ids=LISTS)
def test_a_list_costs_the_same_however_many_rows_it_shows(made):
    row_of(made)
    desk = Desk()

    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(made.name).status_code == 200
        return len(queries)

    one = cost()
    row_of(made)
    row_of(made)
    assert cost() == one


def test_rows_are_filtered_searched_ordered_and_paged():
    acme = TenantFactory()
    for number in range(5):
        MemberFactory(
            tenant=acme,
            email=f"m{number}@example.com",
            status="disabled" if number % 2 else "active",
        )
    desk = Desk()
    first = desk.get("members", ordering="email", page_size=2, page=1).json()
    assert [line["email"] for line in first["data"]] == ["m0@example.com", "m1@example.com"]
    assert (first["total"], first["page"], first["page_size"]) == (5, 1, 2)
    last = desk.get("members", ordering="-email", page_size=2, page=3).json()
    assert [line["email"] for line in last["data"]] == ["m0@example.com"]
    assert desk.get("members", status="disabled").json()["total"] == 2
    assert desk.get("members", search="M3@").json()["total"] == 1
    until = desk.get("members", created_at_until="2020-01-01T00:00:00Z").json()
    assert until["total"] == 0
    assert desk.get("members", created_at_from="2020-01-01T00:00:00Z").json()["total"] == 5
    assert desk.get("members", email="m1@example.com", status="active").json()["total"] == 0


def test_a_long_list_is_read_by_the_last_row_that_one_has():
    acme = TenantFactory()
    for number in range(5):
        MemberFactory(tenant=acme, email=f"m{number}@example.com")
    desk = Desk()
    for ordering in ("", "id"):
        read, about = [], {}
        while True:
            told = desk.get("members", ordering=ordering, page_size=2, **about).json()
            read += [line["email"] for line in told["data"]]
            if not told["more"]:
                break
            about = {"after": told["data"][-1]["id"]}
            # Whoever arrives meanwhile moves nobody to another page.
            if not ordering:
                MemberFactory(tenant=acme)
        every = [f"m{number}@example.com" for number in range(5)]
        assert [email for email in read if email in every] == (every if ordering else every[::-1])
    for wrong in ({"ordering": "email"}, {"page": 2}):
        refused = desk.get("members", after=1, **wrong)
        assert (refused.status_code, refused.json()["context"]["field"]) == (400, "after")


def test_of_very_many_rows_it_is_said_that_there_are_so_many(monkeypatch):
    monkeypatch.setattr(listing, "COUNTED", 3)
    acme, desk = TenantFactory(), Desk()
    told = {}
    for count in (3, 4):
        while Member.objects.across_tenants().count() < count:
            MemberFactory(tenant=acme)
        told[count] = desk.get("members").json()
    assert [(one["total"], one["total_is_exact"]) for one in told.values()] == [
        (3, True),
        (3, False),
    ]
    assert len(told[4]["data"]) == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"page": 0}, "page"),
        ({"page_size": 501}, "page_size"),
        ({"ordering": "password"}, "ordering"),
        ({"ordering": "tenant__name"}, "ordering"),
        ({"inviter_id": "x"}, "inviter_id"),
        ({"is_market_node": "maybe"}, "is_market_node"),
        ({"created_at_from": "yesterday"}, "created_at_from"),
        ({"created_at_from": "2026-01-01T00:00:00"}, "created_at_from"),
        ({"export": "pdf"}, "export"),
        ({"password__startswith": "b"}, "password__startswith"),
    ],
)
def test_a_wrong_question_is_refused_and_names_the_field(query, field):
    answer = Desk().get("members", **query)
    assert refusal_of(answer) == (400, "bad_parameter")
    assert answer.json()["context"]["field"] == field


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_list_is_exported_as_it_is_filtered(kind):
    MemberFactory(email="=cmd@example.com")
    MemberFactory(email="bob@example.com", status="disabled")
    answer = Desk().get("members", status="active", export=kind)
    assert f'filename="members.{kind}"' in answer.headers["Content-Disposition"]
    if kind == "csv":
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        lines = list(csv.DictReader(io.StringIO(text)))
        assert [line["email"] for line in lines] == ["'=cmd@example.com"]
        assert "password" not in lines[0]


def test_every_model_of_a_tenant_has_a_list():
    listed = {made.model for made in LISTS.values()}
    models = {
        model
        for base in (TenantOwned, *TenantOwned.__subclasses__())
        for model in base.__subclasses__()
        if not model._meta.abstract and not model._meta.proxy
    }
    assert models <= listed
    assert {Tenant, Member} <= listed


def test_a_number_that_no_row_has_is_no_row():
    desk = Desk("support")
    for name in ("standings", "members", "levels"):
        answer = desk.get(f"{name}/61582145606868247599120384")
        assert answer.status_code in {400, 404}
        assert answer.json()["code"] in {"bad_parameter", "not_found"}
