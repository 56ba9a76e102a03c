"""Arrow columns of a run's tables, built from the engine's integers by whole buffers, never value by value.

A decimal128 is a 128-bit two's complement integer: for an int64 count of micros its low word is the number
itself and its high word is the sign, repeated. Timestamps are the int64 nanoseconds as they stand. Every
builder copies what it is given, so the caller may reuse its arrays while the writer's thread still holds the
column.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.run_schema import MONEY, TIME

Ints = npt.NDArray[np.integer]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def money_array(micros: Int64s, valid: Bools | None = None) -> pa.Array:
    """decimal128(20, 6) of int64[n] micros; rows where `valid` is False are null."""
    words = np.empty((len(micros), 2), np.dtype("<i8"))
    words[:, 0] = micros
    np.right_shift(micros, 63, out=words[:, 1])
    return _from_buffer(MONEY, len(micros), words, valid)


def time_array(nanoseconds: Int64s, valid: Bools | None = None) -> pa.Array:
    """timestamp[ns, UTC] of int64[n] nanoseconds since 1970; rows where `valid` is False are null."""
    return _from_buffer(TIME, len(nanoseconds), np.array(nanoseconds, np.dtype("<i8")), valid)


def factor_array(values: Floats, valid: Bools | None = None) -> pa.Array:
    """float64 of float64[n]; rows where `valid` is False are null, NaN stays NaN."""
    return _from_buffer(pa.float64(), len(values), np.array(values, np.dtype("<f8")), valid)


def count_array(values: Ints, valid: Bools | None = None) -> pa.Array:
    """int64 of integers of any width; rows where `valid` is False are null."""
    return _from_buffer(pa.int64(), len(values), np.array(values, np.dtype("<i8")), valid)


def flag_array(values: npt.NDArray[np.generic], valid: Bools | None = None) -> pa.Array:
    """bool of booleans or of integers where 0 is False."""
    bits = np.packbits(np.asarray(values) != 0, bitorder="little")
    return _from_buffer(pa.bool_(), len(values), bits, valid)


def names_array(codes: Ints, names: Sequence[str], valid: Bools | None = None) -> pa.Array:
    """Dictionary column in which row i reads `names[codes[i]]`; it becomes text in the file."""
    rows = len(codes)
    indices = np.array(codes, np.dtype("<i4"))
    if valid is not None:
        indices[~valid] = 0
    assert rows == 0 or (indices.min() >= 0 and indices.max() < len(names)), "a code has no name"
    return pa.DictionaryArray.from_arrays(_from_buffer(pa.int32(), rows, indices, valid), _dictionary(tuple(names)))


@lru_cache
def _dictionary(names: tuple[str, ...]) -> pa.Array:
    """The same few names serve every batch of a run."""
    return text_array(names)


def text_array(values: Sequence[str | None]) -> pa.Array:
    """Text column of Python strings; None is null. pyarrow's own way imports pandas, half a second of it."""
    texts = [(value or "").encode() for value in values]
    offsets = np.zeros(len(texts) + 1, np.dtype("<i4"))
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    bitmap = pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def codes_list_array(masks: Int64s, names: Sequence[str]) -> pa.Array:
    """list<text> column in which row i holds `names[b]` for every bit b set in `masks[i]`, in order."""
    assert len(names) <= 63, "a mask of 64 bits names at most 63 codes"
    assert not np.any(masks >> np.int64(len(names))), "a bit has no name"
    bits = (masks[:, None] >> np.arange(len(names))) & 1
    offsets = np.zeros(len(masks) + 1, np.int32)
    np.cumsum(bits.sum(axis=1), out=offsets[1:])
    codes = count_array(np.nonzero(bits)[1])
    places = _from_buffer(pa.int32(), len(offsets), offsets, None)
    return pa.ListArray.from_arrays(places, _dictionary(tuple(names)).take(codes))


def bytes_array(records: npt.NDArray[np.generic]) -> pa.Array:
    """binary column in which row i holds the bytes of `records[i]`, for the payload of events."""
    size = records.dtype.itemsize
    assert len(records) * size < 2**31, "more than 2 GiB of records in one batch"
    offsets = np.arange(len(records) + 1, dtype=np.int32) * np.int32(size)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(records.tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(records), buffers)


def _from_buffer(kind: pa.DataType, rows: int, values: npt.NDArray[np.generic], valid: Bools | None) -> pa.Array:
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, rows, [bitmap, pa.py_buffer(values)])
