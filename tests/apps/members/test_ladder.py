"""Levels from holdings: at the thresholds, and on trees of every shape."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.members.ladder import Held, Place, level_of, standings

TEAMS = [0, 10_000, 50_000, 200_000, 500_000, 1_000_000, 3_000_000, 10_000_000]
LADDER = [(number, Decimal(team)) for number, team in enumerate(TEAMS)]
LEAST = Decimal(1000)


@pytest.mark.parametrize(
    ("own", "team", "level"),
    [
        ("999.99999999", "10000000", 0),
        ("1000", "9999.99", 0),
        ("1000", "9999.99999999", 0),
        ("1000", "10000", 1),
        ("1000", "49999.99999999", 1),
        ("1000", "50000", 2),
        ("5000", "200000", 3),
        ("5000", "10000000", 7),
        ("5000", "99999999999", 7),
        ("0", "0", 0),
    ],
)
def test_both_thresholds_are_met_by_what_equals_them(own, team, level):
    held = Held(Decimal(own), Decimal(team))
    assert level_of(held, ladder=LADDER, min_holding=LEAST) == level


trees = st.lists(st.integers(0, 10**6), max_size=40).map(
    lambda draws: [None, *(draw % (place + 1) for place, draw in enumerate(draws))]
)


@given(inviters=trees, data=st.data())
def test_a_team_is_everybody_below(inviters, data):
    amounts = st.decimals(0, 10**6, places=8)
    own = {member: data.draw(amounts) for member in range(len(inviters))}
    lines = []
    for inviter in inviters:
        lines.append([] if inviter is None else [*lines[inviter], inviter])
    places = [Place(member, inviter, len(lines[member])) for member, inviter in enumerate(inviters)]
    found = standings(data.draw(st.permutations(places)), own)
    for member in own:
        team = [other for other in own if member in lines[other]]
        assert found[member] == Held(own[member], sum(own[row] for row in team), len(team))


def test_who_holds_nothing_is_in_the_team_all_the_same():
    found = standings([Place(1, None, 0), Place(2, 1, 1)], {})
    assert found == {1: Held(Decimal(0), Decimal(0), 1), 2: Held(Decimal(0))}
