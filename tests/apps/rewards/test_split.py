"""How a pool is shared out: the published cases, and what holds for every case."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.rewards.split import Person, Rates, split
from engine.money import UNIT, points

ROOT = 1
RATES = dict(enumerate(map(Decimal, ("0", ".2", ".3", ".4", ".5", ".6", ".7", ".8"))))


USUAL = Rates()


def person(member, level=0, *, node=False, holding=0):
    return Person(member, level, RATES[level], node, Decimal(str(holding)))


def shared(pool, *line, source=0):
    """Kind to amounts, in the order they were paid."""
    told = defaultdict(list)
    shares = split(Decimal(pool), source=person(99, source), line=line, root=ROOT, rates=USUAL)
    for share in shares:
        told[share.kind].append((share.member, share.amount.normalize()))
    assert sum(share.amount for share in shares) == Decimal(pool)
    return dict(told)


def of(**expected):
    return {
        kind: [(member, Decimal(str(amount)).normalize()) for member, amount in shares]
        for kind, shares in expected.items()
    }


S1, S2, S3, S5, S6, S7 = 1, 2, 3, 5, 6, 7
CASES = [
    (
        "an inviter who holds enough",
        300,
        [person(2, holding=2000)],
        0,
        of(
            tech_team=[(1, 30)],
            direct=[(2, 15)],
            peer_undist=[(1, 6)],
            network_undist=[(1, 39)],
            platform_retain=[(1, 210)],
        ),
    ),
    (
        "an inviter who holds nothing",
        150,
        [person(2)],
        0,
        of(
            tech_team=[(1, 15)],
            direct_undist=[(1, "7.5")],
            peer_undist=[(1, 3)],
            network_undist=[(1, "19.5")],
            platform_retain=[(1, 105)],
        ),
    ),
    (
        "two nodes, one above the other",
        3000,
        [person(2, S1, node=True, holding=2000), person(3, S3, node=True)],
        0,
        of(
            tech_team=[(1, 300)],
            direct=[(2, 150)],
            level_diff=[(2, 120), (3, 120)],
            peer_undist=[(1, 60)],
            network_undist=[(1, 150)],
            platform_retain=[(1, 2100)],
        ),
    ),
    (
        "a peer",
        1500,
        [person(2, S2, node=True)],
        S2,
        of(
            tech_team=[(1, 150)],
            direct_undist=[(1, 75)],
            level_diff=[(2, 90)],
            peer=[(2, 30)],
            network_undist=[(1, 105)],
            platform_retain=[(1, 1050)],
        ),
    ),
    (
        "nobody above",
        30,
        [],
        0,
        of(
            tech_team=[(1, 3)],
            direct_undist=[(1, "1.5")],
            peer_undist=[(1, ".6")],
            network_undist=[(1, "3.9")],
            platform_retain=[(1, 21)],
        ),
    ),
    (
        "three nodes without holdings",
        3000,
        [person(2, S1, node=True), person(3, S3, node=True), person(4, S5, node=True)],
        0,
        of(
            tech_team=[(1, 300)],
            direct_undist=[(1, 150)],
            level_diff=[(2, 120), (3, 120), (4, 120)],
            peer_undist=[(1, 60)],
            network_undist=[(1, 30)],
            platform_retain=[(1, 2100)],
        ),
    ),
    (
        "of two peers the nearer",
        1500,
        [person(2, S2, node=True), person(3, S2, node=True)],
        S2,
        of(
            tech_team=[(1, 150)],
            direct_undist=[(1, 75)],
            level_diff=[(2, 90)],
            peer=[(2, 30)],
            network_undist=[(1, 105)],
            platform_retain=[(1, 1050)],
        ),
    ),
    (
        "who is no node is passed over",
        600,
        [person(2, S2), person(3, S3, node=True)],
        0,
        of(
            tech_team=[(1, 60)],
            direct_undist=[(1, 30)],
            level_diff=[(3, 48)],
            peer_undist=[(1, 12)],
            network_undist=[(1, 30)],
            platform_retain=[(1, 420)],
        ),
    ),
    (
        "a node that also invited",
        600,
        [person(2, S1, node=True, holding=2000)],
        0,
        of(
            tech_team=[(1, 60)],
            direct=[(2, 30)],
            level_diff=[(2, 24)],
            peer_undist=[(1, 12)],
            network_undist=[(1, 54)],
            platform_retain=[(1, 420)],
        ),
    ),
    (
        "exactly 1,000 is enough",
        1000,
        [person(2, holding=1000)],
        0,
        of(
            tech_team=[(1, 100)],
            direct=[(2, 50)],
            peer_undist=[(1, 20)],
            network_undist=[(1, 130)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "one unit less is not",
        1000,
        [person(2, holding="999.99999999")],
        0,
        of(
            tech_team=[(1, 100)],
            direct_undist=[(1, 50)],
            peer_undist=[(1, 20)],
            network_undist=[(1, 130)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "a chain to S5",
        3000,
        [
            person(2, S1, node=True, holding=2000),
            person(3, S3, node=True),
            person(4, S5, node=True),
        ],
        0,
        of(
            tech_team=[(1, 300)],
            direct=[(2, 150)],
            level_diff=[(2, 120), (3, 120), (4, 120)],
            peer_undist=[(1, 60)],
            network_undist=[(1, 30)],
            platform_retain=[(1, 2100)],
        ),
    ),
    (
        "direct, difference and peer to one",
        1000,
        [person(2, S2, node=True, holding=2000)],
        S2,
        of(
            tech_team=[(1, 100)],
            direct=[(2, 50)],
            level_diff=[(2, 60)],
            peer=[(2, 20)],
            network_undist=[(1, 70)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "the budget caps the difference",
        1000,
        [person(2, S7, node=True, holding=5000)],
        0,
        of(
            tech_team=[(1, 100)],
            direct=[(2, 50)],
            level_diff=[(2, 150)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "the budget caps the peer",
        1000,
        [person(2, S6, node=True, holding=5000)],
        S6,
        of(
            tech_team=[(1, 100)],
            direct=[(2, 50)],
            level_diff=[(2, 140)],
            peer=[(2, 10)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "the budget runs out on the way up",
        1000,
        [person(2, S3, node=True, holding=5000), person(3, S7, node=True)],
        0,
        of(
            tech_team=[(1, 100)],
            direct=[(2, 50)],
            level_diff=[(2, 80), (3, 70)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "an S0 node is an S0 member's peer",
        1000,
        [person(2, 0, node=True)],
        0,
        of(
            tech_team=[(1, 100)],
            direct_undist=[(1, 50)],
            peer=[(2, 20)],
            network_undist=[(1, 130)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "a lower node above a higher one earns no difference",
        1000,
        [person(2, S3, node=True), person(3, S1, node=True)],
        0,
        of(
            tech_team=[(1, 100)],
            direct_undist=[(1, 50)],
            level_diff=[(2, 80)],
            peer_undist=[(1, 20)],
            network_undist=[(1, 50)],
            platform_retain=[(1, 700)],
        ),
    ),
    (
        "thirds are cut down, and the platform has what is left over",
        "33.33333333",
        [person(2, S1, node=True, holding=2000)],
        S1,
        of(
            tech_team=[(1, "3.33333333")],
            direct=[(2, "1.66666666")],
            level_diff=[(2, "1.33333333")],
            peer=[(2, "0.66666666")],
            network_undist=[(1, "2.99999999")],
            platform_retain=[(1, "23.33333336")],
        ),
    ),
]


@pytest.mark.parametrize(
    ("case", "pool", "line", "source", "expected"), CASES, ids=[case[0] for case in CASES]
)
def test_the_published_cases(case, pool, line, source, expected):
    assert shared(pool, *line, source=source) == expected


people = st.builds(
    lambda member, level, node, holding: person(member, level, node=node, holding=holding),
    st.integers(2, 50),
    st.integers(0, 7),
    st.booleans(),
    st.decimals(0, 5000, places=2),
)


share = st.decimals(0, 1, places=4)
all_rates = st.builds(
    lambda tech, network, direct, peer, least: Rates(
        tech, min(network, 1 - tech), direct, peer, least
    ),
    share,
    share,
    share,
    share,
    st.sampled_from([Decimal(0), Decimal(1000), Decimal(5000)]),
)


@given(
    amount=st.decimals(UNIT, Decimal(10) ** 9, places=8),
    source=st.integers(0, 7),
    line=st.lists(people, max_size=30),
    rates=st.one_of(st.just(USUAL), all_rates),
)
def test_the_parts_are_the_pool_to_the_last_unit(amount, source, line, rates):
    shares = split(amount, source=person(99, source), line=line, root=ROOT, rates=rates)
    assert sum(share.amount for share in shares) == amount
    assert all(share.amount > 0 and points(share.amount) == share.amount for share in shares)
    network = sum(
        share.amount for share in shares if share.kind not in {"tech_team", "platform_retain"}
    )
    assert network <= amount * rates.network
    kept = sum(share.amount for share in shares if share.kind == "platform_retain")
    # What cutting down left over, less than a unit of each share, and nothing else.
    assert 0 <= kept - amount * rates.platform < UNIT * len(line) + UNIT * 5
    kinds = [share.kind for share in shares if share.kind != "level_diff"]
    assert len(kinds) == len(set(kinds))
