"""Whether pools and rewards hold: a charge's self part is its pool, and the pool its rewards."""

from django.db.models import F, Sum

from apps.pointcards.models import Charge
from apps.positions.models import Close
from apps.rewards.models import Pool, Reward
from engine.money import ZERO


def first_misfit() -> str | None:
    """The first pool, charge, close or reward that does not fit, in words."""
    return wrong_pool() or missing_pool() or uncharged_close() or wrong_reward()


def wrong_pool() -> str | None:
    """A pool that is not the sum of its rewards, or not its charge's self part."""
    rewards = Reward.objects.across_tenants().order_by()
    parts = dict(rewards.values_list("pool").annotate(Sum("amount")))
    pools = Pool.objects.across_tenants().select_related("charge").order_by("pk")
    for pool in pools.iterator(chunk_size=5000):
        if parts.get(pool.pk, ZERO) != pool.amount:
            return f"pool {pool.pk} of {pool.amount} has rewards of {parts.get(pool.pk, ZERO)}"
        if pool.charge.from_self != pool.amount:
            return f"pool {pool.pk} of {pool.amount} was charged {pool.charge.from_self}"
    return None


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
    charged = closes.filter(charge__isnull=False).exclude(status=Close.Status.SETTLED).first()
    return charged and f"close {charged.pk} is charged and not settled"


def wrong_reward() -> str | None:
    rewards = Reward.objects.across_tenants().exclude(transfer__amount=F("amount"))
    reward = rewards.order_by("pk").first()
    return reward and f"reward {reward.pk} of {reward.amount} is not what its transfer moved"
