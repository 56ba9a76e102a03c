"""The bars that strategies look back on: sessions from parquet, then this session as it was received.

A bar counts as it first came. A revision (late trades) is recorded and changes no history, because what was decided on
the first version must stay explainable, and the next session's file has the revised ones. The grid of a running
session follows the rule of stored ones (core.datasets): every regular interval, and every extended one in which any
symbol has a bar. So a strategy sees the same rows live, in rehearsal and in simulation.

When no data come, this is what is left: it may keep strategies warm. It may not price an order or a mark, and it
cannot: nothing here makes an event.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from core.bars import Bars
from core.calendar import SECOND
from core.datasets.dataset import Dataset
from core.kernel.units import MICRO
from live.alpaca.wire import Bar, RevisedBar


class History:
    """Up to `keep` rows of past sessions, and the running one."""

    def __init__(self, symbols: tuple[str, ...], bar_seconds: int, keep: int) -> None:
        self.symbols = symbols
        self.bar_seconds = bar_seconds
        self._keep = keep
        self._past: Bars | None = None
        self._day: _Day | None = None

    @classmethod
    def from_dataset(cls, dataset: Dataset, keep: int) -> Self:
        """Warm from parquet: the sessions that the dataset was opened for, the newest rows of them."""
        history = cls(dataset.symbols, dataset.bar_seconds, keep)
        for block in dataset.blocks():
            history.remember(block.bars)
        return history

    @property
    def as_of(self) -> int:
        """End of the newest interval with a bar, ns UTC; 0 when there is none."""
        newest = 0 if self._past is None else int(self._past.time[-1])
        if self._day is not None:
            newest = max(newest, self._day.newest)
        return newest + self.bar_seconds * SECOND if newest else 0

    def begin(self, session: np.void, ratios: npt.NDArray[np.float64] | None = None) -> None:
        """A session starts (a SESSION row of core.calendar); the one before becomes history.

        `ratios` are its splits, new shares for each old one, float64 (S,).
        """
        if self._day is not None:
            self.remember(self._day.bars(self.symbols, self._day.ends))
        if self._past is not None and ratios is not None:
            self._past = self._past.restated(ratios)
        self._day = _Day(session, self.bar_seconds, len(self.symbols))

    def put(self, symbol: int, bar: Bar | RevisedBar) -> int:
        """Take a bar of the running session in; returns which version of it this is, 1 the first, 0 if it is none.

        A bar outside the session, or off the grid of its intervals, is none.
        """
        return 0 if self._day is None else self._day.put(symbol, bar)

    def fill(self, symbol: int, bar: Bar | RevisedBar) -> None:
        """Take in a bar of the running session that was asked for and not heard: it counts until one is heard."""
        if self._day is not None:
            self._day.fill(symbol, bar)

    def bars(self, until: int) -> Bars:
        """All rows that had ended at `until` (ns UTC): the past, then the running session."""
        return self.look(until)[0]

    def look(self, until: int) -> tuple[Bars, int]:
        """The same, and how many of the rows are the past."""
        assert self._day is not None, "no session has begun"
        today = self._day.bars(self.symbols, until)
        if self._past is None:
            return today, 0
        return Bars.concat([self._past, today]), len(self._past.time)

    def traded(self, start: int) -> bool:
        """Whether any symbol has a bar in the interval of the running session that began at `start`."""
        return self._day is not None and self._day.traded(start)

    def remember(self, bars: Bars) -> None:
        """A session that is over; the newest comes last."""
        whole = bars if self._past is None else Bars.concat([self._past, bars])
        self._past = whole.window(max(len(whole.time) - self._keep, 0), len(whole.time))


class _Day:
    """One session as a grid of all its intervals, `pre` to `post`."""

    def __init__(self, session: np.void, bar_seconds: int, symbols: int) -> None:
        self.newest = 0
        self._session = session
        self._seconds = bar_seconds
        step = bar_seconds * SECOND
        self._time = np.arange(int(session["pre"]), int(session["post"]), step, dtype=np.int64)
        self._values = np.full((5, len(self._time), symbols), np.nan)
        self._versions = np.zeros((len(self._time), symbols), np.int64)
        self.ends = int(session["post"])

    def put(self, symbol: int, bar: Bar | RevisedBar) -> int:
        row = self._row(bar)
        if row < 0:
            return 0
        self._versions[row, symbol] += 1
        version = int(self._versions[row, symbol])
        if version == 1:
            self._write(row, symbol, bar)
        return version

    def fill(self, symbol: int, bar: Bar | RevisedBar) -> None:
        row = self._row(bar)
        if row >= 0 and self._versions[row, symbol] == 0:
            self._write(row, symbol, bar)

    def _row(self, bar: Bar | RevisedBar) -> int:
        row, off = divmod(int(bar.start) - int(self._time[0]), self._seconds * SECOND)
        return -1 if off or not 0 <= row < len(self._time) else row

    def _write(self, row: int, symbol: int, bar: Bar | RevisedBar) -> None:
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        self._values[:, row, symbol] = [int(value) / MICRO for value in values]
        self.newest = max(self.newest, int(bar.start))

    def traded(self, start: int) -> bool:
        row = (start - int(self._time[0])) // (self._seconds * SECOND)
        return 0 <= row < len(self._time) and bool((self._versions[row] > 0).any())

    def bars(self, symbols: tuple[str, ...], until: int) -> Bars:
        step = self._seconds * SECOND
        regular = (self._time >= self._session["open"]) & (self._time < self._session["close"])
        shown = (self._time + step <= until) & (regular | np.isfinite(self._values[3]).any(axis=1))
        opens, high, low, close, volume = (grid[shown] for grid in self._values)
        return Bars(
            symbols=symbols,
            time=self._time[shown],
            open=opens,
            high=high,
            low=low,
            close=close,
            volume=volume,
            regular=regular[shown],
            session=np.full(int(shown.sum()), int(self._session["date"]), np.int64),
            bar_seconds=self._seconds,
        )
