"""What the ledger refuses."""

from apps.core.errors import BadInput, Conflict


class InsufficientPoints(Conflict):
    """The payer has less than the amount; nothing moved."""

    code = "insufficient_points"


class AccountFull(Conflict):
    """The account has turned over as much as can be counted; nothing moved."""

    code = "account_full"


class BadAmount(BadInput):
    """Not an amount that can move: zero, negative, not a number, or finer than a unit."""

    code = "bad_amount"


class ForeignAccount(BadInput):
    """The two accounts are not one tenant's; nothing moved."""

    code = "foreign_account"
