"""What each limit is called and means, and what its figures count; the bounds are the engine's."""

from django.utils.translation import gettext_lazy as _

TITLES = {
    "positions": _("Open positions"),
    "equity": _("Equity of the account"),
    "notional": _("Size of an order"),
    "leverage": _("Leverage"),
    "day_trades": _("Openings a day"),
    "week_trades": _("Openings a week"),
    "day_loss": _("Loss of a day"),
    "losing_streak": _("Losses in a row"),
    "pause": _("Pause between openings"),
    "allowed_symbols": _("Allowed symbols"),
    "blocked_symbols": _("Blocked symbols"),
}
MEANINGS = {
    "positions": _("An account opens nothing more while it holds so many positions."),
    "equity": _("An account that is worth less opens nothing; as its venue told last."),
    "notional": _("Quantity times price of one order is this at most."),
    "leverage": _("No order is opened with more."),
    "day_trades": _("An account opens so many times a day at most; days are UTC's."),
    "week_trades": _("The same for a week, from Monday on."),
    "day_loss": _(
        "An account whose closes of the day lost so much together, net of fees and funding, opens "
        "nothing until midnight UTC."
    ),
    "losing_streak": _("After so many positions that lost, one after the other, an account rests."),
    "pause": _("So long after an account was to open something it opens nothing else."),
    "allowed_symbols": _("Nothing else is opened."),
    "blocked_symbols": _("None of these is opened."),
}
FIGURES = {
    "most": _("at most"),
    "most_usdt": _("at most (USDT)"),
    "least_usdt": _("at least (USDT)"),
    "least_seconds": _("at least (s)"),
    "rest_minutes": _("rest (min)"),
    "symbols": _("symbols"),
}
# Every rule that may refuse an account's ticket: those that always stand, and the limits.
RULES = {
    "maker": _("A maker's symbol"),
    "nothing_held": _("Nothing to close"),
    "once": _("Trades once"),
    "drift": _("Drift"),
    "key": _("Key"),
    "parked": _("Parked ticket"),
    "held": _("Held already"),
    "in_flight": _("Ticket under way"),
    "node": _("No living node"),
    "clock": _("Clock of the node"),
    "points": _("Empty point cards"),
    "minimum": _("Venue's minimum"),
    **TITLES,
}
