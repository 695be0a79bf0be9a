"""What the worked examples are told in: people by their names, and tables for what moves."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count

from django.utils import timezone

from apps.ledger.models import Account
from apps.ledger.selectors import account, statement
from apps.members.models import Member
from apps.members.services import create_member, open_tenant
from apps.pointcards.models import Charge
from apps.pointcards.services import recharge_member, recharge_tenant, transfer_cards
from apps.positions.models import Close
from apps.positions.services import Execution, Folding
from apps.rewards.models import Pool, Withdrawal
from apps.rewards.services import (
    approve_withdrawal,
    complete_withdrawal,
    reject_withdrawal,
    request_withdrawal,
)
from engine.signal import Action, Direction
from tests.apps.pointcards.trader import close
from tests.apps.rewards.shop import RATES, settle
from tests.factories import PASSWORD, LevelFactory, SubscriptionFactory, VenueAccountFactory

ADDRESS = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
S = Withdrawal.Status
# Which steps lead to where a withdrawal is seen.
STEPS = {
    S.PENDING: (),
    S.APPROVED: ("approve",),
    S.COMPLETED: ("approve", "complete"),
    S.REJECTED: ("reject",),
}


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def table(text: str) -> list[dict[str, str]]:
    """The rows of a table by the words of its first line."""
    header, *rows = lines(text)
    return [dict(zip(header, row, strict=True)) for row in rows]


def number(cell: str) -> Decimal:
    return Decimal(cell.replace(",", ""))


class Month:
    """Acme, its people, and what they do; every method that takes a table says one kind of line."""

    def __init__(self) -> None:
        self.levels = [LevelFactory(number=n, rate=rate) for n, rate in enumerate(RATES)]
        self.tenant = open_tenant(name="Acme").tenant
        self.people = {"root": Member.objects.of(self.tenant).get(root_of=self.tenant)}
        self.following = {}
        self.keys = (f"line {number}" for number in count(1))

    def joins(self, text: str) -> None:
        """name, inviter, level, market node, holding: all of them follow one strategy each."""
        for row in table(text):
            member = create_member(
                tenant=self.tenant,
                email=f"{row['name']}@example.com",
                password=PASSWORD,
                invite_code=self.people[row["inviter"]].invite_code,
            )
            member.level = self.levels[int(row["level"][1])]
            member.is_market_node = row["node"] == "yes"
            member.save()
            held = VenueAccountFactory(member=member, equity=number(row["holding"]))
            self.people[row["name"]] = member
            self.following[row["name"]] = SubscriptionFactory(venue_account=held)

    def moves(self, text: str) -> None:
        """from, to, kind, amount: the platform issues, Acme sells and gives, members hand on."""
        for row in table(text):
            asked = {"key": next(self.keys), "kind": row["card"], "amount": number(row["amount"])}
            if row["from"] == "platform":
                recharge_tenant(tenant=self.tenant, **asked)
            elif row["from"] == "acme":
                recharge_member(member=self.people[row["to"]], **asked)
            else:
                sender, receiver = self.people[row["from"]], self.people[row["to"]]
                transfer_cards(sender=sender, receiver=receiver, **asked)

    def trades(self, name: str, text: str) -> list[Close]:
        """A position from its fills; what its closes are worth is folded from them."""
        held = self.following[name].venue_account
        fills = [
            Execution(
                fill_key=next(self.keys),
                venue_account=held,
                subscription_id=self.following[name].pk,
                symbol="BTC/USDT",
                direction=Direction.LONG,
                action=Action.OPEN if row["does"] == "buys" else Action.CLOSE,
                quantity=number(row["quantity"]),
                price=number(row["price"]),
                fee=number(row["fee"]),
            )
            for row in table(text)
        ]
        folding = Folding({fills[0].open_key}, now=timezone.now())
        folding.absorb(fills)
        return folding.save()

    def settles(self, text: str, *closes: Close) -> None:
        """What each close came to, and what is charged of it; a dash is no charge at all."""
        ready = iter(closes)
        for row in table(text):
            given = [number(row[name]) for name in ("profit", "fee", "entry")]
            made = next(ready, None) or close(self.following[row["who"]], *given)
            assert [made.profit, made.fee, made.entry_fee] == given
            settle([made])
            charge = Charge.objects.of(self.tenant).filter(close=made).first()
            names = {"on": "basis", "due": "due", "self": "from_self", "gift": "from_gift"}
            names |= {"short": "shortfall"}
            if charge is None:
                assert {row[name] for name in names} == {"–"}, row
                continue
            for column, field in names.items():
                assert getattr(charge, field) == number(row[column]), (row, column)

    def shares(self, name: str, text: str) -> None:
        """How the last pool of somebody was shared out: kind, to whom, amount."""
        pools = Pool.objects.of(self.tenant).filter(charge__member=self.people[name])
        names = {person.pk: name for name, person in self.people.items()}
        rewards = pools.order_by("pk").last().rewards.order_by("place")
        told = [(row.kind, names[row.member_id], row.amount) for row in rewards]
        assert told == [(kind, to, number(amount)) for kind, to, amount in lines(text)]

    def withdraws(self, text: str) -> None:
        """who, asks, becomes, fee, payout."""
        for row in table(text):
            made = request_withdrawal(
                key=next(self.keys),
                member=self.people[row["who"]],
                amount=number(row["asks"]),
                network="TRC20",
                address=ADDRESS,
                now=timezone.now(),
            )
            assert (made.fee, made.payout) == (number(row["fee"]), number(row["payout"]))
            for step in STEPS[row["becomes"]]:
                self.decide(made, step)

    def decide(self, made: Withdrawal, step: str) -> None:
        asked = {"withdrawal": made, "now": timezone.now()}
        if step == "approve":
            approve_withdrawal(by="ann", **asked)
        elif step == "reject":
            reject_withdrawal(by="ann", because="a wrong address", **asked)
        else:
            complete_withdrawal(by="ben", tx_hash=f"{made.pk.int:064x}", **asked)

    def status(self, name: str) -> str:
        self.following[name].refresh_from_db()
        return self.following[name].status

    def owners(self) -> dict[str, str]:
        named = {person.owner: name for name, person in self.people.items()}
        return named | {f"tenant:{self.tenant.pk}": "acme"}

    def balances(self) -> dict[tuple[str, str], Decimal]:
        """Every account of the tenant, by whose and which it is."""
        owners = self.owners()
        rows = Account.objects.of(self.tenant)
        return {(owners[row.owner], row.kind): row.balance for row in rows}

    def statement(self, name: str, kind: str) -> Iterator[tuple[str, Decimal, Decimal]]:
        """The lines of an account, the first one first."""
        owner = next(owner for owner, named in self.owners().items() if named == name)
        for line in reversed(statement(account(owner, kind))):
            yield line.reason, line.amount, line.balance


def told_balances(text: str) -> dict[tuple[str, str], Decimal]:
    """A line for each owner, a column for each kind; a dash is no such account."""
    header, *rows = lines(text)
    return {
        (name, kind): number(cell)
        for name, *cells in rows
        for kind, cell in zip(header, cells, strict=True)
        if cell != "–"
    }


def told_statement(text: str) -> list[tuple[str, Decimal, Decimal]]:
    return [(reason, number(amount), number(balance)) for reason, amount, balance in lines(text)]
