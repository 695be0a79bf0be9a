"""Tenants are suspended and resumed, and told of; people log in with bcrypt."""

import pytest
from django.contrib.auth import authenticate

from apps.core.errors import Conflict
from apps.core.models import AuditEntry
from apps.tenants.models import Tenant, User
from apps.tenants.services import resume_tenant, suspend_tenant
from tests.at_once import at_once
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db


def told():
    return list(AuditEntry.objects.order_by("number").values_list("action", "before", "after"))


def test_what_was_before_is_told_also_by_an_old_row_in_hand():
    acme = TenantFactory(name="Acme")
    old = Tenant.objects.get()
    suspend_tenant(tenant=acme)
    resume_tenant(tenant=old)
    assert (acme.status, old.status) == ("suspended", "active")
    assert told() == [
        ("tenant.suspended", {"status": "active"}, {"status": "suspended"}),
        ("tenant.resumed", {"status": "suspended"}, {"status": "active"}),
    ]


def test_a_tenant_that_is_active_is_not_resumed():
    acme = TenantFactory(name="Acme")
    with pytest.raises(Conflict):
        resume_tenant(tenant=acme)
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_suspends():
    acme = TenantFactory(name="Acme")
    answers = at_once(4, lambda: suspend_tenant(tenant=Tenant.objects.get(pk=acme.pk)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["NoneType"]
    assert len(told()) == 1


def test_a_superuser_is_made_and_logs_in_with_bcrypt():
    made = User.objects.create_superuser("root", "root@example.com", "correct horse battery")
    assert made.password.startswith("bcrypt_sha256$")
    assert (made.tenant, made.is_staff, made.is_superuser) == (None, True, True)
    assert authenticate(username="root", password="correct horse battery") == made
    assert authenticate(username="root", password="correct horse") is None
