"""Messages carry text and decimals in plain digits, and refuse what they do not know."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messages import (
    KIND_OF,
    KINDS,
    TICKETS_PER_PARCEL,
    Fill,
    Message,
    Report,
    Ticket,
    Tickets,
    number,
)
from tests.engine.tickets import ticket

decimals = st.decimals(-(10**17), 10**17, places=8)


@given(decimals)
def test_a_number_travels_as_plain_digits_and_comes_back_whole(value):
    told = number(value)
    assert Decimal(told) == value
    assert "E" not in told
    assert set(told) <= set("-0123456789.")
    msgspec.json.decode(msgspec.json.encode(report(filled=told)), type=Report)


@pytest.mark.parametrize(
    ("value", "told"),
    [("1E+3", "1000"), ("1E-8", "0.00000001"), ("0E-8", "0"), ("-0", "0"), ("1.500", "1.5")],
)
def test_a_number_has_one_way_to_be_written(value, told):
    assert number(Decimal(value)) == told


def report(**changes):
    told = {
        "order_id": "7",
        "account": "1",
        "client_order_id": "ib7",
        "status": "unknown",
        "filled": "0",
        "reported_at_ms": 1,
    }
    return told | changes


def read(message, kind):
    return msgspec.json.decode(msgspec.json.encode(message), type=kind)


def test_a_ticket_comes_back_as_it_left():
    assert read(ticket(), Ticket) == ticket()


WRONG = {
    "a float": {"quantity": 0.1},
    "a number": {"quantity": 1},
    "an exponent": {"quantity": "1e3"},
    "zero": {"quantity": "0.000"},
    "negative": {"quantity": "-1"},
    "not a number": {"quantity": "NaN"},
    "endless": {"quantity": "Infinity"},
    "too long": {"quantity": "1" * 19},
    "no digits": {"quantity": "."},
    "spaces": {"quantity": " 1"},
    "a line end": {"quantity": "1\n"},
    "foreign digits": {"quantity": "١"},
    "no leverage": {"leverage": 0},
    "too much leverage": {"leverage": 201},
    "leverage as text": {"leverage": "10"},
    "a path": {"client_order_id": "../../etc"},
    "a slash": {"account": "a/b"},
    "an empty name": {"account": ""},
    "a line end in a name": {"client_order_id": "ib7\n"},
    "a lower symbol": {"symbol": "btc/usdt"},
    "no pair": {"symbol": "BTCUSDT"},
    "an unknown side": {"side": "hold"},
    "an unknown task": {"task": "hold"},
    "before time began": {"not_after_ms": -1},
    "an unknown field": {"extra": 1},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_ticket_with_a_wrong_field_is_refused(changes):
    told = msgspec.to_builtins(ticket()) | changes
    with pytest.raises(msgspec.ValidationError):
        read(told, Ticket)


OPTIONAL = {"margin", "position_mode", "price", "style", "stop", "target", "venue_order_id"}


@pytest.mark.parametrize("name", [*Ticket.__struct_fields__])
def test_a_ticket_without_a_field_is_refused_unless_it_has_a_default(name):
    # What has its default is left out on the way.
    told = msgspec.to_builtins(msgspec.structs.asdict(ticket()))
    del told[name]
    if name in OPTIONAL:
        assert read(told, Ticket) == ticket()
    else:
        with pytest.raises(msgspec.ValidationError, match=name):
            read(told, Ticket)


@pytest.mark.parametrize("number_of", [0, TICKETS_PER_PARCEL + 1])
def test_a_batch_is_neither_empty_nor_endless(number_of):
    told = {"tickets": [msgspec.to_builtins(ticket())] * number_of}
    with pytest.raises(msgspec.ValidationError):
        read(told, Tickets)


def test_a_fill_may_pay_a_rebate_but_never_comes_in_floats():
    told = {"venue_fill_id": "f", "quantity": "1", "price": "2", "fee": "-0.1", "filled_at_ms": 1}
    assert read(told, Fill).fee == "-0.1"
    for name in ("quantity", "price", "fee"):
        with pytest.raises(msgspec.ValidationError):
            read(told | {name: 1.5}, Fill)


def test_every_kind_of_message_has_a_name_and_none_knows_floats():
    assert {KIND_OF[kind] for kind in KINDS.values()} == set(KINDS)
    for kind in Message.__subclasses__():
        schema = repr(msgspec.inspect.type_info(kind))
        assert "FloatType" not in schema
        assert kind.__struct_config__.forbid_unknown_fields
        assert kind.__struct_config__.frozen
