"""The market's past as data routes and the data stream show it: bars, and quotes and trades made from them.

Bars are the scenario's own, as its feed brought them: a bar is there from its end, plus the feed's delay, on. A
scenario has no single trades, and quotes only where its data has them. What is asked for nevertheless is derived, and
is the same whenever it is asked for:

    trades   four a bar, at its open, its two extremes (the one nearer to the open first) and its close, at 0, 1/3, 2/3
             and the end of the minute, a quarter of the volume each, the rest in the last
    quotes   the data's own at each minute's start; without them the open and the close of each bar ∓ half the spread
    vwap     the mean of open, high, low and close; the number of trades is one a hundred shares
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bars import Floats, Ints, SessionBlock
from core.calendar import HOUR, MINUTE, NEW_YORK
from core.kernel.units import SECOND
from sim.alpaca.text import stamp
from sim.world import World

LOT = 100
EXCHANGE = "V"
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Rows:
    """Bars of one symbol: int64 (N,) starts in ns UTC, float64 (N,) dollars and shares, bool (N,) regular hours."""

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    regular: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, chosen: Any) -> Rows:
        """The rows at a mask, slice or index."""
        parts = (self.time, self.open, self.high, self.low, self.close, self.volume, self.regular)
        return Rows(*(part[chosen] for part in parts))


class Tape:
    """What the market has shown of every symbol."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lag = int(world.settings.venue.feed_latency)
        self.bar_length = world.dataset.bar_seconds * SECOND

    def bars(self, symbol: int, start: int, end: int, adjusted: bool = False) -> Rows:
        """The bars whose start lies between `start` and `end`, both included, and that have been seen by now.

        `adjusted` restates what comes before a split in the shares of today.
        """
        seen = self._world.now - self.bar_length - self._lag
        parts = [self._of_block(block, symbol, start, min(end, seen)) for block in self._world.history]
        if adjusted:
            parts = _split_adjusted(parts, self._world.history, self._world.symbols[symbol])
        kept = [part for part in parts if len(part)] or parts[:1]
        columns = zip(*((p.time, p.open, p.high, p.low, p.close, p.volume, p.regular) for p in kept), strict=True)
        return Rows(*(np.concatenate(column) for column in columns))

    def last_bar(self, symbol: int) -> Rows:
        """The newest bar, or none."""
        now = self._world.now
        for block in reversed(self._world.history):
            rows = self._of_block(block, symbol, 0, now - self.bar_length - self._lag)
            if len(rows):
                return rows.take(slice(-1, None))
        return rows

    def quotes(self, symbol: int, start: int, end: int) -> list[dict[str, Any]]:
        """Quote objects between two times, in order."""
        now = self._world.now - self._lag
        found: list[tuple[int, float, float]] = []
        for block in self._world.history:
            if block.bid is None or block.ask is None:
                half = self._world.half_spread()
                rows = self._of_block(block, symbol, start - self.bar_length, min(end, now - self.bar_length))
                for t, first, last in zip(rows.time.tolist(), rows.open.tolist(), rows.close.tolist(), strict=True):
                    found.append((t, first * (1 - half), first * (1 + half)))
                    found.append((t + self.bar_length - 1, last * (1 - half), last * (1 + half)))
            else:
                time = block.bars.time
                inside = slice(*np.searchsorted(time, (start, min(end, now) + 1)))
                columns = (time[inside], block.bid[inside, symbol], block.ask[inside, symbol])
                found += [row for row in zip(*(c.tolist() for c in columns), strict=True) if row[1] == row[1]]
        return [quote_body(*row) for row in found if start <= row[0] <= end]

    def trades(self, symbol: int, start: int, end: int) -> list[dict[str, Any]]:
        """Trade objects between two times, in order."""
        rows = self.bars(symbol, start - self.bar_length, end)
        found = [trade for i in range(len(rows)) for trade in trades_of(rows, i, self.bar_length)]
        return [body for t, body in found if start <= t <= end]

    def _of_block(self, block: SessionBlock, symbol: int, start: int, end: int) -> Rows:
        bars = block.bars
        first, last = np.searchsorted(bars.time, (start, end + 1))
        volume = bars.volume[first:last, symbol]
        there = ~np.isnan(volume) & (volume > 0)
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        o, h, low, c, v = (column[first:last, symbol][there] for column in columns)
        return Rows(bars.time[first:last][there], o, h, low, c, v, bars.regular[first:last][there])


def _split_adjusted(parts: list[Rows], blocks: list[SessionBlock], symbol: str) -> list[Rows]:
    """Bars before a split in the shares after it: prices divided, volumes multiplied."""
    ratio = 1.0
    adjusted = []
    for rows, block in zip(reversed(parts), reversed(blocks), strict=True):
        o, h, low, c = (column / ratio for column in (rows.open, rows.high, rows.low, rows.close))
        adjusted.append(Rows(rows.time, o, h, low, c, rows.volume * ratio, rows.regular))
        for action in block.actions:
            if action.kind == "split" and action.symbol == symbol:
                ratio *= action.numerator / action.denominator
    return adjusted[::-1]


def bar_body(rows: Rows, i: int) -> dict[str, Any]:
    """The Bar object of a row."""
    high, low, close, volume = rows.high[i], rows.low[i], rows.close[i], rows.volume[i]
    return {
        "t": stamp(rows.time[i]),
        "o": round(float(rows.open[i]), 6),
        "h": round(float(high), 6),
        "l": round(float(low), 6),
        "c": round(float(close), 6),
        "v": int(volume),
        "n": max(int(volume) // LOT, 1),
        "vw": round(float(rows.open[i] + high + low + close) / 4, 6),
    }


def quote_body(time: int, bid: float, ask: float) -> dict[str, Any]:
    """A Quote object; sizes in shares, a side that is not there is 0."""
    bid, ask = (0.0 if price != price else round(price, 4) for price in (bid, ask))
    return {
        "t": stamp(time),
        "ax": EXCHANGE,
        "ap": ask,
        "as": LOT if ask else 0,
        "bx": EXCHANGE,
        "bp": bid,
        "bs": LOT if bid else 0,
        "c": ["R"],
        "z": "C",
    }


def trades_of(rows: Rows, i: int, length: int) -> list[tuple[int, dict[str, Any]]]:
    """The four prints of a bar, each with its time."""
    o, h, low, c = (float(column[i]) for column in (rows.open, rows.high, rows.low, rows.close))
    extremes = (h, low) if h - o <= o - low else (low, h)
    start, volume = int(rows.time[i]), int(rows.volume[i])
    quarter = volume // 4
    sizes = (quarter, quarter, quarter, volume - 3 * quarter)
    times = (start, start + length // 3, start + 2 * length // 3, start + length - 1)
    number = start // length * 4
    return [
        (
            times[k],
            {
                "t": stamp(times[k]),
                "x": EXCHANGE,
                "p": round(price, 6),
                "s": sizes[k],
                "c": ["@"],
                "i": number + k,
                "z": "C",
            },
        )
        for k, price in enumerate((o, *extremes, c))
        if sizes[k] > 0
    ]


def resample(rows: Rows, starts: Ints) -> Rows:
    """Bars of longer intervals; `starts` int64 (N,) is the start of the interval that each row falls into."""
    if not len(rows):
        return rows
    first = np.flatnonzero(np.r_[True, starts[1:] != starts[:-1]])
    last = np.r_[first[1:], len(starts)] - 1
    return Rows(
        starts[first],
        rows.open[first],
        np.maximum.reduceat(rows.high, first),
        np.minimum.reduceat(rows.low, first),
        rows.close[last],
        np.add.reduceat(rows.volume, first),
        rows.regular[first],
    )


def interval_starts(time: Ints, amount: int, unit: str) -> Ints:
    """Start, ns UTC, of the interval of `amount` units (Min, Hour, Day, Week, Month) that each time falls into.

    Minutes and hours count from midnight in New York, where days, weeks (from Monday) and months begin, too.
    """
    import pandas as pd

    local = pd.DatetimeIndex(time.view("M8[ns]"), tz="UTC").tz_convert(NEW_YORK)
    midnight = local.normalize()
    if unit in ("Min", "Hour"):
        length = amount * (MINUTE if unit == "Min" else HOUR)
        passed = time - _nanos(midnight)
        return time - passed % length
    if unit == "Week":
        midnight = (midnight.tz_localize(None) - pd.to_timedelta(midnight.day_of_week, unit="D")).tz_localize(NEW_YORK)
    elif unit == "Month":
        month = (local.month - 1) // amount * amount + 1
        parts = pd.DataFrame({"year": local.year, "month": month, "day": 1})
        midnight = pd.DatetimeIndex(pd.to_datetime(parts)).tz_localize(NEW_YORK)
    return _nanos(midnight)


def _nanos(index: Any) -> Ints:
    values: Ints = index.tz_convert(None).to_numpy().astype("M8[ns]").view(np.int64)
    return values
