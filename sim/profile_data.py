"""What recorded runs say about their venue: delays, spreads and partial executions, each with its exchange day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.run_values import int64s, micros
from core.runs import Run
from sim.recording import acceptances, rows_of

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

DELAYS = ("submit_latency", "ack_latency", "fill_latency")
DAY = 86_400_000_000_000
SHIFT = 5 * 3_600_000_000_000  # trading hours lie within one date of UTC-5, summer and winter
NEVER = np.iinfo(np.int64).min
TWO_SHARES = 2_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Observations with the day of each, days since 1970."""

    value: Floats
    day: Int64s

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: npt.NDArray[np.bool_]) -> Sample:
        """Some of them."""
        return Sample(self.value[rows], self.day[rows])


@dataclass(frozen=True, slots=True)
class Observations:
    """All samples by name: delays in milliseconds, spread in bp, partial as 1 for an execution with a remainder."""

    samples: Mapping[str, Sample]

    def of(self, part: str) -> dict[str, Sample]:
        """The samples of a part that hold anything."""
        names = DELAYS if part == "latency" else (part,)
        return {name: self.samples[name] for name in names if len(self.samples[name])}


def observe(runs: Sequence[Run], capped: bool) -> Observations:
    """Observations of several runs together; with `capped`, size parts executions too, and parts prove nothing."""
    found = [_observe(run) for run in runs]
    names = [*DELAYS, "spread", "partial"]
    joined = {
        name: Sample(
            np.concatenate([each[name].value for each in found]), np.concatenate([each[name].day for each in found])
        )
        for name in names
    }
    if capped:
        joined["partial"] = Sample(np.zeros(0), np.zeros(0, np.int64))
    return Observations(joined)


def _observe(run: Run) -> dict[str, Sample]:
    orders = run.table("orders", ["client_order_id", "type", "role", "qty", "submitted_at", "accepted_at"])
    fills = run.table(
        "fills", ["client_order_id", "side", "qty", "price", "mid_fill", "time", "t_received", "synthetic"]
    )
    fills = fills.filter(pc.invert(fills["synthetic"]))
    order = rows_of(fills["client_order_id"], orders["client_order_id"])
    submitted, accepted = int64s(orders, "submitted_at", NEVER), int64s(orders, "accepted_at", NEVER)
    sent = (accepted != NEVER) & (submitted != NEVER) & ~np.isin(_texts(orders, "role"), ("target", "stop"))
    heard = acceptances(run, orders["client_order_id"])
    time = int64s(fills, "time")
    market = _texts(orders, "type")[order] == "market"
    left = _remainders(fills, order, micros(orders, "qty"))
    return {
        "submit_latency": _sample((accepted - submitted)[sent] / 1e6, submitted[sent]),
        "ack_latency": _sample(heard[heard >= 0] / 1e6, submitted[heard >= 0]),
        "fill_latency": _sample((int64s(fills, "t_received") - time) / 1e6, time),
        "spread": _sample(_paid_bp(fills)[market], time[market]),
        "partial": _sample(left[left >= 0].astype(np.float64), time[left >= 0]),
    }


def _sample(values: Floats, times: Int64s) -> Sample:
    known = np.isfinite(values) & (values >= 0.0) if len(values) else np.zeros(0, np.bool_)
    return Sample(values[known], (times[known] - SHIFT) // DAY)


def _texts(table: pa.Table, name: str) -> npt.NDArray[np.str_]:
    return np.array(table[name].to_pylist(), np.str_)


def _paid_bp(fills: pa.Table) -> Floats:
    """What each execution paid beyond the mid, in bp of it; NaN where the mid is not known."""
    side = np.where(_texts(fills, "side") == "buy", 1.0, -1.0)
    price, mid = micros(fills, "price").astype(np.float64), micros(fills, "mid_fill").astype(np.float64)
    return np.asarray(np.where(mid > 0.0, side * (price - mid) / np.where(mid > 0.0, mid, 1.0) * 1e4, np.nan))


def _remainders(fills: pa.Table, order: Int64s, ordered: Int64s) -> Int64s:
    """1 for an execution that left something of its order, 0 for one that did not, -1 below two shares."""
    sort = np.lexsort((int64s(fills, "time"), order))
    qty, mine = micros(fills, "qty")[sort], order[sort]
    total = np.cumsum(qty)
    starts = np.flatnonzero(np.diff(mine, prepend=-1))
    base = np.repeat((total - qty)[starts], np.diff(np.append(starts, len(mine))))
    rest = ordered[mine] - (total - base)
    found = np.full(len(qty), -1, np.int64)
    found[sort] = np.where(rest + qty >= TWO_SHARES, (rest > 0).astype(np.int64), -1)
    return found
