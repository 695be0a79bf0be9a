"""Whatever is asked of the ledger, in whatever order, it agrees with a ledger on paper."""

from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.core.errors import BadInput, KeyReused
from apps.ledger.errors import BadAmount, InsufficientPoints
from apps.ledger.models import Transfer
from apps.ledger.verification import first_misfit
from engine.money import UNIT
from tests.apps.ledger.books import balances, keys, make, movement, open_books

CARDS = 4
EXAMPLES, STEPS = 60, 50
members = st.integers(1, CARDS)
anyone = st.integers(0, CARDS)
amounts = st.one_of(st.decimals(UNIT, 50, places=8), st.sampled_from([UNIT, Decimal(50)]))
no_amounts = st.sampled_from(
    ["0", "-1", "NaN", "-Infinity", "1e-9", "1e30", "10000000000.00000001"]
)


class Books(RuleBasedStateMachine):
    """A paper ledger beside ours; account 0 is the one that may owe."""

    steps = 0

    def __init__(self):
        super().__init__()
        self.around = transaction.atomic()
        self.around.__enter__()
        self.accounts = open_books(CARDS)
        self.paper = [Decimal(0)] * (CARDS + 1)
        self.made = {}

    def teardown(self):
        assert first_misfit() is None
        transaction.set_rollback(True)
        self.around.__exit__(None, None, None)

    def ask(self, wanted):
        return make(
            [movement(key, self.accounts[d], self.accounts[c], a) for key, d, c, a in wanted]
        )

    def outcome(self, wanted):
        """What paper says: the balances after it, or the first refusal."""
        paper, made = list(self.paper), dict(self.made)
        if any(debit == credit for _key, debit, credit, _amount in wanted):
            return BadInput
        for key, *content in wanted:
            if key in made:
                if made[key] != content:
                    return KeyReused
                continue
            debit, credit, amount = content
            if debit and paper[debit] < amount:
                return InsufficientPoints
            paper[debit] -= amount
            paper[credit] += amount
            made[key] = content
        return paper, made

    @rule(credit=members, amount=amounts, name=st.integers(0, 40))
    def issue(self, credit, amount, name):
        self.compare([(f"key:{name}", 0, credit, amount)])

    @rule(debit=anyone, credit=anyone, amount=amounts, name=st.integers(0, 40))
    def move(self, debit, credit, amount, name):
        self.compare([(f"key:{name}", debit, credit, amount)])

    @rule(wanted=st.lists(st.tuples(st.integers(0, 60), anyone, anyone, amounts), max_size=8))
    def move_many(self, wanted):
        self.compare([(f"key:{name}", *content) for name, *content in wanted])

    @rule(data=st.data())
    def repeat(self, data):
        some = (
            data.draw(st.lists(st.sampled_from(sorted(self.made)), max_size=6)) if self.made else []
        )
        self.compare([(key, *self.made[key]) for key in some])

    @rule(debit=anyone, credit=anyone, amount=no_amounts)
    def move_what_is_no_amount(self, debit, credit, amount):
        with pytest.raises(BadAmount):
            self.ask([("good", 0, 1, 1), ("bad", debit, credit, amount)])

    def compare(self, wanted):
        expected = self.outcome(wanted)
        if isinstance(expected, type):
            with pytest.raises(expected):
                self.ask(wanted)
            return
        names = self.ask(wanted)
        made = Transfer.objects.across_tenants().in_bulk(names)
        assert [made[name].key for name in names] == [key for key, *_ in wanted]
        self.paper, self.made = expected

    @invariant()
    def it_agrees_with_paper(self):
        Books.steps += 1
        held = balances()
        assert held == self.paper
        assert sum(held) == 0
        assert min(held[1:]) >= 0
        assert keys() == set(self.made)


def test_any_sequence_agrees_with_paper(db):
    Books.steps = 0
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Books.steps >= 2000
