"""A limit is set by a person, in versions, and who set what stands in the audit trail."""

import pytest

from apps.core.errors import BadInput
from apps.core.models import AuditEntry
from apps.risk.models import RiskRule
from apps.risk.selectors import Limits, rules_of
from apps.risk.services import set_rule
from apps.tenants.models import Tenant
from engine.limits import LIMITS
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return Tenant.objects.create(name="Acme")


def test_unset_only_the_platforms_positions_hold(acme):
    assert [rule for rule, row in rules_of(None).items() if row.is_on] == ["positions"]
    assert not any(row.is_on for row in rules_of(acme).values())
    assert set(rules_of(acme)) == set(LIMITS)
    assert len(Limits([acme.pk]).of(acme.pk)) == 1


def test_what_is_not_named_stays(acme):
    set_rule(tenant=acme, rule="losing_streak", is_on=True, figures={"most": 2})
    row = set_rule(tenant=acme, rule="losing_streak", figures={"rest_minutes": 90})
    assert (row.is_on, row.version) == (True, 2)
    assert row.figures == {"most": 2, "rest_minutes": 90}
    off = set_rule(tenant=acme, rule="losing_streak", is_on=False)
    assert (off.is_on, off.figures) == (False, row.figures)


def test_who_set_what_stands_in_the_audit_trail(acme):
    set_rule(tenant=acme, rule="day_loss", is_on=True, figures={"most_usdt": 50})
    set_rule(tenant=acme, rule="day_loss", is_on=False)
    first, second = AuditEntry.objects.filter(action="risk.rule_set").order_by("number")
    assert first.after == {"is_on": True, "most_usdt": 50}
    assert (second.before, second.after["is_on"]) == (first.after, False)
    assert {first.tenant, second.tenant} == {acme}


def test_the_same_again_is_no_new_version(acme):
    for _ in range(2):
        row = set_rule(tenant=acme, rule="pause", is_on=True, figures={"least_seconds": 5})
    assert row.version == 1
    assert AuditEntry.objects.filter(action="risk.rule_set").count() == 1


@pytest.mark.parametrize(
    ("rule", "figures", "field"),
    [
        ("positions", {"most": 0}, "most"),
        ("losing_streak", {"rest_minutes": "soon"}, "rest_minutes"),
        ("allowed_symbols", {"symbols": ["btc"]}, "symbols"),
        ("positions", {"least": 1}, "least"),
        ("luck", {}, "rule"),
    ],
)
def test_what_breaks_a_bound_is_refused_with_its_figure_and_changes_nothing(rule, figures, field):
    with pytest.raises(BadInput) as refusal:
        set_rule(tenant=None, rule=rule, is_on=True, figures=figures)
    assert refusal.value.context["field"] == field
    assert not RiskRule.objects.exists()
    assert not AuditEntry.objects.filter(action="risk.rule_set").exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_set_one_limit_at_once_leave_one_row_and_two_versions():
    at_once(
        2,
        lambda most: set_rule(tenant=None, rule="positions", figures={"most": most}),
        [3, 4],
    )
    row = RiskRule.objects.get()
    assert row.version == 2
    assert row.figures["most"] in (3, 4)
