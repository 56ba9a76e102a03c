"""Runs in the store: beginning one, finding it again, and its snapshots.

A run is one engine over one account from one configuration. Its first snapshot, number 0, is the state before any
event, so that recovery and audit need no configuration parser of the right age, only the journal.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, delete, insert, select, update

from core.errors import InputError
from core.kernel.digest import state_digest
from core.kernel.records import COMMAND, EVENT, STATE
from live.books import layout
from live.events import Outgoing, Verdict
from live.store.journal import GENESIS
from live.store.models import Alert, Fill, Inbox, Journal, Order, Outbox, RunRow, Snapshot

State = npt.NDArray[np.void]

SNAPSHOTS_KEPT = 3  # beside the first


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is: equal specifications, the same run. `kind` is paper or rehearsal, `config` the TOML in force."""

    name: str
    kind: str
    account: str
    seed: int
    config: str
    symbols: tuple[str, ...]
    strategies: tuple[str, ...]
    code_version: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A state of the engine as it was saved: after event `seq`, where the journal's hash is `chain`."""

    seq: int
    chain: bytes
    state: State


def find(connection: Connection, name: str) -> tuple[int, RunSpec] | None:
    """A run's number and specification by its name."""
    row = connection.execute(select(RunRow).where(RunRow.name == name)).mappings().one_or_none()
    if row is None:
        return None
    spec = RunSpec(
        row["name"],
        row["kind"],
        row["account"],
        row["seed"],
        row["config"],
        tuple(json.loads(row["symbols"])),
        tuple(json.loads(row["strategies"])),
        row["code_version"],
    )
    return row["id"], spec


def begin(connection: Connection, spec: RunSpec, state: State, now: int) -> int:
    """Write a new run with its state before the first event; returns its number."""
    assert int(state[0]["run"]["seq"]) == 0
    row = {
        "name": spec.name,
        "kind": spec.kind,
        "account": spec.account,
        "seed": spec.seed,
        "config": spec.config,
        "symbols": json.dumps(spec.symbols),
        "strategies": json.dumps(spec.strategies),
        "layout": layout(),
        "code_version": spec.code_version,
        "started": now,
    }
    run = int(connection.execute(insert(RunRow).values(row).returning(RunRow.id)).scalar_one())
    save_snapshot(connection, run, Saved(0, GENESIS, state))
    return run


def end(connection: Connection, run: int, now: int) -> None:
    """Stamp a run as ended; it can be taken up again all the same."""
    connection.execute(update(RunRow).where(RunRow.id == run).values(ended=now))


def check_same(found: RunSpec, wanted: RunSpec) -> None:
    """Raise InputError when a run of this name is another run: its account, configuration or symbols differ."""
    for key in ("kind", "account", "seed", "config", "symbols", "strategies"):
        if getattr(found, key) != getattr(wanted, key):
            problem = f"the run in the database has another {key}"
            raise InputError(
                f"run {wanted.name}", problem, f"Start a new run under another name, or restore its {key}."
            )


def save_snapshot(connection: Connection, run: int, saved: Saved) -> None:
    """Write a snapshot, and drop all but the first and the newest few."""
    row = {
        "run": run,
        "seq": saved.seq,
        "layout": layout(),
        "digest": state_digest(saved.state),
        "chain": saved.chain,
        "state": zlib.compress(saved.state.tobytes(), 1),
    }
    connection.execute(insert(Snapshot).values(row))
    newest = select(Snapshot.seq).where(Snapshot.run == run).order_by(Snapshot.seq.desc()).limit(SNAPSHOTS_KEPT)
    kept = connection.execute(newest).scalars().all()
    old = (Snapshot.run == run, Snapshot.seq > 0, Snapshot.seq < kept[-1])
    connection.execute(delete(Snapshot).where(*old))


def load_snapshot(connection: Connection, run: int, first: bool = False) -> Saved:
    """The newest snapshot of a run, or its first. Raises InputError when it is damaged or of another engine."""
    order = Snapshot.seq if first else Snapshot.seq.desc()
    row = connection.execute(select(Snapshot).where(Snapshot.run == run).order_by(order).limit(1)).mappings().one()
    place = f"snapshot {row['seq']} of run {run}"
    if row["layout"] != layout():
        problem = "was written by an engine with other records"
        raise InputError(place, problem, "Go on with the version that wrote it, or start a new run.")
    try:
        state = np.frombuffer(bytearray(zlib.decompress(row["state"])), STATE)
        sound = state_digest(state) == row["digest"]
    except (zlib.error, ValueError):
        sound = False
    if not sound:
        remedy = "Delete it, so that an older one is used, or restore the database from a backup."
        raise InputError(place, "is damaged: its digest is not that of its bytes", remedy)
    return Saved(row["seq"], row["chain"], state)


def unanswered(connection: Connection, run: int) -> Sequence[Any]:
    """Outbox rows without an outcome, in the order in which they were written."""
    query = select(Outbox.__table__).where(Outbox.run == run, Outbox.answered.is_(None)).order_by(Outbox.number)
    return connection.execute(query).all()


def broker_orders(connection: Connection, run: int) -> list[tuple[int, str]]:
    """(number, broker order id) of every order whose broker id is known, by number."""
    query = select(Order.number, Order.broker_order_id).where(Order.run == run, Order.broker_order_id.is_not(None))
    return [(number, broker_id) for number, broker_id in connection.execute(query.order_by(Order.number)) if broker_id]


def identities(connection: Connection, run: int, beginning: str) -> list[str]:
    """The identities with this beginning that were taken in."""
    query = select(Inbox.identity).where(Inbox.run == run, Inbox.identity.startswith(beginning, autoescape=True))
    return list(connection.execute(query).scalars())


def by_number(connection: Connection, run: int) -> RunSpec:
    """The specification of a run. Raises InputError when there is none of this number."""
    name = connection.execute(select(RunRow.name).where(RunRow.id == run)).scalar_one_or_none()
    found = None if name is None else find(connection, name)
    if found is None:
        raise InputError(f"run {run}", "is not in the database", "`seatrial status` lists the runs.")
    return found[1]


def executions(connection: Connection, run: int) -> list[tuple[str, int]]:
    """(broker order id, cumulative quantity after it in micro-shares) of every fill that was booked with both known."""
    query = select(Fill.broker_order_id, Fill.cum_qty).where(Fill.run == run, Fill.kind == "fill", Fill.cum_qty >= 0)
    rows = connection.execute(query.where(Fill.broker_order_id.is_not(None)).order_by(Fill.seq))
    return [(broker_id, cumulative) for broker_id, cumulative in rows if broker_id]


def open_alerts(connection: Connection, run: int) -> list[tuple[str, str]]:
    """(rule, cause) of the alerts that are not over."""
    query = select(Alert.rule, Alert.cause).where(Alert.run == run, Alert.cleared.is_(None))
    return [(row[0], row[1]) for row in connection.execute(query)]


def newest_received(connection: Connection, run: int, kind: str, count: int) -> list[int]:
    """When the newest events of a kind were received by the machine's clock, ns UTC, which may have been set since."""
    query = select(Journal.event).where(Journal.run == run, Journal.kind == kind)
    found = connection.execute(query.order_by(Journal.seq.desc()).limit(count)).scalars()
    return [int(np.frombuffer(event, EVENT)["t_received"][0]) for event in found]


def outgoing(row: Any) -> Outgoing:
    """An outbox row as the dispatcher takes it."""
    return Outgoing(
        row.number,
        row.epoch,
        Verdict(row.verdict),
        np.frombuffer(row.command, COMMAND)[0],
        row.symbol,
        row.client_order_id,
        row.target_client_order_id,
        row.stop_client_order_id,
    )


def every(connection: Connection) -> list[tuple[int, str]]:
    """(number, name) of all runs in the database."""
    return [(number, name) for number, name in connection.execute(select(RunRow.id, RunRow.name).order_by(RunRow.id))]
