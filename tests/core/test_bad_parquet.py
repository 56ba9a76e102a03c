"""Damaged and dishonest market data: each is refused by name, or read as exactly what it was."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.calendar import MINUTE, SECOND
from core.datasets import Dataset
from core.errors import InputError
from tests.core.bad_data import (
    DAY,
    FLIPS,
    OPEN,
    SESSION,
    content,
    copied,
    good_columns,
    spoil,
    table_of,
)

# Cut at every hundredth.


@pytest.mark.parametrize("layout", ["plain", "folder"])
def test_a_file_cut_anywhere_is_refused(layout, plain, folder, tmp_path):
    target = copied(plain if layout == "plain" else folder, tmp_path)
    file = target if layout == "plain" else target / f"sessions/{DAY}.parquet"
    whole = file.read_bytes()
    for percent in range(100):
        file.write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(InputError, match=re.escape(str(file))):
            content(target)


# Flip single bits anywhere.


def flipped(files: list[Path], seed: int) -> tuple[Path, bytes, bytes]:
    """A file, chosen by size, as it was and with one bit flipped."""
    rng = random.Random(seed)
    (file,) = rng.choices(files, [path.stat().st_size for path in files])
    before = file.read_bytes()
    after = bytearray(before)
    after[rng.randrange(len(after))] ^= 1 << rng.randrange(8)
    return file, before, bytes(after)


@pytest.mark.parametrize("layout", ["plain", "folder"])
def test_a_flipped_bit_is_refused_or_changes_nothing(layout, plain, folder, tmp_path):
    target = copied(plain if layout == "plain" else folder, tmp_path)
    files = [target] if layout == "plain" else sorted(path for path in target.rglob("*") if path.is_file())
    right = content(target)
    refused = 0
    for seed in range(FLIPS):
        file, before, after = flipped(files, seed)
        file.write_bytes(after)
        try:
            assert content(target) == right, f"seed {seed}: {file.name} was read as something else"
        except InputError:
            refused += 1
        finally:
            file.write_bytes(before)
    assert refused > FLIPS // 2
    assert content(target) == right


# Values that no bar can have.


def repeat_row(columns):
    for values in columns.values():
        values.append(values[7])


def reverse(columns):
    for values in columns.values():
        values.reverse()


def swap_two_of_one_symbol(columns):
    for values in columns.values():
        values[7], values[9] = values[9], values[7]


def empty(columns):
    for values in columns.values():
        values.clear()


# An impossible value, the row that must be named, and words that must explain it.
VALUES = {
    "open NaN": (spoil("open", float("nan")), 7, "open is nan"),
    "high NaN": (spoil("high", float("nan")), 7, "high is nan"),
    "close infinite": (spoil("close", float("inf")), 7, "close is inf"),
    "low minus infinity": (spoil("low", float("-inf")), 7, "low is -inf"),
    "low zero": (spoil("low", 0.0), 7, "low is 0.0, not a positive price"),
    "close negative": (spoil("close", -20.0), 7, "close is -20.0, not a positive price"),
    "open below a micro-dollar": (spoil("open", 1e-9), 7, "open is 1e-09, not a positive price"),
    "high beyond a million": (spoil("high", 1_000_000.01), 7, "above 1000000 dollars"),
    "high 1e308": (spoil("high", 1e308), 7, "above 1000000 dollars"),
    "high below low": (spoil("high", 19.0), 7, "high 19.0 is below low"),
    "open above high": (spoil("open", 30.0), 7, "open 30.0 or close .* is outside low"),
    "close below low": (spoil("close", 19.0), 7, "close 19.0 is outside low"),
    "volume negative": (spoil("volume", -1), 7, "volume is -1"),
    "volume beyond any day": (spoil("volume", 10**13), 7, "volume is 10000000000000"),
    "open null": (spoil("open", None), 7, "open is null"),
    "volume null": (spoil("volume", None), 7, "volume is null"),
    "symbol null": (spoil("symbol", None), 7, "symbol is null"),
    "timestamp null": (spoil("timestamp", None), 7, "timestamp is null"),
    "off the minute": (spoil("timestamp", OPEN + 3 * MINUTE + SECOND), 7, "not the start of a bar of 60 s"),
    "one nanosecond late": (spoil("timestamp", OPEN + 3 * MINUTE + 1), 7, "not the start of a bar"),
    "before 04:00": (spoil("timestamp", int(SESSION["pre"]) - MINUTE, 0), 0, "outside the trading hours"),
    "at 20:00": (spoil("timestamp", int(SESSION["post"])), 7, "outside the trading hours"),
    "on Thanksgiving": (spoil("timestamp", OPEN + 24 * 60 * MINUTE), 7, "outside the trading hours"),
    "year 1677": (spoil("timestamp", -(2**63) + 1), 7, "outside the trading hours"),
    "year 2262": (spoil("timestamp", 2**63 - 1), 7, "outside the trading hours"),
    "a row twice": (repeat_row, 80, "occurs twice"),
    "two rows at one time": (spoil("timestamp", OPEN + 2 * MINUTE), 7, "occurs twice"),
    "two rows swapped": (swap_two_of_one_symbol, 9, "earlier than the one before"),
    "backwards": (reverse, None, "earlier than the one before"),
    "no rows": (empty, None, "has no rows"),
    "symbol empty": (spoil("symbol", ""), None, "no ticker symbol"),
    "symbol with a path": (spoil("symbol", "../AAA"), None, "no ticker symbol"),
    "symbol not ASCII": (spoil("symbol", "ААА"), None, "no ticker symbol"),
    "symbol a megabyte long": (spoil("symbol", "A" * 1_000_000), None, "no ticker symbol"),
}


@pytest.mark.parametrize("case", VALUES)
def test_impossible_values_are_refused_with_their_row(case, tmp_path):
    change, row, problem = VALUES[case]
    columns = good_columns()
    change(columns)
    path = tmp_path / "bars.parquet"
    pq.write_table(table_of(columns), path)
    named = re.escape(str(path)) + ("" if row is None else f" row {row}\\b")
    with pytest.raises(InputError, match=f"{named}.*{problem}"):
        content(path)


def test_row_symbol_and_time_are_all_named(tmp_path):
    columns = good_columns()
    spoil("close", -1.0)(columns)
    pq.write_table(table_of(columns), tmp_path / "bars.parquet")
    with pytest.raises(InputError) as caught:
        content(tmp_path / "bars.parquet")
    assert caught.value.place == f"{tmp_path / 'bars.parquet'} row 7 (BBB 2025-11-26T14:33:00Z)"
    assert caught.value.remedy == "Correct or drop the row"


@pytest.mark.parametrize("case", [case for case, (_, row, _) in VALUES.items() if row == 7])
def test_rows_of_grouped_files_are_named_by_their_own_number(case, tmp_path):
    change, _, problem = VALUES[case]
    columns = good_columns()
    change(columns)
    order = sorted(range(len(columns["symbol"])), key=lambda row: row % 2)
    moved = {name: [values[row] for row in order] for name, values in columns.items()}
    pq.write_table(table_of(moved), tmp_path / "bars.parquet", row_group_size=30)
    with pytest.raises(InputError, match=f"row {order.index(7)}\\b.*{problem}"):
        content(tmp_path / "bars.parquet")


# Layouts that are none.


def without(name):
    return lambda table: table.drop_columns([name])


def cast(name, kind):
    return lambda table: table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind, safe=False))


def twice(table):
    return table.append_column("open", table["open"])


def nested(table):
    return table.set_column(2, "open", pa.array([[1.0]] * table.num_rows))


LAYOUTS = {
    "no symbol": (without("symbol"), "lacks the column symbol"),
    "no timestamp": (without("timestamp"), "lacks the column timestamp"),
    "no close": (without("close"), "lacks the column close"),
    "no volume": (without("volume"), "lacks the column volume"),
    "Open with a capital": (
        lambda t: t.rename_columns([n.replace("open", "Open") for n in t.column_names]),
        "open",
    ),
    "open twice": (twice, "lacks the column open"),
    "open nested": (nested, "column open: its type is list"),
    "open as text": (cast("open", pa.string()), "column open: its type is string"),
    "open as float32": (cast("open", pa.float32()), "column open: its type is float"),
    "open as decimal": (cast("open", pa.decimal128(12, 2)), "column open: its type is decimal"),
    "volume as text": (cast("volume", pa.string()), "column volume: its type is string"),
    "volume as truth": (cast("volume", pa.bool_()), "column volume: its type is bool"),
    "symbol as number": (
        lambda t: t.set_column(0, "symbol", t["volume"]),
        "column symbol: its type is int64",
    ),
    "symbol as bytes": (cast("symbol", pa.binary()), "column symbol: its type is .*binary"),
    "time as number": (cast("timestamp", pa.int64()), "column timestamp: its type is int64"),
    "time as text": (cast("timestamp", pa.string()), "column timestamp: its type is string"),
    "time as date": (cast("timestamp", pa.date32()), "column timestamp: its type is date32"),
    "time naive": (cast("timestamp", pa.timestamp("ns")), "it has no time zone"),
    "time in New York": (
        cast("timestamp", pa.timestamp("ns", "America/New_York")),
        "zone is America/New_York",
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_wrong_layouts_are_refused(case, tmp_path):
    change, problem = LAYOUTS[case]
    path = tmp_path / "bars.parquet"
    pq.write_table(change(table_of(good_columns())), path)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}.*{problem}"):
        content(path)


@pytest.mark.parametrize("text", [b"", b"PAR1", b"PAR1PAR1", b"symbol,timestamp\nAAA,1\n", bytes(4096)])
def test_what_is_no_parquet_is_refused(text, tmp_path):
    path = tmp_path / "bars.parquet"
    path.write_bytes(text)
    with pytest.raises(InputError, match="cannot be read as parquet"):
        content(path)


def test_a_decompression_bomb_is_refused_before_it_unpacks(tmp_path):
    rows = 3_000_000
    one = table_of({name: values[:1] for name, values in good_columns().items()})
    path = tmp_path / "bars.parquet"
    with pq.ParquetWriter(path, one.schema, compression="zstd") as writer:
        bulk = one.take(pa.array(np.zeros(1_000_000, np.int32)))
        for _ in range(rows // bulk.num_rows):
            writer.write_table(bulk)
    with pytest.raises(InputError, match=f"claims {rows} rows in"):
        Dataset.open(path)
