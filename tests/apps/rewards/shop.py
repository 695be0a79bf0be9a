"""What the tests of settling share: a tenant with full cards, its members and their closes."""

from decimal import Decimal

from apps.ledger.models import Account
from apps.ledger.selectors import balances
from apps.ledger.services import open_accounts
from apps.members.models import Member
from apps.members.services import MEMBER_KINDS, open_tenant
from apps.pointcards.services import recharge_member, recharge_tenant
from apps.rewards.services import settling
from tests.factories import (
    CloseFactory,
    LevelFactory,
    MemberFactory,
    PositionFactory,
    VenueAccountFactory,
)

K = Account.Kind
RATES = list(map(Decimal, ("0", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8")))


class Shop:
    """A tenant with full cards, and closes of members with cards of their own."""

    def __init__(self, name="Acme"):
        self.levels = [LevelFactory(number=n, rate=rate) for n, rate in enumerate(RATES)]
        self.tenant = open_tenant(name=name).tenant
        for kind in (K.SELF, K.GIFT):
            recharge_tenant(
                key=f"{name}:{kind}", tenant=self.tenant, kind=kind, amount=Decimal(1_000_000)
            )
        self.root = Member.objects.of(self.tenant).get(root_of=self.tenant)

    def member(self, own=0, gift=0, *, inviter=None, level=0, node=False, holding=0):
        """A member below the inviter or the root, with an account of this equity."""
        member = MemberFactory(
            inviter=inviter or self.root, level=self.levels[level], is_market_node=node
        )
        open_accounts(tenant=self.tenant, owner=member.owner, kinds=MEMBER_KINDS)
        for kind, amount in ((K.SELF, own), (K.GIFT, gift)):
            if amount:
                recharge_member(
                    key=f"{member.owner}:{kind}", member=member, kind=kind, amount=Decimal(amount)
                )
        if holding:
            VenueAccountFactory(member=member, equity=Decimal(holding))
        return member

    def close(self, member, profit, count=1):
        venue_account = VenueAccountFactory(member=member)
        return [
            CloseFactory(
                position=PositionFactory(subscription__venue_account=venue_account, open_key=None),
                profit=Decimal(profit),
            )
            for _ in range(count)
        ]


def settle(closes):
    settling.settle_closes(close_ids=[str(close.pk) for close in closes])


def held(owner, *kinds):
    found = balances([owner], kinds)
    return [found[owner, kind] for kind in kinds]
