"""Rows of bars or quotes on their way from file to grid, which know where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bars import Floats, Ints
from core.calendar import utc_text
from core.errors import InputError

Codes = npt.NDArray[np.int32]

FILE_SHIFT = 40


@dataclass(frozen=True, slots=True)
class Rows:
    """N rows of bars or quotes, which remember where they came from so that errors can name them.

    symbols, code  tickers, and int32 (N,) indices into them
    time           int64 (N,), ns UTC
    values         (N,) columns by name, float64 or int64
    files, number  file names, and int64 (N,) with the file's index above bit 40 and the row in the file below
    """

    symbols: tuple[str, ...]
    code: Codes
    time: Ints
    values: dict[str, Floats | Ints]
    files: tuple[str, ...]
    number: Ints | range

    def __len__(self) -> int:
        return len(self.code)

    def take(self, chosen: Ints) -> Rows:
        """The rows at these indices, in the order given."""
        return Rows(
            self.symbols,
            self.code[chosen],
            self.time[chosen],
            {name: column[chosen] for name, column in self.values.items()},
            self.files,
            np.asarray(self.number)[chosen],
        )

    def refuse(self, index: int, problem: str, remedy: str) -> InputError:
        """The error that names the row at `index`: its file, its number there from 0, symbol and time."""
        file, row = divmod(int(self.number[index]), 1 << FILE_SHIFT)
        where = f"{self.symbols[self.code[index]]} {utc_text(self.time[index])}"
        return InputError(f"{self.files[file]} row {row} ({where})", problem, remedy)


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, one after another, under one list of symbols."""
    if len(parts) == 1:
        return parts[0]
    symbols = tuple(sorted({symbol for part in parts for symbol in part.symbols}))
    files = tuple(name for part in parts for name in part.files)
    before = np.cumsum([0, *(len(part.files) for part in parts)])
    return Rows(
        symbols,
        np.concatenate([recoded(part, symbols) for part in parts]),
        np.concatenate([part.time for part in parts]),
        {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        files,
        np.concatenate(
            [np.asarray(part.number) + (int(skip) << FILE_SHIFT) for part, skip in zip(parts, before, strict=False)]
        ),
    )


def recoded(rows: Rows, symbols: tuple[str, ...]) -> Codes:
    """The codes of the rows as indices into other symbols, which hold all of theirs."""
    place = {symbol: number for number, symbol in enumerate(symbols)}
    return np.array([place[symbol] for symbol in rows.symbols], np.int32)[rows.code]
