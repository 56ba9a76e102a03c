"""Bars kept on disk: what strategies look back on when the broker's market data does not answer.

A plain folder, one parquet file a session with Alpaca's columns, and beside them daily volumes and splits under the
names that core.datasets knows. So the folder is market data for everything else too: `seatrial run --bars` takes it as
it is. A file is written beside its place and renamed into it, and holds in its metadata which symbols were asked for,
because one without trades is in none of its rows. A file that cannot be read is as good as none, and asked for again.

A folder with a manifest, or with parquet files of other names, is somebody's dataset: it is read, and nothing is added.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.bars import CorporateAction
from core.calendar import NEW_YORK, SECOND, as_date, day_number
from core.datasets.dataset import Dataset
from core.datasets.manifest import NAME
from core.datasets.reference import read_actions, read_daily
from core.datasets.writer import About, SessionTables, bar_table, write_dataset
from core.errors import InputError
from core.kernel.units import MICRO
from live.alpaca.market_data import Candles, Split

ASKED = b"seatrial.symbols"
DAILY, ACTIONS = "daily.parquet", "actions.parquet"
LARGEST = 9_999  # of either side of a split's ratio: its file has four digits
DAYS = 60  # of daily volumes that are kept

_OURS = re.compile(r"\d{4}-\d\d-\d\d\.parquet|daily\.parquet|actions\.parquet")

Volumes = Mapping[int, Mapping[str, float]]
Actions = Mapping[int, Sequence[CorporateAction]]


class BarCache:
    """The bars of some symbols in one folder; days are counted since 1970-01-01."""

    def __init__(self, folder: Path, symbols: Sequence[str]) -> None:
        self.folder = folder
        self.symbols = tuple(symbols)
        self.fixed = (folder / NAME).exists() or any(not _OURS.fullmatch(p.name) for p in folder.rglob("*.parquet"))

    def lacking(self, sessions: Sequence[np.void]) -> list[np.void]:
        """Those of some sessions (SESSION rows) for which not all symbols were asked for; none of a fixed folder."""
        wanted = set(self.symbols)
        return [] if self.fixed else [s for s in sessions if not wanted <= _asked(self._place(s))]

    def open(self, first: date, last: date) -> Dataset:
        """What is here of sessions from `first` to `last`. Raises InputError for nothing, and for what is damaged."""
        return Dataset.open(self.folder, self.symbols, first, last)

    def daily(self) -> Volumes:
        """Daily volumes in shares, by day and symbol."""
        place = self.folder / DAILY
        return read_daily(place, str(place)) if place.exists() else {}

    def actions(self) -> Actions:
        """Corporate actions by ex-date."""
        place = self.folder / ACTIONS
        return read_actions(place, str(place)) if place.exists() else {}

    def keep(self, session: np.void, candles: Candles) -> None:
        """Add the bars of a session that is over; one without any bar is not kept."""
        place = self._place(session)
        before, parts = _asked(place), [_bars(candles)]
        if before - {*self.symbols}:
            others = pq.read_table(place)
            mine = pc.is_in(others["symbol"], pa.array(self.symbols, pa.string()))
            parts.append(others.filter(pc.invert(mine)).cast(parts[0].schema))
        table = pa.concat_tables(parts).sort_by([("timestamp", "ascending"), ("symbol", "ascending")])
        if table.num_rows:
            self._write(
                place, table.replace_schema_metadata({ASKED: " ".join(sorted({*self.symbols, *before})).encode()})
            )

    def keep_daily(self, candles: Candles) -> None:
        """Add volumes of whole regular sessions."""
        known = {day: dict(volumes) for day, volumes in self.daily().items()}
        for symbol, rows in candles.items():
            for row in rows:
                local = datetime.fromtimestamp(int(row.start) // SECOND, NEW_YORK)
                known.setdefault(day_number(local.date()), {})[symbol] = int(row.volume) / MICRO
        rows_of = [(s, as_date(day), volume) for day in sorted(known)[-DAYS:] for s, volume in known[day].items()]
        self._write(self.folder / DAILY, _table(rows_of, symbol=pa.string(), date=pa.date32(), volume=pa.float64()))

    def keep_splits(self, splits: Sequence[Split]) -> None:
        """Add splits, so that what lies before them is read in the shares after them."""
        known = {(a.ex_date, a.symbol): Fraction(a.numerator, a.denominator) for a in _flat(self.actions())}
        for split in splits:
            ratio = Fraction(int(split.new_rate), int(split.old_rate)).limit_denominator(LARGEST)
            known[day_number(split.ex_date), split.symbol] = ratio
        rows = [
            (symbol, as_date(day), "split", f"{ratio.numerator}/{ratio.denominator}", None, None)
            for (day, symbol), ratio in sorted(known.items())
        ]
        text, day = pa.string(), pa.date32()
        kinds = {"symbol": text, "ex_date": day, "kind": text, "ratio": text}
        self._write(self.folder / ACTIONS, _table(rows, **kinds, amount=pa.decimal128(20, 6), pay_date=day))

    def copy(self, out: Path, feed: str, days: tuple[date, date], today: tuple[date, Candles]) -> Dataset:
        """Write what is here of the days from one to another, and a session beside it, as a dataset; returns it.

        Raises InputError when there is nothing, or something at `out`.
        """
        here = [bar_table(block.bars) for block in self.open(*days).blocks()]
        found = [SessionTables(_day_of(table), table) for table in here if table.num_rows]
        if any(today[1].values()):
            rows = _bars(today[1]).sort_by([("timestamp", "ascending"), ("symbol", "ascending")])
            found.append(SessionTables(today[0], rows))
        places = {Path(name).stem: self.folder / name for name in (DAILY, ACTIONS)}
        reference = {name: pq.read_table(place) for name, place in places.items() if place.exists()}
        return Dataset.open(write_dataset(out, About(feed, "raw"), found, lambda: reference))

    def _place(self, session: np.void) -> Path:
        return self.folder / f"{as_date(int(session['date']))}.parquet"

    def _write(self, place: Path, table: pa.Table) -> None:
        if self.fixed or not table.num_rows:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
            pq.write_table(table, part, compression="lz4")
        Path(part.name).replace(place)


def _bars(candles: Candles) -> pa.Table:
    """Candles as rows with Alpaca's columns."""
    rows = [(symbol, candle) for symbol, found in candles.items() for candle in found]
    columns: dict[str, Any] = {
        "symbol": pa.array([symbol for symbol, _ in rows], pa.string()),
        "timestamp": pa.array([int(candle.start) for _, candle in rows], pa.int64()).cast(pa.timestamp("ns", "UTC")),
    }
    for name in ("open", "high", "low", "close", "volume"):
        columns[name] = pa.array([getattr(candle, name) / MICRO for _, candle in rows], pa.float64())
    return pa.table(columns)


def _day_of(table: pa.Table) -> date:
    """The exchange date of a session's rows."""
    first: datetime = table["timestamp"][0].as_py()
    return first.astimezone(NEW_YORK).date()


def _table(rows: Sequence[tuple[Any, ...]], **kinds: pa.DataType) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)})


def _asked(place: Path) -> set[str]:
    """The symbols that were asked for when a file was written; none when there is no such file, or a damaged one.

    Raises InputError for a file that was not written here.
    """
    try:
        metadata = pq.read_schema(place).metadata or {}
    except (FileNotFoundError, pa.ArrowInvalid):
        return set()
    if ASKED not in metadata:
        raise InputError(str(place), "was not written by this cache", "Name another folder with --bars.")
    return set(metadata[ASKED].decode().split())


def _flat(actions: Actions) -> list[CorporateAction]:
    return [action for found in actions.values() for action in found if action.kind == "split"]
