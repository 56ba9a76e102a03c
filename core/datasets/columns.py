"""Parquet at the edge: from a file to checked numpy columns, or to an error that names the file and the row.

Only the columns asked for are decoded, symbols stay dictionary codes, and nothing is taken on trust: neither
the types, nor the time zone, nor the sizes that the file claims for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.bars import Floats, Ints
from core.datasets.rows import Codes, Rows
from core.errors import InputError

BAR_VALUES = ("open", "high", "low", "close", "volume")
QUOTE_VALUES = ("bid_price", "ask_price")
QUOTE_SIZES = ("bid_size", "ask_size")

MOST_ROWS = 100_000_000
"""Rows of one file; more is refused before memory is asked for."""

REWRITE = "Write the file anew; it may have been cut short or damaged"

# No honest bars unpack beyond these; a decompression bomb does.
_BYTES_A_ROW = 256
_ROWS_A_BYTE = 10
_FEW_ROWS = 1_000_000
_TICKER = re.compile(r"[A-Za-z0-9.]{1,16}")
_UTC_NAMES = ("UTC", "Etc/UTC", "GMT", "Z", "+00:00")
_NS_PER = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class ParquetFile:
    """A parquet file of bars or quotes, its layout checked on opening, its values on reading.

    `source` is a path or the bytes themselves, `place` its name in errors, `names` the value columns wanted
    beside symbol and timestamp. Raises InputError for a damaged file, a missing column, a wrong type, a time
    zone other than UTC, and sizes that no bars can have.
    """

    def __init__(self, source: Path | bytes, place: str, names: Sequence[str]) -> None:
        self.place = place
        self.names = tuple(names)
        self._source = source
        file = self._open()
        with naming(place):
            self._schema = file.schema_arrow
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
        self.group_rows = tuple(int(group.num_rows) for group in groups)
        self.rows = int(file.metadata.num_rows)
        self._check_size(size, sum(int(group.total_byte_size) for group in groups))
        self._check_layout()
        # A file on disk is opened anew for each read: a folder may hold more files than a process may open.
        self._file = file if isinstance(source, bytes) else None

    def read(self, group: int | None = None) -> Rows:
        """All rows, or those of one row group; values are float64 or int64."""
        return self._read(self.names, group)

    def read_index(self, group: int) -> Rows:
        """Symbols and times only of one row group."""
        return self._read((), group)

    def _open(self) -> pq.ParquetFile:
        source = pa.BufferReader(self._source) if isinstance(self._source, bytes) else self._source
        try:
            with naming(self.place):
                return pq.ParquetFile(
                    source, read_dictionary=["symbol"], pre_buffer=False, page_checksum_verification=True
                )
        except KeyError as error:
            raise InputError(self.place, "it lacks the column symbol", "Rename or add it") from error

    def _read(self, names: tuple[str, ...], group: int | None) -> Rows:
        columns = ["symbol", "timestamp", *names]
        first = 0 if group is None else sum(self.group_rows[:group])
        file = self._file or self._open()
        with naming(self.place):
            if group is None:
                table = file.read(columns=columns, use_threads=False)
            else:
                table = file.read_row_group(group, columns=columns, use_threads=False)
        if table.num_rows != (self.rows if group is None else self.group_rows[group]):
            raise InputError(self.place, "it holds other rows than it claims", REWRITE)
        held = dict(zip(table.column_names, table.columns, strict=True))
        for name, column in held.items():
            if column.null_count:
                row = first + column.is_null().index(True).as_py()
                raise InputError(f"{self.place} row {row}", f"{name} is null", "Fill it or drop the row")
        symbols, code = _symbols(held["symbol"], self.place)
        return Rows(
            symbols,
            code,
            _times(held["timestamp"], self.place),
            {name: _numbers(held[name]) for name in names},
            (self.place,),
            range(first, first + len(code)),
        )

    def _check_size(self, size: int, claimed: int) -> None:
        if self.rows == 0:
            raise InputError(self.place, "it has no rows", "Give a file with data")
        if sum(self.group_rows) != self.rows or min(self.group_rows) < 0:
            raise InputError(self.place, "its row groups and its row count disagree", REWRITE)
        if self.rows > MOST_ROWS:
            raise InputError(self.place, f"it claims {self.rows} rows", f"Split it below {MOST_ROWS} rows")
        if self.rows > max(_FEW_ROWS, _ROWS_A_BYTE * size):
            raise InputError(self.place, f"it claims {self.rows} rows in {size} bytes", REWRITE)
        if claimed > self.rows * _BYTES_A_ROW + (1 << 20) * (len(self.group_rows) + 1):
            raise InputError(self.place, f"it claims {claimed} bytes for {self.rows} rows", REWRITE)

    def _check_layout(self) -> None:
        wanted = ("symbol", "timestamp", *self.names)
        missing = [name for name in wanted if self._schema.get_field_index(name) < 0]
        if missing:
            has = ", ".join(self._schema.names[:12]) or "none"
            problem = f"it lacks the column {', '.join(missing)} among {has}"
            raise InputError(self.place, problem, "Rename or add it")
        for name in wanted:
            kind = self._schema.field(name).type
            if not _fits(name, kind):
                remedy = f"Write it as {_expected(name)}"
                raise InputError(f"{self.place} column {name}", f"its type is {kind}", remedy)
        zone = self._schema.field("timestamp").type.tz
        if zone not in _UTC_NAMES:
            problem = f"its time zone is {zone}" if zone else "it has no time zone"
            place = f"{self.place} column timestamp"
            raise InputError(place, problem, "Convert it to UTC and name the zone")


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Turns whatever reading a damaged file raises into an InputError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(place, "there is no such file", "Check the path") from error
    except MemoryError as error:
        raise InputError(place, "it asks for more memory than there is", REWRITE) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(place, f"it cannot be read as parquet ({reason})", REWRITE) from error


def _expected(name: str) -> str:
    if name == "symbol":
        return "text"
    return "a timestamp with time zone UTC" if name == "timestamp" else "float64 or int64"


def _fits(name: str, kind: pa.DataType) -> bool:
    if name == "symbol":
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        return bool(pa.types.is_string(text) or pa.types.is_large_string(text))
    if name == "timestamp":
        return bool(pa.types.is_timestamp(kind))
    return bool(pa.types.is_float64(kind) or pa.types.is_integer(kind))


def _symbols(column: pa.ChunkedArray, place: str) -> tuple[tuple[str, ...], Codes]:
    with naming(place):
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        if column.num_chunks != 1:
            column = pa.chunked_array([column.unify_dictionaries().combine_chunks()])
        coded = column.chunk(0)
        symbols = tuple(coded.dictionary.to_pylist())
        code: Codes = np.from_dlpack(coded.indices).astype(np.int32, copy=False)
    if len(code) and not (code.min() >= 0 and code.max() < len(symbols)):
        raise InputError(place, "its symbol codes point past its dictionary", REWRITE)
    for symbol in symbols:
        if not _TICKER.fullmatch(symbol):
            raise InputError(place, f"{symbol[:40]!r} is no ticker symbol", "Use letters, digits and dots")
    if len(set(symbols)) < len(symbols):
        return _merged(symbols, code)
    return symbols, code


def _merged(symbols: tuple[str, ...], code: Codes) -> tuple[tuple[str, ...], Codes]:
    # A dictionary may list a symbol twice, as concatenated pages do.
    unique = tuple(dict.fromkeys(symbols))
    return unique, np.array([unique.index(symbol) for symbol in symbols], np.int32)[code]


def _times(column: pa.ChunkedArray, place: str) -> Ints:
    scale = _NS_PER[column.type.unit]
    time: Ints = _flat(column)
    if scale > 1:
        most = np.iinfo(np.int64).max // scale
        if time.min() < -most or time.max() > most:
            raise InputError(f"{place} column timestamp", "a time lies beyond the year 2262", REWRITE)
        time = time * scale
    return time


def _numbers(column: pa.ChunkedArray) -> Floats | Ints:
    if pa.types.is_integer(column.type) and column.type != pa.int64():
        column = column.cast(pa.float64() if column.type == pa.uint64() else pa.int64())
    return _flat(column)


def _flat(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    # pyarrow's own to_numpy would import pandas.
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return np.from_dlpack(whole.view(pa.int64()) if pa.types.is_timestamp(whole.type) else whole)
