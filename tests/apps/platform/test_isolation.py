"""Every address of the Platform API, taken from the addresses themselves: nobody gets in without a
login or without the right, and Globex reaches nothing of Acme's by path, by query or by body.
"""

import re
from decimal import Decimal

import msgspec
import pytest
from django.core.serializers import serialize
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from apps.core.models import AuditEntry, TenantOwned
from apps.members.services import create_member
from apps.platform.face import PLATFORM
from apps.platform.listing import AFTER
from apps.platform.urls import face
from apps.tenants.models import Tenant, User
from engine.deciding.prompt import default_text
from tests.apps.merchant.shop import Shop
from tests.apps.platform.desk import Desk, refusal_of
from tests.apps.platform.test_lists import OWNED, row_of
from tests.apps.platform.test_runs import ASKED as RUN
from tests.factories import (
    InstrumentFactory,
    ManagerFactory,
    MindFactory,
    NodeFactory,
    PlanFactory,
    RunFactory,
    SeatFactory,
    StrategyFactory,
    SubscriptionFactory,
    TemplateFactory,
    TenantFactory,
    TraderFactory,
    TrialFactory,
    VenueAccountFactory,
)
from tests.points import give

pytestmark = pytest.mark.django_db

UUID = "00000000-0000-7000-8000-000000000000"
# What is no call: the document, the page that shows it, and whoever is lost.
NO_CALLS = {"api/openapi.json", "api/docs", "api/"}
ANYBODYS = {"POST api/auth/login", "POST api/auth/refresh"}
# What the arena tells to whoever is not logged in, at the same address.
PUBLISHED = {"GET api/positions"}
# Whoever is logged in may do this, and to themselves only.
ONES_OWN = {
    "GET api/auth/me",
    "GET api/auth/logins",
    "POST api/auth/logins/<int:login_id>/end",
    "POST api/auth/logout",
    "POST api/auth/change-password",
    "POST api/auth/second-factor",
    "POST api/auth/second-factor/confirm",
    "POST api/auth/second-factor/remove",
}


def addresses(patterns, before=""):
    for pattern in patterns:
        where = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield where, pattern.callback
        else:
            yield from addresses(pattern.url_patterns, where)


PLATFORMS = {
    where: view for where, view in addresses(get_resolver().url_patterns) if where[:4] == "api/"
}
CALLS = {
    f"{method} {where}": call
    for where, view in PLATFORMS.items()
    for method, call in getattr(view, "calls", {}).items()
}
LOCKED = {name: call for name, call in CALLS.items() if name not in ANYBODYS}
RIGHTFUL = {name: call for name, call in LOCKED.items() if name not in ONES_OWN}


def path_of(call):
    path = call.path.removeprefix("api/")
    return re.sub("<[a-z]+:[a-z_]+>", "1", re.sub("<uuid:[a-z_]+>", UUID, path))


def test_every_address_is_a_call_of_the_face():
    assert {where for where, view in PLATFORMS.items() if not hasattr(view, "calls")} == NO_CALLS
    assert set(CALLS) == {f"{call.method} {call.path}" for call in face.calls}
    assert set(CALLS) >= ANYBODYS | ONES_OWN


@pytest.mark.parametrize("name", sorted(set(LOCKED) - PUBLISHED))
def test_without_a_login_nothing_is_told_or_done(name):
    call = LOCKED[name]
    answer = Client().generic(call.method, f"/api/{path_of(call)}")
    assert refusal_of(answer) == (401, "unauthorized")


@pytest.mark.parametrize("name", RIGHTFUL)
def test_without_the_right_nothing_is_told_or_done(name):
    call = RIGHTFUL[name]
    desk = Desk("", is_staff=True)
    entries = AuditEntry.objects.count()
    answer = desk.send(call.method, path_of(call), {})
    assert refusal_of(answer) == (403, "not_allowed")
    assert answer.json()["context"]["right"] == call.scope
    assert AuditEntry.objects.count() == entries


def test_no_tenant_changes_itself():
    writes = [call for name, call in LOCKED.items() if re.match("(POST|PATCH) api/tenants", name)]
    assert len(writes) >= 7
    assert {call.only for call in writes} == {PLATFORM}


@pytest.mark.parametrize("name", LOCKED)
def test_staff_who_name_another_tenant_are_told_that_there_is_none(name):
    call = LOCKED[name]
    acme, globex = TenantFactory(), TenantFactory()
    desk = Desk("staff", tenant=globex, is_superuser=True)
    entries = AuditEntry.objects.count()
    for other in (acme.pk, 987654, "acme", "-1"):
        answer = desk.send(call.method, f"{path_of(call)}?tenant_id={other}", {})
        if call.only == PLATFORM:
            assert refusal_of(answer) == (403, "not_allowed")
        else:
            assert refusal_of(answer) == (404, "not_found")
            assert answer.json()["context"] == {"field": "tenant_id"}
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("made", OWNED.values(), ids=OWNED)
def test_no_filter_finds_another_tenants_rows(made):
    row, desk = row_of(made), Desk("staff", tenant=TenantFactory())
    known = {field.name for field in msgspec.structs.fields(made_asks(made))}
    tried = 0
    for column in made.columns:
        value = getattr(row, column)
        # A decision has an `after` of its own, which is no filter.
        if column not in known or value is None or column == AFTER:
            continue
        tried += 1
        answer = desk.get(made.name, **{column: value})
        assert answer.status_code == 200, (column, value, answer.content)
        told = answer.json()
        # What they find is their own: a status or a number is not a row's alone.
        assert str(row.pk) not in [str(line[made.model._meta.pk.attname]) for line in told["data"]]
        if is_a_tenants(made.columns[column]):
            assert told["total"] == 0, column
    assert tried


def is_a_tenants(field):
    """Whether a value of it is one tenant's alone: its key, or its link to what a tenant owns."""
    related = field.related_model
    return field.primary_key or related in {Tenant, User} or is_owned(related)


def is_owned(model):
    return model is not None and issubclass(model, TenantOwned)


def made_asks(made):
    return CALLS[f"GET api/{made.name}"].asked


class World:
    """A tenant with one of everything that a body can name."""

    def __init__(self, name):
        shop = Shop(name, gift=Decimal(50))
        word = name.lower()
        self.tenant = shop.tenant
        self.boss, self.member = (
            create_member(tenant=self.tenant, email=f"{who}@{word}.example", password="12345678")
            for who in ("boss", "member")
        )
        self.account = VenueAccountFactory(member=self.member)
        InstrumentFactory()
        alive = NodeFactory(last_heartbeat_at=timezone.now())
        self.free = VenueAccountFactory(member=give(self.boss), node=alive, position_mode="one_way")
        self.offer = shop.offer()
        self.subscription = SubscriptionFactory(
            venue_account=self.account, tenant_strategy=self.offer
        )
        self.run = RunFactory(tenant=self.tenant, rule=self.offer.strategy.rule)
        self.trial = TrialFactory(run=self.run, values={"fast_ma": 7})
        self.mind = MindFactory(tenant=self.tenant)
        self.template = TemplateFactory(tenant=self.tenant)
        own = TemplateFactory(tenant=self.tenant)
        self.trader = TraderFactory(venue_account=self.account, template=own)
        SeatFactory(trader=self.trader, mind=self.mind)
        self.manager = ManagerFactory(tenant=self.tenant)

    def named(self):
        """The rows that a body names, by the name it has there."""
        return {
            "for_tenant": self.tenant.pk,
            "tenant_id": self.tenant.pk,
            "inviter_id": self.boss.pk,
            "member_id": self.member.pk,
            "tenant_strategy_id": self.offer.pk,
            "venue_account_id": self.free.pk,
            "trial_id": self.trial.pk,
            "template_id": str(self.template.pk),
            "trader_id": self.trader.pk,
            "leader_account_id": self.account.pk,
            "leader_trader_id": self.trader.pk,
        }


# Rows of the platform, which are nobody's secret; a tenant's staff name them where they may.
OF_THE_PLATFORM = {"plan_id", "node_id", "strategy_id"}
# What a venue calls its own.
OF_A_VENUE = {"venue_order_id"}
NAMED = {
    *(
        "for_tenant",
        "tenant_id",
        "inviter_id",
        "member_id",
        "tenant_strategy_id",
        "venue_account_id",
    ),
    *("trial_id", "template_id", "trader_id", "leader_account_id", "leader_trader_id"),
}


def rows_in_body(call):
    places = set(re.findall("<[a-z]+:([a-z_]+)>", call.path))
    return [
        field.name
        for field in msgspec.structs.fields(call.asked)
        if (field.name.endswith("_id") or field.name == "for_tenant") and field.name not in places
    ]


WRITES = {name: call for name, call in RIGHTFUL.items() if call.method != "GET"}
BODIES = [
    (name, field)
    for name, call in WRITES.items()
    if call.only != PLATFORM
    for field in rows_in_body(call)
    if field in NAMED
]


def test_every_row_that_a_body_names_is_thought_of():
    named = {field for call in WRITES.values() for field in rows_in_body(call)}
    assert named <= NAMED | OF_THE_PLATFORM | OF_A_VENUE
    assert named >= NAMED


def everything():
    kinds = [Tenant, User, *kinds_of(TenantOwned)]
    told = {
        kind._meta.label: serialize("json", kind._base_manager.order_by("pk")) for kind in kinds
    }
    return told | {"audit": AuditEntry.objects.count()}


def kinds_of(base):
    for kind in base.__subclasses__():
        if not kind._meta.abstract:
            yield kind
        yield from kinds_of(kind)


# What a sound body does not have: a leader is an account or a trader.
LEFT_OUT = {"id", "leader_trader_id"}


def asked_of(call, world):
    known = world.named() | {
        "plan_id": PlanFactory().pk,
        "node_id": NodeFactory().pk,
        "strategy_id": StrategyFactory().pk,
        "name": "shop",
        "email": "new@globex.example",
        "password": "a long word of mine",
        "venue": "paper",
        "url": "https://shop.example/hook",
        "capital": "500",
        "measure": "ratio",
        "measured": "2",
        **RUN,
        "symbol": "BTC/USDT",
        "direction": "long",
        "quantity": "0.01",
        "code": "new-trader",
        "text": default_text(),
        "mind_ids": [world.mind.pk],
        "symbols": ["BTC/USDT"],
        "share_percent": 10,
        "total": "1000",
    }
    return {
        field.name: known[field.name]
        for field in msgspec.structs.fields(call.asked)
        if field.name not in LEFT_OUT and (field.required or field.name in NAMED | {"quantity"})
    }


@pytest.mark.parametrize(("name", "field"), BODIES, ids=[" ".join(pair) for pair in BODIES])
def test_a_body_that_names_another_tenants_row_finds_none(name, field):
    acme, globex = World("Acme"), World("Globex")
    call, desk = CALLS[name], Desk("staff", tenant=globex.tenant, is_superuser=True)
    # Of these calls, only these have a place in the path.
    path = call.path.removeprefix("api/").replace("members/<int:id>", f"members/{globex.member.pk}")
    path = path.replace("trader-managers/<int:id>", f"trader-managers/{globex.manager.pk}")
    path = path.replace("traders/<int:id>", f"traders/{globex.trader.pk}")
    path = path.replace("<uuid:id>", str(globex.run.pk))
    values = asked_of(call, globex)
    before = everything()
    answer = desk.send(call.method, path, values | {field: acme.named()[field]})
    assert refusal_of(answer) == (404, "not_found")
    assert everything() == before
    # That was all that was wrong with it.
    own = desk.send(call.method, path, values)
    assert own.status_code in {200, 201}, own.content
    assert everything() != before
