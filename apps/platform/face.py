"""How the Platform API answers, who is let in, and through which tenant they look.

`{data}` for one thing, `{data, total, page, page_size}` for a list, `{code, message, context}`
for a refusal. Amounts are text, moments are in UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from django.http import HttpResponse
from msgspec import UNSET, Meta, Struct
from msgspec.structs import asdict

from apps.core.errors import BadInput, BadParameter, DomainError, NotAllowed, NotFound, Unauthorized
from apps.core.face import JSON, Call, Face, context_of, query_of, text_encoder
from apps.platform.tokens import login_id_of
from apps.tenants.models import Login, Tenant, User
from apps.tenants.services import login_of, note_seen

T = TypeVar("T")
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# Scopes that are no right: of whoever asks, and of whoever is logged in.
ANYBODY, SOMEBODY = "anybody", "somebody"
# Calls that a tenant's own staff have no part in.
PLATFORM = "platform"


class Asked(Struct, forbid_unknown_fields=True):
    """What a call asks; what it does not know is refused by name."""


def named(asked: Asked, *others: str) -> dict[str, object]:
    """What a call names, without `others`; what it leaves out stays as it is."""
    values = asdict(asked).items()
    return {name: value for name, value in values if value is not UNSET and name not in others}


class Data(Struct, Generic[T]):
    data: T


class Rows(Struct, Generic[T]):
    data: Sequence[T]
    total: int
    page: int
    page_size: int
    # Whether there are rows after these.
    more: bool = False
    # Of very many rows, `total` says only that there are at least so many.
    total_is_exact: bool = True


class Refusal(Struct):
    code: str
    message: str
    context: dict[str, str]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who was let in, and the tenant whose rows they see; none is everybody's."""

    login: Login | None = None
    tenant: Tenant | None = None
    request: object = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def user(self) -> User:
        return self.login.user

    @property
    def actor(self) -> str:
        return self.login.user.get_username() if self.login else "anonymous"

    @property
    def keys_of(self) -> str:
        return f"platform:{self.login.user_id}" if self.login else "platform:anonymous"


class Platform(Face):
    title = "IronBull Platform API"
    version = "1"
    name = "platform"
    prefix = "api"
    description = __doc__ or ""
    refusal = Refusal
    parameters = (
        {
            "name": "tenant_id",
            "in": "query",
            "required": False,
            "description": "Look through this tenant; a tenant's own staff always do.",
            "schema": {"type": "integer", "minimum": 0},
        },
    )
    security = {"Access": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}

    def is_open(self, call: Call) -> bool:
        return call.scope == ANYBODY

    def enter(self, request, call: Call, *, now: datetime) -> Visitor:
        if self.is_open(call):
            return Visitor(request=request)
        login = login_of(login_id=login_id_of(bearer(request), now=now), now=now)
        note_seen(login=login, now=now)
        user = login.user
        if call.scope != SOMEBODY and not user.has_perm(call.scope):
            raise NotAllowed(f"this takes the right {call.scope}", right=call.scope)
        if call.only == PLATFORM and user.tenant_id:
            raise NotAllowed("this belongs to the platform")
        return Visitor(login, tenant_in_view(user, query_of(request).get("tenant_id")), request)

    def wrapped(self, told: type) -> type:
        return told if is_listed(told) else Data[told]

    def written(self, told: object) -> str:
        body = told if isinstance(told, Rows) else Data(told)
        return text_encoder.encode(body).decode()

    def refused(self, error: DomainError, *, by_the_verb: bool = False) -> HttpResponse:
        context = context_of(error)
        body = Refusal(error.code, error.message, context)
        # Wrong is wrong here, whether a type or a rule says so: the code tells which.
        status = BadInput.http_status if isinstance(error, BadParameter) else error.http_status
        response = HttpResponse(text_encoder.encode(body), status=status, content_type=JSON)
        if "retry_after" in context:
            response.headers["Retry-After"] = context["retry_after"]
        return response


def is_listed(told: type) -> bool:
    return getattr(told, "__origin__", None) is Rows


def bearer(request) -> str:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("log in, and send the header Authorization: Bearer <access token>")
    return token.strip()


def tenant_in_view(user: User, asked: str | None) -> Tenant | None:
    """A tenant's staff see their own; platform staff may look through one."""
    if not asked:
        return user.tenant
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    # Whoever names another tenant than their own is not answered as if they had not.
    if user.tenant_id and number != user.tenant_id:
        raise no_such_tenant()
    tenant = Tenant.objects.filter(pk=number).first()
    if tenant is None:
        raise no_such_tenant()
    return tenant


def no_such_tenant() -> NotFound:
    """The same of a tenant that is not there, and of one that is not theirs."""
    return NotFound("no such tenant", field="tenant_id")


face = Platform()
