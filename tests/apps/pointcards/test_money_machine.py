"""Whatever is asked of the money, in whatever order, refused or repeated: paper agrees, and the
books hold."""

from decimal import Decimal
from itertools import count

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.core.errors import DomainError
from apps.ledger import verification as ledger
from apps.members.models import Member
from apps.pointcards import services as cards
from apps.pointcards.models import HighWaterMark
from apps.positions.models import Close
from apps.rewards import services as rewards
from apps.rewards import verification
from apps.strategies.models import Subscription
from apps.tenants.models import Policy
from apps.tenants.services import set_policy
from engine.money import UNIT, points
from tests.apps.pointcards.paper import Paper
from tests.apps.pointcards.trader import close
from tests.apps.rewards.shop import K, Shop, settle
from tests.factories import PositionFactory, SubscriptionFactory, VenueAccountFactory

EXAMPLES, STEPS = 27, 100
OPERATIONS = 4500
INVITERS = {"root": None, "alice": "root", "bob": "alice", "carol": "bob", "dave": "root"}
ADDRESS = {"network": "TRC20", "address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"}

people = st.sampled_from(sorted(INVITERS))
kinds = st.sampled_from([K.SELF, K.GIFT])


def units(least, most):
    """Points down to the last unit, and often round ones."""
    exact = st.integers(least * 10**8 + 1, most * 10**8).map(lambda number: number * UNIT)
    return st.one_of(exact, st.integers(least + 1, most).map(Decimal))


# So much, or of what there is: a third, all, or a unit more.
wholes = units(0, 120)
parts = st.sampled_from(["a third", "all", "a unit more"])
amounts = st.one_of(wholes, parts)
no_amounts = st.sampled_from(["0", "-1", "NaN", "-Infinity", "1e-9", "1e30"]).map(Decimal)
streams, profits, fees = st.integers(0, 6), units(-150, 300), st.sampled_from(["0", "0.5", "40"])
policies = st.fixed_dictionaries(
    {},
    optional={
        "charge_basis": st.sampled_from(Policy.Basis.values),
        "charge_rate": st.sampled_from(["0", "0.3", "0.3333", "1"]).map(Decimal),
        "pauses_on_shortfall": st.booleans(),
        "tech_rate": st.sampled_from(["0", "0.1", "0.5"]).map(Decimal),
        "network_rate": st.sampled_from(["0", "0.2", "0.5"]).map(Decimal),
        "direct_rate": st.sampled_from(["0.25", "1"]).map(Decimal),
        "peer_rate": st.sampled_from(["0", "0.1"]).map(Decimal),
        "min_withdrawal": st.sampled_from(["0", "0.01", "50"]).map(Decimal),
        "withdrawal_fee_rate": st.sampled_from(["0", "0.05", "1"]).map(Decimal),
        "needs_four_eyes": st.booleans(),
    },
)


FIRST_POLICY = {"pauses_on_shortfall": True, "min_withdrawal": Decimal("0.01")}


class World:
    """Acme and its people, each with streams of closes, and somebody of Globex."""

    def __init__(self):
        shop = Shop()
        self.tenant = shop.tenant
        set_policy(tenant=self.tenant, **FIRST_POLICY)
        alice = shop.member(300, 20, level=3, node=True, holding=2000)
        bob = shop.member(200, 100, inviter=alice, level=1, node=True)
        carol = shop.member(600, inviter=bob, level=1)
        people = {"root": shop.root, "alice": alice, "bob": bob, "carol": carol}
        people |= {"dave": shop.member(0, 50)}
        self.people = people | {"stranger": Shop("Globex").member()}
        accounts = {name: VenueAccountFactory(member=people[name]) for name in INVITERS}
        self.subscriptions = {
            name: SubscriptionFactory(venue_account=account) for name, account in accounts.items()
        }
        # Somebody has rewards to withdraw already.
        settle([close(self.subscriptions["carol"], 1000)])
        # One stream for each one's subscription, and two that no subscription asked for.
        self.streams = [
            (name, PositionFactory(subscription=row)) for name, row in self.subscriptions.items()
        ]
        self.streams += [
            (
                name,
                PositionFactory(
                    subscription=None,
                    venue_account=accounts[name],
                    tenant=self.tenant,
                    open_key=None,
                ),
            )
            for name in ("carol", "dave")
        ]
        owners = {self.people[name].owner: name for name in INVITERS}
        self.owners = owners | {f"tenant:{self.tenant.pk}": "acme"}

    def balances(self):
        # Asked after every step, and so by hand: the ORM would take longer than most steps.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT owner, kind, credits - debits FROM ledger_account WHERE tenant_id = %s",
                [self.tenant.pk],
            )
            rows = cursor.fetchall()
        return {(self.owners[owner], kind): units * UNIT for owner, kind, units in rows}


class Money(RuleBasedStateMachine):
    """The platform beside paper: both are asked the same."""

    world: World
    operations = 0

    def __init__(self):
        super().__init__()
        self.around = transaction.atomic()
        self.around.__enter__()
        self.paper = Paper(inviters=INVITERS, strangers={"stranger"}, policy=FIRST_POLICY)
        self.paper.balances |= self.world.balances()
        self.numbers = count()
        self.granted, self.settled, self.withdrawals = [], [], {}

    def teardown(self):
        try:
            assert (ledger.first_misfit(), verification.first_misfit()) == (None, None)
            marks = HighWaterMark.objects.of(self.world.tenant)
            assert {row.stream: (row.earned, row.mark) for row in marks} == self.paper.marks
            rows = Subscription.objects.of(self.world.tenant)
            paused = rows.filter(status=Subscription.Status.PAUSED).values_list("pk", flat=True)
            names = {row.pk: name for name, row in self.world.subscriptions.items()}
            assert {names[pk] for pk in paused} == self.paper.paused
            left = Close.objects.of(self.world.tenant).exclude(status=Close.Status.SETTLED)
            assert not left.exists()
        finally:
            transaction.set_rollback(True)
            self.around.__exit__(None, None, None)

    # --- asking both

    def both(self, name, **asked):
        """Ask paper, then the platform: granted by both, or refused by both for one reason."""
        Money.operations += 1
        try:
            getattr(self.paper, name)(**asked)
        except DomainError as refusal:
            with pytest.raises(type(refusal)):
                getattr(self, name)(**asked)
        else:
            self.granted.append((name, asked))
            getattr(self, name)(**asked)

    def key(self):
        return f"key {next(self.numbers)}"

    def rows_of(self, **named):
        return {role: self.world.people[name] for role, name in named.items()}

    def recharge_tenant(self, **asked):
        cards.recharge_tenant(tenant=self.world.tenant, **asked)

    def recharge_member(self, *, member, **asked):
        cards.recharge_member(**self.rows_of(member=member), **asked)

    def transfer_cards(self, *, sender, receiver, **asked):
        cards.transfer_cards(**self.rows_of(sender=sender, receiver=receiver), **asked)

    def request_withdrawal(self, *, key, member, amount):
        self.withdrawals[key] = rewards.request_withdrawal(
            key=key, **self.rows_of(member=member), amount=amount, now=timezone.now(), **ADDRESS
        )

    def decide(self, verb, *, key, **asked):
        verb(withdrawal=self.withdrawals[key], now=timezone.now(), **asked)

    def approve(self, **asked):
        self.decide(rewards.approve_withdrawal, **asked)

    def reject(self, **asked):
        self.decide(rewards.reject_withdrawal, because="no", **asked)

    def complete(self, **asked):
        self.decide(rewards.complete_withdrawal, tx_hash=f"{next(self.numbers):064x}", **asked)

    # --- what is asked

    def part(self, amount, *, of):
        """What a rule's amount comes to, of what an owner has of a kind."""
        if isinstance(amount, Decimal):
            return amount
        whole = self.paper.balances[of]
        return {"a third": points(whole / 3), "all": whole}.get(amount, whole + UNIT)

    @rule(kind=kinds, amount=wholes)
    def issue(self, kind, amount):
        self.both("recharge_tenant", key=self.key(), kind=kind, amount=amount)

    @rule(member=people, kind=kinds, amount=amounts)
    def recharge(self, member, kind, amount):
        amount = self.part(amount, of=("acme", kind))
        self.both("recharge_member", key=self.key(), member=member, kind=kind, amount=amount)

    @rule(
        sender=people,
        receiver=st.sampled_from([*INVITERS, "stranger"]),
        kind=kinds,
        amount=amounts,
    )
    def hand_on(self, sender, receiver, kind, amount):
        amount = self.part(amount, of=(sender, kind))
        asked = {"sender": sender, "receiver": receiver, "kind": kind, "amount": amount}
        self.both("transfer_cards", key=self.key(), **asked)

    @rule(member=st.sampled_from(["root", "alice", "bob"]), amount=st.one_of(parts, wholes))
    def withdraw(self, member, amount):
        amount = self.part(amount, of=(member, K.REWARD))
        self.both("request_withdrawal", key=self.key(), member=member, amount=amount)

    @rule(member=people, amount=no_amounts)
    def ask_for_no_amount(self, member, amount):
        to = "alice" if member == "root" else "root"
        asked = {"key": self.key(), "amount": amount}
        self.both("recharge_tenant", kind=K.SELF, **asked)
        self.both("recharge_member", member=member, kind=K.GIFT, **asked)
        self.both("transfer_cards", sender=member, receiver=to, kind=K.SELF, **asked)
        self.both("request_withdrawal", member=member, **asked)

    @precondition(lambda self: self.withdrawals)
    @rule(
        number=st.integers(0, 99),
        step=st.sampled_from(["approve", "reject", "complete"]),
        by=st.sampled_from(["ann", "ben"]),
    )
    def decide_on_a_withdrawal(self, number, step, by):
        self.both(step, key=sorted(self.withdrawals)[number % len(self.withdrawals)], by=by)

    @precondition(lambda self: self.granted)
    @rule(number=st.integers(0, 999), other=st.one_of(st.none(), wholes))
    def ask_again(self, number, other):
        """A request that was granted, word for word or with another amount."""
        name, asked = self.granted[number % len(self.granted)]
        if "amount" in asked and other:
            asked = asked | {"amount": other}
        self.both(name, **asked)

    @rule(made=st.lists(st.tuples(streams, profits, fees), min_size=1, max_size=30))
    def settle(self, made):
        self.charge(made)

    @rule(stream=streams, made=st.lists(st.tuples(profits, fees), min_size=10, max_size=40))
    def settle_one_stream(self, stream, made):
        self.charge([(stream, *figures) for figures in made])

    def charge(self, made):
        closes, pooled = [], Decimal(0)
        for number, profit, fee in made:
            name, position = self.world.streams[number]
            figures = {"profit": profit, "fee": Decimal(fee), "entry_fee": Decimal(fee) / 4}
            pooled += self.paper.charge(member=name, stream=stream_of(position), **figures)
            closes.append(
                Close(tenant=self.world.tenant, position=position, fill_key=self.key(), **figures)
            )
        Money.operations += len(closes)
        Close.objects.across_tenants().bulk_create(closes)
        settle(closes)
        self.settled += closes
        self.paper.take_over(self.world.balances(), pooled)

    @precondition(lambda self: self.settled)
    @rule(number=st.integers(0, 999))
    def settle_again(self, number):
        Money.operations += 1
        settle(self.settled[number % len(self.settled) :][:3])

    @rule(changes=policies)
    def change_the_policy(self, changes):
        Money.operations += 1
        set_policy(tenant=self.world.tenant, **changes)
        known = self.paper.policy
        known |= {name: changes[name] for name in changes if name in known}

    @rule(member=people)
    def disable_or_enable(self, member):
        Money.operations += 1
        self.paper.disabled = set() if self.paper.disabled else {member}
        members = Member.objects.of(self.world.tenant)
        members.update(status=Member.Status.ACTIVE)
        pks = [self.world.people[name].pk for name in self.paper.disabled]
        members.filter(pk__in=pks).update(status=Member.Status.DISABLED)

    # --- what must hold

    @invariant()
    def paper_agrees(self):
        self.paper.check(self.world.balances())


def stream_of(position):
    if position.subscription_id:
        return f"subscription:{position.subscription_id}"
    return f"venue_account:{position.venue_account_id}"


def test_whatever_is_asked_the_money_holds(db):
    Money.world, Money.operations = World(), 0
    run_state_machine_as_test(
        Money,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            # To shrink a hundred steps would take longer than a test may.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Money.operations >= OPERATIONS
