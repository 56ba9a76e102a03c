"""Damaged and dishonest market data: each is refused by name, or read as exactly what it was."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.bars import FIELDS
from core.calendar import MINUTE, SECOND, sessions
from core.datasets import About, Dataset, SessionTables, convert, write_dataset
from core.errors import InputError

UTC_NS = pa.timestamp("ns", "UTC")
DAY = date(2025, 11, 26)
(SESSION,) = sessions(DAY, DAY)
OPEN = int(SESSION["open"])
SYMBOLS = ["AAA", "BBB"]
MINUTES = 40
FLIPS = 500


def good_columns() -> dict[str, list[Any]]:
    """Forty minutes of two symbols, sorted by (timestamp, symbol), as Python lists to be spoilt."""
    rng = np.random.default_rng(11)
    count = MINUTES * len(SYMBOLS)
    low = np.round(20 + rng.random(count), 2)
    return {
        "symbol": SYMBOLS * MINUTES,
        "timestamp": np.repeat(OPEN + np.arange(MINUTES) * MINUTE, len(SYMBOLS)).tolist(),
        "open": (low + 0.01).tolist(),
        "high": (low + 0.05).tolist(),
        "low": low.tolist(),
        "close": (low + 0.03).tolist(),
        "volume": rng.integers(1, 5000, count).tolist(),
    }


def table_of(columns: dict[str, list[Any]], **types: pa.DataType) -> pa.Table:
    kinds = {"timestamp": pa.int64(), "volume": pa.int64()} | dict.fromkeys(types)
    table = pa.table({name: pa.array(values, kinds.get(name)) for name, values in columns.items()})
    table = table.set_column(1, "timestamp", table["timestamp"].cast(UTC_NS))
    for name, kind in types.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    return table


def content(path: Path) -> list[Any]:
    """Everything that a run would see."""
    return [
        (
            block.bars.symbols,
            *(getattr(block.bars, name).tobytes() for name in ("time", *FIELDS)),
            None if block.bid is None else (block.bid.tobytes(), block.ask.tobytes()),
            block.adv.tobytes(),
            block.actions,
            block.auctions.open_price.tobytes(),
        )
        for block in Dataset.open(path).blocks()
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """A good plain file whose pages carry checksums."""
    path = tmp_path_factory.mktemp("plain") / "bars.parquet"
    pq.write_table(table_of(good_columns()), path, write_page_checksum=True, row_group_size=50)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A good dataset folder with every kind of file."""
    bars = table_of(good_columns())
    size = [100] * bars.num_rows
    quotes = bars.select(["symbol", "timestamp"])
    for name, values in (
        ("bid_price", bars["low"]),
        ("bid_size", size),
        ("ask_price", bars["high"]),
        ("ask_size", size),
    ):
        quotes = quotes.append_column(name, values if isinstance(values, pa.ChunkedArray) else pa.array(values))
    reference = {"daily": daily(), "actions": actions(), "auctions": auctions()}
    out = tmp_path_factory.mktemp("folder") / "data"
    return write_dataset(out, About("made", "raw"), [SessionTables(DAY, bars, quotes)], lambda: reference)


def daily(**spoilt: Any) -> pa.Table:
    row = {"symbol": "AAA", "date": date(2025, 11, 25), "volume": 5000} | spoilt
    return pa.table({name: pa.array([value]) for name, value in row.items()})


def actions(**spoilt: Any) -> pa.Table:
    row = {"symbol": "AAA", "ex_date": DAY, "kind": "dividend", "ratio": "1/1", "amount": Decimal("0.25")}
    row |= {"pay_date": DAY} | spoilt
    return pa.table({name: pa.array([value]) for name, value in row.items()})


def auctions(**spoilt: Any) -> pa.Table:
    row = {"symbol": "BBB", "date": DAY, "open_price": 20.5, "open_volume": 10}
    row |= {"close_price": 20.6, "close_volume": 20} | spoilt
    return pa.table({name: pa.array([value]) for name, value in row.items()})


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


def copied(source: Path, tmp_path: Path) -> Path:
    target = tmp_path / source.name
    (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    return target


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


def spoil(column: str, value: Any, row: int = 7) -> Callable[[dict[str, list[Any]]], None]:
    def change(columns: dict[str, list[Any]]) -> None:
        columns[column][row] = value

    return change


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


# Manifests that do not tell the truth.


def edited(folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    target = copied(folder, tmp_path)
    manifest = json.loads((target / "manifest.json").read_text())
    change(manifest)
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def put(*path: Any) -> Callable[[dict[str, Any]], None]:
    *way, last, value = path

    def change(manifest: dict[str, Any]) -> None:
        place: Any = manifest
        for key in way:
            place = place[key]
        place[last] = value

    return change


MANIFESTS = {
    "another schema": (put("schema", 2), "schema"),
    "an unknown key": (put("note", "x"), "note: Extra inputs"),
    "no feed": (put("feed", ""), "feed"),
    "no files": (put("files", []), "files"),
    "bars of 7 s": (put("bar_seconds", 7), "whole minutes"),
    "bars of 5 minutes": (put("bar_seconds", 300), "not the start of a bar of 300 s"),
    "bars of an hour": (put("bar_seconds", 3600), "divide half an hour"),
    "a symbol twice": (put("symbols", ["AAA", "AAA", "BBB"]), "symbols: each once"),
    "a symbol left out": (put("symbols", ["AAA"]), "does not list the symbol BBB"),
    "more rows than there are": (put("files", 0, "rows", 81), "has 80 rows and the manifest says 81"),
    "no rows": (put("files", 0, "rows", 0), "files.0.rows"),
    "a hash of something else": (put("files", 0, "sha256", "0" * 64), "its sha256 is"),
    "a hash that is none": (put("files", 0, "sha256", "x"), "files.0.sha256"),
    "a first time that is wrong": (put("files", 0, "first", 0), "first or last time"),
    "a last time that is wrong": (put("files", 0, "last", 0), "first or last time"),
    "a holiday": (put("files", 0, "session", "2025-11-27"), "not a session of the exchange"),
    "another session": (put("files", 0, "session", "2025-11-25"), "outside the trading hours"),
    "the year 9999": (put("files", 0, "session", "9999-01-04"), "files.0.session"),
    "a path outside": (put("files", 0, "path", "../bars.parquet"), "must stay inside"),
    "an absolute path": (put("files", 0, "path", "/etc/passwd"), "must stay inside"),
    "a file that is gone": (put("files", 0, "path", "sessions/x.parquet"), "cannot be read"),
    "quotes in the place of bars": (put("files", 0, "path", f"quotes/{DAY}.parquet"), "its sha256 is"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests_that_are_wrong_are_refused(case, folder, tmp_path):
    change, problem = MANIFESTS[case]
    target = edited(folder, tmp_path, change)
    with pytest.raises(InputError, match=problem):
        content(target)


def test_sessions_out_of_order_are_refused(folder, tmp_path):
    def change(manifest):
        manifest["files"].append(manifest["files"][0])

    with pytest.raises(InputError, match="in order, each once"):
        Dataset.open(edited(folder, tmp_path, change))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(text, folder, tmp_path):
    target = copied(folder, tmp_path)
    (target / "manifest.json").write_bytes(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        Dataset.open(target)


def test_bad_rows_behind_a_right_hash_are_refused(folder, tmp_path):
    target = copied(folder, tmp_path)
    file = target / f"sessions/{DAY}.parquet"
    columns = good_columns()
    spoil("low", 0.0)(columns)
    pq.write_table(table_of(columns), file)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["files"][0]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (target / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"row 7 \(BBB .*low is 0.0"):
        content(target)


# Reference tables.

REFERENCES = {
    "daily volume negative": ("daily", daily(volume=-1), "row 0 .AAA.: volume is -1"),
    "daily volume NaN": ("daily", daily(volume=float("nan")), "volume is nan"),
    "daily volume as text": ("daily", daily(volume="many"), "column volume: its type is string"),
    "daily date as text": ("daily", daily(date="2025-11-25"), "column date: its type is string"),
    "daily symbol null": ("daily", daily(symbol=pa.scalar(None, pa.string())), "symbol is null"),
    "daily row twice": ("daily", pa.concat_tables([daily(), daily()]), "occurs twice"),
    "daily without volume": ("daily", daily().drop_columns(["volume"]), "lacks the column volume"),
    "auction price negative": ("auctions", auctions(close_price=-1.0), "impossible"),
    "auction volume infinite": ("auctions", auctions(open_volume=float("inf")), "impossible"),
    "auction row twice": ("auctions", pa.concat_tables([auctions(), auctions()]), "occurs twice"),
    "split without ratio": ("actions", actions(kind="split", ratio=""), "is not like 4/1"),
    "split by zero": ("actions", actions(kind="split", ratio="4/0"), "is not like 4/1"),
    "split by a float": ("actions", actions(kind="split", ratio="1.5"), "is not like 4/1"),
    "dividend negative": ("actions", actions(amount=Decimal("-1.5")), "is not positive"),
    "dividend too fine": ("actions", actions(amount=Decimal("0.0000001")), "at most 6 decimals"),
    "dividend as float": ("actions", actions(amount=0.25), "column amount: its type is double"),
    "dividend paid too early": ("actions", actions(pay_date=date(2025, 11, 25)), "pay date lies before"),
    "merger": ("actions", actions(kind="merger"), "neither split nor dividend"),
    "action twice": ("actions", pa.concat_tables([actions(), actions()]), "occurs twice"),
}


@pytest.mark.parametrize("case", REFERENCES)
def test_reference_tables_that_are_wrong_are_refused(case, plain, tmp_path):
    name, table, problem = REFERENCES[case]
    target = copied(plain, tmp_path)
    path = tmp_path / f"{name}.parquet"
    pq.write_table(table, path)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}.*{problem}"):
        Dataset.open(target)


def test_a_conversion_of_bad_data_leaves_nothing(tmp_path):
    columns = good_columns()
    spoil("close", -1.0)(columns)
    source = tmp_path / "in/bars.parquet"
    source.parent.mkdir()
    pq.write_table(table_of(columns), source)
    with pytest.raises(InputError, match="row 7"):
        convert(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
