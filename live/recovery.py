"""Taking a run up where it stands: the newest snapshot, then the journal after it, event by event.

Every replayed event is checked twice: its hash must follow from the row before it, and the engine must command now what
it commanded then. Either the state is the very state that the last process had, to the byte, or there is an error that
names the event. Nothing is guessed, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.kernel import engine
from core.kernel.records import EVENT
from live.books import Before, Books
from live.store import journal, runs
from live.store.database import Transaction
from live.store.journal import Entry
from live.store.points import point
from live.store.runs import RunSpec, Saved, State


@dataclass(frozen=True, slots=True)
class Recovered:
    """A run ready to go on. `replayed` is how many events came after the snapshot; `new` a run without any."""

    run: int
    spec: RunSpec
    books: Books
    chain: bytes
    replayed: int
    new: bool


def recover(connection: Transaction, spec: RunSpec, genesis: State, now: int) -> Recovered:
    """Take up the run `spec`, or begin it with the state `genesis`, inside the transaction that is open.

    Raises InputError when the run of that name is another one, when the journal is damaged, or when this engine does
    not decide as the one that wrote it.
    """
    found = runs.find(connection, spec.name)
    if found is None:
        number = runs.begin(connection, spec, genesis, now)
        return Recovered(number, spec, Books(genesis, spec.symbols, spec.strategies), journal.GENESIS, 0, new=True)
    number, stored = found
    runs.check_same(stored, spec)
    saved = runs.load_snapshot(connection, number)
    point("after_snapshot_load")
    books = Books(saved.state, stored.symbols, stored.strategies)
    chain, replayed = replay(connection, number, saved, books)
    point("after_replay")
    return Recovered(number, stored, books, chain, replayed, new=False)


class Replayed(NamedTuple):
    """One event of the journal, just applied again; `event` (1,) EVENT is used again for the next."""

    entry: Entry
    event: NDArray[np.void]
    before: Before


def steps(connection: Transaction, run: int, saved: Saved, books: Books) -> Iterator[Replayed]:
    """Apply the journal after a snapshot to its state, event by event. Raises InputError where it does not follow."""
    event = np.zeros(1, EVENT)
    payload = event.view(np.uint8)
    for entry in journal.entries(connection, run, saved.seq, saved.chain):
        payload[:] = np.frombuffer(entry.event, np.uint8)
        before = books.before(int(event[0]["symbol"]))
        engine.apply(books.state, event)
        if books.run("command_hash") != entry.command_hash:
            problem = "this engine decides otherwise than the one that wrote it"
            remedy = "Go on with the version that wrote it, or start a new run."
            raise InputError(f"journal of run {run}, row {entry.seq}", problem, remedy)
        yield Replayed(entry, event, before)


def replay(connection: Transaction, run: int, saved: Saved, books: Books) -> tuple[bytes, int]:
    """Apply the whole journal after a snapshot; returns the chain's hash and the number of events."""
    chain, count = saved.chain, 0
    for step in steps(connection, run, saved, books):
        chain, count = step.entry.hash, count + 1
    return chain, count


def audit(connection: Transaction, run: int) -> tuple[Books, bytes]:
    """Replay a whole run from before its first event; returns where it ends. Raises InputError as `replay` does."""
    row = runs.by_number(connection, run)
    first = runs.load_snapshot(connection, run, first=True)
    books = Books(first.state, row.symbols, row.strategies)
    chain, _ = replay(connection, run, first, books)
    return books, chain
