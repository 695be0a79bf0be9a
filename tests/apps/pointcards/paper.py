"""The money of one tenant on paper: the same verbs, the same refusals, and no database.

How a pool is shared out is taken over from the platform, as it has tests of its own; that
all of it is shared out is checked where it is taken over.
"""

from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

from apps.core.errors import BadInput, Conflict, KeyReused, NotAllowed
from apps.ledger.errors import InsufficientPoints
from apps.ledger.models import Account
from apps.rewards.models import Withdrawal
from apps.tenants.models import Policy
from engine.money import UNIT, ZERO, points

K, S, B = Account.Kind, Withdrawal.Status, Policy.Basis
LARGEST = Decimal(10) ** 10
OPEN = (S.PENDING, S.APPROVED)
# Accounts that only the sharing out of pools puts points on.
SHARED = (K.REWARD, K.TECH, K.RETAINED)


class Paper:
    def __init__(self, *, inviters: dict[str, str | None], strangers: set[str], policy) -> None:
        self.inviters, self.strangers = inviters, strangers
        self.balances: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        self.made: dict[str, tuple] = {}
        self.disabled: set[str] = set()
        self.policy = {
            "charge_basis": B.EACH_CLOSE,
            "charge_rate": Decimal("0.30"),
            "pauses_on_shortfall": False,
            "min_withdrawal": Decimal(50),
            "withdrawal_fee_rate": Decimal("0.05"),
            "needs_four_eyes": True,
        } | policy
        # What each stream of closes has earned, and its high-water mark.
        self.marks: dict[str, tuple[Decimal, Decimal]] = {}
        self.paused: set[str] = set()
        self.withdrawals: dict[str, dict] = {}

    # --- point cards

    def recharge_tenant(self, *, key, kind, amount):
        self.move(key, ("acme", K.ISSUED), ("acme", kind), amount)

    def recharge_member(self, *, key, member, kind, amount):
        self.refuse_idle(member)
        self.move(key, ("acme", kind), (member, kind), amount)

    def transfer_cards(self, *, key, sender, receiver, kind, amount):
        if sender == receiver or {sender, receiver} & self.strangers:
            raise BadInput("not to whom")
        self.refuse_idle(sender)
        self.refuse_idle(receiver)
        if sender not in self.above(receiver) and receiver not in self.above(sender):
            raise BadInput("not of one line")
        self.move(key, (sender, kind), (receiver, kind), amount)

    def move(self, key, debit, credit, amount):
        self.refuse_amount(amount)
        content = (debit, credit, amount)
        if key in self.made:
            if self.made[key] != content:
                raise KeyReused("another one")
            return
        if debit[1] != K.ISSUED and self.balances[debit] < amount:
            raise InsufficientPoints("too few")
        self.made[key] = content
        self.put(debit, credit, amount)
        if self.balances[credit[0], K.SELF] + self.balances[credit[0], K.GIFT] >= 1:
            self.paused.discard(credit[0])

    def put(self, debit, credit, amount):
        self.balances[debit] -= amount
        self.balances[credit] += amount

    def above(self, name: str) -> set[str]:
        inviter = self.inviters[name]
        return {inviter} | self.above(inviter) if inviter else set()

    def refuse_idle(self, member):
        if member in self.disabled:
            raise BadInput("disabled")

    def refuse_amount(self, amount):
        if not amount.is_finite() or not 0 < amount <= LARGEST or amount % UNIT:
            raise BadInput("no amount")

    # --- charges

    def charge(self, *, member, stream, profit, fee, entry_fee) -> Decimal:
        """Charge one close; what of it is to be shared out."""
        due = points(self.basis(stream, profit, profit - fee - entry_fee) * self.rate)
        own = min(due, self.balances[member, K.SELF])
        gift = min(due - own, self.balances[member, K.GIFT])
        self.put((member, K.SELF), ("acme", K.POOL), own)
        self.put((member, K.GIFT), ("acme", K.SPENT), gift)
        if own + gift < due and self.policy["pauses_on_shortfall"]:
            self.paused.add(member)
        return own

    @property
    def rate(self) -> Decimal:
        return self.policy["charge_rate"]

    def basis(self, stream, profit, net) -> Decimal:
        if self.policy["charge_basis"] == B.HIGH_WATER:
            earned, mark = self.marks.get(stream, (ZERO, ZERO))
            self.marks[stream] = (earned + net, max(mark, earned + net))
            return self.marks[stream][1] - mark
        return max(ZERO, net if self.policy["charge_basis"] == B.NET_OF_FEES else profit)

    def take_over(self, now: dict[tuple[str, str], Decimal], pooled: Decimal) -> None:
        """Believe who got how much of the pools, if it is all of it and nobody gave."""
        shares = {name: now[name] - self.balances[name] for name in now if name[1] in SHARED}
        assert sum(shares.values()) == pooled
        assert min(shares.values()) >= 0
        for name, amount in shares.items():
            self.put(("acme", K.POOL), name, amount)

    # --- withdrawals

    def request_withdrawal(self, *, key, member, amount):
        self.refuse_amount(amount)
        self.refuse_idle(member)
        if key in self.withdrawals:
            if self.withdrawals[key]["asked"] != (member, amount):
                raise KeyReused("another one")
            return
        fee = (amount * self.policy["withdrawal_fee_rate"]).quantize(
            Decimal("0.01"), rounding=ROUND_HALF_EVEN
        )
        if amount < self.policy["min_withdrawal"] or amount <= fee:
            raise BadInput("too little")
        if self.balances[member, K.REWARD] < amount:
            raise InsufficientPoints("too few")
        self.put((member, K.REWARD), (member, K.HELD), amount)
        self.withdrawals[key] = {"asked": (member, amount), "fee": fee, "status": S.PENDING}

    def approve(self, *, key, by):
        self.step(key, S.PENDING, S.APPROVED)["approved_by"] = by

    def reject(self, *, key, by):
        member, amount = self.step(key, S.PENDING, S.REJECTED)["asked"]
        self.put((member, K.HELD), (member, K.REWARD), amount)

    def complete(self, *, key, by):
        row = self.withdrawals[key]
        is_same = row["status"] == S.APPROVED and row["approved_by"] == by
        if is_same and self.policy["needs_four_eyes"]:
            raise NotAllowed("the same person")
        self.step(key, S.APPROVED, S.COMPLETED)
        member, amount = row["asked"]
        self.put((member, K.HELD), ("acme", K.PAID), amount - row["fee"])
        self.put((member, K.HELD), ("acme", K.FEES), row["fee"])

    def step(self, key, come_from, to) -> dict:
        row = self.withdrawals[key]
        if row["status"] != come_from:
            raise Conflict("not from there")
        row["status"] = to
        return row

    # --- what must hold whatever was asked

    def check(self, now: dict[tuple[str, str], Decimal]) -> None:
        assert now == {name: self.balances[name] for name in now}
        assert sum(now.values()) == 0
        assert all(balance >= 0 for (_, kind), balance in now.items() if kind != K.ISSUED)
        assert now["acme", K.POOL] == 0
        assert sum(now[name] for name in now if name[1] == K.HELD) == self.open_withdrawals()

    def open_withdrawals(self) -> Decimal:
        still = [row for row in self.withdrawals.values() if row["status"] in OPEN]
        return sum((row["asked"][1] for row in still), ZERO)
