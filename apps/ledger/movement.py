"""A transfer as it is asked for, and what is refused without a look at the database."""

from dataclasses import dataclass
from decimal import Decimal

from apps.core.errors import BadInput
from apps.core.fields import EXPONENT, PointsField
from apps.ledger.errors import BadAmount
from apps.ledger.models import Account, Transfer
from engine.money import UNIT

# The most that one transfer moves, and that one account counts over its whole life.
MOST = Decimal(10) ** 10
FULL = PointsField.LARGEST_UNITS
LONGEST_KEY = 100
REASONS = frozenset(Transfer.Reason.values)
Content = tuple[int, int, Decimal, str]


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer to be made: from `debit` to `credit`, under the caller's key."""

    key: str
    debit: Account
    credit: Account
    amount: Decimal
    reason: str

    @property
    def units(self) -> int:
        return int(self.amount.scaleb(EXPONENT))

    @property
    def content(self) -> Content:
        """What may not differ under one key."""
        return self.debit.pk, self.credit.pk, self.amount, self.reason


def content_of(made: Transfer) -> Content:
    return made.debit_id, made.credit_id, made.amount, made.reason


def check(movement: Movement) -> None:
    check_amount(movement.amount)
    if movement.debit.pk == movement.credit.pk:
        raise BadInput("an account does not pay itself", field="credit")
    if not 0 < len(movement.key) <= LONGEST_KEY:
        raise BadInput(f"a key has 1 to {LONGEST_KEY} characters", field="key")
    if movement.reason not in REASONS:
        raise BadInput("not a reason for a transfer", field="reason")


def check_amount(amount: Decimal) -> None:
    """Refuse what is not an amount that one transfer can move."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise BadAmount("the amount is not a number", field="amount")
    if amount <= 0 or amount > MOST:
        raise BadAmount(f"the amount is not between {UNIT:f} and {MOST:f}", field="amount")
    if amount != amount.quantize(UNIT):
        raise BadAmount("the amount has more than eight decimals", field="amount")
