"""The verbs of orders, one file for each step of the walk."""

from apps.orders.services.dispatch import dispatch
from apps.orders.services.planning import plan
from apps.orders.services.reports import record_reports
from apps.orders.services.states import ask_states, record_state
from apps.orders.services.sweep import sweep

__all__ = ["ask_states", "dispatch", "plan", "record_reports", "record_state", "sweep"]
