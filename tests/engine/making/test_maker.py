"""What a maker does, told what happens."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.making.actions import Alert as AlertTold
from engine.making.actions import (
    AlertKind,
    Cancel,
    Close,
    LookUp,
    Moved,
    Place,
    Quoted,
    State,
    Why,
)
from engine.making.events import (
    AccountTold,
    Failed,
    Filled,
    Halt,
    OrderTold,
    Release,
    Retune,
    Start,
    Stop,
    Told,
)
from engine.making.maker import MOVES, NotNow
from engine.making.params import changed
from engine.making.sides import Open
from engine.signal import Side
from tests.engine.making.wild import GRID, MID, NAMER, Standing, Wild


def running(**changes):
    venue = Wild(**changes)
    venue.tell(Start(venue.now_ms))
    venue.settle()
    venue.run(1500)
    assert venue.maker.state is State.RUNNING
    return venue


def done(venue, kind):
    return [one for one in venue.did if isinstance(one, kind)]


def alerts(venue):
    return [one.kind for one in done(venue, AlertTold)]


def moves(venue):
    return [(one.came_from, one.to) for one in done(venue, Moved)]


def last(venue, kind):
    return done(venue, kind)[-1]


def test_it_starts_quotes_both_sides_and_stops_with_nothing_left():
    venue = running()
    assert {one.side for one in venue.open} == {Side.BUY, Side.SELL}
    venue.tell(Stop(venue.now_ms))
    venue.run(5000)
    assert venue.maker.state is State.IDLE
    assert not venue.open
    assert moves(venue) == [
        (State.IDLE, State.STARTING),
        (State.STARTING, State.RUNNING),
        (State.RUNNING, State.STOPPING),
        (State.STOPPING, State.IDLE),
    ]
    assert alerts(venue) == [AlertKind.STARTED, AlertKind.FLAT, AlertKind.STOPPED]


def test_a_quote_that_is_still_right_keeps_its_place_in_the_queue():
    venue = running()
    before = len(venue.placed)
    venue.run(120_000)
    assert len(venue.placed) == before


def test_a_price_that_is_off_is_replaced_and_the_new_one_stands_first():
    venue = running()
    venue.mid += 60
    venue.run(1000)
    replaced = [
        one for one in venue.did if isinstance(one, Place | Cancel) and one.why is Why.PRICE
    ]
    assert {type(one) for one in replaced} == {Place, Cancel}
    assert isinstance(replaced[0], Place)
    assert len(venue.open) == 2


def test_without_margin_for_both_the_old_one_goes_first():
    venue = running(leverage=1, equity_risk=1, max_order_notional=1e6, max_inventory_share=0)
    venue.did.clear()
    venue.maker.account = AccountTold(venue.now_ms, venue.now_ms, 0, Decimal(1000), Decimal(100))
    venue.mid += 60
    venue.tell(venue.book())
    venue.now_ms += 300
    venue.tell(venue.book())
    venue.tell_time()
    why = [one for one in venue.did if isinstance(one, Place | Cancel)]
    assert why
    assert all(isinstance(one, Cancel) for one in why)


def test_no_quote_takes_even_where_inventory_pulls_it_over():
    venue = running(gamma=5, gamma_max=10)
    buy = next(one for one in venue.open if one.side is Side.BUY)
    venue.fill(buy, buy.quantity)
    venue.settle()
    venue.run(3000)
    for quoted in done(venue, Quoted):
        assert not quoted.bid or quoted.bid < quoted.best_ask
        assert not quoted.ask or quoted.ask > quoted.best_bid


def test_near_the_limit_only_the_side_that_reduces_is_quoted_until_well_below():
    venue = running(leverage=1, max_inventory_share=1, equity_risk=0.3)
    for _ in range(4):
        buy = next((one for one in venue.open if one.side is Side.BUY), None)
        if buy is None:
            break
        venue.fill(buy, buy.quantity)
        venue.settle()
        venue.run(2000)
    assert last(venue, Quoted).sides is Open.ONLY_SELL
    assert {one.side for one in venue.open} == {Side.SELL}
    assert Why.INVENTORY in {one.why for one in done(venue, Cancel)} | {Why.INVENTORY}
    while venue.position:
        sell = next(one for one in venue.open if one.side is Side.SELL)
        venue.fill(sell, sell.quantity)
        venue.settle()
        venue.run(2000)
        if venue.position * MID * GRID.unit <= 450:
            break
    assert last(venue, Quoted).sides is Open.BOTH


def test_a_frozen_book_takes_the_quotes_away_and_a_new_one_brings_them_back():
    venue = running()
    for _ in range(20):
        venue.now_ms += 250
        venue.tell_time()
        venue.settle()
    assert not venue.open
    assert Why.STALE in {one.why for one in done(venue, Cancel)}
    venue.run(1000)
    assert len(venue.open) == 2


def test_a_crossed_book_is_none():
    venue = running()
    crossed = venue.book()
    venue.tell(type(crossed)(venue.now_ms + 100, crossed.asks, crossed.bids))
    assert venue.maker.book.at_ms == venue.now_ms


def test_the_alert_leaves_before_flattening_starts_and_a_person_is_needed_then():
    venue = running()
    buy = next(one for one in venue.open if one.side is Side.BUY)
    venue.fill(buy, buy.quantity)
    venue.settle()
    venue.did.clear()
    venue.tell(Halt(venue.now_ms, "by hand"))
    venue.run(5000)
    order = [type(one) for one in venue.did]
    kill = next(n for n, one in enumerate(venue.did) if isinstance(one, AlertTold))
    assert venue.did[kill].kind is AlertKind.KILL_SWITCH
    assert kill < order.index(Cancel) < order.index(Close)
    assert venue.maker.state is State.HALTED
    assert venue.position == 0
    with pytest.raises(NotNow):
        venue.tell(Start(venue.now_ms))
    venue.tell(Release(venue.now_ms, "looked at"))
    assert venue.maker.state is State.IDLE


def test_a_loss_halts():
    venue = running()
    venue.cash -= 95
    venue.run(5000)
    assert venue.maker.state is State.HALTED
    assert "below the peak" in last(venue, Moved).reason


def test_failures_in_a_row_halt_and_one_that_goes_well_ends_the_row():
    venue = running()
    for _ in range(5):
        venue.tell(Failed(venue.now_ms, "account", "timed out"))
    venue.tell(OrderTold(venue.now_ms, venue.open[0].client_id, Told.OPEN, Side.BUY, 1, 1))
    assert venue.maker.guard.failures == 0
    for _ in range(6):
        venue.tell(Failed(venue.now_ms, "account", "timed out"))
    venue.run(5000)
    assert venue.maker.state is State.HALTED
    assert alerts(venue).count(AlertKind.FAILURE) == 1


def test_refused_orders_are_tried_ever_more_rarely_and_then_it_halts():
    venue = running(most_failures=50)
    venue.tell(Stop(venue.now_ms))
    venue.run(3000)
    venue.faults.extend([""] * 2)
    venue.tell(Start(venue.now_ms))
    venue.settle()
    venue.placed.clear()
    original = venue._placed
    venue._placed = lambda action, refuses: original(action, True)
    venue.run(20_000)
    assert len(venue.placed) < 20


def test_wild_volatility_halts_and_calm_does_not():
    venue = running(sigma_window_seconds=10)
    venue.run(20_000)
    for _ in range(30):
        venue.mid += 400
        venue.run(250)
        if venue.maker.state is not State.RUNNING:
            break
    venue.run(5000)
    assert venue.maker.state is State.HALTED
    assert "volatility" in last(venue, Moved).reason


def test_flattening_that_is_refused_twenty_times_goes_on_and_is_accepted():
    venue = running()
    buy = next(one for one in venue.open if one.side is Side.BUY)
    venue.fill(buy, buy.quantity)
    venue.settle()
    venue.denies_closing = 20
    venue.tell(Stop(venue.now_ms))
    venue.run(300_000, until=lambda: venue.maker.state is State.IDLE)
    assert venue.maker.state is State.IDLE
    assert venue.position == 0
    assert len(done(venue, Close)) == 21
    assert AlertKind.FLATTEN_RETRY in alerts(venue)


def test_who_is_never_let_flatten_calls_a_person():
    venue = running(close_tries=5, close_delay_most_seconds=1)
    buy = next(one for one in venue.open if one.side is Side.BUY)
    venue.fill(buy, buy.quantity)
    venue.settle()
    venue.denies_closing = 1000
    venue.tell(Stop(venue.now_ms))
    venue.run(60_000)
    assert venue.maker.state is State.HALTED
    assert len(done(venue, Close)) == 5
    assert AlertKind.GAVE_UP in alerts(venue)
    venue.denies_closing = 0
    venue.tell(Halt(venue.now_ms, "again"))
    venue.run(5000)
    assert (venue.maker.state, venue.position) == (State.HALTED, 0)


def test_a_residue_below_the_least_is_dust_and_said_so():
    venue = running()
    venue.maker.grid = type(GRID)(GRID.symbol, GRID.tick, GRID.step, 10, Decimal(5), GRID.unit)
    venue.position = 4
    venue.tell(Stop(venue.now_ms))
    venue.run(5000)
    assert venue.maker.state is State.IDLE
    assert AlertKind.DUST in alerts(venue)
    assert not done(venue, Close)


def test_what_fills_while_it_is_canceled_is_closed_as_well():
    venue = running()
    buy = next(one for one in venue.open if one.side is Side.BUY)
    venue.tell(Stop(venue.now_ms))
    venue.fill(buy, buy.quantity // 2)
    venue.run(5000)
    assert (venue.maker.state, venue.position, venue.maker.position) == (State.IDLE, 0, 0)


def test_old_orders_are_found_and_taken_away_before_it_quotes():
    venue = Wild()
    old = type(NAMER)(NAMER.session, 0).name(5)
    other = type(NAMER)(8, 0).name(5)
    for name in (old, other):
        venue.orders[name] = Standing(name, Side.BUY, MID - 50, 10, venue.now_ms)
    venue.tell(Start(venue.now_ms))
    venue.settle()
    assert venue.orders[old].status is Told.CANCELED
    assert venue.orders[other].status is Told.OPEN
    assert AlertKind.STRAY in alerts(venue)
    venue.run(2000)
    assert venue.maker.state is State.RUNNING


def test_an_order_that_nobody_heard_of_is_looked_up_and_never_sent_again():
    venue = Wild()
    venue.tell(Start(venue.now_ms))
    venue.settle()
    venue.now_ms += 250
    venue.tell(venue.book())
    venue.tell_time()
    venue.settle()
    venue.now_ms += 250
    venue.tell(venue.book())
    venue.tell_time()
    venue.faults.extend(["lose_ack", "lose_ack"])
    venue.settle()
    placed = list(venue.placed)
    assert len(placed) == 2
    venue.run(750)
    assert venue.placed == placed
    assert not any(one.is_open for one in venue.maker.desk.own.values())
    venue.run(3000)
    assert {one.client_id for one in done(venue, LookUp)} == set(placed)
    assert all(one.is_open for one in venue.maker.desk.own.values())
    assert len(venue.open) == 2


def test_an_order_that_cannot_even_be_looked_up_is_not_asked_for_without_end():
    venue = running()
    client_id = next(iter(venue.maker.desk.own))
    venue.maker.desk.own[client_id].is_open = False
    venue.maker.desk.own[client_id].chase_next(venue.now_ms)
    asked = []
    for _ in range(20):
        actions = venue.maker.handle(Failed(venue.now_ms, "lookup", "no answer", client_id))
        asked += [one for one in actions if isinstance(one, LookUp)]
    assert len(asked) <= 1


def test_a_cancel_that_times_out_is_asked_again_until_the_order_is_gone():
    venue = running()
    served, lost = venue._canceled, []
    venue._canceled = lambda action, refuses: lost.append(action)
    venue.mid += 60
    venue.run(4000)
    assert len(venue.open) > 2
    assert len(lost) > len({one.client_id for one in lost})
    venue._canceled = served
    venue.run(10_000)
    assert len(venue.open) == 2


def test_a_position_that_the_venue_tells_twice_is_taken_over():
    venue = running()
    venue.position += 7
    venue.run(5000)
    assert venue.maker.position == venue.position
    assert AlertKind.DRIFT in alerts(venue)


@pytest.mark.parametrize(
    "order", [("fill", "fill", "end"), ("end", "fill"), ("part", "fill", "end", "fill")]
)
def test_a_fill_counts_once_however_often_and_in_which_order_it_is_told(order):
    venue = running()
    buy = next(one for one in venue.open if one.side is Side.BUY)
    before = venue.now_ms
    fill = Filled(before, buy.client_id, "1", Side.BUY, buy.price, 10, Decimal(0), True, before)
    told = OrderTold(before, buy.client_id, Told.CANCELED, Side.BUY, buy.price, buy.quantity, 10)
    events = {"fill": fill, "end": told, "part": replace(told, status=Told.OPEN)}
    for name in order:
        venue.tell(events[name])
        if name == "fill":
            assert venue.maker.position == 10
    assert venue.maker.position == 10


def test_an_order_is_as_old_as_the_venue_says():
    venue = running()
    own = next(iter(venue.maker.desk.own.values()))
    assert own.since_ms == venue.orders[own.client_id].placed_at_ms


def test_several_levels_stand_apart_and_go_when_fewer_are_asked_for():
    venue = running(levels=3)
    assert len(venue.open) == 6
    assert len({one.price for one in venue.open}) == 6
    venue.tell(Retune(venue.now_ms, changed(venue.maker.params, levels=1)))
    venue.run(1000)
    assert len(venue.open) == 2


def test_no_more_is_asked_of_the_venue_than_was_allowed():
    venue = running(orders_a_second=1)
    venue.did.clear()
    for _ in range(80):
        venue.mid += 50
        venue.run(250)
    assert len(done(venue, Place)) <= 25


def test_a_heartbeat_is_told():
    venue = running(heartbeat_seconds=60)
    venue.run(130_000)
    assert alerts(venue).count(AlertKind.HEARTBEAT) == 2


def test_every_state_can_be_left_and_each_move_is_in_the_table():
    assert set(MOVES) == set(State)
    assert all(MOVES[state] for state in State)
