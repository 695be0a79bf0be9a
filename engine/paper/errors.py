"""Why the paper exchange says no, in words that every dialect translates into its own codes."""

import enum

from engine.errors import EngineError, VenueRefused


class Reason(enum.StrEnum):
    UNKNOWN_SYMBOL = "unknown_symbol"
    UNKNOWN_ORDER = "unknown_order"
    BAD_QUANTITY = "bad_quantity"
    TOO_SMALL = "too_small"
    BAD_PRICE = "bad_price"
    PRICE_BAND = "price_band"  # further from the mark than any order may be filled
    BAD_DIRECTION = "bad_direction"  # names a direction in one-way mode, or none in hedge mode
    NO_MARGIN = "no_margin"
    NOTHING_HELD = "nothing_held"  # reduce-only, and there is nothing to reduce
    WOULD_TAKE = "would_take"  # post-only, and it would fill at once
    WOULD_TRIGGER = "would_trigger"
    DUPLICATE_ID = "duplicate_id"
    BAD_LEVERAGE = "bad_leverage"
    UNCHANGED = "unchanged"
    HAS_POSITION = "has_position"
    HAS_ORDERS = "has_orders"
    NOT_OPEN = "not_open"  # the order is done: there is nothing to cancel
    BAD_REQUEST = "bad_request"


class Refused(VenueRefused):
    """The exchange will not do it, and nothing has changed."""

    code = "paper_refused"

    def __init__(self, reason: Reason, message: str, **context: object) -> None:
        super().__init__(message, **context)
        self.reason = reason


class JournalBroken(EngineError):
    """A whole line of the journal cannot be read, or cannot be written; the exchange stops."""

    code = "journal_broken"
