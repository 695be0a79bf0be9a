"""Globex asks for Acme's rows at every call, by every name and id: it is told of none."""

import json

import msgspec
import pytest
from django.core.serializers import serialize

from apps.core.models import TenantOwned
from apps.members.models import Member
from apps.merchant.urls import FACES
from apps.tenants.models import AppKey
from tests.apps.merchant.shop import Shop
from tests.factories import SubscriptionFactory, VenueAccountFactory

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = [(face, call) for face in FACES for call in face.calls]
# What is asked for that belongs to nobody.
HARMLESS = {
    "password": "12345678",
    "amount": "1",
    "exchange": "paper",
    "api_key": "k",
    "api_secret": "s",
    "is_node": "1",
    "wallet_address": "0x52908400098527886E0F7030069857D2E4169EE7",
    "wallet_network": "ERC20",
}


@pytest.fixture
def acme():
    shop = Shop("Acme")
    shop.member("alice@acme.example")
    shop.alice = Member.objects.of(shop.tenant).get(email="alice@acme.example")
    shop.account = VenueAccountFactory(member=shop.alice)
    offered = shop.offer(display_name="Acme secret sauce")
    shop.subscription = SubscriptionFactory(venue_account=shop.account, tenant_strategy=offered)
    return shop


def theirs(acme):
    """Acme's own, by the name of the parameter."""
    return {
        "email": "alice@acme.example",
        "from_email": "alice@acme.example",
        "to_email": "alice@acme.example",
        "invite_code": acme.alice.invite_code,
        "account_id": acme.account.pk,
        "strategy_id": acme.subscription.tenant_strategy.strategy_id,
    }


def rows_of(tenant):
    models = [
        model
        for model in TenantOwned.__subclasses__()
        for model in (model, *model.__subclasses__())
    ]
    return {
        model._meta.label: serialize("json", model.objects.of(tenant).order_by("pk"))
        for model in models
        if not model._meta.abstract and model is not AppKey
    }


@pytest.mark.parametrize(
    ("face", "call"), CALLS, ids=[f"{call.method} {call.path}" for _face, call in CALLS]
)
def test_no_call_tells_or_touches_another_tenants_rows(acme, face, call):
    globex = Shop("Globex")
    before, known = rows_of(acme.tenant), theirs(acme)
    values = {}
    for field in msgspec.structs.fields(call.asked):
        if field.name in known:
            values[field.name] = known[field.name]
        elif field.required:
            # A call that asks for something new has to be thought of here.
            values[field.name] = HARMLESS[field.name]
    if call.method == "GET":
        answer = globex.get(f"/{call.path}", **values)
    else:
        answer = globex.post(f"/{call.path}", **values)
    assert answer.status_code < 500
    told = answer.content.decode()
    secrets = [acme.alice.invite_code, "Acme secret sauce", acme.account.key_hint]
    assert not [secret for secret in secrets if secret in told]
    body = json.loads(told)
    if set(values) & set(known) and call.method != "GET" and "create" not in call.path:
        assert body["code"] == 1, body
        assert body["error"] in {"not_found", "bad_input"}
    if "create" in call.path:
        # Acme's invite code means nothing here.
        assert body["error"] == "bad_input", body
    assert rows_of(acme.tenant) == before
