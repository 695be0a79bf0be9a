"""A replay is the maker itself, its books balance to the last unit, and a seed gives it again."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.errors import BadParameters
from engine.instrument import Instrument
from engine.making.actions import State
from engine.making.params import MakerParams, changed
from engine.making.replaying.binance import read_binance
from engine.making.replaying.floor import AT, BY_SIGHT, SEEN
from engine.making.replaying.made import Making, made_market
from engine.making.replaying.mids import read_mids
from engine.making.replaying.page import figures_of, markout, replay_page, sweep_page
from engine.making.replaying.recording import BadRecording, Scale
from engine.making.replaying.replay import Replay, Terms
from engine.making.replaying.sweep import sweep
from engine.money import ZERO, points
from engine.paper.account import Account, IdRule
from engine.paper.orders import Ask, Order
from engine.signal import Side

ETH = Instrument("ETH/USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(20))
RECORDED = Path("shared/data/market/ethusdt-perp-l2-20240808.gz")
BEGINNING = Path(__file__).with_name("ethusdt-perp-l2-cut.gz")
PARAMS = changed(MakerParams(), recovery_seconds=1)
MAKING = Making(seed=5, seconds=60, mid=Decimal(2600), a=2.0)


@pytest.fixture(scope="module")
def made():
    return made_market(ETH, MAKING)


@pytest.fixture(scope="module")
def recorded():
    """The whole file where it lies beside the repository, otherwise its first lines."""
    found = [up / RECORDED for up in Path(__file__).parents if (up / RECORDED).exists()]
    return read_binance(found[0] if found else BEGINNING, ETH)


def written(outcome):
    figures = figures_of(outcome)
    return msgspec.json.encode([figures, outcome.deals, outcome.series.tolist(), outcome.moves])


def balances(outcome):
    """The fills booked by the paper exchange's own account: cash, holding and profit are ours."""
    grid, account = outcome.grid, Account("maker", IdRule.ALWAYS, cash=outcome.terms.cash)
    fees, volume = ZERO, ZERO
    for number, deal in enumerate(outcome.deals, start=1):
        quantity, price = grid.quantity(deal.quantity), grid.price(deal.price)
        order = Order(number, "maker", Ask("ETH/USDT", deal.side, quantity, price), 0)
        account.absorb(order, quantity, price, 0)
        rate = outcome.terms.maker_fee if deal.is_maker else outcome.terms.taker_fee
        assert deal.fee == points(quantity * price * rate)
        fees += deal.fee
        volume += quantity * price
    held = ZERO
    at_cost = account.cash
    for (_, direction), holding in account.holdings.items():
        sign = 1 if direction == "long" else -1
        held += sign * holding.quantity
        at_cost -= sign * holding.cost
    figures = outcome.figures
    assert outcome.cash == at_cost - fees
    assert grid.quantity(outcome.position) == held == figures.inventory
    assert figures.fee_total == fees == figures.fees_paid - figures.fees_rebated
    assert figures.volume == volume
    worth = outcome.cash + held * figures.mid
    assert worth - outcome.terms.cash == figures.pnl_traded == figures.pnl_total
    assert figures.pnl_traded == figures.pnl_spread + figures.pnl_inventory - fees
    return account


def test_a_recorded_file_is_replayed_and_balances(recorded):
    # The whole file, or its first lines.
    assert (recorded.lines, len(recorded)) in ((74_655, 551_055), (4_000, 29_036))
    assert recorded.left_out == 0
    outcome = Replay(recorded, PARAMS).run()
    assert outcome.state is State.IDLE
    assert outcome.position == 0
    seconds = (recorded.tape[AT][-1] - recorded.tape[AT][0]) // 10**9
    assert outcome.looks >= seconds * 4
    assert len(outcome.deals) > 0
    balances(outcome)
    assert written(Replay(recorded, PARAMS).run()) == written(outcome)


def test_nothing_was_seen_before_it_happened(recorded):
    assert (recorded.tape[SEEN] >= recorded.tape[AT]).all()
    seen = recorded.tape[SEEN, recorded.tape[BY_SIGHT]]
    assert (seen[1:] >= seen[:-1]).all()


@pytest.mark.parametrize(
    "terms",
    [
        Terms(),
        Terms(maker_fee=Decimal("-0.00005"), queue_power=0),
        Terms(entry_ms=150, response_ms=250, queue_power=1),
    ],
)
def test_a_made_market_balances_on_any_terms(made, terms):
    outcome = Replay(made, changed(PARAMS, levels=2), terms).run()
    assert outcome.deals
    assert outcome.state is State.IDLE
    assert outcome.position == 0
    balances(outcome)


def test_a_seed_gives_the_same_bytes_and_another_gives_others(made):
    again = made_market(ETH, MAKING)
    one, other = (Replay(each, PARAMS).run() for each in (made, again))
    assert written(one) == written(other)
    different = made_market(ETH, Making(seed=6, seconds=60, mid=Decimal(2600), a=2.0))
    assert written(Replay(different, PARAMS).run()) != written(one)


def test_no_fill_takes_but_in_closing_and_none_is_off_its_order(made):
    outcome = Replay(made, PARAMS).run()
    closing_ms = next(at for at, moved in outcome.moves if moved.to is State.STOPPING)
    assert all(one.is_maker or one.at_ns // 10**6 >= closing_ms for one in outcome.deals)
    assert all(one.quantity > 0 for one in outcome.deals)


def test_who_knows_more_than_we_costs_us():
    def later(informed):
        making = Making(seed=5, seconds=120, mid=Decimal(2600), a=4.0, informed=informed)
        return markout(Replay(made_market(ETH, making), PARAMS).run(), 1).mean()

    assert later(0.9) < later(0.0)


def test_every_combination_is_tried_and_wrong_ones_are_refused_first(made):
    trials = sweep(made, PARAMS, Terms(), {"gamma": [0.05, 1.0], "k": [1.0, 2.0]})
    assert [tuple(one.values.values()) for one in trials] == [
        (0.05, 1.0),
        (0.05, 2.0),
        (1.0, 1.0),
        (1.0, 2.0),
    ]
    assert len({one.outcome.figures.pnl_traded for one in trials}) > 1
    assert "2.0" in sweep_page(trials, "Sweep")
    with pytest.raises(BadParameters, match="gamma"):
        sweep(made, PARAMS, Terms(), {"gamma": [0.05, 99.0]})


def test_the_page_needs_nothing_else(made):
    outcome = Replay(made, PARAMS).run()
    for language in ("en", "zh-hans"):
        page = replay_page(outcome, "A <replay>", language)
        assert "A &lt;replay&gt;" in page
        assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
        assert page.count("<svg") == 3


def csv_of(tmp_path, lines):
    path = tmp_path / "mids.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    "times", [("1700000000", "1700000001"), ("2023-11-14T22:13:20", "2023-11-14T22:13:21Z")]
)
def test_plain_mids_are_read_in_their_forms(tmp_path, times):
    path = csv_of(tmp_path, ["ts,close", f"{times[0]},2600.00", f"{times[1]},2600.005"])
    told = read_mids(path, ETH)
    assert told.starts_ns == 1_700_000_000 * 10**9
    assert (told.ends_ns - told.starts_ns) == 10**9
    assert len(told) == 4


@pytest.mark.parametrize(
    ("case", "lines", "said"),
    [
        ("no price", ["ts,open", "1,2"], "no column is called mid"),
        ("not later", ["ts,mid", "5,1", "5,2"], "line 3"),
        ("no number", ["ts,mid", "5,x"], "line 2"),
        ("nothing", ["ts,mid", "5,-1"], "above zero"),
        ("one line", ["ts,mid", "5,1"], "two prices"),
        ("below a tick", ["ts,mid", "5,1", "6,0.001"], "line 3: mid 0.001 does not fit a tick"),
        ("no price on earth", ["ts,mid", "5,1e40", "6,1e40"], "line 2"),
        ("an endless field", ["ts,mid", f"5,{'1' * 200_000}"], "is no CSV"),
    ],
)
def test_what_is_no_csv_of_mids_is_refused(tmp_path, case, lines, said):
    with pytest.raises(BadRecording, match=said):
        read_mids(csv_of(tmp_path, lines), ETH)


def test_what_is_no_text_is_no_csv_and_a_mark_of_its_bytes_is_none_of_its_name(tmp_path):
    path = tmp_path / "mids.csv"
    path.write_bytes(b"ts,mid\n1,2\n\xff\xfe,3\n")
    with pytest.raises(BadRecording, match=r"mids\.csv is no CSV"):
        read_mids(path, ETH)
    path.write_bytes(b"\xef\xbb\xbfts,mid\n1,2\n2,3\n")
    assert len(read_mids(path, ETH)) == 4


@pytest.mark.parametrize("spoil", [lambda file: b"hello", lambda file: file[:-20]])
def test_a_recording_that_ends_too_early_is_refused_by_its_name(tmp_path, spoil):
    path = tmp_path / "cut.gz"
    path.write_bytes(spoil(BEGINNING.read_bytes()))
    with pytest.raises(BadRecording, match=r"cut\.gz, after line"):
        read_binance(path, ETH)


@pytest.mark.parametrize(
    "terms",
    [{"entry_ms": -1}, {"queue_power": -3}, {"maker_fee": Decimal(-9)}, {"cash": Decimal(0)}],
)
def test_terms_that_no_exchange_has_are_refused_by_name(terms):
    with pytest.raises(BadParameters, match=next(iter(terms))):
        Terms(**terms)


def test_mids_alone_fill_only_where_the_other_side_comes(tmp_path):
    lines = ["ts,mid", *(f"{second},{2600 + (second % 60) / 20}" for second in range(1, 600))]
    outcome = Replay(read_mids(csv_of(tmp_path, lines), ETH), PARAMS).run()
    balances(outcome)
    assert outcome.deals


def raw(tmp_path, *messages):
    path = tmp_path / "raw.gz"
    with gzip.open(path, "wt") as lines:
        for number, message in enumerate(messages):
            lines.write(f"{10**18 + number} {json.dumps(message)}\n")
    return path


def stream(kind, **data):
    return {"stream": f"ethusdt@{kind}", "data": {"e": kind, "T": 10**12, "u": 1, **data}}


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("off the grid", stream("trade", p="1.005", q="1", m=True)),
        ("another stream", stream("markPrice", p="1")),
        ("no message", {"result": None}),
        ("a missing field", stream("trade", p="1.00")),
    ],
)
def test_a_line_that_is_not_understood_is_refused_by_its_number(tmp_path, case, message):
    good = stream("bookTicker", b="1.00", B="1", a="1.01", A="1")
    with pytest.raises(BadRecording, match="line 2"):
        read_binance(raw(tmp_path, good, message), ETH)


def test_decimals_become_whole_units_exactly():
    assert Scale(Decimal("0.05")).whole("2681.65") == 53_633
    assert Scale(Decimal("0.001")).whole("2.5000000") == 2_500
    with pytest.raises(ValueError, match="no multiple"):
        Scale(Decimal("0.05")).whole("2681.62")


def test_trades_are_told_to_a_maker_that_calibrates(made):
    outcome = Replay(made, changed(PARAMS, calibrates=True, k=5.0)).run()
    # The market was made with a k of 1.5: what was assumed is drawn towards it.
    assert outcome.figures.k < 4.0
    assert {one.side for one in outcome.deals} == {Side.BUY, Side.SELL}
