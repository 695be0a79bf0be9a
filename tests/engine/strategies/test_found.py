"""A merchant's file is used when it is sound, and its faults are told by file and line."""

import textwrap

import pytest

from engine import strategies
from engine.errors import RuleFailed
from engine.signal import Action, Direction
from engine.strategies import LIBRARY, found
from engine.strategies.found import load_directory, load_file, trial
from tests.engine.strategies.markets import series

SOUND = '''
"""Buys a bar that closes higher by so many percent."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from engine.candle import Candles
from engine.signal import Action, Direction, Intent
from engine.strategies.base import Params, Strategy, opening


class Jump(Params, frozen=True, kw_only=True):
    percent: Annotated[float, Meta(ge=0.1, le=50, description="least rise")] = 1.0


def candles_needed(params):
    return 2


def decide(candles, params):
    rise = 100 * (candles.close[-1] / candles.close[-2] - 1)
    if rise < params.percent:
        return None
    return opening(candles, Direction.LONG, confidence=70, reason="a jump")


STRATEGY = Strategy("jump", Jump, candles_needed, decide, {"calm": {"percent": 3.0}})
'''.lstrip()


@pytest.fixture
def write(tmp_path):
    def written(text, name="jump.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        path.chmod(0o644)
        return path

    tmp_path.chmod(0o755)
    return written


def test_a_sound_file_is_a_strategy_like_any_other(write, tmp_path):
    write(SOUND)
    write("not python at all", "_notes.py")
    write("neither", "notes.txt")
    told = load_directory(tmp_path)
    assert told.faults == []
    assert list(told.strategies) == ["jump"]
    jump = told.strategies["jump"]
    intent = jump.decide(series([10, 11]), jump.read_params({}))
    assert (intent.action, intent.direction) == (Action.OPEN, Direction.LONG)
    assert jump.decide(series([10, 10.2]), jump.preset("calm")) is None
    # Nothing compiled is left behind.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_notes.py", "jump.py", "notes.txt"]


def test_what_is_adopted_is_found_by_its_name(write, tmp_path, monkeypatch):
    monkeypatch.setattr(strategies, "LIBRARY", dict(LIBRARY))
    monkeypatch.setattr(found, "LIBRARY", strategies.LIBRARY)
    write(SOUND)
    write("import os\n", "broken.py")
    (fault,) = found.adopt_directory(tmp_path)
    assert fault.path.name == "broken.py"
    assert strategies.strategy_named("jump").code == "jump"


def test_one_faulty_file_does_not_hide_the_others(write, tmp_path):
    write(SOUND)
    write("import os\n", "broken.py")
    told = load_directory(tmp_path)
    assert list(told.strategies) == ["jump"]
    (fault,) = told.faults
    assert str(fault) == f"{tmp_path / 'broken.py'}:1: may not import os"


RISE = "    rise = 100 * (candles.close[-1] / candles.close[-2] - 1)\n"
OPENS = '    return opening(candles, Direction.LONG, confidence=70, reason="a jump")\n'
FAULTS = {
    "not Python": ("    return None\n", "    return None)\n", "not Python"),
    "the clock": ("from decimal import Decimal\n", "import time\n", "may not import time"),
    "chance": (RISE, "    import random\n" + RISE, "may not import random"),
    "chance of numpy": (
        "from decimal import Decimal\n",
        "import numpy as np\nCHANCE = np.random\n",
        "may not use np.random",
    ),
    "a file": (RISE, "    open('/etc/passwd')\n" + RISE, "may not use open"),
    "a neighbour": ("from decimal import Decimal\n", "from . import x\n", "may not import ."),
    "hidden names": (RISE, "    decide.__globals__\n" + RISE, "may not use decide.__globals__"),
    "behind the cut": (RISE, "    candles.close.base\n" + RISE, "may not use candles.close.base"),
    "a global": (RISE, "    global SEEN\n" + RISE, "may not remember: SEEN"),
    "waiting": ("def decide", "async def decide", "may not wait"),
    "no strategy": ("STRATEGY = ", "OTHER = ", "there is no STRATEGY"),
    "another code": ('Strategy("jump"', 'Strategy("leap"', "the code must be the file's name"),
    "raises when read": ("STRATEGY = ", "1 / 0\nSTRATEGY = ", "ZeroDivisionError"),
    "another signature": (
        "def decide(candles, params)",
        "def decide(candles, params, memory={})",
        "decide takes (candles, params, memory)",
    ),
    "not a function": ("decide, {", "len, {", "decide must be a plain function"),
    "a generator": ("        return None\n", "        yield None\n", "must return an answer"),
    "no bounds": ("Meta(ge=0.1, le=50, desc", "Meta(desc", "parameter percent has no bounds"),
    "half bounds": ("ge=0.1, le=50", "ge=0.1", "parameter percent has no bounds"),
    "bounds crossed": ("ge=0.1, le=50", "ge=50, le=0.1", "with nothing between"),
    "no meaning": (', description="least rise"', "", "parameter percent has no description"),
    "no default": ('rise")] = 1.0', 'rise")]', "parameter percent has no default"),
    "a default out of bounds": ("] = 1.0", "] = 100.0", "<= 50.0"),
    "a preset out of bounds": ('"percent": 3.0', '"percent": 99.0', "calm: jump: "),
    "not frozen": (
        "(Params, frozen=True, kw_only=True)",
        "(Params, forbid_unknown_fields=False)",
        "must refuse unknown fields",
    ),
    "raises when asked": (RISE, RISE + "    [][1]\n", "IndexError"),
    "writes on the candles": (RISE, RISE + "    candles.close[-1] = 1\n", "ValueError"),
    "leaves": (RISE, RISE + "    raise SystemExit\n", "SystemExit"),
    "raises what is no Exception": (
        RISE,
        RISE + "    raise GeneratorExit\n",
        "GeneratorExit",
    ),
    "raises in two lines": (RISE, RISE + "    raise ValueError('a\\n b')\n", "ValueError: a b"),
    "raises when its parameters are read": (
        "\n\ndef candles_needed",
        "    def __post_init__(self):\n        1 / 0\n\n\ndef candles_needed",
        "ZeroDivisionError",
    ),
    "presets that are no sets": ('{"calm": {"percent": 3.0}}', '{"calm": 7}', "TypeError"),
    "never ends": (RISE, RISE + "    while True:\n        pass\n", "NeverEnds: it took more"),
    "never ends, and takes whatever comes": (
        RISE,
        RISE + "    try:\n        while True:\n            pass\n"
        "    except Exception:\n        return None\n",
        "NeverEnds: it took more",
    ),
    "too deep to read": ("STRATEGY = ", "X = " + "1+" * 9999 + "1\nSTRATEGY = ", "cannot be read"),
    "another answer": (OPENS, "    return rise\n", "answers float64, not Intent or None"),
    "a float for a price": (
        OPENS,
        "    return Intent(Action.OPEN, Direction.LONG, 1.5, 70, 'so')\n",
        "answers the price 1.5",
    ),
    "a stop on the wrong side": (
        OPENS,
        "    price = Decimal(str(candles.close[-1]))\n"
        "    return Intent(Action.OPEN, Direction.LONG, price, 70, 'so', stop=price * 2)\n",
        "wrong side",
    ),
    "too confident": (
        OPENS,
        "    price = Decimal(str(candles.close[-1]))\n"
        "    return Intent(Action.OPEN, Direction.LONG, price, 170, 'so')\n",
        "answers the confidence 170",
    ),
    "no number of candles": ("    return 2\n", "    return 2.5\n", "candles_needed answers 2.5"),
    "too many candles": ("    return 2\n", "    return 10**6\n", "candles_needed answers 1000000"),
    "a memory": (
        RISE,
        "    SEEN.append(1)\n" + RISE + "    rise += len(SEEN) % 3\n",
        "answers otherwise when it is asked again",
    ),
}


# Where a fault is told, if not on the first line that was changed.
DECIDE, FIELD = "def decide(candles, params)", "    percent: Annotated"
WHERE = {
    "not Python": "        return None)",
    "chance of numpy": "CHANCE = ",
    "waiting": "async def decide",
    "no strategy": '"""Buys',
    "another code": "STRATEGY = ",
    "not a function": "STRATEGY = ",
    "a generator": DECIDE,
    **dict.fromkeys(
        ("no bounds", "half bounds", "bounds crossed", "no meaning", "no default"), FIELD
    ),
    "a default out of bounds": FIELD,
    "a preset out of bounds": FIELD,
    "not frozen": "class Jump",
    "raises when asked": "    [][1]",
    "writes on the candles": "    candles.close[-1] = 1",
    "leaves": "    raise SystemExit",
    "raises what is no Exception": "    raise GeneratorExit",
    "raises in two lines": "    raise ValueError",
    "raises when its parameters are read": "        1 / 0",
    "presets that are no sets": '"""Buys',
    "never ends": ("    while True:", "        pass"),
    "never ends, and takes whatever comes": ("        while True:", "            pass"),
    "too deep to read": '"""Buys',
    **dict.fromkeys(
        (
            "another answer",
            "a float for a price",
            "a stop on the wrong side",
            "too confident",
            "a memory",
        ),
        DECIDE,
    ),
    **dict.fromkeys(("no number of candles", "too many candles"), "def candles_needed(params)"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_named_with_its_line(write, case, monkeypatch):
    monkeypatch.setattr(found, "MOST_SECONDS", 0.3)
    old, new, told = FAULTS[case]
    assert SOUND.count(old) == 1
    text = SOUND.replace(old, new)
    if "SEEN" in new:
        text = text.replace("class Jump", "SEEN = []\n\n\nclass Jump")
    path = write(text)
    strategy, faults = load_file(path)
    assert strategy is None
    (fault, *_) = faults
    assert told in fault.reason
    assert fault.path == path
    line = path.read_text().splitlines()[fault.line - 1]
    assert line.startswith(WHERE.get(case) or new.splitlines()[0])


def test_a_look_at_the_future_is_seen(write):
    """Numpy's ways around a cut are refused by name; this one goes around the names."""
    peek = (
        "    import numpy as np\n"
        "    ahead = np.lib.stride_tricks.as_strided(candles.close, (len(candles) + 1,))\n"
        "    rise = 100 * (ahead[-1] / ahead[-2] - 1)\n"
    )
    strategy, (fault,) = load_file(write(SOUND.replace(RISE, peek)))
    assert strategy is None
    assert "looks ahead" in fault.reason


COLUMNS = """
from typing import Annotated

import numpy as np
from msgspec import Meta

from engine.strategies.base import Params
from engine.strategies.columns import of_columns, opening, ways


class Wave(Params, frozen=True, kw_only=True):
    bars: Annotated[int, Meta(ge=2, le=50, description="bars of the average")] = 5


def candles_needed(params):
    return params.bars


def wishes(seen, params):
    is_above = seen.close.now > seen.sma(params.bars).now
    return opening(seen, ways(is_above), confidence=70, reason=lambda at: "a wave")


STRATEGY = of_columns("wave", Wave, candles_needed, wishes)
""".lstrip()
RULE = "    is_above = seen.close.now > seen.sma(params.bars).now\n"
UNLIKE = {
    "the mean of all there is": "    is_above = seen.close.now > seen.candles.close.mean()\n",
    "the next close": (
        "    later = np.roll(seen.candles.close, -1)\n"
        "    is_above = seen.ago(later, 0) > seen.close.now\n"
    ),
    "how many there are": RULE + "    is_above = is_above ^ (len(seen.candles) > 30)\n",
    "whether that is odd": RULE + "    is_above = is_above ^ (len(seen.candles) % 2)\n",
}


def test_a_rule_over_columns_is_found_as_well(write):
    strategy, faults = load_file(write(COLUMNS, "wave.py"))
    assert faults == []
    assert strategy.code == "wave"


@pytest.mark.parametrize("case", UNLIKE)
def test_a_rule_over_columns_that_looks_ahead_is_refused(write, case):
    """A backtest asks it of all bars at once, where the future is on the same page."""
    assert RULE in COLUMNS
    path = write(COLUMNS.replace(RULE, UNLIKE[case]), "wave.py")
    strategy, (fault,) = load_file(path)
    assert strategy is None
    assert "asked of many bars at once" in fault.reason
    assert path.read_text().splitlines()[fault.line - 1].startswith("def wishes")


@pytest.mark.parametrize(
    ("case", "answer", "told"),
    [
        ("a word", '"buy"', "answers str, not Wishes"),
        ("nothing", "None", "answers NoneType, not Wishes"),
        ("a place too few", "part_of(told, 1, len(told.way) - 1)", "places for 1 bars"),
    ],
)
def test_what_is_no_column_of_wishes_is_named(write, case, answer, told):
    text = COLUMNS.replace("return opening", "told = opening")
    text = text.replace("\n\n\nSTRATEGY", f"\n    return {answer}\n\n\nSTRATEGY")
    imported = "from engine.strategies.columns"
    text = text.replace(imported, f"from engine.strategies.wishes import part_of\n{imported}")
    strategy, (fault,) = load_file(write(text, "wave.py"))
    assert strategy is None
    assert told in fault.reason


PLACES = {
    "everybody may write to it": ("jump.py", 0o666, "everybody may write to this file"),
    "no name": ("my-jump.py", 0o644, "not a name"),
}


@pytest.mark.parametrize(("name", "mode", "told"), PLACES.values(), ids=PLACES)
def test_a_file_in_the_wrong_place_is_not_even_read(write, name, mode, told):
    path = write("1 / 0\n", name)
    path.chmod(mode)
    strategy, (fault,) = load_file(path)
    assert strategy is None
    assert told in fault.reason


def test_links_and_long_files_are_refused(write, tmp_path):
    path = write(SOUND)
    link = tmp_path / "link.py"
    link.symlink_to(path)
    assert "not a file of its own" in load_file(link)[1][0].reason
    assert "longer than" in load_file(write("#" * 200_001, "long.py"))[1][0].reason


def test_a_code_that_is_taken_is_refused(write):
    text = SOUND.replace('Strategy("jump"', 'Strategy("rsi"')
    _, (fault,) = load_file(write(text, "rsi.py"))
    assert fault.reason == "rsi is a strategy already"


def test_a_directory_that_is_not_there_or_open_to_all_is_refused(write, tmp_path):
    (fault,) = load_directory(tmp_path / "nowhere").faults
    assert fault.reason == "there is no such directory"
    write(SOUND)
    tmp_path.chmod(0o777)
    told = load_directory(tmp_path)
    assert told.strategies == {}
    assert told.faults[0].reason == "everybody may write to this directory"


@pytest.mark.parametrize("code", sorted(LIBRARY))
def test_the_library_passes_what_it_asks_of_others(code):
    strategy = LIBRARY[code]
    assert trial(strategy, strategy.read_params({})) is None


RARE = {
    "raises": ("        return 1 / 0\n", r"jump\.py:\d+: ZeroDivisionError: division by zero"),
    "gives no intent": ("        return rise\n", "answers float64, not Intent or None"),
}


@pytest.mark.parametrize("case", RARE)
def test_what_a_rule_does_on_a_rare_bar_is_a_refusal(write, case):
    """On a bar that the trial has not shown it: the strategies beside it go on."""
    does, told = RARE[case]
    text = SOUND.replace(RISE, RISE + "    if len(candles) == 7:\n" + does)
    strategy, faults = load_file(write(text))
    assert faults == []
    params = strategy.read_params({})
    assert strategy.decide(series(range(1, 7)), params) is not None
    with pytest.raises(RuleFailed, match=told):
        strategy.decide(series(range(1, 8)), params)
