"""The factories make valid rows: of every model, of one tenant, and such that they open."""

import inspect
import json

import pytest
from django.apps import apps
from factory.django import DjangoModelFactory

from apps.core import sealed
from apps.core.models import TenantOwned
from engine import envelope
from engine.messages import Heartbeat
from tests import factories

FACTORIES = {
    factory._meta.model: factory
    for _name, factory in inspect.getmembers(factories, inspect.isclass)
    if issubclass(factory, DjangoModelFactory) and factory._meta.model
}
# Written by `audit.record` alone.
CHAINED = {"core.AuditEntry", "core.AuditHead"}


def owned(row):
    """The tenant-owned rows that this row points at."""
    for field in row._meta.get_fields():
        if field.many_to_one or (field.one_to_one and field.concrete):
            value = getattr(row, field.name, None)
            if isinstance(value, TenantOwned):
                yield value


def test_every_model_has_a_factory():
    models = {
        model
        for config in apps.get_app_configs()
        if config.name.startswith("apps.")
        for model in config.get_models()
    }
    missing = {model._meta.label for model in models - set(FACTORIES)}
    assert missing == CHAINED


@pytest.mark.django_db
@pytest.mark.parametrize("factory", FACTORIES.values(), ids=lambda f: f.__name__)
def test_makes_a_valid_row(factory):
    first, second = factory(), factory()
    for row in (first, second):
        # A form may insist on more than the row does: what is empty there is for the database.
        empty = [f.name for f in row._meta.concrete_fields if not getattr(row, f.attname)]
        row.full_clean(exclude=empty)
    if isinstance(first, TenantOwned):
        assert {part.tenant_id for part in owned(first)} <= {first.tenant_id}
        assert first.tenant_id != second.tenant_id


@pytest.mark.django_db
def test_credentials_open_where_they_belong():
    account = factories.VenueAccountFactory()
    binding = f"venue_account:{account.member_id}:{account.venue}:{account.label}"
    assert json.loads(sealed.unseal(account.credentials, binding=binding)) == factories.CREDENTIALS


@pytest.mark.django_db
def test_a_node_signs_and_opens():
    node = factories.NodeFactory()
    message = Heartbeat(version="1", clock_ms=1, running=0)
    text = envelope.sign(message, sender=node.code, receiver="centre", key=node.sign_private)
    parts = envelope.read(text, receiver="centre")
    assert envelope.verify(*parts, key=node.sign_private.verify_key, expected=Heartbeat) == message
    sealed_text = envelope.seal(b"key", to=bytes(node.seal_private.public_key))
    assert envelope.unseal(sealed_text, key=node.seal_private) == b"key"
