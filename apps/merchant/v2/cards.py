"""Point cards: what the tenant has, hands out, and what moved them."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from apps.core.errors import BadParameter
from apps.core.face import plain
from apps.ledger.models import Account
from apps.ledger.selectors import Line, accounts_of, statement
from apps.merchant.gate import Visitor
from apps.merchant.v2.problem import Asked, Id, Listed, Page, face, member_of
from apps.pointcards.services import recharge_member, transfer_cards
from apps.tenants.models import AppKey
from engine.ids import uuid7

S, K = AppKey.Scope, Account.Kind
Card = Literal["self", "gift"]


class Cards(Struct):
    self_cards: Decimal
    gift_cards: Decimal


class Nothing(Asked):
    pass


@face.call("GET", "merchant/v2/cards", scope=S.READ)
def cards(visitor: Visitor, asked: Nothing) -> Cards:
    """The tenant's own point cards."""
    owner = f"tenant:{visitor.key.tenant.pk}"
    found = accounts_of([owner], [K.SELF, K.GIFT])
    return Cards(plain(found[owner, K.SELF].balance), plain(found[owner, K.GIFT].balance))


class Moved(Struct):
    id: UUID
    kind: Card
    amount: Decimal
    payer_balance: Decimal
    receiver_balance: Decimal
    created_at: datetime


class Recharge(Asked):
    member_id: Id
    kind: Card
    amount: Decimal


@face.call("POST", "merchant/v2/members/<int:member_id>/recharges", scope=S.MONEY, status=201)
def recharge(visitor: Visitor, asked: Recharge) -> Moved:
    """Hand point cards of the tenant to a member, like kind to like kind."""
    member = member_of(visitor, asked.member_id)
    made = recharge_member(key=str(uuid7()), member=member, kind=asked.kind, amount=asked.amount)
    return moved(made, asked.kind)


class Transfer(Asked):
    member_id: Id
    to_member_id: Id
    kind: Card
    amount: Decimal


@face.call("POST", "merchant/v2/members/<int:member_id>/transfers", scope=S.MONEY, status=201)
def transfer(visitor: Visitor, asked: Transfer) -> Moved:
    """Hand point cards from one member to another of the same line of invitations."""
    made = transfer_cards(
        key=str(uuid7()),
        sender=member_of(visitor, asked.member_id),
        receiver=member_of(visitor, asked.to_member_id),
        kind=asked.kind,
        amount=asked.amount,
    )
    return moved(made, asked.kind)


def moved(made, kind: Card) -> Moved:
    return Moved(
        id=made.pk,
        kind=kind,
        amount=plain(made.amount),
        payer_balance=plain(made.debit_balance),
        receiver_balance=plain(made.credit_balance),
        created_at=made.created_at,
    )


class StatementLine(Struct):
    number: int
    transfer_id: UUID
    reason: str
    amount: Decimal
    balance: Decimal
    other: str
    at: datetime


class TenantStatement(Listed):
    kind: Card = "self"


@face.call("GET", "merchant/v2/cards/statement", scope=S.READ)
def tenant_statement(visitor: Visitor, asked: TenantStatement) -> Page[StatementLine]:
    """What moved the tenant's cards of a kind, the latest first, with the balance it left."""
    return lines_of(f"tenant:{visitor.key.tenant.pk}", asked.kind, asked)


class MemberStatement(Listed, kw_only=True):
    member_id: Id
    kind: Literal["self", "gift", "reward", "held"] = "self"


@face.call("GET", "merchant/v2/members/<int:member_id>/statement", scope=S.READ)
def member_statement(visitor: Visitor, asked: MemberStatement) -> Page[StatementLine]:
    """What moved a member's cards or rewards, the latest first, with the balance it left."""
    return lines_of(member_of(visitor, asked.member_id).owner, asked.kind, asked)


def lines_of(owner: str, kind: str, asked: Listed) -> Page[StatementLine]:
    account = accounts_of([owner], [kind])[owner, kind]
    before = None
    if asked.cursor:
        if not (asked.cursor.isascii() and asked.cursor.isdigit() and len(asked.cursor) < 19):
            raise BadParameter("cursor: not a cursor of this list", field="cursor")
        before = int(asked.cursor)
    lines = statement(account, before=before, limit=asked.limit + 1)
    shown = lines[: asked.limit]
    following = str(shown[-1].number) if len(lines) > asked.limit else None
    return Page([statement_line(line) for line in shown], following)


def statement_line(line: Line) -> StatementLine:
    return StatementLine(
        number=line.number,
        transfer_id=line.transfer.pk,
        reason=line.reason,
        amount=plain(line.amount),
        balance=plain(line.balance),
        other=f"{line.other.owner} {line.other.kind}",
        at=line.at,
    )
