"""What stands in a file is read as it is, or named by row and field; nothing is made up."""

import gzip
import io
from datetime import UTC, datetime

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from engine.candle import TIMEFRAMES, seconds
from engine.errors import BadCandles
from engine.market import Fault, FaultyCandles, Repair, read_csv, read_parquet
from engine.market.findings import NAMED
from tests.engine.market.series import COLUMNS, START, candles, cut, same

HEADER = "time,open,high,low,close,volume"
ROW = "100,101,99,100.5,3"


def csv_of(*lines, header=HEADER):
    return io.BytesIO("\n".join([header, *lines]).encode())


def lines_of(told, time=str):
    return [
        ",".join([time(at), *(repr(value) for value in row)])
        for at, *row in zip(*(getattr(told, name).tolist() for name in COLUMNS), strict=True)
    ]


def at(minute, values=ROW):
    return f"{START + 60 * minute},{values}"


def iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


TIMES = {
    "seconds": str,
    "seconds with a fraction": lambda at: f"{at}.0",
    "milliseconds": lambda at: str(at * 1000),
    "microseconds": lambda at: str(at * 10**6),
    "nanoseconds": lambda at: str(at * 10**9),
    "an exponent": lambda at: f"{at / 10:.1f}e1",
    "ISO": iso,
    "ISO with a Z": lambda at: iso(at).replace("+00:00", "Z"),
    "ISO without a zone": lambda at: iso(at)[:19].replace("T", " "),
    "ISO in another zone": lambda at: iso(at + 28_800).replace("+00:00", "+08:00"),
}


@pytest.mark.parametrize("time", TIMES.values(), ids=TIMES)
def test_times_are_read_in_every_usual_form(time):
    told = candles(count=5)
    assert same(read_csv(csv_of(*lines_of(told, time))).candles, told)


@given(
    st.lists(st.tuples(*[st.floats(1e-9, 1e12)] * 2, st.floats(0, 1e14)), min_size=2, max_size=30),
    st.sampled_from(sorted(TIMEFRAMES)),
    st.sampled_from(sorted(TIMES)),
    st.booleans(),
)
def test_what_is_written_is_read_to_the_last_bit(rows, timeframe, time, is_packed):
    one, other, volume = np.array(rows).T
    told = candles(START - START % seconds(timeframe), len(rows), timeframe)
    high, low = np.maximum(one, other), np.minimum(one, other)
    written = type(told)(timeframe, told.opened_at, one, high, low, other, volume)
    source = csv_of(*lines_of(written, TIMES[time]))
    packed = io.BytesIO(gzip.compress(source.getvalue(), 0)) if is_packed else source
    assert same(read_csv(packed).candles, written)


@pytest.mark.parametrize(
    ("case", "header"),
    [
        ("in capitals, with blanks", "Open Time, Open ,HIGH,low,Close,Volume"),
        ("short", "t s,o,h,l,c,v"),
        ("with a byte order mark", "\ufefftimestamp,open,high,low,close,vol"),
        ("none", ""),
        ("semicolons", HEADER.replace(",", ";")),
    ],
)
def test_headers_are_known(case, header):
    lines = [line.replace(",", ";" if ";" in header else ",") for line in lines_of(candles())]
    source = csv_of(*lines, header=header) if header else csv_of(*lines[1:], header=lines[0])
    assert same(read_csv(source).candles, candles())


def test_an_empty_file_is_named():
    with pytest.raises(FaultyCandles, match="file: nothing is in it"):
        read_csv(io.BytesIO(b""))


def test_columns_may_stand_in_any_order_and_exchanges_write_more_of_them():
    told = [line.split(",") for line in lines_of(candles())]
    lines = [",".join([*row[::-1], "1", "2"]) for row in told]
    header = ",".join([*HEADER.split(",")[::-1], "close_time", "Quote asset volume"])
    assert same(read_csv(csv_of(*lines, header=header)).candles, candles())
    archive = [",".join([*row, "1", "2", "3", "4", "5", "0"]) for row in told]
    assert same(read_csv(csv_of(*archive[1:], header=archive[0])).candles, candles())


GOOD = [at(minute) for minute in range(6)]
FAULTS = [
    ("a gap", [*GOOD[:3], *GOOD[5:]], Fault.GAP, 5, "opened_at"),
    ("a double that says the same", [*GOOD[:3], *GOOD[2:]], Fault.DUPLICATE, 5, "opened_at"),
    (
        "a double that says something else",
        [*GOOD[:3], at(2, "100,101,99,100.5,4"), *GOOD[3:]],
        Fault.DIFFERING_DUPLICATE,
        5,
        "opened_at",
    ),
    ("disorder", [GOOD[1], GOOD[0], *GOOD[2:]], Fault.DISORDER, 3, "opened_at"),
    ("off the grid", [*GOOD[:5], f"{START + 330},{ROW}"], Fault.OFF_GRID, 7, "opened_at"),
    ("a time in words", [*GOOD, f"noon,{ROW}"], Fault.NOT_A_TIME, 8, "opened_at"),
    ("a negative time", [*GOOD, f"-5,{ROW}"], Fault.NOT_A_TIME, 8, "opened_at"),
    ("a day and no time", [*GOOD, f"20231114,{ROW}"], Fault.NOT_A_TIME, 8, "opened_at"),
    ("an endless time", [*GOOD, f"{'9' * 30},{ROW}"], Fault.NOT_A_TIME, 8, "opened_at"),
    ("another unit", [*GOOD, f"{START + 360}000,{ROW}"], Fault.MIXED_UNITS, 8, "opened_at"),
    ("text among epochs", [*GOOD, f"{iso(START + 360)},{ROW}"], Fault.MIXED_UNITS, 8, "opened_at"),
    *(
        (f"{field} {value!r}", [*GOOD[:2], at(2, ",".join(row)), *GOOD[3:]], fault, 4, field)
        for value, fault in [
            ("", Fault.NOT_A_NUMBER),
            ("1.2.3", Fault.NOT_A_NUMBER),
            ("1_000", Fault.NOT_A_NUMBER),
            ("12 345", Fault.NOT_A_NUMBER),
            ("0x10", Fault.NOT_A_NUMBER),
            ("１２", Fault.NOT_A_NUMBER),
            ("=1+1", Fault.NOT_A_NUMBER),
            ("NaN", Fault.NOT_FINITE),
            ("inf", Fault.NOT_FINITE),
            ("1e400", Fault.NOT_FINITE),
            ("-1", Fault.NOT_POSITIVE),
        ]
        for place, field in enumerate(COLUMNS[1:])
        for row in [[*ROW.split(",")[:place], value, *ROW.split(",")[place + 1 :]]]
    ),
    ("a price of zero", [*GOOD, at(6, "0,101,0,100,3")], Fault.NOT_POSITIVE, 8, "open"),
    ("enormous", [*GOOD, at(6, "1e300,1e300,99,100,3")], Fault.ENORMOUS, 8, "open"),
    ("high below low", [*GOOD, at(6, "100,99,101,100,3")], Fault.IMPOSSIBLE, 8, "high"),
    ("open above high", [*GOOD, at(6, "102,101,99,100,3")], Fault.IMPOSSIBLE, 8, "open"),
    ("close below low", [*GOOD, at(6, "100,101,99,98,3")], Fault.IMPOSSIBLE, 8, "close"),
    ("a cell too few", [*GOOD, at(6, "100,101,99,100")], Fault.UNREADABLE_ROW, 8, "row"),
    ("an open quote", [*GOOD, '"1,2,3'], Fault.UNREADABLE_ROW, 8, "row"),
    ("nothing", [], Fault.EMPTY, 0, "opened_at"),
    ("one bar", GOOD[:1], Fault.ONE_BAR, 0, "opened_at"),
    ("odd", [f"{START + 77 * n},{ROW}" for n in (0, 1, 2)], Fault.WRONG_TIMEFRAME, 0, "opened_at"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "fault", "row", "field"), [case[1:] for case in FAULTS], ids=[c[0] for c in FAULTS]
)
def test_a_fault_is_named_with_its_row_and_field(lines, fault, row, field):
    with pytest.raises(FaultyCandles) as refused:
        _ = read_csv(csv_of(*lines)).candles
    findings = refused.value.findings
    assert (fault, row, field) in [(one.fault, one.row, one.field) for one in findings]
    assert findings.counts[fault] == sum(one.fault is fault for one in findings)
    # Nothing else is made of it, but the gap that a bar leaves which could not be read.
    assert findings.counts.keys() - {Fault.GAP, Fault.OFF_GRID} <= {fault}


def test_a_bar_beside_the_grid_is_told_as_it_was_written_and_leaves_no_gap_of_no_bars():
    bar = GOOD[3].split(",", 1)
    beside = f"{int(bar[0]) + 1},{bar[1]}"
    with pytest.raises(FaultyCandles) as refused:
        _ = read_csv(csv_of(*GOOD[:3], beside, *GOOD[4:])).candles
    (finding,) = refused.value.findings
    assert (finding.fault, finding.row) == (Fault.OFF_GRID, 5)
    assert finding.told == f"{float(bar[0]) + 1} is no multiple of 60 seconds"


def test_rows_are_lines_also_behind_blank_ones():
    with pytest.raises(FaultyCandles) as refused:
        read_csv(csv_of(GOOD[0], "", "", GOOD[1], at(2, "x,1,1,1,1")))
    assert [(one.row, one.field) for one in refused.value.findings] == [(6, "open")]


@pytest.mark.parametrize(
    ("header", "fault", "field"),
    [
        (f"{HEADER},vwap", Fault.UNKNOWN_COLUMN, "vwap"),
        (f"{HEADER},Date", Fault.DOUBLED_COLUMN, "Date"),
        ("time,open,high,low,close,volume_x", Fault.MISSING_COLUMN, "volume"),
    ],
)
def test_columns_that_are_not_ours_are_named(header, fault, field):
    lines = [f"{line},1" if header.startswith(HEADER) else line for line in GOOD]
    with pytest.raises(FaultyCandles) as refused:
        read_csv(csv_of(*lines, header=header))
    assert (fault, field) in [(one.fault, one.field) for one in refused.value.findings]


def test_a_file_of_another_encoding_is_named_by_its_row():
    raw = csv_of(*GOOD).getvalue() + b"\n\xff\xfe"
    with pytest.raises(FaultyCandles) as refused:
        read_csv(io.BytesIO(raw))
    (finding,) = refused.value.findings
    assert (finding.fault, finding.row) == (Fault.BAD_ENCODING, 8)
    with pytest.raises(FaultyCandles):
        read_csv(io.BytesIO(csv_of(*GOOD).getvalue().decode().encode("utf-16")))


def test_a_file_that_was_cut_off_while_packed_is_refused():
    packed = gzip.compress(csv_of(*GOOD).getvalue())
    with pytest.raises(BadCandles, match="cannot be unpacked"):
        read_csv(io.BytesIO(packed[:-9]))


def test_every_fault_is_counted_and_the_first_are_named():
    lines = [at(minute, "100,99,101,100,3") for minute in range(500)]
    with pytest.raises(FaultyCandles, match="500 faults; the first is row 2, high") as refused:
        read_csv(csv_of(*lines))
    findings = refused.value.findings
    assert (len(findings), len(list(findings))) == (500, NAMED)


def test_a_timeframe_that_the_bars_have_not_is_refused():
    for wrong in ("5m", "15s"):
        with pytest.raises(FaultyCandles, match="mostly 60 seconds apart"):
            read_csv(csv_of(*GOOD), wrong)
    assert len(read_csv(csv_of(GOOD[0]), "1m").candles) == 1
    with pytest.raises(BadCandles, match="unknown timeframe"):
        read_csv(csv_of(*GOOD), "7m")


def test_missing_bars_leave_pieces_and_no_series():
    read = read_csv(csv_of(*GOOD[:3], *GOOD[4:]))
    assert [len(piece) for piece in read.stretches] == [3, 2]
    (gap,) = read.findings
    assert "1 bars are missing before this one" in str(gap)


@pytest.mark.parametrize(
    ("repair", "lines"),
    [
        (Repair.SORT, [GOOD[1], GOOD[0], *GOOD[2:]]),
        (Repair.DROP_DUPLICATES, [*GOOD[:3], GOOD[2], *GOOD[3:]]),
        (Repair.DROP_FORMING, [*GOOD, at(6)]),
    ],
)
def test_a_repair_is_done_where_it_is_asked_for_and_counted(repair, lines):
    now = START + 6 * 60 + 30
    with pytest.raises(FaultyCandles):
        read_csv(csv_of(*lines), now=now)
    read = read_csv(csv_of(*lines), now=now, repair={repair})
    assert same(read.candles, read_csv(csv_of(*GOOD)).candles)
    assert (read.findings.repaired, len(read.findings)) == ({repair: 1}, 0)


def test_an_unknown_column_is_dropped_where_that_was_asked():
    lines = [f"{line},x" for line in GOOD]
    read = read_csv(csv_of(*lines, header=f"{HEADER},vwap"), repair={Repair.DROP_COLUMNS})
    assert len(read.candles) == 6


def test_no_repair_chooses_between_two_bars_or_takes_one_of_the_future():
    two = csv_of(*GOOD[:3], at(2, "100,101,99,100.5,4"), *GOOD[3:])
    with pytest.raises(FaultyCandles, match="differing_duplicate"):
        read_csv(two, repair=set(Repair))
    with pytest.raises(FaultyCandles, match="in_the_future"):
        read_csv(csv_of(*GOOD), now=START + 90, repair=set(Repair))


def table_of(told, opened_at):
    return pyarrow.table(
        {"timestamp": opened_at} | {name: getattr(told, name) for name in COLUMNS[1:]}
    )


@pytest.mark.parametrize(
    "opened_at",
    [
        lambda at: pyarrow.array(at),
        lambda at: pyarrow.array(at * 1000, pyarrow.timestamp("ms")),
        lambda at: pyarrow.array(at * 1000, pyarrow.timestamp("ms", "Asia/Shanghai")),
        lambda at: pyarrow.array(at * 10**9, pyarrow.timestamp("ns")),
        lambda at: pyarrow.array([iso(one) for one in at.tolist()]),
    ],
)
def test_parquet_is_read_as_csv_is(tmp_path, opened_at):
    told = candles()
    path = tmp_path / "bars.parquet"
    parquet.write_table(table_of(told, opened_at(told.opened_at)), path)
    assert same(read_parquet(path).candles, told)
    assert same(read_parquet(io.BytesIO(path.read_bytes())).candles, told)


def test_faults_of_parquet_are_named_by_row(tmp_path):
    told = candles()
    table = table_of(told, pyarrow.array(told.opened_at))
    nothing = pyarrow.array([None if row == 4 else 1.0 for row in range(10)])
    parquet.write_table(table.set_column(5, "volume", nothing), tmp_path / "bars.parquet")
    with pytest.raises(FaultyCandles) as refused:
        read_parquet(tmp_path / "bars.parquet")
    (finding,) = refused.value.findings
    assert (finding.fault, finding.row, finding.field) == (Fault.NOT_FINITE, 5, "volume")
    (tmp_path / "bars.csv").write_text(HEADER)
    with pytest.raises(BadCandles, match="no Parquet file"):
        read_parquet(tmp_path / "bars.csv")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_garbage_is_refused_by_name(raw):
    for head in (b"", HEADER.encode() + b"\n"):
        with pytest.raises(BadCandles):
            _ = read_csv(io.BytesIO(head + raw)).candles
    with pytest.raises(BadCandles):
        read_parquet(io.BytesIO(raw))


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=3))
def test_disorder_and_doubles_are_mended_to_the_same_candles(order, doubled):
    told = candles(count=8)
    lines = lines_of(told)
    source = csv_of(*(lines[row] for row in [*order, *doubled]))
    read = read_csv(source, repair={Repair.SORT, Repair.DROP_DUPLICATES})
    assert same(read.candles, told)
    assert read.findings.repaired[Repair.DROP_DUPLICATES] == len(doubled)


def test_pieces_are_the_bars_that_were_there():
    told = candles(count=20)
    lines = lines_of(told)
    read = read_csv(csv_of(*lines[:7], *lines[9:]))
    assert [
        same(*both)
        for both in zip(read.stretches, (cut(told, 0, 7), cut(told, 9, 20)), strict=True)
    ]
