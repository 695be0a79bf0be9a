"""Endpoints are made and get new secrets on their pages; a tenant's staff see their own only."""

import pytest
from django.urls import reverse

from apps.tenants.models import Endpoint
from tests.factories import EndpointFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db

ENDPOINTS = reverse("admin:tenants_endpoint_changelist")
ADD = reverse("admin:tenants_endpoint_add")
URL = "https://hooks.acme.example/in"


@pytest.fixture
def acme():
    return TenantFactory(name="Acme")


@pytest.fixture
def staff(client, acme):
    """Staff of Acme with every permission there is."""
    client.force_login(UserFactory(tenant=acme, is_superuser=True))
    return client


def said(answer):
    return " ".join(str(message) for message in answer.context["messages"])


def test_an_endpoint_is_made_and_its_secret_shown_once(staff, acme):
    answer = staff.post(ADD, {"tenant": acme.pk, "url": URL, "events": "order, charge.made"})
    endpoint = Endpoint.objects.of(acme).get()
    assert endpoint.events == ["order", "charge.made"]
    assert answer.status_code == 302
    assert "shown once" in said(staff.get(ENDPOINTS))
    assert "shown once" not in said(staff.get(ENDPOINTS))


def test_what_the_service_refuses_is_told_on_its_field(staff, acme):
    answer = staff.post(ADD, {"tenant": acme.pk, "url": "https://10.0.0.8/in", "events": ""})
    assert list(answer.context["adminform"].form.errors) == ["url"]
    assert not Endpoint.objects.of(acme).exists()


def test_nobody_makes_an_endpoint_of_another_tenant(staff):
    globex = TenantFactory(name="Globex")
    answer = staff.post(ADD, {"tenant": globex.pk, "url": URL, "events": ""})
    assert list(answer.context["adminform"].form.errors) == ["tenant"]
    assert not Endpoint.objects.across_tenants().exists()


def test_a_new_secret_is_asked_about_and_shown_once(staff, acme):
    endpoint = EndpointFactory(tenant=acme)
    before = endpoint.secret
    chosen = {"action": "rotate", "_selected_action": [endpoint.pk]}
    staff.post(ENDPOINTS, chosen)
    endpoint.refresh_from_db()
    assert endpoint.secret == before
    assert "shown once" in said(staff.post(ENDPOINTS, {**chosen, "confirmed": "1"}, follow=True))
    endpoint.refresh_from_db()
    assert endpoint.secret != before


def test_the_endpoint_of_another_tenant_keeps_its_secret(staff):
    endpoint = EndpointFactory(tenant=TenantFactory(name="Globex"))
    before = endpoint.secret
    chosen = {"action": "rotate", "_selected_action": [endpoint.pk], "confirmed": "1"}
    staff.post(ENDPOINTS, chosen, follow=True)
    endpoint.refresh_from_db()
    assert endpoint.secret == before
