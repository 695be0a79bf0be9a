"""What a person asks for: tickets like any other, refused by name where a rule says no.

The account's row is the lock: of two that ask at once the second finds the first one's ticket.
What is drafted here is what will be sent, so that a person can look at it first.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from apps.core import audit
from apps.core.deadlocks import retried
from apps.core.errors import BadInput, Conflict
from apps.core.later import later
from apps.core.states import move
from apps.nodes.selectors import alive_nodes
from apps.orders.models import Order, Ticket
from apps.orders.selectors import (
    brake_on,
    current_orders,
    in_flight,
    open_positions,
    opening,
    point_cards,
    with_parked,
)
from apps.orders.services.dispatch import send
from apps.orders.services.lately import Lately
from apps.orders.services.planning import order_for
from apps.positions.models import Position
from apps.risk.selectors import Limits
from apps.venues.models import VenueAccount
from apps.venues.selectors import instruments, last_price
from apps.venues.services import locked, refuse_inactive
from engine.instrument import Instrument
from engine.messages import Task, number
from engine.money import ZERO, floor_to_step
from engine.order import LIVE, OrderStatus
from engine.risk import AccountFacts, Refused, judge_account
from engine.signal import Action, Direction

# As much as a message carries, with room.
LARGEST = Decimal(10) ** 15
LARGEST_LEVERAGE = 125
# After this a person is told, and looks: the market has moved on.
PROTECT_WITHIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An opening order. Its size is one of quantity, notional and the margin's share of equity."""

    symbol: str
    direction: Direction
    quantity: Decimal | None = None
    notional: Decimal | None = None
    margin_percent: Decimal | None = None
    leverage: int = 1
    price: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How much of a position is closed: so much, or so many per cent of it; neither is all."""

    quantity: Decimal | None = None
    share_percent: Decimal | None = None


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of the wish to close one position: a ticket, or why there is none."""

    position: Position
    ticket: Ticket | None = None
    refused_because: str = ""


@retried
@transaction.atomic
def order_by_hand(*, account: VenueAccount, wish: Wish, now: datetime) -> Ticket:
    """Open a position, or rest an order that will."""
    return written(draft_order(account=locked(account), wish=wish, now=now))


@retried
@transaction.atomic
def close_position(*, position: Position, now: datetime, part: Part = WHOLE) -> Ticket:
    """Close it, or a part of it, at the market."""
    position.venue_account = locked(position.venue_account)
    return written(draft_close(position=position, now=now, part=part))


def close_positions(
    *, positions: list[Position], now: datetime, part: Part = WHOLE
) -> list[Closing]:
    """Close each of them; one that is refused stops no other."""
    return [closing(position, now, part) for position in positions]


@retried
@transaction.atomic
def protect_position(
    *, position: Position, stop: Decimal | None, target: Decimal | None, now: datetime
) -> Ticket:
    """Set its stop and target at the venue, in place of those before; None takes one away."""
    position.venue_account = locked(position.venue_account)
    return written(draft_protection(position=position, stop=stop, target=target, now=now))


@retried
@transaction.atomic
def cancel_order(*, order: Order, now: datetime) -> Ticket:
    """Take an order away that is not done; one that never left stays here."""
    if order.ticket_id is None:
        raise Conflict("only its maker takes this order away", order=order.pk)
    ticket = Ticket.objects.of(order.tenant_id).select_for_update().get(pk=order.ticket_id)
    order.refresh_from_db()
    is_current = order in current_orders([ticket])
    is_ours = order.kind == Order.Kind.TRADE and ticket.action != Action.PROTECT
    if not is_current or order.status not in LIVE or not is_ours:
        raise Conflict(f"the order is {order.status}", order=order.pk)
    if ticket.cancel_asked_at:
        raise Conflict("it is being canceled", order=order.pk)
    ticket.cancel_asked_at = now
    ticket.save(update_fields=["cancel_asked_at"])
    if ticket.status == Ticket.Status.PLANNED:
        # Nobody has claimed it, and whoever would waits for this transaction.
        order.status, order.reason = OrderStatus.CANCELED, "canceled before it was sent"
        order.save(update_fields=["status", "reason"])
        move(ticket, to=Ticket.Status.DONE, allowed=Ticket.MOVES, next_at=None, done_at=now)
    else:
        transaction.on_commit(lambda: send([ticket], task=Task.CANCEL))
    audit.record("order.cancel_asked", order, after=told(ticket))
    return ticket


def draft_order(*, account: VenueAccount, wish: Wish, now: datetime) -> Ticket:
    """The ticket that this wish comes to, if every rule lets it pass."""
    refuse_odd(wish)
    refuse_idle(account)
    refuse_inactive(account.member)
    instrument = described(account, wish.symbol)
    reference = wish.price or last_price(venue=account.venue, symbol=wish.symbol, now=now)
    for name in ("price", "stop", "target"):
        refuse_uneven(getattr(wish, name), instrument.tick, field=name)
    refuse_wrong_side(wish.direction, wish.stop, wish.target, reference)
    quantity = quantity_of(wish, account, instrument, reference)
    draft = drafted(
        account=account,
        action=Action.OPEN,
        symbol=wish.symbol,
        direction=wish.direction,
        quantity=quantity,
        leverage=wish.leverage,
        price=wish.price,
        stop=wish.stop,
        target=wish.target,
        worth_until=now + timedelta(seconds=settings.SIGNAL_SECONDS),
    )
    return approved(draft, now, reference)


def draft_close(*, position: Position, now: datetime, part: Part = WHOLE) -> Ticket:
    account = position.venue_account
    refuse_odd_part(part)
    refuse_idle(account)
    draft = drafted(
        account=account,
        action=Action.CLOSE,
        symbol=position.symbol,
        direction=position.direction,
        quantity=position.quantity,
        subscription_id=position.subscription_id,
        trader_id=position.trader_id,
    )
    whole = approved(draft, now)
    if part != WHOLE:
        whole.quantity = quantity_of_part(part, whole.quantity, described(account, whole.symbol))
    return whole


def draft_protection(
    *, position: Position, stop: Decimal | None, target: Decimal | None, now: datetime
) -> Ticket:
    account = position.venue_account
    refuse_idle(account)
    tick = described(account, position.symbol).tick
    for field, price in (("stop", stop), ("target", target)):
        refuse_number(price, field=field)
        refuse_uneven(price, tick, field=field)
    reference = last_price(venue=account.venue, symbol=position.symbol, now=now)
    refuse_wrong_side(position.direction, stop, target, reference)
    draft = drafted(
        account=account,
        action=Action.PROTECT,
        symbol=position.symbol,
        direction=position.direction,
        quantity=position.quantity,
        subscription_id=position.subscription_id,
        trader_id=position.trader_id,
        stop=stop,
        target=target,
        worth_until=now + PROTECT_WITHIN,
    )
    return approved(draft, now)


# Inside.


def closing(position: Position, now: datetime, part: Part) -> Closing:
    try:
        return Closing(position, close_position(position=position, now=now, part=part))
    except (BadInput, Conflict) as refused:
        return Closing(position, refused_because=refused.message)


def drafted(*, account: VenueAccount, **values) -> Ticket:
    return Ticket(
        tenant_id=account.tenant_id,
        venue_account=account,
        node_id=account.node_id,
        status=Ticket.Status.PLANNED,
        **values,
    )


def approved(draft: Ticket, now: datetime, reference: Decimal | None = None) -> Ticket:
    """The draft, if the rules that stand before every order let it pass.

    The reference is the price by which its size is counted.
    """
    limits = Limits([draft.tenant_id])
    account, action = draft.venue_account, Action(draft.action)
    # In this order: what was in flight a moment ago may be held by now.
    waiting = in_flight([account.pk], draft)[account.pk]
    about_to_open = opening([account.pk])[account.pk]
    positions = open_positions([account.pk])[account.pk]
    side = (draft.symbol, draft.direction)
    held = sum((row.quantity for row in positions if (row.symbol, row.direction) == side), ZERO)
    if action is not Action.OPEN:
        draft.quantity = held
    node = alive_nodes(now).filter(pk=account.node_id).first()
    verdict = judge_account(
        AccountFacts(
            action=action,
            symbol=draft.symbol,
            node_alive=node is not None,
            is_clock_off=node is not None and node.is_clock_off,
            is_braked=action is Action.OPEN and brake_on() is not None,
            points=point_cards([account.member])[account.member_id],
            quantity=draft.quantity,
            held=held,
            open_positions=len({(row.symbol, row.direction) for row in positions} | about_to_open),
            tickets_in_flight=waiting,
            is_drifting=account.is_drifting,
            key_refusal=account.key_refusal,
            has_parked=account.pk in with_parked([account.pk]),
            is_quoted=draft.symbol in account.quoted,
            leverage=draft.leverage,
            notional=draft.quantity * reference if reference else None,
            **Lately([account.pk], limits.look_at, now).of(account.pk),
        ),
        limits.of(account.tenant_id),
    )
    if isinstance(verdict, Refused):
        raise Conflict(verdict.reason, rule=verdict.code)
    draft.next_at = now + timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
    return draft


def written(ticket: Ticket, *, action: str = "ticket.by_hand") -> Ticket:
    ticket.save(force_insert=True)
    order_for(ticket, venue=ticket.venue_account.venue).save(force_insert=True)
    audit.record(action, ticket, after=told(ticket))
    later("orders.dispatch")
    return ticket


def told(ticket: Ticket) -> dict[str, object]:
    """What the audit trail knows of it."""
    numbers = {
        name: number(value)
        for name in ("quantity", "price", "stop", "target")
        if (value := getattr(ticket, name)) is not None
    }
    return {
        "venue_account": ticket.venue_account_id,
        "action": ticket.action,
        "direction": ticket.direction,
        "symbol": ticket.symbol,
        "leverage": ticket.leverage,
        **numbers,
    }


def described(account: VenueAccount, symbol: str) -> Instrument:
    found = instruments(account.venue).get(symbol)
    if found is None:
        raise BadInput(f"{account.venue} has not described {symbol[:32]}", field="symbol")
    return found


def quantity_of(
    wish: Wish, account: VenueAccount, instrument: Instrument, reference: Decimal | None
) -> Decimal:
    """Base units to trade, if the venue takes that little and the account affords that much."""
    if wish.quantity is not None:
        refuse_uneven(wish.quantity, instrument.step, field="quantity")
        quantity = wish.quantity
    else:
        if reference is None:
            raise BadInput(
                f"no fresh price of {wish.symbol} at {account.venue} is known: name a quantity, "
                "or a price",
                field="price",
            )
        quantity = instrument.quantity_for(notional_of(wish, account), reference)
        if quantity >= LARGEST:
            raise BadInput(f"that is more {wish.symbol} than there is", field=size_of(wish))
    notional = quantity * (reference or ZERO)
    if quantity < instrument.min_quantity or (reference and notional < instrument.min_notional):
        raise BadInput(
            f"below the venue's minimum of {number(instrument.min_quantity)}, "
            f"worth {number(instrument.min_notional)}",
            field=size_of(wish),
        )
    if account.equity_at and notional / wish.leverage > account.equity:
        raise BadInput(
            f"that takes a margin of {number(notional / wish.leverage)}, and the account is worth "
            f"{number(account.equity)}",
            field=size_of(wish),
        )
    return quantity


def quantity_of_part(part: Part, held: Decimal, instrument: Instrument) -> Decimal:
    """What the part comes to, down to the step; the venue has to take that little."""
    if part.quantity is not None:
        field, quantity = "quantity", part.quantity
        refuse_uneven(quantity, instrument.step, field=field)
        if quantity > held:
            raise BadInput(f"only {number(held)} are held", field=field)
    else:
        field = "share_percent"
        quantity = floor_to_step(held * (part.share_percent or ZERO) / 100, instrument.step)
    if quantity < min(instrument.min_quantity or instrument.step, held):
        raise BadInput(
            f"of {number(held)} that is less than the venue's minimum of "
            f"{number(instrument.min_quantity or instrument.step)}",
            field=field,
        )
    # What is left could not be closed: it goes, too, where all of it was asked for.
    return held if part.share_percent == 100 else quantity


def refuse_odd_part(part: Part) -> None:
    if part.quantity is not None and part.share_percent is not None:
        raise BadInput("name quantity or share_percent, not both", field="share_percent")
    refuse_number(part.quantity, field="quantity")
    refuse_number(part.share_percent, field="share_percent")
    if part.share_percent is not None and part.share_percent > 100:
        raise BadInput("share_percent is at most 100", field="share_percent")


def notional_of(wish: Wish, account: VenueAccount) -> Decimal:
    if wish.notional is not None:
        return wish.notional
    return account.equity * wish.margin_percent / 100 * wish.leverage


def size_of(wish: Wish) -> str:
    """Which of the three ways to size an order it names."""
    sizes = ("quantity", "notional", "margin_percent")
    named = [name for name in sizes if getattr(wish, name) is not None]
    if len(named) != 1:
        raise BadInput(f"name one of {', '.join(sizes)}", field="quantity")
    return named[0]


def refuse_odd(wish: Wish) -> None:
    """Refuse what no order has, before anybody's account is looked at."""
    for name, value in asdict(wish).items():
        if isinstance(value, Decimal):
            refuse_number(value, field=name)
    if size_of(wish) == "margin_percent" and wish.margin_percent > 100:
        raise BadInput("margin_percent is at most 100", field="margin_percent")
    if not 1 <= wish.leverage <= LARGEST_LEVERAGE:
        raise BadInput(f"leverage is 1 to {LARGEST_LEVERAGE}", field="leverage")
    if wish.direction not in list(Direction):
        raise BadInput("direction is long or short", field="direction")


def refuse_number(value: Decimal | None, *, field: str) -> None:
    if value is not None and not (value.is_finite() and 0 < value < LARGEST):
        raise BadInput(f"{field} is a number above zero", field=field)


def refuse_uneven(value: Decimal | None, step: Decimal, *, field: str) -> None:
    if value is not None and value % step:
        raise BadInput(f"{field} is a multiple of {number(step)}", field=field)


def refuse_wrong_side(
    direction: str, stop: Decimal | None, target: Decimal | None, reference: Decimal | None
) -> None:
    """Of a long the stop is below the price and the target above; of a short the other way."""
    low, high = (stop, target) if direction == Direction.LONG else (target, stop)
    names = ("stop", "target") if direction == Direction.LONG else ("target", "stop")
    if low and (reference or high) and low >= (reference or high):
        raise BadInput(f"the {names[0]} of a {direction} is below its price", field=names[0])
    if high and reference and high <= reference:
        raise BadInput(f"the {names[1]} of a {direction} is above its price", field=names[1])


def refuse_idle(account: VenueAccount) -> None:
    if account.status != VenueAccount.Status.ACTIVE:
        raise Conflict("the account is paused", account=account.pk)
