"""Planning: a published signal becomes one ticket per subscription, in one transaction.

What is to be sent is written as sent already, and leaves right after the commit: should the
process die in between, a sweep finds it and sends it. While the database writes the first
tickets, the next ones are judged, and all are sealed and signed.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core import bulk
from apps.core.states import move
from apps.nodes.models import Node
from apps.orders.models import Order, Ticket
from apps.orders.services.dispatch import marks
from apps.orders.services.facts import Account, Facts, Follower
from apps.orders.services.parcels import Letter, Outgoing, letters_of, post
from apps.signals.models import Signal
from apps.venues.credentials import secret_for
from engine import messages
from engine.envelope import client_order_id
from engine.errors import MessageRefused
from engine.failpoint import failpoint
from engine.ids import uuid7s
from engine.instrument import Instrument
from engine.messages import Task, number
from engine.money import ZERO, round_to_tick
from engine.risk import AccountFacts, Refused, judge_account
from engine.signal import Action, Direction, Side, side_of
from engine.sizing import quantity_of
from engine.venues.client_ids import at_venue

# So many subscriptions are judged, written and sealed beside the next as many.
AT_ONCE = 500


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

    facts = Facts(signal, now=now)
    alike = partial(
        Ticket,
        signal=signal,
        symbol=signal.symbol,
        action=signal.action,
        direction=signal.direction,
        worth_until=worth_until,
    )
    sent, refused = alike(attempts=1, **marks(now)), alike(status=Ticket.Status.REFUSED)
    letters: list[Future[list[Letter]]] = []
    count = 0
    # One thread: what is judged counts what came of those before it.
    with ThreadPoolExecutor(1, "plan") as thinker:
        for judging in [thinker.submit(judge, signal, facts, part) for part in parts_of(facts)]:
            judged = judging.result()
            to_send = [wish for wish in judged if not wish.refused_because]
            letters.append(thinker.submit(letters_for, sent, to_send, facts.alive))
            write_sent(sent, to_send)
            write_refused(refused, [wish for wish in judged if wish.refused_because])
            count += len(to_send)
        move(signal, to=Signal.Status.PLANNED, allowed=Signal.MOVES, planned_at=now)
        failpoint("orders.planning")
    transaction.on_commit(partial(send_planned, letters))
    return count


def parts_of(facts: Facts) -> list[list[Follower]]:
    starts = range(0, len(facts.followers), AT_ONCE)
    return [facts.followers[start : start + AT_ONCE] for start in starts]


def worth_until_of(signal: Signal) -> datetime | None:
    """Until when a first or further try makes sense; a closing signal always does."""
    if signal.action == Action.CLOSE:
        return None
    return signal.created_at + timedelta(seconds=settings.SIGNAL_SECONDS)


@dataclass(slots=True)
class Planned:
    """What comes of a signal for one subscription, before it is written."""

    follower: Follower
    account: Account
    quantity: Decimal
    stop: Decimal | None
    target: Decimal | None
    refused_because: str
    ticket_id: UUID
    order_id: UUID
    client_order_id: str


def judge(signal: Signal, facts: Facts, followers: list[Follower]) -> list[Planned]:
    return list(judged_followers(signal, facts, followers))


def judged_followers(signal: Signal, facts: Facts, followers: list[Follower]) -> Iterator[Planned]:
    action = Action(signal.action)
    side = (signal.symbol, signal.direction)
    protections = {
        venue: (
            protection(signal.stop, signal, instrument),
            protection(signal.target, signal, instrument),
        )
        for venue, instrument in facts.instruments.items()
    }
    limits = {row.tenant_id: facts.limits.of(row.tenant_id) for row in followers}
    ids = uuid7s(2 * len(followers))
    for follower in followers:
        account = facts.accounts[follower.venue_account_id]
        positions = facts.held.get(account.id, ())
        held = sum(
            (
                row.quantity
                for row in positions
                if (row.symbol, row.direction) == side
                and (action is Action.OPEN or row.subscription == follower.id)
            ),
            ZERO,
        )
        instrument = facts.instruments.get(account.venue)
        quantity = quantity_to_trade(signal, follower, instrument, held)
        others = {(row.symbol, row.direction) for row in positions}
        verdict = judge_account(
            AccountFacts(
                action=action,
                symbol=signal.symbol,
                node_alive=account.node_id in facts.alive,
                is_clock_off=facts.has_clock_off(account),
                is_braked=facts.is_braked,
                points=facts.points[follower.member_id],
                quantity=quantity,
                held=held,
                open_positions=len(others.union(facts.opening.get(account.id, ()))),
                tickets_in_flight=facts.waiting[account.id],
                is_spent=follower.id in facts.spent,
                is_drifting=account.is_drifting,
                key_refusal=account.key_refusal,
                has_parked=account.id in facts.parked,
                is_quoted=signal.symbol in account.quoted,
                leverage=follower.leverage,
                notional=quantity * signal.price,
                **facts.lately.of(account.id),
            ),
            limits[account.tenant_id],
        )
        refused = isinstance(verdict, Refused)
        ticket_id = next(ids)
        stop, target = protections.get(account.venue, (None, None))
        yield Planned(
            follower=follower,
            account=account,
            quantity=quantity,
            stop=stop,
            target=target,
            refused_because=f"{verdict.code}: {verdict.reason}" if refused else "",
            ticket_id=ticket_id,
            order_id=next(ids),
            client_order_id=""
            if refused
            else order_name(account.id, account.venue, ticket_id, generation=1),
        )
        # The next subscription of the same account sees this ticket in flight.
        facts.waiting[account.id] += not refused


def quantity_to_trade(
    signal: Signal, follower: Follower, instrument: Instrument | None, held: Decimal
) -> Decimal:
    """All that is held, or what the subscription's capital affords; zero trades nothing."""
    if signal.action == Action.CLOSE:
        return held
    if instrument is None:
        # Without tick, step and minimums no order is allowed out.
        return ZERO
    return quantity_of(
        capital=follower.capital,
        leverage=follower.leverage,
        risk_mode=follower.risk_mode,
        price=signal.price,
        instrument=instrument,
    )


def protection(price: Decimal | None, signal: Signal, instrument: Instrument) -> Decimal | None:
    """A signal's stop or target as the venue takes it."""
    if price is None or signal.action != Action.OPEN:
        return None
    return round_to_tick(price, instrument.tick)


OWN = (
    *("id", "tenant_id", "subscription_id", "venue_account_id", "node_id"),
    *("quantity", "leverage", "stop", "target"),
)
OF_ORDER = ("id", "tenant_id", "ticket_id", "venue_account_id", "client_order_id", "quantity")


def own_values(wish: Planned, kept) -> list[object]:
    follower, account = wish.follower, wish.account
    return [
        kept(wish.ticket_id),
        follower.tenant_id,
        follower.id,
        account.id,
        account.node_id,
        wish.quantity,
        follower.leverage,
        wish.stop,
        wish.target,
    ]


def write_sent(sent: Ticket, wishes: list[Planned]) -> None:
    """Tickets that are alike but for what is their own, each with the order of its first try."""
    kept = bulk.id_kept()
    bulk.insert_alike(sent, OWN, [own_values(wish, kept) for wish in wishes])
    side = side_of(Action(sent.action), Direction(sent.direction))
    bulk.insert_alike(
        Order(generation=1, symbol=sent.symbol, side=side),
        OF_ORDER,
        [
            (
                kept(wish.order_id),
                wish.follower.tenant_id,
                kept(wish.ticket_id),
                wish.account.id,
                wish.client_order_id,
                wish.quantity,
            )
            for wish in wishes
        ],
    )


def write_refused(refused: Ticket, wishes: list[Planned]) -> None:
    kept = bulk.id_kept()
    rows = [[*own_values(wish, kept), wish.refused_because] for wish in wishes]
    bulk.insert_alike(refused, (*OWN, "refused_because"), rows)


def letters_for(sent: Ticket, wishes: list[Planned], nodes: dict[int, Node]) -> list[Letter]:
    """What is to leave, from memory: the rows are not read again."""
    side = side_of(Action(sent.action), Direction(sent.direction))
    not_after_ms = int(sent.not_after.timestamp() * 1000)
    return letters_of(
        Outgoing(node, message_of(wish, sent, side, not_after_ms), secret)
        for wish in wishes
        # An account whose credentials do not open is left to the sweep, and in the end parked.
        if (secret := secret_for(wish.account, node := nodes[wish.account.node_id]))
    )


def send_planned(sealing: list[Future[list[Letter]]]) -> None:
    failpoint("orders.planned")
    letters = [letter for sealed in sealing for letter in sealed.result()]
    if not letters:
        return
    failpoint("orders.claimed")
    post(letters)
    failpoint("orders.dispatched")


def message_of(wish: Planned, sent: Ticket, side: Side, not_after_ms: int) -> messages.Ticket:
    account = wish.account
    return messages.Ticket(
        order_id=str(wish.order_id),
        task=Task.PLACE,
        venue=account.venue,
        account=str(account.id),
        sealed_credentials="",
        client_order_id=wish.client_order_id,
        symbol=sent.symbol,
        side=side,
        direction=sent.direction,
        action=sent.action,
        quantity=number(wish.quantity),
        leverage=wish.follower.leverage,
        margin=account.margin,
        position_mode=account.position_mode,
        stop=number(wish.stop) if wish.stop else None,
        target=number(wish.target) if wish.target else None,
        not_after_ms=not_after_ms,
    )


def order_name(account: int, venue: str, ticket: UUID, *, generation: int) -> str:
    """The client order id of one try, exactly as the venue is told it."""
    ours = client_order_id(account=str(account), ticket_id=str(ticket), generation=generation)
    return at_venue(venue, ours)


def order_for(ticket: Ticket, *, venue: str, quantity: Decimal | None = None) -> Order:
    """The order of the ticket's present generation, under a client order id of its own.

    For all of the ticket, unless only a rest of it is left.
    """
    return Order(
        tenant_id=ticket.tenant_id,
        ticket=ticket,
        generation=ticket.generation,
        venue_account_id=ticket.venue_account_id,
        client_order_id=order_name(
            ticket.venue_account_id, venue, ticket.pk, generation=ticket.generation
        ),
        symbol=ticket.symbol,
        side=side_of(Action(ticket.action), Direction(ticket.direction)),
        quantity=ticket.quantity if quantity is None else quantity,
    )
