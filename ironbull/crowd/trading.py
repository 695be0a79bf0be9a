"""A crowd's trading: rounds of one signal that opens and one that closes, and what is earned.

A round is one transaction, and follows from the seed and its number alone: whoever was stopped
goes on with the next. What is charged and shared out is counted by the house's own rules.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from apps.core import bulk
from apps.ledger.models import Account, Transfer
from apps.members.models import Member
from apps.orders.models import Fill, Order, Ticket
from apps.pointcards.models import Charge
from apps.pointcards.services.charging import CLEARING
from apps.positions.models import Close, Position
from apps.rewards.models import Pool, Reward
from apps.rewards.services.settling import KEPT_APART, rates_of
from apps.rewards.split import Person, Rates, split
from apps.signals.models import Signal
from apps.strategies.models import Strategy, Subscription
from apps.tenants.models import Policy, Tenant
from apps.tenants.selectors import policies_of
from apps.venues.models import VenueAccount
from engine.envelope import client_order_id
from engine.money import UNIT
from engine.signal import Action, Direction, side_of
from ironbull.crowd.books import Books
from ironbull.crowd.plan import CODE, SYMBOL, Plan, id_at, kept_moment

K, T, C = Account.Kind, Ticket.Status, Close.Status
# What becomes of a ticket that opens: its own end, and its order's where it had one.
ENDS = {
    (T.DONE, "filled"): 90,
    (T.REFUSED, ""): 3,
    (T.REJECTED, "rejected"): 2,
    (T.EXPIRED, "expired"): 2,
    (T.DONE, "canceled"): 3,
}
# In the last rounds some is left as it is found while a business runs.
LAST = 5
LEFT_OPEN = 0.1
FAILED = 0.02
PARKED = 0.01
# Units of a point in a hundredth of a point times a thousandth of a coin.
UNITS = 1000
FEE = 2000  # one part in so many
BASIS_POINT = Decimal("0.0001")

OF_TICKET = (
    *("id", "created_at", "tenant_id", "subscription_id", "venue_account_id", "node_id"),
    *("quantity", "status", "refused_because", "sent_at", "done_at"),
)
OF_ORDER = (
    *("id", "created_at", "tenant_id", "ticket_id", "venue_account_id", "client_order_id"),
    *("venue_order_id", "quantity", "filled", "average_price", "status", "reported_at"),
)
OF_FILL = (
    *("id", "created_at", "tenant_id", "key", "order_id", "venue_fill_id", "quantity", "price"),
    *("fee", "filled_at"),
)
OF_POSITION = (
    *("id", "created_at", "tenant_id", "venue_account_id", "subscription_id", "quantity"),
    *("entry_price", "realized", "fees", "entry_fees", "status", "closed_at", "open_key"),
)
OF_CLOSE = (
    *("id", "created_at", "tenant_id", "fill_key", "position_id", "profit", "fee", "entry_fee"),
    *("status", "attempts", "failed_because", "settled_at"),
)
OF_CHARGE = (
    *("id", "created_at", "tenant_id", "close_id", "member_id", "policy_id", "profit", "basis"),
    *("due", "from_self", "from_gift", "shortfall"),
)
OF_POOL = ("id", "created_at", "tenant_id", "charge_id", "policy_id", "amount")
OF_REWARD = (
    *("id", "created_at", "tenant_id", "pool_id", "place", "member_id", "kind", "rate"),
    *("amount", "transfer_id"),
)
NAMES = {
    Ticket: OF_TICKET,
    Order: OF_ORDER,
    Fill: OF_FILL,
    Position: OF_POSITION,
    Close: OF_CLOSE,
    Charge: OF_CHARGE,
    Pool: OF_POOL,
    Reward: OF_REWARD,
}


class Follower(NamedTuple):
    subscription: int
    tenant: int
    member: int
    account: int
    node: int


@dataclass(slots=True)
class Held:
    """What a filled opening order left: a position, to be closed in the same round."""

    follower: Follower
    position: UUID
    quantity: int
    fee: int
    at: datetime


@dataclass
class Floor:
    """What stays the same from round to round: who follows what, who stands where, the books."""

    strategies: list[Strategy]
    followers: dict[int, list[Follower]]
    people: dict[int, Person]
    lines: dict[int, list[int]]
    roots: dict[int, int]
    policies: dict[int, Policy]
    rates: dict[int, Rates]
    books: Books = field(default_factory=Books)

    @classmethod
    def of(cls, tenants: list[Tenant], strategies: list[Strategy]) -> "Floor":
        keys = [tenant.pk for tenant in tenants]
        followers = defaultdict(list)
        rows = Subscription.objects.across_tenants().filter(tenant__in=keys).order_by("pk")
        for strategy, *told in rows.values_list(
            *("tenant_strategy__strategy", "pk", "tenant", "member", "venue_account"),
            "venue_account__node",
        ):
            followers[strategy].append(Follower(*told))
        accounts = VenueAccount.objects.across_tenants().filter(tenant__in=keys)
        held = dict(accounts.values_list("member", "equity"))
        people, lines, roots = {}, {}, {}
        members = Member.objects.across_tenants().filter(tenant__in=keys)
        for pk, path, root_of, is_node, level, rate in members.values_list(
            *("pk", "path", "root_of", "is_market_node", "level__number", "level__rate")
        ):
            people[pk] = Person(pk, level, rate, is_node, held.get(pk, Decimal(0)))
            lines[pk] = [int(part) for part in reversed(path.split("/")[:-1])]
            if root_of:
                roots[root_of] = pk
        policies = policies_of(keys)
        rates = {key: rates_of(policy) for key, policy in policies.items()}
        return cls(strategies, dict(followers), people, lines, roots, policies, rates)


def rounds_of(plan: Plan, floor: Floor, *, made: int) -> Iterator[int]:
    """Trade on until there are enough orders; each round tells how many it made."""
    number = Signal.objects.filter(strategy__in=floor.strategies, action=Action.OPEN.value).count()
    while made < plan.orders:
        with transaction.atomic():
            new = Round(plan, floor, number).trade()
        number += 1
        made += new
        yield new


class Round:
    """One signal that opens, one that closes, and everything that follows from them."""

    def __init__(self, plan: Plan, floor: Floor, number: int) -> None:
        self.plan, self.floor, self.number = plan, floor, number
        self.chance = plan.chance(f"round {number}")
        self.is_late = number >= plan.rounds - LAST
        step = (plan.now - plan.since) / (plan.rounds + 1)
        # Beyond what was planned, the last stretch is shared out ever finer.
        place = number if number < plan.rounds else plan.rounds - 1 / (number - plan.rounds + 2)
        self.opens_at = plan.since + step * place
        self.closes_at = self.opens_at + step * self.chance.uniform(0.05, 0.7)
        self.direction = self.chance.choice([Direction.LONG, Direction.SHORT])
        self.entry = 6_000_000 + 1_000 * self.chance.randrange(-500, 500)  # in hundredths
        self.exit = self.entry + self.entry * self.chance.randrange(-150, 180) // 10_000
        self.rows: dict[type, list[tuple]] = {model: [] for model in NAMES}
        self.kept = bulk.id_kept()
        self.orders = 0

    def trade(self) -> int:
        """Make the whole round, and tell how many orders it has."""
        strategy = self.floor.strategies[self.number % len(self.floor.strategies)]
        everybody = self.floor.followers.get(strategy.pk, [])
        size = min(self.plan.in_a_round, len(everybody))
        followers = sorted(self.chance.sample(everybody, size))
        held = self.open(self.signal(strategy, Action.OPEN, self.opens_at), followers)
        closes = self.close(self.signal(strategy, Action.CLOSE, self.closes_at), held)
        self.settle(closes)
        self.write_tail()
        return self.orders

    def signal(self, strategy: Strategy, action: Action, at: datetime) -> Signal:
        signal = Signal(
            id=id_at(at, self.chance),
            strategy=strategy,
            symbol=SYMBOL,
            timeframe="1m",
            bar_at=at.replace(second=0, microsecond=0),
            action=action.value,
            direction=self.direction.value,
            price=Decimal(self.entry if action is Action.OPEN else self.exit) / 100,
            confidence=self.chance.randrange(50, 100),
            reason="a crowd's",
            status=Signal.Status.PLANNED,
            planned_at=at + timedelta(milliseconds=80),
        )
        signal.save(force_insert=True)
        Signal.objects.filter(pk=signal.pk).update(created_at=at)
        return signal

    # --- orders

    def open(self, signal: Signal, followers: list[Follower]) -> list[Held]:
        ends = self.chance.choices(list(ENDS), list(ENDS.values()), k=len(followers))
        taken = self.taken(followers)
        held = []
        for follower, (status, order_status) in zip(followers, ends, strict=True):
            quantity = self.chance.randrange(50, 500)  # thousandths
            if self.is_late and self.chance.random() < PARKED:
                status, order_status = T.PARKED, "unknown"
            at, fee = self.order(
                signal, follower, quantity, self.entry, Action.OPEN, status, order_status
            )
            if order_status == "filled":
                held.append(Held(follower, id_at(at, self.chance), quantity, fee, at))
        self.write(Ticket, self.like_ticket(signal, Action.OPEN))
        self.write(Order, self.like_order(Action.OPEN))
        self.write(Fill, Fill())
        stay = {
            row.position
            for row in held
            if self.is_late
            and self.open_key(row.follower) not in taken
            and self.chance.random() < LEFT_OPEN
        }
        for row in held:
            self.position(row, stays=row.position in stay)
        self.write(Position, Position(symbol=SYMBOL, direction=self.direction.value))
        return [row for row in held if row.position not in stay]

    def open_key(self, follower: Follower) -> str:
        return f"{follower.account}:{SYMBOL}:{self.direction.value}"

    def taken(self, followers: list[Follower]) -> set[str]:
        if not self.is_late:
            return set()
        keys = [self.open_key(follower) for follower in followers]
        found = Position.objects.across_tenants().filter(open_key__in=keys)
        return set(found.values_list("open_key", flat=True))

    def order(
        self,
        signal: Signal,
        follower: Follower,
        quantity: int,
        price: int,
        action: Action,
        status: str,
        order_status: str,
    ) -> tuple[datetime, int]:
        """A ticket with its order and fill, as far as it came; when it ended, and its fee."""
        chance = self.chance
        begun = signal.planned_at + timedelta(microseconds=chance.randrange(200_000))
        sent = begun + timedelta(milliseconds=chance.randrange(5, 90))
        ended = sent + timedelta(milliseconds=int(chance.lognormvariate(5.5, 0.7)))
        ticket, kept = id_at(begun, chance), self.kept
        refused = status == T.REFUSED
        self.rows[Ticket].append(
            (
                *(kept(ticket), kept_moment(begun), follower.tenant, follower.subscription),
                *(follower.account, follower.node, told(quantity, 3), str(status)),
                "the account has not the margin" if refused else "",
                None if refused else kept_moment(sent),
                None if status == T.PARKED else kept_moment(ended),
            )
        )
        if refused:
            return ended, 0
        self.orders += 1
        order = id_at(begun, chance)
        filled = quantity if order_status == "filled" else 0
        name = client_order_id(account=str(follower.account), ticket_id=str(ticket), generation=1)
        number = f"{CODE}{chance.getrandbits(48):012x}"
        self.rows[Order].append(
            (
                *(kept(order), kept_moment(begun), follower.tenant, kept(ticket)),
                *(follower.account, name, number, told(quantity, 3), told(filled, 3)),
                *(told(price, 2) if filled else None, order_status),
                None if status == T.PARKED else kept_moment(ended),
            )
        )
        fee = quantity * price * UNITS // FEE
        if filled:
            self.rows[Fill].append(
                (
                    *(kept(id_at(ended, chance)), kept_moment(ended), follower.tenant),
                    *(fill_key(follower, number), kept(order), number, told(quantity, 3)),
                    *(told(price, 2), told(fee, 8), kept_moment(ended)),
                )
            )
        self.last_number = number
        return ended, fee

    def position(self, row: Held, *, stays: bool) -> None:
        gained = 0 if stays else self.profit_of(row)
        exit_fee = 0 if stays else row.quantity * self.exit * UNITS // FEE
        self.rows[Position].append(
            (
                *(self.kept(row.position), kept_moment(row.at), row.follower.tenant),
                *(row.follower.account, row.follower.subscription),
                told(row.quantity if stays else 0, 3),
                *(told(self.entry, 2), told(gained, 8), told(row.fee + exit_fee, 8)),
                told(row.fee if stays else 0, 8),
                str(Position.Status.OPEN if stays else Position.Status.CLOSED),
                None if stays else kept_moment(self.closes_at + timedelta(seconds=2)),
                self.open_key(row.follower) if stays else None,
            )
        )

    def profit_of(self, row: Held) -> int:
        moved = self.exit - self.entry
        return (moved if self.direction is Direction.LONG else -moved) * row.quantity * UNITS

    def close(self, signal: Signal, held: list[Held]) -> list["Made"]:
        """Close what is held; what comes of it, in the order in which it is settled."""
        closes = []
        for row in held:
            at, fee = self.order(
                signal, row.follower, row.quantity, self.exit, Action.CLOSE, T.DONE, "filled"
            )
            failed = self.is_late and self.chance.random() < FAILED
            closes.append(
                Made(
                    row.follower,
                    id_at(at, self.chance),
                    at,
                    self.profit_of(row),
                    is_settled=not failed,
                )
            )
            self.rows[Close].append(
                (
                    *(self.kept(closes[-1].pk), kept_moment(at), row.follower.tenant),
                    *(fill_key(row.follower, self.last_number), self.kept(row.position)),
                    *(closes[-1].profit, fee, row.fee),
                    *(str(C.FAILED if failed else C.SETTLED), 10 if failed else 0),
                    "the split was refused" if failed else "",
                    None if failed else kept_moment(at + timedelta(milliseconds=300)),
                )
            )
        self.write(Ticket, self.like_ticket(signal, Action.CLOSE))
        self.write(Order, self.like_order(Action.CLOSE))
        self.write(Fill, Fill())
        self.write(Close, Close())
        return closes

    def like_ticket(self, signal: Signal, action: Action) -> Ticket:
        return Ticket(
            signal=signal,
            symbol=SYMBOL,
            action=action.value,
            direction=self.direction.value,
            leverage=20,
        )

    def like_order(self, action: Action) -> Order:
        return Order(generation=1, symbol=SYMBOL, side=side_of(action, self.direction).value)

    # --- money

    def settle(self, closes: list["Made"]) -> None:
        counted = [row for row in closes if row.is_settled and row.profit > 0]
        owners = {f"member:{row.follower.member}" for row in counted}
        owners |= {f"tenant:{row.follower.tenant}" for row in counted}
        above = {key for row in counted for key in self.floor.lines[row.follower.member]}
        owners |= {f"member:{key}" for key in above}
        self.floor.books.read(owners)
        for row in counted:
            self.charge(row)
        self.write(Charge, Charge(rate=BASIS_POINT * self.rate_of(closes)))
        self.write(Pool, Pool())

    def rate_of(self, closes: list["Made"]) -> int:
        """The charge's rate in hundredths of a per cent: a crowd's policies are all the first."""
        rates = {self.floor.policies[row.follower.tenant].charge_rate for row in closes}
        if len(rates) > 1:
            raise ValueError("the tenants of a crowd charge by one rate")
        return int(rates.pop() / BASIS_POINT) if rates else 0

    def charge(self, row: "Made") -> None:
        follower, at = row.follower, row.at + timedelta(milliseconds=300)
        books, policy = self.floor.books, self.floor.policies[follower.tenant]
        member, tenant = f"member:{follower.member}", f"tenant:{follower.tenant}"
        due = row.profit * int(policy.charge_rate / BASIS_POINT) // 10_000
        left, taken = due, {}
        for kind, clearing in CLEARING.items():
            taken[kind] = min(books.counts[member, kind].balance, left)
            left -= taken[kind]
            if taken[kind]:
                books.move(
                    at=at,
                    key=f"charge:{row.pk}:{kind}",
                    debit=(member, kind),
                    credit=(tenant, clearing),
                    units=taken[kind],
                    reason=Transfer.Reason.CHARGE,
                    chance=self.chance,
                )
        charge = id_at(at, self.chance)
        self.rows[Charge].append(
            (
                *(self.kept(charge), kept_moment(at), follower.tenant, self.kept(row.pk)),
                *(follower.member, self.kept(policy.pk), row.profit, row.profit, due),
                *(taken[K.SELF], taken[K.GIFT], left),
            )
        )
        if taken[K.SELF]:
            self.share_out(row, charge, taken[K.SELF], at)

    def share_out(self, row: "Made", charge: UUID, units: int, at: datetime) -> None:
        floor, follower = self.floor, row.follower
        pool, policy = id_at(at, self.chance), floor.policies[follower.tenant]
        self.rows[Pool].append(
            (
                *(self.kept(pool), kept_moment(at), follower.tenant, self.kept(charge)),
                *(self.kept(policy.pk), units),
            )
        )
        shares = split(
            units * UNIT,
            source=floor.people[follower.member],
            line=[floor.people[key] for key in floor.lines[follower.member]],
            root=floor.roots[follower.tenant],
            rates=floor.rates[follower.tenant],
        )
        for place, share in enumerate(shares):
            transfer = floor.books.move(
                at=at,
                key=f"reward:{row.pk}:{place}",
                debit=(f"tenant:{follower.tenant}", K.POOL),
                credit=(f"member:{share.member}", KEPT_APART.get(share.kind, K.REWARD)),
                units=int(share.amount / UNIT),
                reason=Transfer.Reason.REWARD,
                chance=self.chance,
            )
            self.rows[Reward].append(
                (
                    *(self.kept(id_at(at, self.chance)), kept_moment(at), follower.tenant),
                    *(self.kept(pool), place, share.member, share.kind, f"{share.rate:f}"),
                    *(int(share.amount / UNIT), self.kept(transfer)),
                )
            )

    # --- writing

    def write_tail(self) -> None:
        """What stands on the transfers."""
        self.floor.books.write()
        self.write(Reward, Reward())

    def write(self, model: type, alike) -> None:
        bulk.insert_alike(alike, NAMES[model], self.rows[model])
        self.rows[model] = []


@dataclass(frozen=True, slots=True)
class Made:
    """A close, as far as it is charged on."""

    follower: Follower
    pk: UUID
    at: datetime
    profit: int
    is_settled: bool


def fill_key(follower: Follower, number: str) -> str:
    return f"{follower.account}:{SYMBOL}:{number}"


def told(whole: int, decimals: int) -> str:
    """A whole number of small parts as a decimal number."""
    return f"{Decimal(whole).scaleb(-decimals):f}"
