"""Coverage marks: which faults took effect, which checks refused, between which modes and breaker states it went.

A sweep that finds nothing has shown little unless it also shows where it has been. A mark is a name; what is counted
is in how many seeds it was left, and how often in all. `every_mark` lists those that a sweep ought to leave, so that
one that never did can be named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.kernel.kinds import Breaker, Lane, Mode, NoteKind, Refusal
from core.settings.fault_table import KINDS
from core.settings.faults import Fault

TABLES = ("events", "fills", "decisions", "checks", "notes", "orders", "equity")
FAULT, REFUSAL, MODE, BREAKER, EVENT = "fault", "refusal", "mode", "breaker", "event"
Marks = Mapping[str, int]
BEYOND = {  # what no schedule and no limit of a sweep leads to, and why
    f"{REFUSAL} symbol_halted": "a halted symbol has no bar, and without one nobody signals",
    f"{REFUSAL} adv_unknown": "only where the data has no daily volume",
    f"{REFUSAL} margin_freeze": "two deficits unmet for five sessions: scenario imd-day5-freeze",
    f"{REFUSAL} duplicate_intent": "a strategy signals once a symbol and minute",
    f"{REFUSAL} signal_stale": "a simulated signal comes with its bar",
    f"{REFUSAL} calibration": "only where calibration_scale is 0, which refuses everything",
    f"{REFUSAL} stop_required": "a strategy's answer without a stop is refused before",
    f"{REFUSAL} table_full": "takes more symbols than the market of a scenario has",
}


class Tally:
    """Takes the loop's log in place of a journal: it counts, and keeps nothing."""

    def __init__(self) -> None:
        self.marks: Counter[str] = Counter()

    def flush(self, log: np.void, state: np.ndarray) -> None:
        """Count what is in the log, and empty it."""
        decisions = log["decisions"][: int(log["decisions_n"])]
        refused = decisions["refused"]
        for refusal in Refusal:
            self._add(f"{REFUSAL} {refusal.name.lower()}", int(np.count_nonzero(refused >> int(refusal) & 1)))
        for note in log["notes"][: int(log["notes_n"])]:
            kind = int(note["kind"])
            if kind == NoteKind.MODE_CHANGE:
                self._add(f"{MODE} {_name(Mode, note['mode_from'])} to {_name(Mode, note['mode_to'])}", 1)
            elif kind == NoteKind.BREAKER_CHANGE:
                lane = _name(Lane, note["detail"])
                self._add(f"{BREAKER} {lane} {_name(Breaker, note['limit'])} to {_name(Breaker, note['value'])}", 1)
            else:
                self._add(f"{EVENT} {_name(NoteKind, kind)}", 1)
        for table in TABLES:
            log[f"{table}_n"] = 0

    def close_session(self, time: int, log: np.void) -> None:
        """Nothing is kept of a session's positions."""

    def finish(self, time: int, state: np.ndarray, venues: np.ndarray) -> None:
        """Nothing is held back."""

    def count_faults(self, faults: Sequence[Fault], table: np.ndarray) -> None:
        """Count how often each kind of a schedule took effect; `table` has its FAULT rows."""
        for fault, row in zip(faults, table, strict=False):
            self._add(f"{FAULT} {fault.kind}", int(row["fired"]))

    def _add(self, mark: str, count: int) -> None:
        if count:
            self.marks[mark] += count


def _name(kind: type, number: int) -> str:
    return str(kind(int(number)).name).lower()


@dataclass(slots=True)
class Coverage:
    """Marks of many seeds: in how many of them each was left, and how often in all."""

    seeds: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)

    def add(self, marks: Marks) -> None:
        """The marks of one seed."""
        self.seeds.update(dict.fromkeys(marks, 1))
        self.times.update(marks)

    def table(self) -> list[tuple[str, int, int]]:
        """Every mark that was left or should have been: name, seeds, times."""
        marks = dict.fromkeys([*every_mark(), *sorted(self.seeds)])
        return [(mark, self.seeds[mark], self.times[mark]) for mark in marks]

    def never(self) -> list[str]:
        """What should have been seen and was not."""
        return [mark for mark in every_mark() if not self.seeds[mark]]


def every_mark() -> Iterable[str]:
    """Every kind of fault, every refusal, every mode in and out, and each breaker state that a lane can reach."""
    yield from (f"{FAULT} {kind}" for kind in KINDS)
    yield from (f"{REFUSAL} {refusal.name.lower()}" for refusal in Refusal)
    for mode in Mode:
        if mode is not Mode.NORMAL:
            yield f"{MODE} normal to {mode.name.lower()}"
            yield f"{MODE} {mode.name.lower()} to normal"
