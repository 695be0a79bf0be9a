"""The verbs of plans and of what is used."""

from apps.quotas.services.calls import admit, keep_usage
from apps.quotas.services.plans import assign_plan, change_plan, create_plan, refuse_full

__all__ = [
    "admit",
    "assign_plan",
    "change_plan",
    "create_plan",
    "keep_usage",
    "refuse_full",
]
