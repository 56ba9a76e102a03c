"""Data on disk that several tests of datasets read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.calendar import MINUTE, sessions
from core.datasets import About, SessionTables, write_dataset
from tests.core.bad_data import (
    DAY,
    actions,
    auctions,
    daily,
    good_columns,
    table_of,
)
from tests.core.made_data import END, START, bar_rows


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


@pytest.fixture(scope="module")
def calendar() -> np.ndarray:
    return sessions(START, END)


@pytest.fixture(scope="module")
def sparse(calendar) -> pa.Table:
    """Four sessions in the order of time: pre-market, missing minutes, late trading."""
    rng = np.random.default_rng(5)
    parts = []
    for session in calendar:
        length = int(session["post"] - session["open"]) // MINUTE
        rows = bar_rows(session, list(range(-10, length)))
        parts.append(rows.filter(pa.array(rng.random(rows.num_rows) < 0.7)))
    return pa.concat_tables(parts)
