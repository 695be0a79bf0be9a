"""The maker: told what happens, it answers with what is to be done. It asks nobody the time, and
knows no venue: live, in replay and in tests it is this one.

    idle -> starting -> running -> stopping -> idle | halted

On its start it finds the orders of its earlier lives and has them taken away before it quotes; it
says that it has stopped only when none of its orders is left and nothing is held that could be
closed. A halted maker waits for a person. Whatever its orders are not known to have become counts
as still there.
"""

from collections.abc import Callable
from typing import Any

from engine.errors import EngineError
from engine.making.actions import (
    Action,
    Alert,
    AlertKind,
    AlertLevel,
    AskAccount,
    AskOpen,
    Cancel,
    Close,
    LookUp,
    Moved,
    Quoted,
    State,
    Why,
)
from engine.making.calibration import Calibration
from engine.making.closing import Closing, Rest
from engine.making.desk import Desk
from engine.making.events import (
    AccountTold,
    BookSeen,
    Event,
    Failed,
    Filled,
    Halt,
    Looked,
    OpenTold,
    OrderTold,
    Release,
    Retune,
    Start,
    Stop,
    TimeCame,
    Told,
    TradeSeen,
)
from engine.making.grid import Grid
from engine.making.guard import Guard
from engine.making.looking import FEAR, LOOKED_MS, POSITION, SIDES, Eye, Look, as_it_stands, eye_of
from engine.making.model import believed
from engine.making.names import Namer, Names
from engine.making.params import MakerParams
from engine.making.quoter import Quoter, quoted, reasons_of
from engine.making.rules import rules_of
from engine.making.sides import capacity
from engine.making.units import between
from engine.making.wanted import W_WHY, funds_of
from engine.making.watch import forget, pictured

MOVES: dict[State, frozenset[State]] = {
    State.IDLE: frozenset({State.STARTING}),
    State.STARTING: frozenset({State.RUNNING, State.STOPPING}),
    State.RUNNING: frozenset({State.STOPPING}),
    State.STOPPING: frozenset({State.IDLE, State.HALTED}),
    State.HALTED: frozenset({State.STOPPING, State.IDLE}),
}
# How often the venue is asked what there is, beside what it tells by itself.
ACCOUNT_EVERY_MS, ORDERS_EVERY_MS = 1_000, 5_000
# Funds that were told so long ago are not known.
ACCOUNT_STALE_MS = 15_000
# The same alert is not repeated before this.
QUIET_MS = 60_000


class NotNow(EngineError):
    """The command does not fit the maker's state; nothing was done."""

    code = "not_now"


class Maker:
    def __init__(
        self,
        grid: Grid,
        params: MakerParams,
        namer: Namer,
        looking: Callable[[Eye], Look] = as_it_stands,
    ) -> None:
        self.grid = grid
        self.params = params
        self.state = State.IDLE
        self.desk = Desk(Names(namer))
        self.position = 0
        self.book: BookSeen | None = None
        self.account: AccountTold | None = None
        self.guard = Guard()
        self.closing: Closing | None = None
        self._looking = looking
        self._calibration = Calibration(0)
        self._quoter = Quoter(grid, params, self.desk)
        self._started_at_ms = 0
        self._orders_told_at_ms = -1
        self._account_asked_ms = self._orders_asked_ms = self._beat_at_ms = 0
        # By how much the venue tells another position, and when it was asked for what was adopted.
        self._disagreed: int | None = None
        self._adopted_at_ms = -1
        self._is_blind = False
        self._reasons: tuple[Why, ...] = ()
        self._alerted: dict[tuple[str, str], int] = {}
        self._open_eye(eye_of(rules_of(params, grid), params, 0))

    def handle(self, event: Event) -> list[Action]:
        """What is to be done now, in this order."""
        actions = HANDLERS[type(event)](self, event)
        if actions:
            self._quoter.budget.spend(sum(type(one) in REQUESTS for one in actions))
        return actions

    @property
    def is_at_odds(self) -> bool:
        """The venue has told another position, once; a fill may not have been told yet."""
        return self._disagreed is not None

    @property
    def is_quoting(self) -> bool:
        return self.state is State.RUNNING

    # The market

    def _book(self, event: BookSeen) -> list[Action]:
        # What is crossed or has one side only is no book: the last good one grows old.
        if event.bids and event.asks and event.bids[0][0] < event.asks[0][0]:
            self.book = event
        return []

    def _trade(self, event: TradeSeen) -> list[Action]:
        if self.book and self.params.calibrates:
            best_bid, best_ask = self.book.bids[0][0], self.book.asks[0][0]
            mid = (best_bid + best_ask) / 2
            best = best_ask if event.is_buy else best_bid
            reached = event.price if event.is_buy else 2 * mid - event.price
            distance, nearest = (
                between(price, mid, mid=mid) for price in (reached, mid + abs(best - mid))
            )
            self._calibration.trade(event.at_ms, event.is_buy, distance, nearest)
        return []

    # Orders and funds

    def _order(self, event: OrderTold) -> list[Action]:
        is_at_rest = self.state in (State.IDLE, State.HALTED)
        if is_at_rest and event.status is Told.OPEN and event.client_id not in self.desk.own:
            if not self.desk.names.namer.is_ours(event.client_id):
                return []
            return [self.desk.take_away(event.at_ms, event), *self._tell_stray(event)]
        change, actions = self.desk.told(event)
        self.position += change
        if event.status is Told.REJECTED and not event.would_take:
            self.guard.failed()
            actions += self._fault(event.at_ms, "refused", event.reason)
        elif event.status is Told.OPEN:
            self.guard.went_well()
        return actions + self._go_on(event.at_ms)

    def _fill(self, event: Filled) -> list[Action]:
        change = self.desk.filled(event)
        # What the account was told to hold after the trade has it in it.
        if event.traded_at_ms > self._adopted_at_ms:
            self.position += change
        self.guard.went_well()
        return self._go_on(event.at_ms)

    def _listed(self, event: OpenTold) -> list[Action]:
        change, actions = self.desk.listed(event.at_ms, event.asked_at_ms, event.orders)
        self.position += change
        self._orders_told_at_ms = max(self._orders_told_at_ms, event.asked_at_ms)
        for told in event.orders:
            own = self.desk.own.get(told.client_id)
            if own and own.why is Why.STRAY:
                actions += self._tell_stray(told)
        if self.closing and not any(
            self.desk.names.namer.is_ours(told.client_id) for told in event.orders
        ):
            self.closing.clean_at_ms = max(self.closing.clean_at_ms, event.asked_at_ms)
            self.closing.answered()
        return actions + self._go_on(event.at_ms)

    def _funds(self, event: AccountTold) -> list[Action]:
        if self.account and event.asked_at_ms < self.account.asked_at_ms:
            return []
        self.account = event
        self.eye.funds[:] = funds_of(self.grid, self.params, event.equity, event.free)
        self.guard.holds(event.equity)
        actions = self._agree(event)
        if self.closing:
            self.closing.account_at_ms = event.asked_at_ms
            self.closing.answered()
        return actions + self._go_on(event.at_ms)

    def _agree(self, event: AccountTold) -> list[Action]:
        """What the venue says is held is held: at once where nothing is under way, otherwise when
        it says so twice."""
        if event.position == self.position:
            self._disagreed = None
            return []
        is_settled = self.state is not State.RUNNING and (
            event.asked_at_ms >= self.desk.changed_at_ms
        )
        if not is_settled and self._disagreed != event.position - self.position:
            self._disagreed = event.position - self.position
            return []
        before, self.position = self.position, event.position
        self._disagreed, self._adopted_at_ms = None, event.asked_at_ms
        if self.state is not State.RUNNING:
            return []
        facts = {"believed": str(before), "told": str(event.position)}
        return [Alert(AlertLevel.WARNING, AlertKind.DRIFT, facts)]

    def _failed(self, event: Failed) -> list[Action]:
        self.guard.failed()
        own = self.desk.own.get(event.client_id)
        actions = self._fault(event.at_ms, event.what, event.reason)
        if own and own.chases == 1 and event.at_ms < own.chase_at_ms:
            # Once at once, then as often as all that is unheard of.
            own.chase_next(event.at_ms)
            actions.append(LookUp(own.client_id))
        return actions + self._go_on(event.at_ms)

    # Commands

    def _start(self, event: Start) -> list[Action]:
        self._expect(State.IDLE)
        self.guard = Guard(event.peak)
        self._calibration = Calibration(self.params.calibration_window_seconds)
        self._open_eye(eye_of(rules_of(self.params, self.grid), self.params, event.at_ms))
        self.book, self.account = None, None
        self._started_at_ms = event.at_ms
        self._beat_at_ms = event.at_ms
        self._orders_told_at_ms = -1
        self._orders_asked_ms = self._account_asked_ms = event.at_ms
        alert = Alert(AlertLevel.INFO, AlertKind.STARTED)
        return [self._move(State.STARTING, "started"), alert, AskOpen(), AskAccount()]

    def _stop(self, event: Stop) -> list[Action]:
        if self.state is State.STOPPING:
            return []
        self._expect(State.STARTING, State.RUNNING)
        return self._close_down(event.at_ms, State.IDLE, "stopped")

    def _halt(self, event: Halt) -> list[Action]:
        if self.state is State.STOPPING and self.closing:
            self.closing.ends_in, self.closing.reason = State.HALTED, event.reason
            return [self._kill_switch(event.reason)]
        self._expect(State.STARTING, State.RUNNING, State.HALTED)
        return self._halt_for(event.at_ms, event.reason)

    def _release(self, event: Release) -> list[Action]:
        self._expect(State.HALTED)
        return [self._move(State.IDLE, event.reason)]

    def _retune(self, event: Retune) -> list[Action]:
        before, self.params = self.eye, event.params
        self._quoter.retune(event.params)
        anew = eye_of(rules_of(self.params, self.grid), self.params, self._started_at_ms)
        anew.facts[:] = before.facts
        if self.account:
            account = self.account
            anew.funds[:] = funds_of(self.grid, self.params, account.equity, account.free)
        self._open_eye(anew._replace(memory=before.memory, picture=before.picture))
        return self._quoter.clear_beyond(event.at_ms)

    # Time

    def _time(self, event: TimeCame) -> list[Action]:
        now_ms = event.at_ms
        actions = self.desk.chase(now_ms)
        if self.state in (State.STARTING, State.RUNNING):
            actions += self._ask_around(now_ms)
            actions += self._beat(now_ms)
        return actions + self._go_on(now_ms, is_time=True)

    def _go_on(self, now_ms: int, *, is_time: bool = False) -> list[Action]:
        if self.closing:
            return self._come_to_rest(now_ms)
        if self.state not in (State.STARTING, State.RUNNING):
            return []
        # Also while nothing can be seen: errors alone are enough.
        if reason := self.guard.breach(self.params):
            return self._halt_for(now_ms, reason)
        if self.state is State.STARTING:
            return self._begin(now_ms, is_time)
        return self._look(now_ms) if is_time else []

    def _begin(self, now_ms: int, is_time: bool) -> list[Action]:
        if is_time and self._has_fresh_book(now_ms):
            self._see(now_ms)
        if not self.account or self._orders_told_at_ms < self.desk.changed_at_ms or self.desk.own:
            return []
        waited = now_ms - self._started_at_ms >= 1000 * self.params.recovery_seconds
        if not (waited and self.eye.facts[LOOKED_MS] and self._has_fresh_book(now_ms)):
            return []
        return [self._move(State.RUNNING, "ready")]

    def _look(self, now_ms: int) -> list[Action]:
        """Whether what stands is still what is wanted."""
        account = self.account
        if (
            not self._has_fresh_book(now_ms)
            or account is None
            or (now_ms - account.at_ms > ACCOUNT_STALE_MS)
        ):
            return self._look_away(now_ms)
        self._see(now_ms)
        actions = self._looked(now_ms, account)
        return [*actions, self.quoted()] if self.is_quoting else actions

    def _saw(self, event: Looked) -> list[Action]:
        """Whoever took the look knows what it came to."""
        if self.account is None:
            raise NotNow("nothing is known of its funds")
        self._take_in()
        return self._looked(event.at_ms, self.account)

    def _looked(self, now_ms: int, account: AccountTold) -> list[Action]:
        """What a look came to is done."""
        if reason := self.guard.breach(self.params):
            return self._halt_for(now_ms, reason)
        eye = self.eye
        sides = int(eye.facts[SIDES])
        actions = self._quoter.sync(now_ms, eye.wanted.tolist(), sides, account)
        self._reasons = reasons_of(actions)
        return actions

    def quoted(self) -> Quoted:
        """What the last look came to."""
        if self.account is None:
            raise NotNow("nothing is known of its funds")
        room = capacity(self.params, equity=self.account.equity, free=self.account.free)
        is_quiet = not self.eye.wanted[:, W_WHY].any()
        return quoted(self.eye, room, () if is_quiet else self._reasons)

    def unneeded_until_ms(self) -> int:
        """Until then looks that come to nothing may be taken without it, by its eye, as long as
        it is told nothing."""
        account = self.account
        if not self.is_quoting or self.params.calibrates or self._is_blind or account is None:
            return 0
        self._show()
        chased = [own.chase_at_ms for own in self.desk.own.values() if own.is_chased]
        return min(
            self._account_asked_ms + ACCOUNT_EVERY_MS,
            self._orders_asked_ms + ORDERS_EVERY_MS,
            self._beat_at_ms + 1000 * self.params.heartbeat_seconds,
            account.at_ms + ACCOUNT_STALE_MS + 1,
            *chased,
        )

    def _open_eye(self, eye: Eye) -> None:
        self.eye, self._take_look = eye, self._looking(eye)
        self._shown: list[tuple[int, int, int, int]] = []

    def _show(self) -> None:
        """To the eye: what is held, and what stands."""
        self.eye.facts[POSITION] = self.position
        shown = self._quoter.shown()
        if shown != self._shown:
            self.eye.desk[:] = self._shown = shown

    def _see(self, now_ms: int) -> None:
        book, eye = self.book, self.eye
        if book is None:
            raise NotNow("there is no book to look at")
        eye.picture[:] = pictured(book)
        if self.params.calibrates:
            eye.believed[:] = believed(self.params, self._calibration.estimate(now_ms))
        self._show()
        self._take_look(now_ms)
        self._take_in()

    def _take_in(self) -> None:
        self._is_blind, self.guard.z = False, float(self.eye.told[FEAR])

    def _look_away(self, now_ms: int) -> list[Action]:
        if not self._is_blind:
            forget(self.eye.memory)
            self._is_blind, self.guard.z = True, 0.0
        return self.desk.cancel_all(now_ms, Why.STALE)

    def _has_fresh_book(self, now_ms: int) -> bool:
        book = self.book
        return book is not None and now_ms - book.at_ms <= 1000 * self.params.stale_seconds

    # Coming to rest

    def _halt_for(self, now_ms: int, reason: str) -> list[Action]:
        return [self._kill_switch(reason), *self._close_down(now_ms, State.HALTED, reason)]

    def _kill_switch(self, reason: str) -> Alert:
        facts = {"reason": reason, "inventory": str(self.grid.quantity(self.position))}
        return Alert(AlertLevel.CRITICAL, AlertKind.KILL_SWITCH, facts)

    def _close_down(self, now_ms: int, ends_in: State, reason: str) -> list[Action]:
        self.closing = Closing(ends_in, reason)
        # What was told before this moment proves nothing: an order may have been under way.
        self.desk.changed_at_ms = max(self.desk.changed_at_ms, now_ms)
        moved = self._move(State.STOPPING, reason)
        going = self.desk.cancel_all(now_ms, Why.CLOSING)
        return [moved, *going, *self._come_to_rest(now_ms)]

    def _come_to_rest(self, now_ms: int) -> list[Action]:
        closing = self.closing
        if closing is None:
            return []
        actions, rest = closing.step(now_ms, self.desk, self.position, self.grid, self.params)
        if rest is None:
            return [one for one in actions if not self._was_told(now_ms, one)]
        self.closing = None
        facts = {
            "inventory": str(self.grid.quantity(self.position)),
            "orders": str(len(self.desk.own)),
        }
        if rest is Rest.GAVE_UP:
            alert = Alert(AlertLevel.CRITICAL, AlertKind.GAVE_UP, facts)
            return [*actions, alert, self._move(State.HALTED, "could not come to rest")]
        is_dust = rest is Rest.DUST
        told = Alert(
            AlertLevel.WARNING if is_dust else AlertLevel.INFO,
            AlertKind.DUST if is_dust else AlertKind.FLAT,
            facts,
        )
        end = Alert(AlertLevel.INFO, AlertKind.STOPPED, {"reason": closing.reason})
        return [*actions, told, self._move(closing.ends_in, closing.reason), end]

    # What all of them need

    def _expect(self, *states: State) -> None:
        if self.state not in states:
            raise NotNow(f"a maker that is {self.state} cannot do that", state=self.state)

    def _move(self, to: State, reason: str) -> Moved:
        if to not in MOVES[self.state]:
            raise NotNow(f"{self.state} cannot become {to}", state=self.state)
        came_from, self.state = self.state, to
        return Moved(came_from, to, reason)

    def _ask_around(self, now_ms: int) -> list[Action]:
        asked: list[Action] = []
        if now_ms - self._account_asked_ms >= ACCOUNT_EVERY_MS:
            self._account_asked_ms = now_ms
            asked.append(AskAccount())
        if now_ms - self._orders_asked_ms >= ORDERS_EVERY_MS:
            self._orders_asked_ms = now_ms
            asked.append(AskOpen())
        return asked

    def _beat(self, now_ms: int) -> list[Action]:
        if now_ms - self._beat_at_ms < 1000 * self.params.heartbeat_seconds:
            return []
        self._beat_at_ms = now_ms
        facts = {"state": self.state.value, "inventory": str(self.grid.quantity(self.position))}
        if self.account:
            facts["equity"] = str(self.account.equity)
        return [Alert(AlertLevel.INFO, AlertKind.HEARTBEAT, facts)]

    def _fault(self, now_ms: int, what: str, reason: str) -> list[Action]:
        alert = Alert(AlertLevel.WARNING, AlertKind.FAILURE, {"what": what, "reason": reason})
        return [] if self._was_told(now_ms, alert, what) else [alert]

    def _was_told(self, now_ms: int, action: Action, what: str = "") -> bool:
        """Whether such an alert left a short while ago; otherwise it leaves now."""
        if not isinstance(action, Alert):
            return False
        key = (action.kind.value, what)
        if now_ms - self._alerted.get(key, -QUIET_MS) < QUIET_MS:
            return True
        self._alerted[key] = now_ms
        return False

    def _tell_stray(self, told: OrderTold) -> list[Action]:
        return [Alert(AlertLevel.INFO, AlertKind.STRAY, {"client_id": told.client_id})]


REQUESTS = {Cancel, Close, LookUp, AskOpen, AskAccount}
HANDLERS: dict[type, Callable[[Maker, Any], list[Action]]] = {
    BookSeen: Maker._book,
    TradeSeen: Maker._trade,
    OrderTold: Maker._order,
    Filled: Maker._fill,
    OpenTold: Maker._listed,
    AccountTold: Maker._funds,
    Failed: Maker._failed,
    TimeCame: Maker._time,
    Looked: Maker._saw,
    Start: Maker._start,
    Stop: Maker._stop,
    Halt: Maker._halt,
    Release: Maker._release,
    Retune: Maker._retune,
}
