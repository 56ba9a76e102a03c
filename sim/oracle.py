"""The accounting oracle: a run's cash, positions and equity once more, by a library that is not ours.

seatrial keeps its books in integers inside a compiled engine. The oracle feeds the same fills, and nothing
else, to vectorbt's `Portfolio.from_orders`, which keeps books in floats by other people's code, and compares
the two at each session's close and at the end of the run. A slip in the sign of a short, in a position that
crosses zero or in a fee cannot be made twice alike.

vectorbt takes one order a row and column, while a symbol may fill many times in a minute. Only the order of
fills of one symbol matters to positions, and none of it to cash, so a column is a symbol and the rows between
two marks hold the first, second, … fill of each symbol since the mark before. Cash inside vectorbt is
unlimited: whether an order was affordable is the risk agent's question, not the bookkeeper's. What is no fill
(dividends, interest, splits, deposits) is unknown to vectorbt and is added to its answer from
cash_events.parquet.

Floats hold cents of millions to about 1e-9, and the engine rounds each product of price and quantity to a
micro-dollar; so two honest books differ by at most a micro-dollar a fill, which is the tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.calendar import sessions_at
from core.errors import InputError
from core.run_schema import TABLES
from core.runs import Run

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MICRO = 1e-6


@dataclass(frozen=True, slots=True)
class Marks:
    """When and at what positions are valued.

    time   int64 (T,), ns UTC, never decreasing
    price  float64 (T, S), dollars; NaN = not known
    """

    symbols: tuple[str, ...]
    time: Ints
    price: Floats


@dataclass(frozen=True, slots=True)
class Books:
    """Accounts at the marks, all fills with time <= mark booked.

    cash      float64 (T,), dollars
    quantity  float64 (T, S), shares, negative = short
    equity    float64 (T,), dollars; NaN where a position has no mark
    """

    cash: Floats
    quantity: Floats
    equity: Floats


@dataclass(frozen=True, slots=True)
class OracleResult:
    """Largest absolute differences between a run and the oracle over `rows` marks, in dollars and shares.

    `first_difference` is the time (ns UTC) of the first mark at which the books part, None when they agree.
    The equity difference is NaN when the oracle holds a position that the run does not have and mark.
    """

    max_cash_difference: float
    max_position_difference: float
    max_equity_difference: float
    rows: int
    fills: int
    tolerance: float
    first_difference: int | None

    @property
    def agrees(self) -> bool:
        """Whether all books agree within the tolerance (a NaN never does)."""
        return self.first_difference is None


def check_run(run: Run) -> OracleResult:
    """Keep the books of a finished run again and compare them at each session's close and at its end.

    Raises InputError naming the file and row when a fill cannot be booked at all.
    """
    fills, flows = run.table("fills"), run.table("cash_events")
    symbols = _symbols(run, fills, flows)
    recorded, marks = _recorded(run, symbols, [*_times(fills), *_times(flows)])
    books = oracle(fills, marks, float(run.run["start_cash"]), flows)
    apart = [
        np.abs(books.cash - recorded.cash),
        np.abs(books.quantity - recorded.quantity).max(axis=1, initial=0.0),
        np.abs(books.equity - recorded.equity),
    ]
    tolerance = MICRO * (fills.num_rows + len(symbols) + 1)
    allowed = (apart[0] <= tolerance) & (apart[1] < MICRO) & (apart[2] <= tolerance)
    return OracleResult(
        max_cash_difference=float(apart[0].max()),
        max_position_difference=float(apart[1].max()),
        max_equity_difference=float(apart[2].max()),
        rows=len(marks.time),
        fills=fills.num_rows,
        tolerance=tolerance,
        first_difference=None if allowed.all() else int(marks.time[np.argmin(allowed)]),
    )


def oracle(fills: pa.Table, marks: Marks, start_cash: float, flows: pa.Table | None = None) -> Books:
    """Cash, positions and equity at each mark from `fills` (and `flows`: cash_events), by vectorbt.

    The tables have the columns of fills.parquet and cash_events.parquet. A fill belongs to the first mark at
    or after its time. Raises InputError for a fill without a positive quantity and price, and for one whose
    symbol or time lies outside the marks.
    """
    quantity, price, fee = (_numbers(fills, name) for name in ("qty", "price", "fee"))
    unusable = ~((quantity > 0) & (price > 0))
    if unusable.any():
        row = int(unusable.argmax())
        problem = f"quantity {quantity[row]} at price {price[row]} is no fill"
        raise InputError(f"fills.parquet row {row}", problem, "Both must be positive; make the run again.")
    buys = np.asarray(fills["side"]) == "buy"
    flows = TABLES["cash_events"].empty_table() if flows is None else flows
    # vectorbt refuses a sale whose fee exceeds its proceeds; a broker does not. The rest is booked beside it.
    charged = np.where(buys, fee, np.minimum(fee, quantity * price))
    at, symbol = _mark_of(fills, marks), _column_of(fills, marks)
    cash, held = _simulate(at, symbol, np.where(buys, quantity, -quantity), price, charged, marks)
    flow_at = _mark_of(flows, marks)
    cash -= _running(at, fee - charged, len(marks.time))
    cash += start_cash + _running(flow_at, _numbers(flows, "amount"), len(marks.time))
    shares = _numbers(flows, "qty_change")
    moved = shares != 0.0
    if moved.any():
        change = np.zeros_like(held)
        np.add.at(change, (flow_at[moved], _column_of(flows.filter(pa.array(moved)), marks)), shares[moved])
        held += np.cumsum(change, axis=0)
    value = np.where(held == 0.0, 0.0, held * marks.price).sum(axis=1)
    return Books(cash, held, cash + value)


def _simulate(at: Ints, symbol: Ints, size: Floats, price: Floats, fee: Floats, marks: Marks) -> tuple[Floats, Floats]:
    """Cash flow since the start (T,) and shares held (T, S) at each mark, from vectorbt's books."""
    count, columns = marks.price.shape
    if not len(at):
        return np.zeros(count), np.zeros((count, columns))
    import vectorbt as vbt

    place, ends = _rows(at, symbol, count, columns)
    grid = np.full((3, int(ends[-1]) + 1, columns), np.nan)
    grid[:, place, symbol] = size, price, fee
    portfolio = vbt.Portfolio.from_orders(
        np.ones(grid.shape[1:]),  # no valuation is asked of vectorbt
        size=grid[0],
        price=grid[1],
        fixed_fees=np.nan_to_num(grid[2]),
        init_cash=np.inf,
        cash_sharing=True,
        group_by=True,
        raise_reject=True,
        engine="auto",
    )
    assert portfolio.orders.count() == len(at), "vectorbt booked another number of fills"
    flow = np.cumsum(np.asarray(portfolio.cash_flow()))
    held = np.asarray(portfolio.assets(), np.float64).reshape(-1, columns)
    return flow[ends], held[ends]


def _rows(at: Ints, symbol: Ints, count: int, columns: int) -> tuple[Ints, Ints]:
    """The row of each fill, n-th of its symbol since the mark before, and the last row of each mark."""
    group = at * columns + symbol
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], group[order], side="left")
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - starts
    height = np.ones(count, np.int64)
    np.maximum.at(height, at, rank + 1)
    ends = np.cumsum(height)
    return (ends - height)[at] + rank, ends - 1


def _recorded(run: Run, symbols: Sequence[str], booked: list[int]) -> tuple[Books, Marks]:
    """What the run says at each session's close (equity and positions tables) and at its end (run.json)."""
    equity, positions = run.table("equity", ["time", "cash", "equity"]), run.table("positions")
    times = _times(equity)
    table, row = sessions_at(times)
    close = np.flatnonzero((row >= 0) & (table["close"][row] == times))
    ended = int(datetime.fromisoformat(run.run["ended"]).astimezone(UTC).timestamp()) * 1_000_000_000
    end = max([ended, *booked, *(int(t) for t in times[-1:])])
    marks = np.append(times[close], end)
    held, price = np.zeros((len(marks), len(symbols))), np.full((len(marks), len(symbols)), np.nan)
    index = {symbol: column for column, symbol in enumerate(symbols)}
    positions = positions.filter(pa.array(np.isin(_times(positions), times[close])))
    place = np.searchsorted(times[close], _times(positions))
    column = [index[symbol] for symbol in positions["symbol"].to_pylist()]
    held[place, column], price[place, column] = _numbers(positions, "qty"), _numbers(positions, "mark")
    for symbol, position in run.run["positions"].items():
        held[-1, index[symbol]], price[-1, index[symbol]] = position["qty"], position["mark"]
    cash = np.append(_numbers(equity, "cash")[close], float(run.run["cash"]))
    total = np.append(_numbers(equity, "equity")[close], float(run.run["equity"]))
    return Books(cash, held, total), Marks(tuple(symbols), marks, price)


def _symbols(run: Run, fills: pa.Table, flows: pa.Table) -> list[str]:
    named: set[Any] = set(run.run["positions"])
    for table in (fills, flows, run.table("positions", ["symbol"])):
        named.update(table["symbol"].unique().to_pylist())
    return sorted(named - {None})


def _mark_of(table: pa.Table, marks: Marks) -> Ints:
    """Index of the first mark at or after each row's time."""
    times = _times(table)
    at = np.searchsorted(marks.time, times, side="left").astype(np.int64)
    if (at == len(marks.time)).any():
        late = np.datetime_as_string(times.max().view("M8[ns]"), "s")
        raise InputError("marks", f"end before the fill or flow of {late}Z", "Mark the end of the run too.")
    return at


def _column_of(table: pa.Table, marks: Marks) -> Ints:
    column = {symbol: index for index, symbol in enumerate(marks.symbols)}
    names = table["symbol"].to_pylist()
    unknown = sorted(set(names) - column.keys())
    if unknown:
        raise InputError("marks", f"no prices for {', '.join(unknown)}", "Give a column for every symbol.")
    return np.array([column[name] for name in names], np.int64)


def _running(at: Ints, amounts: Floats, count: int) -> Floats:
    """Sum of all amounts up to each mark."""
    return np.cumsum(np.bincount(at, amounts, count))


def _times(table: pa.Table) -> Ints:
    times: Ints = table["time"].cast(pa.int64()).to_numpy()
    return times


def _numbers(table: pa.Table, name: str) -> Floats:
    numbers: Floats = table[name].cast(pa.float64()).to_numpy()
    return numbers
