"""From Arrow tables to numpy, once: money and factors as float64, times as int64 ns, text as codes.

Reports compute in floats; money stays exact in the run's files. A null is NaN, `NEVER`, False or code -1. Codes and
row numbers have 32 bits, because a long run has millions of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.run_arrays import count_array
from core.runs import Run
from reports.formats import NEVER

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.signedinteger[Any]]
Bools = npt.NDArray[np.bool_]

_DTYPES: dict[pa.DataType, np.dtype[Any]] = {
    pa.float64(): np.dtype(np.float64),
    pa.int64(): np.dtype(np.int64),
    pa.int32(): np.dtype(np.int32),
    pa.int8(): np.dtype(np.int8),
}


@dataclass(frozen=True, slots=True)
class Labels:
    """A text column: `codes` int32[n] index into the distinct `names`, -1 where null."""

    codes: Codes
    names: tuple[str, ...]

    def among(self, *wanted: str) -> Bools:
        """bool[n]: rows whose text is one of `wanted`."""
        chosen = np.array([name in wanted for name in self.names] + [False])
        return chosen[self.codes]

    def at(self, row: int, missing: str = "") -> str:
        """The text of one row."""
        code = int(self.codes[row])
        return self.names[code] if code >= 0 else missing

    def take(self, rows: Codes) -> Labels:
        """The same column at `rows`; a row of -1 gives null."""
        codes = np.append(self.codes, -1)[rows]
        return Labels(codes, self.names)

    def counts(self, rows: Bools | None = None) -> list[tuple[str, int]]:
        """How often each text stands in `rows`, by default in all, most frequent first, then by name."""
        codes = self.codes if rows is None else self.codes[rows]
        tally = np.bincount(codes[codes >= 0], minlength=len(self.names))
        found = [(name, int(n)) for name, n in zip(self.names, tally, strict=True) if n]
        return sorted(found, key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, slots=True)
class Stored:
    """A table on disk, read a column at a time: Arrow's decimals and texts take several times our memory."""

    run: Run
    name: str

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        return self.run.table(self.name, [column])[column]


class Drained:
    """A table whose columns can be had once each, so that none is held twice once it has become ours."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = dict(zip(table.column_names, table.columns, strict=True))

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        return self._columns.pop(column)


Columns: TypeAlias = "pa.Table | Stored | Drained"


def floats(table: Columns, name: str) -> Floats:
    """float64[n] of a money, factor or integer column; null is NaN."""
    return _numbers(table[name], pa.float64(), np.nan)


def times(table: Columns, name: str) -> Times:
    """int64[n] nanoseconds UTC; null is `NEVER`."""
    return _numbers(pc.cast(table[name], pa.timestamp("ns", "UTC")), pa.int64(), NEVER)


def flags(table: Columns, name: str) -> Bools:
    """bool[n]; null is False."""
    return np.asarray(_numbers(table[name], pa.int8(), 0), np.bool_)


def labels(table: Columns, name: str) -> Labels:
    """A text column as codes, in order of first appearance."""
    column = table[name]
    if not len(column):
        return Labels(np.zeros(0, np.int32), ())
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))  # one dictionary for all chunks
    codes = pa.chunked_array([chunk.indices for chunk in encoded.chunks])
    return Labels(_numbers(codes, pa.int32(), -1), tuple(encoded.chunk(0).dictionary.to_pylist()))


def picked(table: pa.Table, rows: Bools, names: Sequence[str]) -> pa.Table:
    """Columns of the rows that are marked, with their texts as codes, which take a fifth of the memory."""
    places = count_array(np.flatnonzero(rows))
    found = {}
    for name in names:
        column = table[name].take(places)
        found[name] = column.dictionary_encode() if pa.types.is_string(column.type) else column
    return pa.table(found)


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dicts, for tables that are read one by one; numbers as floats, times as int ns."""
    values = {}
    for field in table.schema:
        kind = field.type
        if pa.types.is_timestamp(kind):
            values[field.name] = times(table, field.name).tolist()
        elif pa.types.is_decimal(kind) or pa.types.is_floating(kind):
            values[field.name] = floats(table, field.name).tolist()
        else:
            values[field.name] = table[field.name].to_pylist()
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def rows_of(keys: pa.ChunkedArray, among: pa.ChunkedArray) -> Codes:
    """int32[n]: for each of `keys` its row in `among` (the first), or -1."""
    if not len(among) or not len(keys):
        return np.full(len(keys), -1, np.int32)
    encoded = [chunk.dictionary_encode() for chunk in keys.chunks]
    distinct = pa.chunked_array([chunk.dictionary for chunk in encoded])
    rows = _numbers(pc.index_in(distinct, value_set=_joined(among), skip_nulls=True), pa.int32(), -1)
    parts = np.split(rows, np.cumsum([len(chunk.dictionary) for chunk in encoded])[:-1])
    codes = [_numbers(chunk.indices, pa.int32(), -1) for chunk in encoded]
    return np.concatenate([np.append(part, np.int32(-1))[code] for part, code in zip(parts, codes, strict=True)])


def _numbers(column: pa.Array | pa.ChunkedArray, kind: pa.DataType, missing: float) -> npt.NDArray[Any]:
    """Values cast to `kind`, `missing` for null; a column of one value takes the memory of one.

    Reads Arrow's buffers, whose own conversion imports pandas.
    """
    dtype = _DTYPES[kind]
    if not len(column):
        return np.zeros(0, dtype)
    array = _joined(pc.cast(column, kind))
    bitmap, data = array.buffers()
    values = np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize)
    if not array.null_count:
        return np.broadcast_to(values[0], len(values)) if (values == values[0]).all() else values
    valid = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")
    valid = valid[array.offset : array.offset + len(array)]
    return np.where(valid, values, np.asarray(missing, dtype))


def _joined(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in one piece; it must have rows."""
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
