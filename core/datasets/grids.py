"""From rows to grids: the dense time × symbol arrays of one session.

A file that already is a full grid, every symbol in every interval in the order (timestamp, symbol), is just
reshaped. Anything else is scattered: a bar's row follows from its interval's number within the day, so
nothing is sorted or merged, however the rows of different symbols are interleaved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bars import Bars, Floats, Ints
from core.calendar import SECOND
from core.datasets.columns import BAR_VALUES
from core.datasets.rows import Rows

Bools = npt.NDArray[np.bool_]

MOST_PRICE = 1_000_000.0
LEAST_PRICE = 0.000_001
MOST_VOLUME = 1e12


@dataclass(frozen=True, slots=True)
class Day:
    """A session's intervals: `step` ns each, `count` from `pre` to `post`, regular in [opens, closes)."""

    session: np.void
    step: int
    count: int
    opens: int
    closes: int

    @classmethod
    def of(cls, session: np.void, bar_seconds: int) -> Day:
        """The hours of a session in bars of this length."""
        step = bar_seconds * SECOND
        pre, opens, closes, post = (int(session[name]) for name in ("pre", "open", "close", "post"))
        return cls(session, step, (post - pre) // step, (opens - pre) // step, (closes - pre) // step)


def bar_grid(rows: Rows, session: np.void, bar_seconds: int, symbols: Sequence[str]) -> Bars:
    """The bars of one session as dense grids of the chosen symbols.

    Raises InputError naming the first row whose time is off the session's grid, whose prices or volume are
    impossible, or that does not follow the row before it of the same symbol.
    """
    day = Day.of(session, bar_seconds)
    check_bars(rows)
    width = len(rows.symbols)
    number = _dense_intervals(rows, width, day)
    if number is not None:
        column = [rows.symbols.index(symbol) if symbol in rows.symbols else -1 for symbol in symbols]
        if min(column) >= 0:
            reshaped = [rows.values[name].reshape(-1, width) for name in BAR_VALUES]
            if column == list(range(width)):
                return _bars(day, number, [np.array(grid, np.float64) for grid in reshaped], symbols)
            return _bars(day, number, [grid[:, column].astype(np.float64) for grid in reshaped], symbols)
    return _scattered(rows, day, symbols)


def check_bars(rows: Rows) -> None:
    """Raises InputError for the first row with impossible prices or volume."""
    opens, high, low, close, volume = (rows.values[name] for name in BAR_VALUES)
    # Every comparison with NaN is false, so a NaN anywhere fails the test.
    good = (low >= LEAST_PRICE) & (high <= MOST_PRICE)
    good &= (low <= opens) & (opens <= high) & (low <= close) & (close <= high)
    good &= (volume >= 0) & (volume <= MOST_VOLUME)
    if good.all():
        return
    index = int(np.argmin(good))
    bar = {name: rows.values[name][index].item() for name in BAR_VALUES}
    remedy = "Correct or drop the row"
    for name, value in bar.items():
        if not np.isfinite(value):
            raise rows.refuse(index, f"{name} is {value}", remedy)
    for name in BAR_VALUES[:4]:
        if bar[name] < LEAST_PRICE:
            raise rows.refuse(index, f"{name} is {bar[name]}, not a positive price in micro-dollars", remedy)
        if bar[name] > MOST_PRICE:
            raise rows.refuse(index, f"{name} is {bar[name]}, above {MOST_PRICE:.0f} dollars", remedy)
    if not 0 <= bar["volume"] <= MOST_VOLUME:
        raise rows.refuse(index, f"volume is {bar['volume']}", remedy)
    if bar["high"] < bar["low"]:
        raise rows.refuse(index, f"high {bar['high']} is below low {bar['low']}", remedy)
    problem = f"open {bar['open']} or close {bar['close']} is outside low {bar['low']} to high {bar['high']}"
    raise rows.refuse(index, problem, remedy)


def _dense_intervals(rows: Rows, width: int, day: Day) -> Ints | None:
    """The interval number of each grid row if the rows are a full grid, else None."""
    if len(rows) % width or not (rows.code.reshape(-1, width) == np.arange(width)).all():
        return None
    time = rows.time.reshape(-1, width)
    if not (time == time[:, :1]).all():
        return None
    offset = time[:, 0] - day.session["pre"]
    number = offset // day.step
    inside = number[0] >= 0 and number[-1] < day.count
    if not inside or (number * day.step != offset).any() or (np.diff(number) <= 0).any():
        return None
    regular = int(((number >= day.opens) & (number < day.closes)).sum())
    return number if regular == day.closes - day.opens else None


def _scattered(rows: Rows, day: Day, symbols: Sequence[str]) -> Bars:
    number = interval_numbers(rows, day)
    chosen = np.array([symbols.index(name) if name in symbols else -1 for name in rows.symbols], np.int64)
    column = chosen[rows.code]
    check_order(rows, number)
    if (chosen < 0).any():
        keep = np.flatnonzero(column >= 0)
        rows, number, column = rows.take(keep), number[keep], column[keep]
    present = np.zeros(day.count, np.bool_)
    present[day.opens : day.closes] = True
    present[number] = True
    shape = (int(present.sum()), len(symbols))
    cell = (np.cumsum(present) - 1)[number] * len(symbols) + column
    grids = []
    for name in BAR_VALUES:
        grid = np.full(shape, np.nan)
        grid.reshape(-1)[cell] = rows.values[name]
        grids.append(grid)
    return _bars(day, np.flatnonzero(present), grids, symbols)


def interval_numbers(rows: Rows, day: Day) -> Ints:
    """The number of each row's interval within the day, from 0 at `pre`.

    Raises InputError for a row outside the session's hours or not at the start of an interval.
    """
    offset = rows.time - day.session["pre"]
    number: Ints = offset // day.step
    outside = (number < 0) | (number >= day.count)
    if outside.any():
        problem = "the time is outside the trading hours of its session"
        raise rows.refuse(int(outside.argmax()), problem, "Drop the row")
    off = number * day.step != offset
    if off.any():
        problem = f"the time is not the start of a bar of {day.step // SECOND} s"
        raise rows.refuse(int(off.argmax()), problem, "Stamp bars with their start")
    return number


def check_order(rows: Rows, number: Ints) -> None:
    """Raises InputError for the first row that does not lie after the row before it of the same symbol."""
    if (np.diff(number * len(rows.symbols) + rows.code) > 0).all():
        return
    by_symbol = np.argsort(rows.code, kind="stable")
    same = np.diff(rows.code[by_symbol]) == 0
    step = np.diff(number[by_symbol])
    wrong = by_symbol[1:][same & (step <= 0)]
    if not len(wrong):
        return
    index = int(wrong.min())
    twice = (number == number[index]) & (rows.code == rows.code[index])
    if int(twice.sum()) > 1:
        raise rows.refuse(index, "the bar occurs twice", "Drop one of the two")
    raise rows.refuse(index, "the bar is earlier than the one before it", "Sort by time within the symbol")


def _bars(day: Day, number: Ints, grids: list[Floats], symbols: Sequence[str]) -> Bars:
    opens, high, low, close, volume = grids
    return Bars(
        symbols=tuple(symbols),
        time=day.session["pre"] + number * day.step,
        open=opens,
        high=high,
        low=low,
        close=close,
        volume=volume,
        regular=(number >= day.opens) & (number < day.closes),
        session=np.full(len(number), day.session["date"], np.int64),
        bar_seconds=day.step // SECOND,
    )


def quote_grid(rows: Rows, bars: Bars, session: np.void) -> tuple[Floats, Floats]:
    """Bid and ask in force at the start of each bar: the last quote at or before it, NaN before the first.

    A price of 0 means no quote on that side and becomes NaN; so do both sides of a crossed quote. Raises
    InputError for a row outside the session, out of order within its symbol, or with an impossible price.
    """
    bid, ask = (np.asarray(rows.values[name], np.float64) for name in ("bid_price", "ask_price"))
    good = (bid >= 0) & (bid <= MOST_PRICE) & (ask >= 0) & (ask <= MOST_PRICE)
    if not good.all():
        index = int(np.argmin(good))
        problem = f"bid {bid[index]} or ask {ask[index]} is no price"
        raise rows.refuse(index, problem, "Correct the row or drop it")
    outside = (rows.time < session["pre"]) | (rows.time > session["post"])
    if outside.any():
        problem = "the quote is outside the trading hours of its session"
        raise rows.refuse(int(outside.argmax()), problem, "Drop the row")
    if (np.diff(rows.time) < 0).any():
        by_symbol = np.argsort(rows.code, kind="stable")
        back = (np.diff(rows.code[by_symbol]) == 0) & (np.diff(rows.time[by_symbol]) < 0)
        if back.any():
            problem = "the quote is earlier than the one before it"
            raise rows.refuse(int(by_symbol[1:][back].min()), problem, "Sort by time within the symbol")
    return _in_force(rows, bars, bid, ask)


def _in_force(rows: Rows, bars: Bars, bid: Floats, ask: Floats) -> tuple[Floats, Floats]:
    symbols = bars.symbols
    chosen = np.array([symbols.index(name) if name in symbols else -1 for name in rows.symbols], np.int64)
    column = chosen[rows.code]
    seen_at = np.searchsorted(bars.time, rows.time, side="left")
    keep = np.flatnonzero((column >= 0) & (seen_at < len(bars.time)))
    # Of several quotes for one cell the last assigned stays. Within a symbol later quotes have higher rows,
    # so the running maximum carries each one forward.
    last = np.full((len(bars.time), len(symbols)), -1, np.int64)
    last[seen_at[keep], column[keep]] = keep
    last = np.maximum.accumulate(last, axis=0)
    none = last < 0
    crossed = bid > ask
    bid = np.where((bid == 0) | (crossed & (ask > 0)), np.nan, bid)
    ask = np.where((ask == 0) | crossed, np.nan, ask)
    return np.where(none, np.nan, bid[last]), np.where(none, np.nan, ask[last])
