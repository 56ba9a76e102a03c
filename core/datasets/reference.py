"""What a dataset knows beside bars and quotes: daily history, corporate actions and auction prints.

All three are small tables and all are optional. Average daily volume is the mean over the last 20 sessions
before the current one; after a split the earlier volumes are restated in new shares, since an average that
mixes share units is wrong by the split's ratio.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.bars import Auctions, Bars, CorporateAction, Floats
from core.calendar import day_number
from core.datasets.columns import naming
from core.errors import InputError

ADV_SESSIONS = 20
MOST_RECORDS = 10_000_000
MOST_DIVIDEND = 100_000_000_000
AUCTION_VALUES = ("open_price", "open_volume", "close_price", "close_volume")


@dataclass(frozen=True, slots=True)
class Reference:
    """Daily volumes, corporate actions (by ex-date) and auction prints, by day since 1970-01-01."""

    daily: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    actions: Mapping[int, Sequence[CorporateAction]] = field(default_factory=dict)
    auctions: Mapping[int, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)

    def actions_of(self, days: range, symbols: Sequence[str]) -> tuple[CorporateAction, ...]:
        """Actions of the chosen symbols with an ex-date in `days`, in order, splits before dividends."""
        found = [action for day in days for action in self.actions.get(day, ()) if action.symbol in symbols]
        return tuple(sorted(found, key=lambda act: (act.ex_date, act.kind != "split", act.symbol)))

    def auctions_of(self, day: int, symbols: Sequence[str]) -> Auctions:
        """Auction prints of the chosen symbols."""
        prints = self.auctions.get(day, {})
        none = (np.nan,) * len(AUCTION_VALUES)
        columns = np.array([prints.get(symbol, none) for symbol in symbols], np.float64).T.copy()
        return Auctions(*columns)


class VolumeAverage:
    """Mean daily volume of the last 20 sessions, moved forward one session at a time."""

    def __init__(self, reference: Reference, symbols: Sequence[str], first_day: int) -> None:
        self._symbols = list(symbols)
        self._history = np.full((ADV_SESSIONS, len(symbols)), np.nan)
        for day in sorted(day for day in reference.daily if day < first_day)[-ADV_SESSIONS:]:
            known = reference.daily[day]
            self.add(np.array([known.get(symbol, np.nan) for symbol in symbols]))

    def restate(self, actions: Sequence[CorporateAction]) -> None:
        """Count earlier volumes in new shares after a split."""
        for action in actions:
            if action.kind == "split":
                column = self._symbols.index(action.symbol)
                self._history[:, column] *= action.numerator / action.denominator

    def mean(self) -> Floats:
        """float64 (S,) shares; NaN where no session is known."""
        known = ~np.isnan(self._history)
        count = known.sum(axis=0)
        total = self._history.sum(axis=0, where=known)
        mean: Floats = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        return mean

    def add(self, volume: Floats) -> None:
        """Append a session's volume, float64 (S,); NaN does not count."""
        self._history[:-1] = self._history[1:]
        self._history[-1] = volume


def daily_volume(bars: Bars) -> Floats:
    """Shares of each symbol over all bars, float64 (S,); NaN for a symbol without a bar."""
    missing = np.isnan(bars.volume)
    total: Floats = np.where(missing, 0.0, bars.volume).sum(axis=0)
    total[missing.all(axis=0)] = np.nan
    return total


def read_daily(source: Path | bytes, place: str) -> dict[int, dict[str, float]]:
    """Daily volumes. Raises InputError for a damaged file, a wrong column or a negative volume."""
    found: dict[int, dict[str, float]] = {}
    for row, record in enumerate(_records(source, place, ("symbol", "date", "volume"))):
        symbol, day, volume = record
        if not 0 <= volume < float("inf"):
            raise _refuse(place, row, symbol, f"volume is {volume}")
        if symbol in found.setdefault(day_number(day), {}):
            raise _refuse(place, row, symbol, f"{day} occurs twice")
        found[day_number(day)][symbol] = float(volume)
    return found


def read_auctions(source: Path | bytes, place: str) -> dict[int, dict[str, tuple[float, ...]]]:
    """Auction prints; null and NaN mean unknown. Raises InputError as `read_daily` does."""
    found: dict[int, dict[str, tuple[float, ...]]] = {}
    columns = ("symbol", "date", *AUCTION_VALUES)
    for row, (symbol, day, *prints) in enumerate(_records(source, place, columns, optional=AUCTION_VALUES)):
        values = tuple(float("nan") if value is None else float(value) for value in prints)
        if any(value < 0 or value == float("inf") for value in values):
            raise _refuse(place, row, symbol, f"a price or volume is impossible in {values}")
        if symbol in found.setdefault(day_number(day), {}):
            raise _refuse(place, row, symbol, f"{day} occurs twice")
        found[day_number(day)][symbol] = values
    return found


def read_actions(source: Path | bytes, place: str) -> dict[int, list[CorporateAction]]:
    """Corporate actions. Raises InputError for an unknown kind, an impossible ratio or amount."""
    found: dict[int, list[CorporateAction]] = {}
    names = ("symbol", "ex_date", "kind", "ratio", "amount", "pay_date")
    for row, record in enumerate(_records(source, place, names, optional=names[3:])):
        action = _action(place, row, record)
        same_day = found.setdefault(action.ex_date, [])
        if any((other.symbol, other.kind) == (action.symbol, action.kind) for other in same_day):
            raise _refuse(place, row, action.symbol, f"a {action.kind} on {record[1]} occurs twice")
        same_day.append(action)
    return found


def _action(place: str, row: int, record: Sequence[Any]) -> CorporateAction:
    symbol, ex_date, kind, ratio, amount, pay_date = record
    ex_day = day_number(ex_date)
    if kind == "split":
        match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", ratio or "")
        if match is None:
            raise _refuse(place, row, symbol, f"the ratio {ratio!r} is not like 4/1")
        return CorporateAction(symbol, ex_day, "split", int(match[1]), int(match[2]), 0, ex_day)
    if kind == "dividend":
        micros = -1 if amount is None else amount * 1_000_000
        if not (0 < micros <= MOST_DIVIDEND and micros == int(micros)):
            raise _refuse(place, row, symbol, f"the amount {amount} is not positive with at most 6 decimals")
        pay_day = ex_day if pay_date is None else day_number(pay_date)
        if pay_day < ex_day:
            raise _refuse(place, row, symbol, "the pay date lies before the ex-date")
        return CorporateAction(symbol, ex_day, "dividend", 1, 1, int(micros), pay_day)
    raise _refuse(place, row, symbol, f"the kind {kind!r} is neither split nor dividend")


def _records(
    source: Path | bytes, place: str, names: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[Any, ...]]:
    """The rows as Python tuples, their types checked; only columns in `optional` may hold nulls."""
    with naming(place):
        file = pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source)
        schema, rows = file.schema_arrow, file.metadata.num_rows
        if rows > MOST_RECORDS:
            raise InputError(place, f"it claims {rows} rows", f"Keep it below {MOST_RECORDS}")
        for name in names:
            if schema.get_field_index(name) < 0:
                raise InputError(place, f"it lacks the column {name}", "Add it")
            _check_type(place, name, schema.field(name).type)
        table = file.read(columns=list(names), use_threads=False)
        columns = [table[name].to_pylist() for name in names]
    for name, column in zip(names, columns, strict=True):
        if name not in optional and None in column:
            row = column.index(None)
            raise InputError(f"{place} row {row}", f"{name} is null", "Fill it or drop the row")
    return list(zip(*columns, strict=True))


def _check_type(place: str, name: str, kind: pa.DataType) -> None:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if name in ("symbol", "kind", "ratio"):
        right, expected = pa.types.is_string(kind) or pa.types.is_large_string(kind), "text"
    elif name.endswith("date"):
        right, expected = pa.types.is_date32(kind), "date32"
    elif name == "amount":
        right, expected = pa.types.is_decimal(kind), "a decimal"
    else:
        right, expected = pa.types.is_float64(kind) or pa.types.is_integer(kind), "float64 or int64"
    if not right:
        raise InputError(f"{place} column {name}", f"its type is {kind}", f"Write it as {expected}")


def _refuse(place: str, row: int, symbol: str, problem: str) -> InputError:
    return InputError(f"{place} row {row} ({symbol})", problem, "Correct or drop the row")
