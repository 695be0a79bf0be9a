"""Refusals of plans."""

from apps.core.errors import Conflict, LimitReached


class PlanFull(Conflict):
    """The tenant's plan allows no more of these; it takes a larger plan, or one less of them."""

    code = "plan_full"


class CallsUsedUp(LimitReached):
    """The tenant's calls of the day or the month are used up; they come back with time."""

    code = "calls_used_up"
