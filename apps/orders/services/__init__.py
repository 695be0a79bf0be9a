"""The verbs of orders, one file for each step of the walk."""

from apps.orders.services.assigning import Assigned, assign_account, assign_accounts
from apps.orders.services.brake import pull_brake, release_brake
from apps.orders.services.dispatch import dispatch
from apps.orders.services.draining import tell_drained
from apps.orders.services.manual import (
    Closing,
    Part,
    Wish,
    cancel_order,
    close_position,
    close_positions,
    draft_close,
    draft_order,
    draft_protection,
    order_by_hand,
    protect_position,
)
from apps.orders.services.modes import change_modes
from apps.orders.services.parked import ask_venue_again, has_arrived, never_arrived
from apps.orders.services.planning import plan
from apps.orders.services.quotes import refuse_quoted, take_in_quotes
from apps.orders.services.reports import record_reports
from apps.orders.services.states import ask_state, ask_states, record_state
from apps.orders.services.sweep import sweep
from apps.orders.services.trading import Owned, close_for_trader, open_for_trader

__all__ = [
    "Assigned",
    "Closing",
    "Owned",
    "Part",
    "Wish",
    "ask_state",
    "ask_states",
    "ask_venue_again",
    "assign_account",
    "assign_accounts",
    "cancel_order",
    "change_modes",
    "close_for_trader",
    "close_position",
    "close_positions",
    "dispatch",
    "draft_close",
    "draft_order",
    "draft_protection",
    "has_arrived",
    "never_arrived",
    "open_for_trader",
    "order_by_hand",
    "plan",
    "protect_position",
    "pull_brake",
    "record_reports",
    "record_state",
    "refuse_quoted",
    "release_brake",
    "sweep",
    "take_in_quotes",
    "tell_drained",
]
