"""Column builders against the slow and obvious way: Python objects, one by one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.run_arrays import (
    bytes_array,
    codes_list_array,
    count_array,
    factor_array,
    flag_array,
    money_array,
    names_array,
    time_array,
)
from core.run_schema import KINDS

INT64 = st.integers(-(2**63), 2**63 - 1)
NAMES = ["alpha", "beta", "gamma", "delta"]


def columns(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(st.tuples(values, st.booleans()), max_size=30)


def with_nulls(rows: list) -> list:
    return [value if valid else None for value, valid in rows]


def parts(rows: list, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    return np.array([v for v, _ in rows], dtype), np.array([ok for _, ok in rows], bool)


@given(columns(INT64))
@settings(max_examples=50, deadline=None)
def test_money_is_the_decimal_of_its_micros(rows: list) -> None:
    micros, valid = parts(rows, np.int64)
    exact = [Decimal(value).scaleb(-6) for value in micros.tolist()]
    assert money_array(micros).equals(pa.array(exact, KINDS["money"]))
    expected = pa.array([d if ok else None for d, ok in zip(exact, valid, strict=True)], KINDS["money"])
    assert money_array(micros, valid).equals(expected)


@given(columns(INT64))
@settings(max_examples=30, deadline=None)
def test_times_and_counts_are_the_integers_themselves(rows: list) -> None:
    numbers, valid = parts(rows, np.int64)
    expected = pa.array(with_nulls(rows), pa.int64())
    assert count_array(numbers, valid).equals(expected)
    assert time_array(numbers, valid).cast(pa.int64()).equals(expected)


def test_time_is_utc() -> None:
    moment = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert time_array(np.array([nanoseconds])).to_pandas()[0] == moment


@given(columns(st.floats(allow_nan=False)))
@settings(max_examples=30, deadline=None)
def test_factors_and_flags(rows: list) -> None:
    numbers, valid = parts(rows, np.float64)
    assert factor_array(numbers, valid).equals(pa.array(with_nulls(rows), pa.float64()))
    assert flag_array(numbers > 0, valid).equals(pa.array([v > 0 if ok else None for v, ok in rows], pa.bool_()))


def test_flags_of_integers() -> None:
    assert flag_array(np.array([0, 2, -1], np.int8)).to_pylist() == [False, True, True]


def test_nan_is_no_null() -> None:
    assert factor_array(np.array([np.nan])).null_count == 0


@given(columns(st.integers(0, len(NAMES) - 1)))
@settings(max_examples=30, deadline=None)
def test_names_read_as_their_text(rows: list) -> None:
    codes, valid = parts(rows, np.int8)
    assert names_array(codes, NAMES).to_pylist() == [NAMES[code] for code in codes]
    nulled = names_array(codes, NAMES, valid)
    assert nulled.to_pylist() == [NAMES[v] if ok else None for v, ok in rows]
    assert nulled.dictionary_decode().type == pa.string()


def test_a_null_row_needs_no_name_and_any_other_does() -> None:
    assert names_array(np.array([-1, 1]), NAMES, np.array([False, True])).to_pylist() == [None, "beta"]
    with pytest.raises(AssertionError, match="no name"):
        names_array(np.array([4]), NAMES)
    with pytest.raises(AssertionError, match="no name"):
        names_array(np.array([-1]), NAMES)


@given(st.lists(st.integers(0, 2**63 - 1), max_size=20), st.integers(1, 63))
@settings(max_examples=50, deadline=None)
def test_masks_become_lists_of_names(masks: list[int], count: int) -> None:
    names = [f"code_{bit}" for bit in range(count)]
    masks = [mask % 2**count for mask in masks]
    expected = [[names[bit] for bit in range(count) if mask >> bit & 1] for mask in masks]
    assert codes_list_array(np.array(masks, np.int64), names).equals(pa.array(expected, KINDS["names"]))


def test_a_bit_without_a_name_is_refused() -> None:
    with pytest.raises(AssertionError, match="no name"):
        codes_list_array(np.array([0b100]), ["one", "two"])


def test_records_keep_their_bytes() -> None:
    records = np.zeros(3, np.dtype([("sequence", "i8"), ("kind", "u1")]))
    records["sequence"], records["kind"] = [1, 2, 3], [7, 8, 9]
    column = bytes_array(records)
    assert column.to_pylist() == [record.tobytes() for record in records]
    assert np.frombuffer(b"".join(column.to_pylist()), records.dtype).tolist() == records.tolist()
    assert bytes_array(records[:0]).to_pylist() == []


def test_columns_outlive_the_arrays_that_they_were_made_of() -> None:
    """The writer's thread still reads a column while the engine already fills the next session's arrays."""
    table = np.zeros(4, np.dtype([("price", "i8"), ("time", "i8")]))
    table["price"] = table["time"] = 5
    fields = (table["price"], np.full(4, 5), np.full(4, 5.0))
    built = [money_array(fields[0]), time_array(fields[1]), count_array(fields[1]), factor_array(fields[2])]
    before = [column.to_pylist() for column in built]
    for array in fields:
        array[:] = 9
    assert [column.to_pylist() for column in built] == before
