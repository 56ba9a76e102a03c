"""A window on a run: the run itself, whose tables hold the rows of a span of time alone.

Every section of every report reads it as it reads a whole run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, time

import numpy as np
import pyarrow as pa

from core.calendar import NEW_YORK, as_date
from core.run_arrays import count_array
from core.runs import Run
from reports.columns import Codes, times

TIME_OF = {"orders": "created_at", "events": "t_visible"}
"""The column by which a row belongs to a span, where it is not called `time`."""


@dataclass(frozen=True, slots=True)
class Window(Run):
    """A run whose tables hold only the rows of [start, end), ns UTC."""

    start: int
    end: int
    _kept: dict[str, Codes] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def on(cls, run: Run, start: int, end: int) -> Window:
        """The window [start, end) on a run."""
        return cls(**{f.name: getattr(run, f.name) for f in fields(Run)}, start=start, end=end)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a table in the window, or only the named columns."""
        rows = Run.table(self, name, columns)
        if name not in self._kept:
            self._kept[name] = self._inside(Run.table(self, name, [_time_of(name)]), name)
        return rows.take(count_array(self._kept[name]))

    def parts(self, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The same a row group at a time."""
        wanted = [*columns, *({_time_of(name)} - set(columns))]
        for part in Run.parts(self, name, wanted):
            yield part.take(count_array(self._inside(part, name))).select(list(columns))

    def _inside(self, table: pa.Table, name: str) -> Codes:
        when = times(table, _time_of(name))
        return np.flatnonzero((when >= self.start) & (when < self.end))


def _time_of(name: str) -> str:
    return TIME_OF.get(name, "time")


def midnight(day: int) -> int:
    """The instant at which a day begins in New York, ns UTC; days since 1970-01-01."""
    return int(datetime.combine(as_date(day), time(), NEW_YORK).timestamp()) * 1_000_000_000
