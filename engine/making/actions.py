"""What a maker wants done, in the order in which it is to be done."""

import enum
from decimal import Decimal

import msgspec

from engine.making.sides import Open
from engine.signal import Side


class Why(enum.StrEnum):
    """What an order is placed for, or taken away."""

    MISSING = "missing"
    PRICE = "price"
    SIZE = "size"
    AGE = "age"
    INVENTORY = "inventory"
    STALE = "stale"
    STRAY = "stray"  # found at the venue, from another life
    CLOSING = "closing"
    UNQUOTABLE = "unquotable"  # too small for the venue, or a level that is no longer asked for


class State(enum.StrEnum):
    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    HALTED = "halted"


class AlertLevel(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertKind(enum.StrEnum):
    STARTED = "started"
    STOPPED = "stopped"
    KILL_SWITCH = "kill_switch"
    FAILURE = "failure"
    BLOCKED = "blocked"
    STRAY = "stray"
    DRIFT = "drift"
    FLAT = "flat"
    DUST = "dust"
    FLATTEN_RETRY = "flatten_retry"
    GAVE_UP = "gave_up"
    HEARTBEAT = "heartbeat"


class Place(msgspec.Struct, frozen=True, tag=True):
    """A post-only limit order, sent once: what becomes of it unheard is only looked up."""

    client_id: str
    side: Side
    level: int
    price: int
    quantity: int
    why: Why


class Close(msgspec.Struct, frozen=True, tag=True):
    """A reduce-only market order that ends at once; sent once, too."""

    client_id: str
    side: Side
    quantity: int


class Cancel(msgspec.Struct, frozen=True, tag=True):
    client_id: str
    why: Why


class LookUp(msgspec.Struct, frozen=True, tag=True):
    """Answered by `OrderTold`, with ABSENT only where that is proved."""

    client_id: str


class AskOpen(msgspec.Struct, frozen=True, tag=True):
    """Answered by `OpenTold`."""


class AskAccount(msgspec.Struct, frozen=True, tag=True):
    """Answered by `AccountTold`."""


class Alert(msgspec.Struct, frozen=True, tag=True):
    level: AlertLevel
    kind: AlertKind
    facts: dict[str, str] = {}


class Moved(msgspec.Struct, frozen=True, tag=True):
    came_from: State
    to: State
    reason: str


class Quoted(msgspec.Struct, frozen=True, tag=True):
    """What a look came to. Prices are ticks, 0 where nothing is quoted."""

    at_ms: int
    best_bid: int
    best_ask: int
    bid: int
    ask: int
    bid_quantity: int
    ask_quantity: int
    half_bps: float
    shift_bps: float
    # Of returns, over the root of a minute.
    sigma: float
    z: float
    gamma: float
    k: float
    a: float
    imbalance: float
    position: int
    sides: Open
    capacity: Decimal
    reasons: tuple[Why, ...]


Action = Place | Close | Cancel | LookUp | AskOpen | AskAccount | Alert | Moved | Quoted
