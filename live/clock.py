"""The only reader of time.

Everything else is told what time it is: by an event, or by a `Clock` that it was given. So a rehearsal runs weeks in
minutes on a clock that the server moves, and a test moves the clock itself.

Two kinds of time are kept apart. The wall clock says *when* something happened; it can be set back by an administrator
or by NTP. The monotonic clock measures *how long* something took and never goes back. `Watch` compares the two: where
they disagree by more than a little, the wall clock was moved, and whoever trusts times of day must hear of it.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.kernel.kinds import EventKind, Phase
from core.kernel.units import MINUTE, SECOND
from live.events import Incoming

TOLERANCE = SECOND // 2  # between two looks: NTP slews by half a millisecond a second at most
SOURCE = "clock"


class Clock(Protocol):
    """Wall time in ns UTC, and a time that only grows, in ns."""

    def now(self) -> int:
        """Nanoseconds since 1970, UTC."""

    def monotonic(self) -> int:
        """Nanoseconds since some moment, never fewer than before."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()

    def monotonic(self) -> int:
        """Nanoseconds since some moment, never fewer than before."""
        return time.monotonic_ns()


class VirtualClock:
    """A clock that stands still until it is moved; both times are one."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return self._now

    def monotonic(self) -> int:
        """The same: nothing moves this clock but its owner."""
        return self._now

    def move(self, now: int) -> None:
        """Set the time, forward; a step back is a defect of the caller."""
        assert now >= self._now, "a virtual clock does not go back"
        self._now = now


class ScaledClock:
    """A clock that goes so many times as fast as the machine's, from a time on: that of a server of virtual time."""

    def __init__(self, start: int, speed: float, at: int) -> None:
        """It is `start` (ns UTC) when the machine's monotonic clock shows `at`."""
        self._start, self._speed, self._began = start, speed, at

    def now(self) -> int:
        """Nanoseconds since 1970, UTC, of that time."""
        return self._start + int((time.monotonic_ns() - self._began) * self._speed)

    def monotonic(self) -> int:
        """The same: nobody sets this clock."""
        return self.now()


class Watch:
    """Sees when the wall clock is moved."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._steady = clock.now(), clock.monotonic()

    def look(self) -> Incoming | None:
        """CLOCK_JUMP with the size of the step, when there was one since the last look."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        jump = (wall - self._wall) - (steady - self._steady)
        self._wall, self._steady = wall, steady
        if abs(jump) <= TOLERANCE:
            return None
        return Incoming(EventKind.CLOCK_JUMP, wall, wall, {"amount": jump}, source=SOURCE)


class Timetable:
    """The phases of exchange days as events. `sessions` has dtype `core.calendar.SESSION`, in order."""

    def __init__(self, sessions: npt.NDArray[np.void]) -> None:
        self._events = [event for day in sessions for event in _phases(day)]
        self._times = [event.t_market for event in self._events]

    def between(self, after: int, until: int) -> list[Incoming]:
        """The phases that begin after one time and not after another."""
        return self._events[bisect_right(self._times, after) : bisect_right(self._times, until)]

    def in_force(self, now: int) -> Incoming | None:
        """The phase that an engine that starts at `now` finds itself in; None before the first day."""
        place = bisect_right(self._times, now)
        return self._events[place - 1] if place else None

    def next_after(self, now: int) -> int | None:
        """When the next phase begins; None after the last day."""
        place = bisect_right(self._times, now)
        return self._times[place] if place < len(self._times) else None


def stopwatch() -> int:
    """Nanoseconds for measuring what our own work costs, in rehearsals too; says nothing about when."""
    return time.perf_counter_ns()


def timer(minute_end: int, seen: int) -> Incoming:
    """TIMER: the minute that ended at `minute_end` is over, and its bars are in; `seen` is when we knew."""
    assert minute_end % MINUTE == 0
    return Incoming(EventKind.TIMER, minute_end, seen, {}, source=SOURCE, t_visible=seen)


def _phases(day: np.void) -> Iterator[Incoming]:
    length = int(day["close"]) - int(day["open"])
    for phase, name in ((Phase.PRE, "pre"), (Phase.REGULAR, "open"), (Phase.POST, "close"), (Phase.CLOSED, "post")):
        begins = int(day[name])
        fields = {"code": int(phase), "amount": int(day["date"]), "qty": length}
        yield Incoming(EventKind.SESSION, begins, begins, fields, source=SOURCE, t_visible=begins)
