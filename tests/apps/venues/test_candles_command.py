"""`manage.py candles …`, as a person at a terminal meets it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.venues.market import PaperBars, bar_source, candle_store
from engine.errors import NotStored
from engine.market import CandleStore
from engine.paper.generated import GeneratedMarket
from engine.paper.service.service import PaperService
from tests.house.planted import ROOT

START = 1_700_000_400
SERIES = ("binance", "BTC/USDT", "1m")
MINUTES = 12_000


@pytest.fixture(autouse=True)
def directory(settings, tmp_path):
    settings.CANDLE_DIRECTORY = tmp_path / "candles"
    return settings.CANDLE_DIRECTORY


def candles(*asked):
    out = StringIO()
    call_command("candles", *asked, stdout=out)
    return out.getvalue()


def file_of(tmp_path, rows=range(10), change=""):
    lines = [f"{START + 60 * row},100,101,99,100.5,{row}" for row in rows]
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["time,open,high,low,close,volume", *lines, change]))
    return str(path)


def test_a_file_is_taken_listed_and_found_sound(tmp_path):
    told = candles("import", *SERIES[:2], file_of(tmp_path))
    assert told.strip() == "10 bars are new, 0 were there, 0 replaced"
    assert "2023-11-14 22:20:00  2023-11-14 22:29:00    10     0        0" in candles("list")
    (one,) = json.loads(candles("list", "--json"))
    assert (one["venue"], one["symbol"], one["timeframe"]) == SERIES
    assert (one["first"], one["last"], one["bars"]) == (START, START + 540, 10)
    assert json.loads(candles("check", "--json")) == [
        dict(zip(("venue", "symbol", "timeframe", "state"), (*SERIES, "sound"), strict=True))
    ]


def test_a_file_with_faults_is_named_row_by_row_and_nothing_is_stored(tmp_path):
    out = StringIO()
    with pytest.raises(CommandError, match="refused: see above") as refused:
        call_command(
            *("candles", "import", *SERIES[:2]),
            file_of(tmp_path, change=f"{START + 600},100,99,101,100,-1"),
            stdout=out,
        )
    assert refused.value.returncode == 1
    assert "row 12, high: high 99.0 is below low 101.0 (impossible)" in out.getvalue()
    assert "row 12, volume: '-1' (not_positive)" in out.getvalue()
    assert candle_store().list() == []


def test_a_file_with_gaps_is_taken_only_where_that_was_said(tmp_path):
    path = file_of(tmp_path, [0, 1, 2, 6, 7])
    with pytest.raises(CommandError, match="refused: see above"):
        candles("import", *SERIES[:2], path)
    assert "3 bars are missing before this one" in candles("import", *SERIES[:2], path, "--gaps")
    out = StringIO()
    with pytest.raises(CommandError, match="1 faults in 1 series"):
        call_command("candles", "check", "binance", stdout=out)
    assert "3 bars are missing from 2023-11-14 22:23:00 to 2023-11-14 22:26:00" in out.getvalue()


def test_other_bars_replace_only_where_that_was_said(tmp_path):
    candles("import", *SERIES[:2], file_of(tmp_path, range(5)))
    other = file_of(tmp_path, range(1, 7))
    text = (tmp_path / "bars.csv").read_text().replace("100.5", "100.25")
    (tmp_path / "bars.csv").write_text(text)
    with pytest.raises(
        CommandError, match=r"field close, stored 100\.5, given 100\.25, differing 4"
    ):
        candles("import", *SERIES[:2], other)
    assert "2 bars are new, 0 were there, 4 replaced" in candles(
        "import", *SERIES[:2], other, "--replace"
    )


def test_damage_is_found(tmp_path, directory):
    candles("import", *SERIES[:2], file_of(tmp_path))
    (part,) = directory.rglob("*.npy")
    raw = bytearray(part.read_bytes())
    raw[-1] ^= 1
    part.write_bytes(raw)
    with pytest.raises(CommandError, match="1 faults"):
        candles("check")
    part.write_bytes(raw[:-8])
    with pytest.raises(CommandError, match="1 faults"):
        candles("check")
    part.parent.joinpath("index.json").write_text("{")
    with pytest.raises(CommandError, match="damaged"):
        candles("list")


def test_what_cannot_be_is_refused_by_name(tmp_path):
    for match, asked in (
        ("say --since", ("fetch", "paper", "BTC/USDT")),
        ("does not trade", ("fetch", "paper", "MOON/USDT", "--since", "2026-01-01")),
        ("no day and no time", ("fetch", "paper", "BTC/USDT", "--since", "monday")),
        ("invalid choice: 'nowhere'", ("fetch", "nowhere", "BTC/USDT")),
        ("No such file", ("import", *SERIES[:2], str(tmp_path / "none.csv"))),
        ("a symbol is BASE/QUOTE", ("import", "binance", "../x", file_of(tmp_path))),
        ("invalid choice: '../x'", ("import", "../x", "BTC/USDT", file_of(tmp_path))),
        ("nothing of this is stored", ("check", "binance")),
    ):
        with pytest.raises(CommandError, match=match):
            candles(*asked)


def test_the_paper_venue_s_candles_are_its_market_s():
    assert isinstance(bar_source("paper"), PaperBars)
    day = ("--since", "2026-01-01", "--until", "2026-01-03")
    assert "2,880 bars, 100%" in candles("fetch", "paper", "ETH/USDT", *day)
    assert "nothing is missing" in candles("fetch", "paper", "ETH/USDT", *day)
    end = datetime(2026, 1, 3, tzinfo=UTC).timestamp()
    market = GeneratedMarket().candles("ETH/USDT", "1m", 2880, int(end * 1000))
    assert (candle_store().get("paper", "ETH/USDT", "1m").close == market.close).all()


def shown(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def wait_for_bars(directory, more_than=0):
    """Until so many are stored, by whoever fetches them."""
    give_up = time.monotonic() + 60
    while (bars := bars_in(directory)) <= more_than:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return bars


def bars_in(directory):
    try:
        return CandleStore(directory).stored(*SERIES).bars
    except NotStored:
        return 0


def interrupt_behind(directory, bars):
    wait_for_bars(directory, bars)
    os.kill(os.getpid(), signal.SIGINT)


def test_whoever_is_killed_or_stopped_goes_on_where_it_was(directory, settings):
    service = PaperService(clock=lambda: time.time_ns() // 1_000_000, latency_ms=60)
    service.start()
    settings.VENUE_BASE_URLS = {"binance": service.address}
    since = int(time.time()) // 60 * 60 - MINUTES * 60
    asked = ("candles", "fetch", *SERIES[:2], "--since", shown(since))
    places = {
        "CANDLE_DIRECTORY": str(directory),
        "VENUE_BASE_URLS": json.dumps(settings.VENUE_BASE_URLS),
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *asked],
            cwd=ROOT,
            env=os.environ | places,
            stdout=subprocess.DEVNULL,
        )
        wait_for_bars(directory)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        killed_at = bars_in(directory)
        threading.Thread(target=interrupt_behind, args=(directory, killed_at)).start()
        with pytest.raises(CommandError, match="goes on from here") as stopped:
            candles(*asked[1:])
        stopped_at = bars_in(directory)
        CandleStore(directory).verify(*SERIES)
        told = candles(*asked[1:])
    finally:
        service.stop()
    assert stopped.value.returncode == 130
    assert 0 < killed_at < stopped_at < MINUTES - 5
    stored = CandleStore(directory).stored(*SERIES)
    assert (stored.first, stored.gaps) == (since, 0)
    assert MINUTES - 2 <= stored.bars <= MINUTES + 2
    assert f"{stored.bars - stopped_at:,} bars, 100%" in told
