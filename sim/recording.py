"""The script of a recorded run: each order's delays and executions as the venue can play them again (script.py).

From the tables: an order took accepted_at - submitted_at to the venue, the news of it t_received - t_market of its
event back, and an execution t_received - time. The prices, parts and times of executions are as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError
from core.run_values import int64s, micros
from core.runs import Run
from sim.records import SCRIPT, SCRIPT_ROWS

Int64s = npt.NDArray[np.int64]
STAMPS = ("created", "submitted", "accepted", "activated", "terminal")
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Script:
    """SCRIPT rows by intent, leg and execution, with the times between which their orders lived, ns UTC."""

    rows: np.ndarray
    created: Int64s
    ended: Int64s

    def load(self, venue: np.ndarray, start: int, end: int) -> None:
        """Put the rows of orders that lived between `start` and `end` into a venue, shape (1,).

        Raises InputError when a session has more than the venue holds.
        """
        wanted = (self.created < end) & (self.ended >= start)
        count = int(wanted.sum())
        if count > SCRIPT_ROWS:
            problem = f"one session has {count} recorded executions, and a replay holds {SCRIPT_ROWS}"
            raise InputError("recorded fills", problem, "Compare fewer symbols.")
        venue["script"][0, :count] = self.rows[wanted]
        venue["script_count"] = count


def script_of(run: Run) -> Script:
    """The script of a run's orders and fills."""
    orders = run.table("orders", ["client_order_id", *(f"{name}_at" for name in STAMPS)])
    columns = ["client_order_id", "time", "t_received", "qty", "price", "mid_fill"]
    fills = run.table("fills", columns)
    place = rows_of(fills["client_order_id"], orders["client_order_id"])
    without = np.setdiff1d(np.arange(orders.num_rows), place)
    order = np.concatenate([place, without])
    known = len(place)
    rows = np.zeros(len(order), SCRIPT)
    intents, legs = _identities(orders["client_order_id"])
    rows["intent"], rows["leg"] = intents[order], legs[order]
    submitted, accepted = int64s(orders, "submitted_at", NEVER), int64s(orders, "accepted_at", NEVER)
    rows["submit"] = np.where(accepted != NEVER, np.maximum(accepted - submitted, 0), -1)[order]
    rows["accept"] = acceptances(run, orders["client_order_id"])[order]
    rows["time"][:known] = int64s(fills, "time", NEVER)
    arrived = int64s(orders, "activated_at", NEVER)
    arrived = np.where(arrived != NEVER, arrived, accepted)[order][:known]
    rows["wait"][:known] = np.where(arrived != NEVER, np.maximum(rows["time"][:known] - arrived, 0), 0)
    rows["qty"][:known] = micros(fills, "qty")
    rows["price"][:known] = micros(fills, "price")
    rows["gap"][:known] = micros(fills, "price") - micros(fills, "mid_fill")
    rows["heard"][:known] = np.maximum(int64s(fills, "t_received", NEVER) - int64s(fills, "time", NEVER), 0)
    ended = int64s(orders, "terminal_at", np.iinfo(np.int64).max)
    sort = np.lexsort((rows["time"], rows["leg"], rows["intent"]))
    return Script(rows[sort], int64s(orders, "created_at", NEVER)[order][sort], ended[order][sort])


def acceptances(run: Run, orders: pa.ChunkedArray) -> Int64s:
    """How long the news of each order's acceptance took, ns; -1 where none is recorded."""
    events = run.table("events", ["kind", "client_order_id", "t_market", "t_received"])
    events = events.filter(pc.equal(events["kind"], "order_accepted"))
    waits = np.full(len(orders), -1, np.int64)
    waits[rows_of(events["client_order_id"], orders)] = np.maximum(
        int64s(events, "t_received") - int64s(events, "t_market"), 0
    )
    return waits


def rows_of(keys: pa.ChunkedArray, among: pa.ChunkedArray) -> Int64s:
    """int64 (n,): for each key its row; InputError for one that is not there."""
    if not len(keys):
        return np.zeros(0, np.int64)
    found = pc.index_in(keys, value_set=among.combine_chunks())
    if found.null_count:
        raise InputError("client_order_id", "names an order that orders.parquet does not have", "Make the run again.")
    return np.asarray(found.combine_chunks().cast(pa.int64()))


def _identities(ids: pa.ChunkedArray) -> tuple[Int64s, Int64s]:
    """Intents and legs of client order ids; an order that is not ours has the intent 0."""
    ours = [text.split("-") if text.startswith("st-") else ("", "0", "0") for text in ids.to_pylist()]
    intents = np.array([int(parts[1], 16) for parts in ours], np.uint64).view(np.int64)
    return intents, np.array([int(parts[2]) for parts in ours], np.int64)
