"""Members, and the venue accounts that they bind."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from apps.core import audit
from apps.core.errors import NotFound
from apps.core.face import plain
from apps.ledger.models import Account
from apps.ledger.selectors import accounts_of
from apps.members.models import Member
from apps.members.selectors import team_of
from apps.members.services import create_member
from apps.merchant.gate import Visitor
from apps.merchant.v1.envelope import (
    Id,
    Page,
    PageNumber,
    Said,
    face,
    local,
    member_named,
    paged,
    status_of,
)
from apps.positions.selectors import profits_of_member
from apps.rewards.selectors import paid_out
from apps.strategies.models import Subscription
from apps.tenants.models import AppKey
from apps.venues.credentials import Credentials, opened
from apps.venues.models import VenueAccount
from apps.venues.selectors import holdings
from apps.venues.services import bind_account, unbind_account
from engine.money import ZERO

S, K = AppKey.Scope, Account.Kind
# What stands where a key may not see venue accounts' secrets.
MASK = "********"


class Nothing(Struct):
    pass


class RootUser(Struct):
    user_id: int
    email: str
    invite_code: str
    create_time: str


@face.call("GET", "merchant/root-user", scope=S.READ)
def root_user(visitor: Visitor, asked: Nothing) -> RootUser:
    """The tenant's root member: who joins without an invite code joins below it."""
    root = Member.objects.of(visitor.key.tenant).get(root_of=visitor.key.tenant)
    return RootUser(root.pk, root.email, root.invite_code, local(root.created_at))


class CreateUser(Struct):
    email: str
    password: str
    invite_code: str = ""


class CreatedUser(Struct):
    user_id: int
    email: str
    invite_code: str
    inviter_id: int
    create_time: str


@face.call("POST", "merchant/user/create", scope=S.WRITE)
def create_user(visitor: Visitor, asked: CreateUser) -> Said[CreatedUser]:
    """Create a member below the one whose invite code is given, or below the root member."""
    member = create_member(
        tenant=visitor.key.tenant,
        email=asked.email,
        password=asked.password,
        invite_code=asked.invite_code.strip(),
    )
    line = CreatedUser(
        user_id=member.pk,
        email=member.email,
        invite_code=member.invite_code,
        inviter_id=member.inviter_id or 0,
        create_time=local(member.created_at),
    )
    return Said("created", line)


class ListUsers(Struct):
    page: PageNumber = 1
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    email: str = ""
    invite_code: str = ""
    # 1 is active; 0, as it was stored, and 2, as it is told, are disabled.
    status: Annotated[int, Meta(ge=0, le=2)] | None = None


class UserLine(Struct):
    user_id: int
    email: str
    invite_code: str
    inviter_id: int
    is_root: int
    point_card_self: Decimal
    point_card_gift: Decimal
    point_card_total: Decimal
    status: int
    create_time: str


@face.call("GET", "merchant/users", scope=S.READ)
def list_users(visitor: Visitor, asked: ListUsers) -> Page[UserLine]:
    """Members, the newest first."""
    rows = Member.objects.of(visitor.key.tenant)
    if asked.email:
        rows = rows.filter(email__icontains=asked.email.strip())
    if asked.invite_code:
        rows = rows.filter(invite_code=asked.invite_code)
    if asked.status is not None:
        is_active = asked.status == 1
        rows = rows.filter(status=Member.Status.ACTIVE if is_active else Member.Status.DISABLED)
    page = paged(rows, asked, lambda member: member)
    cards = accounts_of([member.owner for member in page.list], [K.SELF, K.GIFT])
    page.list = [user_line(member, cards) for member in page.list]
    return page


def user_line(member: Member, cards) -> UserLine:
    own, gift = cards[member.owner, K.SELF].balance, cards[member.owner, K.GIFT].balance
    return UserLine(
        user_id=member.pk,
        email=member.email,
        invite_code=member.invite_code,
        inviter_id=member.inviter_id or 0,
        is_root=int(member.root_of_id is not None),
        point_card_self=plain(own),
        point_card_gift=plain(gift),
        point_card_total=plain(own + gift),
        status=status_of(member.status == Member.Status.ACTIVE),
        create_time=local(member.created_at),
    )


class Named(Struct):
    email: str


class AccountLine(Struct):
    account_id: int
    exchange: str
    account_type: str
    api_key: str
    api_secret: str
    passphrase: str | None
    balance: Decimal
    futures_balance: Decimal
    futures_available: Decimal
    status: int


class UserInfo(Struct):
    user_id: int
    email: str
    invite_code: str
    inviter_invite_code: str
    status: int
    create_time: str
    invite_count: int
    point_card_self: Decimal
    point_card_gift: Decimal
    point_card_total: Decimal
    level: int
    level_name: str
    is_market_node: int
    self_hold: Decimal
    team_direct_count: int
    team_total_count: int
    team_performance: Decimal
    reward_usdt: Decimal
    total_reward: Decimal
    withdrawn_reward: Decimal
    bound_exchanges: list[str]
    accounts: list[AccountLine]
    active_strategies: int
    total_profit: Decimal
    total_trades: int


@face.call("GET", "merchant/user/info", scope=S.READ)
def user_info(visitor: Visitor, asked: Named) -> UserInfo:
    """Everything about one member. Venue accounts' keys are masked without the scope for them."""
    member = member_named(visitor, asked.email)
    books = accounts_of([member.owner], [K.SELF, K.GIFT, K.REWARD, K.HELD])
    own, gift = books[member.owner, K.SELF].balance, books[member.owner, K.GIFT].balance
    reward, held = books[member.owner, K.REWARD], books[member.owner, K.HELD]
    team = team_of(member)
    standing = getattr(member, "standing", None)
    accounts = VenueAccount.objects.of(member.tenant).filter(
        member=member, status=VenueAccount.Status.ACTIVE
    )
    accounts = list(accounts.order_by("pk"))
    running = Subscription.objects.of(member.tenant).filter(
        member=member, status=Subscription.Status.ACTIVE
    )
    profits, paid = profits_of_member(member), paid_out(member)
    return UserInfo(
        user_id=member.pk,
        email=member.email,
        invite_code=member.invite_code,
        inviter_invite_code=member.inviter.invite_code if member.inviter else "",
        status=status_of(member.status == Member.Status.ACTIVE),
        create_time=local(member.created_at),
        invite_count=team.direct,
        point_card_self=plain(own),
        point_card_gift=plain(gift),
        point_card_total=plain(own + gift),
        level=member.level_id,
        level_name=member.level.name,
        is_market_node=int(member.is_market_node),
        self_hold=plain(holdings([member])[member.pk]),
        team_direct_count=team.direct,
        team_total_count=team.total,
        team_performance=plain(standing.team_holding if standing else ZERO),
        reward_usdt=plain(reward.balance),
        total_reward=plain(reward.balance + held.balance + paid.amount),
        withdrawn_reward=plain(paid.payout),
        bound_exchanges=list(dict.fromkeys(account.venue for account in accounts)),
        accounts=account_lines(visitor, member, accounts),
        active_strategies=running.count(),
        total_profit=plain(sum((profit for profit, _count in profits.values()), start=ZERO)),
        total_trades=sum(count for _profit, count in profits.values()),
    )


def account_lines(
    visitor: Visitor, member: Member, accounts: list[VenueAccount]
) -> list[AccountLine]:
    in_full = S.SECRETS in visitor.key.scopes
    if in_full and accounts:
        about = {"accounts": [account.pk for account in accounts]}
        audit.record("venue_account.secrets_read", member, after=about)
    return [account_line(account, opened(account) if in_full else None) for account in accounts]


def account_line(account: VenueAccount, credentials: Credentials | None) -> AccountLine:
    hidden = Credentials(f"{MASK}{account.key_hint}", MASK)
    shown = credentials or hidden
    return AccountLine(
        account_id=account.pk,
        exchange=account.venue,
        account_type=account.label,
        api_key=shown.api_key,
        api_secret=shown.api_secret,
        passphrase=shown.passphrase or None,
        balance=plain(account.equity),
        futures_balance=plain(account.equity),
        futures_available=plain(account.equity),
        status=status_of(account.status == VenueAccount.Status.ACTIVE),
    )


class BindAccount(Struct):
    email: str
    exchange: str
    api_key: str
    api_secret: str
    passphrase: str = ""
    account_type: str = "futures"


class BoundAccount(Struct):
    account_id: int
    exchange: str
    account_type: str


@face.call("POST", "merchant/user/apikey", scope=S.WRITE)
def bind_apikey(visitor: Visitor, asked: BindAccount) -> BoundAccount:
    """Bind a member's venue account; bound again, its keys are replaced."""
    member = member_named(visitor, asked.email)
    account = bind_account(
        member=member,
        venue=asked.exchange.strip().lower(),
        label=asked.account_type,
        api_key=asked.api_key.strip(),
        api_secret=asked.api_secret.strip(),
        passphrase=asked.passphrase.strip(),
    )
    return BoundAccount(account.pk, account.venue, account.label)


class UnbindAccount(Struct):
    email: str
    account_id: Id


@face.call("POST", "merchant/user/apikey/unbind", scope=S.WRITE)
def unbind_apikey(visitor: Visitor, asked: UnbindAccount) -> None:
    """Forget a venue account's keys. What it traded keeps its history."""
    unbind_account(
        account=account_of(visitor, member_named(visitor, asked.email), asked.account_id)
    )


def account_of(visitor: Visitor, member: Member, account_id: int) -> VenueAccount:
    """A member's account that was not unbound."""
    rows = VenueAccount.objects.of(member.tenant).exclude(credentials="")
    row = rows.filter(member=member, pk=account_id).first()
    if row is None:
        raise NotFound("account not found", what="account")
    return row
