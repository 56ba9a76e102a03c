"""Bars as strategies and the venue see them: dense grids of time by symbol.

A grid row is one bar interval, stamped with its start as Alpaca stamps bars; a column is one symbol. Where a
symbol did not trade, prices and volume alike are NaN, so a missing bar is never taken for one without volume.
A `SessionBlock` adds what the venue must know about one exchange session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from core.calendar import sessions_at, utc_text
from core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """OHLCV bars of T intervals and S symbols.

    symbols      S tickers, the columns
    time         int64 (T,), start of the interval, ns UTC, strictly increasing
    open … close float64 (T, S), dollars; NaN = no bar
    volume       float64 (T, S), shares; NaN = no bar
    regular      bool (T,), the interval lies in the regular session
    session      int64 (T,), the session's date in days since 1970-01-01
    bar_seconds  length of the interval
    """

    symbols: tuple[str, ...]
    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    regular: Bools
    session: Ints
    bar_seconds: int

    def window(self, first: int, last: int) -> Bars:
        """Rows `first` to `last`, the last excluded, as views on the same memory."""
        rows = slice(first, last)
        return Bars(
            symbols=self.symbols,
            time=self.time[rows],
            open=self.open[rows],
            high=self.high[rows],
            low=self.low[rows],
            close=self.close[rows],
            volume=self.volume[rows],
            regular=self.regular[rows],
            session=self.session[rows],
            bar_seconds=self.bar_seconds,
        )

    @staticmethod
    def concat(parts: Sequence[Bars]) -> Bars:
        """The rows of all parts, which share symbols and bar length and follow each other in time."""
        return Bars(
            symbols=parts[0].symbols,
            time=np.concatenate([part.time for part in parts]),
            open=np.concatenate([part.open for part in parts]),
            high=np.concatenate([part.high for part in parts]),
            low=np.concatenate([part.low for part in parts]),
            close=np.concatenate([part.close for part in parts]),
            volume=np.concatenate([part.volume for part in parts]),
            regular=np.concatenate([part.regular for part in parts]),
            session=np.concatenate([part.session for part in parts]),
            bar_seconds=parts[0].bar_seconds,
        )

    def restated(self, ratios: Floats) -> Bars:
        """Bars from before a split in the shares after it: prices divided by `ratios`, volumes multiplied.

        `ratios` float64 (S,), new shares for each old one, as SessionBlock.split_ratios has them. Where all are 1
        these are the bars themselves.
        """
        if (ratios == 1.0).all():
            return self
        return replace(
            self,
            open=self.open / ratios,
            high=self.high / ratios,
            low=self.low / ratios,
            close=self.close / ratios,
            volume=self.volume * ratios,
        )

    def to_frames(self) -> dict[str, pd.DataFrame]:
        """Wide pandas frames by field ("open" … "volume"): a UTC index of bar starts, one column a symbol."""
        import pandas as pd

        index = pd.DatetimeIndex(self.time.view("M8[ns]"), tz="UTC", name="time")
        columns = pd.Index(self.symbols, name="symbol")
        return {field: pd.DataFrame(getattr(self, field), index, columns) for field in FIELDS}

    @staticmethod
    def from_frames(frames: Mapping[str, pd.DataFrame], bar_seconds: int = 60) -> Bars:
        """Bars from wide pandas frames as `to_frames` makes them.

        Raises InputError when a field is missing, frames differ in index or columns, the index is naive or
        not strictly increasing, or a row lies outside the trading hours of every exchange session.
        """
        time = _frame_times(frames)
        table, row = sessions_at(time)
        session = table[row]
        outside = (row < 0) | (time >= session["post"])
        if outside.any():
            when = utc_text(time[outside][0])
            raise InputError("frames", f"{when} is outside exchange hours", "Drop such rows")
        return Bars(
            symbols=tuple(str(symbol) for symbol in frames["close"].columns),
            time=time,
            open=frames["open"].to_numpy(np.float64, copy=True),
            high=frames["high"].to_numpy(np.float64, copy=True),
            low=frames["low"].to_numpy(np.float64, copy=True),
            close=frames["close"].to_numpy(np.float64, copy=True),
            volume=frames["volume"].to_numpy(np.float64, copy=True),
            regular=(session["open"] <= time) & (time < session["close"]),
            session=session["date"].copy(),
            bar_seconds=bar_seconds,
        )


def _frame_times(frames: Mapping[str, pd.DataFrame]) -> Ints:
    import pandas as pd

    missing = [field for field in FIELDS if field not in frames]
    if missing:
        raise InputError("frames", f"no frame for {', '.join(missing)}", "Give all five fields")
    close = frames["close"]
    for field in FIELDS:
        if not (frames[field].index.equals(close.index) and frames[field].columns.equals(close.columns)):
            raise InputError(f"frames[{field!r}]", "index or columns differ from close", "Align the frames")
    if not isinstance(close.index, pd.DatetimeIndex) or close.index.tz is None:
        raise InputError("frames", "the index has no time zone", "Name it with tz_localize")
    time = close.index.tz_convert(None).to_numpy().astype("M8[ns]").view(np.int64)
    if not (np.diff(time) > 0).all():
        raise InputError("frames", "the index is not strictly increasing", "Sort it and drop duplicates")
    return time


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split or a cash dividend that takes effect before the open of its ex-date.

    A split turns `denominator` old shares into `numerator` new ones (4/1 forward, 1/8 reverse); a dividend
    pays `amount` micro-dollars a share on `pay_date` to holders at the previous close. Dates are days since
    1970-01-01; what does not belong to the kind is 1/1, 0 and the ex-date.
    """

    symbol: str
    ex_date: int
    kind: Literal["split", "dividend"]
    numerator: int
    denominator: int
    amount: int
    pay_date: int


@dataclass(frozen=True, slots=True, eq=False)
class Auctions:
    """Official opening and closing prints of one session, float64 (S,); NaN = not known."""

    open_price: Floats
    open_volume: Floats
    close_price: Floats
    close_volume: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SessionBlock:
    """One exchange session of a dataset.

    session   its SESSION row (core.calendar)
    bars      every regular interval, and every extended one in which any symbol has a bar
    bid, ask  float64 (T, S) dollars, the session's last quote at or before each interval's start; NaN = none
              yet, or none on that side. None when the dataset has no quotes
    adv       float64 (S,) shares, mean daily volume of the up to 20 sessions before; NaN = unknown
    actions   corporate actions whose ex-date is this session, or since the dataset's session before
    auctions  its opening and closing prints
    """

    session: np.void
    bars: Bars
    bid: Floats | None
    ask: Floats | None
    adv: Floats
    actions: tuple[CorporateAction, ...]
    auctions: Auctions

    @property
    def split_ratios(self) -> Floats:
        """float64 (S,), new shares for each old one by the splits among `actions`; 1 = none."""
        ratios = np.ones(len(self.bars.symbols))
        for action in self.actions:
            if action.kind == "split":
                ratios[self.bars.symbols.index(action.symbol)] *= action.numerator / action.denominator
        return ratios
