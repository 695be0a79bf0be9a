"""What makes one trial better than another: a figure by name, where the trial is allowed at all."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadParameters

Figures = Mapping[str, Any]

# By the names that people ask for; what is better is always more.
FIGURES: dict[str, str] = {
    "return": "returned",
    "annualised": "annualised",
    "sharpe": "sharpe",
    "sortino": "sortino",
    "calmar": "calmar",
    "profit_factor": "profit_factor",
    "expectancy": "expectancy",
    "drawdown": "drawdown",
}
LESS_IS_BETTER = {"drawdown"}


class Objective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figure to make better, and what a trial must keep to be counted at all."""

    name: str = "sharpe"
    least_trades: int = 1
    # As a share of the peak.
    most_drawdown: float | None = None

    def __post_init__(self) -> None:
        if self.name not in FIGURES:
            raise BadParameters("unknown objective", field="name", known=sorted(FIGURES))
        if self.least_trades < 0:
            raise BadParameters("must not be below zero", field="least_trades")
        if self.most_drawdown is not None and not 0 < self.most_drawdown <= 1:
            raise BadParameters("must be a share above zero", field="most_drawdown")

    def score(self, figures: Figures | None) -> float | None:
        """More is better; None where the figure cannot be told, or a constraint is not kept."""
        if figures is None or figures["trades"] < self.least_trades:
            return None
        drawdown = figures["drawdown"]
        if self.most_drawdown is not None and (drawdown is None or drawdown > self.most_drawdown):
            return None
        value: float | None = figures[FIGURES[self.name]]
        return -value if value is not None and self.name in LESS_IS_BETTER else value
