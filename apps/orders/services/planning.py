"""Planning: a published signal becomes one ticket per subscription, in one transaction."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core.bulk import lock_plain
from apps.core.later import later
from apps.core.states import move
from apps.nodes.selectors import alive_nodes
from apps.orders.models import Order, Ticket
from apps.orders.selectors import (
    in_flight,
    open_positions,
    opening,
    point_cards,
    spent,
    with_parked,
)
from apps.signals.models import Signal
from apps.strategies.models import Subscription
from apps.strategies.selectors import followers
from apps.venues.models import VenueAccount
from apps.venues.selectors import instruments
from engine.envelope import client_order_id
from engine.errors import MessageRefused
from engine.failpoint import failpoint
from engine.instrument import Instrument
from engine.money import ZERO, round_to_tick
from engine.risk import AccountFacts, Approved, judge_account
from engine.signal import Action, Direction, side_of
from engine.sizing import quantity_of
from engine.venues.client_ids import at_venue


@transaction.atomic
def plan(*, signal_id: UUID, now: datetime) -> int:
    """Write a ticket for every subscription of a signal; how many are to be sent.

    Planned once: a second call finds the signal planned and does nothing. A
    subscription that our rules refuse has a ticket too, with the reason.
    """
    rows = Signal.objects.select_for_update().select_related("strategy")
    signal = rows.filter(pk=signal_id).first()
    if signal is None:
        raise MessageRefused("the hint names a signal nobody knows", signal=str(signal_id))
    if signal.status != Signal.Status.PUBLISHED:
        return 0
    worth_until = worth_until_of(signal)
    if worth_until and worth_until < now:
        move(signal, to=Signal.Status.EXPIRED, allowed=Signal.MOVES)
        return 0

    tickets = tickets_for(signal, worth_until=worth_until, now=now)
    to_send = [ticket for ticket in tickets if ticket.status == Ticket.Status.PLANNED]
    Ticket.objects.across_tenants().bulk_create(tickets)
    Order.objects.across_tenants().bulk_create(
        [order_for(ticket, venue=ticket.venue_account.venue) for ticket in to_send]
    )
    move(signal, to=Signal.Status.PLANNED, allowed=Signal.MOVES, planned_at=now)
    failpoint("orders.planning")
    transaction.on_commit(lambda: failpoint("orders.planned"))
    if to_send:
        later("orders.dispatch")
    return len(to_send)


def worth_until_of(signal: Signal) -> datetime | None:
    """Until when a first or further try makes sense; a closing signal always does."""
    if signal.action == Action.CLOSE:
        return None
    return signal.created_at + timedelta(seconds=settings.SIGNAL_SECONDS)


def tickets_for(signal: Signal, *, worth_until: datetime | None, now: datetime) -> list[Ticket]:
    subscriptions = list(followers(signal.strategy, closing=signal.action == Action.CLOSE))
    accounts = [subscription.venue_account_id for subscription in subscriptions]
    # Of two who plan for one account at once, a person or a signal, one finds the other's ticket.
    lock_plain(VenueAccount, accounts)
    spent_ones = spent(once(subscriptions)) if signal.action == Action.OPEN else set()
    held = open_positions(accounts)
    waiting = in_flight(accounts, signal)
    about_to_open = opening(accounts)
    parked = with_parked(accounts)
    points = point_cards({subscription.member for subscription in subscriptions})
    alive = {node.pk for node in alive_nodes(now)}
    of_venue = {
        venue: instruments(venue)
        for venue in {subscription.venue_account.venue for subscription in subscriptions}
    }

    tickets = []
    for subscription in subscriptions:
        account = subscription.venue_account
        instrument = of_venue[account.venue].get(signal.symbol)
        positions = held.get(account.pk, [])
        mine = [
            position.quantity
            for position in positions
            if (position.symbol, position.direction) == (signal.symbol, signal.direction)
            and (signal.action == Action.OPEN or position.subscription_id == subscription.pk)
        ]
        held_quantity = sum(mine, ZERO)
        quantity = quantity_to_trade(signal, subscription, instrument, held_quantity)
        verdict = judge_account(
            AccountFacts(
                action=Action(signal.action),
                symbol=signal.symbol,
                node_alive=account.node_id in alive,
                points=points[subscription.member_id],
                quantity=quantity,
                held=held_quantity,
                open_positions=len(
                    {(position.symbol, position.direction) for position in positions}
                    | about_to_open[account.pk]
                ),
                tickets_in_flight=waiting[account.pk],
                is_spent=subscription.pk in spent_ones,
                is_drifting=account.is_drifting,
                key_refusal=account.key_refusal,
                has_parked=account.pk in parked,
            )
        )
        approved = isinstance(verdict, Approved)
        ticket = Ticket(
            tenant_id=subscription.tenant_id,
            signal=signal,
            subscription=subscription,
            venue_account=account,
            node_id=account.node_id,
            symbol=signal.symbol,
            action=signal.action,
            direction=signal.direction,
            quantity=quantity,
            leverage=subscription.leverage,
            stop=protection(signal.stop, signal, instrument),
            target=protection(signal.target, signal, instrument),
            status=Ticket.Status.PLANNED if approved else Ticket.Status.REFUSED,
            refused_because="" if approved else f"{verdict.code}: {verdict.reason}",
            worth_until=worth_until,
            next_at=now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS) if approved else None,
        )
        # The next subscription of the same account sees this ticket in flight.
        waiting[account.pk] += approved
        tickets.append(ticket)
    return tickets


def once(subscriptions: list[Subscription]) -> list[int]:
    return [row.pk for row in subscriptions if row.mode == Subscription.Mode.ONCE]


def quantity_to_trade(
    signal: Signal, subscription: Subscription, instrument: Instrument | None, held
):
    """All that is held, or what the subscription's capital affords; zero trades nothing."""
    if signal.action == Action.CLOSE:
        return held
    if instrument is None:
        # Without tick, step and minimums no order is allowed out.
        return ZERO
    return quantity_of(
        capital=subscription.capital,
        leverage=subscription.leverage,
        risk_mode=subscription.risk_mode,
        price=signal.price,
        instrument=instrument,
    )


def protection(
    price: Decimal | None, signal: Signal, instrument: Instrument | None
) -> Decimal | None:
    """A signal's stop or target as the venue takes it."""
    if price is None or instrument is None or signal.action != Action.OPEN:
        return None
    return round_to_tick(price, instrument.tick)


def order_for(ticket: Ticket, *, venue: str) -> Order:
    """The order of the ticket's present generation, under a client order id of its own.

    The id is kept exactly as the venue is told it.
    """
    ours = client_order_id(
        account=str(ticket.venue_account_id),
        ticket_id=str(ticket.pk),
        generation=ticket.generation,
    )
    return Order(
        tenant_id=ticket.tenant_id,
        ticket=ticket,
        generation=ticket.generation,
        venue_account_id=ticket.venue_account_id,
        client_order_id=at_venue(venue, ours),
        symbol=ticket.symbol,
        side=side_of(Action(ticket.action), Direction(ticket.direction)),
        quantity=ticket.quantity,
    )
