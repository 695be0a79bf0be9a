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


class SecondFactorNeeded(Unauthorized):
    """The password is right; a code of the second factor is asked for, too."""

    code = "second_factor_needed"


class SecondFactorMissing(Unauthorized):
    """This role needs a second factor: set one up in the admin first."""

    code = "second_factor_missing"


class WrongCode(Unauthorized):
    """Not the code of this moment, or one that was used already."""

    code = "wrong_code"
