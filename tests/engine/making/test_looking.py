"""A look is the same, compiled or not, and whether a maker is woken for it or not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import parts
from engine.compiled import again
from engine.making.actions import State
from engine.making.looking import (
    BUSY,
    D_LEFT,
    D_PRICE,
    D_SINCE_MS,
    D_STATE,
    FREE,
    GOES,
    POSITION,
    QUIET,
    STANDS,
    UNDER_WAY,
    WILD,
    eye_of,
    look,
)
from engine.making.maker import Maker
from engine.making.params import MakerParams, changed
from engine.making.replaying.going import looked
from engine.making.replaying.made import Making, made_market
from engine.making.replaying.replay import Replay, Terms
from engine.making.rules import rules_of
from engine.making.wanted import W_PRICE, W_QUANTITY
from tests.engine.making.test_replay import ETH, written

ON_A_NODE = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
import engine.making.forms, engine.making.maker, engine.making.metrics
"""


def test_a_node_needs_nothing_of_what_compiles():
    subprocess.run(
        [sys.executable, "-c", ON_A_NODE], check=True, cwd=Path(parts.__file__).parents[1]
    )


class Sleepless(Maker):
    def unneeded_until_ms(self):
        return 0


def any_params(chance):
    return changed(
        MakerParams(),
        levels=2,
        model=str(chance.choice(["closed", "rolling", "session"])),
        gamma=chance.uniform(0.01, 5),
        k=chance.uniform(0.1, 30),
        imbalance_bps=float(chance.choice([0.0, 3.0])),
        size_skew=float(chance.choice([0.0, 1.5])),
        level_spacing=chance.uniform(0.1, 3),
        sigma_window_seconds=10,
        volatility_z=chance.uniform(1, 4),
        min_order_age_seconds=float(chance.choice([0.0, 0.25, 3.0])),
    )


def any_market(chance, eye, mid, at_ms):
    """Books round a mid, funds for some orders, and what stands near to what was wanted last."""
    bid, spread = int(mid), int(chance.integers(1, 200))
    for level, size in enumerate(chance.integers(1, 10_000, 10).tolist()):
        way = level - level // 5 * 5
        price = bid - way if level < 5 else bid + spread + way
        eye.picture[2 * level : 2 * level + 2] = price, size
    eye.facts[POSITION] = chance.integers(-300, 300)
    eye.funds[:] = 50 * mid, 400 * mid, 250 * mid
    off = chance.integers(-3, 4)
    eye.desk[:, D_STATE] = chance.choice([FREE, STANDS, STANDS, STANDS, UNDER_WAY, GOES], 4)
    eye.desk[:, D_PRICE] = np.maximum(eye.wanted[:, W_PRICE] + off, 1)
    eye.desk[:, D_LEFT] = np.maximum(eye.wanted[:, W_QUANTITY] - max(off, 0), 1)
    eye.desk[:, D_SINCE_MS] = at_ms - chance.integers(0, 40_000)


def test_compiled_and_plain_looks_are_equal_to_the_last_bit():
    verdicts = {verdict for seed in range(20) for verdict in compared(seed)}
    assert verdicts == {QUIET, BUSY, WILD}


def compared(seed):
    chance = np.random.default_rng(seed)
    params = any_params(chance)
    rules = rules_of(params)._replace(least=3, twice_least_worth=400_000)
    one, other = (eye_of(rules, params, 0) for _ in range(2))
    by_machine, mid, at_ms = again(looked, one), 100_000.0, 0
    for number in range(120):
        at_ms += int(chance.integers(1, 1_000))
        mid *= np.exp(chance.normal(0, 1e-5 if number < 100 else 1e-3))
        any_market(chance, one, mid, at_ms)
        for its, mine in zip(given_to(other), given_to(one), strict=True):
            its[:] = mine
        verdict = by_machine(at_ms)
        assert look(other, at_ms) == verdict
        for its, mine in zip(told_by(other), told_by(one), strict=True):
            assert its.tolist() == mine.tolist()
        yield verdict


def given_to(eye):
    return [eye.picture, eye.facts, eye.funds, eye.desk]


def told_by(eye):
    return [*eye.memory, eye.facts, eye.wanted, eye.told]


@pytest.mark.parametrize(
    ("case", "changes", "terms"),
    [
        ("the defaults", {}, Terms()),
        ("levels", {"levels": 3, "size_skew": 1, "imbalance_bps": 1}, Terms(queue_power=0)),
        ("a session", {"model": "session", "horizon_seconds": 7}, Terms(entry_ms=150)),
        ("one side", {"leverage": 1, "one_sided_at": 0.1, "two_sided_at": 0.05}, Terms()),
        ("wild", {"volatility_z": 1}, Terms()),
        ("stale", {"stale_seconds": 0.5}, Terms()),
        ("calibrated", {"calibrates": True}, Terms()),
    ],
)
def test_a_replay_that_wakes_nobody_in_vain_is_the_one_that_wakes_for_every_look(
    case, changes, terms
):
    market = made_market(ETH, Making(seed=9, seconds=90, mid=2600, a=2.0))
    params = changed(MakerParams(), **{"recovery_seconds": 1, **changes})
    woken = Replay(market, params, terms, maker=Sleepless).run()
    asleep = Replay(market, params, terms).run()
    assert written(asleep) == written(woken)
    assert asleep.looks > 100 or asleep.state is State.HALTED
