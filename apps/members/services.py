"""Tenants are opened with their root member; members join below their inviter."""

import secrets

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from apps.core import audit
from apps.core.errors import BadInput, Conflict
from apps.ledger.models import Account
from apps.ledger.services import open_accounts
from apps.members.models import Level, Member
from apps.tenants.models import Tenant

K = Account.Kind
TENANT_KINDS = [K.SELF, K.GIFT, K.ISSUED, K.SPENT, K.POOL]
MEMBER_KINDS = [K.SELF, K.GIFT, K.REWARD, K.HELD]
ROOT_KINDS = [*MEMBER_KINDS, K.TECH, K.RETAINED]
TRIES = 15


@transaction.atomic
def open_tenant(*, name: str) -> Tenant:
    """A tenant with its root member and their accounts."""
    name = name.strip()
    if not name or len(name) > 100:
        raise BadInput("a tenant's name has 1 to 100 characters", field="name")
    tenant = Tenant.objects.create(name=name)
    open_accounts(tenant=tenant, owner=f"tenant:{tenant.pk}", kinds=TENANT_KINDS)
    root = add_member(
        tenant=tenant, email=f"root@tenant{tenant.pk}.local", password=None, inviter=None
    )
    open_accounts(tenant=tenant, owner=root.owner, kinds=ROOT_KINDS)
    audit.record("tenant_opened", tenant, after={"name": name}, tenant=tenant)
    return tenant


@transaction.atomic
def create_member(*, tenant: Tenant, email: str, password: str, invite_code: str = "") -> Member:
    """A member below the one whose invite code was given, or below the root member."""
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInput("not an e-mail address", field="email") from error
    if len(password) < 8:
        raise BadInput("a password has at least 8 characters", field="password")
    members = Member.objects.of(tenant)
    inviter = (
        members.filter(invite_code=invite_code).first()
        if invite_code
        else members.get(root_of=tenant)
    )
    if inviter is None:
        raise BadInput("no member of this tenant has this invite code", field="invite_code")
    if members.filter(email=email).exists():
        raise Conflict("a member with this e-mail exists", field="email")
    member = add_member(tenant=tenant, email=email, password=password, inviter=inviter)
    open_accounts(tenant=tenant, owner=member.owner, kinds=MEMBER_KINDS)
    audit.record("member_created", member, after={"email": email, "inviter": inviter.pk})
    return member


def add_member(*, tenant: Tenant, email: str, password: str | None, inviter: Member | None):
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return Member.objects.of(tenant).create(
                    email=email,
                    password=make_password(password),
                    invite_code=f"{secrets.randbelow(10**8):08d}",
                    inviter=inviter,
                    path=f"{inviter.path}{inviter.pk}/" if inviter else "",
                    root_of=None if inviter else tenant,
                )
        except IntegrityError:
            if Member.objects.of(tenant).filter(email=email).exists():
                raise Conflict("a member with this e-mail exists", field="email") from None
    raise Conflict("no free invite code was found; try again")


@transaction.atomic
def set_market_node(*, member: Member, is_market_node: bool) -> None:
    before = {"is_market_node": member.is_market_node}
    member.is_market_node = is_market_node
    member.save(update_fields=["is_market_node"])
    audit.record("market_node_set", member, before=before, after={"is_market_node": is_market_node})


@transaction.atomic
def set_level(*, member: Member, level: Level) -> None:
    before = {"level": member.level_id}
    member.level = level
    member.save(update_fields=["level"])
    audit.record("level_set", member, before=before, after={"level": level.pk})
