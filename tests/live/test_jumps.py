"""A trader whose wall clock is set, forward and back, and which is started again meanwhile (programme T11).

Whatever the clock does, no phase of a day is told twice or out of its order, no minute ends twice, the engine's own time
never goes back, and a clock that is put back halts it. The weeks have a change of clocks, a holiday and a half day.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from core.calendar import sessions
from core.kernel.kinds import EventKind, Mode
from core.kernel.units import MINUTE, SECOND
from live.pace import RealPace
from live.service import Plan, Surroundings, Trader
from live.store import journal, migrate
from live.store.database import open_engine
from live.store.writer import StoreWriter
from tests.doses import NIGHTLY, dose
from tests.live.story import SPEC, database, genesis
from tests.live.test_service import NOWHERE, brief

WEEKS = {  # by what is special about them
    "clocks go forward": sessions(date(2026, 3, 6), date(2026, 3, 11)),
    "clocks go back": sessions(date(2026, 10, 30), date(2026, 11, 4)),
    "a holiday and a half day": sessions(date(2026, 11, 25), date(2026, 12, 1)),
}
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
SAMPLES = dose(40, 1_000, "SEATRIAL_JUMPS")
JUMPS = some.sampled_from((HOUR, -HOUR, DAY, -DAY, SECOND, -SECOND, 7 * MINUTE, -90 * SECOND))
PASSES = some.tuples(
    some.just("pass"), some.sampled_from((SECOND, 59 * SECOND, MINUTE, 10 * MINUTE, 3 * HOUR, 17 * HOUR))
)
STEPS = some.lists(
    some.one_of(PASSES, PASSES, some.tuples(some.just("jump"), JUMPS), some.just(("restart", 11 * MINUTE)))
)


class Set:
    """A clock that somebody sets; the monotonic one goes on."""

    def __init__(self, now: int) -> None:
        self.wall, self.steady = now, 1

    def now(self) -> int:
        """The wall clock."""
        return self.wall

    def monotonic(self) -> int:
        """The other."""
        return self.steady

    def step(self, kind: str, size: int) -> None:
        """Let time pass, or set the wall clock."""
        self.wall += size
        self.steady += 0 if kind == "jump" else size


@contextmanager
def trader(url: str, clock: Set, days: np.ndarray) -> Iterator[Trader]:
    plan = Plan("name", SPEC, genesis(), [], days, brief, quotes=False, poll=0)
    place = Surroundings(NOWHERE, clock, RealPace())
    living = Trader(StoreWriter(open_engine(url), SPEC.account, clock.now()), plan, place)
    try:
        yield living
    finally:
        living.close()


def lived(folder: Path, days: np.ndarray, steps: list[tuple[str, int]]) -> tuple[np.ndarray, Any]:
    """EVENT rows of a trader's life, and the engine's run at its end; it is started again wherever a step says so."""
    url, clock = f"sqlite:///{folder / 'jumps.db'}", Set(int(days["open"][0]))
    migrate.upgrade(open_engine(url))
    lives: list[list[tuple[str, int]]] = [[]]
    for step in steps:
        lives[-1].append(step)
        if step[0] == "restart":
            lives.append([])
    for life in lives:
        with trader(url, clock, days) as living:
            living.keep_up()
            for step in life:
                clock.step(*step)
                living.keep_up()
            dtype, run = living.host._event.dtype, living.host.state["run"][0].copy()
    with database(url) as connection:
        rows = [row.event for row in journal.entries(connection, 1, 0, journal.GENESIS)]
    return np.frombuffer(b"".join(rows), dtype), run


@given(week=some.sampled_from(sorted(WEEKS)), steps=STEPS)
@example(
    "clocks go forward",
    [("pass", 17 * HOUR), ("pass", 17 * HOUR), ("jump", -DAY), ("restart", 11 * MINUTE), ("pass", DAY)],
)
@example(
    "a holiday and a half day", [("pass", 3 * HOUR), ("jump", -HOUR), ("restart", 11 * MINUTE), ("pass", 10 * MINUTE)]
)
@settings(max_examples=SAMPLES, deadline=None, derandomize=not NIGHTLY, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_told_twice_whatever_the_clock_does(week: str, steps: list[tuple[str, int]]):
    with TemporaryDirectory() as folder:
        events, run = lived(Path(folder), WEEKS[week], steps)
    phases = events[events["kind"] == EventKind.SESSION]
    told = list(zip(phases["amount"].tolist(), phases["t_market"].tolist(), strict=True))
    assert told == sorted(set(told))
    ends = events["t_market"][events["kind"] == EventKind.TIMER]
    assert (np.diff(ends) > 0).all()
    assert (np.diff(events["t_visible"]) >= 0).all()
    assert run["broken"] == 0
    set_back = any(kind == "jump" and size < -SECOND for kind, size in steps)
    assert run["mode"] == Mode.HALTED or not set_back
