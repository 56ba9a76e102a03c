"""Columns of a run's tables as the integers that they were written from, the way back of `core.run_arrays`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from core.run_arrays import Int64s
from core.run_schema import MONEY


def int64s(table: pa.Table, name: str, missing: int = 0) -> Int64s:
    """int64 (n,) of a time or integer column; `missing` stands for null."""
    column = table[name].combine_chunks().cast(pa.int64())
    return np.asarray(column.fill_null(missing) if column.null_count else column, np.int64)


def micros(table: pa.Table, name: str, missing: int = 0) -> Int64s:
    """int64 (n,) micros of a money column, exactly; `missing` stands for null."""
    column = table[name].combine_chunks().cast(MONEY)
    if not len(column):
        return np.zeros(0, np.int64)
    words = np.frombuffer(column.buffers()[1], np.dtype("<i8"))[2 * column.offset :: 2][: len(column)]
    if not column.null_count:
        return words.copy()
    known = np.asarray(column.is_valid().cast(pa.int8()), np.bool_)
    return np.where(known, words, missing)
