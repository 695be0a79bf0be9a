"""When a maker halts by itself: failures in a row, a fall from the peak, a market gone wild."""

from decimal import Decimal

from engine.making.params import MakerParams

HUNDRED = Decimal(100)


class Guard:
    def __init__(self, peak: Decimal = Decimal(0)) -> None:
        self.failures = 0
        self.peak = peak
        self.drawdown_percent = Decimal(0)
        self.z = 0.0

    def failed(self) -> None:
        self.failures += 1

    def went_well(self) -> None:
        self.failures = 0

    def holds(self, equity: Decimal) -> None:
        self.peak = max(self.peak, equity)
        if self.peak > 0:
            self.drawdown_percent = (self.peak - equity) / self.peak * HUNDRED

    def breach(self, params: MakerParams) -> str:
        """Why to halt; "" where there is no reason. A market that calms down is none."""
        if self.failures >= params.most_failures:
            return f"{self.failures} failures in a row"
        if self.drawdown_percent >= params.drawdown_percent:
            return f"{self.drawdown_percent:.2f} % below the peak"
        if self.z >= params.volatility_z:
            return f"volatility is {self.z:.1f} deviations above its mean"
        return ""


class Budget:
    """Requests that may still be made: so many a second, and at most two seconds' worth at once
    unless told otherwise.

    What takes orders away is never held back; it only leaves less for the others.
    """

    def __init__(self, a_second: float, *, most: float = 0.0) -> None:
        self.most = max(most or 2 * a_second, 4.0)
        self.a_second = a_second
        self._left = self.most
        self._at_ms = 0

    def spend(self, count: float) -> None:
        self._left -= count

    @property
    def left(self) -> float:
        """As a share of the most there may be."""
        return max(self._left, 0.0) / self.most

    def allows(self, now_ms: int, count: float) -> bool:
        earned = (now_ms - self._at_ms) / 1000 * self.a_second if self._at_ms else 0.0
        self._left = min(self._left + max(earned, 0.0), self.most)
        self._at_ms = max(now_ms, self._at_ms)
        return self._left >= count
