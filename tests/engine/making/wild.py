"""A venue for one maker that may lose, delay, refuse, fill and deny; and that remembers the truth.

It stands in for what no real venue does on demand: every order of things that can go wrong.
"""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from engine.making.actions import (
    Action,
    AskAccount,
    AskOpen,
    Cancel,
    Close,
    LookUp,
    Place,
)
from engine.making.events import (
    AccountTold,
    BookSeen,
    Event,
    Filled,
    OpenTold,
    OrderTold,
    TimeCame,
    Told,
)
from engine.making.grid import Grid
from engine.making.maker import Maker
from engine.making.names import Namer
from engine.making.params import MakerParams, read_params
from engine.signal import Side

GRID = Grid(
    symbol="BNB/USDT",
    tick=Decimal("0.01"),
    step=Decimal("0.01"),
    least=1,
    least_notional=Decimal(5),
    unit=Decimal("0.0001"),
)
NAMER = Namer(session=7, life=1)
MID = 60_000


@dataclass
class Standing:
    client_id: str
    side: Side
    price: int
    quantity: int
    placed_at_ms: int
    filled: int = 0
    status: Told = Told.OPEN

    def told(self, at_ms):
        return OrderTold(
            at_ms,
            self.client_id,
            self.status,
            self.side,
            self.price,
            self.quantity,
            self.filled,
            placed_at_ms=self.placed_at_ms,
        )


class Wild:
    def __init__(self, params: MakerParams | None = None, **changes) -> None:
        values = {"recovery_seconds": 0, "orders_a_second": 1000, **changes}
        self.maker = Maker(GRID, params or read_params(values), NAMER)
        self.now_ms = 1_000_000
        self.mid = MID
        self.orders: dict[str, Standing] = {}
        self.position = 0
        self.cash = Decimal(0)
        self.fills = 0
        # What is on its way to the venue and back.
        self.requests: deque[tuple[int, Action]] = deque()
        self.answers: deque[Event] = deque()
        self.did: list[Action] = []
        self.placed: list[str] = []
        # What goes wrong with the next requests: refuse, lose_ack, lose_request.
        self.faults: deque[str] = deque()
        self.denies_closing = 0

    @property
    def open(self):
        return [one for one in self.orders.values() if one.status is Told.OPEN]

    # The maker

    def tell(self, event: Event):
        actions = self.maker.handle(event)
        self.did += actions
        for one in actions:
            if isinstance(one, Place | Close):
                self.placed.append(one.client_id)
            if isinstance(one, Place | Close | Cancel | LookUp | AskOpen | AskAccount):
                self.requests.append((self.now_ms, one))
        return actions

    def book(self, at_ms=None):
        at = self.now_ms if at_ms is None else at_ms
        levels = range(1, 6)
        return BookSeen(
            at,
            tuple((self.mid - each, 500) for each in levels),
            tuple((self.mid + each, 500) for each in levels),
        )

    # The venue

    def serve(self):
        """Do one request."""
        asked_at_ms, action = self.requests.popleft()
        fault = self.faults.popleft() if self.faults else ""
        if fault == "lose_request":
            return
        answer = self._done(asked_at_ms, action, refuses=fault == "refuse")
        if fault != "lose_ack" and answer is not None:
            self.answers.append(answer)

    def _done(self, asked_at_ms, action, *, refuses):
        if isinstance(action, AskOpen):
            told = tuple(one.told(self.now_ms) for one in self.open)
            return OpenTold(self.now_ms, self.now_ms, told)
        if isinstance(action, AskAccount):
            equity = Decimal(1000) + self.cash + self.position * self.mid * GRID.unit
            return AccountTold(self.now_ms, self.now_ms, self.position, equity, equity)
        if isinstance(action, LookUp):
            return self._found(action)
        if isinstance(action, Cancel):
            return self._canceled(action, refuses)
        if isinstance(action, Close):
            return self._closed(action, refuses)
        return self._placed(action, refuses)

    def _found(self, action):
        one = self.orders.get(action.client_id)
        if one:
            return one.told(self.now_ms)
        if any(getattr(each, "client_id", "") == action.client_id for _, each in self.requests):
            return None  # it may still arrive: nothing is proved
        return OrderTold(self.now_ms, action.client_id, Told.ABSENT, Side.BUY, 0, 0)

    def _placed(self, action, refuses):
        assert action.client_id not in self.orders, "a name was used twice"
        one = Standing(action.client_id, action.side, action.price, action.quantity, self.now_ms)
        takes = action.price > self.mid if action.side is Side.BUY else action.price < self.mid
        if refuses or takes:
            one.status = Told.REJECTED
            return replace(one.told(self.now_ms), would_take=takes)
        self.orders[action.client_id] = one
        return one.told(self.now_ms)

    def _canceled(self, action, refuses):
        one = self.orders.get(action.client_id)
        if one is None or refuses:
            return None
        if one.status is Told.OPEN:
            one.status = Told.CANCELED
        return one.told(self.now_ms)

    def _closed(self, action, refuses):
        assert action.client_id not in self.orders, "a name was used twice"
        one = Standing(action.client_id, action.side, 0, action.quantity, self.now_ms)
        if refuses or self.denies_closing:
            self.denies_closing = max(self.denies_closing - 1, 0)
            one.status = Told.REJECTED
            return one.told(self.now_ms)
        self.orders[one.client_id] = one
        reducible = max(-self.position if action.side is Side.BUY else self.position, 0)
        self._trade(one, min(action.quantity, reducible))
        one.status = Told.FILLED if one.filled == one.quantity else Told.CANCELED
        return one.told(self.now_ms)

    def fill(self, one, quantity):
        self._trade(one, quantity)
        if one.filled == one.quantity:
            one.status = Told.FILLED
            self.answers.append(one.told(self.now_ms))

    def _trade(self, one, quantity):
        if not quantity:
            return
        price = one.price or self.mid
        sign = 1 if one.side is Side.BUY else -1
        one.filled += quantity
        self.position += sign * quantity
        self.cash -= sign * quantity * price * GRID.unit
        self.fills += 1
        fee = Decimal("-0.00001")
        self.cash -= fee
        self.answers.append(
            Filled(
                self.now_ms,
                one.client_id,
                str(self.fills),
                one.side,
                price,
                quantity,
                fee,
                one.price > 0,
                self.now_ms,
            )
        )

    # Calm

    def settle(self):
        """Everything on its way arrives, and what follows from it as well."""
        rounds = 0
        while self.requests or self.answers:
            rounds += 1
            assert rounds < 1000, "maker and venue never come to an end"
            while self.requests:
                self.serve()
            while self.answers:
                self.tell(replace(self.answers.popleft(), at_ms=self.now_ms))

    def run(self, from_now_ms, *, every_ms=250, until=None):
        """Time goes by, and nothing goes wrong but what was arranged."""
        end = self.now_ms + from_now_ms
        while self.now_ms < end and not (until and until()):
            self.now_ms += every_ms
            self.tell(self.book())
            self.tell_time()
            self.settle()

    def tell_time(self):
        return self.tell(TimeCame(self.now_ms))
