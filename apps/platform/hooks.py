"""Webhooks of tenants: where they are sent, and what is sent again."""

from uuid import UUID

from msgspec import Struct

from apps.platform import lists
from apps.platform.face import Asked, Id, Visitor, face
from apps.platform.people import tenant_of
from apps.tenants.services import create_endpoint, replay_delivery, rotate_endpoint_secret


class EndpointMade(Struct):
    endpoint: lists.endpoints.line
    # Told once.
    secret: str


class CreateEndpoint(Asked):
    for_tenant: Id
    url: str
    # Names or first words, as withdrawal or order.filled; none is all.
    events: list[str] = []


@face.call(
    "POST",
    "api/webhook-endpoints",
    scope="tenants.add_endpoint",
    status=201,
    tells_secret=True,
)
def create_hook(visitor: Visitor, asked: CreateEndpoint) -> EndpointMade:
    """Let a tenant's server hear of events."""
    tenant = tenant_of(visitor, asked.for_tenant)
    made = create_endpoint(tenant=tenant, url=asked.url, events=asked.events)
    return EndpointMade(lists.endpoints.line_of(made.endpoint), made.secret)


class OneEndpoint(Asked):
    id: Id


@face.call(
    "POST",
    "api/webhook-endpoints/<int:id>/rotate-secret",
    scope="tenants.change_endpoint",
    tells_secret=True,
)
def rotate_hook(visitor: Visitor, asked: OneEndpoint) -> EndpointMade:
    """Sign with another secret from now on."""
    made = rotate_endpoint_secret(endpoint=lists.endpoints.one(visitor, asked.id))
    return EndpointMade(lists.endpoints.line_of(made.endpoint), made.secret)


class OneDelivery(Asked):
    id: UUID


@face.call("POST", "api/webhook-deliveries/<uuid:id>/replay", scope="tenants.change_delivery")
def replay(visitor: Visitor, asked: OneDelivery) -> lists.deliveries.line:
    """Send it again, with the same id."""
    row = lists.deliveries.one(visitor, asked.id)
    replay_delivery(delivery=row)
    row.refresh_from_db()
    return lists.deliveries.line_of(row)
