"""Refusals that any noun can give. A refusal is raised, never returned."""


class DomainError(Exception):
    """A rule of the house says no; the caller can act on it."""

    code = "refused"
    http_status = 400

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.context = context


class BadInput(DomainError):
    """A value breaks a rule; the context names the field."""

    code = "bad_input"


class BadParameter(BadInput):
    """A parameter is missing or ill-typed: it could not even be read."""

    code = "bad_parameter"
    http_status = 422


class TooLarge(BadInput):
    code = "too_large"
    http_status = 413


class Unauthorized(DomainError):
    """Nobody known asks, or not in a way that proves it."""

    code = "unauthorized"
    http_status = 401


class NoSuchMethod(DomainError):
    """The path is there, and does not take this method."""

    code = "method_not_allowed"
    http_status = 405


class NotFound(DomainError):
    """No such row for this caller."""

    code = "not_found"
    http_status = 404


class Conflict(DomainError):
    """The row is not in a state that allows it, or somebody was faster."""

    code = "conflict"
    http_status = 409


class KeyReused(Conflict):
    """The same key came with other content; nothing was done."""

    code = "key_reused"


class NotAllowed(DomainError):
    """The caller may not do this."""

    code = "not_allowed"
    http_status = 403


class LimitReached(DomainError):
    """A quota or rate is used up; it comes back with time or a larger plan."""

    code = "limit_reached"
    http_status = 429


class Busy(DomainError):
    """Too many write the same rows at this moment; the same request may be tried again."""

    code = "busy"
    http_status = 503


class TenantNeeded(Exception):
    """A programmer asked for tenant-owned rows without naming the tenant."""


class StrangerRow(Exception):
    """A row of one tenant would belong to, or point at, a row of another; nothing is written."""
