"""Whether charges, pools and rewards hold: a charge's self part is its pool, the pool its rewards.

As in the ledger, each question is one statement.
"""

from django.db.models import CharField, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, Concat

from apps.core.fields import Points
from apps.ledger.models import Account
from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.rewards.models import Pool, Reward

# What was charged goes to these accounts of the tenant, and nothing else does.
CLEARING = {Account.Kind.POOL: "from_self", Account.Kind.SPENT: "from_gift"}


def first_misfit() -> str | None:
    """The first pool, charge, close, reward or account that does not fit, in words."""
    return (
        wrong_pool()
        or missing_pool()
        or uncharged_close()
        or wrong_reward()
        or wrong_clearing()
        or leftover()
    )


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
    """A settled profit that nobody was charged for, or a charge on what was none."""
    closes = Close.objects.across_tenants().order_by("pk")
    close = closes.filter(status=Close.Status.SETTLED, profit__gt=0, charge=None).first()
    if close:
        return f"close {close.pk} at a profit of {close.profit} is settled without a charge"
    charged = closes.filter(charge__isnull=False)
    close = charged.exclude(status=Close.Status.SETTLED, profit__gt=0).first()
    return close and f"close {close.pk} at a profit of {close.profit} is charged and {close.status}"


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
