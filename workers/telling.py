"""What a maker owes to tell the centre: kept until it is heard, and sent by a thread of its own.

Every report carries all that is not known to be heard, so only the newest one has to leave, and
a broker that is away holds nobody up.
"""

import logging
import threading
from collections import deque
from decimal import Decimal
from typing import Any

import msgspec
from kombu.exceptions import OperationalError

from engine.making.actions import Alert, Moved
from engine.messages import (
    MOVES_PER_LIFE,
    REPORTS_PER_BATCH,
    Fill,
    MakerAlert,
    MakerMove,
    MakerOrder,
    MakerQuote,
    MakerReport,
    MakerWish,
    number,
)
from engine.order import OrderStatus
from engine.signal import Side
from workers.app import Node

log = logging.getLogger(__name__)

LONGEST_TEXT = 500


class Owed:
    """All that is to be told of one life."""

    def __init__(self, wish: MakerWish, life: int) -> None:
        self.session, self.life = wish.session, life
        self.done, self.refused = wish.number, ""
        self.moves: list[MakerMove] = []
        self.moves_heard = 0
        self._orders: deque[MakerOrder] = deque()
        self._orders_before = 0
        self._alerts: deque[MakerAlert] = deque()
        self._alerts_before = 0
        # By order, how much of it is told.
        self._filled: dict[str, Decimal] = {}

    def moved(self, at_ms: int, move: Moved) -> None:
        self.moves.append(MakerMove(to=move.to, reason=move.reason[:LONGEST_TEXT], at_ms=at_ms))

    def alert(self, at_ms: int, alert: Alert) -> None:
        facts = {name: value[:LONGEST_TEXT] for name, value in alert.facts.items()}
        told = MakerAlert(level=alert.level, kind=alert.kind, facts=facts, at_ms=at_ms)
        self._alerts.append(told)

    def filled(
        self, client_id: str, side: Side, quantity: Decimal, price: Decimal | None, fill: Fill
    ) -> None:
        filled = self._filled.get(client_id, Decimal(0)) + Decimal(fill.quantity)
        self._filled[client_id] = filled
        status = OrderStatus.FILLED if filled >= quantity else OrderStatus.OPEN
        self._told(client_id, side, max(quantity, filled), price, status, [fill])

    def ended(self, client_id: str, side: Side, quantity: Decimal, price: Decimal | None) -> None:
        """Of an order that filled nothing there is nothing to tell."""
        filled = self._filled.pop(client_id, None)
        if filled is not None and filled < quantity:
            self._told(client_id, side, quantity, price, OrderStatus.CANCELED, [])

    def _told(
        self,
        client_id: str,
        side: Side,
        quantity: Decimal,
        price: Decimal | None,
        status: OrderStatus,
        fills: list[Fill],
    ) -> None:
        told = MakerOrder(
            client_order_id=client_id,
            side=side,
            quantity=number(quantity),
            price=None if price is None else number(price),
            status=status,
            fills=fills,
        )
        self._orders.append(told)

    def heard(self, wish: MakerWish) -> None:
        if wish.heard_life != self.life:
            return
        self.moves_heard = max(self.moves_heard, wish.moves_heard)
        while self._orders and self._orders_before < wish.orders_heard:
            self._orders.popleft()
            self._orders_before += 1
        while self._alerts and self._alerts_before < wish.alerts_heard:
            self._alerts.popleft()
            self._alerts_before += 1

    @property
    def is_settled(self) -> bool:
        is_told = not self._orders and not self._alerts
        return is_told and self.moves_heard >= len(self.moves)

    def report(
        self, at_ms: int, quotes: list[MakerQuote], figures: dict[str, Any] | None
    ) -> MakerReport:
        return MakerReport(
            session=self.session,
            life=self.life,
            done=self.done,
            refused=self.refused,
            moves=self.moves[:MOVES_PER_LIFE],
            orders_before=self._orders_before,
            orders=list(self._orders)[:REPORTS_PER_BATCH],
            alerts_before=self._alerts_before,
            alerts=list(self._alerts)[:REPORTS_PER_BATCH],
            quotes=quotes,
            figures=figures,
            told_at_ms=at_ms,
        )


class Mouth:
    """Sends the newest report there is; whoever has to may wait for it to have left."""

    def __init__(self, host: Node) -> None:
        self._host = host
        self._next: MakerReport | None = None
        self._given = self._left = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._speak, name="mouth", daemon=True)
        self._thread.start()

    def say(self, report: MakerReport, *, wait_seconds: float = 0.0) -> None:
        with self._changed:
            self._next = report
            self._given += 1
            mine = self._given
            self._changed.notify_all()
            if wait_seconds:
                self._changed.wait_for(lambda: self._left >= mine, wait_seconds)

    def close(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()

    def _speak(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._is_over)
                report, number, self._next = self._next, self._given, None
            if report is None:
                return
            try:
                tell(self._host, sound(report))
            except OperationalError as error:
                log.warning("a report of maker session %s did not leave: %s", report.session, error)
            with self._changed:
                self._left = number
                self._changed.notify_all()


def tell(host: Node, report: MakerReport) -> None:
    host.tell_centre("market_making.record_report", "centre.reports", report)


def sound(report: MakerReport) -> MakerReport:
    """The report, if the centre can read it."""
    return msgspec.json.decode(msgspec.json.encode(report), type=MakerReport)
