"""Whether the books hold: every balance recomputed from its transfers, every sum zero.

Each question is one statement, and so is answered as of one moment: it may be asked
while others move points, and nobody waits for it.
"""

from django.db import connection
from django.db.models import F, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest

from apps.core.fields import Points
from apps.ledger.models import Account, Transfer
from apps.ledger.services import MAY_OWE
from engine.money import UNIT

# Every line beside its place among the lines of its account, and what they had moved by then.
LINES = """
    SELECT account, number, place, balance, expected FROM (
        SELECT account, number, balance,
            ROW_NUMBER() OVER (PARTITION BY account ORDER BY number) AS place,
            SUM(amount) OVER (PARTITION BY account ORDER BY number) AS expected
        FROM (
            SELECT debit_id AS account, debit_number AS number, debit_balance AS balance,
                -amount AS amount FROM ledger_transfer
            UNION ALL
            SELECT credit_id, credit_number, credit_balance, amount FROM ledger_transfer
        ) AS sides
    ) AS told
    WHERE number <> place OR balance <> expected
    ORDER BY account, number LIMIT 1
"""


def wrong_sum() -> str | None:
    """An account whose sums are not those of its transfers."""
    accounts = Account.objects.across_tenants().annotate(out=moved("debit"), into=moved("credit"))
    account = accounts.exclude(debits=F("out"), credits=F("into")).order_by("pk").first()
    return account and (
        f"account {account.pk} ({account}) says debits {account.debits}, credits "
        f"{account.credits}; its transfers say {account.out} and {account.into}"
    )


def moved(side: str) -> Coalesce:
    """What the transfers on one side of an account come to."""
    rows = Transfer.objects.across_tenants().filter(**{side: OuterRef("pk")}).order_by()
    return Coalesce(Subquery(rows.values(side).values(total=Sum("amount"))), Points(0))


def overdrawn() -> str | None:
    owing = Account.objects.across_tenants().filter(may_owe=False, credits__lt=F("debits"))
    account = owing.order_by("pk").first()
    return account and f"account {account.pk} ({account}) owes {-account.balance}"


def may_owe_wrongly() -> str | None:
    """An account that may owe, and is none that points come out of."""
    owing = Account.objects.across_tenants().filter(may_owe=True).exclude(kind__in=MAY_OWE)
    account = owing.order_by("pk").first()
    return account and f"account {account.pk} ({account}) may owe"


def wrong_tenant() -> str | None:
    """A transfer whose accounts are not its own tenant's."""
    own = Q(debit__tenant=F("tenant"), credit__tenant=F("tenant"))
    strange = Transfer.objects.across_tenants().exclude(own).order_by("pk").first()
    return strange and f"transfer {strange.pk} ({strange}) is between two tenants"


def wrong_line() -> str | None:
    """An account whose lines are not numbered through, or leave other balances than they move."""
    with connection.cursor() as cursor:
        cursor.execute(LINES)
        found = cursor.fetchone()
    if found is None:
        return None
    account, number, place, balance, expected = found
    return (
        f"line {number} of account {account} is the {place}. and leaves "
        f"{balance * UNIT:f}; its transfers leave {expected * UNIT:f}"
    )


def wrong_count() -> str | None:
    """An account that says other than the number of its last line: its next would stand apart."""
    accounts = Account.objects.across_tenants().annotate(
        last=Greatest(last_number("debit"), last_number("credit"))
    )
    account = accounts.exclude(moves=F("last")).order_by("pk").first()
    return account and (
        f"account {account.pk} ({account}) says {account.moves} transfers; its last is number "
        f"{account.last}"
    )


def last_number(side: str) -> Coalesce:
    rows = Transfer.objects.across_tenants().filter(**{side: OuterRef("pk")}).order_by()
    return Coalesce(Subquery(rows.values(side).values(last=Max(f"{side}_number"))), 0)


def unbalanced_tenant() -> str | None:
    sums = Account.objects.across_tenants().order_by("tenant").values("tenant")
    sums = sums.annotate(out=Sum("debits"), into=Sum("credits")).exclude(out=F("into"))
    tenant = sums.first()
    return tenant and f"tenant {tenant['tenant']} is out by {tenant['into'] - tenant['out']}"


def unbalanced() -> str | None:
    """The whole, counted apart from the tenants."""
    sums = Account.objects.across_tenants().aggregate(out=Sum("debits"), into=Sum("credits"))
    is_even = sums["out"] == sums["into"]
    return None if is_even else f"the whole is out by {sums['into'] - sums['out']}"


QUESTIONS = (
    wrong_sum,
    overdrawn,
    may_owe_wrongly,
    wrong_tenant,
    unbalanced_tenant,
    unbalanced,
    wrong_line,
    wrong_count,
)


def first_misfit() -> str | None:
    """The first account, transfer or tenant that does not fit, in words; None where all do."""
    return next((misfit for question in QUESTIONS if (misfit := question())), None)
