"""Whatever is put, replaced, and killed in between: the store tells what a dict would."""

import os
import signal
import tempfile
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.candle import seconds
from engine.errors import ConflictingBars, MissingBars, NotStored
from engine.market import CandleStore, series
from tests.engine.market.series import COLUMNS, cut, same, walk

BTC = ("binance", "BTC/USDT")
SPAN = 40
LEVELS = st.sampled_from([1, 2])
REPLACED = "market.index_replaced"
WORLDS = {level: walk(level, SPAN) for level in (1, 2)}


def rows_of(candles):
    return dict(
        zip(
            candles.opened_at.tolist(),
            zip(*(getattr(candles, name).tolist() for name in COLUMNS[1:]), strict=True),
            strict=True,
        )
    )


class Died(BaseException):
    """In place of a process that is killed: nothing catches it, and nothing is tidied up."""


@contextmanager
def dying_at(step):
    """Die at this step of a writing; tells the steps that were passed."""
    passed = []

    def reach(name):
        passed.append(name)
        if len(passed) > step:
            raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "failpoint", reach)
        yield passed


class Storing(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.store = CandleStore(Path(self.home.name) / "candles")
        self.model = {}

    def teardown(self):
        self.home.cleanup()

    @rule(
        level=LEVELS,
        first=st.integers(0, SPAN - 1),
        count=st.integers(1, 20),
        replace=st.booleans(),
    )
    def put(self, level, first, count, replace):
        bars = cut(WORLDS[level], first, first + count)
        rows = rows_of(bars)
        differing = [at for at in rows if at in self.model and self.model[at] != rows[at]]
        if differing and not replace:
            with pytest.raises(ConflictingBars) as refused:
                self.store.put(*BTC, bars)
            assert refused.value.context["opened_at"] == differing[0]
            return
        told = self.store.put(*BTC, bars, replace=replace)
        added = len(rows.keys() - self.model.keys())
        assert told == (added, len(rows) - added - len(differing), len(differing))
        self.model |= rows

    @rule(
        level=LEVELS,
        first=st.integers(0, SPAN - 1),
        count=st.integers(1, 20),
        step=st.integers(0, 5),
    )
    def put_and_die(self, level, first, count, step):
        """Nothing is stored before the index is replaced, and everything after it."""
        bars = cut(WORLDS[level], first, first + count)
        with dying_at(step) as passed, suppress(Died):
            self.store.put(*BTC, bars, replace=True)
            passed.append(REPLACED)  # there was too little to write to die at this step
        if REPLACED in passed:
            self.model |= rows_of(bars)

    @rule(
        first=st.integers(0, SPAN),
        count=st.integers(1, 20),
        timeframe=st.sampled_from(["1m", "5m"]),
    )
    def get(self, first, count, timeframe):
        length = seconds(timeframe)
        start, end = -(-first * 60 // length) * length, (first + count) * 60 // length * length
        if start >= end or not self.model:
            return
        asked = (*BTC, timeframe, first * 60, (first + count) * 60)
        missing = [at for at in range(start, end, 60) if at not in self.model]
        if missing:
            with pytest.raises(MissingBars) as refused:
                self.store.get(*asked)
            told = refused.value.context["missing"]
            assert [at for one in told for at in range(*one, 60)] == missing
            return
        told = self.store.get(*asked)
        whole = [rows_of(told)] if timeframe == "1m" else []
        for rows in whole:
            assert rows == {at: self.model[at] for at in range(start, end, 60)}
        assert (told.opened_at[0], told.closed_at) == (start, end)

    @invariant()
    def tells_what_was_put(self):
        if not self.model:
            with pytest.raises(NotStored):
                self.store.stored(*BTC, "1m")
            return
        told = {}
        for piece in self.store.stretches(*BTC, "1m"):
            told |= rows_of(piece)
        assert told == self.model
        self.store.verify(*BTC, "1m")
        (one,) = self.store.list()
        gaps = self.store.gaps(*BTC, "1m")
        assert (one.first, one.last, one.bars) == (min(told), max(told), len(told))
        assert (one.gaps, one.missing) == (len(gaps), sum(gap.bars for gap in gaps))


@settings(max_examples=12, stateful_step_count=15, deadline=None)
class Machine(Storing):
    pass


def test_the_store_tells_what_a_dict_would(monkeypatch):
    monkeypatch.setattr(series, "PART_BARS", 8)
    Machine.TestCase().runTest()


def put_and_be_killed(root, bars, deaths):
    os.environ["IRONBULL_FAILPOINTS"] = str(deaths)
    CandleStore(root).put(*BTC, bars)


@pytest.mark.parametrize("place", ["part_written", "index_written", "index_replaced"])
def test_a_process_that_is_killed_leaves_the_old_or_the_new(tmp_path, place):
    store, deaths = CandleStore(tmp_path / "candles"), tmp_path / "deaths"
    store.put(*BTC, cut(WORLDS[1], 0, 10))
    deaths.mkdir()
    (deaths / f"market.{place}").touch()
    arguments = (store.root, WORLDS[1], deaths)
    process = get_context("fork").Process(target=put_and_be_killed, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(store.get(*BTC, "1m")) == (SPAN if place == "index_replaced" else 10)
    store.put(*BTC, WORLDS[2], replace=True)
    assert same(store.get(*BTC, "1m"), WORLDS[2])
    assert len(list(store.root.rglob("*.npy"))) == 1


def put_one_by_one(root, first):
    for bar in range(first, SPAN, 2):
        CandleStore(root).put(*BTC, cut(WORLDS[1], bar, bar + 1))


def test_writers_wait_and_readers_always_find_a_whole(tmp_path):
    """Two processes put every other bar, while this one reads what there is."""
    context = get_context("fork")
    writers = [context.Process(target=put_one_by_one, args=(tmp_path, first)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    store, found = CandleStore(tmp_path), 0
    world = rows_of(WORLDS[1])
    while found < SPAN and any(writer.is_alive() for writer in writers):
        told = {}
        for piece in store.stretches(*BTC, "1m"):
            told |= rows_of(piece)
        assert told.items() <= world.items()
        assert len(told) >= found
        found = len(told)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert same(store.get(*BTC, "1m"), WORLDS[1])
