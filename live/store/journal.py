"""The journal: every event that the engine took, in its order, chained by hashes.

A row's hash is sha256 over the hash of the row before it, the event's bytes, the rolling hash of all commands after it,
and the words that came with it. So the newest hash vouches for every event *and* for everything that the engine
answered: a row that was changed, lost, or put in later breaks the chain at its place, and code that decides otherwise
than it did then is found at the very event where it first does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Any

from sqlalchemy import Connection, select

from core.errors import InputError
from core.kernel.records import EVENT
from live.store.models import Journal

GENESIS = bytes(32)
PAGE = 2_000
_COMMANDS = Struct("<q")


def link(previous: bytes, event: bytes, command_hash: int, source: str, detail: str | None) -> bytes:
    """The hash of a row: 32 bytes. The event has a fixed length, so no two rows read alike."""
    words = json.dumps([source, detail]).encode()
    return sha256(previous + event + _COMMANDS.pack(command_hash) + words).digest()


def words(detail: Mapping[str, str]) -> str | None:
    """What came with an event, as JSON text with sorted keys; None for nothing."""
    return json.dumps(dict(detail), sort_keys=True, ensure_ascii=False) if detail else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as it was read and verified; `hash` is the chain up to and including it."""

    seq: int
    event: bytes
    command_hash: int
    source: str
    detail: dict[str, str]
    hash: bytes


def entries(connection: Connection, run: int, after: int, chain: bytes) -> Iterator[Entry]:
    """The rows after number `after`, whose hash is `chain`, in order and page by page: memory stays flat.

    Raises InputError at the first row that is missing or whose hash does not follow from the row before it.
    """
    columns = (Journal.seq, Journal.event, Journal.command_hash, Journal.source, Journal.detail, Journal.hash)
    while True:
        query = select(*columns).where(Journal.run == run, Journal.seq > after).order_by(Journal.seq).limit(PAGE)
        rows = connection.execute(query).all()
        for row in rows:
            chain = _verified(run, after + 1, chain, row)
            after = row.seq
            yield Entry(row.seq, row.event, row.command_hash, row.source, json.loads(row.detail or "{}"), chain)
        if len(rows) < PAGE:
            return


def bars_since(connection: Connection, run: int, since: int) -> list[bytes]:
    """The events (EVENT) of the bars that became visible since a time, ns UTC, in their order."""
    query = select(Journal.event).where(Journal.run == run, Journal.kind == "bar", Journal.t_visible >= since)
    return list(connection.execute(query.order_by(Journal.seq)).scalars())


def verify(connection: Connection, run: int) -> int:
    """Follow the whole chain of a run; returns the number of rows. Raises InputError at the first that does not fit."""
    return sum(1 for _ in entries(connection, run, 0, GENESIS))


def _verified(run: int, expected: int, chain: bytes, row: Any) -> bytes:
    place = f"journal of run {run}, row {expected}"
    remedy = "Restore the database from a backup; docs/store.md says how."
    if row.seq != expected:
        raise InputError(place, "is missing", remedy)
    if len(row.event) != EVENT.itemsize:
        remedy = "Go on with the version that wrote it, or start a new run."
        raise InputError(
            place, f"holds {len(row.event)} bytes, and this version's events have {EVENT.itemsize}", remedy
        )
    found = link(chain, row.event, row.command_hash, row.source, row.detail)
    if found != row.hash:
        raise InputError(place, "was changed: its hash does not follow from the row before it", remedy)
    return found
