"""Good data to be spoilt: forty minutes of two symbols, and the tables that a dataset keeps beside bars."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from core.bars import FIELDS
from core.calendar import MINUTE, sessions
from core.datasets import Dataset

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


def copied(source: Path, tmp_path: Path) -> Path:
    target = tmp_path / source.name
    (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    return target


def spoil(column: str, value: Any, row: int = 7) -> Callable[[dict[str, list[Any]]], None]:
    def change(columns: dict[str, list[Any]]) -> None:
        columns[column][row] = value

    return change
