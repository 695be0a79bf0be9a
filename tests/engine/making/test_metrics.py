"""Every figure follows from what was told and done."""

from decimal import Decimal

import msgspec
import pytest

from engine.making.actions import Moved, Place, Quoted, State, Why
from engine.making.events import AccountTold, BookSeen, Filled, OrderTold, Start, Told
from engine.making.metrics import Figures, Metrics
from engine.making.sides import Open
from engine.signal import Side
from tests.engine.making.wild import GRID, MID

DAY = 86_400_000


def fill(number, side, price, quantity, fee, at_ms=1_000):
    return Filled(at_ms, "a", str(number), side, price, quantity, Decimal(fee), True, at_ms)


def begun():
    metrics = Metrics(GRID, target_hourly_notional=Decimal(6000))
    metrics.heard(Start(0))
    metrics.heard(BookSeen(0, ((MID - 1, 5),), ((MID + 1, 5),)))
    metrics.heard(AccountTold(0, 0, 0, Decimal(1000), Decimal(1000)))
    return metrics


def test_profit_is_what_was_earned_against_the_mid_and_what_inventory_did_and_fees():
    metrics = begun()
    metrics.heard(fill(1, Side.BUY, MID - 10, 100, "0.01"))
    metrics.heard(fill(2, Side.SELL, MID + 10, 40, "-0.004"))
    metrics.heard(fill(2, Side.SELL, MID + 10, 40, "-0.004"))
    metrics.heard(BookSeen(2000, ((MID + 4, 5),), ((MID + 6, 5),)))
    told = metrics.figures(2000)
    assert told.fills == told.maker_fills == 2
    assert told.pnl_spread == Decimal("0.14")
    assert told.pnl_inventory == Decimal("0.03")
    assert told.fee_total == Decimal("0.006")
    assert (told.fees_paid, told.fees_rebated) == (Decimal("0.01"), Decimal("0.004"))
    assert told.pnl_traded == Decimal("0.164")
    assert told.inventory == Decimal("0.60")
    volume = Decimal("599.9") + Decimal("240.04")
    assert told.volume == told.volume_1h == volume
    assert told.target_share == pytest.approx(float(volume) / 6000 * 60)


def test_wear_is_what_ten_thousand_traded_cost():
    metrics = begun()
    metrics.heard(fill(1, Side.BUY, MID, 1000, "0"))
    metrics.heard(AccountTold(1500, 1500, 1000, Decimal(997), Decimal(900)))
    told = metrics.figures(2000)
    assert told.wear_per_10k == Decimal(5)
    assert told.pnl_total == Decimal(-3)
    assert told.drawdown_percent == Decimal("0.3")


def test_the_day_begins_anew_and_an_hour_and_a_minute_go_by():
    metrics = begun()
    metrics.heard(fill(1, Side.BUY, MID, 10, "0", at_ms=DAY - 1000))
    metrics.heard(AccountTold(DAY - 1, DAY - 1, 10, Decimal(1010), Decimal(900)))
    metrics.heard(AccountTold(DAY + 1, DAY + 1, 10, Decimal(1015), Decimal(900)))
    metrics.heard(AccountTold(DAY + 2, DAY + 2, 10, Decimal(1013), Decimal(900)))
    told = metrics.figures(DAY + 2)
    assert (told.pnl_total, told.pnl_daily) == (Decimal(13), Decimal(-2))
    assert (told.fills_a_minute, told.volume_1h) == (1, Decimal(60))
    later = metrics.figures(DAY + 2 * 3_600_000)
    assert (later.fills_a_minute, later.volume_1h, later.volume) == (0, Decimal(0), Decimal(60))


def test_orders_tell_how_long_they_stood_and_how_long_answers_took():
    metrics = begun()
    for number, lived in enumerate((1000, 2000, 3000, 9000)):
        name = f"o{number}"
        metrics.did(0, [Place(name, Side.BUY, 0, MID - 9, 5, Why.MISSING)])
        metrics.heard(OrderTold(20, name, Told.OPEN, Side.BUY, MID - 9, 5, placed_at_ms=10))
        if lived < 9000:
            end = OrderTold(10 + lived, name, Told.CANCELED, Side.BUY, MID - 9, 5)
            metrics.heard(end)
    told = metrics.figures(9010)
    assert (told.placed, told.canceled, told.open_orders) == (4, 3, 1)
    assert (told.time_in_book_p50, told.time_in_book_p90) == (3.0, 9.0)
    assert told.oldest_bid_seconds == 9.0
    assert told.latency_p50_ms == 20.0
    assert told.fill_to_cancel == 0


def test_what_is_quoted_is_told_with_its_distances():
    metrics = begun()
    quoted = Quoted(
        at_ms=5,
        best_bid=MID - 1,
        best_ask=MID + 1,
        bid=MID - 7,
        ask=MID + 7,
        bid_quantity=10,
        ask_quantity=10,
        half_bps=1.0,
        shift_bps=0.0,
        sigma=0.001,
        z=0.5,
        gamma=0.1,
        k=1.5,
        a=0.5,
        imbalance=0.0,
        position=0,
        sides=Open.BOTH,
        capacity=Decimal(50_000),
        reasons=(),
    )
    metrics.did(5, [Moved(State.IDLE, State.STARTING, "started"), quoted])
    told = metrics.figures(10)
    assert told.state is State.STARTING
    assert told.spread_bps == pytest.approx(14 / MID * 1e4)
    assert told.distance_bid_bps == pytest.approx(6 / (MID - 1) * 1e4)
    assert told.quote_notional == Decimal("59.993")
    assert told.bid == Decimal("599.93")


def test_an_order_that_is_filled_is_open_no_more_although_nothing_else_is_told_of_it():
    metrics = begun()
    place = Place("a", Side.BUY, 0, MID - 10, 100, Why.MISSING)
    metrics.did(0, [place])
    metrics.heard(OrderTold(10, "a", Told.OPEN, Side.BUY, MID - 10, 100))
    metrics.heard(fill(1, Side.BUY, MID - 10, 60, "0", at_ms=500))
    assert metrics.figures(600).open_orders == 1
    metrics.heard(fill(2, Side.BUY, MID - 10, 40, "0", at_ms=1010))
    told = metrics.figures(60_000)
    assert (told.open_orders, told.oldest_bid_seconds) == (0, 0)
    assert told.time_in_book_p90 == 1


def test_another_life_of_a_session_goes_on_with_what_the_ones_before_came_to():
    before, after, whole = begun(), Metrics(GRID, target_hourly_notional=Decimal(6000)), begun()
    heard = [
        fill(1, Side.BUY, MID - 10, 100, "0.01"),
        fill(2, Side.SELL, MID + 10, 40, "-0.004", at_ms=1500),
        AccountTold(1600, 1600, 60, Decimal(1001), Decimal(900)),
    ]
    again = [
        fill(2, Side.SELL, MID + 10, 40, "-0.004", at_ms=1500),
        fill(3, Side.SELL, MID + 20, 70, "0.02", at_ms=1900),
        BookSeen(5000, ((MID + 4, 5),), ((MID + 6, 5),)),
    ]
    for one in heard:
        before.heard(one)
        whole.heard(one)
    told = msgspec.convert(msgspec.to_builtins(before.figures(2000)), Figures, strict=False)
    after.heard(Start(5000))
    after.go_on(told, ["1", "2"])
    for one in again:
        after.heard(one)
        whole.heard(one)
    after.heard(AccountTold(6000, 6000, -10, Decimal(999), Decimal(900)))
    whole.heard(AccountTold(6000, 6000, -10, Decimal(999), Decimal(900)))
    # When in the last minute the others were, nobody knows any more.
    expected = msgspec.structs.replace(whole.figures(7000), fills_a_minute=1)
    assert after.figures(7000) == expected
    assert (expected.fills, expected.inventory) == (3, Decimal("-0.10"))
