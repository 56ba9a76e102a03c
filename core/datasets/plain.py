"""Plain parquet with Alpaca's column names, as anyone exports it: one file or many, in whatever order.

The files are indexed when opened, from symbols and times alone. If time runs forward, a session is a range
of rows and only the row group that holds it is in memory. If not (symbol after symbol, say), all wanted
columns are loaded and grouped by session with a stable sort, which keeps the file's order within a session.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.bars import Floats, Ints
from core.calendar import MINUTE, Sessions, sessions, sessions_at
from core.datasets.columns import MOST_ROWS, ParquetFile
from core.datasets.rows import FILE_SHIFT, Codes, Rows, joined, recoded
from core.datasets.sources import Source
from core.errors import InputError

_ENOUGH_ROWS = 100


class _Piece(NamedTuple):
    """Rows `first` to `last` of a row group, all of one session."""

    file: int
    group: int
    first: int
    last: int


@dataclass(slots=True)
class _Index:
    """What one pass over symbols and times finds; `pieces` and `days` are by session and by row."""

    symbols: set[str] = field(default_factory=set)
    days: list[Ints] = field(default_factory=list)
    pieces: dict[int, list[_Piece]] = field(default_factory=dict)
    minutes: Ints = field(default_factory=lambda: np.zeros(24 * 60, np.int64))
    latest: int = np.iinfo(np.int64).min
    forward: bool = True

    def add(self, file: int, group: int, rows: Rows) -> None:
        table, session = sessions_at(rows.time)
        if (session < 0).any():
            problem = "the time is outside the trading hours of every exchange session"
            raise rows.refuse(int((session < 0).argmax()), problem, "Drop the row, or check the time zone")
        day, start = table["date"][session], table["open"][session]
        self.symbols.update(rows.symbols[code] for code in np.unique(rows.code))
        self.minutes[np.unique((rows.time - start) // MINUTE % len(self.minutes))] = 1
        self.forward &= bool(rows.time[0] >= self.latest and (np.diff(rows.time) >= 0).all())
        self.latest = int(rows.time[-1])
        self.days.append(day.astype(np.int32))
        edges = np.flatnonzero(np.diff(day)) + 1
        if self.forward:
            for first, last in zip((0, *edges), (*edges, len(day)), strict=True):
                piece = _Piece(file, group, int(first), int(last))
                self.pieces.setdefault(int(day[first]), []).append(piece)

    def bar_minutes(self) -> int:
        """Greatest common distance of the bars from each other, 0 if they never differ in the time of day."""
        if sum(len(day) for day in self.days) < _ENOUGH_ROWS:
            return 1
        return int(np.gcd.reduce(np.diff(np.flatnonzero(self.minutes))))

    def sessions(self) -> Sessions:
        days = np.unique(np.concatenate(self.days))
        epoch = np.datetime64(0, "D")
        first, last = ((epoch + int(day)).astype(date) for day in days[[0, -1]])
        span = sessions(first, last)
        found: Sessions = span[np.isin(span["date"], days)]
        return found


def open_plain(paths: Sequence[Path], names: Sequence[str]) -> tuple[Source, int]:
    """A source over plain files, and the distance of its rows from each other in minutes.

    Raises InputError for a damaged file, a wrong layout, or a row outside all trading hours.
    """
    files = [ParquetFile(path, str(path), names) for path in paths]
    index = _Index()
    for number, file in enumerate(files):
        for group, count in enumerate(file.group_rows):
            if count:
                index.add(number, group, file.read_index(group))
    source = SortedFiles(files, index) if index.forward else LoadedFiles(files, index)
    return source, index.bar_minutes()


class SortedFiles:
    """Plain files in the order of time; the latest row group stays in memory."""

    def __init__(self, files: Sequence[ParquetFile], index: _Index) -> None:
        self.symbols = tuple(sorted(index.symbols))
        self.sessions = index.sessions()
        self._files = files
        self._pieces = index.pieces
        self._latest: tuple[tuple[int, int], Rows] | None = None

    def rows(self, session: np.void) -> Rows | None:
        """The rows of a session, read from the row groups that hold any of them."""
        pieces = self._pieces.get(int(session["date"]), [])
        return joined([self._read(piece) for piece in pieces]) if pieces else None

    def _read(self, piece: _Piece) -> Rows:
        key, latest = (piece.file, piece.group), self._latest
        if latest is None or latest[0] != key:
            latest = self._latest = None  # frees the old group before the new one is read
            latest = self._latest = (key, self._files[piece.file].read(piece.group))
        return latest[1].take(np.arange(piece.first, piece.last))


class LoadedFiles:
    """Plain files in any other order, loaded whole and grouped by session."""

    def __init__(self, files: Sequence[ParquetFile], index: _Index) -> None:
        self.symbols = tuple(sorted(index.symbols))
        self.sessions = index.sessions()
        day = np.concatenate(index.days)
        if len(day) > MOST_ROWS:
            problem = f"{len(day)} rows that are not sorted by time do not fit in memory"
            raise InputError(files[0].place, problem, "Sort by timestamp, or split by month")
        self._all = _load(files, self.symbols, len(day))
        # Sixteen bits make the stable sort a radix sort; the calendar spans fewer days than that.
        self._order = np.argsort((day - day.min()).astype(np.uint16), kind="stable")
        found, first = np.unique(day[self._order], return_index=True)
        self._first = dict(zip(found.tolist(), first.tolist(), strict=True))
        self._last = dict(zip(found.tolist(), [*first[1:].tolist(), len(day)], strict=True))

    def rows(self, session: np.void) -> Rows | None:
        """The rows of a session, taken from memory."""
        day = int(session["date"])
        if day not in self._first:
            return None
        return self._all.take(self._order[self._first[day] : self._last[day]])


def _load(files: Sequence[ParquetFile], symbols: tuple[str, ...], total: int) -> Rows:
    code: Codes = np.empty(total, np.int32)
    time: Ints = np.empty(total, np.int64)
    number: Ints = np.empty(total, np.int64)
    values: dict[str, Floats | Ints] = {name: np.empty(total) for name in files[0].names}
    first = 0
    for file, rows in _groups(files):
        part = slice(first, first + len(rows))
        code[part] = recoded(rows, symbols)
        time[part] = rows.time
        number[part] = np.asarray(rows.number) + (file << FILE_SHIFT)
        for name, column in rows.values.items():
            values[name][part] = column
        first = part.stop
    return Rows(symbols, code, time, values, tuple(file.place for file in files), number)


def _groups(files: Sequence[ParquetFile]) -> Iterator[tuple[int, Rows]]:
    for number, file in enumerate(files):
        for group, count in enumerate(file.group_rows):
            if count:
                yield number, file.read(group)
