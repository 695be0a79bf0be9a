"""Machine code is kept, loaded without numba, and refuses what it was not made for."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine import compiled
from engine.backtest import crossings
from engine.backtest.crossings import first_known

FAST, SLOW = np.array([1.0, 1, 3, 1]), np.array([np.nan, 2, 2, 2])
ONCE = """
import sys, numpy as np
from engine.backtest import crossings
crossings(np.array([1.0, 3]), np.array([2.0, 2]))
assert "numba" not in sys.modules
"""


def test_whoever_runs_it_does_not_load_numba():
    crossings(FAST, SLOW)
    subprocess.run([sys.executable, "-c", ONCE], check=True, cwd=Path(compiled.__file__).parents[1])


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ("other numbers", FAST.astype(np.float32)),
        ("more dimensions", FAST.reshape(2, 2)),
        ("gaps", np.repeat(FAST, 2)[::2]),
    ],
)
def test_an_array_it_was_not_made_for_is_refused(case, wrong):
    with pytest.raises(TypeError):
        first_known(FAST, wrong)
    assert first_known(FAST, SLOW) == 1


def test_code_is_kept_where_it_can_be_and_older_code_goes(tmp_path):
    old, new = tmp_path / "__pycache__" / "rule.1.o", tmp_path / "__pycache__" / "rule.2.o"
    assert compiled.keep(b"old", old)
    assert compiled.keep(b"new", new)
    assert [path.name for path in old.parent.iterdir()] == ["rule.2.o"]
    assert new.read_bytes() == b"new"
    assert not compiled.keep(b"new", new / "below-a-file" / "rule.3.o")


def test_who_comes_while_it_is_made_waits_and_takes_it(tmp_path, monkeypatch):
    makers, may_end = [], threading.Event()

    def make(module):
        makers.append(module)
        may_end.wait(30)
        return b"code"

    monkeypatch.setattr(compiled, "make", make)
    monkeypatch.setattr(compiled, "places", lambda source: [tmp_path])
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(compiled.kept_code, crossings.__module__) for _ in range(3)]
        while not makers:
            time.sleep(0.01)
        assert not any(one.done() for one in asked)
        may_end.set()
        assert {one.result() for one in asked} == {b"code"}
    assert makers == ["engine.backtest.crossings"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".o"]


def test_what_was_changed_is_made_anew(tmp_path):
    source = tmp_path / "rule.py"
    source.write_text("one")
    before = compiled.fingerprint(source)
    assert compiled.fingerprint(source) == before
    source.write_text("two")
    assert compiled.fingerprint(source) != before


def test_what_cannot_be_compiled_is_told():
    with pytest.raises(RuntimeError, match=r"engine\.nowhere was not compiled"):
        compiled.make("engine.nowhere")
