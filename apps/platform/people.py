"""Tenants with their keys, plans and rules; users; members."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from django.utils import timezone
from msgspec import UNSET, Meta, Struct, UnsetType, field

from apps.core.errors import NotAllowed
from apps.core.face import found, plain
from apps.members.models import Member
from apps.members.selectors import team_of
from apps.members.services import create_member, move_member, open_tenant, set_market_node
from apps.platform import lists
from apps.platform.face import PLATFORM, Asked, Id, Visitor, face, named
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.quotas.models import Plan
from apps.quotas.services import assign_plan
from apps.tenants.models import AppKey, Tenant, User
from apps.tenants.roles import is_owner, may_give
from apps.tenants.services import (
    change_app_key,
    change_user,
    create_app_key,
    create_user,
    end_login,
    rename_tenant,
    reset_second_factor,
    rotate_app_key,
    set_policy,
)
from apps.tenants.services.app_keys import USUAL_SCOPES, Made
from apps.venues.selectors import holdings, team_holding
from engine.ids import uuid7

Card = Literal["self", "gift"]
Scope = Literal[*AppKey.Scope.values]
Role = Literal[*(role for role in User.Role.values if role)]
CHANGE_TENANT, CHANGE_MEMBER = "tenants.change_tenant", "members.change_member"


class OpenTenant(Asked):
    name: str
    # Nobody is without limits by oversight.
    plan_id: Id


class OpenedTenant(Struct):
    tenant: lists.tenants.line
    app_key: str
    # Told once.
    app_secret: str


@face.call(
    "POST", "api/tenants", scope="tenants.add_tenant", status=201, only=PLATFORM, tells_secret=True
)
def open_a_tenant(visitor: Visitor, asked: OpenTenant) -> OpenedTenant:
    """Open a tenant, with its root member, its accounts and its first app key."""
    plan = found(Plan.objects.all(), what="plan", pk=asked.plan_id)
    opened = open_tenant(name=asked.name, plan=plan)
    key = opened.first_key
    return OpenedTenant(lists.tenants.line_of(opened.tenant), key.app_key.key, key.secret)


class RenameTenant(Asked):
    id: Id
    name: str


@face.call("PATCH", "api/tenants/<int:id>", scope=CHANGE_TENANT, only=PLATFORM)
def rename(visitor: Visitor, asked: RenameTenant) -> lists.tenants.line:
    """Give a tenant another name."""
    row = rename_tenant(tenant=lists.tenants.one(visitor, asked.id), name=asked.name)
    return lists.tenants.line_of(row)


class Recharge(Asked):
    id: Id
    kind: Card
    amount: Decimal


@face.call("POST", "api/tenants/<int:id>/recharge", scope="tenants.recharge_tenant", only=PLATFORM)
def recharge_a_tenant(visitor: Visitor, asked: Recharge) -> lists.transfers.line:
    """Issue point cards to a tenant."""
    made = recharge_tenant(
        key=str(uuid7()),
        tenant=lists.tenants.one(visitor, asked.id),
        kind=asked.kind,
        amount=asked.amount,
    )
    return lists.transfers.line_of(made)


class AssignPlan(Asked):
    id: Id
    plan_id: Id


@face.call("POST", "api/tenants/<int:id>/plan", scope="quotas.change_tenantplan", only=PLATFORM)
def put_on_plan(visitor: Visitor, asked: AssignPlan) -> lists.tenant_plans.line:
    """Put a tenant on a plan, from the next call on."""
    plan = found(Plan.objects.all(), what="plan", pk=asked.plan_id)
    row = assign_plan(tenant=lists.tenants.one(visitor, asked.id), plan=plan)
    return lists.tenant_plans.line_of(row)


class SetPolicy(Asked):
    id: Id
    charge_basis: Literal["each_close", "net_of_fees", "high_water"] | UnsetType = UNSET
    charge_rate: Decimal | UnsetType = UNSET
    pauses_on_shortfall: bool | UnsetType = UNSET
    tech_rate: Decimal | UnsetType = UNSET
    network_rate: Decimal | UnsetType = UNSET
    direct_rate: Decimal | UnsetType = UNSET
    peer_rate: Decimal | UnsetType = UNSET
    min_holding: Decimal | UnsetType = UNSET
    min_withdrawal: Decimal | UnsetType = UNSET
    withdrawal_fee_rate: Decimal | UnsetType = UNSET
    daily_withdrawal_amount: Decimal | UnsetType = UNSET
    daily_withdrawal_count: Annotated[int, Meta(ge=0, le=10**6)] | UnsetType = UNSET
    needs_four_eyes: bool | UnsetType = UNSET
    withdrawing_keys: Literal["refuse", "ask", "allow"] | UnsetType = UNSET


@face.call("POST", "api/tenants/<int:id>/policy", scope="tenants.change_policy", only=PLATFORM)
def set_rules(visitor: Visitor, asked: SetPolicy) -> lists.policies.line:
    """Let these money rules hold from now on; what is not named stays."""
    tenant = lists.tenants.one(visitor, asked.id)
    return lists.policies.line_of(set_policy(tenant=tenant, **named(asked, "id")))


class KeyMade(Struct):
    key: lists.app_keys.line
    # Told once.
    secret: str


class CreateKey(Asked):
    for_tenant: Id
    name: str
    scopes: list[Scope] = field(default_factory=lambda: [*USUAL_SCOPES])
    networks: list[str] = []
    is_legacy: bool = False


@face.call("POST", "api/app-keys", scope="tenants.add_appkey", status=201, tells_secret=True)
def create_key(visitor: Visitor, asked: CreateKey) -> KeyMade:
    """Let a tenant's server in. A key that moves money or reads secrets is an owner's to give."""
    tenant = tenant_of(visitor, asked.for_tenant)
    refuse_owners_scopes(visitor, asked.scopes)
    made = create_app_key(
        tenant=tenant,
        name=asked.name,
        scopes=asked.scopes,
        networks=asked.networks,
        is_legacy=asked.is_legacy,
    )
    return key_made(made)


class RotateKey(Asked):
    id: Id
    overlap_hours: Annotated[int, Meta(ge=0, le=720)] = 168


@face.call("POST", "api/app-keys/<int:id>/rotate", scope="tenants.change_appkey", tells_secret=True)
def rotate_key(visitor: Visitor, asked: RotateKey) -> KeyMade:
    """A new key like this one, which stays good for the overlap."""
    row = lists.app_keys.one(visitor, asked.id)
    refuse_owners_scopes(visitor, row.scopes)
    made = rotate_app_key(
        app_key=row,
        overlap=timedelta(hours=asked.overlap_hours),
        now=timezone.now(),
    )
    return key_made(made)


def refuse_owners_scopes(visitor: Visitor, scopes: Iterable[str]) -> None:
    if not may_give(visitor.user, scopes):
        raise NotAllowed("only an owner lets a key move money or read secrets", field="scopes")


def key_made(made: Made) -> KeyMade:
    return KeyMade(lists.app_keys.line_of(made.app_key), made.secret)


def tenant_of(visitor: Visitor, tenant_id: int) -> Tenant:
    return lists.tenants.one(visitor, tenant_id)


class CreateUser(Asked):
    username: str
    password: str
    role: Role
    email: str = ""
    for_tenant: Id | None = None


@face.call("POST", "api/users", scope="tenants.add_user", status=201, only=PLATFORM)
def create_a_user(visitor: Visitor, asked: CreateUser) -> lists.users.line:
    """Let somebody log in, in a role."""
    if asked.role != User.Role.STAFF and not is_owner(visitor.user):
        raise NotAllowed("only an owner gives a role of the platform", field="role")
    tenant = None if asked.for_tenant is None else tenant_of(visitor, asked.for_tenant)
    user = create_user(
        username=asked.username,
        password=asked.password,
        role=asked.role,
        email=asked.email,
        tenant=tenant,
    )
    return lists.users.line_of(user)


class ChangeUser(Asked):
    id: Id
    email: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET


@face.call("PATCH", "api/users/<int:id>", scope="tenants.change_user", only=PLATFORM)
def change_a_user(visitor: Visitor, asked: ChangeUser) -> lists.users.line:
    """Give somebody another address or role: an owner's to do. A new role takes a new login."""
    refuse_others(visitor)
    row = lists.users.one(visitor, asked.id)
    change_user(
        user=row,
        email=row.email if asked.email is UNSET else asked.email,
        role=row.role if asked.role is UNSET else asked.role,
        rights=row.user_permissions.all(),
    )
    row.refresh_from_db()
    return lists.users.line_of(row)


class OneUser(Asked):
    id: Id


@face.call(
    "POST", "api/users/<int:id>/reset-second-factor", scope="tenants.change_user", only=PLATFORM
)
def reset_factor(visitor: Visitor, asked: OneUser) -> lists.users.line:
    """Forget the second factor of somebody who lost it: an owner's to do. Their logins end."""
    refuse_others(visitor)
    row = lists.users.one(visitor, asked.id)
    reset_second_factor(user=row)
    row.refresh_from_db()
    return lists.users.line_of(row)


def refuse_others(visitor: Visitor) -> None:
    if not is_owner(visitor.user):
        raise NotAllowed("only an owner changes users")


class OneLogin(Asked):
    id: Id


@face.call("POST", "api/logins/<int:id>/end", scope="tenants.change_login", only=PLATFORM)
def end_a_login(visitor: Visitor, asked: OneLogin) -> lists.logins.line:
    """Let this browser or program in no more."""
    row = lists.logins.one(visitor, asked.id)
    end_login(login=row, now=timezone.now(), because="ended by staff")
    row.refresh_from_db()
    return lists.logins.line_of(row)


class ChangeKey(Asked):
    id: Id
    name: str | UnsetType = UNSET
    scopes: list[Scope] | UnsetType = UNSET
    networks: list[str] | UnsetType = UNSET


@face.call("PATCH", "api/app-keys/<int:id>", scope="tenants.change_appkey")
def change_key(visitor: Visitor, asked: ChangeKey) -> lists.app_keys.line:
    """Give a key another name, other scopes or networks, from its next call on."""
    row = lists.app_keys.one(visitor, asked.id)
    changes = named(asked, "id")
    refuse_owners_scopes(visitor, set(changes.get("scopes", ())) - set(row.scopes))
    return lists.app_keys.line_of(change_app_key(app_key=row, **changes))


class CreateMember(Asked):
    for_tenant: Id
    email: str
    password: str
    invite_code: str = ""


@face.call("POST", "api/members", scope="members.add_member", status=201)
def create_a_member(visitor: Visitor, asked: CreateMember) -> lists.members.line:
    """Create a member below the one whose invite code is given, or below the root member."""
    member = create_member(
        tenant=tenant_of(visitor, asked.for_tenant),
        email=asked.email,
        password=asked.password,
        invite_code=asked.invite_code,
    )
    return lists.members.line_of(member)


@face.call("POST", "api/members/<int:id>/recharge", scope="members.recharge_member")
def recharge_a_member(visitor: Visitor, asked: Recharge) -> lists.transfers.line:
    """Hand point cards of the tenant to a member."""
    made = recharge_member(
        key=str(uuid7()),
        member=lists.members.one(visitor, asked.id),
        kind=asked.kind,
        amount=asked.amount,
    )
    return lists.transfers.line_of(made)


class MoveMember(Asked):
    id: Id
    inviter_id: Id


@face.call("POST", "api/members/<int:id>/move", scope=CHANGE_MEMBER)
def move(visitor: Visitor, asked: MoveMember) -> lists.members.line:
    """Put a member, with all below, under another inviter."""
    member = lists.members.one(visitor, asked.id)
    inviter = found(Member.objects.of(member.tenant), what="inviter", pk=asked.inviter_id)
    move_member(member=member, inviter=inviter)
    return lists.members.line_of(member)


class SetNode(Asked):
    id: Id
    is_market_node: bool


@face.call("POST", "api/members/<int:id>/market-node", scope=CHANGE_MEMBER)
def set_node(visitor: Visitor, asked: SetNode) -> lists.members.line:
    """Make a member a market node, or end that."""
    member = lists.members.one(visitor, asked.id)
    set_market_node(member=member, is_market_node=asked.is_market_node)
    return lists.members.line_of(member)


class OneMember(Asked):
    id: Id


class Team(Struct):
    direct_count: int
    total_count: int
    own_holding: Decimal
    team_holding: Decimal


@face.call("GET", "api/members/<int:id>/team", scope="members.view_member")
def team(visitor: Visitor, asked: OneMember) -> Team:
    """The sums of everybody below a member; whom one invited are members by `inviter_id`."""
    member = lists.members.one(visitor, asked.id)
    counts = team_of(member)
    return Team(
        direct_count=counts.direct,
        total_count=counts.total,
        own_holding=plain(holdings([member])[member.pk]),
        team_holding=plain(team_holding(member)),
    )
