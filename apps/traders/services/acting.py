"""What was decided is asked for: each item once, checked again with what is known then.

The name of a ticket follows from its decision, so that whoever takes a decision up again asks for
the same one. A trader in the shadow asks for nothing, and notes what it would have had.
"""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from apps.core.deadlocks import retried
from apps.core.errors import DomainError
from apps.core.states import move
from apps.orders.models import Order, Ticket
from apps.orders.selectors import current_orders
from apps.orders.services import Owned, Wish, cancel_order, close_for_trader, open_for_trader
from apps.traders.models import Decision, Item, Shade, Trader
from apps.traders.selectors import Held, books_of, limits_of
from apps.traders.services.knowing import facts_now
from apps.traders.services.leasing import refuse_lost
from apps.venues.selectors import instruments
from engine.deciding.checks import Facts, Judged, changed, rules_for
from engine.deciding.context import Account
from engine.deciding.decision import OPENS, Wanted
from engine.deciding.decision import Decision as Decided
from engine.deciding.record import Resulted
from engine.deciding.record import Ticket as RecordedTicket
from engine.errors import EngineError
from engine.money import ZERO, round_to_tick
from engine.signal import Direction

# What was decided longer ago opens nothing: somebody took it up late.
FRESH = timedelta(seconds=60)
# A limit that has not filled by then is taken away.
RESTS = timedelta(seconds=5)
# Of the notional, where nothing is traded: what most venues take from takers.
SHADOW_FEE = Decimal("0.0005")


def act(*, trader: Trader, decision: Decision, now: datetime) -> list[Item]:
    """Ask for everything that waits; closes first, as it was judged."""
    rows = Item.objects.of(decision.tenant_id).filter(decision=decision)
    for item in sorted(rows.filter(status=Item.Status.APPROVED), key=order_of):
        act_on(trader=trader, item=item, now=now)
    return list(rows.select_related("ticket").order_by("pk"))


def order_of(item: Item) -> tuple[bool, str]:
    return item.signal != Wanted.CLOSE, item.symbol


@retried
@transaction.atomic
def act_on(*, trader: Trader, item: Item, now: datetime) -> None:
    """One ticket for one item, or the reason why there is none; in one transaction."""
    row = refuse_lost(trader=trader, lease=trader.lease)
    item = Item.objects.of(row.tenant_id).select_for_update().get(pk=item.pk)
    if item.status != Item.Status.APPROVED:
        return
    facts = facts_now(row, now=now)
    if again := refused_now(item, facts, row, now=now):
        refuse(item, again.refused_by, again.reason)
        return
    try:
        with transaction.atomic():
            done = shade(row, item, facts, now) if row.is_shadow else order(row, item, facts, now)
    except (DomainError, EngineError) as error:
        refuse(item, str(error.context.get("rule", "orders")), error.message)
        return
    move(item, allowed=Item.MOVES, **done)


def refused_now(item: Item, facts: Facts, trader: Trader, *, now: datetime) -> Judged | None:
    judged = Judged(decision=as_decided(item), passed=tuple(item.passed))
    if item.signal != Wanted.CLOSE and now - item.decision.at > FRESH:
        late = f"it was decided {(now - item.decision.at).seconds} s ago"
        return Judged(decision=judged.decision, passed=(), refused_by="late", reason=late)
    return changed(judged, facts, limits_of(trader))


def as_decided(item: Item) -> Decided:
    return Decided(
        signal=Wanted(item.signal),
        symbol=item.symbol,
        leverage=item.leverage,
        position_size_usd=item.size,
        entry_price=item.entry,
        stop_loss=item.stop,
        take_profit=item.target,
        risk_usd=item.risk,
        confidence=item.confidence,
        invalidation_condition=item.invalidation,
        reasoning=item.reasoning,
    )


def refuse(item: Item, code: str, reason: str) -> None:
    move(
        item,
        to=Item.Status.REFUSED,
        allowed=Item.MOVES,
        refused_by=code[:32],
        reason=reason[:500],
    )


def order(trader: Trader, item: Item, facts: Facts, now: datetime) -> dict[str, object]:
    owned = Owned(trader.pk, ticket_name(item))
    if item.signal == Wanted.CLOSE:
        held = held_by(trader, item.symbol, now)
        ticket = close_for_trader(position=held.position, owned=owned, now=now)
    else:
        wish = wish_of(trader, item, facts)
        account = trader.venue_account
        ticket = open_for_trader(account=account, wish=wish, owned=owned, now=now)
    return {"to": Item.Status.ORDERED, "ticket": ticket}


def ticket_name(item: Item) -> UUID:
    """It begins as the decision's, and so sorts by its time; the rest is of what it is about."""
    about = hashlib.sha256(f"{item.decision_id} {item.symbol} {item.signal}".encode()).digest()
    made = bytearray(item.decision_id.bytes[:8] + about[:8])
    made[8] = made[8] & 0x3F | 0x80
    return UUID(bytes=bytes(made))


def wish_of(trader: Trader, item: Item, facts: Facts) -> Wish:
    direction = OPENS[Wanted(item.signal)]
    instrument = instruments(trader.venue_account.venue)[item.symbol]
    price = None
    if trader.style == Trader.Style.LIMIT:
        # As far as it may slip, seen from now; the venue fills at what is better.
        slip = 1 if direction is Direction.LONG else -1
        at_worst = facts.markets[item.symbol].price * (
            1 + slip * Decimal(trader.slippage_bps) / 10_000
        )
        price = round_to_tick(at_worst, instrument.tick)
    return Wish(
        symbol=item.symbol,
        direction=direction,
        notional=item.size,
        leverage=item.leverage,
        price=price,
        stop=round_to_tick(item.stop, instrument.tick),
        target=round_to_tick(item.target, instrument.tick),
    )


def held_by(trader: Trader, symbol: str, now: datetime) -> Held:
    """What it holds of a symbol; the checks have just seen that it does, or is about to."""
    held = books_of([trader], now=now)[trader.pk].held
    for one in held:
        if one.symbol == symbol:
            return one
    raise EngineError("it is still about to be opened", rule="in_flight")


def shade(trader: Trader, item: Item, facts: Facts, now: datetime) -> dict[str, object]:
    price = facts.markets[item.symbol].price
    if item.signal == Wanted.CLOSE:
        close_shade(held_by(trader, item.symbol, now).shade, price=price, by="close", now=now)
    else:
        instrument = instruments(trader.venue_account.venue)[item.symbol]
        quantity = instrument.quantity_for(item.size, price)
        if quantity < instrument.min_quantity or quantity <= 0:
            raise EngineError("below the venue's minimum order", rule="minimum")
        Shade.objects.of(trader.tenant_id).create(
            trader=trader,
            item=item,
            symbol=item.symbol,
            direction=OPENS[Wanted(item.signal)],
            quantity=quantity,
            leverage=item.leverage,
            entry_price=price,
            entry_fee=fee(quantity, price),
            stop=item.stop,
            target=item.target,
            opened_at=now,
            open_key=f"{trader.pk}:{item.symbol}",
        )
    return {"to": Item.Status.SHADED}


def fee(quantity: Decimal, price: Decimal) -> Decimal:
    return round(quantity * price * SHADOW_FEE, 18)


def close_shade(shade: Shade, *, price: Decimal, by: str, now: datetime) -> bool:
    """Once: of two that see its stop reached, one closes it."""
    rows = Shade.objects.of(shade.tenant_id).filter(pk=shade.pk, closed_at__isnull=True)
    told = {"exit_price": price, "exit_fee": fee(shade.quantity, price)}
    return rows.update(**told, closed_at=now, closed_by=by, open_key=None) == 1


def resulted(*, decision: Decision, items: list[Item], after: Account, now: datetime) -> Resulted:
    """What became of a decision, for its journal."""
    late = [item for item in items if item.status == Item.Status.REFUSED and item.passed]
    again = [
        Judged(
            decision=as_decided(item),
            passed=(),
            refused_by=item.refused_by,
            reason=item.reason,
        )
        for item in late
        if len(item.passed) == full_length(item)
    ]
    tickets = [item for item in items if item.ticket_id]
    shaded = sum(1 for item in items if item.status == Item.Status.SHADED)
    told = f"{len(tickets)} ordered, {shaded} in the shadow, {len(again)} refused at the order"
    return Resulted(
        decision_id=str(decision.pk),
        at_ms=round(now.timestamp() * 1000),
        tickets=tuple(
            RecordedTicket(
                ticket=str(item.ticket_id), symbol=item.symbol, action=item.ticket.action
            )
            for item in tickets
        ),
        refused=tuple(again),
        result=told,
        before=account_from(decision.before),
        after=after,
    )


def full_length(item: Item) -> int:
    """How many rules a decision passes that is approved; who passed fewer never was."""
    return len(rules_for(as_decided(item)))


def account_from(told: dict[str, object]) -> Account:
    names = ("equity", "available", "margin_used", "realised", "unrealised")
    return Account(**{name: Decimal(str(told.get(name, ZERO))) for name in names})


def cancel_resting(*, now: datetime) -> int:
    """Take away what is left of traders' limits; how many orders that were."""
    tickets = Ticket.objects.across_tenants().filter(
        trader__isnull=False,
        status=Ticket.Status.RESTING,
        price__isnull=False,
        sent_at__lte=now - RESTS,
        cancel_asked_at__isnull=True,
    )
    asked = 0
    for order in current_orders(list(tickets)):
        asked += cancel_one(order, now)
    return asked


def cancel_one(order: Order, now: datetime) -> bool:
    try:
        cancel_order(order=order, now=now)
    except DomainError:
        # It was done a moment ago.
        return False
    return True
