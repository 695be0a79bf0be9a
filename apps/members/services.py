"""Tenants are opened with their root member; members join below their inviter."""

import secrets

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.ledger.models import Account
from apps.ledger.services import open_accounts
from apps.members.models import Level, Member
from apps.tenants.models import Tenant
from apps.tenants.services import set_policy

K = Account.Kind
TENANT_KINDS = [K.SELF, K.GIFT, K.ISSUED, K.SPENT, K.POOL, K.PAID, K.FEES]
MEMBER_KINDS = [K.SELF, K.GIFT, K.REWARD, K.HELD]
ROOT_KINDS = [*MEMBER_KINDS, K.TECH, K.RETAINED]
FIRST_LEVEL = 0
TRIES = 15


@retried
@transaction.atomic
def open_tenant(*, name: str) -> Tenant:
    """A tenant with its root member and their accounts."""
    name = name.strip()
    if not name or len(name) > 100:
        raise BadInput("a tenant's name has 1 to 100 characters", field="name")
    if not Level.objects.filter(pk=FIRST_LEVEL).exists():
        raise Conflict("there are no levels yet: run manage.py load_fixtures")
    tenant = Tenant.objects.create(name=name)
    set_policy(tenant=tenant)
    open_accounts(tenant=tenant, owner=f"tenant:{tenant.pk}", kinds=TENANT_KINDS)
    root = add_member(
        tenant=tenant, email=f"root@tenant{tenant.pk}.local", password=None, inviter=None
    )
    open_accounts(tenant=tenant, owner=root.owner, kinds=ROOT_KINDS)
    audit.record("tenant_opened", tenant, after={"name": name}, tenant=tenant)
    return tenant


@retried
@transaction.atomic
def create_member(*, tenant: Tenant, email: str, password: str, invite_code: str = "") -> Member:
    """A member below the one whose invite code was given, or below the root member."""
    email = checked_email(email)
    if not 8 <= len(password) <= 128:
        raise BadInput("a password has 8 to 128 characters", field="password")
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


def checked_email(text: str) -> str:
    """The address in lower case: some databases hold Alice@ and alice@ for two, others for one."""
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInput("not an e-mail address", field="email") from error
    if len(email) > Member._meta.get_field("email").max_length:
        raise BadInput("the e-mail address is too long", field="email")
    return email


def add_member(*, tenant: Tenant, email: str, password: str | None, inviter: Member | None):
    path = f"{inviter.path}{inviter.pk}/" if inviter else ""
    if len(path) > Member._meta.get_field("path").max_length:
        raise BadInput("the line of inviters is too long for another member", field="invite_code")
    hashed = make_password(password)
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return Member.objects.of(tenant).create(
                    email=email,
                    password=hashed,
                    invite_code=f"{secrets.randbelow(10**8):08d}",
                    inviter=inviter,
                    path=path,
                    root_of=None if inviter else tenant,
                )
        except IntegrityError:
            if Member.objects.of(tenant).filter(email=email).exists():
                raise Conflict("a member with this e-mail exists", field="email") from None
    raise Conflict("no free invite code was found; try again")


@retried
@transaction.atomic
def set_market_node(*, member: Member, is_market_node: bool) -> None:
    change(member, "is_market_node", is_market_node, action="market_node_set")


def change(member: Member, name: str, value: object, *, action: str) -> None:
    """Set one attribute of the row as it is now, and tell what it was before."""
    rows = Member.objects.across_tenants().filter(pk=member.pk)
    before = rows.select_for_update().values_list(name, flat=True).get()
    setattr(member, name, value)
    if before == value:
        return
    rows.update(**{name: value})
    told = name.removesuffix("_id")
    audit.record(action, member, before={told: before}, after={told: value})
