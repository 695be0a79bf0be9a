"""A model that fails is left, tried now and then, and comes back when it answers again."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.deciding.standing import FINE, Patience, begun, ended, next_model

NAMES = ("first", "second", "third")
PATIENCE = Patience()


def asked(standings, name, *, answered, now_ms):
    standings = begun(standings, name, PATIENCE, now_ms)
    return ended(standings, name, PATIENCE, answered=answered, now_ms=now_ms)


def test_the_first_is_asked_while_it_stands():
    standings = {}
    for now_ms in range(2):
        standings = asked(standings, "first", answered=False, now_ms=now_ms)
    assert next_model(NAMES, standings, passed=(), now_ms=5) == "first"
    standings = asked(standings, "first", answered=False, now_ms=2)
    assert next_model(NAMES, standings, passed=(), now_ms=5) == "second"


def test_one_answer_between_failures_is_enough_to_stand():
    standings = {}
    for answered in (False, False, True, False, False):
        standings = asked(standings, "first", answered=answered, now_ms=0)
    assert not standings["first"].is_away


def away():
    standings = {}
    for _ in range(3):
        standings = asked(standings, "first", answered=False, now_ms=0)
    return standings


def test_one_that_is_away_is_tried_by_one_at_a_time():
    standings = away()
    assert next_model(NAMES, standings, passed=(), now_ms=599_999) == "second"
    assert next_model(NAMES, standings, passed=(), now_ms=600_000) == "first"
    standings = begun(standings, "first", PATIENCE, 600_000)
    assert next_model(NAMES, standings, passed=(), now_ms=600_001) == "second"


def test_it_comes_back_when_its_last_tries_answered():
    standings, now_ms = away(), 0
    for answered, is_back in (
        (True, False),
        (False, False),
        (True, False),
        (True, False),
        (True, True),
    ):
        now_ms += 600_000
        assert next_model(NAMES, standings, passed=(), now_ms=now_ms) == "first"
        standings = asked(standings, "first", answered=answered, now_ms=now_ms)
        assert standings["first"].is_away is not is_back
    assert standings["first"] == FINE


def test_nobody_is_asked_where_all_are_away_or_passed_over():
    assert next_model(("first",), away(), passed=(), now_ms=1) is None
    assert next_model(NAMES, away(), passed=("second", "third"), now_ms=1) is None


class Course(RuleBasedStateMachine):
    """Any course of answers, failures and time, against what anybody can say of it."""

    @initialize(
        failures=st.integers(1, 4), probes=st.integers(1, 5), percent=st.sampled_from([50, 80, 99])
    )
    def begin(self, failures, probes, percent):
        self.patience = Patience(
            failures=failures, probe_seconds=60, probes=probes, success_percent=percent
        )
        self.standings, self.now_ms = {}, 0
        self.history = {name: [] for name in NAMES}
        self.probed_at = dict.fromkeys(NAMES, None)
        self.passed = set()

    @rule(milliseconds=st.integers(0, 200_000))
    def wait(self, milliseconds):
        self.now_ms += milliseconds
        self.passed = set()

    def asks(self):
        return next_model(NAMES, self.standings, passed=self.passed, now_ms=self.now_ms)

    @precondition(lambda self: self.asks())
    @rule(answered=st.booleans())
    def ask(self, answered):
        name = self.asks()
        before = self.standings.get(name, FINE)
        if before.is_away:
            last = self.probed_at[name]
            assert last is None or self.now_ms - last >= 60_000
            self.probed_at[name] = self.now_ms
        self.standings = begun(self.standings, name, self.patience, self.now_ms)
        if before.is_away:
            assert next_model((name,), self.standings, passed=(), now_ms=self.now_ms) is None
        self.standings = ended(
            self.standings, name, self.patience, answered=answered, now_ms=self.now_ms
        )
        after = self.standings[name]
        self.history[name].append(answered)
        if not before.is_away and after.is_away:
            recent = self.history[name][-self.patience.failures :]
            assert recent == [False] * self.patience.failures
            self.probed_at[name] = self.now_ms
        if before.is_away and not after.is_away:
            tries = self.history[name][-self.patience.probes :]
            assert 100 * sum(tries) >= self.patience.success_percent * len(tries)
            assert after == FINE
        self.passed = set() if answered else {*self.passed, name}

    @precondition(lambda self: not self.asks())
    @rule()
    def nobody(self):
        for name in set(NAMES) - self.passed:
            assert self.standings[name].probe_at_ms > self.now_ms

    @invariant()
    def the_first_that_may_be_asked_is_asked(self):
        if not hasattr(self, "standings"):
            return
        chosen = self.asks()
        for name in NAMES[: NAMES.index(chosen)] if chosen else ():
            standing = self.standings.get(name, FINE)
            assert name in self.passed or standing.probe_at_ms > self.now_ms


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
