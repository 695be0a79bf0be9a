"""Every page of the admin opens, shows a tenant its own, and writes nothing it may not."""

import csv
import io
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from apps.core.admin import FactAdmin
from apps.core.models import AuditEntry, AuditHead, RefusedMessage, TenantOwned
from apps.core.services import refuse_message
from apps.members.models import Member
from apps.members.services import open_tenant
from apps.nodes.models import Node
from apps.strategies.models import Strategy
from apps.tenants.models import Tenant
from tests import factories
from tests.factories import RowFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
REGISTERED = [model for model in OURS if model is not AuditHead]
OWNED = [model for model in REGISTERED if issubclass(model, TenantOwned)]
FACTORIES = {
    factory._meta.model: factory
    for factory in vars(factories).values()
    if isinstance(factory, type) and issubclass(factory, RowFactory) and factory._meta.model
}


def label(model):
    return model._meta.label


def page(model, name, *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def a_row_of(model):
    if model is AuditEntry:
        open_tenant_with_level()
        return AuditEntry.objects.first()
    return FACTORIES[model]()


def open_tenant_with_level(name="Acme"):
    factories.LevelFactory()
    return open_tenant(name=name)


@pytest.fixture
def platform(client):
    client.force_login(UserFactory(tenant=None, is_superuser=True))
    return client


@pytest.fixture
def globex(client):
    """Staff of Globex with every permission there is."""
    client.force_login(UserFactory(tenant=TenantFactory(name="Globex"), is_superuser=True))
    return client


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_every_model_has_its_pages(platform, model):
    row = a_row_of(model)
    assert model in admin.site._registry
    assert platform.get(page(model, "changelist")).status_code == 200
    assert platform.get(page(model, "changelist"), {"q": "x"}).status_code == 200
    assert platform.get(page(model, "change", row.pk)).status_code == 200
    model_admin = admin.site._registry[model]
    answer = platform.get(page(model, "add"))
    assert answer.status_code == (403 if isinstance(model_admin, FactAdmin) else answer.status_code)
    assert answer.status_code in {200, 403}


@pytest.mark.parametrize("model", REGISTERED, ids=label)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_every_list_is_exported(platform, model, form):
    a_row_of(model)
    number = {"csv": "0", "xlsx": "1"}[form]
    answer = platform.post(page(model, "export"), {"format": number, "resource": ""})
    assert answer.status_code == 200
    assert "attachment" in answer.get("Content-Disposition", "")
    assert b"secret-alice" not in answer.content


@pytest.mark.parametrize("model", OWNED, ids=label)
def test_a_tenants_staff_never_see_anothers_row(globex, model):
    row = FACTORIES[model]()
    listed = globex.get(page(model, "changelist"))
    assert listed.status_code == 200
    assert str(row.pk) not in [str(shown.pk) for shown in listed.context["cl"].result_list]
    assert globex.get(page(model, "change", row.pk)).status_code == 302
    exported = globex.post(page(model, "export"), {"format": "0", "resource": ""})
    assert str(row.pk).encode() not in exported.content.splitlines()[1:]
    assert len(exported.content.splitlines()) <= 1


@pytest.mark.parametrize(
    "model",
    [model for model in REGISTERED if model not in OWNED and model is not AuditEntry],
    ids=label,
)
def test_what_is_the_platforms_is_not_a_tenants_to_see(globex, model):
    assert globex.get(page(model, "changelist")).status_code == 403


def test_a_tenants_form_offers_only_its_own(globex):
    acmes = factories.VenueAccountFactory()
    form = globex.get(page(factories.SubscriptionFactory._meta.model, "add"))
    choices = form.context["adminform"].form.fields["venue_account"].queryset
    assert acmes not in choices


@pytest.mark.parametrize(
    "model",
    [model for model in REGISTERED if isinstance(admin.site._registry.get(model), FactAdmin)],
    ids=label,
)
def test_facts_are_not_written_here(platform, model):
    row = a_row_of(model)
    before = model._base_manager.filter(pk=row.pk).values().get()
    assert platform.post(page(model, "change", row.pk), {"status": "x"}).status_code == 403
    assert platform.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._base_manager.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_more_rows_cost_no_more_queries(platform, model):
    counts = []
    for rows in (2, 12):
        if model is AuditEntry:
            for number in range(rows):
                open_tenant_with_level(name=f"Acme {number}")
        else:
            for _ in range(rows):
                FACTORIES[model]()
        with CaptureQueriesContext(connection) as queries:
            assert platform.get(page(model, "changelist")).status_code == 200
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 1


def test_a_tenant_is_opened_whole(platform):
    factories.LevelFactory()
    platform.post(page(Tenant, "add"), {"name": "Initech"})
    tenant = Tenant.objects.get(name="Initech")
    assert Member.objects.of(tenant).filter(root_of=tenant).count() == 1


def test_a_refusal_is_told_on_its_field_and_nothing_is_written(platform):
    wrong = {
        "code": "bad",
        "name": "Bad",
        "rule": "ma_cross",
        "params": '{"fast_ma": 0}',
        "venue": "paper",
        "symbols": '["BTC/USDT"]',
        "timeframe": "1m",
        "min_confidence": "50",
        "cooldown_seconds": "0",
    }
    answer = platform.post(page(Strategy, "add"), wrong)
    assert "fast_ma" in str(answer.context["adminform"].form.errors["params"])
    assert not Strategy.objects.exists()


def test_an_action_calls_its_service_and_is_audited(platform):
    node = factories.NodeFactory()
    chosen = {"action": "pause", "_selected_action": [node.pk]}
    platform.post(page(Node, "changelist"), chosen)
    node.refresh_from_db()
    assert node.status == Node.Status.PAUSED
    assert AuditEntry.objects.filter(action="node.paused").exists()


def test_one_refusal_stops_no_other(platform):
    revoked = factories.NodeFactory(status=Node.Status.REVOKED)
    node = factories.NodeFactory()
    chosen = {"action": "pause", "_selected_action": [revoked.pk, node.pk]}
    answer = platform.post(page(Node, "changelist"), chosen, follow=True)
    node.refresh_from_db()
    assert node.status == Node.Status.PAUSED
    assert any("cannot become" in str(message) for message in answer.context["messages"])


def test_what_is_changed_by_hand_is_audited(platform):
    plan = factories.PlanFactory()
    form = platform.get(page(type(plan), "change", plan.pk)).context["adminform"].form
    values = {name: form.initial[name] for name in form.fields}
    platform.post(page(type(plan), "change", plan.pk), {**values, "calls_daily": 7})
    entry = AuditEntry.objects.get(action="admin.changed")
    assert (entry.before, entry.after) == ({"calls_daily": "0"}, {"calls_daily": "7"})


@pytest.mark.parametrize("model", REGISTERED, ids=label)
def test_chosen_rows_are_exported_alone(platform, model):
    row = a_row_of(model)
    if model is not AuditEntry:
        a_row_of(model)
    chosen = {"action": "export_admin_action", "_selected_action": [row.pk]}
    form = platform.post(page(model, "changelist"), chosen)
    asked = {"format": "0", "resource": "", "export_items": [str(row.pk)]}
    exported = platform.post(form.context["export_url"], asked)
    assert "attachment" in exported["Content-Disposition"]
    assert len(read_csv(exported)) == 1


def read_csv(answer):
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_another_tenants_row_is_not_exported_by_its_id(globex):
    row = factories.TicketFactory()
    asked = {"format": "0", "resource": "", "export_items": [str(row.pk)]}
    answer = globex.post(page(type(row), "export"), asked)
    assert "Content-Disposition" not in answer


def test_a_filtered_list_is_exported_filtered(platform):
    paused = factories.NodeFactory(status=Node.Status.PAUSED)
    factories.NodeFactory()
    address = page(Node, "export") + "?status__exact=paused"
    exported = platform.post(address, {"format": "0", "resource": ""})
    assert [row["code"] for row in read_csv(exported)] == [paused.code]


def test_numbers_are_exported_whole(platform):
    close = factories.CloseFactory(profit=Decimal("-1234.00000001"), fee=Decimal(0))
    answer = platform.post(page(type(close), "export"), {"format": "0", "resource": ""})
    (row,) = read_csv(answer)
    assert (row["profit"], row["fee"]) == ("-1234.00000001", "0.00000000")
    assert row["failed_because"] == row["next_at"] == ""
    answer = platform.post(page(type(close), "export"), {"format": "1", "resource": ""})
    headings, cells = load_workbook(io.BytesIO(answer.content)).active.values
    assert dict(zip(headings, cells, strict=True))["profit"] == pytest.approx(-1234)


def test_a_secret_is_not_spelled_out_by_a_filter(platform):
    factories.VenueAccountFactory()
    lists = [(factories.VenueAccountFactory, "credentials"), (factories.MemberFactory, "password")]
    for factory, secret in lists:
        address = page(factory._meta.model, "changelist")
        assert platform.get(address, {f"{secret}__startswith": "a"}).status_code == 400


@pytest.mark.parametrize("reason", ["=HYPERLINK(1)", "+1", "-1", "@A1"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_message_that_looks_like_a_formula_is_exported_as_text(platform, form, reason):
    refuse_message(queue="centre.default", reason=reason, body=b"x")
    asked = {"format": {"csv": "0", "xlsx": "1"}[form], "resource": ""}
    answer = platform.post(page(RefusedMessage, "export"), asked)
    if form == "csv":
        (row,) = read_csv(answer)
    else:
        headings, cells = load_workbook(io.BytesIO(answer.content)).active.values
        row = dict(zip(headings, cells, strict=True))
    assert row["reason"] == "'" + reason
