"""What travels between the centre and the nodes: frozen, versioned, checked on both ends.

Centre to node: `Tickets`, a `StateAsk`, or a `MakerWish`. Node to centre: `Reports`, an
`AccountState`, a `MakerReport`, a `Heartbeat`, or a `Refusal`. Every one of them rides in
an envelope (`envelope.py`).
A field may be added with a default; anything else is a new version.
"""

import enum
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from engine.order import OrderStatus
from engine.ready import ready
from engine.signal import Action, Direction, Side

VERSION = 1
# The broker is no place for large messages, and a reader must know when to stop reading.
MAX_BYTES = 64 * 1024
TICKETS_PER_PARCEL = 100
REPORTS_PER_BATCH = 40
SYMBOLS_PER_ASK = 40
# Of each kind, so that a whole state is not too long for a message.
ROWS_PER_STATE = 60
# A maker starts, runs, stops and rests; what it quotes at once is its levels and those that go.
MOVES_PER_LIFE = 20
QUOTES_PER_REPORT = 60
# What a node may put messages into: the rules of its user at the broker name these alone.
CentreQueue = Literal["centre.heartbeats", "centre.reports", "centre.states"]

# `\Z` and not `$`, which lets a line end follow; `0-9` and not `\d`, which takes foreign digits.
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}\Z")]
Symbol = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}\Z")]
Text = Annotated[str, msgspec.Meta(max_length=500)]
VenueText = Annotated[str, msgspec.Meta(max_length=64)]
Positive = Annotated[str, msgspec.Meta(pattern=r"^(?!0+(\.0+)?\Z)[0-9]{1,18}(\.[0-9]{1,18})?\Z")]
Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?\Z")]
Latency = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]  # milliseconds
EpochMs = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Task(enum.StrEnum):
    """What a ticket asks for."""

    PLACE = "place"  # place the order, unless this host may have sent it before
    LOOK_UP = "look_up"  # never place; say what the venue knows of it
    CANCEL = "cancel"  # take the order away; never place it any more
    PROTECT = "protect"  # set stop and target of what is held, in place of those before


class Style(enum.StrEnum):
    """How an order may meet the book; an order without a price is always a market order."""

    PLAIN = "plain"  # rests until it is filled or canceled
    IOC = "ioc"  # what does not fill at once is canceled
    POST_ONLY = "post_only"  # refused by the venue where it would fill at once


class Margin(enum.StrEnum):
    ISOLATED = "isolated"
    CROSS = "cross"


class PositionMode(enum.StrEnum):
    """What an account may hold of one symbol; where a venue has one of them only, it is that."""

    HEDGE = "hedge"  # a long and a short, apart
    ONE_WAY = "one_way"  # one of the two


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Ticket(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One order for one venue account. Quantities are base units, prices quote per base."""

    order_id: Code  # the centre's name for the order; reports carry it back
    task: Task
    venue: Code
    account: Code  # the centre's name for the venue account
    sealed_credentials: str  # sealed to the node's key, base64
    client_order_id: Code
    symbol: Symbol
    side: Side
    direction: Direction
    action: Action
    quantity: Positive
    leverage: Annotated[int, msgspec.Meta(ge=1, le=200)]
    margin: Margin = Margin.ISOLATED
    position_mode: PositionMode = PositionMode.HEDGE
    price: Positive | None = None  # None is a market order
    style: Style = Style.PLAIN
    stop: Positive | None = None
    target: Positive | None = None
    not_after_ms: EpochMs  # the venue must not accept the order later than this
    # Looked up by the venue's own name for it, where it is known under none of ours.
    venue_order_id: VenueText = ""


class Fill(Message, frozen=True, kw_only=True):
    venue_fill_id: Code
    quantity: Positive
    price: Positive
    fee: Amount  # in the quote currency; negative is a rebate
    filled_at_ms: EpochMs


class Report(Message, frozen=True, kw_only=True):
    """What is known of one order, in full: applying it twice or late changes nothing."""

    order_id: Code
    account: Code
    client_order_id: Code
    status: OrderStatus
    venue_order_id: VenueText = ""
    filled: Amount
    fills: list[Fill] = []
    reason: Text = ""  # why it was rejected, expired or is unknown
    # Why what it opened stands without the stop and target of its ticket.
    unprotected: Text = ""
    reported_at_ms: EpochMs


class Heartbeat(Message, frozen=True, kw_only=True):
    version: Code
    clock_ms: EpochMs
    running: Annotated[int, msgspec.Meta(ge=0)]  # tickets in hand
    # What the processors of the host have to do, in per cent of what they can do at once.
    load_percent: Annotated[int, msgspec.Meta(ge=0)] = 0
    # How long each venue took to answer, as far as the node has tried it lately; None: it did not.
    venues: Annotated[dict[Code, Latency | None], msgspec.Meta(max_length=64)] = {}


class Refusal(Message, frozen=True, kw_only=True):
    """A message this node refused, so that an operator sees it at the centre."""

    queue: Code
    reason: Text
    digest: Code
    preview: Annotated[str, msgspec.Meta(max_length=300)]


class Since(Message, frozen=True, kw_only=True):
    symbol: Symbol
    since_ms: EpochMs
    # Since when the books hold it: a stop or target of that time may have fired. None: they do not.
    held_since_ms: EpochMs | None = None


class StateAsk(Message, frozen=True, kw_only=True):
    """A question about one venue account: what it is worth, holds, and did since then."""

    venue: Code
    account: Code
    sealed_credentials: str
    asked_at_ms: EpochMs
    fills: Annotated[list[Since], msgspec.Meta(max_length=SYMBOLS_PER_ASK)] = []
    payments_since_ms: EpochMs
    with_rights: bool = False  # what the key may do, too
    # Somebody is about to decide on these: their price as it is now, open interest and funding.
    watched: Annotated[list[Symbol], msgspec.Meta(max_length=SYMBOLS_PER_ASK)] = []


class Money(Message, frozen=True, kw_only=True):
    """In the account's settlement currency."""

    total: Amount  # cash, without what open positions have gained or lost
    free: Amount
    unrealised: Amount


class Held(Message, frozen=True, kw_only=True):
    symbol: Symbol
    direction: Direction
    quantity: Positive
    entry_price: Amount
    margin: Margin | None = None


class OpenOrder(Message, frozen=True, kw_only=True):
    client_order_id: VenueText  # in the venue's form; empty where it is not ours
    venue_order_id: VenueText
    filled: Amount


class AccountFill(Message, frozen=True, kw_only=True):
    symbol: Symbol
    client_order_id: VenueText  # as above; empty where the venue does not tell it, too
    venue_order_id: VenueText
    side: Side
    fill: Fill
    # Whether a stop or target of the whole position fired, and this is what it did.
    is_protection: bool = False


class PaymentKind(enum.StrEnum):
    FUNDING = "funding"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"  # between wallets of the same owner


class Paid(Message, frozen=True, kw_only=True):
    """Money that moved without a trade; positive is received."""

    venue_payment_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    kind: PaymentKind
    symbol: Symbol | None = None  # of funding: whose position paid it
    amount: Amount
    paid_at_ms: EpochMs


class Described(Message, frozen=True, kw_only=True):
    """One symbol as the venue trades it."""

    symbol: Symbol
    tick: Positive
    step: Positive
    min_quantity: Amount
    min_notional: Amount
    price: Positive | None = None  # the last one
    # In coins, and as a share; of what is watched, where the venue tells.
    open_interest: Amount | None = None
    funding: Amount | None = None


class Rights(Message, frozen=True, kw_only=True):
    """What the venue says of the key; None where it does not tell."""

    can_trade: bool | None = None
    can_withdraw: bool | None = None
    is_hedged: bool | None = None
    clock_offset_ms: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] = 0
    error: Text = ""  # why nothing is known


class AccountState(Message, frozen=True, kw_only=True):
    """What a venue says of one account. With an `error` it says nothing."""

    account: Code
    asked_at_ms: EpochMs  # as it was asked
    error: Text = ""
    money: Money | None = None
    holdings: Annotated[list[Held], msgspec.Meta(max_length=ROWS_PER_STATE)] = []
    open_orders: Annotated[list[OpenOrder], msgspec.Meta(max_length=ROWS_PER_STATE)] = []
    fills: Annotated[list[AccountFill], msgspec.Meta(max_length=ROWS_PER_STATE)] = []
    payments: Annotated[list[Paid], msgspec.Meta(max_length=ROWS_PER_STATE)] = []
    instruments: Annotated[list[Described], msgspec.Meta(max_length=SYMBOLS_PER_ASK)] = []
    # Of fills and payments the oldest were told, and there are more.
    is_cut: bool = False
    rights: Rights | None = None


class Tickets(Message, frozen=True, kw_only=True):
    tickets: Annotated[list[Ticket], msgspec.Meta(min_length=1, max_length=TICKETS_PER_PARCEL)]
    # Sealed to the node; the credentials of every ticket are sealed under it, and to its account.
    # Empty where they are sealed to the node one by one.
    sealed_key: str = ""


class Parcel(Message, frozen=True, kw_only=True):
    """The same tickets, each still unread, so that an unsound one takes no other with it."""

    tickets: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=TICKETS_PER_PARCEL)]
    sealed_key: str = ""


class Reports(Message, frozen=True, kw_only=True):
    reports: Annotated[list[Report], msgspec.Meta(min_length=1, max_length=REPORTS_PER_BATCH)]


class MakerVerb(enum.StrEnum):
    """What a maker is to do until it is told otherwise."""

    RUN = "run"
    STOP = "stop"  # come to rest
    HALT = "halt"  # the same, and a person has to release it
    REST = "rest"  # nothing more: it is over, and this only tells what was heard of it


class MakerWish(Message, frozen=True, kw_only=True):
    """All that the centre wants of a maker: the newest number holds, and the same one may come
    again. Each that comes renews the lease."""

    session: Code
    maker: Annotated[int, msgspec.Meta(ge=0)]  # its number in the names of its orders
    life: Annotated[int, msgspec.Meta(ge=0)]  # the last that is known; the next one is above
    number: Annotated[int, msgspec.Meta(ge=1)]
    verb: MakerVerb
    reason: Text = ""
    venue: Code
    account: Code
    symbol: Symbol
    margin: Margin
    sealed_credentials: str
    params: dict[str, Any]
    target_hourly: Amount | None = None
    # Without another wish for so long, it comes to rest by itself.
    lease_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    # Its fills are known at the centre up to then.
    fills_since_ms: EpochMs
    # What its earlier lives came to, as it was heard last, and the fills that this has in it.
    figures: dict[str, Any] | None = None
    counted: list[VenueText] = []
    # In which life the centre has heard so much, of each kind.
    heard_life: Annotated[int, msgspec.Meta(ge=0)] = 0
    moves_heard: Annotated[int, msgspec.Meta(ge=0)] = 0
    orders_heard: Annotated[int, msgspec.Meta(ge=0)] = 0
    alerts_heard: Annotated[int, msgspec.Meta(ge=0)] = 0


class MakerMove(Message, frozen=True, kw_only=True):
    """The state that it came to."""

    to: Code
    reason: Text
    at_ms: EpochMs


class MakerAlert(Message, frozen=True, kw_only=True):
    level: Code
    kind: Code
    facts: dict[Code, Text] = {}
    at_ms: EpochMs


class MakerOrder(Message, frozen=True, kw_only=True):
    """An order that has filled, and what of it was not told before."""

    client_order_id: Code
    side: Side
    quantity: Positive
    price: Positive | None = None  # None closed at the market
    status: OrderStatus
    fills: list[Fill] = []


class MakerQuote(Message, frozen=True, kw_only=True):
    """An order as it stands now."""

    client_order_id: Code
    side: Side
    price: Amount
    quantity: Amount
    filled: Amount
    is_leaving: bool
    asked_at_ms: EpochMs


class MakerReport(Message, frozen=True, kw_only=True):
    """What a maker is and did in this life; applying it twice or late changes nothing.

    Orders and alerts are numbered from one in each life. Those that the centre has not said to
    have heard are told again, the oldest first.
    """

    session: Code
    life: Annotated[int, msgspec.Meta(ge=0)]
    # Of which of the centre's wishes it knows, and why that one was not for it.
    done: Annotated[int, msgspec.Meta(ge=0)]
    refused: Text = ""
    moves: Annotated[list[MakerMove], msgspec.Meta(max_length=MOVES_PER_LIFE)] = []
    orders_before: Annotated[int, msgspec.Meta(ge=0)] = 0
    orders: Annotated[list[MakerOrder], msgspec.Meta(max_length=REPORTS_PER_BATCH)] = []
    alerts_before: Annotated[int, msgspec.Meta(ge=0)] = 0
    alerts: Annotated[list[MakerAlert], msgspec.Meta(max_length=REPORTS_PER_BATCH)] = []
    quotes: Annotated[list[MakerQuote], msgspec.Meta(max_length=QUOTES_PER_REPORT)] = []
    figures: dict[str, Any] | None = None
    told_at_ms: EpochMs


KINDS: dict[str, type[Message]] = {
    "tickets": Tickets,
    "reports": Reports,
    "state_ask": StateAsk,
    "account_state": AccountState,
    "heartbeat": Heartbeat,
    "refusal": Refusal,
    "maker_wish": MakerWish,
    "maker_report": MakerReport,
}
KIND_OF = {ready(message): kind for kind, message in KINDS.items()} | {ready(Parcel): "tickets"}


def number(value: Decimal) -> str:
    """A decimal as it travels: plain digits, no exponent."""
    return format(value.normalize(), "f") if value else "0"
