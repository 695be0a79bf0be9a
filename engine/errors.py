"""What the core refuses, and what a venue can answer, named by its consequence."""


class EngineError(Exception):
    """The core refuses; what it was given stays as it was."""

    code = "engine_error"

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.context = context


class ImpossibleReport(EngineError):
    """A report contradicts what is known; it is quarantined and a person looks."""

    code = "impossible_report"


class MessageRefused(EngineError):
    """A message is not what it claims to be; it is stored as refused and never retried."""

    code = "message_refused"


class BadParameters(EngineError):
    """A strategy was given parameters outside their bounds; it does not run."""

    code = "bad_parameters"


class RuleFailed(EngineError):
    """A merchant's own rule raised, or gave no sound answer; nothing is done on this bar."""

    code = "rule_failed"


class BadCandles(EngineError):
    """Candles are not a sound series; no strategy sees them."""

    code = "bad_candles"


class MissingBars(BadCandles):
    """Bars of the span that was asked for are not stored; fetch or import them."""

    code = "missing_bars"


class NotStored(BadCandles):
    """Nothing is stored of this series; fetch or import it."""

    code = "not_stored"


class ConflictingBars(BadCandles):
    """A stored bar has other values; nothing was written, unless it is to be replaced."""

    code = "conflicting_bars"


class UnknownInstrument(EngineError):
    """The venue has not told tick, step and minimums; an order is blocked until it has."""

    code = "unknown_instrument"


class VenueError(EngineError):
    """A venue did not do what was asked."""

    code = "venue_error"


class VenueBusy(VenueError):
    """Nothing was done; trying again later is safe: rate limit, refused connection, maintenance."""

    code = "venue_busy"


class VenueRefused(VenueError):
    """The venue will never accept this: bad order, bad key, no funds."""

    code = "venue_refused"


class TooLate(VenueRefused):
    """The venue was asked after the ticket's time; it placed nothing."""

    code = "too_late"


class OutcomeUnknown(VenueError):
    """The request may or may not have arrived: ask by client order id, never send twice."""

    code = "outcome_unknown"
