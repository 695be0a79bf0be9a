"""Globex asks for Acme's rows at every call, by every name and id: it is told of none."""

import json
import re

import msgspec
import pytest
from django.core.serializers import serialize

from apps.core.models import TenantOwned
from apps.members.models import Member
from apps.merchant.urls import FACES
from apps.merchant.v1 import face as v1
from apps.tenants.models import AppKey
from tests.apps.merchant.shop import Shop
from tests.factories import SubscriptionFactory, VenueAccountFactory, WithdrawalFactory

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
    "address": "0x52908400098527886E0F7030069857D2E4169EE7",
    "kind": "self",
    "venue": "paper",
}


@pytest.fixture
def acme():
    shop = Shop("Acme")
    shop.member("alice@acme.example")
    shop.alice = Member.objects.of(shop.tenant).get(email="alice@acme.example")
    shop.account = VenueAccountFactory(member=shop.alice)
    offered = shop.offer(display_name="Acme secret sauce")
    shop.withdrawal = WithdrawalFactory(member=shop.alice)
    shop.subscription = SubscriptionFactory(venue_account=shop.account, tenant_strategy=offered)
    return shop


def theirs(acme, face):
    """Acme's own, by the name of the parameter."""
    offered = acme.subscription.tenant_strategy
    return {
        "email": "alice@acme.example",
        "from_email": "alice@acme.example",
        "to_email": "alice@acme.example",
        "invite_code": acme.alice.invite_code,
        "member_id": acme.alice.pk,
        "to_member_id": acme.alice.pk,
        "inviter_id": acme.alice.pk,
        "account_id": acme.account.pk,
        "subscription_id": acme.subscription.pk,
        "withdrawal_id": str(acme.withdrawal.pk),
        "strategy_id": offered.strategy_id if face is v1 else offered.pk,
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
    before, known = rows_of(acme.tenant), theirs(acme, face)
    values = {}
    for field in msgspec.structs.fields(call.asked):
        if field.name in known:
            values[field.name] = known[field.name]
        elif field.required:
            # A call that asks for something new has to be thought of here.
            values[field.name] = HARMLESS[field.name]
    asked_for_theirs = values.keys() & known.keys()
    path = "/" + call.path
    for place in re.findall("<[a-z]+:([a-z_]+)>", path):
        path = re.sub(f"<[a-z]+:{place}>", str(values.pop(place)), path)
    if call.method == "GET":
        answer = globex.get(path, **values)
    elif face is v1:
        answer = globex.post(path, **values)
    else:
        answer = globex.json(call.method, path, **values)
    assert answer.status_code < 500
    told = answer.content.decode()
    secrets = [acme.alice.invite_code, "Acme secret sauce", acme.account.key_hint]
    assert not [secret for secret in secrets if secret in told]
    if asked_for_theirs:
        assert is_nothing(json.loads(told)), told
    assert rows_of(acme.tenant) == before


def is_nothing(body) -> bool:
    """Whether an answer says that there is no such thing, or lists none."""
    rule = body.get("error") or body.get("code")
    data = body.get("data")
    is_empty = body.get("items") == [] or (isinstance(data, dict) and data.get("list") == [])
    # A password and an invite code of another tenant are wrong ones.
    return is_empty or rule in {"not_found", "bad_input", "wrong_password"}
