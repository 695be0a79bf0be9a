"""Limits at the Platform API: read with their meanings and bounds, set, and nobody else's."""

import pytest

from apps.core.models import AuditEntry
from apps.risk.models import RiskRule
from engine.limits import LIMITS
from tests.apps.platform.desk import Desk, data_of, refusal_of
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db


def put(desk, rule, through=None, **values):
    query = f"?tenant_id={through.pk}" if through else ""
    return desk.send("PUT", f"risk/rules/{rule}{query}", values)


def test_every_limit_says_what_it_is():
    told = data_of(Desk().get("risk/rules"))
    assert [one["rule"] for one in told] == list(LIMITS)
    streak = next(one for one in told if one["rule"] == "losing_streak")
    assert streak["meaning"]
    assert [(one["name"], one["least"], one["most"]) for one in streak["figures"]] == [
        ("most", 1, 100),
        ("rest_minutes", 1, 43_200),
    ]
    assert streak["platform"] == {
        "is_on": False,
        "figures": {"most": 5, "rest_minutes": 30},
        "version": 0,
    }
    assert streak["tenant"] is None


def test_the_platforms_and_a_tenants_are_set_apart():
    desk, acme = Desk(username="ann"), TenantFactory()
    data_of(put(desk, "leverage", is_on=True, figures={"most": 50}))
    mine = data_of(put(desk, "leverage", acme, is_on=True, figures={"most": 5}))
    assert (mine["tenant_id"], mine["is_on"], mine["figures"]) == (acme.pk, True, {"most": 5})
    told = {one["rule"]: one for one in data_of(desk.get("risk/rules", tenant_id=acme.pk))}
    assert told["leverage"]["platform"]["figures"] == {"most": 50}
    assert told["leverage"]["tenant"]["figures"] == {"most": 5}
    entry = AuditEntry.objects.filter(action="risk.rule_set", tenant=acme).get()
    assert (entry.actor, entry.after) == ("ann", {"is_on": True, "most": 5})
    assert len(data_of(desk.get("risk-rules"))) == 2


@pytest.mark.parametrize(
    ("rule", "values", "field"),
    [
        ("positions", {"figures": {"most": 0}}, "most"),
        ("positions", {"figures": {"least": 1}}, "least"),
        ("luck", {"is_on": True}, "rule"),
        ("positions", {"is_on": "perhaps"}, "is_on"),
    ],
)
def test_what_breaks_a_bound_is_refused_by_its_field(rule, values, field):
    answer = put(Desk(), rule, **values)
    assert refusal_of(answer)[0] == 400
    assert answer.json()["context"]["field"] == field
    assert not RiskRule.objects.exists()


def test_a_tenants_owner_sets_their_own_and_no_others():
    acme, globex = TenantFactory(), TenantFactory()
    desk = Desk("staff", acme, is_superuser=True)
    assert data_of(put(desk, "leverage", is_on=True))["tenant_id"] == acme.pk
    assert refusal_of(put(desk, "leverage", globex, is_on=True)) == (404, "not_found")
    assert RiskRule.objects.get().tenant == acme
    data_of(put(Desk(), "leverage", globex, is_on=True))
    assert [row["tenant_id"] for row in data_of(desk.get("risk-rules"))] == [acme.pk]


@pytest.mark.parametrize("role", ["finance", "support"])
def test_not_every_role_sets_limits(role):
    assert refusal_of(put(Desk(role), "leverage", is_on=True)) == (403, "not_allowed")
    assert not RiskRule.objects.exists()
