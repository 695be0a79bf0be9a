"""Refusals of logging in."""

from apps.core.errors import LimitReached, Unauthorized


class WrongCredentials(Unauthorized):
    """The name or the password is wrong, or the user may not log in: nobody is told which."""

    code = "wrong_credentials"


class LockedOut(LimitReached):
    """Too many tries; the name or the address may try again after a while."""

    code = "locked_out"


class LoginEnded(Unauthorized):
    """The token is not good, or not good any more: log in again."""

    code = "login_ended"
