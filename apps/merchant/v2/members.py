"""Members, their teams, and the venue accounts that they bind."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from django.db import transaction
from msgspec import UNSET, Struct, UnsetType

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import NotFound
from apps.core.face import found, plain
from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.members.models import Level, Member
from apps.members.selectors import team_of
from apps.members.services import (
    create_member,
    disable_member,
    enable_member,
    move_member,
    set_market_node,
    set_password,
    sign_in_member,
)
from apps.merchant.gate import Visitor
from apps.merchant.v2.problem import Asked, Id, Listed, Page, face, listed, member_of
from apps.tenants.models import AppKey
from apps.venues.credentials import opened
from apps.venues.models import VenueAccount
from apps.venues.selectors import holdings, team_holding
from apps.venues.services import bind_account, unbind_account

S, K = AppKey.Scope, Account.Kind
Status = Literal["active", "disabled"]
COLUMNS = (
    *("pk", "email", "invite_code", "inviter_id", "root_of_id", "is_market_node"),
    *("level_id", "status", "created_at"),
)


class MemberLine(Struct):
    id: int
    email: str
    invite_code: str
    inviter_id: int | None
    is_root: bool
    is_market_node: bool
    level: str
    status: Status
    self_cards: Decimal
    gift_cards: Decimal
    rewards: Decimal
    created_at: datetime


class ListMembers(Listed):
    email: str = ""
    invite_code: str = ""
    inviter_id: Id | None = None
    status: Status | None = None


@face.call("GET", "merchant/v2/members", scope=S.READ)
def list_members(visitor: Visitor, asked: ListMembers) -> Page[MemberLine]:
    """Members, the newest first. `email` finds a part of the address."""
    rows = Member.objects.of(visitor.key.tenant)
    if asked.email:
        rows = rows.filter(email__icontains=asked.email)
    if asked.invite_code:
        rows = rows.filter(invite_code=asked.invite_code)
    if asked.inviter_id is not None:
        rows = rows.filter(inviter=asked.inviter_id)
    if asked.status:
        rows = rows.filter(status=asked.status)
    page = listed(rows.values_list(*COLUMNS, named=True), asked, lambda member: member)
    page.items = with_balances(page.items)
    return page


def member_line(visitor: Visitor, member_id: int) -> MemberLine:
    rows = Member.objects.of(visitor.key.tenant).values_list(*COLUMNS, named=True)
    return with_balances([found(rows, what="member", pk=member_id)])[0]


def with_balances(members) -> list[MemberLine]:
    """Members by their columns: a list makes no row of each, which would be most of its time."""
    owners = {member.pk: f"member:{member.pk}" for member in members}
    books = balances(owners.values(), [K.SELF, K.GIFT, K.REWARD])
    # Not joined: some databases begin at the few levels then, and sort every member.
    levels = dict(Level.objects.values_list("pk", "name"))
    return [line_of(member, owners[member.pk], books, levels) for member in members]


def line_of(member, owner: str, books, levels) -> MemberLine:
    return MemberLine(
        id=member.pk,
        email=member.email,
        invite_code=member.invite_code,
        inviter_id=member.inviter_id,
        is_root=member.root_of_id is not None,
        is_market_node=member.is_market_node,
        level=levels[member.level_id],
        status=member.status,
        self_cards=plain(books[owner, K.SELF]),
        gift_cards=plain(books[owner, K.GIFT]),
        rewards=plain(books[owner, K.REWARD]),
        created_at=member.created_at,
    )


class CreateMember(Asked):
    email: str
    password: str
    invite_code: str = ""


@face.call("POST", "merchant/v2/members", scope=S.WRITE, status=201)
def create(visitor: Visitor, asked: CreateMember) -> MemberLine:
    """Create a member below the one whose invite code is given, or below the root member."""
    member = create_member(
        tenant=visitor.key.tenant,
        email=asked.email,
        password=asked.password,
        invite_code=asked.invite_code,
    )
    return member_line(visitor, member.pk)


class OneMember(Asked):
    member_id: Id


@face.call("GET", "merchant/v2/members/<int:member_id>", scope=S.READ)
def read_member(visitor: Visitor, asked: OneMember) -> MemberLine:
    """One member."""
    return member_line(visitor, asked.member_id)


class ChangeMember(Asked):
    member_id: Id
    status: Status | UnsetType = UNSET
    is_market_node: bool | UnsetType = UNSET
    inviter_id: Id | UnsetType = UNSET
    password: str | UnsetType = UNSET


@face.call("PATCH", "merchant/v2/members/<int:member_id>", scope=S.WRITE)
@retried
@transaction.atomic
def change_member(visitor: Visitor, asked: ChangeMember) -> MemberLine:
    """Disable, enable or move a member, or set a password: all that is named, or none."""
    member = member_of(visitor, asked.member_id)
    if asked.status is not UNSET and asked.status != member.status:
        change = disable_member if asked.status == "disabled" else enable_member
        change(member=member)
    if asked.is_market_node is not UNSET:
        set_market_node(member=member, is_market_node=asked.is_market_node)
    if asked.inviter_id is not UNSET:
        move_member(member=member, inviter=member_of(visitor, asked.inviter_id))
    if asked.password is not UNSET:
        set_password(member=member, password=asked.password)
    return member_line(visitor, member.pk)


class SignIn(Asked):
    email: str
    password: str


@face.call("POST", "merchant/v2/members/sign-in", scope=S.WRITE, is_of_now=True)
def sign_in(visitor: Visitor, asked: SignIn) -> MemberLine:
    """The member whose e-mail and password these are, for a front end of the merchant's own."""
    member = sign_in_member(tenant=visitor.key.tenant, email=asked.email, password=asked.password)
    return member_line(visitor, member.pk)


class Team(Struct):
    direct_count: int
    total_count: int
    own_holding: Decimal
    team_holding: Decimal


@face.call("GET", "merchant/v2/members/<int:member_id>/team", scope=S.READ)
def team(visitor: Visitor, asked: OneMember) -> Team:
    """The sums of everybody below a member. Whom one invited are members by `inviter_id`."""
    member = member_of(visitor, asked.member_id)
    counts = team_of(member)
    return Team(
        direct_count=counts.direct,
        total_count=counts.total,
        own_holding=plain(holdings([member])[member.pk]),
        team_holding=plain(team_holding(member)),
    )


# --- venue accounts


class AccountLine(Struct):
    id: int
    member_id: int
    venue: str
    label: str
    status: str
    key_hint: str
    margin: str
    position_mode: str
    equity: Decimal
    equity_at: datetime | None
    has_node: bool
    created_at: datetime


def account_line(account: VenueAccount) -> AccountLine:
    return AccountLine(
        id=account.pk,
        member_id=account.member_id,
        venue=account.venue,
        label=account.label,
        status=account.status,
        key_hint=account.key_hint,
        margin=account.margin,
        position_mode=account.position_mode,
        equity=plain(account.equity),
        equity_at=account.equity_at,
        has_node=account.node_id is not None,
        created_at=account.created_at,
    )


class ListAccounts(Listed):
    member_id: Id | None = None


@face.call("GET", "merchant/v2/venue-accounts", scope=S.READ)
def list_accounts(visitor: Visitor, asked: ListAccounts) -> Page[AccountLine]:
    """Venue accounts, the newest first; their keys are told by their last letters only."""
    rows = VenueAccount.objects.of(visitor.key.tenant)
    if asked.member_id is not None:
        rows = rows.filter(member=asked.member_id)
    return listed(rows, asked, account_line)


class BindAccount(Asked):
    member_id: Id
    venue: str
    label: str = "futures"
    api_key: str = ""
    api_secret: str = ""
    passphrase: str = ""
    # As they are; at first isolated margin, and long and short apart.
    margin: str = ""
    position_mode: str = ""


@face.call("POST", "merchant/v2/venue-accounts", scope=S.WRITE, status=201)
def bind(visitor: Visitor, asked: BindAccount) -> AccountLine:
    """Bind a member's venue account; bound again, its keys are replaced."""
    account = bind_account(
        member=member_of(visitor, asked.member_id),
        venue=asked.venue,
        label=asked.label,
        api_key=asked.api_key,
        api_secret=asked.api_secret,
        passphrase=asked.passphrase,
        margin=asked.margin,
        position_mode=asked.position_mode,
    )
    return account_line(account)


class OneAccount(Asked):
    account_id: Id


@face.call("GET", "merchant/v2/venue-accounts/<int:account_id>", scope=S.READ)
def read_account(visitor: Visitor, asked: OneAccount) -> AccountLine:
    """One venue account."""
    return account_line(account_of(visitor, asked.account_id))


@face.call("DELETE", "merchant/v2/venue-accounts/<int:account_id>", scope=S.WRITE)
def unbind(visitor: Visitor, asked: OneAccount) -> AccountLine:
    """Forget a venue account's keys. What it traded keeps its history."""
    account = account_of(visitor, asked.account_id)
    unbind_account(account=account)
    return account_line(account)


class Keys(Struct):
    api_key: str
    api_secret: str
    passphrase: str


@face.call("GET", "merchant/v2/venue-accounts/<int:account_id>/keys", scope=S.SECRETS)
def read_keys(visitor: Visitor, asked: OneAccount) -> Keys:
    """A venue account's keys in full; each time is written down."""
    account = account_of(visitor, asked.account_id)
    if not account.credentials:
        raise NotFound("the account was unbound", what="keys")
    audit.record("venue_account.secrets_read", account)
    keys = opened(account)
    return Keys(keys.api_key, keys.api_secret, keys.passphrase)


def account_of(visitor: Visitor, account_id: int) -> VenueAccount:
    rows = VenueAccount.objects.of(visitor.key.tenant).select_related("tenant", "node")
    return found(rows, what="venue account", pk=account_id)
