"""All faults of one run: the schedule, the market and the feed that it makes, and the record of what took effect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from core.bars import SessionBlock
from core.kernel.kinds import Breaker, Mode, NoteKind
from core.run_arrays import count_array, names_array, time_array
from core.settings.fault_table import KINDS
from core.settings.faults import Fault
from core.settings.scenario import Settings
from core.settings.values import Section
from core.settings.venue import Halt
from sim.faults.data import Feed, Received
from sim.faults.market import Market
from sim.faults.schedule import Occurrence, Schedule, fault_table, post_turns
from sim.setup import Desk

IN_THE_LOOP = ("broker", "operator")
NAMES = tuple(KINDS)
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Day:
    """One session under the weather: the market as it was, the halts that faults bring, and what is in force."""

    block: SessionBlock
    halts: tuple[Halt, ...] = ()
    begins: Sequence[Occurrence] = ()
    in_force: Sequence[Occurrence] = ()


class Days:
    """The market of a scenario under its faults, session by session in order."""

    def __init__(self, faults: Sequence[Fault], table: np.ndarray, symbols: tuple[str, ...]) -> None:
        """`table` is the FAULT rows in which effects are counted."""
        self.schedule = Schedule(faults)
        self.market = Market(faults, table, symbols)

    def session(self, block: SessionBlock) -> Day:
        """The market of the next session."""
        if not self.schedule.faults:
            return Day(block)
        begins = self.schedule.session(block.session)
        day = block.session
        in_force = sorted({*begins, *self.schedule.in_force(int(day["pre"]), int(day["post"]))})
        block = self.market.session(block, in_force, begins)
        return Day(block, tuple(self.market.halts), begins, in_force)


class Weather:
    """The faults of a scenario over one run. Sessions must be asked for in order."""

    def __init__(
        self, settings: Settings, symbols: tuple[str, ...], desk: Desk, groups: Sequence[str] = IN_THE_LOOP
    ) -> None:
        """Write the schedule into the venue's record; only faults of these groups take effect in the loop.

        Raises InputError for a schedule that cannot be used.
        """
        self.faults = settings.faults
        self._groups = groups
        faults = desk.venue[0]["faults"]
        rows = fault_table(settings, symbols)
        faults["table"][: len(rows)] = rows
        self.table = faults["table"]
        if any(fault.rule.group in groups for fault in self.faults):
            faults["count"] = len(rows)
            faults["poll"] = settings.breaker.poll
            faults["start_cash"] = desk.venue[0]["cash"]
        else:  # no heartbeats are sent, so their absence means nothing
            desk.state[0]["config"]["silence"] = 0
        self.days = Days(settings.faults, self.table, symbols)
        self.schedule, self.market = self.days.schedule, self.days.market
        self.feed = Feed(settings.faults, self.table, settings.venue.feed_latency)
        self._notes: list[np.ndarray] = []

    def session(self, block: SessionBlock) -> Day:
        """The market of the next session."""
        return self.days.session(block)

    def receive(self, day: Day, rows: np.ndarray) -> Received:
        """What arrives of a session whose true BAR rows are `rows`; those get the spread that faults make."""
        self.market.widen(rows)
        return self.feed.session(day.block, rows, day.in_force)

    def post(self, day: Day, desk: Desk) -> None:
        """Put what begins in the session on its way."""
        for o in day.begins:
            if self.faults[o.fault].rule.group in self._groups:
                post_turns(desk.queue, o.fault, o.begin, o.end)

    def remember(self, notes: np.ndarray) -> None:
        """Keep what the engine has noted (NOTE records), to tell how soon it saw each fault."""
        if self.faults and len(notes):
            self._notes.append(notes.copy())

    def rows(self, started: int) -> pa.RecordBatch:
        """Rows of `faults`, one a fault of the scenario; one that never came is dated by its plan or by `started`."""
        notes = np.concatenate(self._notes) if self._notes else None
        seen = [_seen(notes, fault, row, self._span(i, started)) for i, (fault, row) in self._each()]
        table = self.table[: len(self.faults)]
        spans = [self._span(i, started) for i in range(len(self.faults))]
        columns = {
            "time": time_array(np.array([span[0] for span in spans], np.int64)),
            "until": _times(span[1] for span in spans),
            "kind": names_array(np.array([NAMES.index(f.kind) for f in self.faults], np.int64), NAMES),
            "scope": pa.array([_json(fault.scope) for fault in self.faults], pa.string()),
            "parameters": pa.array([_json(fault.parameters) for fault in self.faults], pa.string()),
            "fired": count_array(table["fired"]),
            "first_effect": _times(int(t) or UNKNOWN for t in table["first"]),
            "detected_at": _times(detected for detected, _ in seen),
            "recovered_at": _times(recovered for _, recovered in seen),
        }
        order = np.argsort([span[0] for span in spans], kind="stable")
        return pa.record_batch(columns).take(count_array(order))

    def _each(self) -> list[tuple[int, tuple[Fault, np.void]]]:
        return list(enumerate(zip(self.faults, self.table, strict=False)))

    def _span(self, i: int, started: int) -> tuple[int, int]:
        """First begin and last end of a fault; an instant has no end."""
        happened = self.schedule.happened[i]
        if not happened:
            return self.faults[i].at or started, UNKNOWN
        end = happened[-1].end
        return happened[0].begin, end if end > happened[-1].begin else UNKNOWN


def _seen(notes: np.ndarray | None, fault: Fault, row: np.void, span: tuple[int, int]) -> tuple[int, int]:
    """When the engine first showed that it saw a fault, and when it was back to normal work; UNKNOWN for never."""
    first = int(row["first"])
    if notes is None or first == 0:
        return UNKNOWN, UNKNOWN
    telling = np.isin(notes["kind"], [NoteKind[name.upper()] for name in fault.rule.shown_by])
    change = notes["kind"] == NoteKind.MODE_CHANGE
    breaker = notes["kind"] == NoteKind.BREAKER_CHANGE
    telling &= ~change | (notes["mode_to"] > Mode.REDUCED)
    telling &= ~breaker | (notes["value"] == Breaker.OPEN)
    found = notes["time"][telling & (notes["time"] >= first)]
    if not len(found):
        return UNKNOWN, UNKNOWN
    over = max(int(found[0]), span[1], int(row["last"]))
    return int(found[0]), _normal_from(notes[change | breaker], over)


def _normal_from(changes: np.ndarray, since: int) -> int:
    """The first time from `since` on at which the mode is normal and every breaker closed."""
    mode, lanes = int(Mode.BROKER_DEGRADED), dict.fromkeys(range(len(Breaker) + 1), int(Breaker.CLOSED))
    was = False
    for note in changes:
        if was and note["time"] > since:
            return since
        if note["kind"] == NoteKind.MODE_CHANGE:
            mode = int(note["mode_to"])
        else:
            lanes[int(note["detail"])] = int(note["value"])
        was = mode == Mode.NORMAL and not any(lanes.values())
        if was and note["time"] >= since:
            return int(note["time"])
    return since if was else UNKNOWN


def _json(section: Section) -> str:
    """A section's values as JSON: durations with their unit, decimals as numbers."""
    return json.dumps(section.model_dump(exclude_none=True), default=float)


def _times(values: Iterable[int]) -> pa.Array:
    """A nullable time column; UNKNOWN is null."""
    times = np.array(list(values), np.int64)
    return time_array(times, times != UNKNOWN)
