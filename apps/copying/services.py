"""Who copies whom, and bringing those who copy to what their leaders hold.

Nothing is remembered of a leader's orders: each look compares what is held. So a look may be
missed or come twice, and a position is copied once and closed as far as its leader closed its own.
"""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.copying.models import Copy
from apps.copying.selectors import Lead, copiers, held_copies, leads, opened_by
from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict, DomainError, NotAllowed
from apps.core.states import move
from apps.orders.models import Ticket
from apps.orders.services.manual import (
    LARGEST,
    WHOLE,
    Part,
    Wish,
    draft_close,
    draft_order,
    written,
)
from apps.positions.models import Position
from apps.quotas.services import refuse_full
from apps.strategies.models import Subscription
from apps.strategies.services import (
    check_figures,
    counted,
    locked_account,
    refuse_poor,
    refuse_unready,
    told_of,
)
from apps.traders.models import Trader
from apps.venues.models import VenueAccount
from apps.venues.selectors import instruments, last_price
from apps.venues.services import locked
from engine.errors import EngineError
from engine.instrument import Instrument
from engine.money import ZERO, floor_to_step

log = logging.getLogger(__name__)

M = Subscription.Measure
# A leader's price that is this far behind is not run after.
MOST_SLIPPED = Decimal("0.01")


@retried
@transaction.atomic
def follow(
    *,
    venue_account: VenueAccount,
    measure: str,
    measured: Decimal,
    capital: Decimal,
    leverage: int = 20,
    leader_account: VenueAccount | None = None,
    leader_trader: Trader | None = None,
) -> Subscription:
    """Let a venue account copy another one, or an AI trader; one that was stopped resumes.

    The capital times the leverage is the most that a copied position is worth.
    """
    leader = leader_account or leader_trader
    if leader is None or (leader_account and leader_trader):
        raise BadInput("name one of leader_account and leader_trader", field="leader_account")
    check_figures(capital=capital, leverage=leverage, risk_mode=1)
    check_measure(measure=measure, measured=measured)
    if leader.tenant_id != venue_account.tenant_id:
        raise NotAllowed("the account and its leader are not of one tenant")
    account = locked_account(venue_account)
    refuse_itself(account, leader_account, leader_trader)
    refuse_unready(tenant_strategy=None, account=account)
    figures = {
        "measure": measure,
        "measured": measured,
        "capital": capital,
        "leverage": leverage,
    }
    led = {"leader_account": leader_account, "leader_trader": leader_trader}
    of_tenant = Subscription.objects.of(account.tenant)
    row = of_tenant.filter(venue_account=account, **named(led)).first()
    if row and row.status != Subscription.Status.STOPPED:
        if {name: getattr(row, name) for name in figures} != figures:
            raise Conflict("the account copies this leader otherwise", subscription=row.pk)
        return row
    refuse_poor(account.member)
    refuse_full(tenant=account.tenant, limit="max_subscriptions", rows=counted(account.tenant))
    if row is None:
        row = of_tenant.create(venue_account=account, member_id=account.member_id, **led, **figures)
        audit.record("subscription.started", row, after=told_of(row))
    else:
        before = told_of(row)
        active = Subscription.Status.ACTIVE
        move(row, to=active, allowed=Subscription.MOVES, **figures)
        audit.record("subscription.resumed", row, before=before, after=told_of(row))
    return row


@retried
@transaction.atomic
def change_copying(
    *,
    subscription: Subscription,
    measure: str,
    measured: Decimal,
    capital: Decimal,
    leverage: int,
) -> Subscription:
    """Copy in another size from the leader's next position on."""
    check_figures(capital=capital, leverage=leverage, risk_mode=1)
    check_measure(measure=measure, measured=measured)
    locked_account(subscription.venue_account)
    row = Subscription.objects.of(subscription.tenant).get(pk=subscription.pk)
    before = told_of(row)
    row.measure, row.measured = measure, measured
    row.capital, row.leverage = capital, leverage
    if told_of(row) != before:
        row.save(update_fields=["measure", "measured", "capital", "leverage"])
        audit.record("subscription.changed", row, before=before, after=told_of(row))
    return row


def named(led: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in led.items() if value is not None}


def check_measure(*, measure: str, measured: Decimal) -> None:
    if measure not in M.values:
        raise BadInput(f"the measure is one of {', '.join(M.values)}", field="measure")
    if not (measured.is_finite() and 0 < measured < LARGEST):
        raise BadInput("measured is a number above zero", field="measured")
    if measure == M.RATIO and not Decimal("0.001") <= measured <= 100:
        raise BadInput("a ratio is from 0.001 to 100", field="measured")


def refuse_itself(
    account: VenueAccount, leader_account: VenueAccount | None, leader_trader: Trader | None
) -> None:
    if leader_account and leader_account.pk == account.pk:
        raise BadInput("an account does not copy itself", field="leader_account")
    if leader_trader and leader_trader.venue_account_id == account.pk:
        raise BadInput("the trader trades this account already", field="leader_trader")


def copy(*, now: datetime) -> int:
    """Follow every leader; how many tickets came of it."""
    by_leader = defaultdict(list)
    for row in copiers():
        by_leader[row.leader_account_id, row.leader_trader_id].append(row)
    tickets = 0
    for lead in leads(by_leader, since=now - timedelta(seconds=settings.SIGNAL_SECONDS)):
        for row in by_leader[lead.leader]:
            is_new = lead.position.created_at >= row.created_at
            if row.status == Subscription.Status.ACTIVE and is_new and row.pk not in lead.copied:
                tickets += open_copy(subscription=row, lead=lead, now=now)
    copies = list(held_copies())
    held = opened_by(copies)
    for one in copies:
        if what_follows(one, held.get(one.pk)):
            tickets += follow_close(copy_id=one.pk, now=now)
    return tickets


@retried
@transaction.atomic
def open_copy(*, subscription: Subscription, lead: Lead, now: datetime) -> bool:
    """Open what the leader opened, or keep why not; a leader's position is copied once."""
    account = locked(subscription.venue_account)
    copies = Copy.objects.of(subscription.tenant_id)
    about = {"subscription": subscription, "leader_position": lead.position}
    if copies.filter(**about).exists():
        return False
    made = Copy(
        tenant_id=subscription.tenant_id,
        leader_quantity=lead.position.quantity,
        status=Copy.Status.OPEN,
        **about,
    )
    try:
        with transaction.atomic():
            wish = wish_of(subscription, account, lead, now)
            draft = draft_order(account=account, wish=wish, now=now)
            draft.subscription_id = subscription.pk
            made.ticket = written(draft, action="ticket.by_copy")
    except (DomainError, EngineError) as refused:
        # Of whatever kind: one who cannot copy keeps nobody else from it.
        made.status, made.problem = Copy.Status.REFUSED, refused.message[:200]
    made.save(force_insert=True)
    return made.ticket is not None


def wish_of(subscription: Subscription, account: VenueAccount, lead: Lead, now: datetime) -> Wish:
    """The leader's opening in the size of this subscription, as far as its capital goes."""
    position = lead.position
    entry = position.entry_price
    market = last_price(venue=account.venue, symbol=position.symbol, now=now) or entry
    if abs(market - entry) > entry * MOST_SLIPPED:
        raise Conflict(f"the price is {market:f} by now, and was {entry:f}", rule="slipped")
    instrument = instruments(account.venue).get(position.symbol)
    if instrument is None:
        raise Conflict(f"{account.venue} has not described {position.symbol}", rule="symbol")
    quantity = copied_quantity(
        subscription=subscription, held=position.quantity, price=market, instrument=instrument
    )
    if not quantity:
        raise Conflict("below the venue's step", rule="minimum")
    return Wish(
        symbol=position.symbol,
        direction=position.direction,
        quantity=quantity,
        leverage=subscription.leverage,
        stop=lead.stop,
        target=lead.target,
    )


def copied_quantity(
    *, subscription: Subscription, held: Decimal, price: Decimal, instrument: Instrument
) -> Decimal:
    """How much is opened of what a leader holds: as much as is measured, and as is affordable."""
    wanted = {
        M.RATIO: held * subscription.measured,
        M.AMOUNT: subscription.measured / price,
        M.QUANTITY: subscription.measured,
    }[M(subscription.measure)]
    affords = subscription.capital * subscription.leverage / price
    return floor_to_step(min(wanted, affords), instrument.step)


@retried
@transaction.atomic
def follow_close(*, copy_id: UUID, now: datetime) -> bool:
    """Close as much of a copy as its leader has closed of its own; end one that is over."""
    account = held_copies().get(pk=copy_id).subscription.venue_account
    locked(account)
    one = held_copies().filter(pk=copy_id).first()
    held = opened_by([one]).get(copy_id) if one else None
    part = what_follows(one, held) if one else None
    if part is None:
        return False
    if held is None:
        move(one, to=Copy.Status.CLOSED, allowed=Copy.MOVES, problem="")
        return False
    try:
        with transaction.atomic():
            written(draft_close(position=held, now=now, part=part), action="ticket.by_copy")
    except (DomainError, EngineError) as refused:
        # It is tried again at the next look; what is in its way is told once.
        if refused.message[:200] != one.problem:
            log.warning("copy %s does not follow: %s", one.pk, refused.message)
            one.problem = refused.message[:200]
            one.save(update_fields=["problem"])
        return False
    return True


def what_follows(one: Copy, held: Position | None) -> Part | None:
    """How much is to be closed, where anything is; of one that is over it is all."""
    leader = one.leader_position
    if held is None:
        return None if one.ticket.status in Ticket.IN_FLIGHT else WHOLE
    if leader.status == Position.Status.CLOSED:
        return WHOLE
    opened = sum((order.filled for order in one.ticket.orders.all()), ZERO)
    left = min(leader.quantity / one.leader_quantity, Decimal(1))
    instrument = instruments(held.venue_account.venue).get(held.symbol)
    excess = held.quantity - opened * left
    if instrument is not None:
        excess = floor_to_step(excess, instrument.step)
    return Part(quantity=excess) if excess > 0 else None
