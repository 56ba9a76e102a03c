"""A dataset: bars of chosen symbols over chosen sessions, one block at a time.

Memory holds about two sessions however long the history is: the block that the caller works on and the next
one, which a background thread reads, verifies and lays out in the meantime.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.bars import Bars, Floats, SessionBlock
from core.calendar import Sessions, day_number
from core.datasets.columns import BAR_VALUES, QUOTE_VALUES
from core.datasets.grids import bar_grid, quote_grid
from core.datasets.manifest import NAME, FileEntry, Manifest, read_checked, read_manifest
from core.datasets.plain import open_plain
from core.datasets.reference import (
    ADV_SESSIONS,
    Reference,
    VolumeAverage,
    daily_volume,
    read_actions,
    read_auctions,
    read_daily,
)
from core.datasets.sources import SessionFiles, Source
from core.errors import InputError

Table = TypeVar("Table")

REFERENCE_FILES = ("daily.parquet", "actions.parquet", "auctions.parquet")


@dataclass(frozen=True, slots=True)
class _Content:
    """What a folder or file offers, before symbols and dates are chosen."""

    feed: str
    adjustment: str
    bar_seconds: int
    sha256: str
    bars: Source
    quotes: Source | None
    reference: Reference


class Dataset:
    """Market data on disk, opened: `symbols` in the order asked for, `sessions` that have data in the span.

    feed, adjustment  Alpaca's words, or "unknown" for plain files
    bar_seconds       length of a bar
    manifest_sha256   names the data: hash of the manifest, or of the list of the plain files' hashes
    """

    def __init__(self, folder: Path, content: _Content, symbols: Sequence[str], chosen: range) -> None:
        self.folder = folder
        self.symbols = tuple(symbols)
        self.feed = content.feed
        self.adjustment = content.adjustment
        self.bar_seconds = content.bar_seconds
        self.manifest_sha256 = content.sha256
        self._content = content
        self._chosen = chosen

    @classmethod
    def open(
        cls,
        path: str | Path,
        symbols: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> Dataset:
        """Open a dataset folder, or any parquet file or folder with Alpaca's columns.

        `symbols` defaults to all in alphabetical order; `start` and `end` are session dates, both included.
        Plain files need symbol, timestamp (UTC, start of the bar), open, high, low, close and volume; quotes,
        daily history, actions and auctions are found by their names in the same folder. The length of plain
        bars is their greatest common distance, or a minute if there are fewer than 100 rows.

        Raises InputError when there are no data, a file or the manifest is damaged or wrongly laid out, a
        symbol is not in the data, or no session lies in the span. Values are checked when they are read.
        """
        place = Path(path)
        if not place.exists():
            raise InputError(str(place), "there is no such file or folder", "Check the path")
        content = _from_manifest(place) if (place / NAME).exists() else _from_plain(place)
        if content.adjustment in ("split", "all") and any(
            action.kind == "split" for actions in content.reference.actions.values() for action in actions
        ):
            problem = f"it lists splits and prices are already adjusted ({content.adjustment})"
            raise InputError(str(place), problem, "Use raw prices, or remove the splits")
        chosen = _choose_symbols(place, symbols, content.bars.symbols)
        return cls(place, content, chosen, _choose_sessions(place, content.bars.sessions, start, end))

    @property
    def sessions(self) -> Sessions:
        """SESSION rows of the chosen span that have data."""
        return self._content.bars.sessions[self._chosen.start : self._chosen.stop]

    def blocks(self, history: int = 0) -> Generator[SessionBlock]:
        """The blocks of all sessions in order, after up to `history` earlier ones for warming up.

        Average daily volume starts from the daily history and from up to 20 earlier sessions, which are read
        for it. Raises InputError at the first block whose files or rows are not as they should be.
        """
        first = self._chosen.start
        wanted = range(max(0, first - max(history, ADV_SESSIONS)), self._chosen.stop)
        table, reference = self._content.bars.sessions, self._content.reference
        average = VolumeAverage(reference, self.symbols, int(table["date"][0]))
        with closing(_read_ahead(self._read, wanted)) as parts:
            for index, (bars, volume, bid, ask) in zip(wanted, parts, strict=True):
                session = table[index]
                after = int(table["date"][index - 1]) if index else int(session["date"]) - 1
                actions = reference.actions_of(range(after + 1, int(session["date"]) + 1), self.symbols)
                average.restate(actions)
                adv = average.mean()
                average.add(volume)
                if index >= first - history:
                    auctions = reference.auctions_of(int(session["date"]), self.symbols)
                    yield SessionBlock(session, bars, bid, ask, adv, actions, auctions)

    def _read(self, index: int) -> tuple[Bars, Floats, Floats | None, Floats | None]:
        session = self._content.bars.sessions[index]
        rows = self._content.bars.rows(session)
        assert rows is not None, "a session of the source has rows"
        bars = bar_grid(rows, session, self.bar_seconds, self.symbols)
        if self._content.quotes is None:
            return bars, daily_volume(bars), None, None
        quotes = self._content.quotes.rows(session)
        if quotes is None:
            none = np.full(bars.close.shape, np.nan)
            return bars, daily_volume(bars), none, none.copy()
        return bars, daily_volume(bars), *quote_grid(quotes, bars, session)


def _read_ahead(read: Callable[[int], Table], wanted: Sequence[int]) -> Generator[Table]:
    """The results of `read` in order, each next one made in a thread while the caller uses the one before."""
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        pending = thread.submit(read, wanted[0])
        for index in wanted[1:]:
            ready, pending = pending.result(), thread.submit(read, index)
            yield ready
        yield pending.result()


def _choose_symbols(place: Path, asked: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    if asked is None:
        return known
    if not asked or len(set(asked)) < len(asked):
        raise InputError("symbols", "the list is empty or names one twice", "Name each symbol once")
    lacking = [symbol for symbol in asked if symbol not in known]
    if lacking:
        shown = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
        raise InputError(str(place), f"it has no {', '.join(lacking)}", f"Choose among {shown}")
    return asked


def _choose_sessions(place: Path, known: Sessions, start: date | None, end: date | None) -> range:
    days = known["date"]
    first = 0 if start is None else int(np.searchsorted(days, day_number(start), side="left"))
    last = len(days) if end is None else int(np.searchsorted(days, day_number(end), side="right"))
    if first >= last:
        have = " to ".join(str(np.datetime64(int(day), "D")) for day in days[[0, -1]])
        raise InputError(str(place), f"no session from {start} to {end}", f"It covers {have}")
    return range(first, last)


def _from_manifest(folder: Path) -> _Content:
    manifest, sha256 = read_manifest(folder)
    bars = SessionFiles(folder, manifest.files, manifest.symbols, BAR_VALUES)
    quotes = SessionFiles(folder, manifest.quotes, manifest.symbols, QUOTE_VALUES) if manifest.quotes else None
    return _Content(
        manifest.feed,
        manifest.adjustment,
        manifest.bar_seconds,
        sha256,
        bars,
        quotes,
        _listed_reference(folder, manifest),
    )


def _listed_reference(folder: Path, manifest: Manifest) -> Reference:
    def listed(entry: FileEntry | None, read: Callable[[bytes, str], Table], none: Table) -> Table:
        return none if entry is None else read(*read_checked(folder, entry))

    return Reference(
        listed(manifest.daily, read_daily, {}),
        listed(manifest.actions, read_actions, {}),
        listed(manifest.auctions, read_auctions, {}),
    )


def _from_plain(place: Path) -> _Content:
    folder = place if place.is_dir() else place.parent
    paths = plain_files(place)
    quotes = quote_files(folder)
    bars, minutes = open_plain(paths, BAR_VALUES)
    if minutes == 0 or 30 % minutes:
        # A longer bar taken for a shorter one would show its close before it happened.
        problem = f"its bars are {minutes or 'no'} minutes apart, which does not divide half an hour"
        raise InputError(str(place), problem, "Give bars of 1 to 30 minutes that start at the full half hour")
    daily, actions, auctions = (folder / name for name in REFERENCE_FILES)
    beside = [path for path in (daily, actions, auctions) if path.exists()]
    return _Content(
        "unknown",
        "unknown",
        60 * minutes,
        _listing_sha256(folder, [*paths, *quotes, *beside]),
        bars,
        open_plain(quotes, QUOTE_VALUES)[0] if quotes else None,
        Reference(
            read_daily(daily, str(daily)) if daily.exists() else {},
            read_actions(actions, str(actions)) if actions.exists() else {},
            read_auctions(auctions, str(auctions)) if auctions.exists() else {},
        ),
    )


def plain_files(place: Path) -> list[Path]:
    """The bar files of a plain file or folder. Raises InputError when there are none."""
    if place.is_file():
        return [place]
    other = {*REFERENCE_FILES, "quotes.parquet"}
    found = [
        path
        for path in sorted(place.rglob("*.parquet"))
        if path.name not in other and "quotes" not in path.relative_to(place).parts[:-1]
    ]
    if not found:
        remedy = "Name a dataset folder, a parquet file or a folder of parquet files"
        raise InputError(str(place), "the folder holds neither a manifest nor parquet bars", remedy)
    return found


def quote_files(folder: Path) -> list[Path]:
    """The quote files that belong to plain bars in this folder, by their names."""
    single = folder / "quotes.parquet"
    return [single] if single.exists() else sorted((folder / "quotes").rglob("*.parquet"))


def _listing_sha256(folder: Path, paths: Sequence[Path]) -> str:
    listing = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        listing.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return listing.hexdigest()
