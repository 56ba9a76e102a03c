"""The run directory: written once, in the background, and read by everything else.

The writer never leaves half a run. It works in a hidden folder beside the destination and renames it at the
end; until then the destination does not exist. Batches go through a bounded queue to one thread, which
gathers them into row groups of at least ROW_GROUP rows: a session at a time is what a run produces, but small
row groups cost a reader dearly. The queue's bound is the writer's whole appetite for memory: a run that
produces faster than the disk takes waits. Only columns of kind `name` are dictionary-encoded; to hash
identifiers, prices and times, which hardly ever repeat, would double the cost of writing them.

The columns of a batch are made by the builders of `core.run_arrays`.
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.run_schema import COLUMNS, DICTIONARY, OPTIONAL_TABLES, RUN_KEYS, SCHEMA_VERSION, TABLES

ROW_GROUP = 32_768
QUEUE_BATCHES = 8

_GIVE_RUN = "Give the folder that a run was written to."


class RunWriter:
    """Writes one run directory. Use as a context manager: leaving it without `finish` removes every trace.

    `append` takes batches of any size from one thread. `close` waits until all rows are on disk, after which
    `table` reads them back; `finish` adds run.json and moves the folder into place. An error of the writing
    thread, such as a full disk, is raised by the next call of `append`, `close` or `finish`.
    """

    def __init__(self, out: Path) -> None:
        """Prepare to write `out`. Raises InputError when something is already there."""
        refuse_occupied(out)
        self.out = out
        self.folder = out.with_name(f".{out.name}.partial-{os.getpid()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._config_hash: str | None = None
        self._checked: dict[str, pa.Schema] = {}
        self._files = {table: _TableFile(self.folder, table) for table in TABLES}
        self._queue: Queue[tuple[str, pa.RecordBatch] | None] = Queue(QUEUE_BATCHES)
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._work, name="run-writer", daemon=True)
        self._thread.start()

    def append(self, table: str, batch: pa.RecordBatch) -> None:
        """Add rows to a table; its columns may come in any order, extra ones follow the published.

        A batch without a published column or with another type is a defect of the caller: AssertionError,
        naming table and column. So is a null where none may be; the next call raises that one.
        """
        self._raise_failure()
        assert self._thread.is_alive(), "the run is closed"
        if batch.schema != self._checked.get(table):
            _assert_publishable(table, batch.schema)
            self._checked[table] = batch.schema
        self._queue.put((table, batch))

    def write_config(self, text: str) -> str:
        """Write config.toml; returns its sha256, which run.json will hold as `config_hash`."""
        data = text.encode()
        (self.folder / "config.toml").write_bytes(data)
        self._config_hash = sha256(data).hexdigest()
        return self._config_hash

    def close(self) -> None:
        """Wait until every row is on disk. Tables that got no rows are written empty."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._raise_failure()

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of a table once the run is closed, so that it can be judged before it is finished."""
        assert not self._thread.is_alive(), "close the run before reading it"
        return _read_table(self.folder, name, columns)

    def finish(self, run: Mapping[str, Any]) -> Path:
        """Write run.json, move the folder to its place and return that place.

        `run` holds the keys of RUN_KEYS except `schema`, `counts` and `config_hash`, which the writer knows.
        Money is Decimal there and becomes a JSON number with the same digits.
        """
        self.close()
        assert self._config_hash is not None, "a run needs its configuration: call write_config first"
        counts = {table: file.rows for table, file in self._files.items()}
        known = {"schema": SCHEMA_VERSION, "counts": counts, "config_hash": self._config_hash}
        document = {**run, **known}
        missing = [key for key in RUN_KEYS if key not in document]
        assert not missing, f"run.json misses {', '.join(missing)}"
        ordered = {key: document[key] for key in [*RUN_KEYS, *(document.keys() - RUN_KEYS.keys())]}
        text = json.dumps(ordered, indent=2, allow_nan=False, default=_json_number)
        (self.folder / "run.json").write_text(text + "\n", encoding="utf-8")
        refuse_occupied(self.out)
        self.folder.rename(self.out)
        return self.out

    def abort(self) -> None:
        """Stop writing and remove the temporary folder; nothing happens to a finished run."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        """The thread: writes until None arrives. After a failure it only empties the queue."""
        while (item := self._queue.get()) is not None:
            if self._failure is None:
                table, batch = item
                self._attempt(self._files[table].add, batch)
        for file in self._files.values():
            self._attempt(file.close)

    def _attempt(self, write: Callable[..., None], *batch: pa.RecordBatch) -> None:
        try:
            write(*batch)
        except BaseException as error:
            self._failure = self._failure or error


class _TableFile:
    """One table on its way to disk; touched by the writer's thread only."""

    def __init__(self, folder: Path, table: str) -> None:
        self.path = folder / f"{table}.parquet"
        self.table = table
        self.rows = 0
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the batch, and write a row group once enough rows have gathered."""
        if self._pending and self._pending[0].schema != batch.schema:
            self._flush()
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        if self._pending_rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is pending and the footer."""
        if self._pending or self._writer is None:
            self._flush()
        assert self._writer is not None
        self._writer.close()

    def _flush(self) -> None:
        rows = pa.Table.from_batches(self._pending, None if self._pending else TABLES[self.table])
        rows = _published(self.table, rows)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self.path,
                rows.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=list(DICTIONARY[self.table]),
                store_schema=False,
            )
        self._writer.write_table(rows)
        self.rows += rows.num_rows
        self._pending, self._pending_rows = [], 0


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: `run` is run.json, `config` the parsed config.toml, `table` reads a table."""

    path: Path
    run: dict[str, Any]
    config: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open and check a run directory: version, keys of run.json, tables, columns, types and row counts.

        Reads no rows. Raises InputError, naming the file, for whatever is missing, damaged or of another
        version.
        """
        if not path.is_dir():
            raise InputError(str(path), "is not a run directory", _GIVE_RUN)
        run = _read_json(path / "run.json")
        for table in TABLES:
            _check_table(path / f"{table}.parquet", table, run["counts"].get(table))
        return cls(path, run, _read_toml(path / "config.toml"))

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table, or only the named columns, with the published types."""
        return _read_table(self.path, name, columns)

    def parts(self, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The named columns of a table a row group at a time, for tables that are too long to hold."""
        with pq.ParquetFile(self.path / f"{name}.parquet") as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=list(columns)).select(list(columns))


def _assert_publishable(table: str, schema: pa.Schema) -> None:
    """Check that a batch of this schema holds every published column with its type."""
    for wanted in TABLES[table]:
        position = schema.get_field_index(wanted.name)
        assert position >= 0, f"{table}: the batch has no column {wanted.name}"
        found = schema.field(position).type
        assert _same_type(found, wanted.type), f"{table}.{wanted.name} is {found}, not {wanted.type}"


def _published(table: str, rows: pa.Table) -> pa.Table:
    """The rows with the published columns first, in their order, types and nullability; extra ones as is."""
    extra = [name for name in rows.column_names if name not in TABLES[table].names]
    for column in COLUMNS[table]:
        nulls = rows.column(column.name).null_count
        assert column.nullable or nulls == 0, f"{table}.{column.name} holds null"
    schema = pa.schema([*TABLES[table], *(rows.schema.field(name) for name in extra)])
    return rows.select(schema.names).cast(schema)


def _same_type(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a column can stand for the published type: equal, or another encoding of the same text."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_large_string(found) or pa.types.is_string_view(found):
        found = pa.string()
    return bool(found == wanted)


def refuse_occupied(out: Path) -> None:
    """Raise InputError when there is something at `out` already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(str(out), "already exists", "Name another folder with --out, or remove this one.")


def _json_number(value: object) -> object:
    """A Decimal as a float that prints the same digits, a numpy scalar as its Python twin."""
    if isinstance(value, Decimal):
        number = float(value)
        assert Decimal(repr(number)) == value, f"{value} has more digits than a JSON number keeps"
        return number
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"run.json cannot hold {type(value).__name__}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(str(path), "is missing", _GIVE_RUN) from None
    except ValueError as error:
        raise InputError(str(path), f"is not JSON ({error})", "Make the run again.") from None
    version = run.get("schema") if isinstance(run, dict) else None
    if version != SCHEMA_VERSION:
        remedy = f"This version reads schema {SCHEMA_VERSION}; make the run again."
        raise InputError(f"{path}: schema", f"is {version!r}", remedy)
    for key in RUN_KEYS:
        if key not in run:
            raise InputError(f"{path}: {key}", "is missing", "Make the run again.")
    if not isinstance(run["counts"], dict):
        raise InputError(f"{path}: counts", "is not a table of numbers", "Make the run again.")
    return dict(run)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(str(path), "is missing", _GIVE_RUN) from None
    except ValueError as error:
        raise InputError(str(path), f"is not TOML ({error})", "Make the run again.") from None


def _check_table(path: Path, table: str, rows: int | None) -> None:
    """Compare a table's footer with the published schema."""
    if not path.exists():
        if table in OPTIONAL_TABLES:
            return
        raise InputError(str(path), "is missing", "Make the run again.")
    try:
        with pq.ParquetFile(path) as file:
            found, found_rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(str(path), f"is not readable parquet ({error})", "Make the run again.") from None
    for wanted in TABLES[table]:
        position = found.get_field_index(wanted.name)
        if position < 0:
            raise InputError(f"{path}: {wanted.name}", "the column is missing", "Make the run again.")
        if not _same_type(found.field(position).type, wanted.type):
            problem = f"the column is {found.field(position).type}, not {wanted.type}"
            raise InputError(f"{path}: {wanted.name}", problem, "Make the run again.")
    if rows is not None and rows != found_rows:
        problem = f"has {found_rows} rows, run.json counts {rows}"
        raise InputError(str(path), problem, "The folder mixes two runs; make the run again.")


def _read_table(folder: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    path = folder / f"{name}.parquet"
    if name in OPTIONAL_TABLES and not path.exists():
        empty = TABLES[name].empty_table()
        return empty if columns is None else empty.select(list(columns))
    try:
        with pq.ParquetFile(path) as file:
            rows = file.read(columns=None if columns is None else list(columns))
        fields = [TABLES[name].field(f.name) if f.name in TABLES[name].names else f for f in rows.schema]
        rows = rows.cast(pa.schema(fields))
    except (ValueError, OSError) as error:
        raise InputError(str(path), f"cannot be read as published ({error})", "Make the run again.") from None
    return rows if columns is None else rows.select(list(columns))
