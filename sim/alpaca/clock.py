"""The virtual clock: lockstep, moved only from outside, or a speed, so many virtual seconds a real one.

At a speed the clock follows the wall from where it was started; moving it from outside shifts it, and it goes on.
"""

from __future__ import annotations

import time

from core.kernel.units import SECOND

LOCKSTEP = 0.0


class Clock:
    """Which virtual time it should be; `speed` 0 is lockstep."""

    def __init__(self, start: int, speed: float) -> None:
        self.speed = speed
        self._start = start
        self._wall = time.monotonic()

    @property
    def lockstep(self) -> bool:
        """Whether it moves only when it is told to."""
        return self.speed == LOCKSTEP

    def due(self, now: int) -> int:
        """The virtual time that has come, never before `now`, the time reached."""
        if self.lockstep:
            return now
        passed = (time.monotonic() - self._wall) * self.speed
        return max(now, self._start + int(passed * SECOND))

    def moved(self, now: int) -> None:
        """Somebody has moved the world to `now`; go on from there."""
        self._start, self._wall = now, time.monotonic()

    @property
    def mode(self) -> str | float:
        """As the control plane tells it: "lockstep" or the speed."""
        return "lockstep" if self.lockstep else self.speed
