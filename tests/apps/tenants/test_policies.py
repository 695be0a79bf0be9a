"""A tenant's policy changes by its next version: by the service, and by the platform's staff."""

from decimal import Decimal

import pytest
from django.urls import reverse

from apps.core.errors import BadInput
from apps.core.models import AuditEntry
from apps.tenants.models import Policy
from apps.tenants.selectors import policy_of
from apps.tenants.services import set_policy
from apps.tenants.services.policies import RULES
from tests.at_once import at_once
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return TenantFactory(name="Acme")


@pytest.fixture
def boss(client):
    """The platform's staff at the admin."""
    client.force_login(UserFactory(username="boss", tenant=None, is_superuser=True))
    return client


def versions(tenant):
    return list(Policy.objects.of(tenant).order_by("version").values_list("version", "charge_rate"))


def page(policy):
    return reverse("admin:tenants_policy_change", args=[policy.pk])


def asked(policy, **changes):
    """What the form sends: every rule, and of a box only that it is ticked."""
    values = {name: getattr(policy, name) for name in RULES} | changes
    return {name: value for name, value in values.items() if value is not False}


def test_what_is_not_named_stays_and_the_same_again_is_no_version(acme):
    set_policy(tenant=acme, charge_rate=Decimal("0.25"), needs_four_eyes=False)
    now = set_policy(tenant=acme, charge_rate=Decimal("0.2"))
    assert set_policy(tenant=acme, charge_rate=Decimal("0.2")) == now
    assert (now.version, now.needs_four_eyes) == (3, False)
    assert policy_of(acme) == now


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("charge_rate", Decimal("1.0001")),
        ("charge_rate", Decimal("-0.1")),
        ("charge_rate", Decimal("NaN")),
        ("charge_rate", Decimal("0.00001")),
        ("charge_basis", "guesswork"),
        ("min_withdrawal", Decimal("1e-9")),
        ("min_withdrawal", Decimal("1e30")),
        ("daily_withdrawal_count", -1),
        ("network_rate", Decimal("0.95")),
        ("colour", "blue"),
    ],
)
def test_what_could_not_be_counted_by_is_refused_by_its_name(acme, field, value):
    with pytest.raises(BadInput) as refused:
        set_policy(tenant=acme, **{field: value})
    assert refused.value.context["field"] == field
    assert len(versions(acme)) == 1
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_versions_set_at_once_stand_in_one_line():
    acme = TenantFactory(name="Acme")
    rates = [Decimal("0.1"), Decimal("0.2"), Decimal("0.4")]
    at_once(3, lambda rate: set_policy(tenant=acme, charge_rate=rate), rates)
    assert [version for version, _rate in versions(acme)] == [1, 2, 3, 4]


def test_to_edit_the_last_version_writes_the_next_one(boss, acme):
    first = policy_of(acme)
    boss.post(page(first), asked(first, charge_rate="0.25", pauses_on_shortfall="on"))
    assert versions(acme) == [(1, Decimal("0.3")), (2, Decimal("0.25"))]
    assert policy_of(acme).pauses_on_shortfall
    entry = AuditEntry.objects.get(action="policy.set")
    assert (entry.actor, entry.tenant) == ("boss", acme)
    listed = boss.get(reverse("admin:tenants_policy_changelist"), {"tenant__id__exact": acme.pk})
    assert [row.set_by for row in listed.context["cl"].result_list] == ["boss", None]


def test_what_another_changed_meanwhile_is_not_set_back(boss, acme):
    first = policy_of(acme)
    set_policy(tenant=acme, tech_rate=Decimal("0.05"))
    assert boss.post(page(first), asked(first, charge_rate="0.25")).status_code == 403
    assert len(versions(acme)) == 2
    assert boss.get(page(first)).status_code == 200


def test_a_rule_that_is_refused_is_told_on_its_field(boss, acme):
    now = policy_of(acme)
    answer = boss.post(page(now), asked(now, network_rate="0.95"))
    assert "network_rate" in answer.context["adminform"].form.errors
    assert len(versions(acme)) == 1


def test_a_tenants_staff_read_their_policy_and_do_not_set_it(client, acme):
    client.force_login(UserFactory(tenant=acme, is_superuser=True))
    now = policy_of(acme)
    assert client.get(page(now)).status_code == 200
    assert client.post(page(now), asked(now, charge_rate="0")).status_code == 403
    assert len(versions(acme)) == 1
