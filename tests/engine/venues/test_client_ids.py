"""Our client order ids at each venue: its form, always the same, never two alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.envelope import client_order_id
from engine.errors import VenueRefused
from engine.venues.client_ids import FORMS, UPPER_HALF, at_venue, read_back

CENTRE = st.builds(
    client_order_id,
    account=st.integers(1, 1 << 31).map(str),
    ticket_id=st.uuids().map(str),
    generation=st.integers(0, 9),
)
# As the venues' documents put it, apart from the patterns that are used.
DOCUMENTED = {
    "paper": r"[A-Za-z0-9]{1,64}",
    "binance": r"[\.A-Z\:/a-z0-9_-]{1,36}",
    "okx": r"[A-Za-z0-9]{1,32}",
    "gate": r"t-[A-Za-z0-9_.-]{1,28}",
    "hyperliquid": r"0x[0-9a-f]{32}",
    "grvt": r"[0-9]{19,20}",
}
VENUES = pytest.mark.parametrize("venue", FORMS)


def test_every_venue_has_a_documented_form():
    assert set(DOCUMENTED) == set(FORMS)


@VENUES
@given(ours=CENTRE)
def test_an_id_of_the_centre_has_the_form_of_the_venue(venue, ours):
    assert re.fullmatch(DOCUMENTED[venue], at_venue(venue, ours))
    assert at_venue(venue, ours) == at_venue(venue, ours)


@VENUES
@given(ours=CENTRE)
def test_an_id_in_the_venue_s_form_stays_as_it_is(venue, ours):
    written = at_venue(venue, ours)
    assert at_venue(venue, written) == written
    assert written == written.strip()


@VENUES
@given(some=st.lists(CENTRE, unique=True, min_size=2, max_size=50))
def test_two_ids_are_two_at_the_venue(venue, some):
    assert len({at_venue(venue, ours) for ours in some}) == len(some)


@pytest.mark.parametrize("venue", ["binance", "okx", "gate", "hyperliquid"])
@given(ours=CENTRE)
def test_our_id_is_read_back_out_of_the_venue_s(venue, ours):
    assert read_back(venue, at_venue(venue, ours)) == ours


@given(ours=CENTRE)
def test_grvt_is_given_a_number_of_the_programs_half(ours):
    assert UPPER_HALF <= int(at_venue("grvt", ours)) < 2 * UPPER_HALF
    assert read_back("grvt", at_venue("grvt", ours)) == at_venue("grvt", ours)


@pytest.mark.parametrize(
    ("venue", "told"),
    [
        ("binance", "web_pCCGp9AIHjziKLlpGpXI"),
        ("okx", ""),
        ("gate", "web"),
        ("gate", "ao-123"),
        ("hyperliquid", "0x" + "00" * 16),
        ("hyperliquid", ""),
        ("grvt", "0"),
        ("grvt", "123456789012345678"),
    ],
)
def test_an_order_that_is_not_ours_has_no_id_of_ours(venue, told):
    assert read_back(venue, told) == ""


@pytest.mark.parametrize(
    ("venue", "ours"),
    [
        ("binance", "a" * 37),
        ("okx", "a" * 33),
        ("okx", "a-b"),
        ("gate", "a" * 29),
        ("gate", "ten"),
        ("gate", "a:b"),
    ],
)
def test_an_id_that_the_venue_would_not_take_is_refused(venue, ours):
    with pytest.raises(VenueRefused, match=venue):
        at_venue(venue, ours)


@given(one=st.text("abcXYZ019", min_size=1, max_size=40), other=st.text("abcXYZ019", min_size=1))
def test_an_id_of_another_make_is_hashed(one, other):
    for venue in ("hyperliquid", "grvt"):
        assert (at_venue(venue, one) == at_venue(venue, other)) == (one == other)
