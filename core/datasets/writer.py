"""Writing datasets: session files sorted by (timestamp, symbol), and last the manifest with their hashes.

A dataset is written beside its place and renamed into it, so a folder with a manifest is always whole. Files
use dictionary pages and LZ4: prices on the penny grid repeat within a session, and of the encodings that make
use of it this one is decoded fastest.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.bars import Bars
from core.calendar import as_date
from core.datasets.columns import BAR_VALUES, QUOTE_SIZES, QUOTE_VALUES
from core.datasets.dataset import REFERENCE_FILES, Dataset, quote_files
from core.datasets.manifest import NAME, FileEntry, Manifest, SessionEntry
from core.datasets.plain import open_plain
from core.datasets.rows import Rows
from core.errors import InputError

TIMESTAMP = pa.timestamp("ns", "UTC")


@dataclass(frozen=True, slots=True)
class SessionTables:
    """What is written for one session: `bars` and optional `quotes` in the columns of the folder layout."""

    session: date
    bars: pa.Table
    quotes: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What the manifest says about the data as a whole."""

    feed: str
    adjustment: str
    bar_seconds: int = 60


def write_dataset(
    out: Path,
    about: About,
    tables: Iterable[SessionTables],
    reference: Callable[[], dict[str, pa.Table]] = dict,
) -> Path:
    """Write a dataset folder and return it.

    `tables` come in the order of sessions, each sorted by (timestamp, symbol), and are written one at a time.
    `reference` is called after the last one and gives the tables daily, actions and auctions by those names.
    Raises InputError when `out` exists or `tables` is empty.
    """
    if out.exists():
        raise InputError(str(out), "it exists already", "Name a new folder or remove this one")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        manifest = _write_files(work, about, tables, reference)
        (work / NAME).write_text(manifest.to_json(), encoding="utf-8")
        work.chmod(0o755)
        work.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return out


def _write_files(
    work: Path, about: About, tables: Iterable[SessionTables], reference: Callable[[], dict[str, pa.Table]]
) -> Manifest:
    symbols: set[str] = set()
    files, quotes = [], []
    for tables_of in tables:
        symbols.update(tables_of.bars["symbol"].unique().to_pylist())
        files.append(_write_session(work, "sessions", tables_of.session, tables_of.bars))
        if tables_of.quotes is not None:
            quotes.append(_write_session(work, "quotes", tables_of.session, tables_of.quotes))
    if not files:
        raise InputError("sessions", "there is none to write", "Give at least one session with bars")
    return Manifest(
        schema=1,
        feed=about.feed,
        adjustment=about.adjustment,
        bar_seconds=about.bar_seconds,
        symbols=tuple(sorted(symbols)),
        files=tuple(files),
        quotes=tuple(quotes),
        **{name: _write(work, f"{name}.parquet", table) for name, table in reference().items()},
    )


def _write_session(work: Path, folder: str, session: date, table: pa.Table) -> SessionEntry:
    # As text the column's dictionary holds the symbols of this session and no others.
    table = table.set_column(table.column_names.index("symbol"), "symbol", table["symbol"].cast(pa.string()))
    entry = _write(work, f"{folder}/{session.isoformat()}.parquet", table)
    time = table["timestamp"].cast(pa.int64())
    return SessionEntry(**entry.model_dump(), session=session, first=time[0].as_py(), last=time[len(time) - 1].as_py())


def _write(work: Path, path: str, table: pa.Table) -> FileEntry:
    target = work / path
    target.parent.mkdir(exist_ok=True)
    pq.write_table(table, target, compression="lz4", write_statistics=["timestamp"], store_schema=False)
    return FileEntry(path=path, rows=table.num_rows, sha256=hashlib.sha256(target.read_bytes()).hexdigest())


def convert(source: Path, out: Path, feed: str = "unknown", adjustment: str = "unknown") -> Path:
    """Turn plain parquet into a dataset folder, checking every row on the way.

    `feed` and `adjustment` say what the plain files do not. Reference tables beside the source come along.
    Raises InputError as `Dataset.open` and `Dataset.blocks` do.
    """
    dataset = Dataset.open(source)
    folder = source if source.is_dir() else source.parent
    reference = {Path(name).stem: pq.read_table(folder / name) for name in REFERENCE_FILES if (folder / name).exists()}
    about = About(feed, adjustment, dataset.bar_seconds)
    return write_dataset(out, about, _converted(dataset, quote_files(folder)), lambda: reference)


def _converted(dataset: Dataset, quotes: list[Path]) -> Iterator[SessionTables]:
    source = open_plain(quotes, QUOTE_VALUES + QUOTE_SIZES)[0] if quotes else None
    for block in dataset.blocks():
        rows = None if source is None else source.rows(block.session)
        quoted = None if rows is None else quote_table(rows, dataset.symbols)
        yield SessionTables(as_date(block.session["date"]), bar_table(block.bars), quoted)


def bar_table(bars: Bars) -> pa.Table:
    """The bars that exist in a grid, as rows sorted by (timestamp, symbol)."""
    order = np.argsort(bars.symbols)
    row, column = np.nonzero(~np.isnan(bars.close[:, order]))
    picked = {name: getattr(bars, name)[:, order][row, column] for name in BAR_VALUES}
    volume = picked.pop("volume")
    whole = volume.astype(np.int64)
    return pa.table(
        {
            "symbol": pa.DictionaryArray.from_arrays(
                column.astype(np.int32), [bars.symbols[number] for number in order]
            ),
            "timestamp": pa.array(bars.time[row]).cast(TIMESTAMP),
            **picked,
            "volume": whole if (whole == volume).all() else volume,
        }
    )


def quote_table(rows: Rows, symbols: Sequence[str]) -> pa.Table | None:
    """Quotes of these symbols sorted by (timestamp, symbol); None if there are none."""
    rank = np.argsort(np.argsort(rows.symbols))
    order = np.lexsort((rank[rows.code], rows.time))
    order = order[np.isin(rows.symbols, symbols)[rows.code[order]]]
    if not len(order):
        return None
    return pa.table(
        {
            "symbol": pa.DictionaryArray.from_arrays(rows.code[order], list(rows.symbols)),
            "timestamp": pa.array(rows.time[order]).cast(TIMESTAMP),
            **{name: column[order] for name, column in rows.values.items()},
        }
    )
