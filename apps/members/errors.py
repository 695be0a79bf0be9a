"""Refusals of members."""

from apps.core.errors import DomainError


class WrongPassword(DomainError):
    """No active member of the tenant has this e-mail and password."""

    code = "wrong_password"
    http_status = 401
