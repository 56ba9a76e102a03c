"""The small week under faults: many signals, short sessions, and whatever goes wrong.

`python -m tests.sim.faults.storm` prints the digest of a week in which much does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.bars import SessionBlock
from core.kernel import invariants
from core.kernel.units import MINUTE, NANO
from core.settings.scenario import Settings
from sim import replay
from sim.faults.weather import Day, Weather
from sim.market import calendar_events, integer_bars, minute_grid, post_calendar
from sim.setup import brief_venue, new_desk
from tests.sim.small_week import FIRST_DAY, LENGTH, STRATEGIES, SYMBOLS, Week, market, settings, signals

MONDAY, TUESDAY, WEDNESDAY = ("2026-03-02", "2026-03-03", "2026-03-04")


def at(day: str, minute: int) -> str:
    """A minute after a session's open."""
    hour, rest = divmod(14 * 60 + 30 + minute, 60)
    return f"{day}T{hour:02d}:{rest:02d}:00+00:00"


def fault(kind: str, day: str = MONDAY, minute: int = 2, length: str | None = "40m", **keys: Any) -> dict[str, Any]:
    """A [[faults]] entry from a minute of a session on."""
    entry = {"kind": kind, "at": at(day, minute), **keys}
    return entry if length is None else entry | {"for": length}


class Storm(Week):
    """A small week with faults and, where given, changes of other sections."""

    def __init__(self, *faults: dict[str, Any], seed: int = 3, **sections: dict[str, Any]) -> None:
        super().__init__(seed)
        plain = settings(seed).model_dump(by_alias=True, exclude_none=True)
        self.settings = Settings.model_validate({**plain, "halts": [], "faults": list(faults), **sections})
        self.desk = new_desk(self.settings, SYMBOLS, STRATEGIES, FIRST_DAY)  # type: ignore[arg-type]
        self.weather = Weather(self.settings, SYMBOLS, self.desk)
        self.days: list[Day] = []

    def session(self, block: SessionBlock, rows: np.ndarray) -> None:
        day = self.weather.session(block)
        self.days.append(day)
        rows = integer_bars(day.block)
        received = self.weather.receive(day, rows)
        number = int(block.session["date"]) - FIRST_DAY
        desk = self.desk
        brief_venue(desk.venue, day.block, np.full(len(SYMBOLS), NANO // 50, np.int64))
        self.weather.post(day, desk)
        post_calendar(desk.queue, calendar_events(day.block, day.halts, number == 0))
        post_calendar(desk.queue, received.connection)
        desk.log[0]["signal"] = desk.log[0]["late"] = 0
        arrays = rows, received.feed, received.late, minute_grid(day.block), signals(number)
        records = desk.state, desk.venue, desk.queue, desk.log
        done, end = 0, int(day.block.session["post"]) + MINUTE
        while done >= 0:
            self._empty()
            done = replay.run_session(*records, *arrays, done, end)
            self.weather.remember(desk.log[0])
            self._take()
        assert int(desk.state[0]["run"]["broken"]) == 0
        assert invariants.broken(desk.state) == 0

    def fired(self, number: int = 0) -> int:
        """How often a fault took effect."""
        return int(self.weather.table[number]["fired"])

    @property
    def differences(self) -> list[int]:
        """The broker's positions less ours, micro-shares."""
        ours, theirs = self.desk.state[0]["symbols"]["qty"], self.desk.venue[0]["symbol"]["position"]
        return (theirs[: len(SYMBOLS)] - ours[: len(SYMBOLS)]).tolist()

    @property
    def unknown(self) -> int:
        """Orders whose fate is not known."""
        return int(self.desk.state[0]["run"]["unknown"])

    def kinds(self, name: str = "notes") -> set[int]:
        """The kinds in a table of the journal."""
        return set(self.table(name)["kind"].tolist())


BAD_WEEK = (
    fault("answer_lost", probability=0.5),
    fault("late_fill", MONDAY, 0, "3d", parameters={"delay": "9s"}),
    fault("dropped_executions", TUESDAY, probability=0.4),
    fault("gap", TUESDAY, 10, "8m", scope={"symbols": ["AAA"]}),
    fault("restart", TUESDAY, 20, "90s"),
    fault("price_gap", TUESDAY, 30, None, parameters={"size": -0.03}),
    fault("reordered_executions", WEDNESDAY, parameters={"delay": "30s"}),
    fault("outage", WEDNESDAY, 20, "5m", scope={"lanes": ["stream", "query"]}),
)

if __name__ == "__main__":
    print(Storm(*BAD_WEEK).play(market()).digest, LENGTH)
