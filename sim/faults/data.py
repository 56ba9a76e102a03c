"""Faults of data: what the engine and the strategies receive of a market that goes on as it was.

The engine gets, at the end of each minute, the bars in `feed`, and at other times the events in `late`. The strategies
see the same: a grid in which what did not come is NaN. When a fault has ended, the gap is filled from the data on disk
before the strategies compute again, so a session is cut into views, each of them as things were known from its first
row on. What is on disk serves features and warm-up alone: nothing here ever gives a price to the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bars import FIELDS, Bars, SessionBlock
from core.engine_config import nanos
from core.kernel.compiled import entry
from core.kernel.digest import mix, unit
from core.kernel.kinds import EventKind
from core.kernel.records import EVENT
from core.kernel.units import MICRO, MINUTE, NANO
from core.settings.faults import Fault
from sim.faults.schedule import Occurrence
from sim.market import NOTHING_LATE, View, event_rows

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
PRICES = ("open", "high", "low", "close")
REPAIR_AGAIN = 10 * MINUTE  # shortest time between two repairs of the strategies' data
SILENT = ("gap", "missing_symbol", "freeze", "late_bars", "reordered_bars", "feed_down", "clock_skew")
QUIET_QUOTE = 10_000


@dataclass(frozen=True, slots=True)
class Received:
    """A session as it came in.

    `views` is for the strategies; feed (T, S) BAR and late (EVENT by t_visible) are for the engine, and so is
    `connection` (EVENT), by which it knows that a feed is lost.
    """

    views: list[View]
    feed: np.ndarray
    late: np.ndarray
    connection: np.ndarray


class Feed:
    """The feed of one run under its faults; `table` is the run's FAULT rows, in which effects are counted."""

    def __init__(self, faults: Sequence[Fault], table: np.ndarray, latency: int) -> None:
        self.faults = faults
        self.table = table
        self.latency = latency

    def session(self, block: SessionBlock, rows: np.ndarray, in_force: Sequence[Occurrence]) -> Received:
        """What arrives of a session whose true BAR rows are `rows`."""
        mine = [o for o in in_force if self.faults[o.fault].rule.group == "data"]
        bars = block.bars
        if not mine:
            return Received([View(0, bars)], rows, NOTHING_LATE, NOTHING_LATE)
        seen = _Seen(bars, rows, self.latency)
        for o in mine:
            cells = self._cells(o, block, rows)
            if cells.any():
                self._count(o, bars, cells)
                self._apply(seen, self.faults[o.fault], cells, int(self.table[o.fault]["seed"]))
        late = np.concatenate([NOTHING_LATE, *seen.late])
        late = late[np.argsort(late["t_visible"], kind="stable")]
        return Received(_views(bars, seen, mine), seen.feed, late, self._connection(mine, block))

    def _cells(self, o: Occurrence, block: SessionBlock, rows: np.ndarray) -> Bools:
        """The bars (T, S) that an occurrence meets."""
        fault, row, time = self.faults[o.fault], self.table[o.fault], block.bars.time
        inside = (time >= o.begin) & (time < max(o.end, o.begin + 1))
        if fault.kind == "missing_symbol":
            inside = np.ones(len(time), np.bool_)
        elif fault.kind == "bad_print" and fault.duration is None:
            inside = np.arange(len(time)) == np.searchsorted(time, o.begin)
        scope = row["symbols"][: rows.shape[1]] != 0
        cells = inside[:, None] & scope & (rows["volume"] > 0)
        if fault.probability < 1:
            cells &= _draw(int(row["seed"]), int(row["probability"]), time, rows.shape[1])
        return np.asarray(cells)

    def _count(self, o: Occurrence, bars: Bars, cells: Bools) -> None:
        row = self.table[o.fault]
        times = bars.time[cells.any(axis=1)]
        known = self.faults[o.fault].kind == "feed_down"  # at once; of a bar one learns that it is missing at its end
        row["fired"] += int(cells.sum())
        row["first"] = row["first"] or (o.begin if known else max(int(times[0]) + MINUTE + self.latency, o.begin))
        row["last"] = int(times[-1]) + MINUTE + self.latency

    def _apply(self, seen: _Seen, fault: Fault, cells: Bools, seed: int) -> None:
        """What becomes of the bars that a fault meets."""
        p: Any = fault.parameters
        kind = fault.kind
        if kind == "late_bars":
            seen.again(cells, p.delay)
        elif kind == "reordered_bars":
            seen.again(cells, MINUTE + NANO)
        elif kind == "clock_skew":
            seen.again(cells, 0, p.behind)
        elif kind == "freeze":
            seen.repeat_last(cells)
        elif kind == "duplicate_bars":
            seen.again(cells, p.delay)
        elif kind == "bar_revision":
            seen.revise(cells, p.delay)
            seen.misprint(cells, 1 + float(p.size))
        elif kind == "bad_print":
            seen.misprint(cells, 1 + float(p.size))
        elif kind == "wrong_adjustment":
            seen.readjust(cells, float(p.ratio))
        elif kind == "bad_quotes":
            seen.quote(cells, p.form == "crossed")
        elif kind == "zero_volume":
            seen.feed["volume"][cells] = 0
            seen.grid["volume"][cells] = 0.0
        elif kind == "nan_edge":
            seen.feed["volume"][cells] = 0
            seen.grid[p.field][cells] = np.nan
        elif kind == "feed_switch":
            time = seen.bars.time
            missing = cells & _draw(seed ^ 1, nanos(p.missing), time, cells.shape[1])
            seen.thin(cells, float(p.volume))
            seen.lose(missing)
        if kind in SILENT:
            seen.lose(cells)

    def _connection(self, mine: Sequence[Occurrence], block: SessionBlock) -> np.ndarray:
        """EVENT rows of a feed that is known to be lost, and is back."""
        rows = []
        for o in mine:
            if self.faults[o.fault].kind == "feed_down" and o.begin >= int(block.session["pre"]):
                rows.append({"time": o.begin, "kind": int(EventKind.FEED), "code": 0})
                rows.append({"time": o.end, "kind": int(EventKind.FEED), "code": 1})
        return event_rows(rows)


class _Seen:
    """A session on its way in: integers for the engine (`feed`), floats for strategies (`grid`), and what is late."""

    def __init__(self, bars: Bars, rows: np.ndarray, latency: int) -> None:
        self.bars = bars
        self.rows = rows
        self.feed = rows.copy()
        self.grid = {name: getattr(bars, name).copy() for name in FIELDS}
        self.late: list[np.ndarray] = []
        self.latency = latency

    def lose(self, cells: Bools) -> None:
        """These bars do not come when they should."""
        self.feed["volume"][cells] = 0
        for values in self.grid.values():
            values[cells] = np.nan

    def misprint(self, cells: Bools, factor: float) -> None:
        """These bars close elsewhere."""
        close = self.grid["close"]
        close[cells] = np.maximum(np.round(close[cells] * factor, 2), 0.01)
        self.grid["high"][cells] = np.maximum(self.grid["high"][cells], close[cells])
        self.grid["low"][cells] = np.minimum(self.grid["low"][cells], close[cells])
        self._enter(cells)

    def readjust(self, cells: Bools, ratio: float) -> None:
        """These bars are in other units."""
        for name in PRICES:
            self.grid[name][cells] = np.maximum(np.round(self.grid[name][cells] * ratio, 2), 0.01)
        self.grid["volume"][cells] = np.maximum(np.round(self.grid["volume"][cells] / ratio), 1)
        self._enter(cells)

    def thin(self, cells: Bools, share: float) -> None:
        """These bars show a part of the volume."""
        self.grid["volume"][cells] = np.maximum(np.round(self.grid["volume"][cells] * share), 1)
        self._enter(cells)

    def _enter(self, cells: Bools) -> None:
        """Bring the engine's bars in line with the strategies'."""
        cells = cells & np.isfinite(sum(self.grid[name] for name in FIELDS))
        for name in PRICES:
            self.feed[name][cells] = np.rint(self.grid[name][cells] * MICRO).astype(np.int64)
        self.feed["volume"][cells] = self.grid["volume"][cells].astype(np.int64) * MICRO

    def again(self, cells: Bools, delay: int, behind: int = 0) -> None:
        """These bars come `delay` after their time, stamped `behind` it."""
        t, s = np.nonzero(cells)
        self._send(t, s, EventKind.BAR, delay, self.bars.time[t] - behind)

    def revise(self, cells: Bools, delay: int) -> None:
        """These bars are corrected to what they truly are."""
        t, s = np.nonzero(cells)
        self._send(t, s, EventKind.BAR_REVISION, delay, self.bars.time[t])

    def repeat_last(self, cells: Bools) -> None:
        """In place of these bars comes the last one before them, unchanged."""
        whole = (self.rows["volume"] > 0) & ~cells
        known = np.where(whole, np.arange(len(cells))[:, None], -1)
        last = np.maximum.accumulate(known, axis=0)
        t, s = np.nonzero(cells & (last >= 0))
        self._send(t, s, EventKind.BAR, 0, self.bars.time[last[t, s]], last[t, s])

    def quote(self, cells: Bools, crossed: bool) -> None:
        """Impossible quotes at the end of these bars."""
        t, s = np.nonzero(cells)
        self._send(t, s, EventKind.QUOTE, 0, self.bars.time[t])
        events = self.late[-1]
        close = events["price"].copy()
        events["price"] = close + QUIET_QUOTE if crossed else 0
        events["target"] = close - QUIET_QUOTE if crossed else 0
        events["qty"] = events["amount"] = events["stop"] = 0

    def _send(self, t: Ints, s: Ints, kind: EventKind, delay: int, stamps: Ints, source: Ints | None = None) -> None:
        """Events after rows `t` of symbols `s`, with the true content of those rows, or of the rows `source`."""
        bars = self.rows[t if source is None else source, s]
        events = np.zeros(len(t), EVENT)
        events["kind"], events["symbol"] = kind, s
        events["t_market"] = stamps
        events["t_received"] = events["t_visible"] = self.bars.time[t] + MINUTE + self.latency + delay
        for field, column in (("price", "close"), ("qty", "volume"), ("amount", "open"), ("target", "high")):
            events[field] = bars[column]
        events["stop"] = bars["low"]
        self.late.append(events)


def _views(bars: Bars, seen: _Seen, mine: Sequence[Occurrence]) -> list[View]:
    """The session as it was known from each repair on, the first view from its beginning."""
    known: dict[str, Any] = seen.grid
    grid = replace(bars, **known)
    views = [View(0, grid)]
    last = -REPAIR_AGAIN
    for end in sorted({max(o.end, o.begin + MINUTE) for o in mine}):
        ready = max(end, last + REPAIR_AGAIN)
        row = int(np.searchsorted(bars.time, ready))
        if not views[-1].first < row < len(bars.time):
            continue
        last = ready
        views[-1] = View(views[-1].first, views[-1].bars.window(0, row))
        known = {name: np.concatenate([getattr(bars, name)[:row], seen.grid[name][row:]]) for name in FIELDS}
        views.append(View(row, replace(bars, **known)))
    return views


@entry
def _draw(seed: int, probability: int, time: np.ndarray, symbols: int) -> np.ndarray:
    """bool (T, S): which bars a fault meets, each drawn by itself."""
    drawn = np.zeros((len(time), symbols), np.bool_)
    for t in range(len(time)):
        for s in range(symbols):
            drawn[t, s] = unit(mix(mix(seed, s), time[t])) * NANO < probability
    return drawn
