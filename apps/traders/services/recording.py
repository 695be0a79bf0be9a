"""From the journal into the database: a record becomes rows, once.

The journal is written first. What it has beyond the head that is kept here was written by a worker
that died before it could say so: it is read in before anything else is done.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q

from apps.core.deadlocks import retried
from apps.core.states import move
from apps.orders.models import Ticket
from apps.traders.models import Call, Decision, Item, Template, Trader
from apps.traders.selectors import head_of, journal_of
from apps.traders.services.leasing import refuse_lost
from engine.deciding.checks import Judged
from engine.deciding.context import Account
from engine.deciding.decision import Wanted
from engine.deciding.errors import ChangedRecord
from engine.deciding.journal import Entry, Head, Journal, read
from engine.deciding.record import Decided, Resulted

MOST_BYTES = 1 << 20


def journal(trader: Trader) -> Journal:
    return Journal(journal_of(trader), most_bytes=MOST_BYTES)


def catch_up(*, trader: Trader, end: Head, lease: str, now: datetime) -> None:
    """Read in what the journal has beyond the database; ChangedRecord where they contradict."""
    known = head_of(trader)
    if end == known:
        return
    if end.number <= known.number:
        raise ChangedRecord("its end is not the one that is known", ends=end.number)
    for entry in read(journal_of(trader), head=known):
        if entry.head.number > known.number:
            take_in(trader=trader, entry=entry, lease=lease, now=now)


def take_in(*, trader: Trader, entry: Entry, lease: str, now: datetime) -> Decision:
    if isinstance(entry.record, Decided):
        return write_decision(trader=trader, record=entry.record, head=entry.head, lease=lease)
    return write_result(trader=trader, record=entry.record, head=entry.head, lease=lease, now=now)


@retried
@transaction.atomic
def write_decision(*, trader: Trader, record: Decided, head: Head, lease: str) -> Decision:
    """The rows of a record, and the journal's new end, in one transaction."""
    row = refuse_lost(trader=trader, lease=lease)
    decision = decision_of(row, record, head)
    decision.save(force_insert=True)
    Item.objects.of(row.tenant_id).bulk_create(items_of(decision, record.judged))
    Call.objects.of(row.tenant_id).bulk_create(calls_of(decision, record))
    row.decided = decision.number
    # Whoever takes it up after a death decides no sooner, either.
    row.next_at = decision.at + timedelta(seconds=row.interval_seconds)
    set_head(row, head, "decided", "next_at")
    return decision


@retried
@transaction.atomic
def write_result(
    *, trader: Trader, record: Resulted, head: Head, lease: str, now: datetime
) -> Decision:
    row = refuse_lost(trader=trader, lease=lease)
    decision = Decision.objects.of(row.tenant_id).get(pk=UUID(record.decision_id))
    move(
        decision,
        to=Decision.Status.DONE,
        allowed=Decision.MOVES,
        result=record.result[:500],
        after=account_of(record.after),
        done_at=now,
    )
    settle_items(decision, record)
    set_head(row, head)
    return decision


def settle_items(decision: Decision, record: Resulted) -> None:
    """What its items came to, as far as whoever acted could not say so itself."""
    tickets = {one.symbol: UUID(one.ticket) for one in record.tickets}
    refused = {one.decision.symbol: one for one in record.refused}
    rows = Item.objects.of(decision.tenant_id).filter(decision=decision)
    known = set(
        Ticket.objects.of(decision.tenant_id)
        .filter(pk__in=tickets.values())
        .values_list("pk", flat=True)
    )
    for item in rows.filter(status=Item.Status.APPROVED):
        to, told = Item.Status.SHADED, {}
        if again := refused.get(item.symbol):
            to = Item.Status.REFUSED
            told = {"refused_by": again.refused_by, "reason": again.reason[:500]}
        elif name := tickets.get(item.symbol):
            to, told = Item.Status.ORDERED, {"ticket_id": name if name in known else None}
        move(item, to=to, allowed=Item.MOVES, **told)


def set_head(row: Trader, head: Head, *others: str) -> None:
    row.head_number, row.head_hash = head.number, head.hash
    row.save(update_fields=["head_number", "head_hash", *others])


def decision_of(trader: Trader, record: Decided, head: Head) -> Decision:
    outcome = record.outcome
    templates = Template.objects.of(trader.tenant_id).filter(version=record.prompt.version)
    told = Q(digest=record.template) if record.template else Q(pk=trader.template_id)
    is_open = any(waits(one) for one in record.judged)
    status = Decision.Status.DECIDED if is_open else Decision.Status.DONE
    if not outcome.model:
        status = Decision.Status.FAILED
    return Decision(
        pk=UUID(record.decision_id),
        tenant_id=trader.tenant_id,
        trader=trader,
        number=trader.decided + 1,
        at=moment(record.at_ms),
        status=status,
        is_shadow=trader.is_shadow,
        template=templates.filter(told).first(),
        template_version=record.prompt.version,
        system=record.prompt.system,
        user=record.prompt.user,
        digest=record.prompt_digest,
        question=record.question,
        reused_id=UUID(outcome.reused) if outcome.reused else None,
        mind=outcome.model,
        answers=[stored(heard) for heard in outcome.heard],
        reason=outcome.reason[:1000],
        before={
            **account_of(record.context.account),
            "symbols": [market.symbol for market in record.context.markets],
            "held": {one.symbol: one.direction.value for one in record.context.positions},
        },
        milliseconds=sum(call.milliseconds for call in outcome.calls),
        journal_number=head.number,
        journal_hash=head.hash,
    )


def waits(judged: Judged) -> bool:
    """Whether something is still to be done about it."""
    return judged.is_approved and judged.decision.signal is not Wanted.HOLD


def items_of(decision: Decision, judged: Iterable[Judged]) -> list[Item]:
    return [
        Item(
            tenant_id=decision.tenant_id,
            decision=decision,
            symbol=one.decision.symbol,
            signal=one.decision.signal,
            leverage=one.decision.leverage,
            size=one.decision.position_size_usd,
            entry=one.decision.entry_price,
            stop=one.decision.stop_loss,
            target=one.decision.take_profit,
            risk=one.decision.risk_usd,
            confidence=one.decision.confidence,
            invalidation=one.decision.invalidation_condition,
            reasoning=one.decision.reasoning,
            passed=list(one.passed),
            status=status_of(one),
            refused_by=one.refused_by,
            reason=one.reason[:500],
        )
        for one in judged
    ]


def status_of(judged: Judged) -> str:
    if not judged.is_approved:
        return Item.Status.REFUSED
    return Item.Status.APPROVED if waits(judged) else Item.Status.HELD


def calls_of(decision: Decision, record: Decided) -> list[Call]:
    return [
        Call(
            tenant_id=decision.tenant_id,
            trader_id=decision.trader_id,
            decision=decision,
            mind=call.model,
            purpose=call.purpose,
            result=call.result,
            cost=call.cost,
            tokens=call.tokens,
            input_tokens=call.usage and call.usage.input,
            output_tokens=call.usage and call.usage.output,
            cached_tokens=call.usage and call.usage.cached,
            milliseconds=call.milliseconds,
            reason=call.reason[:500],
            called_at=decision.at,
        )
        for call in record.outcome.calls
    ]


def account_of(account: Account) -> dict[str, object]:
    return msgspec.to_builtins(account)


def stored(heard: object) -> dict[str, object]:
    """As JSON in a database that takes no zero characters; the journal has every byte."""
    told = msgspec.to_builtins(heard)
    most = Decision.MOST_KEPT
    return {name: value[:most].replace("\x00", "\ufffd") for name, value in told.items()}


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
