"""What a venue's answer proves, judged by the venue's own code and never by a library's class.

Every dialect has a table from raw code to outcome. A code that is not in it
proves nothing: it is UNKNOWN by construction, and the order is looked up.
"""

import enum
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from engine.errors import EngineError, OutcomeUnknown, TooLate, VenueBusy, VenueError, VenueRefused

# What reading an answer of another shape raises.
UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)

P = ParamSpec("P")
R = TypeVar("R")


class Outcome(enum.StrEnum):
    ACCEPTED = "accepted"  # what was asked for is so, perhaps since long ago
    REJECTED = "rejected"  # it never will be
    EXISTS = "exists"  # an order with this client order id is there: look it up
    EXPIRED = "expired"  # it came after its time, and nothing was done
    BUSY = "busy"  # it was turned away before anything was done
    ABSENT = "absent"  # the venue has no such order
    UNKNOWN = "unknown"


Table = Mapping[str, Outcome]
# Outcomes after which nothing of what was asked for stands.
PLACED_NOTHING = {Outcome.REJECTED, Outcome.EXPIRED, Outcome.BUSY}


def outcome_of(code: str, table: Table) -> Outcome:
    return table.get(code, Outcome.UNKNOWN)


def rows(outcome: Outcome, *codes: int | str) -> dict[str, Outcome]:
    """Part of a table: several codes that prove the same."""
    return {str(code): outcome for code in codes}


class Answered(VenueError):
    """The venue answered with a code; the frame turns it into the error that says what is next."""

    code = "venue_answered"

    def __init__(self, raw: str, told: str, outcome: Outcome) -> None:
        super().__init__(f"{told} ({raw})" if told else raw, raw=raw)
        self.raw = raw
        self.outcome = outcome


class NotOffered(VenueRefused):
    """The venue has no such call for programs; a person may have it on the venue's pages."""

    code = "not_offered"


class NeverSent(VenueError):
    """No connection was made, so nothing can have arrived."""

    code = "never_sent"


class NoAnswer(VenueError):
    """The request may have arrived; no answer that can be read came back."""

    code = "no_answer"


# What each outcome means for a change that was sent. EXISTS is looked up before it comes here.
OF_A_CHANGE: dict[Outcome, type[VenueError]] = {
    Outcome.REJECTED: VenueRefused,
    Outcome.EXPIRED: TooLate,
    Outcome.BUSY: VenueBusy,
}
# And for a question, which changes nothing whatever became of it.
OF_A_QUESTION: dict[Outcome, type[VenueError]] = {
    Outcome.REJECTED: VenueRefused,
    Outcome.ABSENT: VenueRefused,
    Outcome.EXPIRED: VenueBusy,
    Outcome.BUSY: VenueBusy,
}


def of_a_change(error: EngineError) -> VenueError:
    """What became of an order, or of any other change, whose sending ended in this error."""
    if isinstance(error, NeverSent):
        return VenueBusy(error.message)
    if isinstance(error, Answered):
        return OF_A_CHANGE.get(error.outcome, OutcomeUnknown)(error.message, **error.context)
    if isinstance(error, VenueError) and not isinstance(error, NoAnswer):
        return error
    return OutcomeUnknown(error.message)


def of_a_question(error: VenueError) -> VenueError:
    """What a question that ended in this error says to whoever asked."""
    if isinstance(error, NeverSent | NoAnswer):
        return VenueBusy(error.message)
    if isinstance(error, Answered):
        return OF_A_QUESTION.get(error.outcome, VenueError)(error.message, **error.context)
    return error


@contextmanager
def reading(kind: type[VenueError]) -> Iterator[None]:
    """An answer of another shape than we know is an error of this kind."""
    try:
        yield
    except UNREADABLE as error:
        raise kind(f"the answer cannot be read: {type(error).__name__}") from error


def question(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """A method that changes nothing at the venue, whatever becomes of it."""

    @functools.wraps(method)
    def asked(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with reading(VenueError):
                return method(self, *args, **kwargs)
        except VenueError as error:
            raise of_a_question(error) from None

    return asked


def change(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """A method after whose failure nobody may assume that nothing was done."""

    @functools.wraps(method)
    def changed(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with reading(OutcomeUnknown):
                return method(self, *args, **kwargs)
        except VenueError as error:
            raise of_a_change(error) from None

    return changed


@contextmanager
def before_sending() -> Iterator[None]:
    """No order was sent yet: a failure in here proves that there is none."""
    try:
        with reading(VenueBusy):
            yield
    except VenueError as error:
        told = of_a_question(error)
        certain = isinstance(told, VenueRefused | VenueBusy)
        raise (told if certain else VenueBusy(error.message)) from None


@contextmanager
def after_sending() -> Iterator[None]:
    """The order may stand: no failure in here may sound as if it did not."""
    try:
        with reading(OutcomeUnknown):
            yield
    except EngineError as error:
        raise OutcomeUnknown(error.message) from None


@contextmanager
def gone_is_as_good() -> Iterator[None]:
    """Taking away what is no longer there; it may have been done, or never have been."""
    try:
        yield
    except Answered as error:
        if error.outcome is not Outcome.ABSENT:
            raise


# What venues call an order that may only rest and would have filled at once.
WOULD_TAKE = {
    "would_take",
    "-5022",
    "ORDER_POC_IMMEDIATE",
    "badAloPxRejected",
    "FAIL_POST_ONLY",
}


def would_take(error: EngineError) -> bool:
    """Whether it was refused only because it would not have rested."""
    told = {str(getattr(error, "reason", "")), str(error.context.get("raw", ""))}
    return bool(told & WOULD_TAKE)
