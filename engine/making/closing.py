"""How a maker comes to rest: no order of its own at the venue, then nothing held.

Nothing is believed that was told before the last order ended. What is held is closed by market
orders that only reduce, each try after a longer wait; what is below the venue's least is dust, and
stays. Where the venue does not let it come to rest, a person is called.
"""

import enum
from dataclasses import dataclass

from engine.making.actions import Action, Alert, AlertKind, AlertLevel, AskAccount, AskOpen, State
from engine.making.desk import FIRST_CHASE_MS, LONGEST_CHASE_MS, Desk
from engine.making.grid import Grid
from engine.making.params import MakerParams
from engine.signal import Side


class Rest(enum.StrEnum):
    FLAT = "flat"
    DUST = "dust"
    GAVE_UP = "gave_up"


@dataclass(slots=True)
class Closing:
    ends_in: State
    reason: str
    tries: int = 0
    asks: int = 0
    # The earliest moment of the next try, and of the next question.
    next_at_ms: int = 0
    ask_at_ms: int = 0
    # When the venue was asked for what it then told: no order of ours, and what is held.
    clean_at_ms: int = -1
    account_at_ms: int = -1

    def step(
        self, now_ms: int, desk: Desk, position: int, grid: Grid, params: MakerParams
    ) -> tuple[list[Action], Rest | None]:
        most = params.close_tries
        if self.asks > most or any(own.chases > most for own in desk.own.values()):
            return [], Rest.GAVE_UP
        if desk.own:
            return [], None
        if self.clean_at_ms < desk.changed_at_ms:
            return self._ask(now_ms, AskOpen()), None
        if self.account_at_ms < desk.changed_at_ms:
            return self._ask(now_ms, AskAccount()), None
        if not position:
            return [], Rest.FLAT
        if abs(position) < grid.least:
            return [], Rest.DUST
        if self.tries >= most:
            return [], Rest.GAVE_UP
        if now_ms < self.next_at_ms:
            return [], None
        return self._close(now_ms, desk, position, grid, params), None

    def answered(self) -> None:
        self.asks = self.ask_at_ms = 0

    def _ask(self, now_ms: int, question: Action) -> list[Action]:
        if now_ms < self.ask_at_ms:
            return []
        self.ask_at_ms = now_ms + min(FIRST_CHASE_MS << min(self.asks, 8), LONGEST_CHASE_MS)
        self.asks += 1
        return [question]

    def _close(
        self, now_ms: int, desk: Desk, position: int, grid: Grid, params: MakerParams
    ) -> list[Action]:
        wait = params.close_delay_seconds * 2.0 ** min(self.tries, 30)
        self.next_at_ms = now_ms + round(1000 * min(wait, params.close_delay_most_seconds))
        self.tries += 1
        side = Side.SELL if position > 0 else Side.BUY
        close = desk.close(now_ms, side, abs(position))
        if self.tries == 1:
            return [close]
        facts = {"tries": str(self.tries), "inventory": str(grid.quantity(position))}
        return [Alert(AlertLevel.WARNING, AlertKind.FLATTEN_RETRY, facts), close]
