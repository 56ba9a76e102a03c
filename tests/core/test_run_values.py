"""What was written as integers is read as the same integers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from core.run_arrays import money_array, time_array
from core.run_values import int64s, micros

AMOUNTS = np.array([0, 1, -1, 10**15 + 7, -(10**15) - 7], np.int64)


def test_money_comes_back_to_the_micro():
    table = pa.table({"amount": money_array(AMOUNTS)})
    assert micros(table, "amount").tolist() == AMOUNTS.tolist()


def test_null_is_what_it_is_asked_to_be():
    known = np.array([True, False, True, False, True])
    table = pa.table({"amount": money_array(AMOUNTS, known), "time": time_array(AMOUNTS, known)})
    assert micros(table, "amount", missing=-5).tolist() == np.where(known, AMOUNTS, -5).tolist()
    assert int64s(table, "time", missing=-5).tolist() == np.where(known, AMOUNTS, -5).tolist()


def test_slices_and_chunks_keep_their_places():
    table = pa.concat_tables([pa.table({"amount": money_array(AMOUNTS)})] * 2).slice(3, 4)
    assert micros(table, "amount").tolist() == [*AMOUNTS[3:].tolist(), *AMOUNTS[:2].tolist()]
    assert micros(table.slice(0, 0), "amount").tolist() == []
