"""From [[faults]] to integers: the table that the compiled loop reads, and what happens in which session.

A session owns the times from the end of the one before it to its own end. A fault without `at` counts from each
session's open. Begin and end of a fault are messages like all others, so that a fault takes its place in the one
order of events. Faults of data and market have no messages: they change the session's bars before it is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from core.calendar import NEW_YORK
from core.engine_config import nanos
from core.errors import InputError
from core.kernel.compiled import entry
from core.kernel.digest import text_hash
from core.kernel.kinds import Lane, LaneFailure, OperatorAct
from core.settings import fault_kinds as kinds
from core.settings.fault_kinds import LANES
from core.settings.fault_table import CODES
from core.settings.faults import Fault
from core.settings.scenario import Settings
from core.settings.values import moment_of
from sim import messages
from sim.records import FAULT, MAX_FAULTS

FAILURES = {
    "timeout": LaneFailure.TIMEOUT,
    "server_error": LaneFailure.SERVER_ERROR,
    "connection": LaneFailure.CONNECTION,
    "unparseable": LaneFailure.UNPARSEABLE,
}
ACTS = {act.name.lower(): act for act in OperatorAct} | {"adopt": OperatorAct.ADOPT_POSITION}
NEVER = 2**62
MOST_A_SESSION = 1000  # begins of faults: each is a message, and the pool is bounded


class Occurrence(NamedTuple):
    """One time that a fault is in force: `fault` counts from 0; times in ns UTC, `end` = `begin` for an instant."""

    fault: int
    begin: int
    end: int

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it is in force at some time from `start` to before `end`."""
        return self.begin < end and max(self.end, self.begin + 1) > start


def fault_table(settings: Settings, symbols: Sequence[str]) -> np.ndarray:
    """FAULT rows (n,) of the scenario's faults.

    Raises InputError for more faults than the table holds, and for symbols that the data does not have.
    """
    faults = settings.faults
    if len(faults) > MAX_FAULTS:
        remedy = f"Use at most {MAX_FAULTS}; one with `every` counts once."
        raise InputError(f"{settings.name}: faults", f"{len(faults)} faults", remedy)
    table = np.zeros(len(faults), FAULT)
    for i, (row, fault) in enumerate(zip(table, faults, strict=True)):
        row["kind"] = CODES[fault.kind]
        row["lanes"] = sum(1 << LANES.index(lane) for lane in fault.scope.lanes or LANES)
        row["probability"] = nanos(fault.probability)
        row["seed"] = text_hash(settings.seed, fault.kind, i)
        chosen = fault.scope.symbols
        for symbol in chosen or ():
            if symbol not in symbols:
                place = f"{settings.name}: [[faults]] no. {i + 1}: scope.symbols"
                raise InputError(place, f"{symbol} is not in the data", f"Choose from {', '.join(symbols)}.")
        row["symbols"][: len(symbols)] = [chosen is None or symbol in chosen for symbol in symbols]
        row["a"], row["b"] = _numbers(fault)
    return table


def _numbers(fault: Fault) -> tuple[int, int]:
    """The two numbers that the loop needs of a fault: fractions in nanos, durations in ns, enumerations by number."""
    p: Any = fault.parameters
    match p:
        case kinds.Outage():
            return int(FAILURES[p.failure]), p.timeout
        case kinds.Late():
            return nanos(p.share), p.delay
        case kinds.Slow() | kinds.Repeated() | kinds.Delayed():
            return p.delay, 0
        case kinds.Limited():
            return p.retry_after, 0
        case kinds.Excess():
            return nanos(p.share), 0
        case kinds.Leg():
            return int(p.leg == "target"), 0
        case kinds.Power():
            return nanos(p.factor), 0
        case kinds.Restart():
            return int(p.lose_commands), 0
        case kinds.ClockJump():
            return p.by if p.direction == "forward" else -p.by, 0
        case kinds.KillSwitch():
            return int(p.flatten), 0
        case kinds.Act():
            return int(ACTS[p.act]), int(Lane[p.lane.upper()])
    return (int(LaneFailure.SERVER_ERROR), 0) if fault.kind == "accepted_no_answer" else (0, 0)


class Schedule:
    """The scenario's faults in time, session by session in order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = faults
        self.happened: list[list[Occurrence]] = [[] for _ in faults]
        self._since = -NEVER

    def session(self, day: np.void) -> list[Occurrence]:
        """Every occurrence that begins before the end of a session (a SESSION row) and not before the last call's.

        Raises InputError when there are more than the loop can hold.
        """
        until = int(day["post"])
        found = []
        for i, fault in enumerate(self.faults):
            left = NEVER if fault.times is None else fault.times - len(self.happened[i])
            begins = [t for t in self._begins(fault, day, until) if self._since <= t < until][: max(left, 0)]
            new = [Occurrence(i, begin, begin + (fault.duration or 0)) for begin in begins]
            self.happened[i] += new
            found += new
        if len(found) > MOST_A_SESSION:
            problem = f"{len(found)} faults begin in one session"
            raise InputError("[[faults]]: every", problem, f"Space them out: at most {MOST_A_SESSION} may.")
        self._since = until
        return sorted(found, key=lambda occurrence: (occurrence.begin, occurrence.fault))

    def in_force(self, start: int, end: int) -> list[Occurrence]:
        """Every occurrence so far that is in force at some time from `start` to before `end`."""
        return [o for happened in self.happened for o in happened if o.overlaps(start, end)]

    def _begins(self, fault: Fault, day: np.void, until: int) -> Sequence[int]:
        """When a fault would begin in a session's span, without regard to `times`."""
        if fault.every is None:
            assert fault.at is not None
            return (fault.at,)
        if isinstance(fault.every, str):
            begin = at_time_of_day(fault.at, day)
            return (begin,) if fault.at is None or begin >= fault.at else ()
        period = fault.every
        if fault.at is None:
            return range(int(day["open"]) + period, int(day["close"]), period)
        first = max(-(-(self._since - fault.at) // period), 0)
        return range(fault.at + first * period, until, period)


def at_time_of_day(at: int | None, day: np.void) -> int:
    """A session's open, or the time of day of `at` in New York."""
    if at is None:
        return int(day["open"])
    clock = moment_of(at).astimezone(NEW_YORK)
    date = np.datetime64(int(day["date"]), "D").item()
    moment = datetime.combine(date, clock.time(), NEW_YORK)
    return int(moment.timestamp()) * 1_000_000_000


@entry
def post_turns(queues: np.ndarray, number: int, begin: int, end: int) -> None:
    """Put the begin of a fault on its way, and its end if it lasts."""
    messages.post_turn(queues[0], begin, number, 1, end)
    if end > begin:
        messages.post_turn(queues[0], end, number, 0, end)
