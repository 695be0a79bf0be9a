"""What each venue answers in the tests, and the scenes that are played with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.messages import Margin, PositionMode, Style
from engine.signal import Action, Direction
from engine.venues.ccxt import CcxtVenue
from tests.engine.tickets import ticket
from tests.engine.venues.local_venue import NOT_AFTER_MS, NOW_MS, Keys, LocalVenue

OUR_ID = "ibmfrggzdfmztwq2lknnwg23tp"
SHORT, LONG = Direction.SHORT, Direction.LONG
ONE_WAY_CROSS = {"position_mode": PositionMode.ONE_WAY, "margin": Margin.CROSS}
Do = Callable[[Any], Any]


@dataclass(frozen=True)
class Scene:
    """One call of ours, and what the venue answers differently in it."""

    title: str
    do: Do
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    venue: type[CcxtVenue]
    symbol: str
    quantity: str
    answers: dict[str, Any]
    order: str  # the one request that places an order
    lookup: str
    refusal: Callable[[str], Any]  # an answer that carries a raw code
    absent: dict[str, Any]  # the answers of a venue that has no such order
    scenes: list[Scene] = field(default_factory=list)
    keys: Keys = field(default_factory=Keys)

    @property
    def name(self) -> str:
        return self.venue.name

    def order_ticket(self, **changes: Any) -> Any:
        told = {"client_order_id": OUR_ID, "not_after_ms": NOT_AFTER_MS, "quantity": self.quantity}
        return ticket(**told | {"symbol": self.symbol, "venue": self.name} | changes)

    def open(self, local: LocalVenue, **answers: Any) -> CcxtVenue:
        local.answers = {**self.answers, **answers}
        return self.venue(self.keys, base_url=local.address)


def ours(stage_ticket: Callable[..., Any], price: str) -> list[tuple[str, Do]]:
    """The orders that every venue is asked to place."""

    def placing(**changes: Any) -> Do:
        return lambda venue: venue.place(stage_ticket(**changes))

    close = {"action": Action.CLOSE}
    return [
        ("a market order opens a long", placing()),
        ("a market order opens a short", placing(direction=SHORT)),
        ("a market order closes a long", placing(**close)),
        ("a market order closes a short", placing(direction=SHORT, **close)),
        ("a limit order opens a long", placing(price=price)),
        ("a limit order that must fill at once", placing(price=price, style=Style.IOC)),
        ("a limit order that must rest", placing(price=price, style=Style.POST_ONLY)),
        ("a market order opens a long, cross", placing(margin=Margin.CROSS)),
    ]


# Two hours, as every venue tells them in its own words.
HOUR_MS = 3_600_000
BARS_FROM_MS = 1_699_995_600_000
BARS = [
    (BARS_FROM_MS, "60000.5", "60100", "59900", "60050", "1.5"),
    (BARS_FROM_MS + HOUR_MS, "60050", "60250.5", "60000", "60200", "0.25"),
]


def two_hours(symbol: str) -> Do:
    span = {"since_ms": BARS_FROM_MS, "until_ms": BARS_FROM_MS + 2 * HOUR_MS}
    return lambda venue: venue.bars(symbol, "1h", **span)


def asking(symbol: str, stop: str, target: str, number: str) -> list[tuple[str, Do]]:
    """What else every venue is asked."""
    prices = {"stop": Decimal(stop), "target": Decimal(target)}
    both = {"symbol": symbol, "client_order_id": OUR_ID}
    return [
        ("the instrument", lambda venue: venue.instrument(symbol)),
        ("the price", lambda venue: venue.price(symbol)),
        ("open interest and funding", lambda venue: venue.interest(symbol)),
        ("the bars", two_hours(symbol)),
        ("an order is looked up", lambda venue: venue.find(**both)),
        (
            "an order is looked up by the venue's number",
            lambda venue: venue.find_by_number(symbol=symbol, venue_order_id=number),
        ),
        ("an order is canceled", lambda venue: venue.cancel(**both)),
        (
            "a long is protected",
            lambda venue: venue.protect(symbol=symbol, direction=LONG, **prices),
        ),
        (
            "a short is protected by a stop only",
            lambda venue: venue.protect(
                symbol=symbol, direction=SHORT, stop=Decimal(target), target=None
            ),
        ),
        (
            "the protection of a long is taken away",
            lambda venue: venue.protect(symbol=symbol, direction=LONG, stop=None, target=None),
        ),
        ("the balance", lambda venue: venue.balance()),
        ("the holdings", lambda venue: venue.holdings()),
        ("the open orders", lambda venue: venue.open_orders()),
        ("the open orders of a symbol", lambda venue: venue.open_orders(symbol)),
        ("the fills", lambda venue: venue.fills_since(symbol, NOW_MS - 1000)),
        ("what fired", lambda venue: venue.fired_since(symbol, NOW_MS - 1000)),
        ("the payments", lambda venue: venue.payments_since(NOW_MS - 1000)),
        ("the check", lambda venue: venue.check()),
    ]


def of_found(stage: Stage, no_fills: dict[str, Any] | None = None) -> list[Scene]:
    """What is asked of an order that was looked up: whether there is none, and its stop."""
    absent = stage.absent | (no_fills or {})

    def protecting(venue: Any) -> None:
        found = venue.find(symbol=stage.symbol, client_order_id=OUR_ID)
        venue.protected(stage.order_ticket(stop="58000", target="71000"), found)

    return [
        Scene("an order is absent", lambda v: v.is_absent(stage.order_ticket()), absent),
        Scene("an order that was found gets its stop and target", protecting),
    ]
