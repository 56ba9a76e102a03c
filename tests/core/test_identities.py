"""Identities against the slow and obvious way: Python's own formatting, one text at a time."""

from uuid import RFC_4122, UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.identities import (
    OrderIndex,
    Records,
    broker_order_id,
    client_order_id,
    execution_of,
    execution_uuid,
    hex_text,
    last_rows,
    rows_at,
)
from core.kernel.records import ORDER

INTENTS = st.integers(0, 2**63 - 1)
LEGS = st.integers(0, 99) | st.integers(0, 10**6)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def orders(*rows: tuple[int, int, int, int]) -> Records:
    """ORDER records of (id, intent, leg, side)."""
    records = np.zeros(len(rows), ORDER)
    for record, row in zip(records, rows, strict=True):
        record["id"], record["intent"], record["leg"], record["side"] = row
    return records


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
@settings(max_examples=50, deadline=None)
def test_hex_text_is_sixteen_digits_of_the_word(words: list[int]) -> None:
    assert hex_text(ints(*words)).to_pylist() == [f"{word % 2**64:016x}" for word in words]


@given(st.lists(st.tuples(INTENTS, LEGS, st.booleans()), max_size=20))
@settings(max_examples=50, deadline=None)
def test_a_client_order_id_is_intent_and_leg_whatever_else_is_in_the_column(
    rows: list[tuple[int, int, bool]],
) -> None:
    intents, legs = ints(*(row[0] for row in rows)), ints(*(row[1] for row in rows))
    valid = np.array([row[2] for row in rows], np.bool_)
    expected = [f"st-{intent:016x}-{leg:02d}" for intent, leg, _ in rows]
    assert client_order_id(intents, legs).to_pylist() == expected
    nulls = [text if known else None for text, known in zip(expected, valid, strict=True)]
    assert client_order_id(intents, legs, valid).to_pylist() == nulls


def test_broker_order_ids_are_uuids_that_intent_and_leg_decide() -> None:
    intents = np.repeat(ints(0, 1, 2**62, 2**63 - 1), 50)
    legs = np.tile(np.arange(50), 4)
    texts = broker_order_id(intents, legs).to_pylist()
    assert len(set(texts)) == 200
    assert {(UUID(text).version, UUID(text).variant) for text in texts} == {(8, RFC_4122)}
    assert [str(UUID(text)) for text in texts] == texts
    assert broker_order_id(intents[7:8], legs[7:8]).to_pylist() == texts[7:8]


def test_broker_order_ids_can_be_null() -> None:
    known = np.array([True, False])
    assert broker_order_id(ints(1, 2), ints(0, 0), known).is_null().to_pylist() == [False, True]


def test_an_index_answers_in_any_order_and_says_null_for_what_it_does_not_know() -> None:
    index = OrderIndex.of(orders((9, 90, 1, -1), (4, 40, 0, 1)), orders((7, 70, 2, 1)))
    assert index.client_order_ids(ints(7, 0, 4, 8, 9, 10)).to_pylist() == [
        f"st-{70:016x}-02",
        None,
        f"st-{40:016x}-00",
        None,
        f"st-{90:016x}-01",
        None,
    ]
    rows, known = index.find(ints(9, 5))
    assert known.tolist() == [True, False]
    assert index.side[rows[0]] == -1


def test_the_last_record_of_a_number_counts() -> None:
    index = OrderIndex.of(orders((4, 40, 0, 1), (4, 41, 0, 1)))
    assert index.intent.tolist() == [41]
    joined = index.joined(OrderIndex.of(orders((4, 42, 3, 1), (5, 50, 0, 1))))
    assert (joined.number.tolist(), joined.intent.tolist(), joined.leg.tolist()) == ([4, 5], [42, 50], [3, 0])


def test_an_empty_index_knows_nothing() -> None:
    index = OrderIndex.of(orders())
    assert index.client_order_ids(ints(1, 2)).to_pylist() == [None, None]
    assert index.client_order_ids(ints()).to_pylist() == []


@given(st.lists(st.integers(0, 5), max_size=12))
@settings(max_examples=50, deadline=None)
def test_last_rows_are_those_of_the_last_appearances(numbers: list[int]) -> None:
    last = {number: place for place, number in enumerate(numbers)}
    assert last_rows(ints(*numbers)).tolist() == [last[number] for number in sorted(last)]


def test_rows_move_whole() -> None:
    records = np.zeros(5, ORDER)
    for place, name in enumerate(ORDER.names or ()):
        records[name] = np.arange(5) * 100 + place
    places = np.array([3, 0, 3])
    moved = rows_at(records, places)
    assert moved.dtype == ORDER
    assert moved.tolist() == records[places].tolist()
    assert len(rows_at(records, places[:0])) == 0


@pytest.mark.parametrize("execution", [0, 1, 15, 16, 2**16, 123_456_789_012_345_678, 2**63 - 1, -1, -(2**63)])
def test_an_execution_survives_its_uuid(execution):
    text = execution_uuid(execution)
    parsed = UUID(text)
    assert (parsed.version, parsed.variant) == (8, RFC_4122)
    assert execution_of(text) == execution


def test_other_uuids_carry_no_execution():
    assert execution_of("61e69015-8549-4bfd-b9c3-01e75843f47d") is None
    assert execution_of(str(UUID(int=UUID(execution_uuid(7)).int ^ 1))) is None
    with pytest.raises(ValueError, match="badly formed"):
        execution_of("no UUID")
