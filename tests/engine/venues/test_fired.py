"""What a stop or target became is told by each venue in its own way, and found by its number."""

import json

import pytest

from engine.errors import VenueError
from engine.signal import Side
from tests.engine.venues.local_venue import NOW_MS
from tests.engine.venues.stages import OUR_ID, binance, gate, grvt, hyperliquid, okx

STAGES = [binance.STAGE, okx.STAGE, gate.STAGE, hyperliquid.STAGE, grvt.STAGE]
NUMBERS = {
    "binance": "22542179",
    "okx": "312269865356374016",
    "gate": "58828270140601928",
    "hyperliquid": "77747314",
    "grvt": "0x01010105034cddc7000000006621285c",
}
FIRED = {
    "binance": {"22542180"},
    "okx": {"312269865356374017"},
    "gate": {"58828270140601929"},
    "hyperliquid": {"77747315", "77747316"},
    "grvt": set(),
}
AT_GATE = {
    f"GET {gate.FUTURES}/price_orders": [
        gate.trigger(1, "58000", 2, status="finished", trade_id=58828270140601929),
        gate.trigger(2, "58000", 2, status="finished", order_type="", trade_id=7),
        gate.trigger(3, "58000", 2, status="finished"),
        gate.trigger(4, "58000", 2, trade_id=8, create_time=1600000000),
        gate.trigger(5, "58000", 2, trade_id=9),
    ]
}
each = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
pytestmark = pytest.mark.usefixtures("stopped_clock")


@each
def test_only_what_protected_a_whole_position_and_fired_is_told(stage, local):
    venue = stage.open(local, **(AT_GATE if stage.name == "gate" else {}))
    assert venue.fired_since(stage.symbol, NOW_MS - 1000) == FIRED[stage.name]


@each
def test_an_order_is_the_same_by_either_of_its_names(stage, local):
    venue = stage.open(local)
    by_number = venue.find_by_number(symbol=stage.symbol, venue_order_id=NUMBERS[stage.name])
    by_our_id = venue.find(symbol=stage.symbol, client_order_id=OUR_ID)
    assert (by_number.status, by_number.fills) == (by_our_id.status, by_our_id.fills)
    assert (by_number.filled, by_number.side) == (by_our_id.filled, Side.BUY)


NATIVE = {
    "binance": "BTCUSDT",
    "okx": "BTC-USDT-SWAP",
    "gate": "BTC_USDT",
    "hyperliquid": "BTC",
    "grvt": "BTC_USDT_Perp",
}


@each
def test_an_order_of_another_symbol_is_not_ours_by_either_of_its_names(stage, local):
    native = NATIVE[stage.name]
    other = native.replace("BTC", "ETH")
    number = f"GET {gate.ORDERS}/{NUMBERS['gate']}" if stage.name == "gate" else stage.lookup
    answers = {name: stage.answers[name] for name in (stage.lookup, number)}
    told = json.loads(json.dumps(answers).replace(f'"{native}"', f'"{other}"'))
    venue = stage.open(local, **told)
    with pytest.raises(VenueError, match=f"is an order of {other}"):
        venue.find_by_number(symbol=stage.symbol, venue_order_id=NUMBERS[stage.name])
    with pytest.raises(VenueError, match=f"is an order of {other}"):
        venue.find(symbol=stage.symbol, client_order_id=OUR_ID)


@each
def test_a_number_that_a_venue_does_not_know_is_no_order(stage, local):
    answers = stage.absent
    if stage.name == "gate":
        answers = {f"GET {gate.ORDERS}/{NUMBERS['gate']}": gate.ABSENT}
    venue = stage.open(local, **answers)
    number = NUMBERS[stage.name]
    assert venue.find_by_number(symbol=stage.symbol, venue_order_id=number) is None


@each
def test_of_a_symbol_that_is_not_traded_nothing_is_said(stage, local):
    venue = stage.open(local)
    with pytest.raises(VenueError):
        venue.find_by_number(symbol="XYZ/USDT", venue_order_id="1")


def test_what_closes_a_whole_position_at_hyperliquid_is_as_large_as_its_fills(local):
    answer = hyperliquid.order(isPositionTpsl=True, origSz="0.0", cloid=None)
    venue = hyperliquid.STAGE.open(local, **{"POST /info orderStatus": answer})
    found = venue.find_by_number(symbol="BTC/USDC", venue_order_id="77747314")
    assert str(found.filled) == "0.010"
