"""Whether charges, pools, rewards and withdrawals hold: a charge's self part is its pool, the pool
its rewards, and what is held or paid out was asked for.

As in the ledger, each question is one statement; of withdrawals a page is two.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from django.db.models import Case, CharField, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Concat

from apps.core.fields import Points
from apps.ledger.models import Account, Transfer
from apps.members.models import Member
from apps.pointcards.models import Charge, HighWaterMark
from apps.positions.models import Close
from apps.rewards.models import Pool, Reward, Withdrawal
from apps.rewards.services.withdrawals import fee_on, hold_key
from apps.tenants.models import Policy
from engine.money import ZERO, points

PAGE = 1000
# What was charged goes to these accounts of the tenant, and nothing else does.
CLEARING = {Account.Kind.POOL: "from_self", Account.Kind.SPENT: "from_gift"}


def wrong_pool() -> str | None:
    """A pool that is not the sum of its rewards, or not its charge's self part."""
    parts = Reward.objects.across_tenants().filter(pool=OuterRef("pk")).order_by()
    parts = Coalesce(Subquery(parts.values("pool").values(total=Sum("amount"))), Points(0))
    pools = Pool.objects.across_tenants().annotate(parts=parts, charged=F("charge__from_self"))
    pool = pools.exclude(amount=F("parts"), charged=F("amount")).order_by("pk").first()
    return pool and (
        f"pool {pool.pk} of {pool.amount} has rewards of {pool.parts}; "
        f"the self part of its charge is {pool.charged}"
    )


def missing_pool() -> str | None:
    charges = Charge.objects.across_tenants().filter(from_self__gt=0, pool=None)
    charge = charges.order_by("pk").first()
    return charge and f"charge {charge.pk} of {charge.from_self} has no pool"


def uncharged_close() -> str | None:
    """A settled profit without a charge, or a charge on a close that is not settled."""
    closes = Close.objects.across_tenants().order_by("pk")
    close = closes.filter(status=Close.Status.SETTLED, profit__gt=0, charge=None).first()
    if close:
        return f"close {close.pk} at a profit of {close.profit} is settled without a charge"
    charged = closes.filter(charge__isnull=False)
    close = charged.exclude(status=Close.Status.SETTLED).first()
    return close and f"close {close.pk} at a profit of {close.profit} is charged and {close.status}"


def wrong_charge() -> str | None:
    """A charge of another member, or on another profit, than its close has."""
    own = Q(member=F("close__position__venue_account__member"), profit=F("close__profit"))
    charge = Charge.objects.across_tenants().exclude(own).order_by("pk").first()
    return charge and f"charge {charge.pk} on {charge.profit} is not that of its close"


def wrong_basis() -> str | None:
    """A charge on something else than its policy says; above a mark, a whole stream counts."""
    charges = Charge.objects.across_tenants().order_by("pk")
    net = F("close__profit") - F("close__fee") - F("close__entry_fee")
    each = charges.filter(policy__charge_basis=Policy.Basis.EACH_CLOSE)
    of_net = charges.filter(policy__charge_basis=Policy.Basis.NET_OF_FEES).annotate(net=net)
    charge = (
        each.exclude(basis=F("close__profit")).first()
        or of_net.filter(net__gt=0).exclude(basis=F("net")).first()
        or of_net.filter(net__lte=0).exclude(basis=Points(0)).first()
    )
    return charge and f"charge {charge.pk} is on {charge.basis}, not on what its policy says"


def wrong_due() -> str | None:
    """A charge that is not its policy's share of what it was on, cut down to whole units."""
    charges = Charge.objects.across_tenants().order_by("pk")
    shares = charges.values_list("pk", "basis", "rate", "policy__charge_rate", "due")
    # Multiplied here: as numbers of a database they would be rounded, or too large.
    for pk, basis, rate, of_policy, due in shares.iterator():
        if rate != of_policy or due != points(basis * rate):
            return f"charge {pk} takes {due} of {basis} at {rate}; its policy says {of_policy}"
    return None


def wrong_mark() -> str | None:
    """A high-water mark that is not what its stream was charged on, or has not earned its net."""
    charges = Charge.objects.across_tenants().filter(policy__charge_basis=Policy.Basis.HIGH_WATER)
    position = "close__position__"
    stream = Case(
        When(
            **{f"{position}subscription__isnull": False},
            then=Concat(Value("subscription:"), Cast(f"{position}subscription_id", CharField())),
        ),
        default=Concat(Value("venue_account:"), Cast(f"{position}venue_account_id", CharField())),
    )
    net = F("close__profit") - F("close__fee") - F("close__entry_fee")
    sums = charges.annotate(stream=stream, net=net).order_by().values("stream")
    charged = {
        row["stream"]: (row["bases"], row["nets"])
        for row in sums.annotate(bases=Sum("basis"), nets=Sum("net"))
    }
    for mark in HighWaterMark.objects.across_tenants().order_by("pk").iterator():
        bases, nets = charged.pop(mark.stream, (ZERO, ZERO))
        if (mark.mark, mark.earned) != (bases, nets):
            return (
                f"{mark.stream} has earned {mark.earned} and its mark is {mark.mark}; "
                f"its charges say {nets} and {bases}"
            )
    return next((f"{stream} is charged and has no mark" for stream in charged), None)


def wrong_reward() -> str | None:
    """A reward whose transfer moved something else, or came from or went to someone else."""
    owner = Concat(Value("member:"), Cast("member_id", CharField()))
    own = Q(
        transfer__amount=F("amount"),
        transfer__credit__owner=owner,
        transfer__debit__kind=Account.Kind.POOL,
        transfer__debit__tenant=F("tenant"),
    )
    reward = Reward.objects.across_tenants().exclude(own).order_by("pk").first()
    return reward and f"reward {reward.pk} of {reward.amount} is not what its transfer moved"


def wrong_clearing() -> str | None:
    """A tenant's clearing account that was given something else than its charges."""
    for kind, part in CLEARING.items():
        charges = Charge.objects.across_tenants().filter(tenant=OuterRef("tenant")).order_by()
        charged = Subquery(charges.values("tenant").values(total=Sum(part)))
        accounts = Account.objects.across_tenants().filter(kind=kind)
        accounts = accounts.annotate(charged=Coalesce(charged, Points(0)))
        account = accounts.exclude(credits=F("charged")).order_by("pk").first()
        if account:
            return (
                f"account {account.pk} ({account}) was given {account.credits}; "
                f"the charges say {account.charged}"
            )
    return None


def leftover() -> str | None:
    """A pool account that still holds what should have been shared out."""
    pools = Account.objects.across_tenants().filter(kind=Account.Kind.POOL)
    account = pools.exclude(credits=F("debits")).order_by("pk").first()
    return account and f"account {account.pk} ({account}) still holds {account.balance}"


def wrong_held() -> str | None:
    """A member whose held points are not what they have asked to be paid."""
    waiting = [Withdrawal.Status.PENDING, Withdrawal.Status.APPROVED]
    asked = Withdrawal.objects.across_tenants().filter(status__in=waiting).order_by()
    owner = Concat(Value("member:"), Cast("member_id", CharField()))
    asked = asked.annotate(owner=owner).filter(owner=OuterRef("owner"))
    asked = Coalesce(Subquery(asked.values("owner").values(total=Sum("amount"))), Points(0))
    accounts = Account.objects.across_tenants().filter(kind=Account.Kind.HELD)
    accounts = accounts.annotate(asked=asked)
    account = accounts.exclude(credits=F("debits") + F("asked")).order_by("pk").first()
    return account and (
        f"account {account.pk} ({account}) holds {account.balance}; "
        f"the open withdrawals come to {account.asked}"
    )


def wrong_paid() -> str | None:
    """A tenant whose paid and fees are not those of its completed withdrawals."""
    for kind, part in {Account.Kind.PAID: "payout", Account.Kind.FEES: "fee"}.items():
        completed = Withdrawal.objects.across_tenants().filter(
            tenant=OuterRef("tenant"), status=Withdrawal.Status.COMPLETED
        )
        paid = Subquery(completed.order_by().values("tenant").values(total=Sum(part)))
        accounts = Account.objects.across_tenants().filter(kind=kind)
        accounts = accounts.annotate(paid=Coalesce(paid, Points(0)))
        account = accounts.exclude(credits=F("paid")).order_by("pk").first()
        if account:
            return (
                f"account {account.pk} ({account}) was given {account.credits}; "
                f"the completed withdrawals say {account.paid}"
            )
    return None


def wrong_withdrawal() -> str | None:
    """A withdrawal that another amount was held for, or another member's, or with another fee."""
    for page in withdrawals():
        held = held_for(page)
        for row in page:
            if held.get(hold_key(withdrawal=row)) != (Member.owner_of(row.member_id), row.amount):
                return f"withdrawal {row.pk} of {row.amount} is not what was held for it"
            if row.fee != fee_on(amount=row.amount, policy=row.policy):
                return f"withdrawal {row.pk} has a fee of {row.fee}, not what its policy says"
    return None


def withdrawals() -> Iterator[list[Withdrawal]]:
    rows = Withdrawal.objects.across_tenants().select_related("policy").order_by("pk")
    page = list(rows[:PAGE])
    while page:
        yield page
        page = list(rows.filter(pk__gt=page[-1].pk)[:PAGE])


def held_for(withdrawals: Sequence[Withdrawal]) -> dict[str, tuple[str, Decimal]]:
    """Whose points were held for these, and how many, by the key of the transfer."""
    keys = [hold_key(withdrawal=row) for row in withdrawals]
    held = Transfer.objects.across_tenants().filter(key__in=keys)
    told = held.values_list("key", "debit__owner", "amount")
    return {key: (owner, amount) for key, owner, amount in told}


QUESTIONS = (
    wrong_pool,
    missing_pool,
    uncharged_close,
    wrong_basis,
    wrong_charge,
    wrong_due,
    wrong_mark,
    wrong_reward,
    wrong_clearing,
    leftover,
    wrong_held,
    wrong_paid,
    wrong_withdrawal,
)


def first_misfit() -> str | None:
    """The first pool, charge, close, reward or account that does not fit, in words."""
    return next((misfit for question in QUESTIONS if (misfit := question())), None)
