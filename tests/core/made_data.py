"""Seeded market data in parquet, and how two readings of it are compared."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.bars import FIELDS, SessionBlock
from core.calendar import MINUTE
from core.datasets import Dataset

UTC_NS = pa.timestamp("ns", "UTC")
SYMBOLS = ("AAA", "BBB", "CCC")
START, END = date(2025, 11, 25), date(2025, 12, 1)  # three whole sessions around one that closes early


def bar_rows(session: np.void, minutes: list[int], symbols=SYMBOLS, seed: int = 0) -> pa.Table:
    """Rows sorted by (timestamp, symbol) at these minutes from the open, every price different."""
    rng = np.random.default_rng([seed, int(session["date"])])
    count = len(minutes) * len(symbols)
    low = np.round(50 + 10 * rng.random(count), 2)
    middle = np.round(low + rng.random((2, count)), 2)
    return pa.table(
        {
            "symbol": pa.array(list(symbols) * len(minutes)),
            "timestamp": pa.array(np.repeat(session["open"] + np.array(minutes, np.int64) * MINUTE, len(symbols))).cast(
                UTC_NS
            ),
            "open": middle[0],
            "high": np.maximum(*middle) + 0.01,
            "low": low,
            "close": middle[1],
            "volume": rng.integers(0, 10_000, count),
        }
    )


def blocks(path: Path, **choice) -> list[SessionBlock]:
    return list(Dataset.open(path, **choice).blocks())


def assert_same_blocks(left: list[SessionBlock], right: list[SessionBlock]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.session == other.session
        assert one.bars.symbols == other.bars.symbols
        for name in ("time", *FIELDS, "regular", "session"):
            np.testing.assert_array_equal(getattr(one.bars, name), getattr(other.bars, name), err_msg=name)
        np.testing.assert_array_equal(one.adv, other.adv)
        assert (one.bid is None) == (other.bid is None)
        if one.bid is not None:
            np.testing.assert_array_equal(one.bid, other.bid)
            np.testing.assert_array_equal(one.ask, other.ask)


def save(table: pa.Table, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def daily_table(rows: list[tuple[str, date, int]]) -> pa.Table:
    symbols, days, volumes = zip(*rows, strict=True)
    return pa.table({"symbol": symbols, "date": pa.array(days, pa.date32()), "volume": volumes})


def action_table(rows: list[tuple]) -> pa.Table:
    schema = pa.schema(
        [
            ("symbol", pa.string()),
            ("ex_date", pa.date32()),
            ("kind", pa.string()),
            ("ratio", pa.string()),
            ("amount", pa.decimal128(20, 6)),
            ("pay_date", pa.date32()),
        ]
    )
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)
