"""Prices between the fills: what a symbol traded at some time after, from the bars that a run was made on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.datasets.dataset import Dataset
from reports.columns import Codes, Floats, Times

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Strip:
    """Bars of one symbol over a span: start of each in ns UTC, its high, low and close in dollars; missing ones out."""

    time: Times
    high: Floats
    low: Floats
    close: Floats


class Prices:
    """High, low and close of every bar, float64 (T, S), and the rows at which sessions begin."""

    def __init__(self, dataset: Dataset) -> None:
        """Read the bars of a dataset once. Raises InputError when they are damaged."""
        blocks = [(block.bars, block.bid is not None) for block in dataset.blocks()]
        parts = [bars for bars, _ in blocks]
        self.quoted = any(quoted for _, quoted in blocks)
        self.bar_ns = dataset.bar_seconds * SECOND
        self._columns = {symbol: column for column, symbol in enumerate(dataset.symbols)}
        self._time = np.concatenate([part.time for part in parts])
        self._high, self._low, self._close = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("high", "low", "close")
        )
        self._session = np.concatenate([part.session for part in parts])
        regular = np.concatenate([part.regular for part in parts])
        self._regular_end = {
            int(day): int(self._time[(self._session == day) & regular][-1]) + self.bar_ns
            for day in np.unique(self._session[regular])
        }
        self._known = _newest(self._close, self._session)

    def at(self, symbol: str, time: int) -> float:
        """Close of the newest bar of the session that has ended by `time`, ns UTC; NaN where there is none."""
        column = self._columns.get(symbol)
        row = int(np.searchsorted(self._time, time - self.bar_ns, "right")) - 1
        if column is None or row < 0:
            return np.nan
        found = self._known[row, column]
        return float(self._close[found, column]) if found >= 0 else np.nan

    def close_of_day(self, time: int) -> int:
        """End of the regular session that holds `time`, or the last one before it; `time` itself where none does."""
        row = int(np.searchsorted(self._time, time, "right")) - 1
        return self._regular_end.get(int(self._session[row]), time) if row >= 0 else time

    def strip(self, symbol: str, start: int, end: int) -> Strip | None:
        """The bars from `start` to `end`, ns UTC; None where the symbol has none."""
        column = self._columns.get(symbol)
        rows = slice(int(np.searchsorted(self._time, start)), int(np.searchsorted(self._time, end)))
        if column is None or not np.isfinite(self._close[rows, column]).any():
            return None
        known = np.isfinite(self._close[rows, column])
        values = (array[rows, column][known] for array in (self._high, self._low, self._close))
        return Strip(self._time[rows][known], *values)

    def common_with(self, other: Prices) -> tuple[list[str], Times]:
        """Symbols and bar times that both have."""
        symbols = [symbol for symbol in self._columns if symbol in other._columns]
        return symbols, np.intersect1d(self._time, other._time)

    def closes(self, symbols: Sequence[str], bar_times: Times) -> Floats:
        """Closes of the bars that start at these times, float64 (len(bar_times), len(symbols)); NaN for no bar."""
        rows = np.searchsorted(self._time, bar_times)
        return np.asarray(self._close[np.ix_(rows, np.array([self._columns[symbol] for symbol in symbols], np.int64))])

    def close_of_bar(self, symbol: str, bar_time: int) -> float:
        """Close of one bar; NaN where there is none."""
        row = int(np.searchsorted(self._time, bar_time))
        if symbol not in self._columns or row == len(self._time) or self._time[row] != bar_time:
            return np.nan
        return float(self._close[row, self._columns[symbol]])


def _newest(close: Floats, session: Codes) -> Codes:
    """For each cell the row of the newest bar of its session up to there, -1 for none; int64 (T, S)."""
    rows = np.where(np.isfinite(close), np.arange(len(close))[:, None], -1)
    newest = np.maximum.accumulate(rows, axis=0)
    first = np.searchsorted(session, session)
    return np.asarray(np.where(newest >= first[:, None], newest, -1))
