"""Whatever a venue does to it and in which order, a maker that is stopped comes to rest: no order
left, nothing held that could be closed, and it has asked for no more than it may."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.making.actions import Cancel, Moved, Place, State
from engine.making.events import Failed, Halt, Start, Stop, Told
from engine.making.maker import MOVES
from engine.signal import Side
from tests.engine.making.wild import GRID, Standing, Wild

FAULTS = ("refuse", "lose_ack", "lose_request")


class MakerAtRandom(RuleBasedStateMachine):
    @initialize(levels=st.integers(1, 3), places_first=st.booleans(), old=st.integers(0, 2))
    def begin(self, levels, places_first, old):
        self.venue = Wild(
            levels=levels, places_first=places_first, most_failures=50, drawdown_percent=80
        )
        for number in range(old):
            name = self.venue.maker.desk.names.namer
            name = type(name)(name.session, 0).name(number)
            standing = Standing(name, Side.BUY, self.venue.mid - 90, 5, self.venue.now_ms)
            self.venue.orders[name] = standing
        self.venue.tell(Start(self.venue.now_ms))
        self.venue.settle()
        self.venue.run(1500)

    @rule(ms=st.integers(250, 700), by=st.sampled_from([-40, -9, 0, 9, 40]))
    def it_looks(self, ms, by):
        self.venue.now_ms += ms
        self.venue.mid += by
        self.venue.tell(self.venue.book())
        self.venue.tell_time()

    @rule()
    def all_that_is_under_way_arrives(self):
        self.venue.settle()

    @rule(ms=st.integers(0, 5000))
    def time_goes_by_unseen(self, ms):
        self.venue.now_ms += ms
        self.venue.tell_time()

    @rule(by=st.integers(-200, 200))
    def the_market_moves(self, by):
        self.venue.mid += by
        self.venue.tell(self.venue.book())

    @rule()
    def a_book_comes_late(self):
        self.venue.tell(self.venue.book(self.venue.now_ms - 2_000))

    @precondition(lambda self: self.venue.requests)
    @rule(count=st.integers(1, 3))
    def the_venue_does_what_was_asked(self, count):
        for _ in range(min(count, len(self.venue.requests))):
            self.venue.serve()

    @precondition(lambda self: self.venue.requests)
    @rule(fault=st.sampled_from(FAULTS))
    def a_request_goes_wrong(self, fault):
        self.venue.faults.append(fault)
        self.venue.serve()
        self.venue.faults.clear()

    @precondition(lambda self: self.cancels())
    @rule()
    def a_cancel_is_lost(self):
        self.venue.requests.remove(self.cancels()[0])

    def cancels(self):
        return [each for each in self.venue.requests if isinstance(each[1], Cancel)]

    @precondition(lambda self: self.venue.answers)
    @rule(chance=st.randoms(use_true_random=False))
    def an_answer_comes_in_any_order(self, chance):
        place = chance.randrange(len(self.venue.answers))
        answer = self.venue.answers[place]
        del self.venue.answers[place]
        self.venue.tell(answer)

    @precondition(lambda self: self.venue.answers)
    @rule()
    def an_answer_comes_twice(self):
        self.venue.tell(self.venue.answers[0])

    @precondition(lambda self: self.venue.open)
    @rule(chance=st.randoms(use_true_random=False), share=st.integers(1, 4))
    def somebody_trades_with_us(self, chance, share):
        one = chance.choice(self.venue.open)
        left = one.quantity - one.filled
        self.venue.fill(one, max(left // share, 1))

    @rule()
    def a_request_is_not_answered(self):
        known = list(self.venue.maker.desk.own)
        name = known[0] if known else ""
        self.venue.tell(Failed(self.venue.now_ms, "orders", "timed out", name))

    @precondition(lambda self: self.venue.maker.state in (State.STARTING, State.RUNNING))
    @rule(halts=st.booleans())
    def it_is_told_to_come_to_rest(self, halts):
        now_ms = self.venue.now_ms
        self.venue.tell(Halt(now_ms, "by hand") if halts else Stop(now_ms))

    @precondition(lambda self: self.venue.maker.state is State.IDLE)
    @rule()
    def it_is_started_again(self):
        self.venue.tell(Start(self.venue.now_ms))

    @invariant()
    def at_most_one_order_of_a_level_stays(self):
        if not hasattr(self, "venue"):
            return
        desk = self.venue.maker.desk
        for (side, level), slot in desk.slots.items():
            there = [one for one in desk.own.values() if (one.side, one.level) == (side, level)]
            staying = [one for one in there if not one.is_leaving]
            assert len(there) <= 2
            assert len([one for one in staying if one is not slot.coming]) <= 1

    @invariant()
    def nothing_at_the_venue_is_unknown_to_it(self):
        if hasattr(self, "venue"):
            for one in self.venue.open:
                known = self.venue.maker.desk.is_known(one.client_id)
                assert known or not self.venue.maker._orders_told_at_ms >= one.placed_at_ms

    @invariant()
    def it_moves_by_the_table_and_places_only_while_it_runs(self):
        if not hasattr(self, "venue"):
            return
        state = State.IDLE
        for one in self.venue.did:
            if isinstance(one, Moved):
                assert one.came_from is state
                assert one.to in MOVES[state]
                state = one.to
            assert not isinstance(one, Place) or state is State.RUNNING
            assert not isinstance(one, Place) or (one.price > 0 and one.quantity >= GRID.least)
        assert state is self.venue.maker.state

    def teardown(self):
        if not hasattr(self, "venue"):
            return
        venue = self.venue
        if venue.maker.state in (State.STARTING, State.RUNNING):
            venue.tell(Stop(venue.now_ms))
        venue.settle()
        venue.run(120_000, until=lambda: venue.maker.state in (State.IDLE, State.HALTED))
        assert venue.maker.state in (State.IDLE, State.HALTED)
        # The order that could still have been on its way is not: all requests were served.
        assert not [one for one in venue.orders.values() if one.status is Told.OPEN]
        assert venue.maker.position == venue.position
        assert abs(venue.position) < GRID.least


TestMakerAtRandom = MakerAtRandom.TestCase
TestMakerAtRandom.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
