"""What strategies and subscriptions refuse."""

from apps.core.errors import Conflict


class PausedForPoints(Conflict):
    """The member's point cards could not pay; the subscription goes on once they can."""

    code = "paused_for_points"
