"""Point cards: what the tenant has, hands out, and has moved."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from django.conf import settings
from msgspec import Meta, Struct

from apps.core.errors import BadParameter
from apps.core.face import check_year, plain
from apps.ledger.models import Account, Transfer
from apps.ledger.selectors import accounts_of
from apps.members.models import Member
from apps.members.selectors import member_with
from apps.merchant.gate import Visitor
from apps.merchant.v1.envelope import (
    Page,
    PageNumber,
    PageSize,
    Said,
    face,
    local,
    member_named,
    number_of,
)
from apps.merchant.v1.members import Nothing
from apps.pointcards.selectors import Move, Wanted, card_moves
from apps.pointcards.services import recharge_member, transfer_cards
from apps.tenants.models import AppKey
from engine.ids import uuid7

S, K, R = AppKey.Scope, Account.Kind, Transfer.Reason
CARDS = (K.SELF, K.GIFT)
# The published numbers: 1 is self, and anything else is gift.
SELF = 1


class Balance(Struct):
    point_card_self: Decimal
    point_card_gift: Decimal
    point_card_total: Decimal


@face.call("GET", "merchant/balance", scope=S.READ)
def balance(visitor: Visitor, asked: Nothing) -> Balance:
    """The tenant's own point cards."""
    own, gift = cards_of(f"tenant:{visitor.key.tenant.pk}")
    return Balance(plain(own), plain(gift), plain(own + gift))


def cards_of(owner: str) -> tuple[Decimal, Decimal]:
    found = accounts_of([owner], CARDS)
    return found[owner, K.SELF].balance, found[owner, K.GIFT].balance


def kind_of(number: int) -> str:
    return K.SELF if number == SELF else K.GIFT


class Recharge(Struct):
    email: str
    amount: Decimal
    type: int = 2


class Recharged(Struct):
    agent_before_total: Decimal
    agent_after_total: Decimal
    member_before_total: Decimal
    member_after_total: Decimal
    amount: Decimal


@face.call("POST", "merchant/user/recharge", scope=S.MONEY)
def recharge(visitor: Visitor, asked: Recharge) -> Said[Recharged]:
    """Hand point cards of the tenant to a member: self to self, or gift to gift."""
    member = member_named(visitor, asked.email)
    kind = kind_of(asked.type)
    made = recharge_member(key=str(uuid7()), member=member, kind=kind, amount=asked.amount)
    other = K.GIFT if kind == K.SELF else K.SELF
    owners = [f"tenant:{member.tenant_id}", member.owner]
    beside = accounts_of(owners, [other])
    agent = made.debit_balance + beside[owners[0], other].balance
    after = made.credit_balance + beside[owners[1], other].balance
    line = Recharged(
        agent_before_total=plain(agent + made.amount),
        agent_after_total=plain(agent),
        member_before_total=plain(after - made.amount),
        member_after_total=plain(after),
        amount=plain(made.amount),
    )
    return Said("distributed", line)


class Hand(Struct):
    from_email: str
    to_email: str
    amount: Decimal
    type: int = SELF


class Handed(Struct):
    from_email: str
    to_email: str
    type: int
    type_name: str
    amount: Decimal
    from_self_after: Decimal
    from_gift_after: Decimal
    to_self_after: Decimal
    to_gift_after: Decimal


@face.call("POST", "merchant/user/transfer-point-card", scope=S.MONEY)
def transfer_point_card(visitor: Visitor, asked: Hand) -> Handed:
    """Hand point cards from one member to another of the same line of invitations."""
    sender = member_named(visitor, asked.from_email, what="sender")
    receiver = member_named(visitor, asked.to_email, what="receiver")
    kind = kind_of(asked.type)
    made = transfer_cards(
        key=str(uuid7()), sender=sender, receiver=receiver, kind=kind, amount=asked.amount
    )
    from_self, from_gift = cards_of(sender.owner)
    to_self, to_gift = cards_of(receiver.owner)
    return Handed(
        from_email=sender.email,
        to_email=receiver.email,
        type=SELF if kind == K.SELF else 2,
        type_name=kind,
        amount=plain(made.amount),
        from_self_after=plain(from_self),
        from_gift_after=plain(from_gift),
        to_self_after=plain(to_self),
        to_gift_after=plain(to_gift),
    )


class ListLogs(Struct):
    page: PageNumber = 1
    limit: PageSize = 20
    change_type: Annotated[int, Meta(ge=1, le=5)] | None = None
    email: str = ""
    start_time: str = ""
    end_time: str = ""


class LogLine(Struct, omit_defaults=True):
    id: int
    change_type: int
    change_type_name: str
    source_type: int
    amount: Decimal
    before_self: Decimal
    after_self: Decimal
    before_gift: Decimal
    after_gift: Decimal
    member_id: int
    to_type: int
    remark: str
    create_time: int
    create_time_str: str
    # Only where a member's lines are asked for.
    source_type_name: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What one of the published numbers of changes stands for."""

    name: str
    side: str
    reasons: tuple[str, ...]


TENANT_CHANGES = {
    1: Change("admin recharge", "credit", (R.RECHARGE,)),
    2: Change("admin gift", "credit", (R.GIFT,)),
    3: Change("distributed to member", "debit", (R.RECHARGE, R.GIFT)),
}
MEMBER_CHANGES = {
    1: Change("recharge", "credit", (R.RECHARGE,)),
    2: Change("gift", "credit", (R.GIFT,)),
    3: Change("transfer out", "debit", (R.CARD_TRANSFER,)),
    4: Change("transfer in", "credit", (R.CARD_TRANSFER,)),
    5: Change("profit deduction", "debit", (R.CHARGE,)),
}
# Where a tenant's cards came from, or went: the platform's admin, or its own members.
ADMIN, DISTRIBUTION = 1, 2


@face.call("GET", "merchant/point-card/logs", scope=S.READ)
def point_card_logs(visitor: Visitor, asked: ListLogs) -> Page[LogLine]:
    """What moved the tenant's cards, or those of the member who is named, the latest first."""
    owner, changes = f"tenant:{visitor.key.tenant.pk}", TENANT_CHANGES
    nothing = Page([], 0, asked.page, asked.limit)
    if asked.email:
        rows = Member.objects.of(visitor.key.tenant)
        member = member_with(rows, asked.email)
        if member is None:
            return nothing
        owner, changes = member.owner, MEMBER_CHANGES
    wanted = Wanted(
        since=moment(asked.start_time, field="start_time"),
        until=moment(asked.end_time, field="end_time"),
    )
    if asked.change_type is not None:
        change = changes.get(asked.change_type)
        if change is None:
            return nothing
        wanted = replace(wanted, sides=[change.side], reasons=change.reasons)
    start = (asked.page - 1) * asked.limit
    moves, total = card_moves(owner, wanted=wanted, start=start, limit=asked.limit)
    lines = [log_line(move, owner, changes) for move in moves]
    return Page(lines, total, asked.page, asked.limit)


def log_line(move: Move, owner: str, changes: dict[int, Change]) -> LogLine:
    row, side = move.transfer, "credit" if move.amount > 0 else "debit"
    number = next(
        number
        for number, change in changes.items()
        if change.side == side and row.reason in change.reasons
    )
    of_member = changes is MEMBER_CHANGES
    card = SELF if move.kind == K.SELF else 2
    source = DISTRIBUTION if side == "debit" else ADMIN
    # A clearing account of the tenant is nobody that cards come from or go to.
    whom = next((name for name in (move.other.owner, owner) if name.startswith("member:")), "")
    return LogLine(
        id=number_of(row.pk),
        change_type=number,
        change_type_name=changes[number].name,
        # As it was published: in a member's lines it is the kind of card once more.
        source_type=card if of_member else source,
        amount=plain(move.amount),
        before_self=plain(move.before[K.SELF]),
        after_self=plain(move.after[K.SELF]),
        before_gift=plain(move.before[K.GIFT]),
        after_gift=plain(move.after[K.GIFT]),
        member_id=int(whom.removeprefix("member:") or 0),
        to_type=card,
        remark=f"{changes[number].name} ({move.kind})",
        create_time=int(row.created_at.timestamp()),
        create_time_str=local(row.created_at),
        source_type_name=move.kind if of_member else "",
    )


def moment(text: str, *, field: str) -> datetime | None:
    """A day or a moment of the merchants' clock."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadParameter(
            f"{field}: write 2026-01-31 or 2026-01-31 23:59:59", field=field
        ) from error
    check_year(at, field=field)
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(settings.MERCHANT_TIME_ZONE))
