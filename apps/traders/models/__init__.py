"""Traders, the models and prompts that they decide by, and what became of each decision.

The journal of a trader is the record; its rows here are read from it and can be rebuilt from it.
Of real traders orders, fills and positions are the common ones; a trader in the shadow trades
nothing, and keeps what it would have had in shades.
"""

from apps.traders.models.decisions import Call, Decision, Item, Shade, Spending
from apps.traders.models.duels import Duel
from apps.traders.models.minds import Mind, Template
from apps.traders.models.traders import Allocation, Manager, Sample, Seat, Trader

__all__ = [
    "Allocation",
    "Call",
    "Decision",
    "Duel",
    "Item",
    "Manager",
    "Mind",
    "Sample",
    "Seat",
    "Shade",
    "Spending",
    "Template",
    "Trader",
]
