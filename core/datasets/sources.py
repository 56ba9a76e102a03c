"""Where the rows of a session come from: what every source answers, and the session files of a manifest.

A session file is read once as bytes, hashed, and decoded from memory, so what is verified is what is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from core.calendar import Sessions, day_number, sessions
from core.datasets.columns import ParquetFile
from core.datasets.manifest import SessionEntry, read_checked
from core.datasets.rows import Rows
from core.errors import InputError


class Source(Protocol):
    """Rows of bars or quotes by session."""

    symbols: tuple[str, ...]
    sessions: Sessions

    def rows(self, session: np.void) -> Rows | None:
        """The rows of a session, None when there are none; InputError names what is wrong with them."""
        ...


class SessionFiles:
    """The session files that a manifest lists."""

    def __init__(
        self, folder: Path, entries: Sequence[SessionEntry], symbols: tuple[str, ...], names: Sequence[str]
    ) -> None:
        self.symbols = symbols
        self._folder = folder
        self._names = tuple(names)
        self._entries = {day_number(entry.session): entry for entry in entries}
        self.sessions = self._exchange_sessions(entries)

    def _exchange_sessions(self, entries: Sequence[SessionEntry]) -> Sessions:
        span = sessions(entries[0].session, entries[-1].session)
        days = np.array(list(self._entries), np.int64)
        strange = ~np.isin(days, span["date"])
        if strange.any():
            entry = entries[int(strange.argmax())]
            place = str(self._folder / entry.path)
            problem = f"{entry.session} is not a session of the exchange"
            raise InputError(place, problem, "Take the file out of the manifest")
        found: Sessions = span[np.isin(span["date"], days)]
        return found

    def rows(self, session: np.void) -> Rows | None:
        """The rows of a session, after the hash of its file has been checked."""
        entry = self._entries.get(int(session["date"]))
        if entry is None:
            return None
        content, place = read_checked(self._folder, entry)
        file = ParquetFile(content, place, self._names)
        if file.rows != entry.rows:
            problem = f"it has {file.rows} rows and the manifest says {entry.rows}"
            raise InputError(place, problem, "Write the dataset anew")
        rows = file.read()
        if rows.time[0] != entry.first or rows.time[-1] != entry.last:
            problem = "its first or last time is not what the manifest says"
            raise InputError(place, problem, "Write the dataset anew")
        unlisted = set(rows.symbols).difference(self.symbols)
        if unlisted:
            problem = f"the manifest does not list the symbol {min(unlisted)}"
            raise InputError(place, problem, "Write the dataset anew")
        return rows
