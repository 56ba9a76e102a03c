"""Identities as text, whole columns at a time, and the way from an order's number back to its identity.

The engine knows an intent by 64 bits, a leg by a small number, and an order by a running number that means
nothing outside. Outside an order is known by its intent and leg, in a form that fits a broker's field and is
the same wherever the intent is the same:

    intent            16 hexadecimal digits
    client order id   st-<intent>-<leg>, the leg with two digits or, from 100 on, as many as it needs
    broker order id   a UUID of version 8 (RFC 9562: bits of one's own choosing), drawn from intent and leg
    execution id      such a UUID, too, that carries the execution's 64 bits

No text is made one by one: a column is a matrix of characters, and Arrow takes its buffer as it is.
"""

from __future__ import annotations

from typing import NamedTuple, Self
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.run_arrays import Bools, Int64s

Records = npt.NDArray[np.void]
Characters = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

_PREFIX = np.frombuffer(b"st-", np.uint8)
_HYPHEN = ord("-")
_ZERO = ord("0")
_LEG = len(_PREFIX) + 17  # where the leg begins
_HEX_PAIRS = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)  # the two digits of each byte
_UUID_GROUPS = (8, 4, 4, 4, 12)


class OrderIndex(NamedTuple):
    """Orders by their number: four int64 columns, sorted by `number`, each number once; side is +1 or -1."""

    number: Int64s
    intent: Int64s
    leg: Int64s
    side: Int64s

    @classmethod
    def of(cls, *orders: Records) -> Self:
        """Index of arrays of ORDER records; of several records of one number the last counts."""
        columns = [np.concatenate([part[name] for part in orders]) for name in ("id", "intent", "leg", "side")]
        return cls(*columns)._sorted()

    def joined(self, other: OrderIndex) -> OrderIndex:
        """Both together; `other` counts where both know a number."""
        return OrderIndex(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))._sorted()

    def find(self, numbers: Int64s) -> tuple[Int64s, Bools]:
        """Row of each number, and whether it is known; the row of an unknown number means nothing."""
        if not len(self.number):
            return np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.bool_)
        rows = np.minimum(np.searchsorted(self.number, numbers), len(self.number) - 1)
        return rows, self.number[rows] == numbers

    def client_order_ids(self, numbers: Int64s) -> pa.Array:
        """Text column of the orders' client ids; null for 0 and for orders that are not in the index."""
        rows, known = self.find(numbers)
        if not known.any():
            return pa.nulls(len(numbers), pa.string())
        return client_order_id(self.intent[rows], self.leg[rows], known)

    def _sorted(self) -> Self:
        rows = last_rows(self.number)
        return type(self)(*(column[rows] for column in self))


def rows_at(records: Records, places: npt.NDArray[np.integer]) -> Records:
    """`records[places]` of contiguous records of int64 fields, moved whole instead of field by field."""
    words = records.view(np.int64).reshape(len(records), records.itemsize // 8).take(places, axis=0)
    moved: Records = words.view(records.dtype).reshape(len(places))
    return moved


def last_rows(numbers: Int64s) -> Int64s:
    """The row of each number's last appearance, in the order of the numbers."""
    _, rows = np.unique(numbers[::-1], return_index=True)
    return len(numbers) - 1 - rows


def hex_text(words: Int64s, valid: Bools | None = None) -> pa.Array:
    """Text column of int64[n] as 16 hexadecimal digits: intents and executions."""
    return _text(_hex(words.astype(np.uint64)), valid)


def client_order_id(intents: Int64s, legs: Int64s, valid: Bools | None = None) -> pa.Array:
    """Text column of our identity of orders: int64[n] intents and legs, legs 0 or more."""
    digits = max(2, len(str(int(legs.max(initial=0)))))
    characters = np.empty((len(intents), _LEG + digits), np.uint8)
    characters[:, : len(_PREFIX)] = _PREFIX
    characters[:, len(_PREFIX) : _LEG - 1] = _hex(intents.astype(np.uint64))
    characters[:, _LEG - 1] = _HYPHEN
    for place in range(digits):
        characters[:, _LEG + place] = legs // 10 ** (digits - 1 - place) % 10 + _ZERO
    if digits == 2:
        return _text(characters, valid)
    kept = np.ones(characters.shape, np.bool_)
    for place in range(digits - 2):
        kept[:, _LEG + place] = legs >= 10 ** (digits - 1 - place)
    return _text(characters, valid, kept)


def broker_order_id(intents: Int64s, legs: Int64s, valid: Bools | None = None) -> pa.Array:
    """Text column of the identity that the simulated broker gives an order."""
    high = _mixed(_mixed(intents.astype(np.uint64)) ^ legs.astype(np.uint64))
    low = _mixed(high)
    version = high & ~np.uint64(0xF000) | np.uint64(0x8000)
    variant = low & ~np.uint64(3 << 62) | np.uint64(2 << 62)
    digits = np.concatenate([_hex(version), _hex(variant)], axis=1)
    characters = np.full((len(intents), 36), _HYPHEN, np.uint8)
    place = 0
    for group, size in enumerate(_UUID_GROUPS):
        characters[:, place + group : place + group + size] = digits[:, place : place + size]
        place += size
    return _text(characters, valid)


def execution_uuid(execution: int) -> str:
    """The UUID by which the Alpaca-compatible server calls an execution of the simulated venue."""
    word = execution & 2**64 - 1
    tail = int(_mixed(np.array([word], np.uint64))[0]) >> 6
    bits = word >> 16 << 80 | 8 << 76 | (word >> 4 & 0xFFF) << 64 | 2 << 62 | (word & 0xF) << 58 | tail
    return str(UUID(int=bits))


def execution_of(uuid: str) -> int | None:
    """The execution that such a UUID carries, int64; None for any other UUID, such as those of Alpaca itself.

    Raises ValueError for what is no UUID.
    """
    bits = UUID(uuid).int
    word = bits >> 80 << 16 | (bits >> 64 & 0xFFF) << 4 | bits >> 58 & 0xF
    signed = word - 2**64 if word >= 2**63 else word
    return signed if UUID(int=bits) == UUID(execution_uuid(signed)) else None


def _hex(words: Words) -> Characters:
    """The 16 digits of each word, uint8 (n, 16)."""
    pairs = _HEX_PAIRS.take(words.astype(">u8").view(np.uint8))
    return pairs.view(np.uint8).reshape(len(words), 16)


def _mixed(words: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea and Flood, 2014) on every word, wrapping at 64 bits."""
    z = words + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _text(characters: Characters, valid: Bools | None, kept: Bools | None = None) -> pa.Array:
    """Text column whose row i reads characters[i], those alone that are `kept`."""
    rows, width = characters.shape
    offsets = np.zeros(rows + 1, np.int32)
    if kept is None:
        offsets[1:] = np.arange(1, rows + 1, dtype=np.int32) * np.int32(width)
    else:
        np.cumsum(kept.sum(axis=1), out=offsets[1:])
        characters = characters[kept]
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(characters)]
    return pa.Array.from_buffers(pa.string(), rows, buffers)
